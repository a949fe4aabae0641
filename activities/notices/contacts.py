"""How people are reached: their contact points and wishes, in every version, encrypted.

Those of a patient and of their observers are under the patient's own key, those of the staff under the service's. What
is stored of one person at one version cannot stand in for another.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID, uuid4

import asyncpg
import structlog
from cryptography.exceptions import InvalidTag
from pydantic import Field, StringConstraints, model_validator

from activities.privacy.data_keys import SERVICE, DataKey
from activities.privacy.key_store import KeyStore
from activities.record.store import Record
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel, Whole
from workflows.journey.vocabulary.calendars import Instant

log = structlog.get_logger("messages")

EMAIL, WEBHOOK = "email", "webhook"
_KEY, _NONCE = 16, 12
PAGE = 100
"""How many versions are read at a time, where the newest cannot be read."""
_WORD, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~][A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{0,63}", r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
EMAIL_ADDRESS = rf"{_WORD}(\.{_WORD}){{0,9}}@{_LABEL}(\.{_LABEL}){{1,6}}"
"""What an address of e-mail looks like here: nothing in it can begin a header, name a second address or an option."""
ANY_ADDRESS = r"^[!-~]{1,254}$"


class Code(InputModel):
    """A code that was sent to a contact point: until when (UTC) it counts, and how often it may still be tried."""

    digits: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(repr=False)]
    until: Instant
    tries: Whole


class ContactPoint(InputModel):
    """One way to reach somebody. ``address`` is of e-mail, or what the receiver of webhooks knows them by, such as
    `sms:+15550100`. It counts once a code that was sent there came back (``verified_at``, UTC)."""

    id: Identifier
    channel: Literal["email", "webhook"]
    address: Annotated[str, StringConstraints(pattern=ANY_ADDRESS), Field(repr=False)]
    verified_at: Instant | None = None
    code: Code | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.channel == EMAIL and not is_email(self.address):
            raise ValueError("address is no e-mail address that can be used here: plain letters, one @")
        return self


def is_email(address: str) -> bool:
    """Whether this is an address that e-mail can be sent to from here."""
    return re.fullmatch(EMAIL_ADDRESS, address) is not None


class ContactPoints(InputModel):
    """How somebody is reached: their points in the order of their wish. ``only_alarms``: they want nothing else.
    ``clinic_code`` is the slow hash (hex) of a code that was agreed on at the clinic, for the links they are sent."""

    points: Annotated[tuple[ContactPoint, ...], Field(max_length=10)] = ()
    only_alarms: Flag = False
    clinic_code: Annotated[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{96}$")] | None, Field(repr=False)] = (
        None
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({point.id for point in self.points}) != len(self.points):
            raise ValueError("two points have the same id")
        return self

    def point(self, point_id: str) -> ContactPoint | None:
        """Return the point with an id."""
        return next((point for point in self.points if point.id == point_id), None)

    def unverified(self) -> Self:
        """Return the same points as if nobody had verified them."""
        points = tuple(point.model_copy(update={"verified_at": None}) for point in self.points)
        return self.model_copy(update={"points": points})

    def usable(self, *, alarm: bool) -> tuple[ContactPoint, ...]:
        """Return the points to be tried, in their order. An alarm also goes to points that nobody has verified, after
        the others: better there than nowhere."""
        verified = tuple(point for point in self.points if point.verified_at is not None)
        return (*verified, *(point for point in self.points if point.verified_at is None and alarm))


class KeptContact(NamedTuple):
    """A contact as kept: its version (0: none was ever given), who gave it, and when (UTC). ``unread`` are how many
    versions after it cannot be read: their key is away, or somebody without the keys put them there."""

    version: int
    contact: ContactPoints
    by: str | None = None
    at: datetime | None = None
    unread: int = 0


NOBODY = KeptContact(0, ContactPoints())


class Owner(NamedTuple):
    """Whose contact it is: ``person`` is the id of one of the staff, `patient` of a journey, or what tells an observer
    of it from others."""

    role: str
    person: str
    clinic: str
    journey_id: UUID | None = None


def of_staff(person: str) -> str:
    """Return the subject of one of the staff."""
    return f"staff/{person}"


@dataclass(frozen=True)
class Contacts:
    """The contacts of everybody, in a record and under these keys."""

    record: Record
    keys: KeyStore

    async def of_patient(self, journey_id: UUID) -> str | None:
        """Return the subject that the patient of a journey is; None where nobody has begun it.

        Raises:
            RecordUnavailable, RecordFault: as the record does.
        """
        async with self.record.connection() as connection:
            found: bytes | None = await connection.fetchval(
                "SELECT patient_key FROM record.journey WHERE log_id = $1 AND journey_id = $2",
                self.record.log_id,
                journey_id,
            )
        return None if found is None else f"patient/{found.hex()}"

    def observer(self, ref: str) -> str:
        """Return what tells an observer from others where their reference must not stand."""
        return f"observer-{self.record.patients.of_ref(f'observer{chr(0)}{ref}').hex()[:32]}"

    async def subject(self, role: str, person: str, journey_id: UUID | None) -> str | None:
        """Return the subject that somebody is in a role; None where nobody has begun the journey.

        Raises:
            RecordUnavailable, RecordFault: as the record does.
        """
        if role not in (Role.PATIENT, Role.OBSERVER) or journey_id is None:
            return of_staff(person)
        patient = await self.of_patient(journey_id)
        return patient if patient is None or role == Role.PATIENT else f"{patient}/{person}"

    async def find(self, subject: str) -> KeptContact:
        """Return the newest contact of somebody that can be read. Below one that cannot, because its key is gone or
        somebody without the keys put it there, nothing counts as verified: alarms go there, and nothing else.

        Raises:
            KeysUnavailable: the key cannot be had now.
            RecordUnavailable, RecordFault: as the record does.
        """
        newest, below, unreadable, found = 0, None, 0, None
        while found is None and (rows := await self._versions(subject, below)):
            newest, below = newest or rows[0]["version"], rows[-1]["version"]
            keys = await self.keys.find_all({_key_id(row["sealed"]) for row in rows})
            for row in rows:
                contact = self._unseal(subject, row["version"], row["sealed"], keys)
                if contact is not None:
                    contact = contact if row["version"] == newest else contact.unverified()
                    found = KeptContact(newest, contact, row["given_by"], row["at"], unreadable)
                    break
                unreadable += 1
        if unreadable:
            log.error("messages.contact_unreadable", version=newest, counted=unreadable)
        return found or NOBODY._replace(version=newest, unread=unreadable)

    async def _versions(self, subject: str, below: int | None) -> list[asyncpg.Record]:
        """Return the newest versions, below one."""
        async with self.record.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(
                "SELECT version, sealed, given_by, at FROM record.contact WHERE log_id = $1 AND subject = $2 "
                "AND ($3::integer IS NULL OR version < $3) ORDER BY version DESC LIMIT $4",
                *(self.record.log_id, subject, below, 1 if below is None else PAGE),
            )
        return rows

    async def keep(self, subject: str, contact: ContactPoints, *, after: int, by: str) -> bool:
        """Keep the next version of a contact. False where there is one already: somebody was faster; or where so
        many were kept within an hour. Then nothing happened.

        Raises:
            KeysUnavailable: the key cannot be had now; nothing happened.
            RecordUnavailable, RecordFault: as the record does.
        """
        sealed = await self._seal(subject, after + 1, contact)
        async with self.record.connection() as connection:
            kept: bool = await connection.fetchval(
                "SELECT record.keep_contact($1, $2, $3, $4, $5)", self.record.log_id, subject, after + 1, sealed, by
            )
        return kept

    async def ask_code(self, owner: Owner, point: str, *, by: str) -> None:
        """Queue a message with the code of a point.

        Raises:
            RecordUnavailable, RecordFault: as the record does.
        """
        async with self.record.connection() as connection:
            await connection.execute(
                "SELECT record.ask_code($1, $2, $3, $4, $5, $6, $7, $8)",
                *(self.record.log_id, uuid4(), owner.journey_id or UUID(int=0), owner.role, owner.person, point),
                *(owner.clinic, by),
            )

    async def _seal(self, subject: str, version: int, contact: ContactPoints) -> bytes:
        # That of an observer is under the key of their patient, too.
        kind, whose, *_ = subject.split("/")
        key = await self.keys.newest(f"{kind}/{whose}" if kind == "patient" else SERVICE)
        nonce = secrets.token_bytes(_NONCE)
        sealed = key.cipher.encrypt(nonce, contact.model_dump_json().encode(), self._about(subject, version))
        return key.key_id.bytes + nonce + sealed

    def _unseal(
        self, subject: str, version: int, sealed: bytes, keys: Mapping[UUID, DataKey | None]
    ) -> ContactPoints | None:
        key = keys.get(_key_id(sealed))
        if key is None:
            return None
        try:
            nonce, content = sealed[_KEY : _KEY + _NONCE], sealed[_KEY + _NONCE :]
            return ContactPoints.model_validate_json(key.cipher.decrypt(nonce, content, self._about(subject, version)))
        except (InvalidTag, ValueError):
            return None

    def _about(self, subject: str, version: int) -> bytes:
        return f"carepath/contact/1\0{self.record.log_id}\0{subject}\0{version}".encode()


def _key_id(sealed: bytes) -> UUID:
    return UUID(bytes=sealed[:_KEY].ljust(_KEY, b"\0"))
