"""Any journeys, projected in any pieces by any number of projectors, swapped at any moment: the tables are always
the fold of the record up to their checkpoint."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

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
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Condition
from workflows.journey.refusals import Refusal

STEPS = 14


class Session(NamedTuple):
    runner: asyncio.Runner
    record: Record

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)


@pytest.fixture
def session(migrated: Database) -> Iterator[Session]:
    with asyncio.Runner() as runner:
        opening = open_record(migrated.app_url)
        yield Session(runner, runner.run(opening.__aenter__()))
        runner.run(opening.__aexit__(None, None, None))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_tables_are_the_fold_up_to_their_checkpoint(session: Session, data: st.DataObject) -> None:
    record = session.record
    projectors = [Courses(), Courses(most=1)]
    plays = []
    for condition in data.draw(st.lists(st.sampled_from(Condition), min_size=1, max_size=3)):
        journey_id = uuid4()
        opening = renamed(course_of(condition)[: data.draw(st.integers(1, 190))], journey_id)
        session.run(put(record, opening))
        plays.append(Play(fold(opening), opening[-1].at))

    for _ in range(data.draw(st.integers(1, STEPS))):
        match data.draw(st.sampled_from(["command", "command", "command", "project", "project", "rebuild", "back"])):
            case "command":
                play = data.draw(st.sampled_from(plays))
                play.at += data.draw(pauses())
                if data.draw(st.booleans()) and (deadline := next_deadline(play.journey)) is not None:
                    play.at = max(play.at, deadline)
                decided = decide(play.journey, draw_command(data, play.journey, play.at), play.at)
                if not isinstance(decided, Refusal) and decided:
                    play.journey = fold(decided, play.journey)
                    session.run(put(record, decided))
            case "project":
                courses, limit = data.draw(st.sampled_from(projectors)), data.draw(st.sampled_from([1, 5, 30, 500]))
                session.run(advance(record, courses, limit=limit))
            case "rebuild":
                session.run(rebuild(record))
            case "back" if session.run(kept(record)):
                session.run(roll_back(record))
        assert session.run(differences(record)) == ()
    while session.run(advance(record, data.draw(st.sampled_from(projectors)), limit=100)):
        pass
    assert session.run(differences(record)) == ()


async def kept(record: Record) -> bool:
    async with record.connection() as connection:
        return bool(await connection.fetchval("SELECT count(*) FROM read_model.generation WHERE status = 'retired'"))
