"""What was: how an event came about, what changed, an earlier look shown again; and who works here."""

import re
from importlib import import_module
from pkgutil import walk_packages
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

import application
from activities.notices import queue
from activities.notices.queue import NewFact
from activities.record.access_log import list_access
from activities.record.event_codec import to_new
from activities.record.patients import opening_of
from application.access.show_again import NEVER, USE_CASES
from application.pathway.command_catalog import KINDS
from application.reading.access_log import Query
from application.sign_offs.queue import ListQueue
from application.sign_offs.requests import ListRequests
from application.work.caseload import ListJourneys, list_journeys
from application.work.worklist import ListWork
from console.said_here import for_people, said_here
from console.views.past import AGAIN
from simulation.people import CLINIC, PEOPLE
from tests.cli.clinics import Clinics
from tests.console.browser import Browser
from tests.console.test_messages import said
from tests.journey.play import started
from tests.record.helpers import a_notice
from workflows.journey.vocabulary.actors import Role


async def newest_look(clinics: Clinics) -> UUID:
    """The id of the latest look of anybody."""
    [look] = await list_access(clinics.record, limit=1)
    return look.entry_id


def pages(clinics: Clinics) -> tuple[str, ...]:
    """Pages whose look can be shown again."""
    journey = f"/journeys/{clinics.held}"
    views = (
        "",
        "?at=20",
        "/timeline",
        "/print",
        "/patient-view",
        "/events/20",
        "/changes?earlier=20",
        "/room?session=1",
        "/room/sheet?session=1",
        "/looks",
        "/pathway/hold",
    )
    return (
        "/work", "/journeys", "/sign-offs", "/ops/attempts", "/work/permissions",
        "/messages", "/messages?undelivered=yes",
        f"/messages?journey={clinics.held}",
        *(journey + view for view in views),
    )  # fmt: skip


async def test_every_look_is_shown_again_as_it_was_whatever_comes(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("clinician")
    shown = {}
    for address in pages(clinics):
        answer = await browser.go(address)
        assert answer.status_code == 200, (address, answer.text)
        shown[address] = await newest_look(clinics)
    assert len({*shown.values()}) == len(shown)
    await browser.sign_in("medical_director")
    for address, look in shown.items():
        answer = await browser.go(f"/looks/{look}")
        assert answer.status_code == 200, (address, answer.text)
        assert "Shown again: " in said(browser), address
        assert 'method="post"' not in answer.text.partition("<main")[2], "nothing is sent from what was"
        assert "class=again" in answer.text
    journey = clinics.held
    before = clinics.journeys[journey].version
    await browser.sign_in("clinician")
    await browser.go(f"/journeys/{journey}")
    assert f"version {before}" in said(browser)
    look = await newest_look(clinics)
    clinics.world.down = False
    await browser.go(f"/journeys/{journey}/pathway/hold")
    await browser.send({"reason": "Invented: one more reason"})
    await browser.go(f"/journeys/{journey}")
    assert f"version {before}" not in said(browser)
    await browser.go(f"/looks/{look}")
    assert f"version {before}" in said(browser)
    assert "Invented: one more reason" not in said(browser)
    await browser.go(f"/journeys/{journey}/looks")
    assert f'href="/looks/{look}"' in browser.page.text
    assert (await browser.go(f"/looks/{uuid4()}")).status_code == 404


async def test_a_list_of_the_terminal_alone_is_offered_on_no_page(clinics: Clinics, browser: Browser) -> None:
    async with clinics.world.context() as context:
        await list_journeys(context, ListJourneys(at=clinics.position))
    look = await newest_look(clinics)
    await browser.sign_in("medical_director")
    await browser.go(f"/journeys/{clinics.held}/looks")
    assert f'href="/looks/{look}"' not in browser.page.text
    assert (await browser.go(f"/looks/{look}")).status_code == 404
    assert "`access show` at a terminal does" in said(browser)


def test_every_question_is_shown_again_or_says_why_not() -> None:
    for module in walk_packages(application.__path__, "application."):
        import_module(module.name)
    questions = {each for each in Query.__subclasses__() if each.__module__.startswith("application.")}
    shown = {*USE_CASES, ListWork.name, ListQueue.name}
    assert {each.name for each in questions} == shown | {each.name for each in NEVER}
    assert shown - {*AGAIN} == {ListRequests.name}, "that one is a list of the command line alone"
    assert not shown & {each.name for each in NEVER}


async def test_moments_of_a_journey_and_who_works_here(clinics: Clinics, browser: Browser) -> None:
    journey = f"/journeys/{clinics.held}"
    begun = clinics.journeys[clinics.held].started_at
    await browser.sign_in("clinician", zone="America/Los_Angeles")
    await browser.go(f"{journey}?at=20")
    assert "This is how the journey stood at version 20" in said(browser)
    assert "/pathway/hold" not in browser.page.text, "nothing is sent to what was"
    for address, words in (
        ("/changes?earlier=20", "From version 20 to version"),
        (f"/changes?earlier=1&later={begun.date()} 23:00", "From version 1 to version"),
        ("/events/1", "How version 1 came about"),
        ("/events/20", "How version 20 came about"),
    ):
        answer = await browser.go(journey + address)
        assert not re.search("[0-9a-f]{32}", said(browser)), "nobody reads hashes"
        assert (answer.status_code, words in said(browser)) == (200, True), address
    for address, status, words in (
        ("?at=nonsense", 422, "neither a version nor a time"),
        ("?at=²", 422, "neither a version nor a time"),
        (f"?at={'9' * 5000}", 422, "neither a version nor a time"),
        ("/changes?earlier=soon", 422, "such as 12"),
        ("/changes?earlier=1&later=2026-11-01 01:30", 422, "comes twice on this day"),
        ("/changes?earlier=1&later=2026-13-01 10:00", 422, "such as 12"),
        ("/events/9999", 404, "no such version"),
    ):
        with capture_logs() as logged:
            answer = await browser.go(journey + address)
        assert (answer.status_code, words in said(browser)) == (status, True), address
        [line] = [each for each in logged if each["event"] == "page.refused"]
        assert f"the reference {line['code']}" in said(browser)
    clinician = PEOPLE[Role.CLINICIAN]
    assert clinician.name is not None
    for role in ("coordinator", "ops", "session_monitor"):
        await browser.sign_in(role)
        assert (await browser.go("/people")).status_code == 200
        assert clinician.id in said(browser)
        assert clinician.name in said(browser)


async def test_a_patient_across_journeys(clinics: Clinics, browser: Browser) -> None:
    play = started().go_on(lambda journey: bool(journey.doses))
    journey = play.journey
    opening = opening_of(clinics.record.patients, journey)
    await clinics.record.append(journey.id, 0, [to_new(event) for event in play.events], opening=opening)
    await browser.sign_in("clinician")
    await browser.go(f"/journeys/{journey.id}/patient")
    assert journey.patient.ref in said(browser)
    doses = len(journey.own_doses) + len(clinics.journeys[clinics.held].own_doses)
    assert f"{doses}, the latest first" in said(browser)
    for address in ("patient", f"sign-offs/{journey.sign_offs[0].request}"):
        assert (await browser.go(f"/journeys/{journey.id}/{address}")).status_code == 200
        answer = await browser.go(f"/looks/{await newest_look(clinics)}")
        assert (answer.status_code, journey.patient.ref in said(browser)) == (200, True), address
    await browser.sign_in("patient")
    assert (await browser.go(f"/journeys/{journey.id}/patient")).status_code == 403


@pytest.mark.parametrize(
    ("told", "here"),
    [
        ("See `pathway list`; ids look like x", "See “Patients”; ids look like x"),
        ("Run it again", "Try again"),
        ("in an emergency: `access break-glass 00`", "in an emergency: “Look in an emergency”, on the patient's page"),
        ("have them run `pathway reassign` for x", "have them use “Hand a duty to somebody else” for x"),
        ("Correct it and run `protocol check FILE`", "Correct it and run `protocol check FILE`"),
        ("Tell ops: `record verify 00`", "Tell ops: `record verify 00`"),
        ("correct it with `pathway amend`", "correct it with “Correct a recorded fact”"),
        ("say in `without_visits_because` why", "say in `without_visits_because` why"),
        ("nothing of the kind", "nothing of the kind"),
        ("Run it again with --command-id 00-ab: it happens once", "Send the form again: it happens once"),
        ("Correct it, and send it again with --command-id 00-ab: it", "Correct it, and send the form again: it"),
        ("It is for: on_call_clinician. Choose another profile with --profile", "It is for: on-call clinician"),
        ("a coordinator may not send plan record", "a coordinator may not send “Write the plan”"),
        ("Leave --after out", "Begin at the first page of the list"),
        ("larger files are for `pathway start --batch`", "larger files are for `pathway start --batch`"),
        ("a defect: Fault at contact_points.py:7", "a defect: Fault at contact_points.py:7"),
        ("the id of clinic night_clinic_2 and dr_lee-2", "the id of clinic night_clinic_2 and dr_lee-2"),
        ("Correct your profile, or have the register corrected", "Have the register corrected"),
        ("this is not a clinic your profile names", "this is not a clinic you work for"),
        ("Put the licence into your profile", "Have your licence entered in the register"),
        ("Temporal cannot be reached", "what takes your commands (Temporal) cannot be reached"),
    ],
)  # fmt: skip
def test_the_console_names_its_own_places(told: str, here: str) -> None:
    assert said_here(told) == here


def test_every_form_says_what_it_is_for_without_names_of_fields() -> None:
    said = {kind.name: for_people(kind.summary) for kind in KINDS}
    assert [name for name, words in said.items() if not words or "`" in words] == []


@pytest.mark.parametrize("odd", ["016", "1_6", "+16", "１６", "1e1"])
async def test_a_number_in_an_address_is_written_in_plain_digits(clinics: Clinics, browser: Browser, odd: str) -> None:
    await browser.sign_in("clinician")
    journey = f"/journeys/{clinics.held}"
    pages = ("?at={}", "/timeline?before={}", "/events/{}", "/changes?earlier={}", "/room?session={}")
    for address in (*pages, "/room/sheet?session={}"):
        assert (await browser.go(journey + address.format("1"))).status_code in (200, 404), address
        answer = await browser.go(journey + address.format(quote(odd)))
        assert answer.status_code == 422, (address, answer.text)


async def test_messages_and_looks_are_shown_again_as_they_were(clinics: Clinics, browser: Browser) -> None:
    clinician = PEOPLE[Role.CLINICIAN]
    told = a_notice(clinics.held, recipient_role=clinician.role, clinic=CLINIC)
    await clinics.record.deliver_notices([told])
    zone = clinics.journeys[clinics.held].patient.zone  # A page that is shown again has the viewer's times alone.
    await browser.sign_in("clinician", zone)
    looks = []
    for address in ("/messages?undelivered=yes", "/messages", f"/journeys/{clinics.held}/looks"):
        await browser.go(address)
        looks.append((address, await newest_look(clinics), table_of(browser)))
    await queue.keep(clinics.record, told.notice_id, [NewFact(clinician.id, "sms-1", "webhook", "accepted")])
    await browser.go(f"/messages?journey={clinics.held}")
    assert "accepted" in table_of(browser)
    await browser.sign_in("medical_director", zone)
    for address, look, then in looks:
        assert (await browser.go(f"/looks/{look}")).status_code == 200
        assert table_of(browser) == then, address


def table_of(browser: Browser) -> str:
    """The rows of the table of a page, but for what is done from there, and what patients are called."""
    rows = browser.page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return " ".join(
        re.sub(
            r"<form.*?</form>|<[^>]*>|\s+|demo-patient-\w+|\b[0-9a-f]{8}\b[-0-9a-f]*", " ", rows, flags=re.DOTALL
        ).split()
    )
