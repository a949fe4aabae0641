"""How a journey is mended from its record."""

from datetime import UTC, datetime
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest

from activities.record import Record
from application.context import Context
from application.record.drift import Drift, Drifted
from application.record.repair import mend
from application.temporal.journeys import PolledBuilds, Run, RunState


@pytest.mark.parametrize("state", ["running", "paused", "completed"])
@pytest.mark.parametrize("drift", [Drift.SILENT, Drift.STRANDED, Drift.PAUSED])
async def test_a_run_of_which_nothing_is_recorded_is_never_ended(record: Record, drift: Drift, state: RunState) -> None:
    """What it was begun with is in its history alone."""
    journeys = AsyncMock()
    run = Run(uuid4(), "run", state, datetime.now(UTC), stuck=True, unreplayable=True)
    journeys.find.return_value = run
    journeys.builds.return_value = PolledBuilds()
    journeys.move.return_value = False
    assert not await mend(Context(), record, journeys, Drifted(run.journey_id, drift))
    journeys.end.assert_not_awaited()
    journeys.resume.assert_not_awaited()
