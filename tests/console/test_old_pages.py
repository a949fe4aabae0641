"""A page that was loaded before the service changed, or that came garbled: nothing is left out without a word."""

from html import unescape

import pytest

from activities.record.event_codec import load_events
from application.errors import KEPT_AS_SAID, NOTHING_HAPPENED
from console.views.commands import SENT_BEFORE
from tests.cli.clinics import OTHER, Clinics
from tests.console.browser import Browser
from workflows.journey.aggregate import fold
from workflows.journey.commands import AddMedicine, PlaceHold, RequestSupport

CHANGED = "form has changed since its page was loaded"
MEDICINE = {"what": "Invented: a medicine", "dosage": "Invented: daily"}
LOST = {"asked/before": "Invented: what the form asked for then"}


async def _added(clinics: Clinics, browser: Browser, **given: str | list[str]) -> str:
    """Send a medicine with more than its form asks for; the page that tells what came of it."""
    await browser.go(f"/journeys/{clinics.held}/medicine/add")
    return unescape((await browser.send({**MEDICINE, **given})).text)


async def test_what_a_form_asks_for_no_more_is_not_left_out_without_a_word(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    told = await _added(clinics, browser, **LOST)
    assert CHANGED in told
    assert MEDICINE["dosage"] in told
    assert clinics.world.received == []
    assert "Done" in (await browser.send(MEDICINE)).text
    assert [type(each.body) for each in clinics.world.received] == [AddMedicine]


async def test_what_was_sent_twice_and_not_the_same_is_not_guessed(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    assert "was sent twice" in await _added(clinics, browser, dosage=["Invented: daily", "Invented: weekly"])
    assert clinics.world.received == []
    assert "Done" in await _added(clinics, browser, dosage=["Invented: daily", "Invented: daily"])


async def test_what_stops_care_goes_all_the_same(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    await browser.go(f"/journeys/{clinics.held}/pathway/hold")
    assert "Done" in (await browser.send({"reason": "Invented", **LOST})).text
    assert isinstance(clinics.world.received[-1].body, PlaceHold)


async def test_what_may_tell_of_harm_is_kept_with_all_that_was_entered(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    await browser.go(f"/journeys/{clinics.held}/instrument/record?instrument=PHQ-9")
    told = await browser.send({"occasion": "baseline", "answers/8": "3", **LOST})
    assert KEPT_AS_SAID in unescape(told.text)
    [kept] = fold(await load_events(clinics.record, clinics.held)).reports.values()
    assert LOST["asked/before"] in kept.said


@pytest.mark.parametrize("of_the_clinic", [True, False])
async def test_who_goes_back_and_calls_for_help_once_more_calls_once_more(
    clinics: Clinics, browser: Browser, of_the_clinic: bool
) -> None:
    """Also for a patient of whom they may see nothing."""
    clinics.world.down = False
    call = {"urgency": "urgent", "text": "Invented: the same words"}
    elsewhere = next(each.id for each in clinics.journeys.values() if each.clinic == OTHER and not each.closed)
    journey_id = clinics.held if of_the_clinic else elsewhere
    await browser.sign_in("coordinator" if of_the_clinic else "session_monitor")
    page = await browser.go(f"/journeys/{journey_id}/support/request")
    assert "Done" in (await browser.send(call)).text
    browser.last = page
    assert SENT_BEFORE in (await browser.send(call)).text
    await browser.go(str(page.url))
    assert SENT_BEFORE not in (await browser.send(call)).text
    ids = {each.command_id for each in clinics.world.received if isinstance(each.body, RequestSupport)}
    assert len(ids) == 2


async def test_who_goes_back_and_sends_anything_else_once_more_sends_it_once(
    clinics: Clinics, browser: Browser
) -> None:
    clinics.world.down = False
    await browser.sign_in("coordinator")
    page = await browser.go(f"/journeys/{clinics.held}/medicine/add")
    assert "Done" in (await browser.send(MEDICINE)).text
    await browser.go(str(page.url))
    assert SENT_BEFORE in (await browser.send(MEDICINE)).text
    assert (
        len(fold(await load_events(clinics.record, clinics.held)).medicines)
        == len(clinics.journeys[clinics.held].medicines) + 1
    )


@pytest.mark.parametrize("garbled", ["two files", "too many fields", "cut off"])
async def test_what_cannot_be_read_as_a_form_is_told_so(browser: Browser, garbled: str) -> None:
    await browser.sign_in("coordinator")
    content: dict[str, dict[str, object]] = {
        "two files": {"files": [("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))]},
        "too many fields": {"data": {f"field{n}": "1" for n in range(2001)}},
        "cut off": {"content": b"--", "headers": {"content-type": "multipart/form-data"}},
    }
    answer = await browser.client.post("/start/file", **content[garbled])  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert "cannot be read as a form" in answer.text
    assert NOTHING_HAPPENED in answer.text
