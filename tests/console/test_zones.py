"""Times are those of the person who looks: where their browser is, and not where the console runs."""

import asyncio
import re
from datetime import datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI

from activities.record.access_log import list_access
from activities.record.event_codec import load_events
from application.access.show_again import show_again
from application.words.viewer import place
from application.work.worklist import ListWork, WorkPage
from console.sign_ins import IDLE
from tests.cli.clinics import Clinics
from tests.cli.helpers import append
from tests.console.browser import Browser, browser_of
from tests.console.test_access import elsewhere
from tests.record.read_models.courses import course_of
from workflows.journey import commands as c
from workflows.journey.events import DoseRecorded, PatientMoved
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.calendars import local

OF_SERVER, TOKYO, NEW_YORK = "Europe/Berlin", "Asia/Tokyo", "America/New_York"


@pytest.fixture(autouse=True)
def zone_of_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_ZONE", OF_SERVER)


def told(page: httpx2.Response) -> str:
    """Whose times those of a page are, as it says itself."""
    [zone] = re.findall(r"Times without a place are (?:yours|those of this service): ([^<]*)\.(?:</p>| <a)", page.text)
    return str(zone)


async def test_each_person_sees_times_where_they_are_and_nothing_is_left_for_the_next_request(
    clinics: Clinics, console: FastAPI
) -> None:
    async with browser_of(console) as one, browser_of(console) as two, browser_of(console) as nobodys:
        await one.sign_in("coordinator", TOKYO)
        await two.sign_in("clinician", NEW_YORK)
        for browser, zone in ((one, TOKYO), (two, NEW_YORK)) * 2:
            page = await browser.go("/work")
            assert told(page) == zone
            assert f"As of {local(clinics.world.at, zone):%a %Y-%m-%d %H:%M %Z}." in page.text
            here = local(clinics.world.at, zone)
            ahead = (here.utcoffset() or timedelta()) // timedelta(minutes=1)
            assert f'data-clock="{here:%Z}" data-clock-minutes="{ahead}"' in page.text
            held = (await browser.go(f"/journeys/{clinics.held}")).text
            assert re.search(r"If nothing comes: [^.]* on \w{3} [-\d]{10} [:\d]{5} P[SD]T \(for you ", held)
            # This page asks for nobody who is signed in.
            assert told(await nobodys.go("/passkey")) == OF_SERVER
            assert place() == OF_SERVER
        pages = await asyncio.gather(*(browser.go("/work") for browser in (one, two) * 3))
        assert [told(page) for page in pages] == [TOKYO, NEW_YORK] * 3


@pytest.mark.parametrize("zone", ["", "Nonsense/Zone", "/usr/share/zoneinfo/Asia/Tokyo", "../Asia/Tokyo", "x" * 5000])
async def test_without_a_zone_that_is_known_times_are_those_of_the_server(
    clinics: Clinics, browser: Browser, zone: str
) -> None:
    await browser.sign_in("coordinator", TOKYO)
    await browser.sign_in("coordinator", zone)
    page = await browser.go("/work")
    assert (page.status_code, told(page)) == (200, OF_SERVER)


async def test_a_form_kept_over_a_sign_in_elsewhere_moves_no_time(clinics: Clinics, browser: Browser) -> None:
    # Of a journey that is not theirs to see they are not told where its patient is.
    address = f"/journeys/{elsewhere(clinics)}/adverse-event/report"
    await browser.sign_in("session_monitor", TOKYO, address)
    assert f"Times are on the clock of {TOKYO}." in browser.page.text
    onset = (clinics.world.at - timedelta(hours=1)).replace(second=0, microsecond=0)
    report = {
        "what": "Invented: a rash",
        "grade": "1",
        "serious": "no",
        "causality": "possible",
        "onset": f"{local(onset, TOKYO):%Y-%m-%d %H:%M}",
    }
    clinics.world.at += IDLE + timedelta(seconds=1)
    assert (await browser.send(report)).url.path == "/sign-in"
    again = await browser.sign_in("session_monitor", NEW_YORK, address)
    assert report["onset"] in again.text
    for wrong in ({"grade": ""}, {}):
        assert told(browser.page) == NEW_YORK
        assert f"Times are on the clock of {TOKYO}." in browser.page.text
        await browser.send({**report, **wrong})
    body = clinics.world.received[-1].body
    assert isinstance(body, c.ReportAdverseEvent)
    assert body.onset == onset
    # A new form is on their clock of now.
    assert f"Times are on the clock of {NEW_YORK}." in (await browser.go(address)).text


def where_it_is(hour: int, moment: datetime) -> str:
    """A zone in which a moment is in this hour of the day."""
    zones = (f"Etc/GMT{behind:+d}" for behind in range(-14, 13))
    return next(zone for zone in zones if local(moment, zone).hour == hour)


async def test_due_today_ends_with_their_day_and_is_shown_again_as_it_was(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    due, journey = max(
        (waiting.deadline, journey_id) for journey_id, each in clinics.journeys.items() for waiting in obligations(each)
    )
    clinics.world.at = due - timedelta(hours=2)
    tomorrow, today = where_it_is(0, due), where_it_is(12, due)
    monkeypatch.setenv("CAREPATH_ZONE", tomorrow)
    found = {}
    for zone in (tomorrow, today):
        await browser.sign_in("coordinator", zone)
        page = await browser.go(f"/work?today=yes&journey={journey}")
        assert told(page) == zone
        [marks] = re.findall(r'data-seen="([^"]*)"', page.text)
        found[zone] = len([mark for mark in marks.split(",") if mark])
    midnight = local(due, tomorrow).replace(minute=0, second=0, microsecond=0)
    late = [waiting for waiting in obligations(clinics.journeys[journey]) if waiting.deadline >= midnight]
    assert found[today] == found[tomorrow] + len(late)

    look = next(each for each in await list_access(clinics.record) if each.command[0] == ListWork.name)
    assert len(look.rows) == found[today]
    async with clinics.world.context() as context:
        assert place() == tomorrow
        again = (await show_again(context, look.entry_id)).answer
    assert isinstance(again, WorkPage)
    assert again.rows == [*look.rows]


SMALL = r'<small class="time">([^<]*)</small>'


@pytest.mark.parametrize("address", ["/work", "/journeys", "/sign-offs"])
async def test_lists_have_times_where_the_patient_is_and_beside_them_the_viewers(
    clinics: Clinics, browser: Browser, address: str
) -> None:
    zones = {str(each.id): each.patient.zone for each in clinics.journeys.values()}
    for here in (TOKYO, NEW_YORK, "America/Los_Angeles"):
        await browser.sign_in("coordinator", here)
        rows = (await browser.go(address)).text.split("<tr")[2:]
        assert rows
        for row in rows:
            [journey] = {*re.findall(r'href="/journeys/([0-9a-f-]{36})"', row)}
            zone = zones[journey]
            times = re.findall(SMALL, row)
            theirs = [each for each in times if not each.startswith("for you ")]
            same = local(clinics.world.at, zone).utcoffset() == local(clinics.world.at, here).utcoffset()
            assert len(times) == len(theirs) * (1 if same else 2)
            clocks = {f"{local(clinics.world.at + timedelta(days=days), zone):%Z}" for days in (0, 182)}
            assert {each.rpartition(" ")[2] for each in theirs} <= clocks


async def test_lists_follow_a_patient_who_moves(clinics: Clinics, browser: Browser) -> None:
    journey = clinics.journeys[clinics.held]
    await browser.sign_in("coordinator", journey.patient.zone)
    assert "for you" not in re.sub(r"(?s)^.*<tbody>", "", (await browser.go(f"/work?journey={journey.id}")).text)
    [*_, last] = await load_events(clinics.record, journey.id)
    body = PatientMoved(zone="Pacific/Honolulu", state="HI")
    move = {"event_id": uuid4(), "command_id": uuid4(), "version": last.version + 1, "proof": None, "body": body}
    await append(clinics.record, journey.id, [last.model_copy(update=move)])
    page = (await browser.go(f"/work?journey={journey.id}")).text
    assert re.search(r'<small class="time">[^<]* HST</small> <small class="time">for you [^<]* P[SD]T</small>', page)


@pytest.mark.parametrize("here", [TOKYO, "America/Los_Angeles"])
async def test_the_session_room_has_both_clocks(clinics: Clinics, browser: Browser, here: str) -> None:
    dosed = next(n for n, event in enumerate(course_of(), 1) if isinstance(event.body, DoseRecorded))
    events = course_of()[:dosed]
    await append(clinics.record, events[0].journey_id, events)
    clinics.world.at = events[-1].at + timedelta(minutes=1)
    await browser.sign_in("session_monitor", here)
    page = (await browser.go(f"/journeys/{events[0].journey_id}/room")).text
    [due] = re.findall(r"at <strong data-clock>([^<]*)</strong>", page)
    assert re.fullmatch(r"\d\d:\d\d P[SD]T( \(for you \d\d:\d\d JST\))?", due)
    assert ("for you" in due) == (here == TOKYO)
    assert re.search(r"As of \d\d:\d\d P[SD]T\.", page), "its script goes on with it"
