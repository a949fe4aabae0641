"""Whoever is not of a journey's clinic gets in in an emergency, knowing what that brings about, and it is reviewed."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from activities.record.access_log import Purpose
from activities.record.event_codec import load_events
from application.pathway.command_catalog import KINDS
from application.reading.access_log import Query
from application.words.viewer import spell
from console.views import access
from simulation.people import PEOPLE
from tests.cli.clinics import OTHER, Clinics
from tests.console.browser import Browser
from tests.console.test_messages import said
from tests.sources import sources
from workflows.journey.aggregate import fold
from workflows.journey.commands import BreakGlass, Command
from workflows.journey.decide import decide
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal

REASON = "Invented: the patient lies unconscious in our emergency room."


def elsewhere(clinics: Clinics) -> UUID:
    """The journey of the other clinic, at which the session monitor does not work."""
    clinics.world.down = False
    return next(each.id for each in clinics.journeys.values() if each.clinic == OTHER and not each.closed)


async def broken(browser: Browser, journey: UUID, **given: str) -> None:
    await browser.go(f"/journeys/{journey}/break-glass")
    await browser.send({"reason": REASON, "understood": "yes", **given})


async def test_from_a_closed_door_to_the_review(clinics: Clinics, browser: Browser) -> None:
    journey = elsewhere(clinics)
    await browser.sign_in("session_monitor")
    refused = await browser.go(f"/journeys/{journey}")
    assert refused.status_code == 403
    door = f"/journeys/{journey}/break-glass"
    assert f'href="{door}"' in refused.text
    before = len(await clinics.looks(journey))
    await browser.go(door)
    for words in ("recorded", "cannot be taken back", "reviews", "You may look, and no more"):
        assert words in said(browser)
    assert clinics.journeys[journey].patient.ref not in browser.page.text
    assert len(await clinics.looks(journey)) == before, "nothing is shown yet"
    # It is not done by accident, nor without a reason; what was entered stays.
    for lacks, why in (({"understood": ""}, "know what this brings about"), ({"reason": " "}, "reason")):
        await broken(browser, journey, **lacks)
        assert (browser.page.status_code, why in said(browser)) == (422, True)
    assert len(await clinics.looks(journey)) == before

    await broken(browser, journey)
    assert browser.page.url.path == f"/journeys/{journey}"
    for words in ("you may look until", "whoever the protocol names as reviewer is told now"):
        assert words in said(browser)
    assert clinics.journeys[journey].patient.ref in browser.page.text
    assert (await browser.go(f"/journeys/{journey}/timeline")).status_code == 200
    state = fold(await load_events(clinics.record, journey))
    [review] = [waiting for waiting in obligations(state) if waiting.kind == "access_review"]

    # Whoever reviews it sees who, when, why, and what they looked at.
    await browser.sign_in("medical_director")
    form = f"/journeys/{journey}/access/review?access={review.subject}"
    assert form in (await browser.go(f"/journeys/{journey}/looks")).text
    who = str(PEOPLE[Role.SESSION_MONITOR].name)
    for words in (REASON, who, "the patient's page", "everything that happened", "not yet"):
        assert words in said(browser)
    await browser.go(form)
    for words in (REASON, f"session monitor {who}", "What they looked at"):
        assert words in said(browser)
    assert "demo-session-monitor" not in said(browser)
    assert re.search(rf'name="access" value="{review.subject}" checked', browser.page.text)
    done = await browser.send({"justified": "yes", "text": "Invented: it was."})
    assert done.url.path == f"/journeys/{journey}", done.text
    assert "found justified" in (await browser.go(f"/journeys/{journey}/looks")).text


async def test_who_may_not_look_says_all_that_anybody_may_say_and_is_asked_for_nothing_by_name(
    clinics: Clinics, browser: Browser
) -> None:
    journey = elsewhere(clinics)
    await browser.sign_in("session_monitor")
    for kind in KINDS:
        if kind.model.by_anybody and Role.SESSION_MONITOR in kind.roles:
            page = (await browser.go(f"/journeys/{journey}/{kind.noun}/{kind.verb}")).text
            assert browser.page.status_code == 200
            asked = {*re.findall(r'<(?:input id="[^"]+"|select id="[^"]+"|textarea id="[^"]+") name="([^"]+)"', page)}
            assert not asked & {"death", "together", "meant", "fields"}, kind.name
            assert "there is none now" not in page, kind.name
            assert clinics.journeys[journey].patient.ref not in page
    await browser.go(f"/journeys/{journey}/pathway/doubt-death")
    refused = await browser.send({"reason": "Invented: I spoke with them."})
    assert refused.status_code == 409, refused.text
    assert "death" not in said(browser).lower().split("the pathway refused it")[1], "it does not tell what there is"


async def test_it_is_broken_once_however_often_it_is_sent(clinics: Clinics, browser: Browser) -> None:
    journey = elsewhere(clinics)
    await browser.sign_in("session_monitor")
    page = str((await browser.go(f"/journeys/{journey}/break-glass")).url)
    until = clinics.world.at + timedelta(minutes=clinics.journeys[journey].protocol.break_glass_minutes)
    for _ in range(2):
        await browser.go(page)  # anew, as after going back
        answer = await browser.send({"reason": REASON, "understood": "yes"})
        assert answer.url.path == f"/journeys/{journey}", answer.text
        assert f"you may look until {spell(until)}" in said(browser)
        clinics.world.at += timedelta(minutes=10)
    clinics.world.at = until
    await browser.sign_in("session_monitor")
    await browser.go(page)
    answer = await browser.send({"reason": REASON, "understood": "yes"})
    assert (answer.status_code, "its time is over" in answer.text) == (409, True)
    assert len(fold(await load_events(clinics.record, journey)).accesses) == 1
    looks = [look for look in await clinics.looks(journey) if look.purpose == Purpose.BREAK_THE_GLASS]
    assert len([look for look in looks if look.until is not None]) == 1
    answer = await browser.send({"reason": REASON, "understood": "yes"})
    assert answer.url.path == f"/journeys/{journey}", "sent once more, it is another time"


async def test_an_emergency_does_not_wait_for_temporal(clinics: Clinics, browser: Browser) -> None:
    journey = elsewhere(clinics)
    clinics.world.down = True
    await browser.sign_in("session_monitor")
    await broken(browser, journey)
    assert "nobody is asked to review it yet" in said(browser)
    assert (await browser.go(f"/journeys/{journey}")).status_code == 200


async def test_what_was_looked_at_is_shown_to_the_reviewer_also_where_the_journey_was_told_later(
    clinics: Clinics, browser: Browser
) -> None:
    journey = elsewhere(clinics)
    clinics.world.down = True
    await browser.sign_in("session_monitor")
    await broken(browser, journey)
    assert (await browser.go(f"/journeys/{journey}/timeline")).status_code == 200
    clinics.world.down = False
    [kept] = [look for look in await clinics.looks(journey) if look.until is not None]
    told = Command(
        command_id=kept.entry_id,
        actor=Actor(id=kept.reader_id, role=Role.SESSION_MONITOR),
        body=BreakGlass(reason=REASON),
    )
    events = decide(clinics.journeys[journey], told, clinics.world.at + timedelta(hours=5))
    assert not isinstance(events, Refusal)
    await clinics.go_on(journey, [*events])
    await browser.sign_in("medical_director")
    await browser.go(f"/journeys/{journey}/looks")
    in_an_emergency, _ = said(browser).split("Every look")
    for words in (REASON, "the patient's page", "everything that happened"):
        assert words in in_an_emergency


async def test_however_many_looked_since_an_emergency_is_shown_with_its_looks_and_every_look_has_a_page(
    clinics: Clinics, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "LISTED", 3)
    journey = elsewhere(clinics)
    await browser.sign_in("session_monitor")
    await broken(browser, journey)
    assert (await browser.go(f"/journeys/{journey}/timeline")).status_code == 200
    clinics.world.at += timedelta(days=1)
    await browser.sign_in("medical_director")
    for _ in range(4):
        await browser.go(f"/journeys/{journey}/why")
    before = [look.entry_id for look in await clinics.looks(journey)]
    page = (await browser.go(f"/journeys/{journey}/looks")).text
    in_an_emergency, _ = said(browser).split("Every look")
    for words in (REASON, spell(clinics.world.at - timedelta(days=1)).split(" ")[0], "everything that happened"):
        assert words in in_an_emergency
    shown = page.count('<th scope="row">')
    while further := re.search(r'href="([?]before=[^"]+)" rel="next"', page):
        page = (await browser.go(f"/journeys/{journey}/looks{further[1]}")).text
        shown += page.count('<th scope="row">')
    assert shown == len(before)


@pytest.mark.parametrize("own", [False, True])
async def test_it_is_not_broken_under_an_id_by_which_the_journey_would_never_be_told(
    clinics: Clinics, browser: Browser, own: bool
) -> None:
    """Nobody would review it. Who sends a form can put any id into it."""
    journey = elsewhere(clinics)
    taken = (await load_events(clinics.record, journey))[0].command_id
    await browser.sign_in("session_monitor")
    await broken(browser, journey, command_id=str(own_id(journey, "invented") if own else taken))
    assert browser.page.status_code >= 400, browser.page.text
    assert [look for look in await clinics.looks(journey) if look.until is not None] == []
    assert (await browser.go(f"/journeys/{journey}")).status_code == 403


@pytest.mark.parametrize("role", ["coordinator", "patient", "observer"])
async def test_who_need_not_break_it_and_who_may_not(clinics: Clinics, browser: Browser, role: str) -> None:
    journey = elsewhere(clinics)
    await browser.sign_in(role)
    shown = await browser.go(f"/journeys/{journey}/break-glass")
    assert (shown.status_code, 'name="reason"' in shown.text) == (200 if role == "coordinator" else 403, False)
    [token, *_] = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)
    given = {"form_token": token, "command_id": str(uuid4()), "reason": REASON, "understood": "yes"}
    answer = await browser.client.post(f"/journeys/{journey}/break-glass", data=given)
    assert answer.status_code == (409 if role == "coordinator" else 403)
    assert fold(await load_events(clinics.record, journey)).accesses == {}


def named(query: type[Query]) -> set[str]:
    """The names of the use cases that are a kind of this one."""
    return {name for kind in query.__subclasses__() for name in {kind.__dict__.get("name", "act"), *named(kind)}}


def test_whatever_is_looked_at_is_called_in_words() -> None:
    texts = [path.read_text() for path in sources("application")]
    of_points = next(text for text in texts if "contact-point {what}" in text)
    acted = {name for text in texts for name in re.findall(r'action=f?"([a-z-]+ [a-z-]+)', text)}
    acted |= {f"contact-point {what}" for what in re.findall(r'context, (?:contacts, )?whose, "([a-z-]+)"', of_points)}
    acted |= {what for text in texts for what in re.findall(r'keep_look_after\(context, "([a-z ]+)"', text)}
    looked_at = acted | named(Query) - {"act", "look after"}
    assert {"signoff queue", "work claim", "contact-point show", "record verify", "the service"} <= looked_at
    assert looked_at <= {*access.SEEN}
