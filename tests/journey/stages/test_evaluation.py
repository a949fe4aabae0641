"""Evaluation: nothing before it is complete and signed, by one licensed evaluator, resting on what was recorded."""

from typing import Any

import pytest
from pydantic import ValidationError

from simulation.people import PEOPLE, no_risk
from tests.journey.play import HERE, Play, after, before, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.evaluation.rules import find_missing
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage

PHQ_9_CLEAR = [1, 1, 1, 1, 1, 1, 1, 1, 0]


def treatment(kind: str, response: str = "none") -> c.PriorTreatment:
    return c.PriorTreatment.model_validate({"type": kind, "what": "invented", "response": response})


def recorded(pathway: Pathway = "PTSD", **changed: Any) -> Play:
    """A journey whose evaluation form is recorded with something changed, and its baseline filled in."""
    play = before("evaluation.record", pathway=pathway)
    [form] = [m[1].body for m in after("evaluation.record", pathway=pathway).moves]
    play.do(form.model_copy(update=changed))
    play.do(c.ReconcileMedicines(assessment="takes none (invented)"))
    for instrument in play.journey.protocol.instruments.baseline[:2]:
        length = {"PCL-5": 20, "GAD-7": 7, "PHQ-9": 9}[instrument]
        answers = [2] * length if instrument != "PHQ-9" else PHQ_9_CLEAR
        play.do(c.RecordInstrument(instrument=instrument, occasion="baseline", answers=answers), Role.PATIENT)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="baseline", answers=no_risk()))
    return play


def can_be_signed(play: Play) -> bool:
    return play.waits_for("evaluation") is not None and play.waits_for("evaluation").sign_off is not None  # type: ignore[union-attr]


@pytest.mark.requirement("A13")
def test_complete_evaluation_is_asked_to_be_signed_and_opens_screening() -> None:
    play = recorded()
    assert can_be_signed(play)
    assert kinds(play.sign(SignOffKind.EVALUATION)) == ["signoff.signed", "stage.entered"]
    assert play.journey.stage == Stage.SCREENING


@pytest.mark.requirement("A20", "A47", "A48")
@pytest.mark.parametrize("section", ["symptom_nature", "overall_needs"])
def test_every_section_is_required(section: str) -> None:
    form = after("evaluation.record").moves[0][1].body
    assert isinstance(form, c.RecordEvaluation)
    play = recorded(sections={name: text for name, text in form.sections.items() if name != section})
    assert find_missing(play.journey) == (f"section {section}",)
    assert not can_be_signed(play)
    play.do(c.RecordEvaluation(sections={section: "invented"}))
    assert can_be_signed(play)


@pytest.mark.parametrize("area", ["sleep", "thinking", "daily_functioning"])
def test_function_is_required(area: str) -> None:
    form = after("evaluation.record").moves[0][1].body
    assert isinstance(form, c.RecordEvaluation)
    play = recorded(function={name: text for name, text in form.function.items() if name != area})
    assert find_missing(play.journey) == (f"function {area}",)
    assert not can_be_signed(play)


@pytest.mark.requirement("A03", "A09", "A43", "B01", "B14", "B41")
@pytest.mark.parametrize(
    ("pathway", "tried", "lacking"),
    [
        ("PTSD", [("evidence_based_psychotherapy", "none"), ("medication", "partial")], ()),
        ("PTSD", [("medication", "none")], ("prior evidence_based_psychotherapy without adequate relief",)),
        (
            "PTSD",
            [("evidence_based_psychotherapy", "worse"), ("medication", "adequate")],
            ("prior medication without adequate relief",),
        ),
        (
            "PTSD",
            [("evidence_based_psychotherapy", "unknown"), ("medication", "none")],
            ("prior evidence_based_psychotherapy without adequate relief",),
        ),
        ("ANXIETY", [("therapy", "none"), ("lifestyle_changes", "unknown")], ()),
        ("ANXIETY", [("medication", "partial"), ("lifestyle_changes", "adequate")], ()),
        (
            "ANXIETY",
            [("lifestyle_changes", "none")],
            ("prior therapy or medication without adequate relief",),
        ),
        (
            "ANXIETY",
            [("therapy", "none")],
            ("prior lifestyle_changes recorded (response unknown will do)",),
        ),
    ],
)
def test_standard_treatments_come_first(
    pathway: Pathway, tried: list[tuple[str, str]], lacking: tuple[str, ...]
) -> None:
    play = recorded(pathway, prior_treatments=tuple(treatment(*each) for each in tried))
    assert find_missing(play.journey) == lacking
    assert can_be_signed(play) is (not lacking)


@pytest.mark.requirement("A02", "A49", "B14")
def test_prior_treatments_are_kept_with_what_came_of_them() -> None:
    tried = (
        c.PriorTreatment(type="medication", what="sertraline", duration="a year", response="partial"),
        c.PriorTreatment(
            type="evidence_based_psychotherapy", what="exposure", response="worse", stopped_because="nightmares"
        ),
    )
    assert recorded(prior_treatments=tried).journey.evaluation.prior_treatments == tried
    with pytest.raises(ValidationError, match="response"):
        c.PriorTreatment.model_validate({"type": "medication", "what": "sertraline"})


@pytest.mark.requirement("A03", "A09", "A43")
def test_exception_to_prior_treatments_is_written_down_and_signed_with_the_evaluation() -> None:
    play = recorded(prior_treatments=(), treatment_exception="allergic to every standard medicine (invented)")
    assert can_be_signed(play)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"sections": {"horoscope": "x"}}, "sections"),
        ({"function": {"horoscope": "x"}}, "function"),
        ({"prior_treatments": (treatment("horoscope"),)}, "prior_treatments.type"),
    ],
)
def test_what_the_protocol_does_not_know_is_refused(form: dict[str, Any], field: str) -> None:
    started().refused(c.RecordEvaluation.model_validate(form), code=RefusalCode.UNKNOWN, field=field)


@pytest.mark.requirement("A47")
def test_empty_form_is_refused() -> None:
    started().refused(c.RecordEvaluation(), code=RefusalCode.INCOMPLETE, field="sections")


@pytest.mark.requirement("A43")
def test_incomplete_questionnaire_has_no_score_and_does_not_complete_the_baseline() -> None:
    play = before("instrument.record")
    primary = play.journey.protocol.instruments.primary
    answers = [2] * 19 + [None]
    [body] = play.do(c.RecordInstrument(instrument=primary, occasion="baseline", answers=answers), Role.PATIENT)
    assert isinstance(body, e.InstrumentRecorded)
    assert body.score.total is None
    assert f"baseline {primary} complete" in find_missing(play.journey)


def test_baseline_c_ssrs_filled_in_by_the_patient_alone_does_not_count() -> None:
    play = before("instrument.record", 3)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="baseline", answers=no_risk()), Role.PATIENT)
    assert find_missing(play.journey) == ("baseline C-SSRS asked by a clinician",)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="baseline", answers=no_risk()))
    assert can_be_signed(play)


@pytest.mark.requirement("A47")
def test_one_evaluator_unless_reassigned() -> None:
    play = after("evaluation.record")
    other = PEOPLE[Role.CLINICIAN].model_copy(update={"id": "another-clinician"})
    more = c.RecordEvaluation(function={"sleep": "invented"})
    play.refused(more, other, code=RefusalCode.NOT_ALLOWED)
    play.do(c.Reassign(duty="evaluator", to=other.id, reason="on leave"), Role.COORDINATOR)
    play.do(more, other)
    play.refused(more, code=RefusalCode.NOT_ALLOWED)


def test_baseline_cannot_be_added_to_once_the_evaluation_is_signed() -> None:
    play = before("screening.record")
    baseline = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="baseline", answers=PHQ_9_CLEAR)
    play.refused(baseline, Role.PATIENT, code=RefusalCode.WRONG_STAGE, field="occasion")
    assert SignOffKind.EVALUATION not in [waiting.sign_off for waiting in play.journey.waiting.values()]


@pytest.mark.requirement("A13", "A19", "A41", "A46")
def test_nothing_of_later_stages_is_possible_before_the_evaluation_is_signed() -> None:
    play = before("signoff.sign")
    screening = c.RecordScreening(criteria={"persistent_symptoms": True})
    play.refused(screening, code=RefusalCode.WRONG_STAGE)
    told = c.ExplainTopics(topics=("process",), content_version="v1", location=HERE)
    play.refused(told, code=RefusalCode.WRONG_STAGE)
    play.refused(c.GiveConsent(consents={"treatment": "treatment-1"}), Role.PATIENT, code=RefusalCode.WRONG_STAGE)
    play.refused(
        c.ScheduleSession(
            session=1,
            starts_at=play.at,
            supervising_clinician="x",
            session_monitor="y",
            live_clinician="demo-clinician",
        ),
        code=RefusalCode.WRONG_STAGE,
    )


@pytest.mark.requirement("A21", "B54")
def test_declined_evaluation_ends_as_ineligible_with_a_referral() -> None:
    play = before("signoff.sign")
    declined = play.signature(SignOffKind.EVALUATION, decision="decline")
    play.refused(declined, code=RefusalCode.INCOMPLETE, field="referral")
    bodies = play.do(declined.model_copy(update={"referral": "community clinic"}))
    ending = one(bodies, e.PathwayEnding)
    assert (ending.outcome, ending.referral) == (Outcome.INELIGIBLE, "community clinic")
    assert play.journey.outcome == Outcome.INELIGIBLE


@pytest.mark.requirement("A51")
def test_no_single_score_decides() -> None:
    """A primary score below the entry guide informs the clinician, and stops nothing by itself."""
    play = before("instrument.record")
    play.do(c.RecordInstrument(instrument=Instrument.PCL_5, occasion="baseline", answers=[0] * 20), Role.PATIENT)
    play.go_on(lambda journey: journey.stage == Stage.SCREENING)
    assert play.journey.closing is None
