"""Journeys on a connected Temporal client, with its errors translated to those of the application."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from application import journey_client
from application.errors import Fault, NotFound, Refused, Unavailable
from application.journeys import Journeys, Running
from application.settings import Settings
from application.temporal_settings import load_temporal_config
from workflows.journey.commands import Command
from workflows.journey.events import Event
from workflows.messages import Receipt
from workflows.temporal_plugin import CarePathwayPlugin

ANSWER_WITHIN = timedelta(seconds=15)
KEPT = "Nothing changed. An attempt to sign, release or give a dose is kept in the record as refused."
OPEN = "WorkflowType = 'CareJourney' AND ExecutionStatus = 'Running'"


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Journeys]:
    """Connect to Temporal.

    Raises:
        Unavailable: it cannot be reached.
        SettingsError: its settings cannot be used.
    """
    config = load_temporal_config()
    # The library logs to standard output, which is for data.
    runtime = Runtime(telemetry=TelemetryConfig(logging=None))
    try:
        client = await Client.connect(**config, plugins=[CarePathwayPlugin()], runtime=runtime)
    except (RPCError, RuntimeError, OSError):
        client = None
    if client is None:
        raise Unavailable("Temporal cannot be reached", "Run the same command again")
    yield TemporalJourneys(client, settings.task_queue)


class TemporalJourneys:
    """Implements `Journeys` with a client."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, command: Command) -> None:
        try:
            await journey_client.start(self._client, command, task_queue=self._task_queue)
        except journey_client.Unavailable:
            raise _unanswered(command) from None

    async def submit(self, journey_id: UUID, command: Command) -> int:
        return await _version(
            journey_client.submit(self._client, journey_id, command, timeout=ANSWER_WITHIN), journey_id, command
        )

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        asked = journey_client.reopen(
            self._client, recorded, command, task_queue=self._task_queue, timeout=ANSWER_WITHIN
        )
        return await _version(asked, recorded[0].journey_id, command)

    async def look(self, journey_id: UUID) -> Running | None:
        try:
            return await journey_client.look(self._client, journey_id)
        except journey_client.Unavailable:
            raise Unavailable("Temporal did not answer", "Run it again") from None

    async def resume(self, recorded: Sequence[Event]) -> None:
        try:
            await journey_client.resume(self._client, recorded, task_queue=self._task_queue)
        except journey_client.Unavailable:
            raise Unavailable("Temporal did not take the journey", "Run it again") from None
        except journey_client.TooLarge as large:
            raise _too_large(large) from None

    async def running(self, limit: int) -> AsyncIterator[UUID]:
        try:
            async for found in self._client.list_workflows(OPEN, limit=limit):
                _, _, journey_id = found.id.partition("/")
                yield UUID(journey_id)
        except RPCError:
            raise Unavailable("Temporal did not list the journeys", "Run it again") from None


async def _version(asked: Awaitable[Receipt], journey_id: UUID, command: Command) -> int:
    try:
        return (await asked).version
    except journey_client.Rejected as rejected:
        raise Refused(rejected.refusal, state=KEPT, ids={"command_id": str(command.command_id)}) from None
    except journey_client.NoSuchJourney:
        raise NotFound(
            "nothing runs under this id", "See `pathway list`", ids={"journey_id": str(journey_id)}
        ) from None
    except journey_client.NotChecked:
        raise Unavailable(
            "the signature cannot be checked now",
            "Tell ops if it stays so, and run it again; everything that needs no signature goes on",
            state="Nothing happened.",
            ids={"command_id": str(command.command_id)},
        ) from None
    except journey_client.Unavailable:
        raise _unanswered(command) from None
    except journey_client.TooLarge as large:
        raise _too_large(large) from None


def _too_large(large: journey_client.TooLarge) -> Fault:
    return Fault(str(large), "See docs/how-to/when-something-is-wrong.md")


def _unanswered(command: Command) -> Unavailable:
    return Unavailable(
        "no answer came in time from Temporal or its workers",
        f"Run it again with --command-id {command.command_id}: however often it arrives, it happens once",
        state="It may have arrived. Nothing that was accepted is lost.",
        ids={"command_id": str(command.command_id)},
    )
