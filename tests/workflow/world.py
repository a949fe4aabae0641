"""Journeys on real servers with invented people: started, played, and looked at from every side."""

import asyncio
import os
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.common import RawValue

from activities.record import Record, migrate
from activities.record.event_codec import from_stored, load_events
from activities.signatures.sessions import ThisLog
from application.temporal.journey_client import submit
from deploy.local.postgres import Database
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers
from simulation.people import PEOPLE, look_up, person_of, referral
from simulation.player import Follower, SkippedTime, play, start_at
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.fixtures.workflow_cache import USUAL, workflow_cache
from tests.helpers import eventually
from worker import build_worker
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command, CommandBody
from workflows.journey.events import Event
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Protocol
from workflows.journey.receipts import CommandReceipt, add_receipts
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyResult, Receipt

Handle: TypeAlias = WorkflowHandle[CareJourney, JourneyResult]
Send: TypeAlias = Callable[["Case", Command], Awaitable[object]]


PLACES = (
    "Pacific/Niue", "Pacific/Tahiti", "Pacific/Gambier", "Pacific/Pitcairn", "America/Hermosillo",
    "America/Costa_Rica", "America/Bogota", "America/Guyana", "America/Sao_Paulo", "Atlantic/South_Georgia",
    "Atlantic/Cape_Verde", "Atlantic/Reykjavik", "Africa/Lagos", "Africa/Maputo", "Africa/Nairobi", "Asia/Dubai",
    "Indian/Maldives", "Asia/Dhaka", "Asia/Bangkok", "Asia/Singapore", "Asia/Tokyo", "Australia/Brisbane",
    "Pacific/Guadalcanal", "Pacific/Tarawa",
)  # fmt: skip
"""A place per whole hour from 11 behind UTC to 12 ahead of it, none of which changes its clocks."""


def morning_zone(at: datetime | None = None) -> str:
    """Return a zone where it is past nine in the morning, whenever a test runs: no quiet hours disturb it."""
    return PLACES[(9 - (at or datetime.now(UTC)).hour + 11) % 24]


class EarlyServer(TemporalServer):
    """A development server that suggests to continue as new after a few events instead of thousands."""

    def __init__(self, log_path: Path) -> None:
        super().__init__(log_path, time_skipping=True, headless=True)

    def _command(self) -> list[str | Path]:
        return [*super()._command(), "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40"]


BEGINS = datetime.fromisoformat(os.environ["JOURNEYS_BEGIN"]) if "JOURNEYS_BEGIN" in os.environ else None
"""When journeys on real servers begin, where `make dates` says so."""


class World:
    """A server, a worker and a record, and the journeys that were started on them."""

    def __init__(self, client: Client, record: Record, database: Database, signers: Signers, task_queue: str) -> None:
        self.client, self.record, self.database, self.task_queue = client, record, database, task_queue
        self.signers = signers
        self.cases: list[Case] = []

    async def begin(self, protocol: Protocol, *, zone: str | None = None, begins: datetime | None = BEGINS) -> "Case":
        """Start a journey, now or at a moment to come (UTC), and return once its first events are recorded."""
        journey_id = uuid4()
        opening = referral(protocol, journey_id, zone=zone or morning_zone(begins))
        handle: Handle = self.client.get_workflow_handle_for(CareJourney.run, workflow_id(journey_id))
        clock = await start_at(self.client, opening, task_queue=self.task_queue, begins=begins)
        follower = Follower(self.record, journey_id)
        case = Case(self, handle, opening, clock, follower, await follower.at_least(1))
        self.cases.append(case)
        return case


class Case:
    """One journey: its people act through `act`, `play` and `send`, and `journey` is what the record has of it."""

    def __init__(
        self, world: World, handle: Handle, opening: Command, clock: SkippedTime, follower: Follower, journey: Journey
    ) -> None:
        self.world, self.handle, self.opening, self.clock = world, handle, opening, clock
        self.journey, self._follower = journey, follower
        self.sent: list[Command] = [opening]
        self.receipts: dict[UUID, Receipt] = {}
        self._recorded: dict[UUID, CommandReceipt] = {}
        self._read_to = 0

    @property
    def id(self) -> UUID:
        return self.journey.id

    async def signed(self, command: Command) -> Command:
        """A decision with the signature of whoever makes it, made now; any other command as it is."""
        return self.world.signers.signed(self.id, command, await self.clock.now(), self.journey.scope)

    async def submit(self, command: Command) -> Receipt:
        """Send a command as an update, and wait until what follows from it is recorded."""
        command = await self.signed(command)
        self.sent.append(command)
        receipt = await submit(self.world.client, self.id, command, timeout=timedelta(minutes=1))
        self.receipts[command.command_id] = receipt
        await self.reach(receipt.version)
        return receipt

    async def signal(self, command: Command) -> None:
        """Send a command as a signal, and wait until what became of it is recorded."""
        command = await self.signed(command)
        self.sent.append(command)
        await self.handle.signal("command", command)
        await self.known(command)

    async def signal_by_hand(self, command: Command) -> None:
        """The same, by somebody without the service's keys."""
        command = await self.signed(command)
        self.sent.append(command)
        client = self.world.client
        bare = await Client.connect(
            client.service_client.config.target_host, namespace=client.namespace, identity=client.identity
        )
        written = Payload(metadata={"encoding": b"json/plain"}, data=command.model_dump_json().encode())
        await bare.get_workflow_handle(self.handle.id).signal("command", RawValue(written))
        await self.known(command)

    async def signal_by_command_line(self, command: Command) -> None:
        """The same, with Temporal's own command line."""
        command = await self.signed(command)
        self.sent.append(command)
        await self.command_line_signal("command", command.model_dump_json())
        await self.known(command)

    async def command_line_signal(self, name: str, payload: str) -> None:
        server = self.world.client.service_client.config.target_host
        arguments = ["--address", server, "--namespace", self.world.client.namespace]
        arguments += ["--identity", self.world.client.identity, "--workflow-id", self.handle.id]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(payload)
            file.flush()
            process = await asyncio.create_subprocess_exec(
                Path(sysconfig.get_path("scripts")) / "temporal",
                *("workflow", "signal", *arguments, "--name", name, "--input-file", file.name),
                env={**environment, "TEMPORAL_CONFIG_FILE": os.devnull},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()

    async def act(self, role: Role, body: CommandBody) -> None:
        """Somebody does this."""
        await self.submit(said(role, body, of=self.id).model_copy(update={"named": look_up(self.journey, body)}))

    async def known(self, command: Command) -> None:
        """Wait until the record knows a command, whatever else is recorded before."""
        while command.command_id not in self._recorded:
            await self.reach(self._read_to + 1)
            stored = await self.world.record.load(self.id, after_version=self._read_to)
            add_receipts(self._recorded, map(from_stored, stored))
            self._read_to += len(stored)
        await self.reach(self._recorded[command.command_id].version)

    async def reach(self, version: int) -> Journey:
        self.journey = await self._follower.at_least(version)
        return self.journey

    async def play(
        self,
        *,
        until: Callable[[Journey], bool] = lambda journey: journey.closed,
        late: Collection[str] = (),
        unwell: Collection[str] = (),
        sees: Callable[[Obligation], bool] | None = None,
        send: Send | None = None,
    ) -> Journey:
        """Let the people act until the journey ends or ``until`` is true.

        They see to the obligations that ``sees`` is true of; the others are left to the clock.
        """
        by = _ByWayOf(self, send or Case.submit)
        return await play(by, until=until, late=late, unwell=unwell, sees=sees)

    async def events(self) -> tuple[Event, ...]:
        return await load_events(self.world.record, self.id)

    async def histories(self) -> list[WorkflowHistory]:
        """The history of every run, first to last."""
        description = (await self._describe()).workflow_execution_info
        run_id = description.first_run_id or description.execution.run_id
        runs = []
        while run_id:
            handle = self.world.client.get_workflow_handle(self.handle.id, run_id=run_id)
            runs.append(await handle.fetch_history())
            run_id = runs[-1].events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return runs

    async def history_events(self) -> list[HistoryEvent]:
        return [event for run in await self.histories() for event in run.events]

    async def quiet(self) -> None:
        """Return once nothing is under way: all is recorded, no activity runs, no workflow task is due."""

        async def nothing_under_way() -> bool:
            description = await self._describe()
            return not description.pending_activities and not description.HasField("pending_workflow_task")

        await eventually(nothing_under_way)

    async def _describe(self) -> DescribeWorkflowExecutionResponse:
        return await self.world.client.workflow_service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(
                namespace=self.world.client.namespace, execution=WorkflowExecution(workflow_id=self.handle.id)
            ),
            retry=True,
        )


@dataclass
class _ByWayOf:
    """A case whose people send their commands in one of the ways there are."""

    case: Case
    send: Send

    async def look(self) -> tuple[Journey, datetime]:
        return self.case.journey, await self.case.clock.now()

    async def submit(self, command: Command) -> None:
        await self.send(self.case, command)

    async def wait_until(self, moment: datetime) -> None:
        deadline = next_deadline(self.case.journey)
        await self.case.clock.wait_until(moment)
        if deadline is not None and deadline <= await self.case.clock.now():
            await self.case.reach(self.case.journey.version + 1)


def said(role: Role, body: Any, command_id: UUID | None = None, *, of: UUID | None = None) -> Command:
    """A command of the invented person in this role: of this journey, where it has one of its own."""
    actor = PEOPLE[role] if of is None else person_of(of, role)
    return Command(command_id=command_id or uuid4(), actor=actor, body=body, named=look_up(None, body))


@asynccontextmanager
async def open_world(
    client: Client, database: Database, signers: Signers, *, task_queue: str, max_cached: int = USUAL
) -> AsyncIterator[World]:
    """A worker on this client, with a record in this database, which is migrated first."""
    await migrate(database.owner_url, demonstration=True)
    async with (
        open_clear(everything(database)) as record,
        build_worker(
            client,
            record,
            signers.register,
            log=ThisLog(await record.log_name(), demonstration=True),
            demonstrations=True,
            task_queue=task_queue,
            max_cached=workflow_cache(max_cached),
        ),
    ):
        yield World(client, record, database, signers, task_queue)
