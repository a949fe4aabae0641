"""Lists name patients as their clinic does, to whoever may look at their journeys, and nobody else."""

import re
from types import SimpleNamespace

import pytest

from activities.record import Record, RecordUnavailable
from activities.record.event_codec import facts_in
from application.work.references import References
from tests.cli.clinics import OTHER, Clinics
from tests.console.browser import Browser
from tests.record.helpers import Connection
from workflows.journey.vocabulary.actors import Role


def named(page: str) -> dict[str, str]:
    """What a list calls the patient of each journey, by the beginning of the journey's id."""
    found = re.findall(r'<a href="/journeys/([0-9a-f-]{36})">([^<]+) <small class="id">([0-9a-f]{8})</small></a>', page)
    assert all(journey.startswith(short) for journey, _, short in found)
    return {journey: ref for journey, ref, _ in found}


@pytest.mark.parametrize("address", ["/work", "/work?overdue=yes", "/journeys", "/journeys?closed=yes", "/sign-offs"])
async def test_every_list_names_the_patients_of_ones_clinics(clinics: Clinics, browser: Browser, address: str) -> None:
    await browser.sign_in("coordinator")
    refs = {str(journey.id): journey.patient.ref for journey in clinics.journeys.values()}
    for _ in range(2):  # the second time from memory
        found = named((await browser.go(address)).text)
        assert found
        assert found.items() <= refs.items()
    assert not any(
        ref in str(browser.page.url) + re.findall("<title>(.*)</title>", browser.page.text)[0] for ref in refs
    )


async def test_the_reference_is_that_of_the_whole_event(clinics: Clinics) -> None:
    read = await clinics.record.load_openings([*clinics.journeys])
    assert {each.journey_id: facts_in(each) for each in read} == {
        journey.id: (journey.clinic, journey.patient.ref, journey.patient.zone) for journey in clinics.journeys.values()
    }


@pytest.mark.parametrize(
    ("role", "clinic", "shown"),
    [
        (Role.COORDINATOR, OTHER, True),
        (Role.CLINICIAN, OTHER, True),
        (Role.SESSION_MONITOR, OTHER, False),
        (Role.SESSION_MONITOR, "demo-clinic", True),
        (Role.PATIENT, "demo-clinic", False),
        (Role.OBSERVER, "demo-clinic", False),
    ],
)
async def test_who_is_told(clinics: Clinics, role: Role, clinic: str, shown: bool) -> None:
    theirs = ("demo-clinic",) if role == Role.SESSION_MONITOR else ("demo-clinic", OTHER)
    journey = next(each for each in clinics.journeys.values() if each.clinic == clinic)

    async def record() -> object:
        return clinics.record

    context = SimpleNamespace(person=SimpleNamespace(role=role, clinics=theirs), record=record)
    references, forged = References(), [SimpleNamespace(journey_id=journey.id, clinic=theirs[0])]
    for _ in range(2):  # the second time from memory
        found = await references.of(context, forged)  # type: ignore[arg-type]
        assert found == ({journey.id: (journey.patient.ref, journey.patient.zone)} if shown else {})


async def test_whose_opening_cannot_be_read_is_listed_by_the_journey(
    clinics: Clinics, browser: Browser, owner: Connection
) -> None:
    await owner.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
    await owner.execute(
        "UPDATE record.journey_event SET payload = '\\x00' WHERE version = 1 AND journey_id = $1", clinics.held
    )
    await browser.sign_in("coordinator")
    page = (await browser.go("/journeys")).text
    assert str(clinics.held) not in named(page)
    assert f'<a href="/journeys/{clinics.held}"><span class="id">{str(clinics.held)[:8]}</span></a>' in page


@pytest.mark.parametrize("address", ["/work?all=yes", "/journeys", "/sign-offs"])
async def test_while_keys_are_away_lists_show_the_journeys(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    async def away(*_: object) -> None:
        raise RecordUnavailable("KeysUnavailable")

    monkeypatch.setattr(Record, "load_openings", away)
    await browser.sign_in("coordinator")
    answer = await browser.go(address)
    assert answer.status_code == 200
    assert named(answer.text) == {}
    assert re.search(r'<a href="/journeys/[0-9a-f-]{36}"><span class="id">', answer.text)


@pytest.mark.parametrize(
    "words",
    [("work", "list", "--all"), ("pathway", "list"), ("pathway", "list", "--at", "500"), ("signoff", "list")],
)
async def test_lists_of_the_command_line_name_them_too_but_not_to_scripts(
    clinics: Clinics, words: tuple[str, ...]
) -> None:
    clinics.world.down = False
    shown = await clinics.call(*words)
    refs = {str(journey.id): journey.patient.ref for journey in clinics.journeys.values()}
    assert shown.code == 0, shown.err
    listed = [journey for journey in refs if journey in shown.out]
    assert listed
    assert all(refs[journey] in shown.out for journey in listed)
    told = (await clinics.call(*words, "--json")).out
    assert not any(ref in told for ref in refs.values())


async def test_held_together_they_are_named_and_messages_are(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    await browser.go("/work/hold")
    tried = await browser.send({"reason": "Invented", "clinician": "demo-clinician", "try": "yes"})
    refs = {str(journey.id): journey.patient.ref for journey in clinics.journeys.values()}
    assert named(tried.text).items() <= refs.items()
    assert named(tried.text)
