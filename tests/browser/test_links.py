"""A link in a message, on a phone: from the mail to the answered task."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import expect

from activities.notices import deliver
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, delivering
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import Opening
from activities.record.event_codec import to_new
from application.messages.channels import open_channels, service_of
from application.messages.settings import load_message_settings
from deploy.local.mailbox import Mailbox, create_app, taking_mail
from deploy.local.web import messages_settings
from simulation.contact_points import give_contact_points
from simulation.people import CLINIC
from tests.browser.filling import Wall, fill_in
from tests.browser.mail import LINK, let_in, mail_of, open_newest
from tests.browser.people import Desk, findings, overflow
from tests.browser.serving import Serving
from tests.cli.helpers import invented
from tests.fixtures.keys import SharedKeys
from tests.journey.play import course
from tests.record.read_models.courses import catch_up, renamed
from workflows.journey.aggregate import fold
from workflows.journey.views.notices import notices

pytestmark = pytest.mark.browser

CHECK_IN = "check-in-1-4h"


@asynccontextmanager
async def sending(desk: Desk, keys: SharedKeys, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Contacts]]:
    """Deliver what is queued to a mailbox, as a worker does; the address of the mailbox, and how people are reached."""
    key = b"k" * 32
    mailbox = Mailbox(key)
    page = Serving(lambda: create_app(mailbox))
    await page.start()
    async with taking_mail(mailbox) as port:
        settings = messages_settings(urlsplit(page.address).port or 0, port, base64.b64encode(key).decode())
        for name, value in {**settings, "CAREPATH_MESSAGES_CONSOLE_URL": desk.address}.items():
            monkeypatch.setenv(name, value)
        messages, record = load_message_settings(), desk.clinics.record
        async with open_channels(messages) as channels, open_key_store(keys.url, Keyring(keys.keyring)) as store:
            contacts = Contacts(record, store)
            sender = Sender(record, invented().register, contacts, channels, service_of(messages))
            async with delivering(sender, poll=0.05):
                try:
                    yield page.address, contacts
                finally:
                    await page.stop()


async def test_from_a_message_to_the_answered_task(
    desk: Desk, shared_keys: SharedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = course("PTSD").events
    told = [[each for each in notices(event) if each.about == f"check_in:{CHECK_IN}"] for event in events]
    asked = next(number for number, about in enumerate(told, 1) if about)
    journey_id = uuid4()
    begun = renamed(events[:asked], journey_id)
    record = desk.clinics.record
    opening = Opening(patient_keys=(record.patients.of_ref(fold(begun).patient.ref),), medicine="invented")
    await record.append(journey_id, 0, [to_new(event) for event in begun], opening=opening)
    await catch_up(record)
    desk.clinics.world.at = begun[-1].at + timedelta(minutes=1)
    name = f"patient-{journey_id.hex[:8]}"
    phone = {"phone": True, "is_mobile": True, "has_touch": True, "timezone_id": "Asia/Tokyo"}
    async with sending(desk, shared_keys, monkeypatch) as (mailbox, contacts), desk.browser(**phone) as page:
        patient = await contacts.of_patient(journey_id)
        assert patient is not None
        await give_contact_points(contacts, patient, name)
        [notice] = [each for each in notices(begun[-1]) if each.about == f"check_in:{CHECK_IN}"]
        # As an alarm: a reminder waits for the morning at the patient's place, whatever the time is here.
        notice = notice.model_copy(update={"alarm": True})
        await deliver(record, [notice], clinic=CLINIC, register=None)

        await open_newest(page, mailbox, mail_of(name))
        await page.locator(LINK).click()
        link = page.url
        assert link.startswith(f"{desk.address}/go/")
        assert await page.title() == "Go on"
        assert await overflow(page) == []
        assert await findings(page) == []

        await page.get_by_role("button", name=re.compile("^I need help")).click()
        await expect(page.get_by_role("status")).to_contain_text("Your call for help is sent")
        assert len((await desk.recorded(journey_id)).support) == 1, "help needs no code"
        await page.wait_for_load_state()  # its script has given the page an address
        await page.goto("/sign-in")
        await page.go_back()
        await expect(page.get_by_label("Your code")).to_be_visible()
        assert len((await desk.recorded(journey_id)).support) == 1, "going back sends nothing"

        await let_in(page, mailbox, name, twice=True)
        assert await page.title() == "Your page"
        await expect(page.get_by_text("Times without a place are yours: Asia/Tokyo.")).to_be_visible()
        assert await overflow(page) == []
        journey = await desk.recorded(journey_id)
        said = {
            "check_in": CHECK_IN,
            "feeling": "well",
            "side_effects": "Invented: none.",
            "symptoms": dict.fromkeys(journey.protocol.symptoms.names, 3),
            "location": {"state": journey.patient.state, "confirmed": True},
        }
        form = page.locator("form.entry")
        await fill_in(form, said, Wall(journey.patient.zone, desk.clinics.world.at))
        await form.locator("button.send").click()
        await expect(page.get_by_role("status")).to_contain_text("Done: Answer a check-in.")
        assert (await desk.recorded(journey_id)).contacts[CHECK_IN].done_at is not None

        await page.goto(link)
        await expect(page.get_by_role("heading", level=1)).to_have_text("This link was used")
        await expect(page.get_by_text("Nothing is lost")).to_be_visible()
        await expect(page.get_by_label("Your code")).to_have_count(0)
        assert await findings(page) == []
