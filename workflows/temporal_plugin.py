"""The one configuration of Temporal that client, worker and replayer share."""

import asyncio
import dataclasses
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from google.protobuf.message import DecodeError
from pydantic import BaseModel
from pydantic_core import to_json
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    ExternalStorage,
    JSONPlainPayloadConverter,
    PayloadCodec,
    StorageDriver,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.messages import STATE_BYTES, JourneyInput, RecordedState

PASSED_THROUGH = (
    "workflows.journey",
    "workflows.authenticity",
    "workflows.messages",
    "workflows.outbox",
    "workflows.ledger",
    "workflows.search_attributes",
    "zoneinfo",
    "tzdata",
)
"""Modules that are imported once for all workflows. A test proves the core pure. A copy of it for each cached journey
would cost fifteen times the memory and six times the time to start. The core reads zone data with `zoneinfo`, which
does not work with the sandbox's own copies of `datetime`."""


COMPRESSED_FROM = 4 * 1024
"""From this size (bytes) on a payload is compressed."""
STORED_FROM = 256 * 1024
"""From this size (bytes, compressed) on a payload is kept in the record's database, and a history refers to it."""
PAYLOAD_LIMIT = 2 * STATE_BYTES
"""How large a payload may become when it is decompressed."""
ASIDE_FROM = 64 * 1024
"""From this size (bytes) on compressing is left to a thread."""
COMPRESSED = b"binary/zlib"
AHEAD_FROM = 256 * 1024
"""From this size (bytes of JSON) on a state is read in a thread, before the task that needs it."""
READ_AHEAD = 8
"""How many states that were read ahead wait for their tasks."""
LARGE: Mapping[str, type[BaseModel]] = {kind.__name__: kind for kind in (JourneyInput, RecordedState)}
"""What holds a whole state."""
KIND = "carepath-kind"
"""The metadata of a payload that say what it holds."""


class _States:
    """Large states that were read before the task that needs them: Temporal ends a task after two seconds.

    Each is taken once. They are immutable, and named by the digest of their bytes."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, bytes], BaseModel] = OrderedDict()

    def read(self, payload: Payload) -> None:
        """Read a state ahead. What cannot be read is left to whoever needs it."""
        kind = LARGE.get(payload.metadata.get(KIND, b"").decode(errors="replace"))
        if kind is None:
            return
        try:
            state = kind.model_validate_json(payload.data)
        except ValueError:
            return
        if isinstance(state, JourneyInput):
            state.handed  # noqa: B018 - it is worked out here
        self._read[kind.__name__, sha256(payload.data).digest()] = state
        while len(self._read) > READ_AHEAD:
            self._read.popitem(last=False)

    def take(self, kind: Any, payload: Payload) -> BaseModel | None:
        """Return a state that was read ahead; None if it was not."""
        name = payload.metadata.get(KIND, b"").decode(errors="replace")
        if kind is not LARGE.get(name):
            return None
        return self._read.pop((name, sha256(payload.data).digest()), None)


_STATES = _States()


class _JSON(PydanticJSONPlainPayloadConverter):
    """Pydantic's JSON without the fields that are not set. Histories are a third smaller, and easier to read."""

    def to_payload(self, value: Any) -> Payload | None:
        payload = Payload(metadata={"encoding": self.encoding.encode()}, data=to_json(value, exclude_none=True))
        if type(value) in LARGE.values() and len(payload.data) > AHEAD_FROM:
            payload.metadata[KIND] = type(value).__name__.encode()
        return payload

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return _STATES.take(type_hint, payload) or super().from_payload(payload, type_hint)


class PayloadConverter(CompositePayloadConverter):
    """Temporal's default converters with the JSON one replaced."""

    def __init__(self) -> None:
        json = _JSON()
        super().__init__(
            *(
                json if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


class Compression(PayloadCodec):
    """Compresses payloads above a few KB. Smaller ones stay readable in Temporal's web interface.

    What it cannot decompress it leaves as it is, and raises nothing: an error here would fail every task of a run that
    somebody has sent such a payload. Payloads will be encrypted here, after they are compressed.
    """

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Compress what is large."""
        return [await self._encoded(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decompress what was compressed."""
        return [await self._decoded(payload) for payload in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        if payload.ByteSize() < COMPRESSED_FROM:
            return payload
        clear = payload.SerializeToString(deterministic=True)
        data = await _aside(clear, lambda: zlib.compress(clear, 3))
        return Payload(metadata={"encoding": COMPRESSED}, data=data) if len(data) < len(clear) else payload

    async def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != COMPRESSED:
            return payload
        try:
            return Payload.FromString(await _aside(payload.data, lambda: _decompress(payload.data)))
        except (zlib.error, DecodeError, ValueError):
            return payload


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    clear = stream.decompress(data, PAYLOAD_LIMIT)
    if not stream.eof:
        raise ValueError("not complete, or more than a payload may be")
    return clear


async def _aside(content: bytes, work: Callable[[], bytes]) -> bytes:
    """Do what is long in a thread, so that the other journeys of this worker go on."""
    return await asyncio.to_thread(work) if len(content) > ASIDE_FROM else work()


class _Storage(ExternalStorage):
    """The SDK's external storage, for references that are ours. It raises on any other, for which anybody could send
    a signal that fails every task of its run."""

    def _decode_reference(self, payload: Payload) -> ExternalStorageReference | None:
        try:
            reference = super()._decode_reference(payload)
        except Exception:  # whatever somebody made up
            return None
        return reference if reference is not None and reference.driver_name in self._driver_map else None


class _Converter(DataConverter):
    """The SDK's converter. The marker of a reference, which ours do not have, is taken for what any sender may write:
    the SDK would raise."""

    async def _decode_reference_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def _decode_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        decoded = await super()._decode_payload_sequence(payloads)
        for payload in decoded:
            if KIND in payload.metadata:
                await asyncio.to_thread(_STATES.read, payload)
        return decoded


def data_converter(storage: StorageDriver | None = None) -> DataConverter:
    """Return the converter of all payloads, with what keeps the large ones. Without it, only what is inline is read."""
    kept = None if storage is None else _Storage(drivers=[storage], payload_size_threshold=STORED_FROM)
    return _Converter(payload_converter_class=PayloadConverter, payload_codec=Compression(), external_storage=kept)


def _runner(given: WorkflowRunner | None) -> WorkflowRunner:
    if isinstance(given, SandboxedWorkflowRunner) or given is None:
        restrictions = (given or SandboxedWorkflowRunner()).restrictions
        passed: SandboxRestrictions = restrictions.with_passthrough_modules(*PASSED_THROUGH)
        return dataclasses.replace(given or SandboxedWorkflowRunner(), restrictions=passed)
    return given


class CarePathwayPlugin(SimplePlugin):
    """Pydantic payloads, the core passed through the sandbox, and bugs as failures of a task, not of a journey.

    Put it on the client; a worker built on that client inherits it. ``storage`` keeps the payloads that are too large
    for a history, and gives them back; a replayer may go without.
    """

    def __init__(self, storage: StorageDriver | None = None) -> None:
        super().__init__(
            "care-pathway",
            data_converter=data_converter(storage),
            workflow_runner=_runner,
            # Only a deliberate ApplicationError ends a journey. The empty list says so explicitly.
            workflow_failure_exception_types=[],
        )


def with_storage(client: Client, storage: StorageDriver) -> Client:
    """Return the same client with what keeps large payloads."""
    config = client.config()
    others = [plugin for plugin in config["plugins"] if not isinstance(plugin, CarePathwayPlugin)]
    config["plugins"] = [CarePathwayPlugin(storage), *others]
    return Client(**config)
