"""The gateway to journeys through Temporal. Imported only by commands that need it."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from application import journey_client as client
from application.settings import Settings, load_temporal_config
from door.outcomes import ExitCode, Problem, refused
from door.services import Gateway, no_such_journey
from workflows.journey.commands import Command
from workflows.journey.events import Event
from workflows.messages import Receipt
from workflows.temporal_plugin import CarePathwayPlugin

ANSWER_WITHIN = timedelta(seconds=15)
KEPT = "Nothing changed. An attempt to sign, release or give a dose is kept in the record as refused."


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Gateway]:
    """Connect to Temporal.

    Raises:
        Problem: it cannot be reached.
        SettingsError: its settings cannot be used.
    """
    config = load_temporal_config()
    # The library's own log would go to standard output, which is for data.
    runtime = Runtime(telemetry=TelemetryConfig(logging=None))
    try:
        connection = await Client.connect(**config, plugins=[CarePathwayPlugin()], runtime=runtime)
    except (RPCError, RuntimeError, OSError):
        connection = None
    if connection is None:
        raise Problem(ExitCode.UNAVAILABLE, "Temporal cannot be reached", "Run the same command again")
    yield Journeys(connection, settings.task_queue)


class Journeys:
    """The gateway on a connected client."""

    def __init__(self, connection: Client, task_queue: str) -> None:
        self._client = connection
        self._task_queue = task_queue

    async def start(self, command: Command) -> None:
        try:
            await client.start(self._client, command, task_queue=self._task_queue)
        except client.Unavailable:
            raise _unanswered(command) from None

    async def submit(self, journey_id: UUID, command: Command) -> int:
        asked = client.submit(self._client, journey_id, command, timeout=ANSWER_WITHIN)
        return await _version(asked, journey_id, command)

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        asked = client.reopen(self._client, recorded, command, task_queue=self._task_queue, timeout=ANSWER_WITHIN)
        return await _version(asked, recorded[0].journey_id, command)

    async def look(self, journey_id: UUID) -> client.Running | None:
        try:
            return await client.look(self._client, journey_id)
        except client.Unavailable:
            raise Problem(ExitCode.UNAVAILABLE, "Temporal did not answer", "Run it again") from None

    async def resume(self, recorded: Sequence[Event]) -> None:
        try:
            await client.resume(self._client, recorded, task_queue=self._task_queue)
        except client.Unavailable:
            raise Problem(ExitCode.UNAVAILABLE, "Temporal did not take the journey", "Run it again") from None
        except client.TooLarge as large:
            raise _too_large(large) from None

    async def journeys(self, query: str, limit: int) -> AsyncIterator[UUID]:
        try:
            async for found in self._client.list_workflows(query, limit=limit):
                _, _, journey_id = found.id.partition("/")
                yield UUID(journey_id)
        except RPCError:
            raise Problem(ExitCode.UNAVAILABLE, "Temporal did not list the journeys", "Run it again") from None


async def _version(asked: Awaitable[Receipt], journey_id: UUID, command: Command) -> int:
    try:
        return (await asked).version
    except client.Rejected as rejected:
        raise refused(rejected.refusal, state=KEPT, ids={"command_id": str(command.command_id)}) from None
    except client.NoSuchJourney:
        raise no_such_journey(journey_id) from None
    except client.Unavailable:
        raise _unanswered(command) from None
    except client.TooLarge as large:
        raise _too_large(large) from None


def _too_large(large: client.TooLarge) -> Problem:
    return Problem(ExitCode.FAULT, str(large), "See docs/operations.md")


def _unanswered(command: Command) -> Problem:
    return Problem(
        ExitCode.UNAVAILABLE,
        "no answer came in time from Temporal or its workers",
        f"Run it again with --command-id {command.command_id}: however often it arrives, it happens once",
        state="It may have arrived. Nothing that was accepted is lost.",
        ids={"command_id": str(command.command_id)},
    )
