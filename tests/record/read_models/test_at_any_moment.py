"""Any journeys, projected in any pieces by any number of projectors, swapped at any moment: the tables are always
the fold of the record up to their checkpoint."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from activities.record import Record
from activities.record.read_models.projector import StateCache, advance
from activities.record.read_models.rebuild import rebuild
from deploy.local.postgres import Database
from tests.examples import examples
from tests.journey.play import Play
from tests.journey.properties.journeys import draw_command, pauses
from tests.record.at_least_once import empty_log
from tests.record.read_models.courses import course_of, differing, put, renamed
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols import list_pathways

STEPS = 10


@pytest.mark.timeout(300)
@examples(0.2, HealthCheck.function_scoped_fixture)
@given(st.data())
async def test_tables_are_the_fold_up_to_their_checkpoint(migrated: Database, data: st.DataObject) -> None:
    async with empty_log(migrated) as record:
        await go(record, data)


def ends(pathway: Pathway) -> list[int]:
    """How many events a course has after each of its commands: within one, nobody can act."""
    events = course_of(pathway)
    ended = (n for n in range(1, len(events)) if events[n].command_id != events[n - 1].command_id)
    return [*ended, len(events)]


async def go(record: Record, data: st.DataObject) -> None:
    projectors = [StateCache(), StateCache(most=1)]
    plays = []
    for pathway in data.draw(st.lists(st.sampled_from(list_pathways()), min_size=1, max_size=3)):
        opening = renamed(course_of(pathway)[: data.draw(st.sampled_from(ends(pathway)))], uuid4())
        await put(record, opening)
        plays.append(Play(fold(opening), opening[-1].at))

    for _ in range(data.draw(st.integers(1, STEPS))):
        match data.draw(st.sampled_from(["command", "command", "command", "project", "project", "rebuild"])):
            case "command":
                play = data.draw(st.sampled_from(plays))
                play.at += data.draw(pauses())
                decided = decide(play.journey, draw_command(data, play.journey, play.at), play.at)
                if not isinstance(decided, Refusal) and decided:
                    play.journey = fold(decided, play.journey)
                    await put(record, decided)
            case "project":
                cache, limit = data.draw(st.sampled_from(projectors)), data.draw(st.sampled_from([1, 5, 30, 500]))
                await advance(record, cache, limit=limit)
            case "rebuild":
                await rebuild(record)
        assert await differing(record) == []
    while await advance(record, data.draw(st.sampled_from(projectors)), limit=100):
        pass
    assert await differing(record) == []
