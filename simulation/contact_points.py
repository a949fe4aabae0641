"""Gives the invented people of a local stack contact points at its mailbox, as coordinators do with real ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog

from activities.notices.contacts import ContactPoint, ContactPoints, Contacts, of_staff
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import RecordFault, RecordUnavailable, open_record, sealing
from deploy.local.stack import Stack
from simulation.people import PEOPLE, STAFF, person_of
from workflows.journey.vocabulary.actors import Role

log = structlog.get_logger("local")

GIVEN_BY = "local-stack"
GIVEN = "given"
LOOK = 0.5
"""Seconds between two looks for new journeys."""


@asynccontextmanager
async def giving_contact_points(stack: Stack) -> AsyncIterator[None]:
    """While the context is open, everybody without contact points is given an address of e-mail, and a telephone for
    text messages: the staff at once, the patient and the observer of a journey as soon as that begins.

    Raises:
        KeysUnavailable: the keys cannot be had.
        RecordUnavailable: the record cannot be reached.
    """
    async with (
        open_key_store(stack.postgres.keys.keys_url, Keyring(stack.keyring)) as keys,
        open_record(stack.postgres.database.reader_url, await sealing(keys)) as record,
    ):
        contacts = Contacts(record, keys)
        for person in STAFF:
            await give_contact_points(contacts, of_staff(person.id), person.id)
        following = asyncio.create_task(_follow(contacts))
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


async def _follow(contacts: Contacts) -> None:
    became: dict[UUID, str] = {}
    while True:
        with suppress(RecordUnavailable, RecordFault):
            await give_to_new_journeys(contacts, became)
        await asyncio.sleep(LOOK)


async def give_to_new_journeys(contacts: Contacts, became: dict[UUID, str]) -> None:
    """Give contact points to the households of the journeys that have none yet. ``became`` says what became of each
    before, and is brought up to date. What goes wrong with one is logged, and tried again the next time.

    Raises:
        RecordUnavailable, RecordFault: as the record does, where it does not say which journeys there are.
    """
    for journey_id in [each for each in await _journeys(contacts) if became.get(each) != GIVEN]:
        now = GIVEN
        try:
            await _give_household(contacts, journey_id)
        except Exception as problem:  # Whatever is wrong with one journey keeps no other from it.
            now = type(problem).__name__
            if became.get(journey_id) != now:
                log.warning("local.no_contact_points", journey_id=str(journey_id), error=now)
        became[journey_id] = now


async def _journeys(contacts: Contacts) -> list[UUID]:
    async with contacts.record.connection() as connection:
        rows = await connection.fetch("SELECT journey_id FROM record.journey WHERE log_id = $1", contacts.record.log_id)
    return [row["journey_id"] for row in rows]


async def _give_household(contacts: Contacts, journey_id: UUID) -> None:
    """Give them to a patient, and to an observer of a reference that the invented people use."""
    patient = await contacts.of_patient(journey_id)
    if patient is None:
        return
    await give_contact_points(contacts, patient, f"patient-{journey_id.hex[:8]}")
    for ref in (PEOPLE[Role.OBSERVER].id, person_of(journey_id, Role.OBSERVER).id):
        await give_contact_points(contacts, f"{patient}/{contacts.observer(ref)}", f"observer-{journey_id.hex[:8]}")


async def give_contact_points(contacts: Contacts, subject: str, name: str) -> None:
    """Give somebody contact points, unless they had any before."""
    if (await contacts.find(subject)).version:
        return
    now = datetime.now(UTC)
    points = (
        ContactPoint(id="email-1", channel="email", address=f"{name}@invented.example", verified_at=now),
        ContactPoint(id="sms-1", channel="webhook", address=f"sms:{name}", verified_at=now),
    )
    await contacts.keep(subject, ContactPoints(points=points), after=0, by=GIVEN_BY)
