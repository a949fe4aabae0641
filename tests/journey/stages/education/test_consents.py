"""Consents on paper, and a new version of a consent in mid-course."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.moves.situation import interpreter
from tests.journey.correcting import mark
from tests.journey.play import HERE, Play, after, before, closed, kinds, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.education.rules import find_unacknowledged, find_unconsented
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import STAFF, Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Stage


def paper(play: Play, **ago: float) -> c.EnterPaperConsent:
    signed = play.at - timedelta(**ago)
    return c.EnterPaperConsent(consents=play.journey.consent_versions, signed_at=signed, document_ref="archive-17")


@pytest.mark.requirement("A40")
def test_consent_on_paper_counts_once_a_second_person_has_witnessed_it() -> None:
    play = before("consent.give")
    assert kinds(play.do(paper(play, hours=1), Role.COORDINATOR)) == ["consent.paper-entered"]
    assert find_unconsented(play.journey)
    waiting = play.waits_for("witness", "paper-1")
    assert waiting is not None
    assert waiting.owner == Role.CLINICIAN
    witness = c.WitnessConsent(paper="paper-1")
    play.refused(witness, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, says="who entered")
    play.refused(witness, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.refused(witness, Role.OBSERVER, code=RefusalCode.NOT_ALLOWED)
    followed = play.do(witness, Role.CLINICIAN)
    assert e.ConsentWitnessed in map(type, followed)
    assert find_unconsented(play.journey) == ()
    assert play.journey.stage == Stage.SESSIONS
    assert play.waits_for("witness") is None
    play.refused(witness, Role.CLINICIAN, code=RefusalCode.UNKNOWN, field="paper")


def test_a_paper_that_the_clinician_entered_is_witnessed_by_the_coordinator() -> None:
    play = before("consent.give")
    play.do(paper(play), Role.CLINICIAN)
    waiting = play.waits_for("witness")
    assert waiting is not None
    assert waiting.owner == Role.COORDINATOR


def test_a_paper_is_for_the_version_that_counts_and_was_signed() -> None:
    play = before("consent.give")
    old = paper(play).model_copy(update={"consents": {"treatment": "treatment-0"}})
    play.refused(old, Role.COORDINATOR, code=RefusalCode.STALE, field="consents")
    play.refused(paper(play, hours=-1), Role.COORDINATOR, code=RefusalCode.WRONG_TIME, field="signed_at")
    play.refused(paper(play, days=2), Role.COORDINATOR, code=RefusalCode.STALE, field="signed_at", says="understood")
    uninformed = before("education.explain")
    uninformed.refused(paper(uninformed), Role.COORDINATOR, code=RefusalCode.INCOMPLETE)


@pytest.mark.requirement("A40")
def test_no_witness_brings_back_what_the_patient_withdrew() -> None:
    play = before("session.schedule")
    play.do(paper(play), Role.COORDINATOR)
    play.later(minutes=1).do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    play.refused(c.WitnessConsent(paper="paper-1"), code=RefusalCode.UNKNOWN, field="paper")
    play.later(minutes=1)
    play.refused(paper(play, minutes=1.5), Role.COORDINATOR, code=RefusalCode.STALE, field="signed_at")
    play.do(paper(play), Role.COORDINATOR)
    play.do(c.WitnessConsent(paper="paper-2"))
    assert find_unconsented(play.journey) == ()


def test_no_witness_brings_back_what_was_agreed_to_without_being_understood() -> None:
    play = before("session.schedule")
    signed = paper(play)
    play.do(signed, Role.COORDINATOR)
    again = play.branch()
    play.later(minutes=1).do(c.UpdatePatient(language="es", reason="x"), Role.COORDINATOR)
    again.later(minutes=1)
    mark(again, "education.confirmed")
    for each in (play, again):
        topics = dict.fromkeys(each.journey.protocol.education_topics, "understood")
        each.do(c.ConfirmUnderstanding.model_validate({"topics": topics, "in_their_words": "x", "location": HERE}))
        each.refused(c.WitnessConsent(paper="paper-1"), code=RefusalCode.UNKNOWN, field="paper")
        each.refused(signed, Role.COORDINATOR, code=RefusalCode.STALE, field="signed_at")
        assert find_unconsented(each.journey)


UNCLEAR: dict[str, Callable[[Play], list[e.EventBody]]] = {
    "language": lambda play: play.do(c.UpdatePatient(language="es", reason="x"), Role.COORDINATOR),
    "interpreter": lambda play: play.do(c.UpdatePatient(interpreter=True, reason="x"), Role.COORDINATOR),
    "own words": lambda play: hear(play, "explain_again"),
    "never explained": lambda play: mark(play, "education.explained"),
}
"""What shows that a patient had not understood."""


def hear(play: Play, heard: str, *topics: str) -> list[e.EventBody]:
    """Have the patient say topics in their own words: these, or all of the protocol's."""
    said = dict.fromkeys(topics or play.journey.protocol.education_topics, heard)
    form = {"topics": said, "in_their_words": "x", "location": HERE, "interpreter": interpreter(play.journey)}
    return play.do(c.ConfirmUnderstanding.model_validate(form))


@pytest.mark.requirement("A26", "A40")
@pytest.mark.parametrize("unclear", UNCLEAR.values(), ids=list(UNCLEAR))
def test_who_had_not_understood_agreed_to_nothing(unclear: Callable[[Play], list[e.EventBody]]) -> None:
    """Neither what they gave, nor what they signed on paper that day, nor what they acknowledged counts any more."""
    play = before("session.check")
    signed = paper(play)
    waits = signed.model_copy(update={"document_ref": "archive-18"})
    play.do(waits, Role.COORDINATOR)
    unclear(play.later(minutes=1))
    topics = play.journey.protocol.education_topics
    play.later(minutes=1).do(c.ExplainTopics(topics=topics, content_version="v2", location=HERE))
    hear(play, "understood")
    assert find_unconsented(play.journey) == tuple(play.journey.consent_versions)
    assert find_unacknowledged(play.journey) == play.journey.protocol.acknowledgements
    assert play.waits_for("witness") is None
    play.refused(c.WitnessConsent(paper="paper-1"), code=RefusalCode.UNKNOWN, field="paper")
    play.refused(signed, Role.COORDINATOR, code=RefusalCode.STALE, field="signed_at", says="understood")
    play.do(paper(play), Role.COORDINATOR)
    play.do(c.WitnessConsent(paper="paper-2"))
    assert find_unconsented(play.journey) == ()


def test_instructions_in_a_language_that_the_patient_does_not_speak_are_delivered_again() -> None:
    play = before("session.check")
    assert play.journey.sessions[1].acknowledged
    UNCLEAR["language"](play)
    assert play.journey.sessions[1].instructed is None
    assert "instructions not delivered" in dose_gate(play.journey, 1, play.at)
    running = after("session.dose")
    UNCLEAR["language"](running)
    assert running.journey.sessions[1].instructed, "what was delivered before a dose is not asked for after it"


def test_a_paper_to_an_old_version_waits_for_nobody() -> None:
    play = proposed("session.schedule")
    play.do(paper(play), Role.COORDINATOR)
    play.sign(SignOffKind.CONSENT_VERSION, "treatment")
    assert play.waits_for("witness") is None, "no witness may let it count"
    play.go_on(lambda journey: bool(journey.doses))


def proposed(kind: str) -> Play:
    play = before(kind)
    body = c.ProposeConsentVersion(consent="treatment", version="treatment-2", reason="a new warning (invented)")
    play.do(body)
    return play


@pytest.mark.requirement("A40")
@pytest.mark.parametrize("kind", ["session.schedule", "session.check", "session.release"])
def test_a_new_version_counts_once_signed_and_then_the_patient_is_asked_again(kind: str) -> None:
    play = proposed(kind)
    assert find_unconsented(play.journey) == (), "nothing changes before it is signed"
    play.sign(SignOffKind.CONSENT_VERSION, "treatment")
    assert find_unconsented(play.journey) == ("treatment",)
    assert "consent treatment not in force" in dose_gate(play.journey, 1, play.at)
    assert play.waits_for("consent") is not None
    old = c.GiveConsent(consents={"treatment": "treatment-1"})
    play.refused(old, Role.PATIENT, code=RefusalCode.STALE, field="consents")
    play.do(c.GiveConsent(consents={"treatment": "treatment-2"}), Role.PATIENT)
    assert find_unconsented(play.journey) == ()
    assert play.waits_for("consent") is None


def test_a_session_that_was_released_on_the_old_version_is_stopped_until_somebody_says_whether_its_dose_was_taken() -> (
    None
):
    play = proposed("session.dose")
    play.sign(SignOffKind.CONSENT_VERSION, "treatment")
    assert play.journey.sessions[1].stopped_at is not None
    assert play.waits_for("dose", "1") is not None
    play.do(c.CancelSession(session=1, reason="no dose was taken (invented)"), Role.SESSION_MONITOR)
    assert play.waits_for("dose", "1") is None


def test_a_version_that_is_declined_changes_nothing() -> None:
    play = proposed("session.check")
    play.sign(SignOffKind.CONSENT_VERSION, "treatment", decision="decline")
    assert play.journey.consent_versions == play.journey.protocol.consents
    assert not play.asks_for(SignOffKind.CONSENT_VERSION, "treatment")
    same = c.ProposeConsentVersion(consent="treatment", version="treatment-1", reason="x")
    play.refused(same, code=RefusalCode.ALREADY_DONE, field="version")
    play.refused(same, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    unknown = c.ProposeConsentVersion(consent="sale", version="sale-1", reason="x")
    play.refused(unknown, code=RefusalCode.UNKNOWN, field="consent")


@given(st.data())
def test_a_consent_on_paper_never_counts_by_one_person(data: st.DataObject) -> None:
    """Whoever of the clinic enters and witnesses papers, in whatever order, with withdrawals in between."""
    play = before("session.schedule")
    people: list[Role | Actor] = [*(person(f"a-{role.value[:20]}", role) for role in STAFF), *STAFF]
    entered: dict[str, str] = {}
    signed: dict[str, bool] = {}
    for _ in range(data.draw(st.integers(1, 8))):
        play.at += timedelta(minutes=1)
        by = people[data.draw(st.integers(0, len(people) - 1))]
        actor = play.command(c.PlaceHold(reason="x"), by).actor
        what = data.draw(st.sampled_from(["enter", "witness", "withdraw"]))
        if what == "withdraw":
            play.take(play.command(c.WithdrawConsent(consent="treatment"), Role.PATIENT))
            assert "treatment" not in play.journey.consents
            signed = {}
            continue
        if what == "enter":
            decided = play.take(play.command(paper(play), by))
            if not isinstance(decided, Refusal):
                name = f"paper-{play.journey.papers_entered}"
                entered[name] = actor.id
                signed[name] = True
            continue
        name = data.draw(st.sampled_from(["paper-1", "paper-2"]))
        before_ = dict(play.journey.consents)
        decided = play.take(play.command(c.WitnessConsent(paper=name), by))
        if isinstance(decided, Refusal):
            assert play.journey.consents == before_
        else:
            assert entered[name] != actor.id
            assert signed[name], "the patient withdrew since"


def test_a_consent_is_withdrawn_after_the_end_too() -> None:
    """Whoever lives after a wrong death had said no before the journey went on, and nobody had taken that."""
    play = closed()
    play.do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    assert "treatment" not in play.journey.consents
