"""Databases that were put back to an older copy."""

import asyncio
import io
import shutil
import subprocess
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest, RespondWorkflowTaskFailedRequest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from application.errors import Refused, Unavailable
from application.record.drift import Drift
from application.temporal import runs
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import submit
from application.temporal.journeys import Run
from simulation.stack import StaffedStack
from tests.faults.helpers import Course, answers, call_cli, command, signal, support
from tests.faults.reconciliation.ground import Ground, knows
from tests.faults.test_resets import foreign_event
from tests.helpers import eventually
from workflows.authenticity import Foreign
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.commands import Command
from workflows.messages import JourneyInput, JourneyResult

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def other_worker(ground: Ground) -> Worker:
    """A worker that runs other code than the journeys' own."""
    return Worker(
        ground.client,
        task_queue=ground.settings.task_queue,
        workflows=[OtherJourney],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def recorded_at_last(ground: Ground, course: Course, sent: Command) -> dict[UUID, tuple[Drift, bool]]:
    """Send a command as a person does who tries again, while passes are made; return what these found."""
    found: dict[UUID, tuple[Drift, bool]] = {}

    async def recorded() -> bool:
        with suppress(Unavailable, Refused):
            await submit(ground.client, course.id, sent, timeout=timedelta(seconds=5))
        found.update(await ground.reconcile())
        return await knows(course, sent.command_id)

    await eventually(recorded, timedelta(seconds=150))
    return found


async def said(course: Course, one: Command) -> None:
    """Send a command by hand, as a message."""
    await signal(course, "command", one.model_dump_json(exclude_none=True).encode())


async def kept_by_a_worker(ground: Ground, course: Course) -> bytes:
    """Take a task of a journey, its first attempt, as a worker does that then hangs. Return its token."""
    hanging = PollWorkflowTaskQueueRequest(
        namespace=ground.client.namespace,
        task_queue=TaskQueue(name=ground.settings.task_queue),
        identity="invented: a worker that hangs",
    )
    kept = await ground.client.workflow_service.poll_workflow_task_queue(
        hanging, retry=False, timeout=timedelta(minutes=1)
    )
    assert (kept.workflow_execution.workflow_id, kept.attempt) == (workflow_id(course.id), 1)
    return kept.task_token


@pytest.mark.faults
@pytest.mark.parametrize(
    "cached", [1000, pytest.param(0, marks=pytest.mark.soak)], ids=["worker remembers", "worker replays"]
)
async def test_a_put_back_of_temporals_database_is_mended(ground: Ground, tmp_path: Path, cached: int) -> None:
    """The worker lives on. One that remembers answers queries from its memory: it knows nothing of the loss."""
    async with ground.at_work(max_cached=cached):
        behind, written, kept = await ground.begin(3)
        await ground.copied(tmp_path / "copy")
        for course in (behind, written):
            await course.send(support("invented: after the copy"))
            await course.recorded()
        before = {course.id: await course.rows() for course in (behind, written, kept)}
        await ground.put_back(tmp_path / "copy")
        accepted = command(support("invented: said to a journey that was put back"))
        told = await recorded_at_last(ground, written, accepted)
        told |= await ground.reconcile()
        assert told[behind.id][0] == Drift.BEHIND

    async with ground.at_work(max_cached=0):
        # Whatever the first worker had in its memory, another one reads it from its history.
        await recorded_at_last(ground, written, command(support("invented: and on")))
        assert await ground.reconcile() == {}
        for course in (behind, written, kept):
            rows = await course.rows()
            assert rows[: len(before[course.id])] == before[course.id]
            await course.send(support("invented: and still on"))
            assert (await course.recorded()).version > len(rows)


@workflow.defn(name="CareJourney")
class OtherJourney(CareJourney):
    """Does something that our code does not, as a worker does that remembers what Temporal knows no more."""

    @workflow.init
    def __init__(self, given: JourneyInput | Foreign) -> None:
        super().__init__(given)
        self._other: list[asyncio.Task[None]] = []

    @workflow.run
    async def run(self, given: JourneyInput | Foreign) -> JourneyResult:
        return await super().run(given)

    @workflow.signal
    def show(self) -> None:
        super().show()
        self._other.append(asyncio.create_task(workflow.sleep(1000)))


@pytest.mark.faults
async def test_a_journey_whose_history_does_not_replay_begins_anew_in_the_same_pass(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set back to wherever, such a run never goes on: this must not be tried at each pass. What it takes until its last
    moment goes with it."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    async with other_worker(ground):
        for shown in (1, 2):
            await course.handle.signal("show")
            await eventually(lambda: _timers(course, shown))  # noqa: B023 - of this round
    await foreign_event(ground.record, course.id)
    late, end = command(support("invented: just before the run is ended")), TemporalJourneys.end

    async def end_a_little_later(journeys: TemporalJourneys, run: Run) -> None:
        await signal(course, "command", late.model_dump_json(exclude_none=True).encode())
        await end(journeys, run)

    monkeypatch.setattr(TemporalJourneys, "end", end_a_little_later)
    async with ground.at_work():
        assert (await ground.reconcile())[course.id] == (Drift.BEHIND, True)
        await eventually(lambda: knows(course, late.command_id))
        await course.send(support("invented: and on"))
        await course.recorded()
        assert course.id not in await ground.reconcile()


@pytest.mark.soak
async def test_a_journey_whose_tasks_fail_and_nobody_says_why_begins_anew(ground: Ground) -> None:
    """A worker tells Temporal of the failure of a first attempt alone: here that one times out."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    async with other_worker(ground):
        await course.handle.signal("show")
        await eventually(lambda: _timers(course, 1))
    waits = command(support("invented: while nobody says why"))
    await said(course, waits)
    await kept_by_a_worker(ground, course)

    async def begun_anew() -> bool:
        return (await ground.reconcile()).get(course.id) == (Drift.SILENT, True)

    async with ground.at_work():
        await eventually(begun_anew, timedelta(minutes=3))
        await eventually(lambda: knows(course, waits.command_id))
        await course.send(support("invented: and on"))
        await course.recorded()
        assert course.id not in await ground.reconcile()


@pytest.mark.soak
async def test_a_journey_whose_tasks_a_worker_keeps_begins_anew(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was too slow for a task said so, and never answers again: its thread for this run hangs."""
    for name in ("STUCK", "UNSAID"):
        monkeypatch.setattr(runs, name, 2)
    async with ground.at_work(max_cached=0):
        [course] = await ground.begin(1)
        # A task that a worker takes along when it ends is tried again, and is no first attempt.
        await eventually(partial(_waits_for_no_worker, course))
    waiting = [command(support(f"invented: {number} while the worker hangs")) for number in range(2)]
    for number, each in enumerate(waiting):
        await said(course, each)
        token = await kept_by_a_worker(ground, course)
        if number == 0:
            too_slow = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
            await ground.client.workflow_service.respond_workflow_task_failed(
                RespondWorkflowTaskFailedRequest(namespace=ground.client.namespace, task_token=token, cause=too_slow),
                retry=False,
            )
            assert (await ground.reconcile())[course.id] == (Drift.SILENT, False)

    async def begun_anew() -> bool:
        return (await ground.reconcile()).get(course.id) == (Drift.SILENT, True)

    # The one that hangs is the only one that Temporal asks.
    await eventually(begun_anew, timedelta(minutes=1))
    async with ground.at_work():
        for each in waiting:
            await eventually(partial(knows, course, each.command_id))
        await course.checked()
        assert course.id not in await ground.reconcile()


@pytest.mark.soak
async def test_messages_hide_from_no_pass_that_no_task_is_ever_done(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a machine is too busy for the tasks of a large journey. After each message the next attempt is a first
    one for Temporal."""
    for name in ("STUCK", "UNSAID"):
        monkeypatch.setattr(runs, name, 3)
    async with ground.at_work(max_cached=0):
        [course] = await ground.begin(1)
        await eventually(partial(_waits_for_no_worker, course))
    first, *others = waiting = [command(support(f"invented: {number}, and no task is done")) for number in range(3)]
    await said(course, first)
    for number, each in enumerate(others, 1):
        await kept_by_a_worker(ground, course)
        await said(course, each)
        await eventually(partial(_gave_up, course, number), timedelta(minutes=1))
    monkeypatch.setattr("application.record.comparison.has_its_turn", lambda *_: True)
    assert (await ground.reconcile())[course.id] == (Drift.SILENT, True)
    async with ground.at_work():
        for each in waiting:
            await eventually(partial(knows, course, each.command_id))
        await course.checked()


async def _gave_up(course: Course, tasks: int) -> bool:
    """Whether Temporal has waited in vain for the answer to so many tasks."""
    history = (await course.runs())[0]
    return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT for event in history) >= tasks


async def _waits_for_no_worker(course: Course) -> bool:
    described = (await course.handle.describe()).raw_description
    return not described.pending_activities and not described.HasField("pending_workflow_task")


async def _timers(course: Course, count: int) -> bool:
    history = (await course.runs())[0]
    return sum(event.timer_started_event_attributes.start_to_fire_timeout.seconds == 1000 for event in history) >= count


async def test_a_record_that_was_put_back_gets_again_what_temporal_holds(working: Ground, tmp_path: Path) -> None:
    ground = working
    more, kept = await ground.begin(2)
    await copy_record(ground, tmp_path / "copy")
    await more.send(support("invented: after the copy"))
    await more.recorded()
    [young] = await ground.begin(1)
    before = {course.id: await ids(course) for course in (more, young, kept)}

    keys = await taken_keys(ground.stack)
    await put_record_back(ground, tmp_path / "copy")
    await put_keys(ground.stack, keys)
    assert await ground.reconcile() == {more.id: (Drift.AHEAD, False), young.id: (Drift.AHEAD, False)}

    code, shown = await call_cli(ground.stack, "record", "recover")
    assert code == 7
    assert {UUID(each["journey_id"]): (each["recorded"], each["version"]) for each in shown["journeys"]} == {
        more.id: (len(await ids(more)), len(before[more.id])),
        young.id: (0, len(before[young.id])),
    }
    assert await ids(young) == []

    code, done = await call_cli(ground.stack, "record", "recover", "--apply")
    assert (code, [each["problem"] for each in done["journeys"]]) == (0, [None, None])
    for course in (more, young, kept):
        assert await ids(course) == before[course.id]
        await course.send(support("invented: and on"))
        await course.recorded()
    assert await ground.reconcile() == {}
    assert await call_cli(ground.stack, "record", "recover") == (0, {"applied": False, "journeys": []})
    _, verified = await call_cli(ground.stack, "record", "verify", "--without", "read-models", "--without", "anchors")
    assert verified["schema"] == []
    # Of the journeys of the other tests a second writer wrote into some.
    brought_back = {str(course.id) for course in (more, young, kept)}
    assert [each for each in verified["findings"] if each["journey_id"] in {None, *brought_back}] == []


@pytest.mark.soak
async def test_record_and_keys_that_were_put_back_together_go_on_with_what_they_can_read(
    working: Ground, tmp_path: Path
) -> None:
    """One copy of both. What was said since of a patient whom the copy knows is brought back from Temporal. Whoever
    came after it has lost their key, and that is told of each; nothing of it is taken for agreeing."""
    ground = working
    more, kept = await ground.begin(2)
    await copy_record(ground, tmp_path / "copy")
    await more.send(support("invented: after the copy"))
    await more.recorded()
    [young] = await ground.begin(1)
    before = {course.id: await ids(course) for course in (more, kept)}

    await put_record_back(ground, tmp_path / "copy")
    _, done = await call_cli(ground.stack, "record", "recover", "--apply")
    told = {UUID(each["journey_id"]): each["problem"] for each in done["journeys"]}
    assert told[more.id] is None
    assert told[young.id]
    assert await ids(young) == []
    for course in (more, kept):
        assert await ids(course) == before[course.id]
        await course.send(support("invented: and on"))
        await course.recorded()
    left = await ground.reconcile()
    assert {more.id, kept.id}.isdisjoint(left)
    assert young.id in left
    _, verified = await call_cli(ground.stack, "record", "verify", "--without", "read-models", "--without", "anchors")
    brought_back = {str(course.id) for course in (more, kept)}
    assert [each for each in verified["findings"] if each["journey_id"] in {None, *brought_back}] == []
    await young.handle.terminate("the end of this test")


KEY_TABLES = ("data_key", "journey")


async def taken_keys(stack: StaffedStack) -> dict[str, bytes]:
    """What the key store holds. Its database stands on the same server here, and has backups of its own."""
    connection = await asyncpg.connect(stack.postgres.keys.admin_url)
    try:
        taken = {}
        for table in KEY_TABLES:
            content = io.BytesIO()
            await connection.copy_from_table(table, schema_name="keys", output=content, format="binary")
            taken[table] = content.getvalue()
        return taken
    finally:
        await connection.close()


async def put_keys(stack: StaffedStack, taken: dict[str, bytes]) -> None:
    """Let the key store hold this again."""
    connection = await asyncpg.connect(stack.postgres.keys.admin_url)
    try:
        for table, content in taken.items():
            await connection.execute(f"TRUNCATE keys.{table}")
            await connection.copy_to_table(table, schema_name="keys", source=io.BytesIO(content), format="binary")
    finally:
        await connection.close()


async def ids(course: Course) -> list[UUID]:
    return [event.event_id for event in await course.record.load(course.id)]


async def copy_record(ground: Ground, copy: Path) -> None:
    """Copy PostgreSQL's data, the key store's too, as a backup would."""
    postgres = ground.stack.postgres
    await postgres.stop()
    copy_with_owners(postgres.data_directory, copy)
    await postgres.start()
    await eventually(lambda: answers(ground.stack))


async def put_record_back(ground: Ground, copy: Path) -> None:
    """Put a copy of PostgreSQL's data in the place of what it has now."""
    postgres = ground.stack.postgres
    await postgres.stop()
    shutil.rmtree(postgres.data_directory)
    copy_with_owners(copy, postgres.data_directory)
    await postgres.start()
    await eventually(lambda: answers(ground.stack))


def copy_with_owners(what: Path, to: Path) -> None:
    """Copy a directory with its owners: PostgreSQL's files belong to an account of its own."""
    subprocess.run(["cp", "-a", what, to], check=True)
