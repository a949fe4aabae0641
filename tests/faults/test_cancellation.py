"""Cancellation, the largest button of Temporal's interface: it is recorded, ops look into it, and care goes on."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import RequestCancelWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import TimeSkipper

from activities.record.event_codec import load_events
from activities.record.store import Record
from deploy.local.stack import Stack
from simulation.keys import Signers
from simulation.player import SkippedTime
from tests.faults.attackers import asked, decision, held, push, signed
from tests.faults.helpers import LOG_LOCK, Course, at_work, blocked, command, reset, support
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import next_deadline
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage

pytestmark = pytest.mark.server

CACHES = ("cached", "replayed at every task")


@pytest.fixture
async def course(
    client: Client, record: Record, signers: Signers, task_queue: str, request: pytest.FixtureRequest
) -> AsyncIterator[Course]:
    """A journey that has begun. Whatever is done to it, it runs on, hears people, and agrees with its record."""
    begun = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=getattr(request, "param", 1000)):
        await begun.begin()
        yield begun
        await begun.send(support("invented: are you still there?"))
        await begun.checked()
        assert (await begun.handle.describe()).status == WorkflowExecutionStatus.RUNNING


async def cancel(course: Course) -> None:
    await course.client.workflow_service.request_cancel_workflow_execution(
        RequestCancelWorkflowExecutionRequest(
            namespace=course.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            reason="invented: the wrong button",
        ),
        retry=True,
    )


async def kinds(course: Course) -> list[str]:
    return [event.body.kind for event in await load_events(course.record, course.id)]


async def kept(course: Course, times: int) -> None:
    """That many cancellations are recorded, each with a task for ops, and another run has gone on each time."""

    async def all_kept() -> bool:
        return (await kinds(course)).count("cancellation.kept") == times and len(await course.runs()) > times

    await eventually(all_kept)
    journey = await course.recorded()
    waiting = [one for one in journey.waiting.values() if one.kind == "cancellation"]
    assert [one.owner for one in waiting] == [Role.OPS] * times


@pytest.mark.faults
@pytest.mark.parametrize("course", [1000, pytest.param(0, marks=pytest.mark.soak)], ids=CACHES, indirect=True)
async def test_a_cancelled_journey_goes_on(course: Course, client: Client) -> None:
    before = await course.recorded()
    await cancel(course)
    await kept(course, 1)
    journey = await course.recorded()
    assert journey.messages["message-1"].content == "invented: the wrong button"
    assert not journey.held
    assert (journey.stage, journey.closing) == (before.stage, None)
    assert {*before.waiting} == {*journey.waiting} - {"cancellation:message-1"}

    # Commands, holds, sign-offs and the clock: all of it as ever.
    on_hold = await held(course)
    assert await push(client, course.id, await signed(course, decision(on_hold, asked(on_hold)))) is None
    await course.send(c.HandleMessage(message="message-1", text="invented: asked them"), by=Role.OPS)
    await course.recorded()
    await course.play(lambda journey: journey.stage == Stage.SCREENING)
    assert (await kinds(course)).count("cancellation.kept") == 1
    await kept_nothing_open(course)


async def kept_nothing_open(course: Course) -> None:
    assert not [one for one in (await course.recorded()).waiting.values() if one.kind == "cancellation"]


async def test_a_deadline_is_kept_by_a_journey_that_was_cancelled(course: Course) -> None:
    await cancel(course)
    await kept(course, 1)
    clock = SkippedTime(TimeSkipper(course.client), course.handle)
    deadline = next_deadline(await course.recorded())
    assert deadline is not None
    await clock.wait_until(deadline)

    async def passed() -> bool:
        return "obligation.escalated" in await kinds(course)

    await eventually(passed)


@pytest.mark.faults
@pytest.mark.parametrize("course", [1000, 0], ids=CACHES, indirect=True)
async def test_a_journey_is_cancelled_again_and_again(course: Course) -> None:
    for times in range(1, 4):
        await cancel(course)
        await kept(course, times)


PLACES: Mapping[str, Callable[[Journey], bool]] = {
    "a decision is asked for": lambda journey: any(one.sign_off for one in journey.waiting.values()),
    "screening": lambda journey: journey.stage == Stage.SCREENING,
    "education": lambda journey: journey.stage == Stage.EDUCATION,
    "a session runs": lambda journey: any(one.running for one in journey.sessions.values()),
    "follow-up": lambda journey: journey.stage == Stage.FOLLOW_UP,
}


@pytest.mark.soak
async def test_a_journey_is_cancelled_twice_in_a_row_at_each_stage(course: Course) -> None:
    """The second one also where the run that the first one ended hands over."""
    for place in PLACES.values():
        before = await course.play(place)
        told = (await kinds(course)).count("cancellation.kept")
        await cancel(course)
        await cancel(course)

        async def kept_again(told: int = told) -> bool:
            return (await kinds(course)).count("cancellation.kept") > told

        await eventually(kept_again)
        after = await course.recorded()
        assert (after.stage, after.closing, after.held) == (before.stage, before.closing, before.held)
        assert {*before.waiting} <= {*after.waiting}
        assert place(after)
    await course.send(c.PlaceHold(reason="invented: cancelled while care is held"))
    await cancel(course)
    await cancel(course)
    assert (await course.recorded()).held


async def test_a_journey_is_cancelled_while_an_append_is_under_way(course: Course, stack: Stack) -> None:
    async with blocked(stack, LOG_LOCK):
        await course.send(support("invented: not yet recorded"))
        await cancel(course)
        await course.send(c.PlaceHold(reason="invented: and a hold meanwhile"))
    await kept(course, 1)
    assert (await course.recorded()).held


async def test_a_journey_is_cancelled_while_the_record_is_down(course: Course, stack: Stack) -> None:
    await stack.postgres.stop("immediate")
    await course.send(support("invented: not yet recorded"))
    await cancel(course)
    await course.send(c.PlaceHold(reason="invented: and a hold meanwhile"))
    await stack.postgres.start()
    await kept(course, 1)
    assert (await course.recorded()).held


async def test_a_cancellation_is_kept_once_when_the_run_is_reset(course: Course) -> None:
    await course.send(support())
    await cancel(course)
    await kept(course, 1)
    await reset(course)
    late = command(support("invented: after the reset"))
    await course.submit(late)
    await course.checked()
    assert (await kinds(course)).count("cancellation.kept") == 1
