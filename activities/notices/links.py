"""Links in messages: one lets a patient or an observer in, once, at what one notice is about, after a second step; or
it acknowledges an alarm that one of the staff got, once, and lets nobody in.

The token of a link is in the message and nowhere else: the record has its hash, by which alone a link is found. Opening
the address changes nothing, since programs that look through mail do that too. The second step is a code that went to
the person by another way, or one that was agreed on at the clinic. Of both only a slow hash is kept.
"""

import asyncio
import hmac
import re
import secrets
from datetime import timedelta
from hashlib import scrypt, sha256
from typing import NamedTuple
from uuid import UUID, uuid4

from activities.notices.contacts import EMAIL, ContactPoint, ContactPoints, Owner
from activities.privacy.patient_keys import PatientKeys
from activities.record.store import Record
from workflows.journey.events import Event
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role

TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
"""What a token looks like: 192 random bits."""
COUNTS, CODE_COUNTS = timedelta(days=1), timedelta(minutes=30)
"""How long a link counts, and a code that was sent."""
LET_IN = (Role.PATIENT, Role.OBSERVER)
"""Whom a link lets in."""
LINK, LINK_CODE = "link", "link_code"
"""The kinds of the messages that somebody asked for: a new link, and the code for one."""
_SALT = 16


class Link(NamedTuple):
    """A link as kept. ``state``: `open`, `used`, `over`, `locked` after too many wrong codes, or `shut` after too many
    at all links of its person. ``code`` is the slow hash of the code that was sent for it last, while that counts."""

    link_id: UUID
    notice_id: UUID
    event_id: UUID
    journey_id: UUID
    role: str
    person: str
    point: str
    state: str
    code: bytes | None


def hash_of(token: str) -> bytes:
    """Return what a link is kept by."""
    return sha256(f"carepath/link/1\0{token}".encode()).digest()


def new_digits() -> str:
    """Return a new code of six digits, to be sent."""
    return f"{secrets.randbelow(10**6):06}"


def slow_hash(code: str) -> bytes:
    """Return what is kept of a code that people can type: a salt, and what takes long to try."""
    salt = secrets.token_bytes(_SALT)
    return salt + _slow(code, salt)


def is_code(code: str, kept: bytes) -> bool:
    """Whether a code is the one of which this is kept."""
    return hmac.compare_digest(_slow(code, kept[:_SALT]), kept[_SALT:])


def _slow(code: str, salt: bytes) -> bytes:
    return scrypt("".join(code.split()).encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


def other_way(contact: ContactPoints, point_id: str) -> ContactPoint | None:
    """Return the point to which a code goes for a link that went to this one: verified, and by another way. One that
    reads a mailbox reads both messages where both are e-mail."""
    sent = contact.point(point_id)
    if sent is None:
        return None
    return next((each for each in contact.usable(alarm=False) if _way(each) != _way(sent)), None)


def _way(point: ContactPoint) -> str:
    return EMAIL if point.channel == EMAIL else f"{point.channel}:{point.address.partition(':')[0]}"


def task_of(keys: PatientKeys, event: Event | None, notice_id: UUID, role: str) -> str | None:
    """Return the id of what is awaited, as a notice says; of a new link, as the one before said."""
    told = () if event is None else notices(event)
    mine = [each.about for each in told if keys.of_notice(each) == notice_id]
    mine = mine or [each.about for each in told if each.to == role]
    return next((about for about in mine if about is not None), None)


# In the record


async def make(record: Record, notice_id: UUID, person: str, point: str) -> str:
    """Keep a new link, and return its token."""
    token = secrets.token_urlsafe(24)
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_link($1, $2, $3, $4, $5, $6, $7)",
            *(record.log_id, hash_of(token), uuid4(), notice_id, person, point, COUNTS.total_seconds()),
        )
    return token


async def make_code(record: Record, link_id: UUID) -> str:
    """Keep a new code for a link, and return it."""
    code = new_digits()
    kept = await asyncio.to_thread(slow_hash, code)
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_link_code($1, $2, $3, $4)",
            *(record.log_id, link_id, kept, CODE_COUNTS.total_seconds()),
        )
    return code


async def find(record: Record, token: str) -> Link | None:
    """Return the link with a token; None where there is none."""
    if TOKEN.fullmatch(token) is None:
        return None
    async with record.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM record.find_link($1, $2)", record.log_id, hash_of(token))
    return None if row is None else Link(*row.values())


async def ask_code(record: Record, token: str, point: str) -> bool:
    """Queue a message with a code for a link. False where one was sent just now, or too many were."""
    return await _did(record, "SELECT record.ask_link_code($1, $2, $3)", hash_of(token), point)


async def count_try(record: Record, token: str) -> bool:
    """Count a try, before its code is looked at. False where the link may not be tried any more."""
    return await _did(record, "SELECT record.try_link($1, $2)", hash_of(token))


async def use_up(record: Record, token: str) -> bool:
    """Use a link up. False where it was used before, or is over."""
    return await _did(record, "SELECT record.use_link($1, $2)", hash_of(token))


async def send(record: Record, owner: Owner, *, by: str) -> None:
    """Queue a message with a link for a patient or an observer, for whoever asks for it."""
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.send_link($1, $2, $3, $4, $5, $6)",
            *(record.log_id, owner.journey_id, owner.role, owner.person, owner.clinic, by),
        )


async def acknowledge(record: Record, token: str) -> bool:
    """Keep that one of the staff has an alarm: nobody else is paged for it. False where the link does not count."""
    return await _did(record, "SELECT record.acknowledge_notice($1, $2)", hash_of(token))


async def renew(record: Record, token: str) -> bool:
    """Queue a message with a new link in the place of this one. False where one was sent just now, or too many were."""
    return await _did(record, "SELECT record.renew_link($1, $2)", hash_of(token))


async def _did(record: Record, statement: str, *given: object) -> bool:
    async with record.connection() as connection:
        done: bool = await connection.fetchval(statement, record.log_id, *given)
    return done
