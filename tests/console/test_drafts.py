"""Whoever is signed out while they fill in a form loses nothing of it, and nobody else sees it."""

from datetime import timedelta

import pytest
from fastapi import FastAPI

from console import drafts, limits
from console.drafts import ANSWERED, LASTS, MOST_EACH, PERSON, Drafts
from console.limits import OF_ADDRESS, Rate
from console.sign_ins import IDLE
from tests.cli.clinics import Clinics
from tests.console.browser import Browser, Form, browser_of
from tests.journey.play import START

REASON = "Invented: entered before the sign-in ended."
IDLE_TOO_LONG = IDLE + timedelta(seconds=1)


async def _send_too_late(clinics: Clinics, browser: Browser) -> str:
    """Enter a reason in a form, and send it when nobody is signed in any more; the form's address."""
    address = f"/journeys/{clinics.held}/pathway/hold"
    await browser.sign_in("coordinator")
    await browser.go(address)
    clinics.world.at += IDLE_TOO_LONG
    told = await browser.send({"reason": REASON})
    assert told.url.path == "/sign-in"
    assert "Nothing was sent" in told.text
    assert REASON not in told.text
    return address


async def test_what_was_entered_is_in_the_form_again_and_sent_once(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    address = await _send_too_late(clinics, browser)
    assert clinics.world.received == []
    shown = await browser.client.post("/sign-in", data={"person": "coordinator", "next": address})
    assert REASON in shown.text
    assert "You were signed out before this was sent. Nothing was sent, and nothing is lost" in shown.text
    browser.last = shown
    assert "Done: Hold care." in (await browser.send({"reason": REASON})).text
    assert len(clinics.world.received) == 1
    # It was shown once.
    assert REASON not in (await browser.go(address)).text


async def test_answers_stay_with_their_questionnaire_and_under_their_id(clinics: Clinics, browser: Browser) -> None:
    address = f"/journeys/{clinics.held}/instrument/record?instrument="
    await browser.sign_in("coordinator")
    opened = await browser.go(f"{address}PHQ-9")
    clinics.world.at += IDLE_TOO_LONG
    await browser.send({"answers/8": "3"})
    shown = await browser.sign_in("coordinator", onward=f"{address}GAD-7")
    assert 'name="answers/8" value="3" checked' in shown.text
    for name in ("instrument", "command_id"):
        values = [Form(""), Form("")]
        for form, page in zip(values, (opened, shown), strict=True):
            form.feed(page.text)
        assert values[0].values[name] == values[1].values[name], name
    again = await browser.go(f"{address}GAD-7")
    assert 'name="answers/8"' not in again.text


async def test_nobody_else_sees_it(clinics: Clinics, browser: Browser, console: FastAPI) -> None:
    address = await _send_too_late(clinics, browser)
    shown = await browser.client.post("/sign-in", data={"person": "clinician", "next": address})
    assert REASON not in shown.text
    async with browser_of(console) as other:
        await other.sign_in("coordinator")
        assert REASON not in (await other.go(address)).text


async def test_who_sent_a_form_and_signed_out_is_not_told_that_it_was_not_sent(
    clinics: Clinics, browser: Browser
) -> None:
    """What was answered with a page is kept too, for whoever goes back to that."""
    await browser.sign_in("coordinator")
    await browser.go(f"/journeys/{clinics.held}/pathway/hold")
    assert (await browser.send({"reason": ""})).status_code == 422
    assert "is kept" not in (await browser.go("/sign-in")).text
    await browser.go("/work")
    await browser.send({}, "/sign-out")
    assert "is kept" not in (await browser.go("/sign-in")).text


async def test_it_is_dropped_after_a_while(clinics: Clinics, browser: Browser) -> None:
    address = await _send_too_late(clinics, browser)
    clinics.world.at += LASTS
    assert "is kept" not in (await browser.go("/sign-in")).text
    shown = await browser.client.post("/sign-in", data={"person": "coordinator", "next": address})
    assert REASON not in shown.text


@pytest.mark.parametrize("name", ["passphrase", "form_token"])
async def test_what_proves_somebody_is_not_kept(clinics: Clinics, browser: Browser, name: str) -> None:
    address = f"/journeys/{clinics.held}/pathway/hold"
    secret = "not-to-be-kept"
    sent = {"entered_by": "demo-coordinator", "reason": REASON, name: secret}
    await browser.client.post(address, data=sent)
    await browser.sign_in("coordinator")
    shown = await browser.go(address)
    assert REASON in shown.text
    assert secret not in shown.text


FORMS = (
    ("pathway/hold", "reason"),
    ("session/check", "location_state"),
    ("instrument/record?instrument=PHQ-9", "occasion"),
    ("/contact-points", "address"),
    ("/start", "reason"),
    ("/work/hold", "reason"),
)
"""Forms, and what is entered in them."""


def _address(clinics: Clinics, form: str) -> str:
    return form if form.startswith("/") else f"/journeys/{clinics.held}/{form}"


async def test_whatever_form_was_open_when_a_sign_in_ended_is_filled_in_again(
    clinics: Clinics, browser: Browser
) -> None:
    for form, name in FORMS:
        await browser.sign_in("coordinator")
        opened = await browser.go(_address(clinics, form))
        clinics.world.at += IDLE_TOO_LONG
        assert (await browser.send({name: REASON})).url.path == "/sign-in", form
        again = await browser.sign_in("coordinator", onward=opened.url.raw_path.decode())
        assert REASON in again.text, form
        assert "You were signed out before this was sent. Nothing was sent, and nothing is lost" in again.text, form

        # In another tab they sign in once more, and send what is still open in the first.
        await browser.sign_in("coordinator")
        browser.last = again
        anew = await browser.send({name: f"{REASON} {REASON}"})
        assert (anew.status_code, anew.url.path) == (200, opened.url.path), form
        assert f"{REASON} {REASON}" in anew.text, form
        assert "You signed in anew after you opened this page. Nothing was sent, and nothing is lost" in anew.text, form
    assert clinics.world.received == []


async def test_two_people_in_two_tabs_send_nothing_for_each_other(clinics: Clinics, browser: Browser) -> None:
    for form, name in FORMS:
        address = _address(clinics, form)
        await browser.sign_in("coordinator")
        opened = await browser.go(address)
        await browser.sign_in("clinician")
        browser.last = opened
        told = await browser.send({name: REASON})
        assert told.url.path == "/sign-in", form
        assert "What somebody else sent last was not sent, and is kept for up to an hour" in told.text, form
        assert REASON not in told.text, form
        assert REASON not in (await browser.go(address)).text, form
        shown = await browser.sign_in("coordinator", onward=address)
        assert REASON in shown.text, form
        assert "Somebody else was signed in in this browser when you sent this. Nothing was sent" in shown.text, form
    assert clinics.world.received == []
    # An address that was entered for one person is shown for no other.
    await browser.go("/contact-points?person=demo-clinician")
    clinics.world.at += IDLE_TOO_LONG
    await browser.send({"address": REASON})
    assert REASON not in (await browser.sign_in("coordinator", onward="/contact-points")).text


def test_two_forms_of_one_address_are_two() -> None:
    kept, token = Drafts(lambda: START), None
    for form, person in (("1", "one"), ("2", "one"), ("2", "one"), ("3", "another")):
        token = kept.keep(token, "/x", {PERSON: [person], "command_id": [form], "reason": [f"{person} {form}"]})
    found = [kept.take(token, "/x", "one") for _ in range(3)]
    assert [each and each.entered["reason"] for each in found] == [("one 2",), ("one 1",), None]
    assert kept.take(token, "/x", "another") is not None


def test_what_was_answered_takes_no_place_from_what_was_not_sent() -> None:
    kept = Drafts(lambda: START)
    token = kept.keep(None, "/unsent", {PERSON: ["somebody"], "reason": ["x"]})
    for number in range(MOST_EACH + 1):
        kept.keep(token, f"/{number}", {PERSON: ["somebody"], "reason": ["x"]}, ANSWERED)
    assert kept.find(token, "/0", "somebody") is None, "as many are kept as may be"
    assert kept.find(token, f"/{MOST_EACH}", "somebody") is not None
    assert kept.find(token, "/unsent", "somebody") is not None


def keep(kept: Drafts, token: str | None, number: int, text: str = "x", *, by: str | None = "somebody") -> str:
    sent = {PERSON: [by or "somebody"], "reason": [text]}
    token = kept.keep(token, f"/{number}", sent, signed_in=by)
    assert token is not None
    return token


def test_of_one_browser_the_oldest_is_dropped() -> None:
    kept = Drafts(lambda: START)
    first = keep(kept, None, 0)
    for number in range(1, MOST_EACH + 1):
        keep(kept, first, number)
    assert kept.take(first, "/0", "somebody") is None
    draft = kept.take(first, "/1", "somebody")
    assert draft is not None
    assert draft.entered == {"reason": ("x",)}


@pytest.mark.parametrize("by", ["another", None], ids=["somebody else", "who is not signed in"])
@pytest.mark.parametrize("text", ["x", "x" * 40], ids=["often", "much"])
def test_whoever_sends_much_takes_no_place_from_another(
    monkeypatch: pytest.MonkeyPatch, by: str | None, text: str
) -> None:
    monkeypatch.setattr(drafts, "MOST_OF_ONE", 10)
    monkeypatch.setattr(drafts, "MOST_TEXT_OF_ONE", 200)
    monkeypatch.setattr(drafts, "MOST_TEXT", 250)
    kept = Drafts(lambda: START)
    mine = keep(kept, None, 0)
    theirs = [keep(kept, None, 0, text, by=by) for _ in range(1001)]
    assert kept.has(mine)
    left = sum(kept.has(token) for token in theirs)
    assert left == (10 if text == "x" else 4), "the latest of theirs are kept"
    assert kept.has(theirs[-1])


def test_where_memory_is_full_who_was_not_signed_in_goes_first_and_then_whoever_has_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drafts, "MOST_TEXT", 100)
    kept = Drafts(lambda: START)
    stranger = keep(kept, None, 0, "x" * 30, by=None)
    little, much = keep(kept, None, 0, "x" * 30, by="little"), keep(kept, None, 0, "x" * 50, by="much")
    assert [kept.has(each) for each in (stranger, little, much)] == [False, True, True]
    keep(kept, None, 0, "x" * 10, by="another")
    assert [kept.has(each) for each in (little, much)] == [True, False]


async def test_forms_of_nobody_signed_in_push_out_nobodys_draft(
    clinics: Clinics, browser: Browser, console: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_OF_ONE", 3)
    address = await _send_too_late(clinics, browser)
    async with browser_of(console) as other:
        for claims in ("x", "demo-coordinator") * 3:
            other.client.cookies.clear()
            sent = {"entered_by": claims, "form_token": "not-one-that-was-shown", "reason": "x"}
            assert (await other.client.post("/start", data=sent, follow_redirects=False)).status_code == 303
    assert REASON in (await browser.sign_in("coordinator", onward=address)).text


async def test_who_sends_very_often_without_a_sign_in_waits(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "OF_ADDRESS", Rate(2, OF_ADDRESS.every))
    sent = {"entered_by": "demo-coordinator", "reason": REASON}
    answers = [await browser.client.post("/start", data=sent, follow_redirects=False) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert answers[-1].headers["retry-after"] == "1"


async def test_another_site_leaves_no_draft(clinics: Clinics, browser: Browser) -> None:
    address = f"/journeys/{clinics.held}/pathway/hold"
    sent = {"entered_by": "demo-coordinator", "reason": REASON}
    told = await browser.client.post(address, data=sent, headers={"origin": "https://elsewhere.example"})
    assert told.status_code == 403
    await browser.sign_in("coordinator")
    assert REASON not in (await browser.go(address)).text
