"""A pass over all journeys ends because of none of them."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from activities.record import KeyAway, Record, RecordUnavailable
from application.record.comparison import compare
from application.record.drift import Drift
from application.temporal.journeys import Journeys, PolledBuilds
from tests.journey.play import START
from tests.record.read_models.courses import put_course


class _Odd:
    """What Temporal runs: nothing, and of one journey it cannot be said."""

    def __init__(self, journey: UUID, problem: Exception) -> None:
        self._journey, self._problem = journey, problem

    async def builds(self, now: datetime) -> PolledBuilds:
        return PolledBuilds()

    async def find(self, journey_id: UUID, now: datetime) -> Any:
        if journey_id == self._journey:
            raise self._problem


@pytest.mark.parametrize("problem", [RuntimeError(), KeyAway(), ValueError()])
async def test_one_journey_of_which_nothing_can_be_said_is_named_and_the_others_are_compared(
    record: Record, problem: Exception
) -> None:
    odd, lost = await put_course(record, 20), await put_course(record, 20)
    with capture_logs() as logged:
        _, found = await compare(record, cast("Journeys", _Odd(odd, problem)), [odd, lost], now=START)
    assert {each.journey_id: each.drift for each in found} == {odd: Drift.SILENT, lost: Drift.LOST}
    assert [(each["event"], each["journey_id"]) for each in logged] == [("reconcile.not_compared", str(odd))]


async def test_without_the_record_nothing_is_compared(record: Record) -> None:
    odd = await put_course(record, 20)
    with pytest.raises(RecordUnavailable):
        await compare(record, cast("Journeys", _Odd(odd, RecordUnavailable("57P01"))), [odd], now=START)
