"""Whoever reaches Temporal without the keys has the encrypted commands of people, also those that were refused or never
arrived. Handed in later, they change nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    SignalWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.signatures.sessions import ThisLog
from application.errors import Refused, Unavailable
from application.temporal.journey_client import start, submit
from application.temporal.resets import find_answered
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.attackers import only_attempts, standing
from tests.faults.helpers import LOG_LOCK, Course, at_work, blocked, command, reset, support
from tests.faults.test_proven import ProvenCourse
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey import decided
from workflows.journey.receipts import command_digest, receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import COUNTS_FOR

pytestmark = pytest.mark.server

LONG = COUNTS_FOR + timedelta(minutes=1)
ANSWER = c.AnswerSupport(support="support-1", text="invented: all is well")
MOVE = c.Move(zone="America/New_York", state="NY")


def sent_long_ago(course: ProvenCourse, body: Any, by: Role) -> c.Command:
    return course.proven(command(body, by, of=course.id), datetime.now(UTC) - LONG)


class Stranger:
    """Somebody without keys, who reads what goes to Temporal, and hands it in again."""

    def __init__(self, bare: Client, course: Course) -> None:
        self._bare, self._workflow = bare, WorkflowExecution(workflow_id=workflow_id(course.id))

    async def signal(self, stolen: Payload) -> None:
        await self._bare.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=self._bare.namespace,
                workflow_execution=self._workflow,
                signal_name="command",
                input=Payloads(payloads=[stolen]),
                request_id=str(uuid4()),
            ),
            retry=True,
        )

    async def update(self, stolen: Payload) -> bool:
        """Whether it was taken."""
        request = UpdateWorkflowExecutionRequest(
            namespace=self._bare.namespace,
            workflow_execution=self._workflow,
            wait_policy=WaitPolicy(lifecycle_stage=Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED),
            request=Request(
                meta=Meta(update_id=str(uuid4()), identity="stranger"),
                input=Input(name="submit", args=Payloads(payloads=[stolen])),
            ),
        )
        answer = await self._bare.workflow_service.update_workflow_execution(request, retry=True)
        return answer.outcome.HasField("success")


@pytest.fixture
async def course(client: Client, record: Record, signers: Signers, task_queue: str) -> AsyncIterator[ProvenCourse]:
    begun = ProvenCourse(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, log=ThisLog(await record.log_name())):
        await begun.begin()
        yield begun
        await begun.checked()


@pytest.fixture
async def stranger(stack: Stack, course: ProvenCourse) -> Stranger:
    temporal = stack.temporal
    return Stranger(await Client.connect(temporal.address, namespace=temporal.namespace), course)


async def withheld(course: Course, sent: c.Command, monkeypatch: pytest.MonkeyPatch) -> Payload:
    """What of a command went to Temporal, and no further."""
    seen: list[Payload] = []

    async def swallow(request: UpdateWorkflowExecutionRequest, **_: Any) -> Any:
        seen.append(request.request.input.args.payloads[0])
        raise RPCError("withheld", RPCStatusCode.DEADLINE_EXCEEDED, b"")

    with monkeypatch.context() as taps:
        taps.setattr(course.client.workflow_service, "update_workflow_execution", swallow)
        with pytest.raises(Unavailable):
            await submit(course.client, course.id, sent, timeout=timedelta())
    return seen[-1]


WITHHELD: dict[str, Callable[[ProvenCourse], c.Command]] = {
    "staff": lambda course: sent_long_ago(course, MOVE, Role.COORDINATOR),
    "a clinician": lambda course: sent_long_ago(course, ANSWER, Role.CLINICIAN),
    "a patient, whom a service let in": lambda course: sent_long_ago(course, c.Withdraw(), Role.PATIENT),
}


async def test_what_never_arrived_changes_nothing_later(
    course: ProvenCourse,
    stranger: Stranger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By update or by signal, before a reset and after it. Its sender can still send it, under the same id."""
    await course.submit(command(support("invented: help"), of=course.id))
    held_back = {who: of(course) for who, of in WITHHELD.items()}
    stolen = [await withheld(course, each, monkeypatch) for each in held_back.values()]
    before = await course.recorded()
    for each in stolen:
        assert not await stranger.update(each)
    for each in stolen:
        await stranger.signal(each)
    # The patient was heard from, but long ago.
    before = before.model_copy(update={"heard_from_at": held_back["a patient, whom a service let in"].sent_at})
    for kept in await only_attempts(course, before, len(stolen)):
        assert "sent too long ago" in kept.reason
    await reset(course, task=-1)
    for each in stolen:
        await stranger.update(each)
        await stranger.signal(each)
    assert standing(await course.recorded()) == standing(before)
    again = held_back["staff"].model_copy(update={"proof": None, "sent_at": None})
    await course.submit(again)
    assert (await course.recorded()).patient.state == "NY"


async def test_a_refused_answer_answers_no_later_call_for_help(
    client: Client,
    record: Record,
    signers: Signers,
    task_queue: str,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stranger gets it out of a workflow task. Its sender is told that nothing happened; then the patient calls."""
    bare = await Client.connect(stack.temporal.address, namespace=stack.temporal.namespace)
    course, log = ProvenCourse(client, record, signers, task_queue), ThisLog(await record.log_name())
    async with at_work(client, record, signers, task_queue, log=log):
        await course.begin()
        await course.recorded()
    sending = asyncio.create_task(
        submit(client, course.id, sent_long_ago(course, ANSWER, Role.CLINICIAN), timeout=timedelta(seconds=40))
    )
    stolen = await polled(bare, task_queue)
    with monkeypatch.context() as then:  # when it was just sent
        then.setattr(decided, "COUNTS_FOR", timedelta(hours=1))
        async with at_work(client, record, signers, task_queue, log=log):
            with pytest.raises(Refused, match="no such support request"):
                await sending
    async with at_work(client, record, signers, task_queue, log=log):
        call = c.RequestSupport(urgency="emergency", text="invented: help")
        await course.submit(command(call, Role.PATIENT, of=course.id))
        before = await course.recorded()
        await Stranger(bare, course).signal(stolen)
        await only_attempts(course, before, 1)
        assert (await course.recorded()).support["support-1"].open
        await course.checked()


async def polled(bare: Client, task_queue: str) -> Payload:
    """The first argument of the update in a workflow task, for which a stranger asks and which they let fall."""
    request = PollWorkflowTaskQueueRequest(
        namespace=bare.namespace, task_queue=TaskQueue(name=task_queue), identity="stranger"
    )
    while True:
        task = await bare.workflow_service.poll_workflow_task_queue(request, retry=False, timeout=timedelta(seconds=20))
        for each in task.messages:
            update = Request()
            if each.body.Unpack(update):
                return update.input.args.payloads[0]


async def test_what_was_accepted_counts_after_a_reset(course: ProvenCourse, stack: Stack) -> None:
    """Of what is recorded each receipt stands, however late it is sent again; what nobody recorded yet is recorded, and
    the run learns when it was accepted."""
    taken = course.proven(command(MOVE))
    receipt = await submit(course.client, course.id, taken)
    await course.recorded()
    await reset(course, task=-1)
    assert (await submit(course.client, course.id, taken)).version == receipt.version
    async with blocked(stack, LOG_LOCK):
        accepted = course.proven(command(c.Move(zone="America/Chicago", state="TX")))
        await submit(course.client, course.id, accepted)
        await reset(course, task=-1)
    await eventually(lambda: _is_known(course, accepted))
    assert (await course.recorded()).patient.state == "TX"
    run_id = (await course.handle.describe()).run_id
    found = await find_answered(course.client, course.id, run_id)
    assert accepted.sent_at is not None
    assert accepted.sent_at < dict(found.taken)[command_digest(accepted)] < datetime.now(UTC)
    assert not found.beside(receipts_of(await load_events(course.record, course.id)).values()).taken


async def _is_known(course: Course, sent: c.Command) -> bool:
    return sent.command_id in await course.commands()


async def test_who_sends_again_after_an_outage_is_not_answered_what_was_sent_before_it(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Temporal keeps what nobody took under its id, and would answer it for what was sent since."""
    course, log = ProvenCourse(client, record, signers, task_queue), ThisLog(await record.log_name())
    async with at_work(client, record, signers, task_queue, log=log):
        await course.begin()
        await course.recorded()
    sent = command(MOVE)
    earlier = course.proven(sent, datetime.now(UTC) - LONG)
    with pytest.raises(Unavailable):
        await submit(client, course.id, earlier, timeout=timedelta(seconds=1))
    again = asyncio.create_task(submit(client, course.id, course.proven(sent), timeout=timedelta(seconds=40)))
    async with at_work(client, record, signers, task_queue, log=log):
        assert (await again).refusal is None
        assert (await course.recorded()).patient.state == "NY"


async def test_a_start_that_was_held_back_starts_nothing(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Its sender sends it again, signed anew, and that starts the journey."""
    held_back, log = ProvenCourse(client, record, signers, task_queue), await record.log_name()
    opening = held_back.opening
    async with at_work(client, record, signers, task_queue, log=ThisLog(log)):
        await start(client, signers.proven(log, held_back.id, opening, datetime.now(UTC) - LONG), task_queue=task_queue)
        with pytest.raises(WorkflowFailureError):
            await held_back.handle.result()
        assert not await record.load(held_back.id)
        await held_back.begin()
        await held_back.checked()
