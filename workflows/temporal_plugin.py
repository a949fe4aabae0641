"""The one configuration of Temporal that client, worker and replayer share."""

import asyncio
import dataclasses
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from hashlib import sha256
from typing import Any, Self, get_args
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.client import Client, ClientConfig, HeaderCodecBehavior
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    ExternalStorage,
    JSONPlainPayloadConverter,
    PayloadCodec,
    SerializationContext,
    StorageDriver,
    WithSerializationContext,
)
from temporalio.converter import PayloadConverter as AnyPayloadConverter
from temporalio.plugin import SimplePlugin

from workflows.authenticity import Foreign, is_authentic
from workflows.messages import NOT_AUTHENTIC, PUBLIC_FAILURES, JourneyInput, RecordedState
from workflows.sandbox import sandboxed

STORED_FROM = 256 * 1024
"""From this size (bytes, compressed) on a payload is kept in the record's database, and a history refers to it."""
AHEAD_FROM = 256 * 1024
"""From this size (bytes of JSON) on a state is read in a thread, before the task that needs it."""
READ_AHEAD = 8
"""How many states that were read ahead wait for their tasks."""
LARGE: Mapping[str, type[BaseModel]] = {kind.__name__: kind for kind in (JourneyInput, RecordedState)}
"""What holds a whole state."""
SERVERS_FAILURE = "AcceptedUpdateCompletedWorkflow"
"""The type of a failure that Temporal makes itself."""
KIND = "kind"
"""The metadata of a payload that say what it holds, encrypted with it: an activity's question is not its answer."""
FAILURE = b"failure"
"""What says a payload with what a failure keeps encrypted: it is nobody's answer."""


class _States:
    """Large states that were read before the task that needs them: Temporal ends a task after two seconds.

    Each is taken once. They are immutable, and named by the digest of their bytes."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, bytes], BaseModel] = OrderedDict()

    def read(self, payload: Payload) -> None:
        """Read a large state ahead. What cannot be read is left to whoever needs it."""
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
        if isinstance(value, BaseModel | UUID):
            payload.metadata[KIND] = type(value).__name__.encode()
        return payload

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return _STATES.take(type_hint, payload) or super().from_payload(payload, type_hint)


_CONVERTERS = tuple(
    _JSON() if isinstance(converter, JSONPlainPayloadConverter) else converter
    for converter in DefaultPayloadConverter.default_encoding_payload_converters
)
"""Shared by all: the SDK makes a converter anew for each payload, and the JSON one keeps how to read each type."""


class NotAuthentic(Exception):
    """Somebody without the keys made a payload, or made it for another place. It is believed nowhere."""

    def __init__(self) -> None:
        super().__init__("what came was not made with the keys of this service, or for another workflow")


class PayloadConverter(CompositePayloadConverter):
    """Temporal's default converters with the JSON one replaced. What is not authentic becomes no value: a `Foreign`
    where its type allows for that, or says nothing.

    Raises:
        NotAuthentic: a value of this type is always of somebody who has the keys.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Return the values of payloads."""
        hints: list[Any] = type_hints or [None] * len(payloads)
        return [self._value(payload, hint) for payload, hint in zip(payloads, hints, strict=False)]

    def _value(self, payload: Payload, hint: Any) -> Any:
        if hint == RawValue:
            return RawValue(payload)
        wanted = [each for each in get_args(hint) if each is not Foreign]
        may_be_foreign = Foreign in get_args(hint)
        if not is_authentic(payload):
            if hint is None or may_be_foreign:
                return Foreign(payload.data)
            raise NotAuthentic
        kind = wanted[0] if may_be_foreign else hint
        if not _holds(payload, kind):
            if may_be_foreign:
                return Foreign(b"")
            raise NotAuthentic
        [value] = super().from_payloads([payload], [kind])
        return value


def _holds(payload: Payload, kind: Any) -> bool:
    """Whether a payload holds what is wanted, as far as it says so. Whoever has no keys can put any that was made for
    a workflow, or for an activity, in the place of any other there."""
    said = payload.metadata.get(KIND)
    return said is None or not isinstance(kind, type) or kind in (Any, object) or said == kind.__name__.encode()


class FailureConverter(DefaultFailureConverterWithEncodedAttributes):
    """Failures whose message, type and details only those read and write who have the keys.

    What says to be a failure of ours and is not authentic has no type and no details. Failures of Temporal's own, such
    as time-outs, have no type, and of details only the authentic ones that an attempt had told Temporal.
    """

    def to_failure(self, exception: BaseException, payload_converter: AnyPayloadConverter, failure: Failure) -> None:
        """Write a failure. Its type is shown only if Temporal has to know it."""
        super().to_failure(exception, payload_converter, failure)
        if failure.HasField("application_failure_info"):
            info = failure.application_failure_info
            attributes = json.loads(failure.encoded_attributes.data)
            failure.encoded_attributes.CopyFrom(
                payload_converter.to_payload({**attributes, "type": info.type, "final": info.non_retryable})
            )
            if info.type not in PUBLIC_FAILURES:
                info.type = ""
        failure.encoded_attributes.metadata[KIND] = FAILURE

    def from_failure(self, failure: Failure, payload_converter: AnyPayloadConverter) -> BaseException:
        """Read a failure."""
        return super().from_failure(_believed(failure), payload_converter)


def _believed(failure: Failure) -> Failure:
    """Return what of a failure is believed."""
    read = Failure()
    read.CopyFrom(failure)
    info = read.application_failure_info if read.HasField("application_failure_info") else None
    attributes = _attributes(read.encoded_attributes)
    if attributes is not None and (info is None or {"type", "final"} <= attributes.keys()):
        if info is not None:
            info.type, info.non_retryable = attributes["type"], attributes["final"]
            if not _are_ours(info.details):
                info.ClearField("details")
        return read
    read.ClearField("encoded_attributes")
    for kind in ("timeout_failure_info", "canceled_failure_info", "reset_workflow_failure_info"):
        if read.HasField(kind):
            for details in ("last_heartbeat_details", "details"):
                holder = getattr(read, kind)
                if details in holder.DESCRIPTOR.fields_by_name and not _are_ours(getattr(holder, details)):
                    holder.ClearField(details)
    if info is not None:
        read.message = "a failure that was not made with the keys of this service"
        info.type = info.type if info.type == SERVERS_FAILURE else NOT_AUTHENTIC
        info.ClearField("details")
    return read


def _are_ours(details: Payloads) -> bool:
    return all(map(is_authentic, details.payloads))


def _attributes(payload: Payload) -> dict[str, Any] | None:
    """Return what a failure of ours keeps encrypted; None if it is none, such as the question of an activity."""
    if not is_authentic(payload) or payload.metadata.get(KIND, FAILURE) != FAILURE:
        return None
    attributes = json.loads(payload.data)
    return attributes if isinstance(attributes, dict) and "message" in attributes else None


@dataclasses.dataclass(frozen=True)
class HistoryContext(SerializationContext):
    """Where whoever reads a history has met a payload: in this workflow, whatever activity it is of."""

    namespace: str
    workflow_id: str


def in_history(client: Client, workflow_id: str) -> DataConverter:
    """Return the converter for what stands in the history of a workflow."""
    return client.data_converter.with_context(HistoryContext(client.namespace, workflow_id))


class PathwayCodec(PayloadCodec):
    """A codec that marks what is authentic, and is told whose journey one is before it encrypts anything of it."""

    async def assign(self, journey_id: UUID, patient_ref: str) -> None:
        """Say whose journey it is."""

    async def stand_in(self, said: bytes) -> str:
        """Return what stands for content in an id that Temporal shows: the same for the same, and no hash of it."""
        raise NotImplementedError


async def assign_keys(client: Client, journey_id: UUID, patient_ref: str) -> None:
    """Say whose journey it is, before anything of it goes to Temporal."""
    codec = client.data_converter.payload_codec
    if isinstance(codec, PathwayCodec):
        await codec.assign(journey_id, patient_ref)


async def stand_in(client: Client, said: bytes) -> str:
    """Return what stands for content in an id that Temporal shows."""
    codec = client.data_converter.payload_codec
    assert isinstance(codec, PathwayCodec), "nothing goes to Temporal without the keys"
    return await codec.stand_in(said)


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

    def with_context(self, context: SerializationContext) -> Self:
        """Only the codec asks where a payload belongs. The SDK would make its other converters anew for each."""
        codec: object = self.payload_codec
        if not isinstance(codec, WithSerializationContext):
            return self
        bound = copy(self)
        object.__setattr__(bound, "payload_codec", codec.with_context(context))
        return bound

    async def _decode_reference_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def _decode_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        decoded = await super()._decode_payload_sequence(payloads)
        for payload in decoded:
            if len(payload.data) > AHEAD_FROM and KIND in payload.metadata and is_authentic(payload):
                await asyncio.to_thread(_STATES.read, payload)
        return decoded


def data_converter(codec: PathwayCodec, storage: StorageDriver | None = None) -> DataConverter:
    """Return the converter of all payloads, with what encrypts them, and what keeps the large ones. Without that, only
    what is inline is read."""
    kept = None if storage is None else _Storage(drivers=[storage], payload_size_threshold=STORED_FROM)
    return _Converter(
        payload_converter_class=PayloadConverter,
        payload_codec=codec,
        failure_converter_class=FailureConverter,
        external_storage=kept,
    )


class CarePathwayPlugin(SimplePlugin):
    """Pydantic payloads, the core passed through the sandbox, and bugs as failures of a task, not of a journey.

    Put it on the client; a worker built on that client inherits it. ``codec`` encrypts, and marks what is authentic;
    ``storage`` keeps the payloads that are too large for a history, and gives them back; a replayer may go without.
    """

    def __init__(self, codec: PathwayCodec, storage: StorageDriver | None = None) -> None:
        self.codec = codec
        super().__init__(
            "care-pathway",
            data_converter=data_converter(codec, storage),
            workflow_runner=sandboxed,
            # Only a deliberate ApplicationError ends a journey. The empty list says so explicitly.
            workflow_failure_exception_types=[],
        )

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Encrypt headers too, if ever there are any."""
        config["header_codec_behavior"] = HeaderCodecBehavior.CODEC
        return super().configure_client(config)


def with_storage(client: Client, storage: StorageDriver) -> Client:
    """Return the same client with what keeps large payloads."""
    config = client.config()
    [ours] = [plugin for plugin in config["plugins"] if isinstance(plugin, CarePathwayPlugin)]
    others = [plugin for plugin in config["plugins"] if plugin is not ours]
    config["plugins"] = [CarePathwayPlugin(ours.codec, storage), *others]
    return Client(**config)
