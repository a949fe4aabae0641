"""Any journeys, projected in any pieces by any number of projectors, swapped at any moment: the tables are always
the fold of the record up to their checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.read_models.projector import Courses, advance
from activities.read_models.rebuild import differences, rebuild, roll_back
from activities.record import Record, open_record
from deploy.local.postgres import Database
from tests.journey.play import Play
from tests.journey.properties.journeys import draw_command, pauses
from tests.read_models.courses import course_of, put, renamed
from workflows.journey.decide import decide
from workflows.journey.journey import fold
from workflows.journey.protocol import Condition
from workflows.journey.refusals import Refusal

STEPS = 14
LOGS = count(2)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@asynccontextmanager
async def fresh(database: Database, log_id: int) -> AsyncIterator[Record]:
    """A log of its own, and empty read models of it: as good as a database of its own."""
    owner = await asyncpg.connect(database.owner_url)
    for old in await owner.fetch("SELECT id FROM read_model.generation WHERE status <> 'live'"):
        await owner.execute("SELECT read_model.drop_generation($1)", old["id"])
    live = await owner.fetchval("UPDATE read_model.generation SET log_id = $1, position = 0 RETURNING id", log_id)
    for table in await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", f"read_model_{live}"):
        await owner.execute(f"TRUNCATE read_model_{live}.{table['tablename']}")
    await owner.close()
    async with open_record(database.app_url, log_id=log_id) as record:
        yield record


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_tables_are_the_fold_up_to_their_checkpoint(
    migrated: Database, runner: asyncio.Runner, data: st.DataObject
) -> None:
    opening = fresh(migrated, next(LOGS))
    record = runner.run(opening.__aenter__())
    try:
        go(runner, record, data)
    finally:
        runner.run(opening.__aexit__(None, None, None))


def ends(condition: Condition) -> list[int]:
    """How many events a course has after each of its commands: within one, nobody can act."""
    events = course_of(condition)
    ended = (n for n in range(1, len(events)) if events[n].command_id != events[n - 1].command_id)
    return [*ended, len(events)]


def go(runner: asyncio.Runner, record: Record, data: st.DataObject) -> None:
    projectors = [Courses(), Courses(most=1)]
    plays = []
    for condition in data.draw(st.lists(st.sampled_from(Condition), min_size=1, max_size=3)):
        opening = renamed(course_of(condition)[: data.draw(st.sampled_from(ends(condition)))], uuid4())
        runner.run(put(record, opening))
        plays.append(Play(fold(opening), opening[-1].at))

    retired = 0
    for _ in range(data.draw(st.integers(1, STEPS))):
        match data.draw(st.sampled_from(["command", "command", "command", "project", "project", "rebuild", "back"])):
            case "command":
                play = data.draw(st.sampled_from(plays))
                play.at += data.draw(pauses())
                decided = decide(play.journey, draw_command(data, play.journey, play.at), play.at)
                if not isinstance(decided, Refusal) and decided:
                    play.journey = fold(decided, play.journey)
                    runner.run(put(record, decided))
            case "project":
                courses, limit = data.draw(st.sampled_from(projectors)), data.draw(st.sampled_from([1, 5, 30, 500]))
                runner.run(advance(record, courses, limit=limit))
            case "rebuild":
                runner.run(rebuild(record))
                retired = 1
            case "back" if retired:
                runner.run(roll_back(record))
        assert runner.run(differences(record)) == ()
    while runner.run(advance(record, data.draw(st.sampled_from(projectors)), limit=100)):
        pass
    assert runner.run(differences(record)) == ()
