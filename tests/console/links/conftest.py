"""A patient at home, who is asked something, and what reaches them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from activities.notices import deliver, queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import ContactPoint, ContactPoints, Contacts
from activities.notices.delivering import Sender, see_to
from activities.notices.links import slow_hash
from activities.notices.wording import Service
from activities.privacy.key_store import KeyStore
from activities.record import Opening, Record
from activities.record.event_codec import to_new
from application.context import Context
from application.sealing import open_sealed
from console.app import create_app
from deploy.local.postgres import Database
from simulation.keys import SERVICE_KEY
from simulation.people import CLINIC
from tests.cli.helpers import World, invented
from tests.console.browser import Browser, browser_of
from tests.journey.play import course
from tests.record.read_models.courses import renamed
from workflows.journey.aggregate import fold
from workflows.journey.notices import Notice, notices

ASKED = "check_in:check-in-1-4h"
CALL = "+1 555 0100"
MAIL = ContactPoint.model_validate(
    {"id": "email-1", "channel": "email", "address": "pat@home.example", "verified_at": "2026-01-01T00:00:00Z"}
)
PHONE = ContactPoint.model_validate(
    {"id": "sms-1", "channel": "webhook", "address": "sms:+15550100", "verified_at": "2026-01-01T00:00:00Z"}
)
HEALTH = (
    "check-in",
    "check_in",
    "ptsd",
    "session",
    "symptom",
    "dose",
    "therapy",
    "trauma",
    "questionnaire",
    "clinician",
)


@dataclass
class Home:
    """A patient at home, who is asked something: what reaches them, and what they may open it with."""

    world: World
    record: Record
    contacts: Contacts
    sender: Sender
    journey_id: UUID
    asked: Notice
    browser: Browser
    came: list[OutgoingMessage] = field(default_factory=list)

    async def reached_by(self, *points: ContactPoint, code: str | None = None) -> None:
        subject = await self.contacts.of_patient(self.journey_id)
        assert subject is not None
        known = await self.contacts.find(subject)
        agreed = None if code is None else slow_hash(code).hex()
        assert await self.contacts.keep(
            subject, ContactPoints(points=points, clinic_code=agreed), after=known.version, by="cory"
        )

    async def receive(self) -> list[OutgoingMessage]:
        """Deliver what is queued, and return what arrived by it."""
        before = len(self.came)
        for alarm in (True, False):
            for notice in await queue.take(self.record, alarm=alarm, most=100, seconds=60):
                await see_to(self.sender, notice)
        return self.came[before:]

    async def link(self, *, again: bool = False) -> str:
        """Ask the patient, or ask them again, and return the address of the link that reached them."""
        # As an alarm: a reminder waits for the morning at the patient's place, whatever the time is here.
        asked = self.asked.model_copy(update={"alarm": True, **({"kind": f"again_{len(self.came)}"} if again else {})})
        await deliver(self.record, [asked], clinic=CLINIC, register=None, at=self.world.at)
        [message] = await self.receive()
        return address_in(message)


def address_in(message: OutgoingMessage) -> str:
    assert message.link is not None
    assert message.link in message.text
    return message.link.removeprefix("https://localhost")


def code_in(message: OutgoingMessage) -> str:
    return message.text.split("code is ")[1][:6]


@pytest.fixture
async def home(migrated: Database, keys_database: Database, keyring: Path, key_store: KeyStore) -> AsyncIterator[Home]:
    world = World(migrated, demonstration=False)
    world.set(
        keys_url=SecretStr(keys_database.keys_url), keyring_file=keyring,
        service_key_file=invented().register_path.parent / SERVICE_KEY,
    )  # fmt: skip
    events = course("PTSD").events
    asked_at = next(n for n, event in enumerate(events, 1) if any(each.about == ASKED for each in notices(event)))
    journey_id = uuid4()
    begun = renamed(events[:asked_at], journey_id)
    world.at = begun[-1].at + timedelta(minutes=1)
    service = Service("Clinic", CALL, "https://localhost")

    def make_context(**who: Any) -> Context:
        return world.context(**who)

    app = create_app(world.settings, service=service, make_context=make_context, now=lambda: world.at)
    async with open_sealed(world.settings, world.recorder) as record, browser_of(app) as browser:
        patient = record.patients.of_ref(fold(begun).patient.ref)
        opening = Opening(patient_keys=(patient,), medicine="invented")
        await record.append(journey_id, 0, [to_new(event) for event in begun], opening=opening)
        [asked] = [each for each in notices(begun[-1]) if each.about == ASKED]
        contacts, came = Contacts(record, key_store), list[OutgoingMessage]()

        async def take(message: OutgoingMessage) -> AttemptOutcome:
            came.append(message)
            return ACCEPTED

        sender = Sender(record, invented().register, contacts, {"email": take, "webhook": take}, service)
        made = Home(world, record, contacts, sender, journey_id, asked, browser, came)
        await made.reached_by(MAIL, PHONE)
        yield made


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"
