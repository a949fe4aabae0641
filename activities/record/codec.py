"""What makes the record's content secret: everything it keeps of a patient passes through here, and nothing else does.

Each payload is compressed and encrypted (AES-SIV) under a key of its own, which derives from the data key of the
journey's patient and from the place: the log, the journey, and which part of it this is. So no payload can stand in for
another. FORMAT.md has the bytes.
"""

import hmac
import zlib
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Protocol, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from activities.privacy.data_keys import SERVICE, DataKey, DataKeys, subject_of
from activities.privacy.patient_keys import PatientKeys

Encode: TypeAlias = Callable[[UUID, bytes], bytes]
"""Turns a part of a journey, named by an id, into the bytes that are stored."""
Decode: TypeAlias = Callable[[UUID, UUID, bytes], bytes]
"""Turns the stored bytes of a journey's part into clear ones, or raises `PayloadUnreadable`."""

FORMAT = b"\x01"
_KEY, _COMMITTED, _HEADER = slice(1, 17), slice(17, 49), 49


class PayloadUnreadable(ValueError):
    """A payload was not made here, was altered, or its key is gone."""

    def __init__(self) -> None:
        super().__init__("a payload cannot be decrypted")


class PayloadLocked(PayloadUnreadable):
    """A payload's key does not open here: it was altered, or the keyring lacks a master key."""


class PayloadCodec(Protocol):
    """Turns clear payloads into stored ones and back, and makes the keys of patients.

    The same content at the same place gives the same bytes under the same key: a retry is recognised by their hash. All
    that is asynchronous raises `KeysUnavailable` while keys cannot be had.
    """

    @property
    def patients(self) -> PatientKeys:
        """What makes the keys of patients."""

    async def assign(self, journey_id: UUID, patient_key: bytes) -> None:
        """Say whose journey it is, before anything of it is encoded. The first word counts."""

    async def encoder(self, log_id: int, journey_id: UUID) -> Encode:
        """Return what encodes parts of a journey."""

    async def decoder(self, log_id: int, stored: Iterable[bytes]) -> Decode:
        """Return what decodes these."""

    async def part_keys(self, log_id: int, journey_id: UUID, stored: Mapping[UUID, bytes]) -> Mapping[UUID, bytes]:
        """Return the key of each of these parts, which opens it and nothing else, as far as there is one."""

    async def find_misplaced(self, journeys: Mapping[UUID, tuple[bytes, Iterable[bytes]]]) -> frozenset[UUID]:
        """Return of these journeys, each with its patient's key and what is stored of it, those of which something is
        encrypted, or would be next, under another data key than their patient's."""


class Sealing:
    """The codec of every process. Made by `sealing`."""

    def __init__(self, keys: DataKeys, patients: PatientKeys) -> None:
        self._keys, self._patients = keys, patients

    @property
    def patients(self) -> PatientKeys:
        return self._patients

    async def assign(self, journey_id: UUID, patient_key: bytes) -> None:
        await self._keys.assign(journey_id, patient_key)

    async def encoder(self, log_id: int, journey_id: UUID) -> Encode:
        key = await self._keys.of_journey(journey_id)
        return lambda part_id, clear: _seal(key, _place(log_id, journey_id, part_id), clear)

    async def decoder(self, log_id: int, stored: Iterable[bytes]) -> Decode:
        named = {found for sealed in stored if (found := _key_id(sealed)) is not None}
        keys = await self._keys.find_all(named)

        def decode(journey_id: UUID, part_id: UUID, sealed: bytes) -> bytes:
            key_id = _key_id(sealed)
            key = None if key_id is None else keys.get(key_id)
            if key is None:
                raise PayloadLocked if key_id in keys else PayloadUnreadable
            place = _place(log_id, journey_id, part_id)
            return unseal(sealed, place, part_key(key.secret, place))

        return decode

    async def part_keys(self, log_id: int, journey_id: UUID, stored: Mapping[UUID, bytes]) -> Mapping[UUID, bytes]:
        named = {part_id: found for part_id, sealed in stored.items() if (found := _key_id(sealed)) is not None}
        keys = await self._keys.find_all({*named.values()})
        return {
            part_id: part_key(key.secret, _place(log_id, journey_id, part_id))
            for part_id, key_id in named.items()
            if (key := keys.get(key_id)) is not None
        }

    async def find_misplaced(self, journeys: Mapping[UUID, tuple[bytes, Iterable[bytes]]]) -> frozenset[UUID]:
        used = {
            journey_id: {found for sealed in stored if (found := _key_id(sealed)) is not None}
            for journey_id, (_, stored) in journeys.items()
        }
        keys = await self._keys.find_all({key_id for each in used.values() for key_id in each})
        subjects = await self._keys.subjects([*journeys])
        return frozenset(
            journey_id
            for journey_id, (patient, _) in journeys.items()
            if {
                subjects.get(journey_id, SERVICE),
                *(key.subject for each in used[journey_id] if (key := keys.get(each)) is not None),
            }
            != {subject_of(patient)}
        )


async def sealing(keys: DataKeys) -> Sealing:
    """Return the codec that encrypts with these keys.

    Raises:
        KeysUnavailable: they cannot be had now.
    """
    return Sealing(keys, await keys.patients())


def part_key(secret: bytes, place: bytes) -> bytes:
    """Return the key (64 bytes) of what is encrypted at one place, and nothing else."""
    return hmac.digest(secret, b"carepath/part-key/1\0" + place, "sha512")


def unseal(sealed: bytes, place: bytes, key: bytes) -> bytes:
    """Return the clear bytes of what was sealed at a place with this key.

    Raises:
        PayloadUnreadable: it was sealed elsewhere, with another key, or altered.
    """
    if sealed[_COMMITTED] != _committed(key):
        raise PayloadUnreadable
    try:
        return zlib.decompress(AESSIV(key).decrypt(sealed[_HEADER:], [sealed[:_HEADER], place]))
    except (InvalidTag, ValueError, zlib.error):
        raise PayloadUnreadable from None


def _seal(key: DataKey, place: bytes, clear: bytes) -> bytes:
    own = part_key(key.secret, place)
    header = FORMAT + key.key_id.bytes + _committed(own)
    return header + AESSIV(own).encrypt(zlib.compress(clear, 1), [header, place])


def _committed(key: bytes) -> bytes:
    """What stands with the payload, so that no other key opens it: whoever shows the key later shows the only one."""
    return sha256(b"carepath/part-key-hash/1\0" + key).digest()


def _key_id(sealed: bytes) -> UUID | None:
    if sealed[:1] != FORMAT or len(sealed) < _HEADER:
        return None
    return UUID(bytes=sealed[_KEY])


def _place(log_id: int, journey_id: UUID, part_id: UUID) -> bytes:
    return log_id.to_bytes(2) + journey_id.bytes + part_id.bytes
