"""A patient's page says who is to be reached, and which documents of consent there are."""

from uuid import UUID

from application.words.codes import say
from simulation.people import PEOPLE
from tests.cli.clinics import Clinics
from tests.console.browser import Browser
from tests.journey.play import HERE, Play, after
from tests.record.read_models.courses import course_of
from workflows.journey import commands as c
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal


async def test_contacts_and_documents_of_consent_are_on_a_patients_page(clinics: Clinics, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    said = set()
    for journey_id, journey in clinics.journeys.items():
        page = (await browser.go(f"/journeys/{journey_id}")).text
        contacts, consents = (page.split(f'<h2 id="{each}">')[1].split("</section>")[0] for each in CONTENTS)
        assert journey.patient.emergency_contact_ref in contacts
        assert f'href="/journeys/{journey_id}/contact-points"' in contacts
        for name, version in journey.consent_versions.items():
            assert version in consents
            given = journey.consents.get(name)
            said.add(given is not None)
            if given is None:
                assert "not given" in consents
        assert consents.count(">in force</td>") == len(journey.consents)
    assert said == {True, False}


async def test_a_consent_that_was_withdrawn_and_one_on_paper_say_so(clinics: Clinics, browser: Browser) -> None:
    play = after("consent.give")
    first, second, *_ = play.journey.consents
    before, version = play.journey.version, play.journey.consent_versions[second]
    news: list[Event] = []
    for consent in (first, second):
        news += _taken(play, c.WithdrawConsent(consent=consent), Role.PATIENT)
    play.wait(minutes=1)
    paper_1 = c.EnterPaperConsent(consents={second: version}, signed_at=play.at, document_ref="paper-1")
    news += _taken(play, paper_1, Role.COORDINATOR)
    journey_id = await clinics.add((*course_of()[:before], *news))
    await browser.sign_in("coordinator")
    consents = (await browser.go(f"/journeys/{journey_id}")).text.split('<h2 id="consents">')[1]
    rows = consents.split("</section>")[0].split("<tr>")
    [withdrawn] = [row for row in rows if "withdrawn" in row and "paper-1" not in row]
    [paper] = [row for row in rows if "on paper paper-1" in row]
    assert "in force" not in withdrawn + paper
    assert "waits for a witness" in paper


async def test_who_witnessed_a_consent_and_who_heard_what_the_patient_understood_is_said(
    clinics: Clinics, browser: Browser
) -> None:
    play = after("consent.give")
    _, second, *_ = play.journey.consents
    before, version = play.journey.version, play.journey.consent_versions[second]
    topics = play.journey.protocol.education_topics
    news = [*_taken(play, c.WithdrawConsent(consent=second), Role.PATIENT)]
    play.wait(minutes=1)
    paper = c.EnterPaperConsent(consents={second: version}, signed_at=play.at, document_ref="paper-1")
    news += _taken(play, paper, Role.COORDINATOR)
    [waiting] = play.journey.papers
    news += _taken(play, c.WitnessConsent(paper=waiting), Role.CLINICIAN)
    witnessed = await clinics.add((*course_of()[:before], *news))
    again = c.ConfirmUnderstanding(
        topics={topics[0]: "explain_again"}, in_their_words="invented: no", location=HERE, interpreter="Ivy"
    )
    unclear = await clinics.add((*course_of()[:before], *news, *_taken(play, again, Role.ON_CALL_CLINICIAN)))
    await browser.sign_in("coordinator")
    coordinator, clinician = (PEOPLE[role].name for role in (Role.COORDINATOR, Role.CLINICIAN))
    told = await _consents(browser, witnessed)
    assert "<td>the patient</td>" in told
    [row] = [row for row in told.split("<tr>") if "paper-1" in row]
    assert f"on paper paper-1: entered by {coordinator}, witnessed by {clinician}</td><td>in force" in row
    assert f"has said {len(topics)} of {len(topics)} topics, heard last by {clinician}" in told
    told = await _consents(browser, unclear)
    assert (
        f"has said {len(topics) - 1} of {len(topics)} topics, heard last by {PEOPLE[Role.ON_CALL_CLINICIAN].name}"
        in told
    )
    assert f"interpreted by Ivy. Not understood yet: {say(topics[0])}." in told
    assert "in force" not in told


async def _consents(browser: Browser, journey_id: UUID) -> str:
    page = (await browser.go(f"/journeys/{journey_id}")).text
    return page.split('<h2 id="consents">')[1].split("</section>")[0]


def _taken(play: Play, body: c.CommandBody, by: Role) -> tuple[Event, ...]:
    decided = play.take(play.command(body, by))
    assert not isinstance(decided, Refusal), str(decided)
    return decided


CONTENTS = ("contacts", "consents")
