"""The console is closed by default, shows people what is theirs, and says what went wrong."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from activities.record.event_codec import load_events
from activities.record.read_models import ListPage
from activities.record.read_models.pages import Answered
from application.errors import KEPT_AS_SAID
from application.pathway.show import ShowJourney
from application.reading.access_log import ActOn
from application.work.worklist import ListWork
from console.app import HEADERS, MOST_SENT
from console.drafts import COOKIE as DRAFTS
from console.pages import HERE, PAGES
from console.sign_ins import IDLE, LONGEST, SESSION_IDLE
from console.visits import COOKIE, KEPT, SEEN
from tests.cli.clinics import OTHER, Clinics
from tests.console.addresses import OPEN, SAVED, addresses
from tests.console.browser import Browser, browser_of
from tests.record.helpers import Connection, content_of
from workflows.journey.aggregate import fold
from workflows.journey.vocabulary.actors import Role

ROLES = [role.value for role in Role if role != Role.SYSTEM]


def codes_in(page: str) -> list[str]:
    """Return the codes that a page shows: words joined by underscores, but for ids, which people copy."""
    text = re.sub(r"<(code|\w+ class=\"id\")[^>]*>[^<]*<", "<", page)
    return re.findall(r"(?<![\w:.-])[a-z]+(?:_[a-z0-9]+)+(?![\w:-])", re.sub(r"<[^>]*>", " ", text))


def test_a_code_on_a_page_is_found() -> None:
    assert codes_in('<p title="at_home">on_call_clinician</p><code>at_home</code><i class="id">a_b</i>') == [
        "on_call_clinician"
    ]


async def test_every_page_needs_somebody_who_is_signed_in(console: FastAPI, clinics: Clinics) -> None:
    async with browser_of(console) as browser:
        browser.client.follow_redirects = False
        for method, address in addresses(console, clinics.held):
            if address in OPEN:
                continue
            answer = await browser.client.request(method, address)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), address
    assert await clinics.looks(clinics.held) == []


@pytest.mark.parametrize("role", ["coordinator", "medical_director", "patient"])
async def test_to_look_at_a_page_changes_nothing_but_who_looked(
    console: FastAPI, clinics: Clinics, browser: Browser, admin: Connection, role: str
) -> None:
    before = await content_of(admin)
    await browser.sign_in(role)
    for method, address in addresses(console, clinics.held):
        if method == "GET":
            await browser.client.get(address)
    assert await content_of(admin) == before
    assert before["record.journey_event"] is not None


@pytest.mark.parametrize("role", ROLES)
async def test_every_page_answers_every_role(console: FastAPI, clinics: Clinics, browser: Browser, role: str) -> None:
    await browser.sign_in(role)
    there_is_none = uuid4()
    seen = set(OPEN)
    for journey in (clinics.held, there_is_none, *([clinics.ended] if role == Role.CLINICIAN else ())):
        for method, address in addresses(console, journey):
            if method != "GET" or address in seen:
                continue
            seen.add(address)
            answer = await browser.go(address)
            assert answer.status_code in (200, 403, 404, 409, 422), (address, answer.text)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert address == SAVED or codes_in(answer.text) == [], address
            assert "<h1>" in answer.text or (answer.status_code == 200 and address == SAVED)


async def test_a_form_is_taken_only_from_a_page_of_this_sign_in(
    console: FastAPI, clinics: Clinics, browser: Browser
) -> None:
    await browser.sign_in("coordinator")
    before = len(clinics.world.received)
    address = f"/journeys/{clinics.held}/pathway/hold"
    await browser.go(address)
    token = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)[0]
    async with browser_of(console) as other:
        await other.sign_in("clinician")
        theirs = re.findall(r'name="form_token" value="([^"]+)"', (await other.go("/work")).text)[0]
    given = {"command_id": str(uuid4()), "reason": "invented"}
    mine = {"entered_by": "demo-coordinator"}
    for forged in ({}, {"form_token": ""}, {"form_token": theirs}, {"form_token": token[:-1]}, mine):
        answer = await browser.client.post(address, data={**given, **forged})
        assert answer.status_code == 403, forged
    answer = await browser.client.post(
        address, data={**given, "form_token": token}, headers={"origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 403
    assert len(clinics.world.received) == before


async def test_other_hosts_and_large_forms_are_refused(browser: Browser) -> None:
    await browser.sign_in("coordinator")
    for strange in ("elsewhere.example", "localhost.elsewhere.example", "<b>", ""):
        for method in ("GET", "POST"):
            answer = await browser.client.request(method, "/work", headers={"host": strange})
            assert answer.status_code == 400, strange
            assert "under a name that is not its own" in answer.text
            assert "Sign out" not in answer.text, "nobody is signed in there"
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    with capture_logs() as logged:
        answer = await browser.client.post("/start", data={"reason": "x" * (MOST_SENT + 1)})
    assert answer.status_code == 422
    assert "at most" in answer.text
    assert "Sign out" in answer.text
    assert [each["event"] for each in logged] == ["page.refused"], "it was foreseen"


async def test_the_cookie_is_for_this_host_and_no_script(console: FastAPI) -> None:
    async with browser_of(console) as browser:
        browser.client.follow_redirects = False
        signed_in = await browser.sign_in("coordinator")
        cookie = signed_in.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {*cookie.split("; ")}
        assert "Domain" not in cookie


@pytest.mark.parametrize("onward", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "x"])
async def test_signing_in_leads_nowhere_else(console: FastAPI, onward: str) -> None:
    async with browser_of(console) as browser:
        browser.client.follow_redirects = False
        answer = await browser.client.post("/sign-in", data={"person": "coordinator", "next": onward})
        assert answer.headers["location"] == "/work"


async def test_signing_in_changes_the_secret_and_signing_out_ends_it(browser: Browser) -> None:
    await browser.sign_in("coordinator")
    first = browser.client.cookies[COOKIE]
    answers = [await browser.sign_in("clinician")]
    second = browser.client.cookies[COOKIE]
    assert first != second
    answers.append(await browser.send({}, "/sign-out"))
    for secret in (first, second):
        browser.client.cookies.clear()
        answers.append(await browser.client.get("/work", headers={"cookie": f"{COOKIE}={secret}"}))
        assert answers[-1].url.path == "/sign-in"
    # A browser shows its last pages again on the way back, as it left them, unless it is told to forget them.
    assert [answer.history[0].headers["clear-site-data"] for answer in answers] == ['"cache"'] * len(answers)
    # Where nobody was signed in there is nothing to forget.
    assert [answer.headers.get("clear-site-data") for answer in (await browser.go("/work")).history] == [None]


async def test_a_cookie_that_was_copied_to_another_kind_of_browser_ends_there_and_here(browser: Browser) -> None:
    await browser.sign_in("coordinator")
    assert (await browser.go("/work")).url.path == "/work"
    copied = await browser.client.get("/work", headers={"user-agent": "another"})
    assert (copied.url.path, (await browser.go("/work")).url.path) == ("/sign-in", "/sign-in")


async def test_whoever_does_nothing_or_stays_too_long_is_signed_out(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    clinics.world.at += IDLE
    page = await browser.go("/work")
    assert page.url.path == "/work"
    # Its browser puts it away then, with or without script; to be led to the sign-in is nothing that somebody does.
    assert f'content="{IDLE // timedelta(seconds=1) + 1}; url=/sign-in?next=%2Fwork"' in page.text
    clinics.world.at += IDLE
    assert "Go on where you were" in (await browser.go("/sign-in?next=/work")).text
    clinics.world.at += timedelta(seconds=1)
    assert (await browser.go("/work")).url.path == "/sign-in"
    await browser.sign_in("coordinator")
    for _ in range(LONGEST // IDLE - 1):
        clinics.world.at += IDLE
        await browser.go("/work")
    clinics.world.at += timedelta(minutes=5)
    # A form keeps what was entered, and without script hides the rest at its minute: here that of the twelfth hour.
    form = f"/journeys/{clinics.held}/pathway/hold"
    assert 'data-tens="1" data-minutes="0"' in (await browser.go(form)).text
    # What answers to a form of another page has none of its own, and cannot be opened at its address.
    there = f"/sign-in?{urlencode({'next': browser.page.url.raw_path.decode()})}"
    for page, onward, entered in (
        (await browser.send({}), there, " data-entered"),
        (await browser.client.post("/work/claim"), "/sign-in", ""),
    ):
        assert page.is_error
        assert f'data-idle="601" data-onward="{onward}"{entered}>' in page.text
        assert ('http-equiv="refresh"' in page.text) == (not entered)
    clinics.world.at += timedelta(minutes=10, seconds=1)
    assert (await browser.go("/work")).url.path == "/sign-in"


@pytest.mark.parametrize("role", ["clinician", "session_monitor", "coordinator", "medical_director", "ops"])
async def test_the_hour_of_a_session_is_for_its_people_in_its_room_alone(
    clinics: Clinics, browser: Browser, role: str
) -> None:
    [room, *_] = [
        f"/journeys/{each.id}/room?session={number}"
        for each in clinics.journeys.values()
        for number, session in each.sessions.items()
        if session.running
    ]
    of_session = SESSION_IDLE if role in ("clinician", "session_monitor") else IDLE

    async def asks(page: str) -> int:
        return (await browser.client.get(page, headers={"accept": KEPT})).status_code

    # The page they look at, what is open beside it in another tab, and for how long they stay signed in.
    for then, beside, idle in ((room, "/work", of_session), ("/work", "/work", IDLE), ("/work", room, of_session)):
        await browser.sign_in(role)
        await browser.go(room)
        await browser.go(then)
        assert await asks(beside) == 200
        clinics.world.at += idle
        assert await asks("/work") == 200
        clinics.world.at += timedelta(seconds=1)
        assert await asks(beside) == 401


async def test_a_room_that_stands_open_gives_no_hour_once_its_session_is_over(
    clinics: Clinics, browser: Browser
) -> None:
    [room, *_] = [
        f"/journeys/{each.id}/room?session={number}"
        for each in clinics.journeys.values()
        for number, session in each.sessions.items()
        if session.ended_at is not None and each.clinic != OTHER
    ]
    await browser.sign_in("session_monitor")
    await browser.go(room)
    await browser.go("/work")
    assert (await browser.client.get(room, headers={"accept": KEPT})).status_code == 200
    clinics.world.at += IDLE + timedelta(seconds=1)
    assert (await browser.client.get(room, headers={"accept": KEPT})).status_code == 401


async def test_a_script_that_asks_what_is_new_is_nobody_who_does_something(clinics: Clinics, browser: Browser) -> None:
    asks, held = {"accept": KEPT}, f"/journeys/{clinics.held}"
    addresses = ("/work", f"{held}/room", f"{held}/pathway/hold")
    await browser.sign_in("session_monitor")
    [foreign] = [each.id for each in clinics.journeys.values() if each.clinic == OTHER]
    assert (await browser.client.get(f"/journeys/{foreign}/room", headers=asks)).status_code == 403
    await browser.sign_in("clinician")
    marks = re.findall(r'data-seen="([^"]*)"', (await browser.go("/work")).text)[0]
    before = len(await clinics.looks(clinics.held))
    clinics.world.at += IDLE
    for address in addresses:
        told = (await browser.client.get(address, headers=asks | {SEEN: marks})).json()
        assert (told["person"], told["now"]) == ("demo-clinician", clinics.world.at.timestamp())
        assert told["news"] == ("Something was recorded since." if address.endswith("room") else "")
    one_changed = asks | {SEEN: f"{marks.partition(',')[2]},00"}
    told = (await browser.client.get("/work", headers=one_changed)).json()
    assert told["news"] == "1 new or changed, 1 done or changed."
    assert len(await clinics.looks(clinics.held)) == before
    clinics.world.at += timedelta(seconds=1)
    for address in addresses:
        assert (await browser.client.get(address, headers=asks)).status_code == 401
    answer = await browser.client.post(addresses[-1], data={"entered_by": "demo-clinician"}, headers=asks)
    assert (answer.status_code, answer.json(), DRAFTS in answer.cookies) == (401, {"signed_in": False}, False)


async def test_the_worklist_is_that_of_the_command_line(clinics: Clinics, browser: Browser) -> None:
    for person, address, words in (
        ("coordinator", "/work", ("--all",)),
        ("coordinator", "/work?overdue=yes", ("--all", "--overdue")),
        ("clinician", "/work", ("--role", "clinician")),
        ("clinician", "/work?all=yes", ("--all",)),
        ("coordinator", "/work?role=clinician&overdue=yes", ("--role", "clinician", "--overdue")),
        ("clinician", "/work?all=yes&unassigned=yes&clinic=night-clinic", ("--all", "--unassigned", "--clinic", OTHER)),
        ("coordinator", "/work?mine=yes&today=yes", ("--mine", "--today")),
    ):
        await browser.sign_in(person)
        await browser.go(address)
        shown = re.findall(
            r'name="journey" value="([^"]+)">\s*<input type="hidden" name="obligation" value="([^"]+)"',
            browser.page.text,
        )
        expected = (await clinics.rows(*words))[:50]
        assert [(UUID(journey), obligation) for journey, obligation in shown] == expected


def test_what_is_chosen_is_sent_by_its_id_and_not_as_it_is_called() -> None:
    for path in sorted((HERE / "templates").iterdir()):
        assert re.findall("<option(?! value=).*", path.read_text()) == [], path.name


async def test_every_look_is_kept_before_it_is_shown(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("clinician")
    await browser.go(f"/journeys/{clinics.held}")
    await browser.go(f"/journeys/{clinics.held}/pathway/hold")
    looks = await clinics.looks(clinics.held)
    assert [look.command[0] for look in looks] == [ListWork.name, ShowJourney.name, ActOn.name]
    assert {look.reader_id for look in looks} == {"demo-clinician"}


async def test_a_journey_of_another_clinic_is_not_shown_and_the_attempt_is_kept(
    clinics: Clinics, browser: Browser
) -> None:
    [foreign] = [each.id for each in clinics.journeys.values() if each.clinic == OTHER]
    await browser.sign_in("session_monitor")
    answer = await browser.go(f"/journeys/{foreign}")
    assert answer.status_code == 403
    assert clinics.journeys[foreign].patient.ref not in answer.text
    [look] = await clinics.looks(foreign)
    assert not look.shown


async def test_an_error_says_what_happened_what_is_lost_and_what_to_do(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    await browser.go(f"/journeys/{clinics.held}/pathway/hold")
    answer = await browser.send({"reason": "invented: wait for the laboratory"})
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
    assert re.search("<h2 [^>]*autofocus>", answer.text), "whoever hears the page begins there"
    for said in ("(Temporal) cannot be reached", "Nothing was sent", "What to do:"):
        assert said in answer.text
    # What was entered is still there, and so is the id under which it is sent again.
    assert "wait for the laboratory" in answer.text
    first = re.findall(r'name="command_id" value="([^"]+)"', answer.text)
    again = await browser.send({"reason": "invented: wait for the laboratory"})
    assert re.findall(r'name="command_id" value="([^"]+)"', again.text) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"grade": "nine"},
        {"grade": "9"},
        {"grade": "NaN"},
        {"grade": "1e999"},
        {"serious": "perhaps"},
        {"onset": "yesterday"},
        {"onset": "2026-03-08T02:30"},
        {"onset": "9999-12-31T23:59"},
        {"what": ""},
        {"session": "first"},
    ],
    ids=str,
)
async def test_a_report_of_harm_that_does_not_fit_is_kept_once(
    clinics: Clinics, browser: Browser, wrong: dict[str, str]
) -> None:
    clinics.world.down = False
    journey = next(iter(clinics.journeys))
    await browser.sign_in("coordinator")
    await browser.go(f"/journeys/{journey}/adverse-event/report")
    report = {
        "what": "Invented: a rash",
        "grade": "2",
        "serious": "no",
        "onset": "2026-03-02T09:00",
        "causality": "possible",
        "session": "",
    }
    told = await browser.send({**report, **wrong})
    assert told.status_code == 422
    assert KEPT_AS_SAID in unescape(told.text)
    assert "<title>Error: " in told.text
    [field] = re.findall('<a href="#(f-[^"]+)">', told.text)
    assert f'id="{field}"' in told.text
    assert f'aria-describedby="{field}-wrong"' in told.text
    again = await browser.send({**report, **wrong})
    assert KEPT_AS_SAID in unescape(again.text)
    events = await load_events(clinics.record, journey)
    assert [event.body.kind for event in events].count("report.kept") == 1
    assert fold(events).held

    right = await browser.send(report)
    assert right.url.path == f"/journeys/{journey}", right.text
    [kept] = fold(await load_events(clinics.record, journey)).reports.values()
    assert kept.settled


async def test_pages_hold_no_script_no_style_of_their_own_and_no_other_address(
    console: FastAPI, clinics: Clinics, browser: Browser
) -> None:
    await browser.sign_in("medical_director")
    for method, address in addresses(console, clinics.held):
        if method == "GET" and address not in (*OPEN, SAVED):
            page = (await browser.go(address)).text
            page = page.replace('<script type="module" src="/static/kept.js"></script>', "")
            page = page.replace('<script type="module" src="/static/room.js"></script>', "")
            page = page.replace('<script type="module" src="/static/idle.js"></script>', "")
            assert not re.search(r"<script|\sstyle=|\son\w+=|https?://", page), address
            title = re.findall(r"<title>([^<]*)</title>", page)[0]
            assert clinics.journeys[clinics.held].patient.ref not in title


async def test_a_clinic_is_called_by_its_name(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    for page in ("/journeys", "/people", "/start"):
        text = re.sub(r"<[^>]*>", " ", (await browser.go(page)).text)
        assert "Example Day Clinic" in text, page
        assert not re.search(r"(?<![\w-])demo-clinic(?![\w-])", text), page


@pytest.mark.parametrize("role", ["clinician", "coordinator"])
async def test_what_may_be_done_is_listed_with_a_sentence_and_no_markup(
    clinics: Clinics, browser: Browser, role: str
) -> None:
    await browser.sign_in(role)
    page = (await browser.go(f"/journeys/{clinics.held}")).text
    listed = re.findall(r"<li><a [^>]*>[^<]+</a>: ([^<]+)</li>", page)
    assert listed
    assert [said for said in listed if "`" in said or "\n\n" in said or said.endswith(".")] == []


async def test_the_head_of_a_page_is_that_of_the_page_and_what_is_none_is_told_plainly(browser: Browser) -> None:
    await browser.sign_in("coordinator")
    asked = {"/work": 200, "/static/console.css": 200, "/no-such-page": 404}
    for address, status in asked.items():
        whole, head = await browser.client.get(address), await browser.client.head(address)
        assert (whole.status_code, head.status_code) == (status, status), address
        assert {name: head.headers[name] for name in (*HEADERS, "content-type")} == {
            name: whole.headers[name] for name in (*HEADERS, "content-type")
        }
    for method in ("OPTIONS", "DELETE"):
        answer = await browser.client.request(method, "/work")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
        assert "takes no request of this kind" in answer.text
    there = await browser.client.get("/work/")
    assert (there.status_code, there.url.path) == (200, "/work")
    assert "There is no such page" in (await browser.client.get("/no-such-page/")).text


@pytest.mark.parametrize(
    ("total", "said"), [(0, "1 task"), (1, "1 task"), (7, "1 of 7 tasks"), (1001, "1 of more than 1,000 tasks")]
)
def test_many_are_counted_up_to_a_thousand(total: int, said: str) -> None:
    page = ListPage[Answered](position=1, definition=1, rows=(Answered(),), total=total)
    assert PAGES.filters["counted"](page, "task", "tasks") == said
