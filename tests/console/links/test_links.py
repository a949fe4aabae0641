"""A link in a message lets one person in, once, at one task, after a second step; and nobody in any other way."""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest

from activities.notices import links
from activities.notices.contacts import ContactPoint, ContactPoints, Owner
from activities.notices.links import other_way, slow_hash
from activities.record.event_codec import load_events
from activities.signatures.sessions import ThisLog, refuse_unproven
from application.context import Context
from application.errors import Unavailable
from application.pathway.command_catalog import questionnaires_lacking
from console.sign_ins import LINK_IDLE, Passage
from console.views.links import EQUAL
from console.visits import COOKIE, KEPT, ZONE
from simulation.people import CLINIC
from tests.cli.helpers import DirectJourneys, invented
from tests.console.browser import Form
from tests.console.links.home import CALL, HEALTH, MAIL, PHONE, Home, address_in, code_in, wrong
from tests.journey.play import after, started
from tests.record.helpers import Connection
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.events import ObligationsUpdated, SessionChecked, SessionEnded, SessionScheduled
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.actors import Role

ANSWERS = {"feeling": "well", "side_effects": "none", "location/state": "CA", "location/confirmed": "yes"} | {
    f"symptoms/{each}": "10" for each in ("intrusive_thoughts", "emotional_distress", "mood_instability")
}
"""A check-in, answered."""


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
    sent = await browser.send(ANSWERS)
    assert "Done" in sent.text, sent.text
    assert "recorded at position" not in sent.text, "what is for those who look after the record"
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
async def test_who_left_to_read_the_code_comes_back_to_a_page_that_loads_anew(home: Home) -> None:
    address, browser = await home.link(), home.browser
    answer = await browser.client.post(address, data={"do": "code"}, follow_redirects=False)
    assert answer.status_code == 303
    [brought] = await home.receive()
    for _ in range(2):
        assert "A code was sent to you, or is on its way." in (await browser.go(answer.headers["location"])).text
    assert await home.receive() == [], "looking sends none"
    await browser.send({"code": code_in(brought)}, address)
    assert browser.page.url.path.endswith("/check-in/complete")
    over = await browser.go(answer.headers["location"])
    assert (over.status_code, "or is on its way" in over.text) == (410, False)


@pytest.mark.server
async def test_a_link_to_what_is_done_says_so_on_the_patients_own_page(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    first, second = await home.link(), await home.link(again=True)
    browser, right = home.browser, {"code": "blue7kite"}
    browser.last = await browser.client.post(first, data=right)
    assert "Done" in (await browser.send(ANSWERS)).text
    browser.client.cookies.clear()
    page = await browser.client.post(second, data=right)
    assert page.url.path == f"/journeys/{home.journey_id}"
    assert "What the message was about is done, or is not asked of you any more." in page.text
    assert "Answer the check-in 24 hours after" in page.text
    assert "What has no button here comes, or came, with a message of its own." in page.text


@pytest.mark.server
async def test_without_script_times_are_those_of_the_patients_place(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    address, browser = await home.link(), home.browser
    assert "Times without a place are those of this service" in (await browser.go(address)).text
    await browser.client.post(address, data={"code": "blue7kite"})
    page = await browser.go(f"/journeys/{home.journey_id}")
    assert "Times without a place are yours: America/Los_Angeles." in page.text
    assert "PST" in page.text
    assert "UTC" not in page.text


@pytest.mark.server
async def test_the_second_of_two_equal_taps_gets_the_answer_of_the_first(home: Home) -> None:
    await home.reached_by(MAIL, PHONE, code="blue7kite")
    address, browser = await home.link(), home.browser

    async def twice(given: dict[str, str]) -> list[tuple[int, str, str | None]]:
        """Tap a button of a page that is shown anew, and again before the browser has seen the answer."""
        browser.client.cookies.clear()
        shown = {**Form.on(await browser.go(address), address), **given}
        answers = [*await asyncio.gather(*(browser.client.post(address, data=shown) for _ in range(2)))]
        answers.append(await browser.client.post(address, data=shown))
        return [(each.status_code, each.url.path, browser.client.cookies.get(COOKIE)) for each in answers]

    assert {*await twice({"do": "code"})} == {(200, address, None)}
    assert len(await home.receive()) == 1
    for _ in range(4):
        assert {*await twice({"code": "red8boat"})} == {(422, address, None)}, "one try is counted, not three"
    [let_in] = {*await twice({"code": "blue7kite"})}
    assert let_in[:2] == (200, f"/journeys/{home.journey_id}/check-in/complete")
    assert (await browser.go(f"/journeys/{home.journey_id}")).status_code == 200
    assert {*await twice({"do": "new"})} == {(200, address, None)}
    assert len(await home.receive()) == 1


@pytest.mark.server
async def test_taps_on_other_pages_with_other_codes_or_much_later_are_others(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    address, browser = await home.link(), home.browser
    one, other = [Form.on(await browser.go(address), address) for _ in range(2)]
    assert (await browser.client.post(address, data={**one, "code": "red8boat"})).status_code == 422
    assert (await browser.client.post(address, data={**one, "code": "blue7kite"})).status_code == 200
    browser.client.cookies.clear()
    assert (await browser.client.post(address, data={**other, "code": "blue7kite"})).status_code == 403
    home.world.at += EQUAL + timedelta(seconds=1)
    assert (await browser.client.post(address, data={**one, "code": "blue7kite"})).status_code == 403
    assert COOKIE not in browser.client.cookies


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
        assert (answer.status_code, "kept for up to an hour" in answer.text) == (403, True)
        asks = await browser.client.get(str(form.url), headers={"accept": KEPT})
        assert asks.status_code == 401, "the script of the page keeps what was entered"
        answer = await browser.client.post(await home.link(again=True), data=right)
    assert (answer.status_code, answer.url.path) == (200, form.url.path)
    assert words in answer.text
    assert "You signed in anew after you opened this page. Nothing was sent, and nothing is lost" in answer.text


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
    assert f'href="{start}/check-in/complete?task=' in page.text
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
    journey, browser = await home.go_on(SessionChecked), home.browser
    check = journey.sessions[2].check
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
    assert "Session 2" in (await browser.go(f"{start}/room")).text
    for closed in (
        "/room?session=1",
        "/timeline",
        "/patient-view",
        "/check-in/complete",
        "/pathway/withdraw",
        "/consent/withdraw",
    ):
        assert (await browser.go(f"{start}{closed}")).status_code == 403, closed

    # One whom nobody has named comes back later.
    address = await observer(home, "somebody-else")
    answer = await browser.client.post(address, data={"code": "green8oak"})
    assert (answer.status_code, "named in no session now" in answer.text) == (403, True)
    assert "after five the link is locked" in answer.text
    assert (await browser.go(address)).status_code == 200
    assert (await browser.client.post(address, data={"do": "help"})).status_code == 200
    assert isinstance(home.world.received[-1].body, c.RequestSupport)


@pytest.mark.server
async def test_an_observer_whose_session_is_over_is_let_in_by_no_link_until_the_next_names_them(
    home: Home, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sign_ins.LINK_IDLE", timedelta(days=1))
    over = await home.go_on(SessionScheduled)
    check, browser = over.sessions[2].check, home.browser
    assert check is not None
    assert check.observer is not None
    address, right = await observer(home, check.observer.ref), {"code": "green8oak"}
    answer = await browser.client.post(address, data=right)
    assert (answer.status_code, "named in no session now" in answer.text) == (403, True)
    await written_before(owner, "10 minutes")
    assert (await browser.client.post(address, data={"do": "new"})).status_code == 403
    assert await home.receive() == []
    assert (await browser.client.post(address, data={"do": "help"})).status_code == 200

    await home.go_on(SessionChecked)
    browser.last = await browser.client.post(address, data=right)
    start = f"/journeys/{home.journey_id}"
    assert "Session 3" in (await browser.go(f"{start}/room")).text
    await home.go_on(SessionEnded)
    for shown in ("/room", "/room/sheet", "/session/observe", "/room?session=3"):
        page = await browser.go(f"{start}{shown}")
        assert page.status_code == 403, shown
        assert over.patient.ref not in page.text
    await browser.go(f"{start}/support/request")
    await browser.send({"urgency": "urgent", "text": "They do not answer."})
    assert isinstance(home.world.received[-1].body, c.RequestSupport)


@pytest.mark.server
async def test_no_address_on_a_phone_names_a_questionnaire_or_an_occasion(home: Home) -> None:
    await home.reached_by(MAIL, code="blue7kite")
    journey, browser, seen = fold(await load_events(home.record, home.journey_id)), home.browser, set[str]()
    while not any(each.kind == "measure" and each.owner == Role.PATIENT for each in obligations(journey)):
        journey = await home.go_on(ObligationsUpdated)
    await links.send(home.record, Owner(Role.PATIENT, "patient", CLINIC, home.journey_id), by="cory")
    [message] = await home.receive()
    browser.last = await browser.client.post(address_in(message), data={"code": "blue7kite"})
    own = f"/journeys/{home.journey_id}"
    pages = [browser.page, await browser.go(own), await browser.go(f"{own}/instrument/record")]
    offered = {found for page in pages for found in re.findall(r'href="([^"#]+)"|<option value="([^"]+)"', page.text)}
    asked = [f"{own}/instrument/record?task={code}" for _, code in offered if re.fullmatch("[0-9a-f]{20}", code)]
    assert len(asked) == len(Instrument)
    for address in (*asked, *(address for address, _ in offered if "?task=" in address)):
        page = await browser.go(address)
        assert page.status_code == 200
        assert 'name="answers/' in page.text or "check-in" in address, "the code stands for what is asked"
        seen.add(str(page.url))
    named = {*Instrument, *(each.subject for each in journey.waiting.values())}
    said = [parse_qsl(urlsplit(address).query) for address in (*seen, *(address for address, _ in offered))]
    assert [value for query in said for _, value in query if value in named] == []


@pytest.mark.server
async def test_a_link_is_renewed_for_thirty_days_in_all(home: Home, owner: Connection) -> None:
    address, renewed = await home.link(), {"do": "new"}
    for days, status in ((20, 200), (9, 200), (2, 403)):
        await written_before(owner, f"{days} days")
        answer = await home.browser.client.post(address, data=renewed)
        assert answer.status_code == status, days
        if status == 200:
            [message] = await home.receive()
            address = address_in(message)


async def written_before(owner: Connection, ago: str) -> None:
    """Have every message and link been made so much earlier."""
    async with owner.transaction():
        await owner.execute("ALTER TABLE record.notice DISABLE TRIGGER USER")
        await owner.execute("UPDATE record.notice SET created_at = created_at - $1::text::interval", ago)
        await owner.execute("UPDATE record.link SET made_at = made_at - $1::text::interval, "
                            "until = until - $1::text::interval", ago)  # fmt: skip
        await owner.execute("ALTER TABLE record.notice ENABLE TRIGGER USER")


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
