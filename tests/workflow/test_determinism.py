"""Nothing a worker keeps in memory matters: journeys replay, at every task if need be, and no task ever fails."""

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from tests.helpers import codec_of, task_failures
from tests.replay.replay import replay
from tests.workflow.courses import Played
from tests.workflow.world import World
from workflows.journey.obligations import next_deadline


@pytest.mark.parametrize("name", [pytest.param("late", marks=pytest.mark.soak), "signals", "alarm"])
async def test_what_was_just_played_replays(played: Played, name: str) -> None:
    case = await played(name)

    assert await replay(await case.histories(), codec_of(case.world.client)) == []


async def test_no_task_ever_failed(
    played: Played, real_world: World, early_world: World, uncached_world: World
) -> None:
    """Of a course in each world, and of what else was begun there before."""
    courses = [await played(name) for name in ("late", "alarm", "uncached")]
    cases = {case.id: case for world in (real_world, early_world, uncached_world) for case in world.cases}
    assert {case.id for case in courses} <= cases.keys()
    for case in cases.values():
        assert not task_failures(await case.history_events()), case.id


async def test_a_journey_without_memory_goes_on_all_the_same(played: Played) -> None:
    case = await played("uncached")
    history = await case.history_events()

    queues = {
        event.workflow_task_scheduled_event_attributes.task_queue.kind
        for event in history
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
    }
    assert len(queues) == 1, "no task went to a sticky queue, where only a worker that remembers looks"
    assert next_deadline(case.journey) is None
    assert case.journey.version > 30


async def test_a_chain_goes_on_where_it_was(played: Played) -> None:
    case = await played("alarm")
    runs = await case.histories()

    assert len(runs) > 4
    for run in runs[:-1]:
        last = run.events[-1].workflow_execution_continued_as_new_event_attributes
        assert last.new_execution_run_id
        assert last.backoff_start_interval.ToTimedelta() == timedelta()
    versions = [event.version for event in await case.events()]
    assert versions == list(range(1, len(versions) + 1))
