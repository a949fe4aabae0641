"""Screening and eligibility: every exclusion answered, a signed decision over three factor groups, named endings."""

from datetime import date
from typing import Any

import pytest

from simulation.people import no_risk
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, after, before, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import find_unanswered
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage

YES, NO, UNKNOWN = (c.ScreeningAnswer.model_validate({"answer": word}) for word in ("yes", "no", "unknown"))
HARD, REVIEW = "X09", "X07"


def screened(**changed: Any) -> Play:
    """A journey whose screening is recorded, all clear except for what is changed."""
    play = before("screening.record")
    protocol = play.journey.protocol
    form: dict[str, Any] = {
        "exclusions": {exclusion.code: NO for exclusion in protocol.exclusions},
        "criteria": dict.fromkeys(protocol.eligibility.attest, True),
        "factors": dict.fromkeys(protocol.eligibility.factors, "invented"),
        "findings": {name: {"holds": True, "because": "x"} for name in ("appropriateness", "safety")},
    }
    for name, change in changed.items():
        form[name] = {key: value for key, value in (form[name] | change).items() if value is not None}
    play.do(c.RecordScreening.model_validate(form))
    return play


@pytest.mark.requirement("A45", "B15", "B39a")
def test_all_clear_opens_a_decision_and_does_not_make_it() -> None:
    play = screened()
    assert play.journey.stage == Stage.SCREENING
    assert play.asks_for(SignOffKind.ELIGIBILITY)
    play.wait(days=30)
    assert play.journey.stage == Stage.SCREENING
    assert play.journey.sign_offs[-1].kind == SignOffKind.EVALUATION


@pytest.mark.requirement("A04", "A24", "B38")
def test_signed_at_home_decision_enters_education() -> None:
    play = screened()
    bodies = play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    assert kinds(bodies) == ["signoff.signed", "stage.entered"]
    assert play.journey.stage == Stage.EDUCATION


@pytest.mark.requirement("A30", "A36", "A44", "B17", "B26", "B33", "B38")
@pytest.mark.parametrize(
    ("changed", "lacking"),
    [
        ({"exclusions": {HARD: None}}, f"exclusion {HARD}"),
        ({"exclusions": {HARD: UNKNOWN}}, f"exclusion {HARD}"),
        ({"exclusions": {REVIEW: UNKNOWN}}, f"exclusion {REVIEW}"),
        ({"criteria": {"persistent_symptoms": None}}, "criterion persistent_symptoms"),
        ({"factors": {"personal_circumstances": None}}, "factor personal_circumstances"),
    ],
)
def test_nothing_unanswered_or_unknown_passes(changed: dict[str, Any], lacking: str) -> None:
    play = screened(**changed)
    assert find_unanswered(play.journey) == (lacking,)
    assert play.waits_for("screening") is not None
    assert play.waits_for("eligibility") is None


@pytest.mark.requirement("A24", "B39a", "B42", "B43")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"exclusions": {HARD: YES}}, f"hard exclusion {HARD}"),
        ({"criteria": {"able_to_follow_instructions": False}}, "criterion able_to_follow_instructions not attested"),
    ],
)
def test_at_home_is_not_open_while_something_speaks_against_it(changed: dict[str, Any], says: str) -> None:
    play = screened(**changed)
    play.refused(
        play.signature(SignOffKind.ELIGIBILITY, choice="at_home"),
        code=RefusalCode.INCOMPLETE,
        field="choice",
        says=says,
    )
    play.sign(SignOffKind.ELIGIBILITY, choice="in_clinic", referral="the clinic downtown")
    assert play.journey.outcome == Outcome.IN_CLINIC


@pytest.mark.requirement("B17", "B43")
def test_review_exclusion_needs_a_signed_decision_with_rationale_before_eligibility() -> None:
    play = screened(exclusions={REVIEW: YES})
    assert play.waits_for("eligibility") is None
    play.refused(
        play.signature(SignOffKind.EXCLUSION_REVIEW, rationale=None), code=RefusalCode.INCOMPLETE, field="rationale"
    )
    play.sign(SignOffKind.EXCLUSION_REVIEW)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    assert play.journey.stage == Stage.EDUCATION


def test_declined_review_exclusion_keeps_at_home_shut() -> None:
    play = screened(exclusions={REVIEW: YES})
    play.sign(SignOffKind.EXCLUSION_REVIEW, decision="decline")
    play.refused(
        play.signature(SignOffKind.ELIGIBILITY, choice="at_home"),
        code=RefusalCode.INCOMPLETE,
        field="choice",
        says="review exclusions without a signed decision",
    )


@pytest.mark.requirement("B39")
def test_age_is_looked_at_again_at_the_decision() -> None:
    play = screened()
    patient = play.journey.patient.model_copy(update={"born": date(2010, 1, 1)})
    young = play.changed(patient=patient)
    request = young.request(SignOffKind.ELIGIBILITY)
    assert request.evidence is not None
    young.refused(
        young.signature(SignOffKind.ELIGIBILITY, choice="at_home"),
        code=RefusalCode.INCOMPLETE,
        field="choice",
        says="under age",
    )


@pytest.mark.requirement("A30")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"exclusions": {"Z99": NO}}, "exclusions"),
        ({"criteria": {"convenient": True}}, "criteria"),
        ({"factors": {"convenience": "near"}}, "factors"),
    ],
)
def test_what_the_protocol_does_not_ask_is_refused(changed: dict[str, Any], field: str) -> None:
    before("screening.record").refused(c.RecordScreening.model_validate(changed), code=RefusalCode.UNKNOWN, field=field)


def test_empty_screening_is_refused() -> None:
    before("screening.record").refused(c.RecordScreening(), code=RefusalCode.INCOMPLETE, field="exclusions")


@pytest.mark.requirement("A21", "B38", "B54")
@pytest.mark.parametrize(("choice", "outcome"), [("in_clinic", Outcome.IN_CLINIC), ("neither", Outcome.INELIGIBLE)])
def test_other_settings_end_the_pathway_with_a_referral(choice: str, outcome: Outcome) -> None:
    play = screened()
    play.refused(play.signature(SignOffKind.ELIGIBILITY, choice=choice), code=RefusalCode.INCOMPLETE, field="referral")
    bodies = play.sign(SignOffKind.ELIGIBILITY, choice=choice, referral="somewhere suitable")
    assert one(bodies, e.PathwayEnding).referral == "somewhere suitable"
    assert one(bodies, e.PathwayClosed).outcome == outcome
    assert play.journey.outcome == outcome


@pytest.mark.requirement("A21", "B54")
def test_declined_eligibility_is_ineligible_with_a_referral() -> None:
    play = screened()
    play.sign(SignOffKind.ELIGIBILITY, decision="decline", referral="psychotherapy service")
    assert play.journey.outcome == Outcome.INELIGIBLE
    assert play.journey.waiting == {}


@pytest.mark.requirement("B38")
def test_eligibility_needs_a_choice_from_the_protocol() -> None:
    play = screened()
    play.refused(play.signature(SignOffKind.ELIGIBILITY), code=RefusalCode.INCOMPLETE, field="choice")
    play.refused(
        play.signature(SignOffKind.ELIGIBILITY, choice="on_the_beach"), code=RefusalCode.INCOMPLETE, field="choice"
    )
    play.refused(
        play.signature(SignOffKind.ELIGIBILITY, decision="return", choice="at_home"),
        code=RefusalCode.UNKNOWN,
        field="choice",
    )


@pytest.mark.parametrize(
    ("marks", "level", "held"),
    [
        ("nn---n-", None, False),
        ("yn---n-", "low", False),
        ("yynnnn-", "low", False),
        ("yyynnn-", "moderate", True),
        ("yyyynn-", "high", True),
        ("yyyyyn-", "high", True),
        ("nn---yn", "moderate", True),
        ("nn---yy", "high", True),
        ("yy---n-", "high", True),
    ],
)
def test_suicide_risk_holds_care_and_opens_a_crisis_at_its_level(marks: str, level: str | None, held: bool) -> None:
    play = screened()
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs(marks)))
    opened = [body.level for body in bodies if isinstance(body, e.CrisisOpened)]
    assert opened == ([] if level is None else [level])
    assert play.journey.held is held
    if held:
        hold = one(bodies, e.HoldPlaced)
        assert (hold.cause, hold.severe) == ("suicide_risk", level == "high")
        assert play.waits_for("eligibility") is None
    if level is not None:
        crisis = play.waits_for("crisis")
        assert crisis is not None
        assert crisis.owner == (Role.ON_CALL_CLINICIAN if level == "high" else Role.CLINICIAN)
        assert crisis.escalation_policy == {"low": "clinical", "moderate": "urgent", "high": "emergency"}[level]


def test_self_report_raises_the_alarm_and_never_clears_it() -> None:
    play = screened()
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-")), Role.PATIENT)
    assert play.journey.held
    play.reach(
        c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="seen", safety_plan=True),
        Role.ON_CALL_CLINICIAN,
    )
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self-2", answers=no_risk()), Role.PATIENT)
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="asks the C-SSRS again")
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=no_risk()), Role.CLINICIAN)
    play.sign(SignOffKind.RISK_DECISION, choice="settled")
    assert not play.journey.held


@pytest.mark.parametrize("answers", [[0] * 8 + [1], [3] * 8 + [3], [0] * 8 + [None], [0] * 8, [None] * 8 + [2]])
def test_item_9_asks_for_the_c_ssrs_whatever_the_total(answers: list[int | None]) -> None:
    play = screened()
    bodies = play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="extra", answers=answers), Role.PATIENT)
    assert one(bodies, e.HoldPlaced).cause == "item_9"
    asked = play.waits_for("suicide_risk")
    assert asked is not None
    assert asked.owner == Role.ON_CALL_CLINICIAN
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, code=RefusalCode.INCOMPLETE, says="a clinician asks the C-SSRS")
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="extra-2", answers=[0] * 9), Role.PATIENT)
    assert play.waits_for("suicide_risk") is not None, "a later zero does not take back what was said"
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=no_risk()))
    assert play.waits_for("suicide_risk") is not None, "nobody has signed what was found"
    play.sign(SignOffKind.RISK_LEVEL, f"version-{play.journey.measurements[-1].version}")
    assert play.waits_for("suicide_risk") is None
    play.sign(SignOffKind.RISK_DECISION, choice="settled")
    assert not play.journey.held
    assert play.asks_for(SignOffKind.ELIGIBILITY)


def test_item_9_of_zero_holds_nothing() -> None:
    play = screened()
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="extra", answers=[3] * 8 + [0]), Role.PATIENT)
    assert not play.journey.held


@pytest.mark.requirement("B43")
def test_hard_exclusion_found_later_holds_care_until_it_no_longer_holds() -> None:
    play = before("plan.record")
    bodies = play.do(c.RecordScreening(exclusions={HARD: YES}))
    assert one(bodies, e.HoldPlaced).cause == "exclusion"
    play.refused(
        play.signature(SignOffKind.HOLD_RELEASE, "hold-1"),
        code=RefusalCode.INCOMPLETE,
        says="hard exclusion no longer holds",
    )
    version, no = play.version_of("screening.recorded"), c.RecordScreening(exclusions={HARD: NO})
    play.do(c.Amend(version=version, reason="it has healed (invented)", correction=no))
    [correction] = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=correction, reason="compared (invented)"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert not play.journey.held


def test_hard_exclusion_found_in_follow_up_stands_before_sessions_begin_again_and_keeps_nobody_there() -> None:
    play = before("pathway.propose-discharge")
    bodies = play.do(c.RecordScreening(exclusions={"X09": c.ScreeningAnswer(answer="yes")}))
    assert one(bodies, e.HoldPlaced).cause == "exclusion"
    [hold] = [h.id for h in play.journey.standing_holds]
    play.refused(play.signature(SignOffKind.HOLD_RELEASE, hold), code=RefusalCode.INCOMPLETE, says="hard exclusion")
    play.go_on(lambda journey: journey.closing is not None, most=20)


@pytest.mark.requirement("A22")
@pytest.mark.parametrize("name", ["appropriateness", "safety"])
def test_appropriateness_and_safety_are_found_apart_before_the_setting_is_decided(name: str) -> None:
    play = before("screening.record")
    [move] = [m[1].body for m in after("screening.record").moves]
    assert isinstance(move, c.RecordScreening)
    others = {found: each for found, each in move.findings.items() if found != name}
    play.do(move.model_copy(update={"findings": others}))
    assert find_unanswered(play.journey) == (f"finding {name}",)
    assert not play.asks_for(SignOffKind.ELIGIBILITY)
    no = c.RecordScreening.model_validate({"findings": {name: {"holds": False, "because": "invented"}}})
    play.do(no)
    approval = play.command(play.signature(SignOffKind.ELIGIBILITY, choice="at_home"), Role.CLINICIAN)
    refused = play.take(approval)
    assert isinstance(refused, Refusal)
    assert f"found not to hold: {name}" in refused.reason
    play.sign(SignOffKind.ELIGIBILITY, decision="decline", referral="invented")
    assert play.journey.outcome == Outcome.INELIGIBLE
