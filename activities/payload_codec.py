"""Encrypts every payload that Temporal keeps, and recognizes those that nobody with the keys made.

A payload is compressed, then encrypted (AES-256-GCM) under the data key of its journey's patient. What it was made for
is bound to it: the namespace, the workflow, and for what goes to an activity and back the activity, so that no payload
can stand in for another. That stands beside it in clear as well, because Temporal's own interface asks for a payload to
be decrypted without saying where it met it.

What does not decrypt, or was made for another place, is left as it is, without the mark of `authenticity`. Only keys
that cannot be had raise: `KeysUnavailable`, an ordinary exception, for which Temporal tries again. A key that does
not open here and is not the patient's is not one of them: anybody can name it, and would stop the journey for good.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Self
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from activities.privacy.data_keys import SERVICE, DataKey, DataKeys
from activities.privacy.errors import KeyUnusable
from workflows.authenticity import mark_authentic, unmark
from workflows.compression import Compression
from workflows.temporal_plugin import HistoryContext, PathwayCodec

SEALED = b"binary/carepath-sealed"
KEY, PLACE = "key", "place"
NONCE = 12
ABOUT = "about"
"""The metadata of a payload in clear that say for which workflow it was made."""
JOURNEY = "journey/"

log = structlog.get_logger("privacy")


class SealingCodec(PathwayCodec, WithSerializationContext):
    """Encrypts and decrypts payloads of one place: of a workflow, or of one activity of it."""

    def __init__(
        self, keys: DataKeys, place: tuple[str, str, str] = ("", "", ""), *, any_activity: bool = False
    ) -> None:
        self._keys, self._place, self._any_activity = keys, place, any_activity
        self._inner = Compression()

    @property
    def keys(self) -> DataKeys:
        """The keys that it encrypts and decrypts with."""
        return self._keys

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec of a place. What has no place is of nowhere, and nobody else takes it for theirs."""
        match context:
            case WorkflowSerializationContext():
                place = (context.namespace, context.workflow_id, "")
            case ActivitySerializationContext():
                place = (context.namespace, context.workflow_id or "", context.activity_id or "")
            case HistoryContext():
                return type(self)(self._keys, (context.namespace, context.workflow_id, ""), any_activity=True)
            case _:
                place = ("", "", "")
        return type(self)(self._keys, place)

    async def assign(self, journey_id: UUID, patient_ref: str) -> None:
        """Say whose journey it is, before anything of it is encrypted.

        Raises:
            KeysUnavailable: it is not kept; ask again.
        """
        await self._keys.assign(journey_id, (await self._keys.patients()).of_ref(patient_ref))

    async def stand_in(self, said: bytes) -> str:
        """Return what stands for content in an id that Temporal shows.

        Raises:
            KeysUnavailable: it cannot be said now.
        """
        return (await self._keys.patients()).of_content(said).hex()[:32]

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads for this place.

        Raises:
            KeysUnavailable: the key cannot be had now.
        """
        key = await self._keys.of_journey(journey_of(self._place[1]))
        compressed = await self._inner.encode([unmark(payload) for payload in payloads])
        return [_seal(key, self._place, payload) for payload in compressed]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads of this place, and mark them; leave any other as it is.

        Raises:
            KeysUnavailable: a key cannot be had now.
        """
        return [await self._decoded(payload) for payload in payloads]

    async def _decoded(self, payload: Payload) -> Payload:
        place = _place_of(payload)
        if place is None or not self._is_here(place):
            return unmark(payload)
        try:
            opened = await open_payload(self._keys, payload)
        except KeyUnusable as unusable:
            if await self._may_be_under(unusable.subject):
                raise
            opened = None
        if opened is None:
            log.warning("payload.not_authentic", workflow_id=self._place[1])
            return unmark(payload)
        [clear] = await self._inner.decode([opened])
        return mark_authentic(clear)

    async def _may_be_under(self, subject: str | None) -> bool:
        """Whether something of this place can be encrypted under a key of this subject: of a journey under its
        patient's alone. Where it is not known whose the journey is, it can."""
        if subject is None:
            return True
        journey_id = journey_of(self._place[1])
        if journey_id is None:
            return subject == SERVICE
        whose = await self._keys.subjects([journey_id])
        return whose.get(journey_id, subject) == subject

    def _is_here(self, place: tuple[str, str, str]) -> bool:
        return place == self._place or (self._any_activity and place[:2] == self._place[:2])


async def open_payload(keys: DataKeys, payload: Payload) -> Payload | None:
    """Decrypt a payload, wherever it was made for; None if it is none of ours, or was altered. It is compressed still.

    Raises:
        KeysUnavailable: its key cannot be had now.
    """
    place = _place_of(payload)
    try:
        key_id = UUID(bytes=payload.metadata[KEY]) if place is not None else None
    except ValueError:
        key_id = None
    key = None if key_id is None else await keys.find(key_id)
    if key is None:
        return None
    try:
        clear = key.cipher.decrypt(payload.data[:NONCE], payload.data[NONCE:], _bound(key, payload.metadata[PLACE]))
        return Payload.FromString(clear)
    except (InvalidTag, ValueError, DecodeError):
        return None


async def read_payloads(keys: DataKeys, payloads: Iterable[Payload]) -> list[Payload | None]:
    """Return payloads in clear for a person who may see them, each with the workflow it was made for in its metadata
    (`ABOUT`); None for what nobody with the keys made, and for what does not open here. Whoever calls this keeps who
    looked.

    Raises:
        KeysUnavailable: a key cannot be had now.
    """
    found: list[Payload | None] = []
    for payload in payloads:
        try:
            opened, place = await open_payload(keys, payload), _place_of(payload)
        except KeyUnusable:
            opened, place = None, None
        if opened is None or place is None:
            found.append(None)
            continue
        [clear] = await Compression().decode([opened])
        clear.metadata[ABOUT] = place[1].encode()
        found.append(clear)
    return found


def _seal(key: DataKey, place: tuple[str, str, str], payload: Payload) -> Payload:
    named = json.dumps(place).encode()
    nonce = secrets.token_bytes(NONCE)
    sealed = key.cipher.encrypt(nonce, payload.SerializeToString(deterministic=True), _bound(key, named))
    return Payload(metadata={"encoding": SEALED, KEY: key.key_id.bytes, PLACE: named}, data=nonce + sealed)


def _bound(key: DataKey, place: bytes) -> bytes:
    """What a payload is bound to."""
    return b"carepath/payload/1\0" + key.key_id.bytes + place


def _place_of(payload: Payload) -> tuple[str, str, str] | None:
    """What a payload says that it was made for; None if it is not one of ours."""
    if payload.metadata.get("encoding") != SEALED:
        return None
    try:
        namespace, workflow_id, activity_id = map(str, json.loads(payload.metadata.get(PLACE, b"")))
    except (ValueError, TypeError, RecursionError):
        return None
    return namespace, workflow_id, activity_id


def journey_of(workflow_id: str) -> UUID | None:
    """Return the journey of a workflow; None for a workflow of the service's own."""
    if not workflow_id.startswith(JOURNEY):
        return None
    try:
        return UUID(workflow_id.removeprefix(JOURNEY))
    except ValueError:
        return None
