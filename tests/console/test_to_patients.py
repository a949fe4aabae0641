"""What patients are offered on their own page, and the words of its forms: they speak to them."""

import re

from application.pathway.command_catalog import KINDS
from application.words.titles import TITLES
from console.to_patients import TO_PATIENTS, summary_of, title_of
from console.views.commands import BY_NAME
from console.views.journeys import SOON
from simulation.people import CLINIC, PEOPLE, person_of, profile
from tests.cli.clinics import Clinics
from tests.console.browser import Browser
from tests.console.enrolment import to_sign
from tests.console.test_messages import said
from workflows.journey.always.reports.rules import HARM
from workflows.journey.views.patient_view import patient_summary
from workflows.journey.vocabulary.actors import Role

THEIRS = [kind for kind in KINDS if Role.PATIENT in kind.roles]


def test_each_form_of_patients_speaks_to_them() -> None:
    assert {*TO_PATIENTS} == {kind.name for kind in THEIRS}
    titles = [title_of(kind, Role.PATIENT) for kind in THEIRS]
    assert len({*titles}) == len(titles)
    for kind, title in zip(THEIRS, titles, strict=True):
        summary = summary_of(kind, Role.PATIENT)
        assert not re.search(r"(?i)\bpatient", f"{title} {summary}"), kind.name
        assert not re.match("Record|Hold|Report that|Say that the", title), kind.name
        assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+(-[a-z]+)?,?)+", title), kind.name
        assert summary.endswith("."), kind.name
    for quoted in re.findall("“(Say [^”]+)”", " ".join(each.summary for each in TO_PATIENTS.values())):
        assert quoted in titles


def test_staff_and_observers_read_the_words_of_staff() -> None:
    for role in (Role.CLINICIAN, Role.OBSERVER):
        assert title_of(BY_NAME["pathway.hold"], role) == TITLES["pathway.hold"]
        assert summary_of(BY_NAME["consent.give"], role).startswith("The patient gives consents")


async def test_that_a_patient_lives_is_offered_where_a_death_was_reported(clinics: Clinics, browser: Browser) -> None:
    clinics.world.down = False
    journey_id, _ = await to_sign(clinics)
    beside, home = clinics.world.settings.profile, f"/journeys/{journey_id}"
    assert beside is not None
    beside.with_name("patient.json").write_text(profile(person_of(journey_id, Role.PATIENT), CLINIC))
    await browser.sign_in("patient")
    await browser.go(home)
    assert "/pathway/doubt-death" not in browser.page.text
    for theirs, of_staff in (
        ("Put your care on hold", "Hold care"),
        ("Say that you took a dose", "Record a dose"),
        ("Give your consents", "The patient gives consents"),
    ):
        assert theirs in said(browser)
        assert of_staff not in said(browser)
    await browser.go(f"{home}/pathway/hold")
    assert "Nothing goes on until a clinician has signed that it may." in said(browser)
    done = await browser.send({"reason": "Invented: I am not sure any more."})
    assert "Done: Put your care on hold." in done.text

    await browser.go(f"{home}/pathway/record-death")
    await browser.send({"related": "unknown", "reason": "Invented: entered by mistake."})
    await browser.go(home)
    assert "Say that you are alive" in said(browser)
    assert "/pathway/doubt-death" in browser.page.text


async def test_what_is_asked_of_a_patient_in_months_is_folded_behind_what_is_near(
    clinics: Clinics, browser: Browser
) -> None:
    journey, beside = clinics.journeys[clinics.held], clinics.world.settings.profile
    assert beside is not None
    patient = PEOPLE[Role.PATIENT].model_copy(update={"id": journey.patient.ref})
    beside.with_name("patient.json").write_text(profile(patient, CLINIC))
    await browser.sign_in("patient")
    about = re.findall('<option value="([a-z.-]+)"', (await browser.go(f"/journeys/{journey.id}/report/keep")).text)
    assert {*about} == {kind.name for kind in THEIRS if kind.name in HARM}
    page = (await browser.go(f"/journeys/{journey.id}")).text
    assert "Everybody's" not in (await browser.go("/work?mine=yes")).text
    tasks = patient_summary(journey).tasks
    far = [task for task in tasks[3:] if task.due > clinics.world.at + SOON]
    assert len(far) > 1
    shown, _, later = page.partition(f"<summary>Later: {len(far)} more</summary>")
    assert (shown.count(">Answer</a>"), later.count(">Answer</a>")) == (len(tasks) - len(far), len(far))
