"""What the record lost is looked for in every journey, whatever is wrong with one of them."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from activities.record import Record
from activities.record.access_log import list_access
from activities.record.reconciliation import record_mark
from application.context import Context
from application.errors import Unavailable
from application.profiles import Profile
from application.record.recover import Recovery, recover
from application.temporal.journeys import Journeys
from simulation.people import PEOPLE
from tests.cli.helpers import usual_settings
from tests.journey.play import START
from workflows.journey.vocabulary.actors import Role

GOOD, ODD = uuid4(), uuid4()
UNREADABLE = "the history of a run cannot be read"


class _Odd:
    """Of two journeys Temporal holds more than the record; of one of them a step fails."""

    def __init__(self, fails: str) -> None:
        self._fails = fails

    def _try(self, step: str, journey_id: UUID) -> None:
        if (step, journey_id) == (self._fails, ODD):
            raise Unavailable(UNREADABLE, "Try again")

    async def all_runs(self) -> AsyncIterator[Any]:
        for each in (ODD, GOOD):
            yield SimpleNamespace(journey_id=each)

    async def find(self, journey_id: UUID, now: datetime) -> Any:
        self._try("find", journey_id)
        return SimpleNamespace(mark=record_mark(5, bytes(32)))

    async def kept(self, run: Any) -> tuple[Any, ...]:
        self._try("kept", run.journey_id)
        return (SimpleNamespace(at=START, batch=SimpleNamespace(expected_version=0, last_version=5)),)


@pytest.mark.parametrize("fails", ["find", "kept"])
async def test_one_history_that_cannot_be_read_is_named_and_the_others_are_found(record: Record, fails: str) -> None:
    odd = cast("Journeys", _Odd(fails))
    person = Profile(**dict(PEOPLE[Role.OPS]))
    async with Context(
        person=person,
        load=lambda: usual_settings(knows_staff=False),
        open_record=lambda _: nullcontext(record),
        connect=lambda _: nullcontext(odd),
    ) as context:
        found = await recover(context, apply=False)
    [look] = await list_access(record)
    assert (look.reader_id, {*look.journeys}) == (person.id, {ODD, GOOD})
    assert found == (Recovery(ODD, 0, 0, 0, UNREADABLE), Recovery(GOOD, 0, 5, 5))
