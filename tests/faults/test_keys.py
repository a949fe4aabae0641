"""Keys under the journeys of real servers: what is sent without them, keys that are away, and keys that are rotated."""

import asyncio
import faulthandler
import json
import os
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollActivityTaskQueueResponse,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import (
    ActivityExecutionStatus,
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import ActivitySerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.payload_codec import SealingCodec
from activities.privacy.key_store import KeyStore, open_key_store, prepare_key_store
from activities.privacy.master_keys import Keyring, add_master_key, make_keyring, use_master_key
from activities.record.store import Record
from activities.record.verification.record import verify_record
from application.errors import Unavailable
from application.temporal.journey_client import start, submit
from deploy.local.postgres import Postgres
from deploy.local.stack import Stack
from simulation.keys import Signers
from simulation.people import referral
from tests.faults.helpers import Course, at_work, command, signal, support
from tests.helpers import codec_of, eventually, task_failures
from tests.replay.replay import replay
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.messages import DIVERGED, LIMIT, Attempted
from workflows.protocols.demonstration import load_demonstration
from workflows.temporal_plugin import CarePathwayPlugin

pytestmark = pytest.mark.server
Described = TypeVar("Described")


@pytest.fixture
async def plain(client: Client) -> Client:
    """Whoever reaches Temporal, and has no key."""
    return await Client.connect(client.service_client.config.target_host, namespace=client.namespace)


def clear(value: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=value.encode())


async def histories(course: Course) -> list[Any]:
    return [event async for event in course.handle.fetch_history_events()]


async def test_a_start_without_the_keys_opens_no_journey(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    journey = uuid4()
    opening = referral(load_demonstration("PTSD"), journey)
    request = StartWorkflowExecutionRequest(
        namespace=plain.namespace,
        workflow_id=workflow_id(journey),
        workflow_type=WorkflowType(name="CareJourney"),
        task_queue=TaskQueue(name=task_queue),
        request_id=str(uuid4()),
    )
    request.input.payloads.append(clear(json.dumps({"start": json.loads(opening.model_dump_json())})))
    async with at_work(client, record, signers, task_queue):
        await plain.workflow_service.start_workflow_execution(request, retry=True)
        with pytest.raises(WorkflowFailureError) as failed:
            await client.get_workflow_handle(workflow_id(journey)).result()
    assert "without the keys" in str(failed.value.cause)
    assert await record.head(journey) is None


async def test_what_is_sent_without_the_keys_or_for_another_journey_moves_nothing(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """An update in clear, a signal in clear, and a signal that was genuine in another patient's journey."""
    mine, others = (Course(client, record, signers, task_queue) for _ in range(2))
    async with at_work(client, record, signers, task_queue):
        await mine.begin()
        await others.begin()
        before = await mine.recorded()
        await others.handle.signal("command", command(c.Withdraw(), by=Role.PATIENT))
        moved = [
            event.workflow_execution_signaled_event_attributes.input.payloads
            for event in await histories(others)
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        ]
        for payloads in (*moved, [clear(command(c.Withdraw(), by=Role.PATIENT).model_dump_json())]):
            request = SignalWorkflowExecutionRequest(
                namespace=plain.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id(mine.id)),
                signal_name="command",
                request_id=str(uuid4()),
            )
            request.input.payloads.extend(payloads)
            await plain.workflow_service.signal_workflow_execution(request, retry=True)
        with pytest.raises((WorkflowUpdateFailedError, KeyError)):  # they cannot read why
            await plain.get_workflow_handle(workflow_id(mine.id)).execute_update(
                "submit", json.loads(command(c.Withdraw(), by=Role.PATIENT).model_dump_json())
            )

        async def kept() -> bool:
            return len((await mine.recorded()).messages) == 3

        await eventually(kept)
        after = await mine.recorded()
        assert (after.stage, after.outcome) == (before.stage, before.outcome)
        assert task_failures(await histories(mine)) == []


@pytest.mark.faults
async def test_what_somebody_has_run_by_itself_or_by_a_schedule_was_made_for_another_place(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """All of it was genuine in the journey: its own start, and what it asked its activities, under their own ids."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before, events = await course.recorded(), await histories(course)
        opening = events[0].workflow_execution_started_event_attributes.input.payloads
        asked = [
            event.activity_task_scheduled_event_attributes
            for event in events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        ]
        for each in asked:
            by_itself = await plain.start_activity(
                each.activity_type.name,
                args=[RawValue(payload) for payload in each.input.payloads],
                id=each.activity_id,
                task_queue=task_queue,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
            described = await settled(by_itself.describe, lambda each: each.status != ActivityExecutionStatus.RUNNING)
            assert described.status == ActivityExecutionStatus.FAILED
        assert {each.activity_type.name for each in asked} >= {"append_to_record", "catch_up_with_record"}
        action = ScheduleActionStartWorkflow(
            "CareJourney",
            args=[RawValue(payload) for payload in opening],
            id=workflow_id(course.id),
            task_queue=task_queue,
        )
        schedule = await plain.create_schedule(
            f"by-hand-{uuid4()}", Schedule(action=action, spec=ScheduleSpec()), trigger_immediately=True
        )
        [began] = (await settled(schedule.describe, lambda each: bool(each.info.recent_actions))).info.recent_actions
        await schedule.delete()
        assert isinstance(began.action, ScheduleActionExecutionStartWorkflow)
        with pytest.raises(WorkflowFailureError) as failed:
            await client.get_workflow_handle(began.action.workflow_id).result()
        assert "without the keys" in str(failed.value.cause)
        assert await course.recorded() == before


async def settled(describe: Callable[[], Awaitable[Described]], enough: Callable[[Described], bool]) -> Described:
    """What is described, once it has come so far."""
    found = [await describe()]

    async def is_enough() -> bool:
        found.append(await describe())
        return enough(found[-1])

    await eventually(is_enough)
    return found[-1]


@pytest.mark.faults
async def test_an_answer_without_the_keys_is_asked_for_again(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """A rogue worker says that all is recorded, or that the record diverged; hands back as an answer the question, or
    what an attempt left to the next one; the question as what a failure says; or, as the last failure, one that was to
    be retried. All but the first two were made with the keys, and for this very place. None of it is believed."""
    attacks = ("answer", "failure", "question", "heartbeat", "question as failure", "retried failure")
    courses = [Course(client, record, signers, task_queue) for _ in attacks]
    queue = TaskQueue(name=task_queue)
    async with Worker(client, task_queue=task_queue, workflows=[CareJourney]):
        for course in courses:
            await start(client, course.opening, task_queue=task_queue)
        for attack in attacks:
            task = await plain.workflow_service.poll_activity_task_queue(
                PollActivityTaskQueueRequest(namespace=plain.namespace, task_queue=queue, identity="rogue"),
                retry=False,
            )
            assert courses[0].opening.actor.id.encode() not in task.SerializeToString()
            there = client.data_converter.with_context(_place(client, task))
            if attack in ("answer", "question", "heartbeat"):
                completed = RespondActivityTaskCompletedRequest(namespace=plain.namespace, task_token=task.task_token)
                answers = {
                    "answer": clear('{"version": 99, "position": 1, "run_id": "x", "mark": "99:ab"}'),
                    "question": task.input.payloads[0],
                    "heartbeat": (await there.encode([Attempted(notices=())]))[0],
                }
                completed.result.payloads.append(answers[attack])
                await plain.workflow_service.respond_activity_task_completed(completed, retry=True)
                continue
            failed = RespondActivityTaskFailedRequest(namespace=plain.namespace, task_token=task.task_token)
            if attack == "retried failure":
                seen = ApplicationError("the record is away", type=LIMIT)
                await there.encode_failure(seen, failed.failure)
            else:
                failed.failure.application_failure_info.type = DIVERGED
            if attack == "question as failure":
                failed.failure.encoded_attributes.CopyFrom(task.input.payloads[0])
            failed.failure.application_failure_info.non_retryable = True
            await plain.workflow_service.respond_activity_task_failed(failed, retry=True)
    async with at_work(client, record, signers, task_queue):
        for course in courses:
            recorded = await course.recorded()
            assert recorded.version >= 1
            assert (await course.status()).health != "diverged"
            assert task_failures(await histories(course)) == []


def _place(client: Client, task: PollActivityTaskQueueResponse) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace=client.namespace,
        activity_id=task.activity_id,
        activity_type=task.activity_type.name,
        activity_task_queue=None,
        workflow_id=task.workflow_execution.workflow_id,
        workflow_type="CareJourney",
        is_local=False,
    )


class KeysOfTheirOwn(NamedTuple):
    """A key store on a server of its own, which a test may stop, and a client whose keys are asked for each time."""

    server: Postgres
    keyring: Path
    store: KeyStore
    client: Client


@pytest.fixture
async def own_keys(stack: Stack, tmp_path: Path) -> AsyncIterator[KeysOfTheirOwn]:
    server = Postgres(tmp_path / "keys", tmp_path / "keys.log", durable=False)
    keyring = tmp_path / "keyring.json"
    make_keyring(keyring)
    await server.start()
    try:
        await prepare_key_store(server.keys.owner_url)
        async with open_key_store(server.keys.key_keeper_url, Keyring(keyring), lifetime=timedelta(0)) as store:
            plugin = CarePathwayPlugin(SealingCodec(store))
            client = await Client.connect(stack.temporal.address, namespace=stack.temporal.namespace, plugins=[plugin])
            yield KeysOfTheirOwn(server, keyring, store, client)
    finally:
        await server.stop("immediate")
        server.remove_data()


async def test_while_the_keys_are_away_all_waits_and_nothing_ends(
    own_keys: KeysOfTheirOwn, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(own_keys.client, record, signers, task_queue)
    async with at_work(own_keys.client, record, signers, task_queue):
        await course.begin()
        before = await course.send(support("invented: before"))
        await course.recorded()
        await own_keys.server.kill()
        with pytest.raises(Unavailable, match="keys are not available"):
            await submit(own_keys.client, course.id, command(support()), timeout=timedelta(seconds=1))
        # A call for help by hand meanwhile: the task that should hand it to the record is tried again.
        await signal(course, "command", command(support("invented: by hand")).model_dump_json().encode())

        async def tried() -> bool:
            pending = (await course.handle.describe()).raw_description.pending_activities
            return any(one.attempt > 1 for one in pending) or bool(task_failures(await histories(course)))

        await eventually(tried)
        await own_keys.server.start()
        after = await course.send(support("invented: after"))
        assert after.version > before.version
        await course.recorded()
        described = await course.handle.describe()
        assert described.status == WorkflowExecutionStatus.RUNNING


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("minutes", [1, 10])
async def test_a_long_time_without_keys_delays_and_ends_nothing(
    own_keys: KeysOfTheirOwn, record: Record, signers: Signers, task_queue: str, minutes: int
) -> None:
    """The store is gone, then stands still, then is gone again, and the worker is begun anew meanwhile. People send
    what they may send by hand. It takes its time: Temporal lets the pauses between the attempts of a task grow with
    the outage, up to what it is set to, and all goes on within a minute of the keys."""
    faulthandler.cancel_dump_traceback_later()  # which ends what takes more than ten minutes
    courses = [Course(own_keys.client, record, signers, task_queue) for _ in range(3)]
    sent: dict[UUID, list[UUID]] = {course.id: [] for course in courses}

    async def go_on(seconds: float) -> None:
        until = monotonic() + seconds
        while monotonic() < until:
            for course in courses:
                asked = command(support("invented: by hand"))
                await signal(course, "command", asked.model_dump_json().encode())
                sent[course.id].append(asked.command_id)
            await asyncio.sleep(2 * minutes)

    async with at_work(own_keys.client, record, signers, task_queue):
        await asyncio.gather(*(course.begin() for course in courses))
        for course in courses:
            await course.recorded()
        await own_keys.server.kill()
        await go_on(20 * minutes)
    async with at_work(own_keys.client, record, signers, task_queue, max_cached=0):
        await go_on(10 * minutes)
        await own_keys.server.start()
        os.kill(own_keys.server.pid, signals.SIGSTOP)
        await go_on(20 * minutes)
        os.kill(own_keys.server.pid, signals.SIGCONT)
        await own_keys.server.kill()
        await go_on(10 * minutes)
        await own_keys.server.start()
        for course in courses:
            after = command(support("invented: after"))
            await submit(own_keys.client, course.id, after, timeout=timedelta(minutes=1))
            sent[course.id].append(after.command_id)

            async def all_recorded(course: Course = course) -> bool:
                return {*sent[course.id]} <= {*await course.commands()}

            await eventually(all_recorded, within=timedelta(minutes=1))
            journey = await course.recorded()
            assert len(journey.support) == len(sent[course.id])
            assert (await course.handle.describe()).status == WorkflowExecutionStatus.RUNNING
            assert (await verify_record(record, derive=True, journey_id=course.id)).findings == ()


@pytest.mark.faults
async def test_keys_are_rotated_under_journeys_and_nothing_fails(
    own_keys: KeysOfTheirOwn, record: Record, signers: Signers, task_queue: str
) -> None:
    courses = [Course(own_keys.client, record, signers, task_queue) for _ in range(3)]
    async with at_work(own_keys.client, record, signers, task_queue, max_cached=1):
        await asyncio.gather(*(course.begin() for course in courses))

        async def rotate() -> None:
            await own_keys.store.rotate()
            use_master_key(own_keys.keyring, add_master_key(own_keys.keyring))
            await own_keys.store.rewrap()

        for number in range(6):
            sending = (course.send(support(f"invented: {number}")) for course in courses)
            await asyncio.gather(rotate(), *sending)
        for course in courses:
            await course.recorded()
            history = await histories(course)
            assert task_failures(history) == []
            keys = {
                event.workflow_execution_update_accepted_event_attributes.accepted_request.input.args.payloads[
                    0
                ].metadata["key"]
                for event in history
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
            }
            assert len(keys) > 1
            assert await replay([await course.handle.fetch_history()], codec_of(own_keys.client)) == []
