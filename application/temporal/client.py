"""The journeys of a connected Temporal client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from activities.blob_storage import BlobStorage
from activities.record.store import Record, open_record
from application.errors import Unavailable
from application.settings import Settings
from application.temporal import journey_client
from application.temporal.journeys import Journeys, Running
from application.temporal.settings import load_temporal_config
from workflows.journey.commands import Command
from workflows.journey.events import Event
from workflows.temporal_plugin import CarePathwayPlugin

ANSWER_WITHIN = timedelta(seconds=15)
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
    async with AsyncExitStack() as exits:
        storage = BlobStorage(_opened_once(settings, exits))
        try:
            client = await Client.connect(**config, plugins=[CarePathwayPlugin(storage)], runtime=runtime)
        except (RPCError, RuntimeError, OSError):
            client = None
        if client is None:
            raise Unavailable("Temporal cannot be reached", "Run the same command again")
        yield TemporalJourneys(client, settings.task_queue)


def _opened_once(settings: Settings, exits: AsyncExitStack) -> Callable[[], Awaitable[Record]]:
    """Return how to open the record, which only a state that is too large for Temporal needs."""
    opened: Record | None = None
    opening = asyncio.Lock()

    async def record() -> Record:
        nonlocal opened
        async with opening:
            if opened is None:
                url = settings.database_url.get_secret_value()
                opened = await exits.enter_async_context(open_record(url, connections=2))
        return opened

    return record


class TemporalJourneys:
    """Implements `Journeys` with a client."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, command: Command) -> None:
        await journey_client.start(self._client, command, task_queue=self._task_queue)

    async def submit(self, journey_id: UUID, command: Command) -> int:
        return (await journey_client.submit(self._client, journey_id, command, timeout=ANSWER_WITHIN)).version

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        receipt = await journey_client.reopen(
            self._client, recorded, command, task_queue=self._task_queue, timeout=ANSWER_WITHIN
        )
        return receipt.version

    async def look(self, journey_id: UUID) -> Running | None:
        return await journey_client.look(self._client, journey_id)

    async def resume(self, recorded: Sequence[Event]) -> None:
        await journey_client.resume(self._client, recorded, task_queue=self._task_queue)

    async def running(self, limit: int) -> AsyncIterator[UUID]:
        try:
            async for found in self._client.list_workflows(OPEN, limit=limit):
                _, _, journey_id = found.id.partition("/")
                yield UUID(journey_id)
        except RPCError:
            raise Unavailable("Temporal did not list the journeys", "Run it again") from None
