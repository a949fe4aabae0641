"""A patient at home, who is asked something."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender
from activities.notices.wording import Service
from activities.privacy.key_store import KeyStore
from activities.record import Opening
from activities.record.event_codec import to_new
from application.context import Context
from application.process.sealing import open_sealed
from console.app import create_app
from deploy.local.postgres import Database
from simulation.keys import SERVICE_KEY
from tests.cli.helpers import World, invented
from tests.console.browser import browser_of
from tests.console.links.home import CALL, MAIL, PHONE, Home
from tests.journey.play import course
from tests.record.read_models.courses import renamed
from workflows.journey.aggregate import fold
from workflows.journey.views.notices import notices

ASKED = "check_in:check-in-1-4h"


@pytest.fixture
async def home(migrated: Database, keys_database: Database, keyring: Path, key_store: KeyStore) -> AsyncIterator[Home]:
    world = World(migrated, demonstration=False)
    world.set(
        database_url=SecretStr(migrated.console_url),
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
