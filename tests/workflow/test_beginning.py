"""A journey on a real server can begin at a moment to come: demonstrations and tests skip the time until then."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from simulation.people import referral
from simulation.player import start_at
from tests.workflow.world import World
from workflows.protocols.demonstration import load_demonstration

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LEAP_DAY = datetime(2096, 2, 29, 20, tzinfo=UTC)


async def test_a_journey_begins_when_it_is_said_to(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("ANXIETY"), begins=LEAP_DAY)
    assert LEAP_DAY <= case.journey.started_at < LEAP_DAY + timedelta(minutes=5)
    assert all(waiting.deadline > LEAP_DAY for waiting in case.journey.waiting.values())


async def test_no_journey_begins_in_the_past(real_world: World) -> None:
    opening = referral(load_demonstration("ANXIETY"), uuid4())
    with pytest.raises(ValueError, match="ahead"):
        await start_at(real_world.client, opening, task_queue=real_world.task_queue, begins=LONG_AGO)
