"""A patient at home: what reaches them, and what they may open it with."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from activities.notices import deliver, queue
from activities.notices.channels import OutgoingMessage
from activities.notices.contacts import ContactPoint, ContactPoints, Contacts
from activities.notices.delivering import Sender, see_to
from activities.notices.links import slow_hash
from activities.record import Record
from activities.record.event_codec import load_events, to_new
from simulation.people import CLINIC
from tests.cli.helpers import World
from tests.console.browser import Browser
from tests.journey.play import course
from tests.record.read_models.courses import renamed
from workflows.journey.aggregate import Journey, fold
from workflows.journey.envelopes import EventBody
from workflows.journey.views.notices import Notice

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

    async def go_on(self, until: type[EventBody]) -> Journey:
        """Have the course go on, up to the next event of a kind; the journey then."""
        known = await load_events(self.record, self.journey_id)
        whole = renamed(course("PTSD").events, self.journey_id)
        last = next(event for event in whole[len(known) :] if isinstance(event.body, until))
        news = whole[len(known) : last.version]
        await self.record.append(self.journey_id, len(known), [to_new(event) for event in news])
        self.world.at = last.at + timedelta(minutes=1)
        return fold([*known, *news])

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
        await deliver(self.record, [asked], clinic=CLINIC, register=None)
        [message] = await self.receive()
        return address_in(message)


def address_in(message: OutgoingMessage) -> str:
    assert message.link is not None
    assert message.link in message.text
    return message.link.removeprefix("https://localhost")


def code_in(message: OutgoingMessage) -> str:
    return message.text.split("code is ")[1][:6]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"
