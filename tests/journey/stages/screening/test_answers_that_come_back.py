"""An answer that was turned and comes back is not signed by what was signed before; a hard exclusion is taken back
only by two people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.correcting import confirm
from tests.journey.instruments.vectors import c_ssrs_since
from tests.journey.play import Play, before, kinds
from workflows.journey import commands as c
from workflows.journey.evidence import is_approved
from workflows.journey.needs import needs
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import list_exclusions
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import STATE_ZONES
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

HARD, REVIEW = "X03", "X20"


def answered(**given_: Any) -> c.RecordScreening:
    return c.RecordScreening.model_validate(given_)


def turned(play: Play, group: str, name: str) -> tuple[c.RecordScreening, c.RecordScreening]:
    """An answer turned into another one, and back as it was."""
    known = getattr(play.journey.screening, group)[name]
    other: Any = not known
    if group == "factors":
        other = "something else (invented)"
    if group == "findings":
        other = {"holds": False, "because": "something speaks against it (invented)"}
    if group == "exclusions":
        other = {"answer": "unknown"}
    as_it_was = known if isinstance(known, bool | str) else known.model_dump()
    return answered(**{group: {name: other}}), answered(**{group: {name: as_it_was}})


def answers(play: Play) -> list[tuple[str, str]]:
    groups = ("exclusions", "criteria", "factors", "findings")
    return [(group, name) for group in groups for name in getattr(play.journey.screening, group)]


@pytest.mark.requirement("A45")
@pytest.mark.parametrize(("group", "name"), answers(before("session.release")))
def test_an_answer_that_comes_back_is_signed_again_before_a_dose(group: str, name: str) -> None:
    """A finding that it is not safe, turned true a minute later, was released."""
    play = before("session.release")
    assert dose_gate(play.journey, 1, play.at) == ()
    there, back = turned(play, group, name)
    play.do(there)
    play.later(minutes=1).do(back)
    assert not is_approved(play.journey, SignOffKind.ELIGIBILITY)
    refused = play.take(play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR))
    assert isinstance(refused, Refusal)
    assert "eligibility not signed as it now is" in refused.reason


@given(st.lists(st.sampled_from(answers(before("session.release"))), min_size=1, max_size=4, unique=True))
def test_however_answers_turn_and_come_back(turns: list[tuple[str, str]]) -> None:
    play = before("session.release")
    forms = [turned(play, *turn) for turn in turns]
    for there, _ in forms:
        play.do(there)
    for _, back in reversed(forms):
        play.do(back)
    assert not is_approved(play.journey, SignOffKind.ELIGIBILITY)


def test_the_same_answers_again_make_nothing_stale() -> None:
    """As when the screening is repeated before it expires."""
    play = before("session.release")
    for group, name in answers(play):
        play.do(turned(play, group, name)[1])
    assert is_approved(play.journey, SignOffKind.ELIGIBILITY)


@pytest.mark.requirement("A45")
@pytest.mark.parametrize("other", ["no", "unknown"])
def test_a_review_exclusion_that_comes_back_is_decided_on_again(other: str) -> None:
    play = before("session.release")
    yes = answered(exclusions={REVIEW: {"answer": "yes", "note": "mild (invented)"}})
    play.do(yes)
    play.sign(SignOffKind.EXCLUSION_REVIEW)
    play.do(answered(criteria=dict.fromkeys(play.journey.screening.criteria, True)))
    play.do(yes)
    assert is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW), "the same again"
    play.do(answered(exclusions={REVIEW: {"answer": other}}))
    play.later(minutes=1).do(yes)
    assert not is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW)
    assert play.asks_for(SignOffKind.EXCLUSION_REVIEW)


# A hard exclusion


def excluded() -> Play:
    play = before("session.release")
    play.do(answered(exclusions={HARD: {"answer": "yes", "note": "found (invented)"}}))
    assert [hold.cause for hold in play.journey.standing_holds] == ["exclusion"]
    return play


@pytest.mark.requirement("B43")
@pytest.mark.parametrize("answer", ["no", "unknown"])
@pytest.mark.parametrize("by", [Role.CLINICIAN, Role.MEDICAL_DIRECTOR, Role.ON_CALL_CLINICIAN])
def test_nobody_alone_takes_a_hard_exclusion_back(answer: str, by: Role) -> None:
    play = excluded()
    no = answered(exclusions={HARD: {"answer": answer}})
    play.refused(no, by, code=RefusalCode.CONTRADICTS, field=f"exclusions.{HARD}", says="excludes the patient")
    play.do(c.MarkInError(version=play.version_of("screening.recorded"), reason="x"), by)
    assert play.journey.unconfirmed, "nor by a mark as entered in error"
    play.refused(no, by, code=RefusalCode.CONTRADICTS, field=f"exclusions.{HARD}")
    release = play.signature(SignOffKind.HOLD_RELEASE, "hold-1")
    play.refused(release, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE)


def test_two_people_take_a_hard_exclusion_back_and_what_it_stopped_is_signed_again() -> None:
    play = excluded()
    no = answered(exclusions={HARD: {"answer": "no"}})
    version = play.version_of("screening.recorded")
    play.do(c.Amend(version=version, reason="another patient's (invented)", correction=no), Role.CLINICIAN)
    [correction] = play.journey.unconfirmed
    said = c.ConfirmCorrection(correction=correction, reason="seen")
    play.refused(said, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED)
    play.do(said, Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert not play.journey.held
    assert play.asks_for(SignOffKind.ELIGIBILITY)


def test_a_hard_exclusion_for_suicide_risk_stands_whatever_the_risk_becomes() -> None:
    """A clinician knew of more than was asked. Once the form said so too, the answer was open, and one person's no."""
    play = before("session.release")
    play.do(answered(exclusions={"X12": {"answer": "yes", "note": "told me (invented)"}}))
    for occasion, letters in (("a", "yy---n"), ("b", "nn---n")):
        form: Any = {"instrument": "C-SSRS-SINCE", "occasion": occasion, "answers": c_ssrs_since(letters)}
        play.do(c.RecordInstrument.model_validate(form), Role.CLINICIAN)
        assert list_exclusions(play.journey, "hard") == ("X12",)
    no = answered(exclusions={"X12": {"answer": "no"}})
    play.refused(no, Role.CLINICIAN, code=RefusalCode.CONTRADICTS, field="exclusions.X12")


def test_a_hard_exclusion_for_the_state_of_residence_stands_wherever_the_patient_moves() -> None:
    """Away and back, and the answer was open, and one person's no."""
    play = before("session.release")
    play.do(answered(exclusions={"X34": {"answer": "yes", "note": "treated elsewhere (invented)"}}))
    no = answered(exclusions={"X34": {"answer": "no"}})
    for state in ("NY", "CA"):
        followed = play.do(c.Move(zone=STATE_ZONES[state][0], state=state), Role.COORDINATOR)
        assert "patient.moved" in kinds(followed)
        assert "screening.reopened" not in kinds(followed)
        assert list_exclusions(play.journey, "hard") == ("X34",)
        play.refused(no, Role.CLINICIAN, code=RefusalCode.CONTRADICTS, field="exclusions.X34")
    play.do(c.Amend(version=forms(play, "X34")[-1], reason="licensed here (invented)", correction=no), Role.CLINICIAN)
    confirm(play)
    assert list_exclusions(play.journey, "hard") == ()


FOUND = answered(exclusions={HARD: {"answer": "yes", "note": "found (invented)"}})
NOT_FOUND = answered(exclusions={HARD: {"answer": "no"}})


def forms(play: Play, code: str = HARD) -> list[int]:
    """The versions of the forms that answered an exclusion, the oldest first."""
    recorded = play.journey.facts.items()
    return [
        version
        for version, fact in recorded
        if fact.kind == "screening.recorded" and f"exclusions.{code}" in fact.parts
    ]


def mark(play: Play, version: int) -> None:
    """Mark a form as entered in error, and have a second person confirm it."""
    play.do(c.MarkInError(version=version, reason="entered twice (invented)"), Role.CLINICIAN)
    confirm(play)


@pytest.mark.parametrize("marked", [-1, -2], ids=["the later", "the earlier"])
def test_a_hard_exclusion_that_two_forms_found_stands_by_either_of_them(marked: int) -> None:
    """Of two forms that both said yes the later one was marked: nothing was answered, and one person said no."""
    play = excluded()
    play.do(FOUND)
    mark(play, forms(play)[marked])
    assert list_exclusions(play.journey, "hard") == (HARD,)
    for by in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR):
        play.refused(NOT_FOUND, by, code=RefusalCode.CONTRADICTS, field=f"exclusions.{HARD}")
    [left] = [version for version in forms(play)[-2:] if version not in play.journey.in_error]
    mark(play, left)
    assert HARD not in play.journey.screening.exclusions, "nothing says so any more"
    play.do(NOT_FOUND)


def test_a_hard_exclusion_that_the_other_form_denied_is_asked_for_again() -> None:
    play = excluded()
    assert len(forms(play)) == 2, "the first one said no"
    mark(play, forms(play)[-1])
    assert HARD not in play.journey.screening.exclusions
    play.do(NOT_FOUND)


def test_a_form_that_was_corrected_since_lets_no_exclusion_stand() -> None:
    play = excluded()
    first = forms(play)[-1]
    play.do(c.Amend(version=first, reason="another patient's (invented)", correction=NOT_FOUND), Role.CLINICIAN)
    confirm(play)
    play.do(FOUND)
    mark(play, forms(play)[-1])
    assert HARD not in play.journey.screening.exclusions


def test_a_hard_exclusion_that_a_correction_found_stands_too() -> None:
    play = before("session.release")
    play.do(c.Amend(version=forms(play)[-1], reason="misread (invented)", correction=FOUND), Role.CLINICIAN)
    confirm(play)
    play.do(FOUND)
    mark(play, forms(play)[-1])
    assert list_exclusions(play.journey, "hard") == (HARD,)


def test_a_correction_that_is_corrected_back_can_be_rejected() -> None:
    """The second correction gives the same answer as before, which is another one than the first gave."""
    play = before("session.release")
    version = forms(play)[-1]
    play.do(c.Amend(version=version, reason="misread (invented)", correction=FOUND), Role.CLINICIAN)
    [wrong] = play.journey.unconfirmed
    play.do(c.Amend(version=wrong, reason="it was right (invented)", correction=NOT_FOUND), Role.CLINICIAN)
    play.do(c.RejectCorrection(correction=wrong, reason="it was right (invented)"), Role.MEDICAL_DIRECTOR)
    assert wrong not in play.journey.corrections


@pytest.mark.requirement("A45")
@pytest.mark.parametrize("code", [REVIEW, HARD])
def test_an_exclusion_counts_as_answered_yes_until_somebody_confirms_that_it_was_not(code: str) -> None:
    """One person's correction ended the review that was owed, before anybody had looked."""
    play = before("session.release")
    play.do(answered(exclusions={code: {"answer": "yes", "note": "found (invented)"}}))
    owed = {need.key for need in needs(play.journey) if not need.care or need.sign_off}
    no = answered(exclusions={code: {"answer": "no"}})
    play.do(c.Amend(version=forms(play, code)[-1], reason="misread (invented)", correction=no), Role.CLINICIAN)
    assert owed <= {need.key for need in needs(play.journey)}
    assert code in (*list_exclusions(play.journey, "hard"), *list_exclusions(play.journey, "review"))
    assert len(play.journey.holds) == (code == HARD), "held once, for the answer"
    confirm(play)
    assert not list_exclusions(play.journey, "hard") + list_exclusions(play.journey, "review")
    assert not play.asks_for(SignOffKind.EXCLUSION_REVIEW)


def test_nobody_answers_away_a_review_that_two_people_have_not_decided() -> None:
    """Whoever had said yes said no a minute later, and the review that takes two people was asked of nobody."""
    play = before("session.release")
    no = answered(exclusions={REVIEW: {"answer": "no"}})
    play.do(answered(exclusions={REVIEW: {"answer": "yes", "note": "found (invented)"}}))
    for given_ in (no, answered(exclusions={REVIEW: {"answer": "unknown"}})):
        play.refused(given_, code=RefusalCode.CONTRADICTS, field=f"exclusions.{REVIEW}")
    play.sign_once(SignOffKind.EXCLUSION_REVIEW)
    play.refused(no, code=RefusalCode.CONTRADICTS, field=f"exclusions.{REVIEW}")
    play.sign_once(SignOffKind.EXCLUSION_REVIEW)
    play.do(no)
    assert list_exclusions(play.journey, "review") == ()
