"""What the timed benchmarks stand on: servers, workers, and journeys to which a fixed list of commands is sent."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4, uuid5

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client, WorkflowHandle

from activities.record.store import Record
from activities.signatures.sessions import prove
from application.temporal.journey_client import start, submit
from deploy.local.stack import WorkerProcess, run_worker
from simulation.people import person_of, referral
from simulation.stack import StaffedStack
from tests.benchmarks.bare import Bare
from tests.benchmarks.course import course, educated
from tests.fixtures.everything import everything, open_stack
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.commands import SIGNED, Command, CommandBody, Sign, Withdraw
from workflows.journey.events import ObligationsUpdated
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import WITHOUT_KEY, SessionCertificate
from workflows.messages import JourneyResult
from workflows.protocols.demonstration import load_demonstration
from workflows.temporal_plugin import CarePathwayPlugin

QUEUE = "care-pathway"
BARE_QUEUE = "bare"
PROTOCOL = load_demonstration("PTSD")
WITHIN = timedelta(seconds=60)
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Servers:
    """The local stack, its record, and a client with the service's own configuration."""

    stack: StaffedStack
    client: Client
    record: Record

    async def worker(self) -> WorkerProcess:
        """The service's worker, as it runs everywhere."""
        return await run_worker(self.stack.worker_env, self.stack.logs / "worker.log")

    async def bare_worker(self) -> WorkerProcess:
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return await run_worker(
            {**self.stack.worker_env, "CAREPATH_TASK_QUEUE": BARE_QUEUE, "PYTHONPATH": path},
            self.stack.logs / "bare_worker.log",
            program=Path(__file__).with_name("bare_worker.py"),
        )


@contextlib.asynccontextmanager
async def servers(directory: Path) -> AsyncIterator[Servers]:
    """Start PostgreSQL and Temporal, empty, and stop them at the end."""
    async with open_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack:
        temporal = stack.temporal
        async with stack.codec() as codec, stack.open_record(everything(stack.postgres)) as record:
            plugin = CarePathwayPlugin(codec)
            client = await Client.connect(temporal.address, namespace=temporal.namespace, plugins=[plugin])
            yield Servers(stack, client, record)


def inputs() -> tuple[Command, ...]:
    """What people do after a referral up to the end of education: all that a journey takes without waiting for time.
    The clock of the servers wakes the journey by itself."""
    steps = course("PTSD", datetime.now(UTC) - timedelta(hours=1), educated)
    return tuple(step.command for step in steps[1:] if step.command.actor.role != Role.SYSTEM)


Session: TypeAlias = tuple[SessionCertificate, Ed25519PrivateKey]


class Patient:
    """A journey on the servers, taken through a fixed list of commands one by one. ``in_session``: people prove who
    they are, each in one session for all they send. ``sent`` are the commands that were played."""

    def __init__(self, servers: Servers, *, in_session: bool = False) -> None:
        self._servers, self._in_session = servers, in_session
        self._sessions: dict[str, Session] = {}
        self.sent: list[Command] = []
        self.id = uuid4()
        self._read = 0
        self._requests: dict[str, Obligation] = {}

    async def start(self) -> WorkflowHandle[CareJourney, JourneyResult]:
        await start(self._servers.client, referral(PROTOCOL, self.id), task_queue=QUEUE)
        return self._servers.client.get_workflow_handle_for(CareJourney.run, workflow_id(self.id))

    async def prepared(self, command: Command, version: int) -> Command:
        """This command for this journey, from its own patient where it is the patient's. Whoever signs reads first, in
        the record, what there is to sign."""
        body: CommandBody = command.body
        if isinstance(body, Sign):
            await self._read_up_to(version)
            asked = self._requests[body.request.rpartition(":")[0]]
            body = body.model_copy(update={"request": asked.id, "evidence": asked.evidence, "signature": None})
        actor = person_of(self.id, Role.PATIENT) if command.actor.role == Role.PATIENT else command.actor
        command_id = uuid5(self.id, str(command.command_id))
        sent = command.model_copy(update={"command_id": command_id, "actor": actor, "body": body})
        return self._servers.stack.signers.signed(self.id, sent, datetime.now(UTC))

    async def session_for(self, command: Command) -> Session | None:
        """Return the session that its sender proves a command with; None where none is needed."""
        if not self._in_session or isinstance(command.body, SIGNED):
            return None
        person = command.actor
        if person.id not in self._sessions:
            way = "link" if person.role in WITHOUT_KEY else None
            log = await self._servers.record.log_name()
            self._sessions[person.id] = self._servers.stack.signers.acting(log, person, datetime.now(UTC), way=way)
        return self._sessions[person.id]

    async def proven(self, command: Command) -> Command:
        session = await self.session_for(command)
        return command if session is None else prove(*session, self.id, command, datetime.now(UTC))

    async def play(self, commands: Sequence[Command]) -> None:
        """Start, send all commands, each once the one before is accepted, withdraw, and see the journey end."""
        handle = await self.start()
        version = 1
        for command in (*commands, withdrawal(self.id)):
            self.sent.append(await self.proven(await self.prepared(command, version)))
            version = (await submit(self._servers.client, self.id, self.sent[-1])).version
        await handle.result()

    async def _read_up_to(self, version: int) -> None:
        await self._servers.record.wait_for(self.id, version, WITHIN)
        for event in await self._servers.record.load(self.id, after_version=self._read):
            self._read = event.version
            if event.event_type == "obligations.updated":
                updated = ObligationsUpdated.model_validate(json.loads(event.payload)["body"])
                self._requests |= {opened.key: opened for opened in updated.opened}


async def start_bare(servers: Servers, updates: int) -> WorkflowHandle[Bare, int]:
    """A bare workflow, started with the bytes a journey is started with."""
    return await servers.client.start_workflow(
        Bare.run, args=[referral(PROTOCOL, uuid4()), updates], id=f"bare/{uuid4()}", task_queue=BARE_QUEUE
    )


async def play_bare(servers: Servers, commands: Sequence[Command]) -> None:
    """What `Patient.play` does, on a bare workflow: as many inputs of the same size, one by one, and the end."""
    sent = (*commands, withdrawal(uuid4()))
    handle = await start_bare(servers, len(sent))
    for command in sent:
        await handle.execute_update(Bare.submit, command, id=str(uuid4()))
    await handle.result()


def withdrawal(journey_id: UUID) -> Command:
    body = Withdraw(reason="Invented: moved away")
    return Command(command_id=uuid5(journey_id, "withdraw"), actor=person_of(journey_id, Role.PATIENT), body=body)


def processor_seconds(pid: int) -> float:
    """Processor time of a process and of the children it has now."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


async def quiet() -> None:
    """Let what the last round trip left behind finish before the next one is timed."""
    await asyncio.sleep(0.04)
