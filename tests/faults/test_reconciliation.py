"""Losses that nobody tells of: each is found by one pass of reconciliation and mended, or told with what to do."""

import asyncio
import io
import re
import shlex
import shutil
import subprocess
import sysconfig
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, PauseWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.record import patient_index
from activities.record.blobs import has_blobs, keep_blob
from activities.record.event_codec import load_events
from activities.record.locks import HeldElsewhere, alone
from activities.record.read_models import running
from activities.record.read_models.status import wait_until_caught_up
from activities.record.reconciliation import list_passes
from activities.record.store import Opening, Record
from application.context import Context
from application.errors import Refused, Unavailable
from application.record.drift import Drift
from application.record.passes import reconcile_now, run_pass
from application.record.reconcile import reconcile
from application.settings import Settings
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import ANCHORS, register_search_attributes, resume, start, submit
from application.temporal.journeys import Journeys, Run
from application.temporal.runs import find_run, list_runs
from application.temporal.upkeep import keep_up
from deploy.local import stack as local
from deploy.local.stack import run_worker
from deploy.local.temporal import TemporalServer
from simulation.people import CLINIC as CLINIC_CODE
from simulation.people import referral
from simulation.stack import StaffedStack
from tests.faults.helpers import PROTOCOLS, Course, answers, at_work, blocked, command, run_cli, signal, support
from tests.faults.test_resets import foreign_event
from tests.fixtures.everything import everything, open_stack
from tests.helpers import eventually
from workflows.authenticity import Foreign
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, HandleMessage
from workflows.journey.events import Event
from workflows.journey.obligations import next_deadline, obligations
from workflows.journey.receipts import receipts_of
from workflows.messages import JourneyInput, JourneyResult, mark_version
from workflows.search_attributes import CLINIC, STAGE
from workflows.signals import Signal, Unchecked
from workflows.temporal_plugin import CarePathwayPlugin

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

BOOK = Path(__file__).parents[2] / "docs" / "how-to" / "when-something-is-wrong.md"
LATER = timedelta(minutes=10)
"""So long after what happened a pass is made here: by then both sides must agree."""


class PausingServer(TemporalServer):
    """A server on which somebody may pause a workflow."""

    def _command(self) -> list[str | Path]:
        return [*super()._command(), "--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"]


class Ground(NamedTuple):
    """A stack of its own, whose Temporal may be put back, with a worker that is at work."""

    stack: StaffedStack
    client: Client
    record: Record
    settings: Settings

    async def begin(self, count: int) -> list[Course]:
        courses = [Course(self.client, self.record, self.stack.signers, self.settings.task_queue) for _ in range(count)]
        for course in courses:
            await course.begin()
            await course.send(support())
            await course.recorded()
        return courses

    @asynccontextmanager
    async def context(self, later: timedelta = LATER) -> AsyncIterator[Context]:
        @asynccontextmanager
        async def journeys(_: Settings) -> AsyncIterator[Journeys]:
            yield TemporalJourneys(self.client, self.settings.task_queue)

        def now() -> datetime:
            return datetime.now(UTC) + later

        async with Context(load=lambda: self.settings, connect=journeys, now=now) as context:
            yield context

    async def reconcile(self, *, repair: bool = True) -> dict[UUID, tuple[Drift, bool]]:
        async with self.context() as context:
            done = await reconcile(context, repair=repair)
        return {each.journey_id: (each.drift, each.repaired) for each in done.found}

    def at_work(self, **options: Any) -> AbstractAsyncContextManager[None]:
        return at_work(self.client, self.record, self.stack.signers, self.settings.task_queue, **options)

    async def put_back(self, copy: Path) -> None:
        """Put a copy of Temporal's database in the place of what it has now."""
        await self.stack.temporal.stop()
        data = self.stack.directory / "temporal"
        shutil.rmtree(data)
        shutil.copytree(copy, data)
        await self.stack.temporal.start()

    async def copied(self, copy: Path) -> None:
        """Copy Temporal's database, as a backup would."""
        await self.stack.temporal.stop()
        shutil.copytree(self.stack.directory / "temporal", copy)
        await self.stack.temporal.start()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "TemporalServer", PausingServer)
        directory = tmp_path_factory.mktemp("reconciliation")
        async with (
            open_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack,
            stack.open_record(everything(stack.postgres)) as record,
            stack.codec() as codec,
        ):
            address, namespace = stack.temporal.address, stack.temporal.namespace
            client = await Client.connect(address, namespace=namespace, plugins=[CarePathwayPlugin(codec)])
            await register_search_attributes(client)
            for name, value in stack.worker_env.items():
                patch.setenv(name, value)
            settings = Settings(build_id=None)
            yield Ground(stack, client, record, settings)


@pytest.fixture
async def working(ground: Ground) -> AsyncIterator[Ground]:
    """The stack with a worker at work."""
    async with ground.at_work():
        yield ground


async def ended(ground: Ground, course: Course) -> None:
    await course.handle.terminate("a test")


async def deleted(ground: Ground, course: Course) -> None:
    await ground.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=ground.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
        ),
        retry=True,
    )

    async def gone() -> bool:
        return await find_run(ground.client, course.id) is None

    await eventually(gone)


async def test_what_temporal_ended_or_lost_runs_again_with_its_deadlines(working: Ground) -> None:
    ground = working
    lost, forgotten, kept = await ground.begin(3)
    before = {course.id: await course.recorded() for course in (lost, forgotten, kept)}
    runs = {run.journey_id: run.run_id async for run in list_runs(ground.client)}
    await ended(ground, lost)
    await deleted(ground, forgotten)

    assert await ground.reconcile(repair=False) == {lost.id: (Drift.ENDED, False), forgotten.id: (Drift.LOST, False)}
    assert await ground.reconcile() == {lost.id: (Drift.ENDED, True), forgotten.id: (Drift.LOST, True)}

    assert await ground.reconcile() == {}
    for course in (lost, forgotten, kept):
        assert await course.recorded() == before[course.id]
        waiting = await course.handle.query(CareJourney.obligations)
        assert waiting == obligations(before[course.id])
    now = {run.journey_id: run.run_id async for run in list_runs(ground.client)}
    assert now[kept.id] == runs[kept.id]


async def test_a_run_that_was_ended_before_it_did_anything_is_begun_anew(ground: Ground) -> None:
    """There is no task to set it back to."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    before = await load_events(ground.record, course.id)
    await ended(ground, course)
    await resume(ground.client, before, task_queue=ground.settings.task_queue)
    await ended(ground, course)
    async with ground.at_work():
        assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
        await course.send(support("invented: and on"))
        assert (await course.recorded()).version > len(before)


async def test_what_waited_when_a_run_began_is_handed_in_again(ground: Ground) -> None:
    """A run hands on what it has not decided on. It stands in no event of the next one, but for its start."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    before = await load_events(ground.record, course.id)
    await ended(ground, course)
    read, checked = command(support("invented: to be read")), command(support("invented: to be checked"))
    content = read.model_dump_json().encode()
    given = JourneyInput(
        journey=fold(before),
        receipts=receipts_of(before),
        signals=(Signal(name="command", contents=(content,), size=len(content), authentic=True),),
        unchecked=(Unchecked(command=checked, authentic=True),),
    )
    queue, name = ground.settings.task_queue, workflow_id(course.id)
    await ground.client.start_workflow(CareJourney.run, given, id=name, task_queue=queue)
    await ended(ground, course)
    async with ground.at_work():
        assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
        for each in (read, checked):
            await eventually(lambda: knows(course, each.command_id))  # noqa: B023 - of this round


async def test_what_ops_have_handled_does_not_come_back(working: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is begun anew is handed what the last one had not recorded. A handled message stands in the state in
    short."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await signal(course, "noise", b"x" * 5_000)

    async def kept() -> bool:
        return "message-1" in (await course.recorded()).messages

    await eventually(kept)
    await course.send(HandleMessage(message="message-1", text="invented: seen"), by=Role.OPS)
    before = await course.recorded()
    await ended(ground, course)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await course.send(support("invented: and on"))
    assert (await course.recorded()).messages == before.messages


async def test_what_was_accepted_and_not_recorded_survives_a_terminate(working: Ground) -> None:
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted during an outage"))
    await submit(ground.client, course.id, accepted)
    await ended(ground, course)
    await ground.stack.postgres.start()

    async def answers() -> bool:
        return accepted.command_id not in await course.commands()

    await eventually(answers)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await eventually(lambda: knows(course, accepted.command_id))


async def test_others_have_their_turn_while_a_long_journey_is_begun_anew(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands still for ten seconds loses the lock, and then nothing would ever be mended."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await ended(ground, course)
    turns, meanwhile = 0, list[int]()

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    def slow(events: Iterable[Event]) -> Journey:
        before, until = turns, time.monotonic() + 30
        while turns == before and time.monotonic() < until:
            time.sleep(0.01)
        meanwhile.append(turns - before)
        return fold(events)

    monkeypatch.setattr("application.record.repair.fold", slow)
    monkeypatch.setattr("application.temporal.journey_client.fold", slow)
    turning = asyncio.create_task(turn())
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)
    turning.cancel()
    assert len(meanwhile) >= 2
    assert all(meanwhile)


async def test_what_was_accepted_comes_with_the_run_that_is_begun_anew(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes between: right after the start, whoever mends may be killed."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    monkeypatch.setattr("application.temporal.run_control.hand_in", None)
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted during an outage"))
    await submit(ground.client, course.id, accepted)
    await signal(course, "noise", b"invented: and this")
    await ended(ground, course)
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await eventually(lambda: knows(course, accepted.command_id))
    assert [message.name for message in (await course.recorded()).messages.values()] == ["noise"]
    # Its next page to ops is due within minutes: a pass that looks from `LATER` would miss it.
    await course.send(HandleMessage(message="message-1", text="invented: seen"), by=Role.OPS)
    await course.recorded()


async def test_what_somebody_starts_in_the_place_of_a_journey_is_driven_out(working: Ground) -> None:
    """They end the journey just after it accepted something, and start another thing that shows all that it showed."""
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted just before"))
    await submit(ground.client, course.id, accepted)
    shown = (await course.handle.describe()).typed_search_attributes
    await ended(ground, course)
    plain = await Client.connect(ground.stack.temporal.address)
    await plain.start_workflow(
        "CareJourney", {}, id=workflow_id(course.id), task_queue="nobody", search_attributes=shown
    )
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert await ground.reconcile() == {course.id: (Drift.SQUATTED, True)}
    await eventually(lambda: knows(course, accepted.command_id))
    assert course.id not in await ground.reconcile()


async def squatted_and_left(ground: Ground, journey_id: UUID) -> None:
    """Somebody without the keys holds the id of a journey for a moment."""
    plain = await Client.connect(ground.stack.temporal.address)
    stranger = await plain.start_workflow("CareJourney", {}, id=workflow_id(journey_id), task_queue="nobody")
    await stranger.terminate("invented: gone again")


async def test_what_somebody_started_in_the_place_of_a_journey_and_ended_hides_nothing(working: Ground) -> None:
    """The last run is a stranger's. What the journey had accepted is in the one before."""
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted just before"))
    await submit(ground.client, course.id, accepted)
    await ended(ground, course)
    await squatted_and_left(ground, course.id)
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)
    await eventually(lambda: knows(course, accepted.command_id))


async def test_a_run_that_another_pass_began_goes_on(working: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw the same run that had ended. Ops may make a pass while a worker makes one."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await ended(ground, course)
    end, begun = TemporalJourneys.end, list[str]()

    async def late(self: TemporalJourneys, run: Run) -> None:
        if not begun:
            begun.append("")
            assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
            begun.append((await course.handle.describe()).run_id)
        await end(self, run)

    monkeypatch.setattr(TemporalJourneys, "end", late)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    assert (await course.handle.describe()).run_id == begun[1]
    await course.send(support("invented: and on"))
    await course.recorded()


async def test_whatever_is_wrong_with_one_journey_the_others_are_mended(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = working
    wrong, right = await ground.begin(2)
    for course in (wrong, right):
        await ended(ground, course)
    set_back = TemporalJourneys.set_back

    async def unforeseen(self: TemporalJourneys, run: Run) -> bool:
        if run.journey_id == wrong.id:
            raise ValueError("invented: nobody foresaw this")
        return await set_back(self, run)

    with monkeypatch.context() as patched:
        patched.setattr(TemporalJourneys, "set_back", unforeseen)
        assert await ground.reconcile() == {wrong.id: (Drift.ENDED, False), right.id: (Drift.ENDED, True)}
    assert await ground.reconcile() == {wrong.id: (Drift.ENDED, True)}


async def knows(course: Course, command_id: UUID) -> bool:
    return command_id in await course.commands()


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


@pytest.mark.parametrize("cached", [1000, 0], ids=["worker remembers", "worker replays"])
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


async def test_a_journey_whose_history_does_not_replay_begins_anew_in_the_same_pass(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set back to wherever, such a run never goes on: this must not be tried at each pass. What it takes until its last
    moment goes with it."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    other = Worker(
        ground.client,
        task_queue=ground.settings.task_queue,
        workflows=[OtherJourney],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with other:
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


async def _timers(course: Course, count: int) -> bool:
    history = (await course.runs())[0]
    return sum(event.timer_started_event_attributes.start_to_fire_timeout.seconds == 1000 for event in history) >= count


async def test_a_second_writer_is_told_and_never_overruled(working: Ground) -> None:
    ground = working
    [course] = await ground.begin(1)
    await foreign_event(ground.record, course.id)
    await submit(ground.client, course.id, command(support("invented: and where would it be recorded?")))

    async def quarantined() -> bool:
        return (await course.status()).health == "diverged"

    await eventually(quarantined)
    rows = await course.rows()
    assert await ground.reconcile() == {course.id: (Drift.QUARANTINED, False)}
    assert await course.rows() == rows
    with pytest.raises(Refused):
        await submit(ground.client, course.id, command(support()))
    await course.handle.terminate("the end of this test")
    # An ended run is set back, and goes on from the record.
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)


async def pause(ground: Ground, course: Course) -> None:
    await ground.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=ground.client.namespace,
            workflow_id=workflow_id(course.id),
            reason="a test",
            identity="a test",
            request_id=str(uuid4()),
        ),
        retry=True,
    )


async def as_the_book_says(ground: Ground, words: str, *, journey: Course | None = None, build: str = "") -> None:
    """Run the command that the book gives for a difference, once its build is known to Temporal."""
    [line] = {line for line in re.findall(r"`(temporal [^`]*)`", BOOK.read_text()) if words in line}
    for name, value in {"BUILD": build, "journey/ID": "" if journey is None else workflow_id(journey.id)}.items():
        line = line.replace(name, value)
    program, *arguments = shlex.split(line)

    async def done() -> bool:
        process = await asyncio.create_subprocess_exec(
            Path(sysconfig.get_path("scripts")) / program, *arguments, "--address", ground.stack.temporal.address
        )
        return await process.wait() == 0

    await eventually(done)


def test_the_book_has_every_difference() -> None:
    section = BOOK.read_text().partition("## `record reconcile` found something")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert rows == {drift.value for drift in Drift}


async def test_a_paused_run_hides_no_other(working: Ground) -> None:
    ground = working
    paused, lost = await ground.begin(2)
    await pause(ground, paused)
    await ended(ground, lost)

    code, found = await run_cli(ground.stack, "record", "reconcile")
    assert code == 7
    told = {UUID(each["journey_id"]): each["drift"] for each in found["findings"]}
    assert told == {paused.id: "paused", lost.id: "ended"}
    assert await ground.reconcile() == {paused.id: (Drift.PAUSED, False), lost.id: (Drift.ENDED, True)}

    await as_the_book_says(ground, "workflow unpause", journey=paused)
    assert await ground.reconcile() == {}


async def test_a_pause_ends_once_something_is_due(working: Ground) -> None:
    ground = working
    [paused] = await ground.begin(1)
    due = next_deadline(await paused.recorded())
    assert due is not None
    await pause(ground, paused)
    # As it will stand then: lists know what is due when.
    async with running(ground.record):
        await wait_until_caught_up(ground.record, timedelta(seconds=30))
    later = due + timedelta(seconds=1) - datetime.now(UTC)
    async with ground.context(later) as context:
        found = (await reconcile(context, repair=True)).found
    assert (paused.id, Drift.PAUSED) in {(each.journey_id, each.drift) for each in found}
    run = await find_run(ground.client, paused.id)
    assert run is not None
    assert run.state == "running"


async def test_search_attributes_that_were_deleted_come_back_with_their_values(working: Ground) -> None:
    ground = working
    courses = await ground.begin(2)
    await ground.client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace=ground.client.namespace, search_attributes=["JourneyStage", "JourneyClinic", "JourneyRecorded"]
        ),
        retry=True,
    )
    async with ground.context() as context:
        done = await reconcile(context, repair=True)
    assert done.also == ("search attributes registered: JourneyStage, JourneyClinic, JourneyRecorded",)
    assert {(each.drift, each.repaired) for each in done.found} == {(Drift.UNSHOWN, True)}
    assert {each.journey_id for each in done.found} >= {course.id for course in courses}
    assert await ground.reconcile() == {}
    for course in courses:
        shown = (await course.handle.describe()).typed_search_attributes
        assert (shown.get(STAGE), shown.get(CLINIC)) == ("evaluation", CLINIC_CODE)


async def test_a_schedule_that_was_paused_or_deleted_is_there_again(ground: Ground) -> None:
    every, queue = timedelta(hours=1), ground.settings.task_queue
    schedule = ground.client.get_schedule_handle(ANCHORS)
    await keep_up(ground.client, anchors_every=every, task_queue=queue)
    assert await keep_up(ground.client, anchors_every=every, task_queue=queue) == ()
    await schedule.pause()
    assert await keep_up(ground.client, anchors_every=every, task_queue=queue) == (f"schedule unpaused: {ANCHORS}",)
    await schedule.delete()
    assert await keep_up(ground.client, anchors_every=every, task_queue=queue) == (f"schedule made: {ANCHORS}",)


async def test_one_reconciles_at_a_time_and_each_pass_leaves_a_row(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground.context() as context, alone(ground.record, "record.reconcile_alone"):
        before = await list_passes(ground.record)
        assert await run_pass(context) is None
        # So it is for whoever repairs by hand: they wait, but not for ever.
        await reconcile_now(context, repair=False)
        monkeypatch.setattr("application.record.passes.AWAITED", timedelta())
        with pytest.raises(Unavailable, match="another pass is under way"):
            await reconcile_now(context, repair=True)
        assert await list_passes(ground.record) == before
        with pytest.raises(HeldElsewhere):
            async with alone(ground.record, "record.reconcile_alone"):
                pass
    async with ground.at_work():
        [course] = await ground.begin(1)
    await keep_blob(ground.record, b"invented", workflow_id(course.id))
    async with blocked(ground.stack, "UPDATE record.blob SET used_at = used_at - interval '91 days'"):
        pass
    async with ground.context() as context:
        done = await run_pass(context)
        assert done is not None
        assert not await has_blobs(ground.record, before=datetime.now(UTC))
        [last, *_] = await list_passes(ground.record)
        assert (last.build, last.code) == ("unversioned", None)
        assert (last.looked_at, last.different) == (done.looked_at, len(done.found))
        assert last.began <= last.ended


async def test_a_terminated_journey_runs_again_with_nobody_doing_anything(ground: Ground) -> None:
    env = {**ground.stack.worker_env, "CAREPATH_RECONCILE_SECONDS": "5"}
    async with await run_worker(env, ground.stack.logs / "worker.log"):
        [course] = await ground.begin(1)
        before = await course.recorded()
        await ended(ground, course)

        async def runs_again() -> bool:
            run = await find_run(ground.client, course.id)
            return run is not None and not run.ended and mark_version(run.mark) == before.version

        await eventually(runs_again, timedelta(seconds=90))
        assert await course.recorded() == before

        async def told() -> bool:
            return any(each.lost and each.mended for each in await list_passes(ground.record))

        await eventually(told)


async def test_a_record_that_was_put_back_gets_again_what_temporal_holds(working: Ground, tmp_path: Path) -> None:
    ground = working
    postgres, data = ground.stack.postgres, ground.stack.postgres.data_directory
    more, kept = await ground.begin(2)
    await postgres.stop()
    copy_with_owners(data, tmp_path / "copy")
    await postgres.start()
    await eventually(lambda: answers(ground.stack))
    await more.send(support("invented: after the copy"))
    await more.recorded()
    [young] = await ground.begin(1)
    before = {course.id: await ids(course) for course in (more, young, kept)}

    keys = await taken_keys(ground.stack)
    await postgres.stop()
    shutil.rmtree(data)
    copy_with_owners(tmp_path / "copy", data)
    await postgres.start()
    await eventually(lambda: answers(ground.stack))
    await put_keys(ground.stack, keys)
    assert await ground.reconcile() == {more.id: (Drift.AHEAD, False), young.id: (Drift.UNRECORDED, False)}

    code, shown = await run_cli(ground.stack, "record", "recover")
    assert code == 7
    assert {UUID(each["journey_id"]): (each["recorded"], each["version"]) for each in shown["journeys"]} == {
        more.id: (len(await ids(more)), len(before[more.id])),
        young.id: (0, len(before[young.id])),
    }
    assert await ids(young) == []

    code, done = await run_cli(ground.stack, "record", "recover", "--apply")
    assert (code, [each["problem"] for each in done["journeys"]]) == (0, [None, None])
    for course in (more, young, kept):
        assert await ids(course) == before[course.id]
        await course.send(support("invented: and on"))
        await course.recorded()
    assert await ground.reconcile() == {}
    assert await run_cli(ground.stack, "record", "recover") == (0, {"applied": False, "journeys": []})
    _, verified = await run_cli(ground.stack, "record", "verify", "--without", "read-models", "--without", "anchors")
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
    postgres, data = ground.stack.postgres, ground.stack.postgres.data_directory
    more, kept = await ground.begin(2)
    await postgres.stop()
    copy_with_owners(data, tmp_path / "copy")
    await postgres.start()
    await eventually(lambda: answers(ground.stack))
    await more.send(support("invented: after the copy"))
    await more.recorded()
    [young] = await ground.begin(1)
    before = {course.id: await ids(course) for course in (more, kept)}

    await postgres.stop()
    shutil.rmtree(data)
    copy_with_owners(tmp_path / "copy", data)
    await postgres.start()
    await eventually(lambda: answers(ground.stack))
    _, done = await run_cli(ground.stack, "record", "recover", "--apply")
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
    _, verified = await run_cli(ground.stack, "record", "verify", "--without", "read-models", "--without", "anchors")
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


def copy_with_owners(what: Path, to: Path) -> None:
    """Copy a directory as a backup does: PostgreSQL's files belong to an account of its own."""
    subprocess.run(["cp", "-a", what, to], check=True)


async def test_what_nobody_began_and_what_nobody_recorded_is_told(ground: Ground) -> None:
    unstarted, squatted, unrecorded = uuid4(), uuid4(), uuid4()
    for each in (unstarted, squatted):
        opening = Opening(patient_keys=(ground.record.patients.of_ref(f"invented-{each}"),), medicine="none")
        await patient_index.enrol(ground.record, opening, pathway="PTSD", request_id=uuid4(), journey_id=each)
    # There is nothing to begin it from, whoever held its id.
    await squatted_and_left(ground, squatted)
    await start(ground.client, referral(PROTOCOLS["PTSD"], unrecorded), task_queue=f"nobody-{uuid4()}")

    async def listed() -> bool:
        return unrecorded in [run.journey_id async for run in list_runs(ground.client)]

    await eventually(listed)
    found = await ground.reconcile()
    never = (Drift.UNSTARTED, False)
    assert found == {unstarted: never, squatted: never, unrecorded: (Drift.UNRECORDED, False)}
    await ground.client.get_workflow_handle(workflow_id(unrecorded)).terminate("the end of this test")


async def test_a_journey_of_a_stopped_build_is_moved(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the current build is stopped too, the book says what to do."""
    own_queue = ground.settings.model_copy(update={"task_queue": f"builds-{uuid4()}"})
    ground = ground._replace(settings=own_queue)
    async with ground.at_work(build_id="one"):
        await as_the_book_says(ground, "worker deployment set-current-version", build="one")
        [course] = await ground.begin(1)

    async def builds(_: TemporalJourneys) -> frozenset[str]:
        return frozenset({"care-pathway:two"})  # as it is two minutes later

    monkeypatch.setattr(TemporalJourneys, "builds", builds)
    async with ground.at_work(build_id="two"):
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, False)
        await as_the_book_says(ground, "worker deployment set-current-version", build="two")
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, True)
        await course.send(support("invented: on the new build"))
        assert course.id not in await ground.reconcile()
