"""What the fault tests share: a journey as its people see it, and what must hold of it after any fault."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest, SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker
from typer.testing import CliRunner

from activities.blob_storage import storage_of
from activities.record.errors import RecordUnavailable
from activities.record.event_codec import load_events, load_journey
from activities.record.store import Record
from activities.record.verification.chains import RecordFinding, verify_chains
from activities.signatures.sessions import ThisLog
from application.context import Context
from application.errors import Refused, Unavailable
from application.settings import load_settings
from application.temporal.builds import identity_of_worker
from application.temporal.journey_client import start, submit
from cli.app import app
from deploy.local.stack import Stack
from simulation.keys import Signers
from simulation.people import PEOPLE, look_up, person_of, referral
from simulation.player import Follower, ServerDriver, SkippedTime, play
from tests.cli.helpers import OPS
from tests.fixtures.everything import everything
from tests.fixtures.workflow_cache import USUAL, workflow_cache
from tests.helpers import eventually, task_failures
from worker import build_worker
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.receipts import receipts_of
from workflows.journey.views.summary import Status
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyResult, Receipt
from workflows.protocols import list_pathways
from workflows.protocols.demonstration import load_demonstration
from workflows.temporal_plugin import with_storage

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = timedelta(seconds=60)
LOG_LOCK = "SELECT record.lock_row(1::smallint, 'append')"
"""What `blocked` takes so that nothing is recorded."""
PROTOCOLS: Mapping[Pathway, Protocol] = {pathway: load_demonstration(pathway) for pathway in list_pathways()}

AT_RISK = c.RecordInstrument(
    instrument=Instrument.C_SSRS,
    occasion="asked-during-a-fault",
    answers={**{f"q{number}": True for number in range(1, 7)}, "q6_recent": True},
)
"""A finding that raises alarms."""

Row = tuple[Any, ...]
As = Callable[[Role], Context]
"""A request of the invented person of a role."""


class Course:
    """One journey, the commands its people sent, and the receipts they hold."""

    def __init__(
        self,
        client: Client,
        record: Record,
        signers: Signers,
        task_queue: str,
        pathway: Pathway = "ANXIETY",
    ) -> None:
        self.client, self.record, self.signers, self.task_queue = client, record, signers, task_queue
        self.id = uuid4()
        self.opening = referral(PROTOCOLS[pathway], self.id)
        self.receipts: dict[UUID, Receipt] = {}
        self._follower = Follower(record, self.id)
        self.retried = 0

    @property
    def handle(self) -> WorkflowHandle[CareJourney, JourneyResult]:
        """Of whatever run is the latest: nobody outside knows about runs."""
        return self.client.get_workflow_handle_for(CareJourney.run, workflow_id(self.id))

    async def begin(self) -> None:
        """Start the journey, so that its time can be skipped, and wait for its record."""
        skipping = TimeSkipper(self.client, config=TimeSkippingConfig(enabled=False)).client
        await start(skipping, self.opening, task_queue=self.task_queue)
        await self.record.wait_for(self.id, 1, PATIENCE)

    async def submit(self, command: c.Command) -> Receipt:
        """Send a command as people do: again, as it is, until there is an answer."""
        until = monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                receipt = await submit(self.client, self.id, command, timeout=timedelta(seconds=5))
            except Unavailable:
                self.retried += 1
                if monotonic() > until:
                    raise
                await asyncio.sleep(0.05)
            else:
                self.receipts[command.command_id] = receipt
                return receipt

    async def send(self, body: Any, by: Role = Role.COORDINATOR) -> Receipt:
        return await self.submit(command(body, by, of=self.id))

    async def play(self, until: Callable[[Journey], bool] = lambda journey: journey.closed) -> Journey:
        """Play on until the journey ends, or until ``until`` is true of it, whatever happens meanwhile."""
        clock = SkippedTime(TimeSkipper(self.client), self.handle)
        return await play(ServerDriver(self.id, self.signers, clock, self.submit, self._at_least), until=until)

    async def _at_least(self, version: int) -> Journey:
        """The journey as recorded, once it has this version; an outage of the record is waited out."""
        until = monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                return await self._follower.at_least(version)
            except RecordUnavailable:
                if monotonic() > until:
                    raise
                await asyncio.sleep(0.05)

    async def status(self) -> Status:
        return await self.handle.query(CareJourney.status)

    async def recorded(self) -> Journey:
        """Wait until everything the journey has decided is recorded, and return its state from the record, also where
        somebody ends its connections meanwhile.

        Raises:
            TimeoutError: the workflow and the record did not come to agree.
        """
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while True:
                now, journey = await self.status(), None
                with suppress(RecordUnavailable):
                    journey = await load_journey(self.record, self.id)
                if journey is not None and now.version == now.recorded == journey.version:
                    return journey
                await asyncio.sleep(0.02)

    async def commands(self) -> Collection[UUID]:
        """The ids of the commands that the record knows."""
        return receipts_of(await load_events(self.record, self.id))

    async def rows(self) -> list[Row]:
        """The journey's rows as they are stored, every column."""
        stored = await self.record.load(self.id)
        return [tuple(event.model_dump().values()) for event in stored]

    async def runs(self) -> list[list[HistoryEvent]]:
        """The histories of all runs that led to the present one, newest first."""
        histories: list[list[HistoryEvent]] = []
        run_id: str | None = None
        while run_id != "":
            handle = self.client.get_workflow_handle(workflow_id(self.id), run_id=run_id)
            histories.append([event async for event in handle.fetch_history_events()])
            run_id = histories[-1][0].workflow_execution_started_event_attributes.continued_execution_run_id
        return histories

    async def checked(self) -> Journey:
        """What must hold whatever has happened; returns the journey as recorded.

        Versions without gaps, each event once, every receipt's command in the record at the version it was
        given, the journey's own state equal to the record's fold, and no task of the workflow failed.
        """
        journey = await self.recorded()
        events = await load_events(self.record, self.id)
        assert [event.version for event in events] == list(range(1, journey.version + 1))
        assert len({event.event_id for event in events}) == len(events)
        last = {event.command_id: event.version for event in events}
        known = receipts_of(events)
        for command_id, receipt in self.receipts.items():
            assert last[command_id] <= receipt.version <= journey.version
            assert known[command_id].version == last[command_id]
        failures = [failure for history in await self.runs() for failure in task_failures(history)]
        assert not failures, failures
        while True:
            waiting = () if journey.closed else await self.handle.query(CareJourney.obligations)
            asked, journey = journey, await self.recorded()
            # What was recorded while it was asked may have changed the answer: then it is asked again.
            if journey.version == asked.version:
                break
        assert {one.id for one in waiting} == set(() if journey.closed else journey.waiting)
        return journey


def command(
    body: Any, by: Role = Role.COORDINATOR, command_id: UUID | None = None, *, of: UUID | None = None
) -> c.Command:
    """A command of the invented person in this role: of this journey, where it has one of its own."""
    actor = PEOPLE[by] if of is None else person_of(of, by)
    return c.Command(command_id=command_id or uuid4(), actor=actor, body=body, named=look_up(None, body))


def support(text: str = "invented: please call back") -> c.RequestSupport:
    return c.RequestSupport(urgency="routine", text=text)


@asynccontextmanager
async def at_work(
    client: Client, record: Record, signers: Signers, task_queue: str, **options: Any
) -> AsyncIterator[None]:
    """A worker in this process. The log is one of a demonstration, unless it is given."""
    log = options.pop("log", None) or ThisLog(await record.log_name(), demonstration=True)
    options.setdefault("demonstrations", True)
    options["max_cached"] = workflow_cache(options.get("max_cached", USUAL))
    options["identity"] = await identity_of_worker(client, task_queue, options.get("build_id"))
    async with build_worker(client, record, signers.register, log=log, task_queue=task_queue, **options):
        yield


async def signal(course: Course, name: str, *contents: bytes, encoding: bytes = b"json/plain") -> None:
    """Send a signal with these payloads, whatever they are."""
    payloads = [Payload(metadata={"encoding": encoding}, data=content) for content in contents]
    await course.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=course.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            signal_name=name,
            input=Payloads(payloads=payloads) if payloads else None,
            request_id=str(uuid4()),
        ),
        # As every client does: while a run ends, Temporal takes no signal for a moment.
        retry=True,
    )


async def reset(course: Course, *, task: int = 0) -> None:
    """Set the latest run back to its workflow task of this number: 0 is the first, -1 the last. Another run may begin
    meanwhile, which has completed no task yet."""

    async def asked() -> bool:
        history = (await course.runs())[0]
        completed = [e.event_id for e in history if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
        if not completed:
            return False
        try:
            await course.client.workflow_service.reset_workflow_execution(
                ResetWorkflowExecutionRequest(
                    namespace=course.client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
                    reason="a test",
                    workflow_task_finish_event_id=completed[task],
                    request_id=str(uuid4()),
                ),
                retry=True,
            )
        except RPCError as error:
            if error.status != RPCStatusCode.INVALID_ARGUMENT:
                raise
            return False
        return True

    await eventually(asked)


async def refuse_accepted(course: Course, unfit: c.Command, worker: AbstractAsyncContextManager[None]) -> None:
    """Have a run without a worker take in a command that it refuses once a worker is there, and leaves no trace of."""
    # A run that was set back takes everything in, and decides it once it has read the record.
    await reset(course, task=-1)
    own = with_storage(course.client, storage_of(course.record))
    async with Worker(own, task_queue=course.task_queue, workflows=[CareJourney]):
        sent = asyncio.create_task(course.submit(unfit))

        async def accepted() -> bool:
            kinds = [event.event_type for event in (await course.runs())[0]]
            return EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED in kinds

        await eventually(accepted)
    async with worker:
        with pytest.raises(Refused):
            await sent


@asynccontextmanager
async def blocked(stack: Stack, statement: str) -> AsyncIterator[None]:
    """Run a statement as the superuser, and keep its locks until the end."""
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def answers(stack: Stack) -> bool:
    """Whether PostgreSQL takes connections; it may still be coming up."""
    try:
        connection = await asyncpg.connect(everything(stack.postgres))
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def findings(stack: Stack) -> tuple[RecordFinding, ...]:
    """What is wrong with the whole log."""
    connection = await asyncpg.connect(everything(stack.postgres))
    try:
        return await verify_chains(connection)
    finally:
        await connection.close()


AS_A_WORKER = {("record", "reconcile"), ("record", "recover"), ("record", "rebuild")}
"""The commands that need a worker's settings."""


def env_for(stack: Stack, words: tuple[str, ...]) -> dict[str, str]:
    """The variables with which a command finds a stack."""
    env = stack.worker_env if words[:2] in AS_A_WORKER else stack.env
    # What shows the state of the service is for ops.
    return env | {"CAREPATH_PROFILE": str(OPS)} if words[:1] == ("record",) else env


async def call_cli(stack: Stack, *words: str, given: object = None) -> tuple[int, Any]:
    """`run_cli` in this process, which saves the start of a program. One at a time: it is given the streams of the
    process, and its environment."""
    call = partial(
        CliRunner().invoke,
        app,
        [*words, "--json"],
        input=b"" if given is None else json.dumps(given).encode(),
        env=env_for(stack, words),
        obj=partial(Context, load=load_settings),
    )
    # The command line runs a loop of its own.
    ended = await asyncio.to_thread(call)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, json.loads(ended.stdout) if ended.stdout else None


async def run_cli(stack: Stack, *words: str, given: object = None) -> tuple[int, Any]:
    """A command as people run it, with a form on standard input: its exit code, and its JSON if it gave any."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", *words, "--json"),
        cwd=ROOT,
        env={**os.environ, **env_for(stack, words)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(b"" if given is None else json.dumps(given).encode())
    return process.returncode or 0, json.loads(out) if out else None
