"""Resets, by which an operator sets a workflow back: the record stays what it is, and the journey goes on from it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.blob_storage import storage_of
from activities.record.store import Record
from activities.record.stored import NewEvent
from activities.record_activities import RecordActivities
from application.context import utc_now
from application.errors import Refused, Unavailable
from application.temporal.journey_client import SUBMIT, submit
from application.temporal.run_history import taken
from application.temporal.runs import find_run
from application.temporal.upkeep import wake_reset
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, command, refuse_accepted, reset, signal, support
from tests.faults.superuser import overwrite
from tests.helpers import eventually
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage
from workflows.messages import (
    READ_BACK,
    UNDECIDED,
    RecordedState,
    SignatureCheck,
    SignatureResult,
    StateDigest,
    catch_up_with_record,
    verify_signature,
)
from workflows.temporal_plugin import with_storage

pytestmark = pytest.mark.server


async def underway(client: Client, record: Record, signers: Signers, task_queue: str) -> Course:
    """A journey some way on: evaluated, with a support request, an unreadable message that was handled."""
    course = Course(client, record, signers, task_queue)
    await course.begin()
    await course.send(support())
    await course.play(lambda journey: journey.stage == Stage.SCREENING)
    await signal(course, "noise", b"?")
    await eventually(lambda: messages(course))
    await course.handle.signal(CareJourney.show)
    await course.send(c.HandleMessage(message="message-1", text="invented: read"), by=Role.OPS)
    await course.recorded()
    return course


async def messages(course: Course) -> int:
    return len((await course.recorded()).messages)


@pytest.mark.parametrize(
    ("task", "cached"),
    [
        (0, 1000),
        pytest.param(5, 1000, marks=pytest.mark.faults),
        (-1, 1000),
        pytest.param(5, 0, marks=pytest.mark.soak),
    ],
    ids=["to its first task", "to one in the middle", "to its last", "to one in the middle, replayed at every task"],
)
async def test_a_running_journey_is_reset(
    client: Client, record: Record, signers: Signers, task_queue: str, task: int, cached: int
) -> None:
    async with at_work(client, record, signers, task_queue, max_cached=cached):
        course = await underway(client, record, signers, task_queue)
        before, state = await course.rows(), await course.recorded()
        for _ in range(2):  # what is reset may itself be a reset
            await reset(course, task=task)
            assert await course.checked() == state
            assert await course.rows() == before
        await course.send(support("invented: after the reset"))
        await course.play(lambda journey: journey.stage == Stage.EDUCATION)
        await course.checked()
        assert (await course.rows())[: len(before)] == before


async def test_a_completed_journey_is_reset(client: Client, record: Record, signers: Signers, task_queue: str) -> None:
    async with at_work(client, record, signers, task_queue):
        course = await underway(client, record, signers, task_queue)
        await course.send(c.Withdraw(), by=Role.PATIENT)
        ended = await course.handle.result()
        before = await course.rows()
        await reset(course)
        assert await course.handle.result() == ended
        assert await course.rows() == before
        await course.checked()


@pytest.mark.faults
async def test_commands_accepted_during_an_outage_survive_a_reset(
    client: Client, record: Record, signers: Signers, task_queue: str, stack: Stack
) -> None:
    """They are in no record yet, and the reset decides them again on top of what is."""
    async with at_work(client, record, signers, task_queue):
        course = await underway(client, record, signers, task_queue)
        before = await course.rows()
        await stack.postgres.stop("immediate")
        sent = [command(support(f"invented: {number}")) for number in range(5)]
        for one in sent:
            await course.submit(one)
        await signal(course, "noise", b"unreadable, and not yet recorded")
        for _ in range(2):  # a second reset finds in two runs what is to happen once
            await reset(course)
        late = command(support("invented: while the record is being read back"))
        sending = asyncio.create_task(course.submit(late))
        await stack.postgres.start()
        await sending
        journey = await eventually(lambda: _knows(course, [*sent, late]))
        assert len(journey.messages) == 2
        assert journey.held
        assert (await course.rows())[: len(before)] == before
        # Their versions are new: the first receipts were given by a run that is gone.
        course.receipts.clear()
        await course.checked()


async def test_a_reset_that_leaves_out_what_came_since_loses_nothing_that_was_accepted(
    client: Client, record: Record, signers: Signers, task_queue: str, stack: Stack
) -> None:
    """With `--reapply-exclude`, while the record is away: it is handed in again once the record can be read."""
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.send(support())
        await course.recorded()
        await stack.postgres.stop("immediate")
        sent = [command(support("invented: accepted")), command(c.PlaceHold(reason="invented: in an outage"))]
        for one in sent:
            await course.submit(one)
        by_signal = command(support("invented: by signal"))
        await course.handle.signal("command", by_signal)
        await signal(course, "noise", b"unreadable, and not yet recorded")
        await reset_without_messages(course, await last_task(course))
        await stack.postgres.start()

        async def handed_in() -> object:
            await wake_reset(client, utc_now())  # as each pass of reconciliation does
            return await _knows(course, [*sent, by_signal])

        await eventually(handed_in)
        journey = await course.recorded()
        await eventually(lambda: messages(course))
        assert journey.held
        assert len((await course.recorded()).messages) == 1
        course.receipts.clear()
        await course.checked()


async def last_task(course: Course) -> int:
    """The id of the end of the last workflow task of which something of before the outage is known."""
    [history, *_] = await course.runs()
    updates = [e.event_id for e in history if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED]
    completed = (e.event_id for e in history if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    return max(one for one in completed if one < updates[0])


async def test_a_reset_to_just_after_the_record_was_read_reads_it_again(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """The answer that was asked for before the reset comes with it, and no message that would give it away."""
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.send(support())
        state, before = await course.recorded(), await course.rows()
        for _ in range(2):
            await reset_without_messages(course, await task_after_reading(course))
            assert await course.checked() == state
            assert await course.rows() == before
        await course.send(support("invented: after the resets"))
        await course.checked()


async def task_after_reading(course: Course) -> int:
    """The id of the end of the first workflow task that has the record's answer."""
    history = (await course.runs())[0]
    asked = next(
        event.event_id
        for event in history
        if event.activity_task_scheduled_event_attributes.activity_type.name == "catch_up_with_record"
    )
    answered = False
    for event in history:
        answered |= event.activity_task_completed_event_attributes.scheduled_event_id == asked
        if answered and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return event.event_id
    raise AssertionError("it was never answered")


async def first_task(course: Course) -> int:
    """The id of the end of the first workflow task of the latest run."""
    history = (await course.runs())[0]
    return next(e.event_id for e in history if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)


async def reset_without_messages(course: Course, event_id: int) -> None:
    """Set the latest run back to this event. Messages that came after it are not applied again."""
    await course.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=course.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            reason="a test",
            workflow_task_finish_event_id=event_id,
            reset_reapply_exclude_types=[
                ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
                ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
            ],
            request_id=str(uuid4()),
        ),
        retry=True,
    )


async def test_what_was_accepted_before_a_quarantine_is_never_called_refused(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """It is decided again after the reset, so its sender must not be told that it was refused."""
    async with at_work(client, record, signers, task_queue):
        course = await underway(client, record, signers, task_queue)
        await foreign_event(record, course.id)
    said_otherwise = asyncio.Event()

    @activity.defn(name=verify_signature.__name__)
    async def look_up(_: SignatureCheck) -> SignatureResult:
        """Answer once the record has said that it has something else."""
        await said_otherwise.wait()
        return SignatureResult()

    recording = RecordActivities(record, signers.register, demonstrations=True)
    own = with_storage(client, storage_of(record))
    known = command(support("invented: decided, and then the record says something else"), Role.PATIENT, of=course.id)
    looked_up = command(support("invented: its sender is looked up"), Role.COORDINATOR, of=course.id)
    async with Worker(own, task_queue=task_queue, workflows=[CareJourney], activities=[recording.append, look_up]):
        waiting = asyncio.create_task(submit(client, course.id, looked_up, timeout=timedelta(seconds=20)))
        await submit(client, course.id, known)

        async def quarantined() -> bool:
            return (await course.status()).health == "diverged"

        await eventually(quarantined)
        said_otherwise.set()
        with pytest.raises(Unavailable, match="decided again once ops have looked"):
            await waiting
        # Asked again, and by another way: whatever the answer is, it is not that it was refused.
        for again in (known, looked_up):
            with suppress(Unavailable):
                await submit(client, course.id, again, timeout=timedelta(seconds=2))
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await course.handle.execute_update(SUBMIT, known, id=str(uuid4()))
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.type == UNDECIDED
    run = await find_run(client, course.id, now=utc_now())
    assert run is not None
    handed_in = [each.read for each in await taken(client, run)]
    assert (known in handed_in, looked_up in handed_in) == (True, True), "also where the journey is begun anew"
    async with at_work(client, record, signers, task_queue):
        await reset(course, task=-1)
        await eventually(lambda: _knows(course, [known, looked_up]))
        for again in (known, looked_up):
            await submit(client, course.id, again)


async def _knows(course: Course, sent: list[c.Command]) -> object:
    journey, known = await course.recorded(), await course.commands()
    return journey if all(one.command_id in known for one in sent) else None


async def foreign_event(record: Record, journey_id: UUID) -> None:
    """Somebody else writes the journey's next version into the record."""
    [*_, last] = await record.load(journey_id)
    fields = {name: getattr(last, name) for name in NewEvent.model_fields}
    await record.append(
        journey_id, last.version, [NewEvent.model_validate(fields | {"event_id": uuid4(), "command_id": uuid4()})]
    )


@pytest.mark.faults
async def test_a_journey_of_which_an_event_cannot_be_read_waits_for_ops(
    client: Client, record: Record, signers: Signers, task_queue: str, stack: Stack
) -> None:
    """Neither an append nor a reset goes on as if the event were not there. Mended, it goes on, and nothing is lost."""
    async with at_work(client, record, signers, task_queue):
        course = await underway(client, record, signers, task_queue)
        [*_, last] = await record.load_sealed(course.id)
    await overwrite(stack, last.event.position, b"?")
    rows = await course.rows()

    async def quarantined() -> bool:
        return (await course.status()).health == "diverged"

    async with at_work(client, record, signers, task_queue):  # by a worker that remembers nothing of it
        accepted = command(support("invented: accepted, and not recorded yet"))
        await submit(client, course.id, accepted)
        await eventually(quarantined)
        await reset(course, task=-1)
        await eventually(quarantined)
        assert await course.rows() == rows
        await overwrite(stack, last.event.position, last.sealed)
        await reset(course, task=-1)
        await eventually(lambda: _knows(course, [accepted]))
        assert not await quarantined()
        await course.checked()


@pytest.mark.faults
async def test_a_record_that_says_something_else_is_never_overwritten(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    async with at_work(client, record, signers, task_queue):
        course = await underway(client, record, signers, task_queue)
        await foreign_event(record, course.id)
        rows = await course.rows()
        accepted = command(support("invented: accepted, but where would it be recorded?"))
        await submit(client, course.id, accepted)

        async def quarantined() -> bool:
            return (await course.status()).health == "diverged"

        await eventually(quarantined)
        with pytest.raises(Refused, match="quarantined: its record says something else"):
            await submit(client, course.id, command(support()))
        signalled = command(support("invented: what Temporal took meanwhile"))
        await signal(course, "command", signalled.model_dump_json().encode())
        described = await course.handle.describe()
        assert described.typed_search_attributes.get(SearchAttributeKey.for_keyword("JourneyHealth")) == "diverged"
        assert described.raw_description.pending_activities == []
        assert await course.rows() == rows
        # Ops look at it, and have the journey go on from its record: what was accepted is not lost.
        await reset(course, task=-1)
        await eventually(lambda: _knows(course, [accepted, signalled]))
        assert (await course.rows())[: len(rows)] == rows
        assert (await course.status()).health != "diverged"
        await course.send(support("invented: all is well again"))
        await course.checked()


@pytest.mark.parametrize("leaves_out", [False, True])
async def test_what_was_refused_stays_refused_when_a_reset_hands_it_in_again(
    client: Client, record: Record, signers: Signers, task_queue: str, leaves_out: bool
) -> None:
    """Also where the refusal left nothing in the record, and what it lacked has come since."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await course.recorded()
    early = command(c.AnswerQuestion(question="question-1", text="invented: yes"), Role.CLINICIAN, of=course.id)
    await refuse_accepted(course, early, at_work(client, record, signers, task_queue))
    async with at_work(client, record, signers, task_queue):
        await course.send(c.AskQuestion(text="invented: may I?"), Role.PATIENT)
        before, rows = await course.recorded(), await course.rows()
        if leaves_out:
            await reset_without_messages(course, await first_task(course))
            await wake_reset(client, utc_now())
        else:
            await reset(course, task=0)
        assert await course.checked() == before
        assert await course.rows() == rows
        [question] = before.questions.values()
        assert question.answer is None


@pytest.mark.faults
async def test_a_worker_that_dies_while_it_reads_back_keeps_nobody_waiting_long(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """It gives no sign of life, and another one reads long before the time for reading is over."""
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.recorded()
    recording = RecordActivities(record, signers.register, demonstrations=True)

    @activity.defn(name=catch_up_with_record.__name__)
    async def read_back(handed: StateDigest) -> RecordedState:
        if activity.info().attempt == 1:
            await asyncio.Event().wait()
        return await recording.catch_up(handed)

    own = with_storage(client, storage_of(record))
    activities: list[Callable[..., Any]] = [recording.append, read_back]
    async with Worker(own, task_queue=task_queue, workflows=[CareJourney], activities=activities):
        await reset(course, task=-1)
        async with asyncio.timeout(READ_BACK.total_seconds() / 2):
            await course.send(c.PlaceHold(reason="invented: while it is read back"))
            assert (await course.checked()).held
