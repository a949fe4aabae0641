"""A link in a message lets one person in, once, at one task, after a second step; and nobody in any other way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from activities.notices import deliver, links, queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import ContactPoint, ContactPoints, Contacts, Owner, of_staff
from activities.notices.delivering import Sender, see_to
from activities.notices.links import is_code, other_way, slow_hash
from activities.notices.wording import Service
from activities.privacy.key_store import KeyStore
from activities.record import Opening, Record
from activities.record.event_codec import load_events, to_new
from activities.record.stored import NewNotice
from activities.signatures.sessions import ThisLog, refuse_unproven
from application.command_catalog import questionnaires_lacking
from application.context import Context
from application.errors import Unavailable
from application.sealing import open_sealed
from console import limits as console_limits
from console.app import create_app
from console.limits import OF_ADDRESS, Rate
from console.sign_ins import LINK_IDLE, Passage
from console.visits import COOKIE, KEPT, ZONE
from deploy.local.postgres import Database
from simulation.keys import SERVICE_KEY
from simulation.people import CLINIC, PEOPLE
from tests.cli.helpers import DirectJourneys, World, invented
from tests.console.browser import Browser, browser_of
from tests.journey.play import after, course, started
from tests.record.helpers import Connection
from tests.record.read_models.courses import renamed
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.aggregate import fold
from workflows.journey.notices import Notice, notices
from workflows.journey.obligations import obligations

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


@pytest.mark.server
async def test_a_link_and_a_code_by_another_way_open_the_one_task_once(home: Home, owner: Connection) -> None:
    address, browser = await home.link(), home.browser
    pages = [await browser.go(address) for _ in range(3)]
    assert [each.status_code for each in pages] == [200] * 3
    page = pages[0]
    told = home.came[0].text + home.came[0].subject + page.text
    assert [word for word in HEALTH if word in told.casefold()] == []
    assert "<title>Go on</title>" in page.text
    assert CALL in page.text
    assert COOKIE not in browser.client.cookies

    await browser.client.post(address, data={"do": "code"})
    [brought] = await home.receive()
    assert (brought.address, brought.link) == (PHONE.address, None)
    code = code_in(brought)
    kept = str([*map(dict, await owner.fetch("SELECT * FROM record.link"))])
    assert address.rpartition("/")[2] not in kept
    assert code not in kept
    refused = await browser.client.post(address, data={"code": wrong(code)})
    assert refused.status_code == 422
    assert "not the code" in refused.text

    browser.last = await browser.client.post(address, data={"code": f" {code[:3]} {code[3:]} "})
    assert browser.page.url.path == f"/journeys/{home.journey_id}/check-in/complete"
    assert "<title>Your page</title>" in browser.page.text
    for always in ("support/request", "crisis/report", "pathway/withdraw"):
        assert f'href="/journeys/{home.journey_id}/{always}"' in browser.page.text
    answers = {"feeling": "well", "side_effects": "none", "location/state": "CA", "location/confirmed": "yes"}
    answers |= {f"symptoms/{each}": "10" for each in ("intrusive_thoughts", "emotional_distress", "mood_instability")}
    sent = await browser.send(answers)
    assert "Done" in sent.text, sent.text
    done = home.world.received[-1]
    assert isinstance(done.body, c.CompleteCheckIn)
    assert done.proof is not None
    assert (done.proof.session.let_in_by, done.actor.role) == ("link", Role.PATIENT)
    log = ThisLog(await home.record.log_name())
    assert refuse_unproven(invented().register.current(), log, CLINIC, home.journey_id, done, home.world.at) is None

    again = await browser.go(address)
    assert again.status_code == 410
    assert "Nothing is lost" in again.text
    assert CALL in again.text
    assert (await browser.client.post(address, data={"code": code})).status_code == 403
    assert "on its way" in (await browser.client.post(address, data={"do": "new"})).text
    [new] = await home.receive()
    assert address_in(new) != address
    assert (await browser.client.post(address, data={"do": "new"})).status_code == 403, "one was sent just now"
    assert await home.receive() == []


@pytest.mark.server
async def test_a_link_lets_one_in_to_nothing_else_and_ends_by_itself(home: Home) -> None:
    await home.reached_by(MAIL, code="blue 7 kite")
    address, browser, right = await home.link(), home.browser, {"code": "blue7kite", ZONE: "Asia/Tokyo"}
    elsewhere = await browser.client.post(address, data=right, headers={"origin": "https://elsewhere.example"})
    assert (elsewhere.status_code, COOKIE in browser.client.cookies) == (403, False)
    both = await asyncio.gather(*(browser.client.post(address, data=right) for _ in range(2)))
    browser.last, refused = sorted(both, key=lambda answer: answer.status_code)
    assert refused.status_code == 403, "of two who have the code one is let in"
    assert browser.page.url.path.endswith("/check-in/complete")
    assert "yours: Asia/Tokyo." in browser.page.text
    start = f"/journeys/{home.journey_id}"
    own = (await browser.go(start)).text
    assert own.count("Whom to reach") == 1
    assert "Back to your page" in (await browser.go(f"{start}/question/ask")).text
    others = (f"/journeys/{uuid4()}", f"/journeys/{uuid4()}/check-in/complete", "/work", "/journeys", "/start")
    closed_here = ("timeline", "room", "instrument/record", "medicine/add", "session/observe")
    for closed in (*others, *(f"{start}/{each}" for each in closed_here)):
        assert (await browser.go(closed)).status_code == 403, closed
    for always in ("support/request", "crisis/report", "pathway/withdraw", "consent/withdraw", "question/ask"):
        assert (await browser.go(f"{start}/{always}")).status_code == 200, always
    home.world.at += LINK_IDLE + timedelta(seconds=1)
    assert (await browser.go(start)).url.path == "/sign-in"


@pytest.mark.server
@pytest.mark.parametrize("at_once", [True, False])
async def test_who_opens_another_link_loses_nothing_that_they_entered(
    home: Home, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    browser, right, words = home.browser, {"code": "blue7kite"}, "Invented: what they entered"
    form = await browser.client.post(await home.link(), data=right)
    assert form.url.path.endswith("/check-in/complete")

    async def of_something_else(*_: object) -> tuple[()]:
        return ()

    with monkeypatch.context() as changed:
        changed.setattr("application.messages.links._tasks", of_something_else)
        home.world.at += timedelta(0) if at_once else LINK_IDLE + timedelta(seconds=1)
        assert (await browser.client.post(await home.link(again=True), data=right)).status_code == 200
    browser.last = form
    answer = await browser.send({"location/state": words})
    if not at_once:
        assert (answer.status_code, "kept for an hour" in answer.text) == (403, True)
        asks = await browser.client.get(str(form.url), headers={"accept": KEPT})
        assert asks.status_code == 401, "the script of the page keeps what was entered"
        answer = await browser.client.post(await home.link(again=True), data=right)
    assert (answer.status_code, answer.url.path) == (200, form.url.path)
    assert words in answer.text
    assert "You signed in anew after you opened this page. Nothing was sent, and nothing is lost" in answer.text


@pytest.mark.server
async def test_wrong_codes_are_counted_and_bounded_and_help_needs_no_code(home: Home, owner: Connection) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    address, browser = await home.link(), home.browser
    answers = [(await browser.client.post(address, data={"code": "red7kite"})).status_code for _ in range(5)]
    assert answers == [422] * 5
    assert (await browser.client.post(address, data={"code": "blue7kite"})).status_code == 403
    locked = await browser.go(address)
    assert (locked.status_code, "locked" in locked.text) == (410, True)
    assert COOKIE not in browser.client.cookies

    for _ in range(2):
        assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
    asked = home.world.received[-1]
    assert isinstance(asked.body, c.RequestSupport)
    assert (asked.proof, asked.body.urgency) == (None, "emergency")
    state = fold(await load_events(home.record, home.journey_id))
    assert len(state.support) == 1, "pressed twice it is one call"

    # At the links of one day a person has fifteen tries.
    await owner.execute("UPDATE record.link SET tries = 14")
    last = await home.link(again=True)
    assert (await browser.client.post(last, data={"code": "red7kite"})).status_code == 422
    assert (await browser.client.post(last, data={"code": "blue7kite"})).status_code == 403
    await owner.execute("UPDATE record.link SET made_at = made_at - interval '1 day' WHERE tries > 1")
    assert (await browser.client.post(last, data={"code": "blue7kite"})).status_code == 200


@pytest.mark.server
async def test_too_many_from_one_address_wait_and_call_for_help_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, browser = await home.link(), home.browser
    monkeypatch.setattr(console_limits, "OF_ADDRESS", Rate(3, OF_ADDRESS.every))
    assert [(await browser.go(f"/go/{'x' * 32}")).status_code for _ in range(3)] == [404] * 3
    sent: list[dict[str, str]] = [{"code": "1"}, *({"do": do} for do in ("code", "new", "acknowledge", "nothing")), {}]
    for answer in [await browser.go(address), *[await browser.client.post(address, data=each) for each in sent]]:
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert "Wait a second, and try again" in answer.text
        assert CALL in answer.text
        assert "I need help" in answer.text
    assert await home.receive() == []
    for _ in range(2):
        assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
    assert isinstance(home.world.received[-1].body, c.RequestSupport)
    home.world.at += timedelta(seconds=1)
    assert (await browser.go(address)).status_code == 200


@pytest.mark.server
async def test_an_old_link_and_what_is_none_are_told_and_not_repeated(home: Home, owner: Connection) -> None:
    address, browser = await home.link(), home.browser
    await browser.client.post(address, data={"do": "code"})
    [brought] = await home.receive()
    await owner.execute("UPDATE record.link SET code_until = clock_timestamp()")
    assert (await browser.client.post(address, data={"code": code_in(brought)})).status_code == 422, "an old code"
    await owner.execute("UPDATE record.link SET until = clock_timestamp()")
    page = await browser.go(address)
    assert (page.status_code, "too old" in page.text, "Nothing is lost" in page.text) == (410, True, True)
    assert (await browser.client.post(address, data={"code": code_in(brought)})).status_code == 403
    await browser.client.post(address, data={"do": "new"})
    [new] = await home.receive()
    assert (await browser.go(address_in(new))).status_code == 200
    await owner.execute("UPDATE record.link SET until = clock_timestamp() - interval '31 days'")
    await home.link(again=True)
    assert await owner.fetchval("SELECT count(*) FROM record.link") == 1, "what is long over is dropped"
    for token in ("x" * 32, "short", "x" * 500, "%3Cscript%3E", "..%2Fwork", "x" * 31 + "%00"):
        strange = f"/go/{token}"
        sent = [
            await browser.client.post(strange, data=each) for each in ({"code": "1"}, {"do": "help"}, {"do": "new"})
        ]
        for answer in (await browser.client.get(strange), *sent):
            assert answer.status_code in (403, 404), token
            assert "<script>" not in answer.text
    assert home.world.received == []


@pytest.mark.server
async def test_help_is_called_for_whatever_of_the_journey_cannot_be_read(
    home: Home, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journey has its state itself: only the console reads the record here."""
    address = await home.link()
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    await admin.execute("UPDATE record.journey_event SET payload = '' WHERE version = 9")
    taken: list[c.Command] = []

    async def take(_: DirectJourneys, journey_id: UUID, command: c.Command) -> int:
        assert journey_id == home.journey_id
        taken.append(command)
        return 1

    monkeypatch.setattr(DirectJourneys, "submit", take)
    answer = await home.browser.client.post(address, data={"do": "help"})
    assert (answer.status_code, "somebody is told now" in answer.text) == (200, True), answer.text
    [asked] = taken
    assert isinstance(asked.body, c.RequestSupport)
    assert (asked.actor.role, asked.proof) == (Role.PATIENT, None)


@pytest.mark.server
async def test_without_the_keys_help_is_called_for_and_said_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    address = await home.link()

    def away(_: Context) -> None:
        raise Unavailable("the keys cannot be had", "Try again")

    monkeypatch.setattr("application.messages.links.open_contacts", away)
    page = await home.browser.go(address)
    assert (page.status_code, "Not possible at this moment" in page.text) == (503, True)
    assert "I need help" in page.text
    answer = await home.browser.client.post(address, data={"do": "help"})
    assert (answer.status_code, "somebody is told now" in answer.text) == (200, True), answer.text


@pytest.mark.server
async def test_a_link_that_is_sent_by_hand_opens_all_that_is_asked_of_the_patient(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")

    async def come() -> str:
        await links.send(home.record, Owner(Role.PATIENT, "patient", CLINIC, home.journey_id), by="cory")
        [message] = await home.receive()
        home.browser.last = await home.browser.client.post(address_in(message), data={"code": "blue7kite"})
        assert home.browser.page.status_code == 200
        return home.browser.page.url.path

    journey = fold(await load_events(home.record, home.journey_id))
    asked = [each for each in obligations(journey) if each.owner == Role.PATIENT]
    start = f"/journeys/{home.journey_id}"
    assert await come() == (start if len(asked) > 1 else f"{start}/check-in/complete")
    page = await home.browser.go(start)
    assert f'href="{start}/check-in/complete?check_in=check-in-1-4h"' in page.text
    assert (await home.browser.go(f"{start}/check-in/complete")).status_code == 200
    for closed in ("medicine/add", "session/observe", "timeline"):
        assert (await home.browser.go(f"{start}/{closed}")).status_code == 403, closed


def test_a_patient_may_fill_in_what_the_evaluation_lacks_but_for_what_a_clinician_asks() -> None:
    journey = started().journey
    lacking = [given["instrument"] for _, given in questionnaires_lacking(journey)]
    baseline = [each.value for each in journey.protocol.instruments.baseline]
    assert lacking == [each for each in baseline if not each.startswith("C-SSRS")]
    assert len(lacking) < len(baseline)
    assert questionnaires_lacking(after("session.end").journey) == ()


async def observer(home: Home, ref: str) -> str:
    """Have a link sent to an observer; its address."""
    owner = Owner(Role.OBSERVER, home.contacts.observer(ref), CLINIC, home.journey_id)
    subject = await home.contacts.subject(owner.role, owner.person, home.journey_id)
    assert subject is not None
    agreed = ContactPoints(points=(MAIL,), clinic_code=slow_hash("green8oak").hex())
    assert await home.contacts.keep(subject, agreed, after=0, by="cory")
    await links.send(home.record, owner, by="cory")
    [message] = await home.receive()
    return address_in(message)


@pytest.mark.server
async def test_a_link_opens_their_session_to_an_observer_and_nothing_else(home: Home, owner: Connection) -> None:
    journey, browser = fold(await load_events(home.record, home.journey_id)), home.browser
    check = journey.sessions[1].check
    assert check is not None
    assert check.observer is not None
    address = await observer(home, check.observer.ref)
    kept = str([*map(dict, await owner.fetch("SELECT n.recipients, d.person, c.subject FROM record.notice n, "
                                             "record.delivery d, record.contact c"))])  # fmt: skip
    assert check.observer.ref not in kept
    browser.last = await browser.client.post(address, data={"code": "green8oak"})
    start = f"/journeys/{home.journey_id}"
    assert browser.page.url.path == f"{start}/room"
    assert browser.page.status_code == 200
    assert "<title>Your page</title>" in browser.page.text
    assert "pathway/withdraw" not in browser.page.text
    for opened in ("", "/room/sheet", "/session/observe", "/support/request", "/crisis/report"):
        assert (await browser.go(f"{start}{opened}")).status_code == 200, opened
    for closed in ("/timeline", "/patient-view", "/check-in/complete", "/pathway/withdraw", "/consent/withdraw"):
        assert (await browser.go(f"{start}{closed}")).status_code == 403, closed

    # One whom nobody has named comes back later.
    address = await observer(home, "somebody-else")
    answer = await browser.client.post(address, data={"code": "green8oak"})
    assert (answer.status_code, "named in a session" in answer.text) == (403, True)
    assert "after five the link is locked" in answer.text
    assert (await browser.go(address)).status_code == 200
    assert (await browser.client.post(address, data={"do": "help"})).status_code == 200
    assert isinstance(home.world.received[-1].body, c.RequestSupport)


ONNO, DIRA = (PEOPLE[role].id for role in (Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR))


async def alarm(home: Home, *, verified: bool = True) -> tuple[UUID, OutgoingMessage]:
    """Page two people in their order; the message that the first one got."""
    for person in (ONNO, DIRA):
        known = await home.contacts.find(of_staff(person))
        point = MAIL.model_copy(update={"verified_at": MAIL.verified_at if verified else None})
        assert await home.contacts.keep(
            of_staff(person), ContactPoints(points=(point,)), after=known.version, by="cory"
        )
    notice = NewNotice(
        notice_id=uuid4(), journey_id=home.journey_id, event_id=uuid4(), kind="page", clinic=CLINIC, alarm=True,
        recipient_role=Role.ON_CALL_CLINICIAN, recipients=(ONNO, DIRA),
    )  # fmt: skip
    await home.record.deliver_notices([notice])
    await see_to(home.sender, notice.notice_id)
    return notice.notice_id, home.came[-1]


async def facts(home: Home, notice: UUID) -> list[tuple[str, str]]:
    async with home.record.connection() as connection:
        rows = await connection.fetch("SELECT person, state FROM record.delivery WHERE notice_id = $1", notice)
    return sorted(tuple(row) for row in rows)


@pytest.mark.server
async def test_an_alarm_is_acknowledged_with_one_touch_and_pages_nobody_else(home: Home, owner: Connection) -> None:
    notice, message = await alarm(home)
    address, browser = address_in(message), home.browser
    page = [await browser.go(address) for _ in range(3)][-1]
    assert page.text.count("<form") == page.text.count("<button") == 1
    assert "<title>Answer</title>" in page.text
    told = page.text + message.text
    assert [word for word in HEALTH if word in told.casefold()] == []
    paged = [(ONNO, "accepted"), (ONNO, "sent")]
    assert await facts(home, notice) == paged, "to open it acknowledges nothing"
    assert (await browser.send({"do": "acknowledge"}, address)).status_code == 200
    assert "nobody else is paged" in browser.page.text.casefold()
    acknowledged = [*paged[:1], (ONNO, "acknowledged"), *paged[1:]]
    assert await facts(home, notice) == acknowledged
    assert await owner.fetchval("SELECT count(*) FROM record.queued_notice") == 0
    await see_to(home.sender, notice)
    assert len(home.came) == 1
    assert (await browser.client.post(address, data={"do": "acknowledge"})).status_code == 403
    assert "You have it" in (await browser.go(address)).text
    assert await facts(home, notice) == acknowledged
    assert home.world.received == [], "what the alarm is about is taken in the console"

    # It lets nobody in, and that of a patient acknowledges nothing.
    await home.reached_by(MAIL, PHONE, code="blue7kite")
    notice, message = await alarm(home)
    post = browser.client.post
    for sent in ({"code": "blue7kite"}, {"do": "code"}, {"do": "new"}, {"do": "help"}, {"do": "nothing"}, {}):
        assert (await post(address_in(message), data=sent)).status_code == 403, sent
    assert COOKIE not in browser.client.cookies
    assert home.world.received == []
    assert (await post(await home.link(), data={"do": "acknowledge"})).status_code == 403
    await owner.execute("UPDATE record.link SET until = clock_timestamp()")
    assert (await post(address_in(message), data={"do": "acknowledge"})).status_code == 403
    assert "acknowledged" not in {state for _, state in await facts(home, notice)}

    # Where nobody said that it arrives no link goes.
    _, message = await alarm(home, verified=False)
    assert message.link == f"https://localhost/journeys/{home.journey_id}"
    await home.reached_by(MAIL.model_copy(update={"verified_at": None}))
    asked = home.asked.model_copy(update={"alarm": True, "kind": "again"})
    await deliver(home.record, [asked], clinic=CLINIC, register=None, at=home.world.at)
    assert None in {each.link for each in await home.receive()}


def test_a_code_goes_by_another_way_than_the_link() -> None:
    def point(name: str, channel: str, address: str, *, verified: bool = True) -> ContactPoint:
        given = {"id": name, "channel": channel, "address": address}
        return ContactPoint.model_validate({**given, "verified_at": MAIL.verified_at if verified else None})

    mail, other = point("mail", "email", "a@home.example"), point("other", "email", "b@home.example")
    sms, chat = point("sms", "webhook", "sms:1"), point("chat", "webhook", "chat:1")
    cases: Sequence[tuple[tuple[ContactPoint, ...], str, str | None]] = (
        ((mail,), "mail", None),
        ((mail, other), "mail", None),
        ((mail, sms), "mail", "sms"),
        ((mail, sms), "sms", "mail"),
        ((sms, chat), "sms", "chat"),
        ((sms, point("again", "webhook", "sms:2")), "sms", None),
        ((mail, point("new", "webhook", "sms:1", verified=False)), "mail", None),
        ((mail, chat, sms), "mail", "chat"),
        ((mail, sms), "gone", None),
        ((), "mail", None),
    )
    for points, sent_to, expected in cases:
        found = other_way(ContactPoints(points=points), sent_to)
        assert (None if found is None else found.id) == expected


def test_of_a_code_a_slow_hash_is_kept() -> None:
    kept = slow_hash("blue 7 kite")
    assert is_code("blue7kite", kept)
    assert not is_code("blue7kit", kept)
    assert slow_hash("blue 7 kite") != kept
    assert b"blue" not in kept


JOURNEY, OTHER = UUID(int=1), UUID(int=2)
OPENED = Passage(JOURNEY, frozenset(("support.request",)), frozenset(("", "patient-view")), "/", ())


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        (f"/journeys/{JOURNEY}", True),
        (f"/journeys/{JOURNEY}/", True),
        (f"/journeys/{JOURNEY}/patient-view", True),
        (f"/journeys/{JOURNEY}/support/request", True),
        ("/sign-out", True),
        ("/", False),
        ("/work", False),
        (f"/journeys/{JOURNEY}1", False),
        (f"/journeys/{JOURNEY}/timeline", False),
        (f"/journeys/{JOURNEY}/support/answer", False),
        (f"/journeys/{JOURNEY}/support", False),
        (f"/journeys/{JOURNEY}/room", False),
        (f"/journeys/{OTHER}/support/request", False),
        (f"/x/journeys/{JOURNEY}/support/request", False),
        (f"/journeys/{OTHER}/journeys/{JOURNEY}/support/request", False),
    ],
)
def test_a_passage_opens_its_own_pages(address: str, opens: bool) -> None:
    assert OPENED.opens(address) == opens


@pytest.mark.server
async def test_a_stranger_who_guesses_keeps_the_patient_out_no_longer_than_until_staff_send_a_link(
    home: Home, owner: Connection
) -> None:
    """Whoever has old links may lock all of a day; the clinic opens the way again, and the old ones stay shut."""
    await home.reached_by(MAIL, code="blue7kite")
    guessed = [await home.link(again=True) for _ in range(4)]
    browser = home.browser
    answers = [
        (await browser.client.post(link, data={"code": f"{n}"})).status_code for link in guessed for n in range(5)
    ]
    assert (answers.count(422), answers.count(403)) == (15, 5), "fifteen tries at all links of a day"
    page = await browser.go(guessed[-1])
    assert (page.status_code, "I need help" in page.text) == (410, True)
    assert "Call us: we send you a link" in page.text
    assert "Send me a new link" not in page.text, "it would be locked, too"
    assert (await browser.client.post(guessed[0], data={"do": "new"})).status_code == 403
    assert "somebody is told now" in (await browser.client.post(guessed[0], data={"do": "help"})).text
    await links.send(home.record, Owner(Role.PATIENT, "patient", CLINIC, home.journey_id), by="cory")
    [message] = await home.receive()
    for link in guessed:
        assert (await browser.client.post(link, data={"code": "blue7kite"})).status_code == 403
    assert (await browser.client.post(address_in(message), data={"code": "blue7kite"})).status_code == 200


@pytest.mark.server
async def test_tries_at_many_links_at_once_are_counted_together(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    addresses = [await home.link(again=True) for _ in range(12)]
    tokens = [each.rpartition("/")[2] for each in addresses for _ in range(5)]
    tried = await asyncio.gather(*(links.count_try(home.record, token) for token in tokens))
    assert tried.count(True) == 15


@pytest.mark.server
async def test_a_call_for_help_after_the_time_of_a_link_is_said_to_have_reached_nobody_and_whom_to_call(
    home: Home,
) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    address, browser = await home.link(), home.browser
    await browser.client.post(address, data={"code": "blue7kite"})
    await browser.go(f"/journeys/{home.journey_id}/support/request")
    home.world.at += LINK_IDLE + timedelta(seconds=1)
    told = await browser.send({"urgency": "emergency", "text": "Invented"})
    assert told.url.path == "/sign-in"
    assert home.world.received == []
    for page in (told.text, (await browser.go("/journeys")).text, (await browser.go("/nothing")).text):
        assert "911" in page
        assert CALL in page
        assert "Open it again, however old it is" in page
    assert f"Nobody was told of it.</strong> Call now: {CALL}" in told.text
    assert "somebody is told now" in (await browser.client.post(address, data={"do": "help"})).text
