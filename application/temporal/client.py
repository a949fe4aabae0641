"""The journeys of a connected Temporal client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError

from activities.blob_storage import BlobStorage
from activities.payload_codec import SealingCodec
from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.privacy.key_store import KeyStore
from activities.record.store import Record
from activities.signatures.register_file import RegisterFile
from application.errors import NOTHING_HAPPENED, SettingsError, outage
from application.process.sealing import open_keys, open_sealed
from application.settings import Settings
from application.temporal import journey_client, recording, run_control, run_history, runs, upkeep
from application.temporal.builds import polled_builds
from application.temporal.calls import ANSWER, failed_call, lacks_namespace
from application.temporal.journeys import Journeys, KeptBatch, PolledBuilds, Run, Taken, UnderWay
from application.temporal.settings import load_temporal_config, require_authorizer
from workflows.care_journey import workflow_id
from workflows.journey.commands import Command
from workflows.journey.events import Event
from workflows.temporal_plugin import CarePathwayPlugin

ANSWER_WITHIN = timedelta(seconds=15)
URGENT_WITHIN = timedelta(seconds=3)
"""How long what anybody may send waits for an answer: then it is handed in as a message."""


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Journeys]:
    """Connect to Temporal.

    Raises:
        Unavailable: it cannot be reached, or the keys cannot be had.
        SettingsError: its settings, or those of the keys, cannot be used.
    """
    config = load_temporal_config(demonstration=settings.demonstration)
    # The library logs to standard output, which is for data.
    runtime = Runtime(telemetry=TelemetryConfig(logging=None))
    async with AsyncExitStack() as exits:
        storage = BlobStorage(_opened_once(settings, exits))
        codec = SealingCodec(await _keys(settings, exits))
        plugin = CarePathwayPlugin(codec, storage)
        client = await connected(config, plugin, runtime, demonstration=settings.demonstration)
        yield TemporalJourneys(client, settings.task_queue)


async def connected(
    config: ClientConnectConfig, plugin: CarePathwayPlugin, runtime: Runtime, *, demonstration: bool
) -> Client:
    """Return a client that has reached its namespace of Temporal. Except in a ``demonstration`` nothing of ours begins
    or sends on one that answers anybody: it is asked at the same time, so nobody waits for that.

    Raises:
        Unavailable: Temporal cannot be reached, or refuses us; or it cannot be told whether it refuses strangers.
        SettingsError: it answers anybody; or it does not have the namespace: there nothing of ours would be found, as
            if it were lost.
    """
    if demonstration:
        return await _reached(config, plugin, runtime)
    client, refuses = await asyncio.gather(
        _reached(config, plugin, runtime), require_authorizer(config, runtime), return_exceptions=True
    )
    # Why it was not reached says more than that strangers did not reach it either.
    if isinstance(client, BaseException):
        raise client
    if refuses is not None:
        raise refuses
    return client


async def _reached(config: ClientConnectConfig, plugin: CarePathwayPlugin, runtime: Runtime) -> Client:
    try:
        # The library waits without end for what takes a connection and says nothing.
        async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
            client = await Client.connect(**config, plugins=[plugin], runtime=runtime)
            namespace = DescribeNamespaceRequest(namespace=client.namespace)
            await client.workflow_service.describe_namespace(namespace, retry=True, timeout=ANSWER)
            return client
    except (RPCError, RuntimeError, OSError) as error:
        failed: Exception = failed_call(error, "Temporal cannot be reached (it did not answer)", state=NOTHING_HAPPENED)
        if lacks_namespace(error):
            failed = SettingsError([("TEMPORAL_NAMESPACE", "is no namespace of the Temporal at TEMPORAL_ADDRESS")])
    raise failed


async def _keys(settings: Settings, exits: AsyncExitStack) -> KeyStore:
    try:
        return await exits.enter_async_context(open_keys(settings, connections=2))
    except (KeysUnavailable, KeyringError) as error:
        raise outage(str(error), state=NOTHING_HAPPENED) from None


def _opened_once(settings: Settings, exits: AsyncExitStack) -> Callable[[], Awaitable[Record]]:
    """Return how to open the record, which only a state that is too large for Temporal needs."""
    opened: Record | None = None
    opening = asyncio.Lock()

    async def record() -> Record:
        nonlocal opened
        async with opening:
            if opened is None:
                opened = await exits.enter_async_context(open_sealed(settings, connections=2))
        return opened

    return record


class TemporalJourneys:
    """Implements `Journeys` with a client."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, command: Command) -> Command | None:
        return await journey_client.start(self._client, command, task_queue=self._task_queue)

    async def submit(self, journey_id: UUID, command: Command) -> int:
        within = URGENT_WITHIN if command.body.by_anybody else ANSWER_WITHIN
        receipt = await journey_client.submit(
            self._client, journey_id, command, task_queue=self._task_queue, timeout=within
        )
        return receipt.version

    async def hand_in(self, journey_id: UUID, command: Command) -> None:
        await run_control.hand_in_command(self._client, journey_id, command)

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        receipt = await journey_client.reopen(
            self._client, recorded, command, task_queue=self._task_queue, timeout=ANSWER_WITHIN
        )
        return receipt.version

    async def resume(self, recorded: Sequence[Event], taken: Sequence[Taken] = ()) -> None:
        signals = run_history.handed_over(taken)
        if await journey_client.resume(self._client, recorded, task_queue=self._task_queue, signals=signals):
            return
        for each in taken:
            await run_control.hand_in(self._client, recorded[0].journey_id, each)

    async def end(self, run: Run) -> None:
        await run_control.end(self._client, run)

    async def under_way(self, run: Run) -> UnderWay | None:
        return await run_history.under_way(self._client, run)

    async def find(self, journey_id: UUID, now: datetime) -> Run | None:
        return await runs.find_run(self._client, journey_id, now=now, task_queue=self._task_queue)

    def runs(self) -> AsyncIterator[Run]:
        return runs.list_runs(self._client, task_queue=self._task_queue)

    async def all_runs(self, journey_id: UUID | None = None) -> AsyncIterator[Run]:
        client, queue = self._client, self._task_queue
        one = "" if journey_id is None else f" AND WorkflowId = '{workflow_id(journey_id)}'"
        async for run in runs.list_runs(client, query=f"{runs.ALL}{one}", task_queue=queue):
            yield run if journey_id is None else await runs.as_opened(client, run, task_queue=queue)

    async def kept(self, run: Run) -> tuple[KeptBatch, ...]:
        return await run_history.kept(self._client, run)

    async def record_again(self, record: Record, register: RegisterFile, kept: Iterable[KeptBatch]) -> dict[UUID, str]:
        return await recording.record_again(record, register, kept)

    async def builds(self, now: datetime) -> PolledBuilds:
        try:
            return await polled_builds(self._client, self._task_queue, now=now)
        except KeysUnavailable as error:
            raise outage(str(error)) from None

    async def show(self, journey_id: UUID) -> None:
        await run_control.show(self._client, journey_id)

    async def look(self, journey_id: UUID) -> None:
        await run_control.look(self._client, journey_id)

    async def set_back(self, run: Run) -> bool:
        return await run_control.set_back(self._client, run)

    async def taken(self, run: Run) -> tuple[Taken, ...]:
        return await run_history.taken(self._client, run)

    async def move(self, run: Run, now: datetime) -> bool:
        return await run_control.move(self._client, run, await self.builds(now))

    async def unpause(self, run: Run) -> None:
        await run_control.unpause(self._client, run)

    async def keep_up(self, anchors_every: timedelta | None, now: datetime) -> tuple[str, ...]:
        return await upkeep.keep_up(self._client, anchors_every=anchors_every, task_queue=self._task_queue, now=now)
