"""Evaluation: what is found out before anything is planned, by one licensed evaluator.

Sources: both source documents require a comprehensive psychiatric evaluation first, without default or bulk
completion; standard treatments tried come before (VA guidance for PTSD; therapy or medication for anxiety).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.evidence import is_approved, sign_off_requirement
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, Level, Score, Thresholds, score
from workflows.journey.obligation_types import EVALUATION
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.evaluation.model import BASELINE, UNSCHEDULED, Measurement, count_answered, totals
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import RefusalCode, refuse, require_known
from workflows.journey.vocabulary.stage import Stage


def record_evaluation(journey: Journey, command: c.RecordEvaluation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record parts of the evaluation. One evaluator is responsible for the whole of it."""
    eligibility = journey.protocol.eligibility
    if journey.evaluation.evaluator not in (None, by.id):
        refuse(
            RefusalCode.NOT_ALLOWED,
            "another evaluator has begun this evaluation",
            "Ask them, or have the coordinator run `pathway reassign` with duty evaluator",
        )
    require_known({**command.sections}, eligibility.evaluation_sections, "sections")
    require_known({**command.function}, eligibility.function, "function")
    require_rated(journey, command.symptoms)
    if command.symptoms_since is not None and command.symptoms_since > local(at, journey.patient.zone).date():
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Say since when they have lasted", "symptoms_since")
    tried = eligibility.prior_treatments
    types = (*tried.require_all_of, *tried.require_any_of, *tried.record)
    require_known(tuple(t.type for t in command.prior_treatments), types, "prior_treatments.type")
    located = command.location
    if located is not None and (by.licence is None or located.state not in by.licence.states):
        refuse(
            RefusalCode.NOT_ALLOWED,
            "your licence does not cover the state the patient is in",
            "Evaluate them when they are where you are licensed, or hand this to a colleague",
            "location.state",
        )
    if not command.model_dump(exclude={"kind"}, exclude_defaults=True):
        refuse(RefusalCode.INCOMPLETE, "the evaluation form is empty", "Fill in at least one section", "sections")
    yield e.EvaluationRecorded.model_validate({"evaluator": by.id, **command.model_dump(exclude={"kind"})})


def require_rated(journey: Journey, symptoms: dict[str, int]) -> None:
    """Refuse ratings of symptoms that the protocol does not name, or above its highest.

    Raises:
        RefusalRaised: a name is unknown, or a rating too high.
    """
    rules = journey.protocol.symptoms
    require_known({**symptoms}, rules.names, "symptoms")
    if any(rating > rules.highest for rating in symptoms.values()):
        refuse(RefusalCode.OUT_OF_LIMITS, f"a symptom is rated from 0 to {rules.highest}", "Rate it again", "symptoms")


def record_instrument(journey: Journey, command: c.RecordInstrument, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Score a questionnaire with the protocol's thresholds, and record it. The baseline belongs to the evaluation, and
    what is answered later in place of one that lacks is none; one that is filled in before its window opens is not the
    one that is due then. Every window counts from when it was answered. Risk that was found is kept, whatever occasion
    it was given, and whatever time."""
    result = score_answers(journey, command, journey.measurements)
    at_risk = _shows_risk(result)
    answered_at = _time_answered(journey, command, at, at_risk=at_risk)
    asked = command.instrument in C_SSRS_FORMS and by.role != Role.PATIENT
    if asked and not at_risk and journey.lacks_interpreter(command.interpreter):
        refuse(RefusalCode.INCOMPLETE, "this patient needs an interpreter", "Name who interprets", "interpreter")
    misplaced = command.occasion == BASELINE and journey.stage != Stage.EVALUATION
    if misplaced and not at_risk and command.instrument not in journey.baselines_lacking:
        refuse(
            RefusalCode.WRONG_STAGE,
            "the baseline belongs to the evaluation",
            "Use another occasion, or correct the baseline with `pathway amend`",
            "occasion",
        )
    owed = journey.contacts.get(command.occasion)
    early = owed is not None and (answered_at or at) < owed.opens
    yield e.InstrumentRecorded(
        instrument=command.instrument,
        occasion=UNSCHEDULED if early or misplaced else command.occasion,
        answers=command.answers,
        score=result,
        administered_by=by.role,
        answered_at=answered_at,
        zone=None if answered_at is None else journey.patient.zone,
        wording=command.wording,
        interpreter=command.interpreter,
    )


def _shows_risk(result: Score) -> bool:
    return result.needs_c_ssrs or result.gate_level not in (None, Level.NONE)


def _time_answered(journey: Journey, command: c.RecordInstrument, at: datetime, *, at_risk: bool) -> datetime | None:
    """Return when a questionnaire was answered (UTC), None for now. A time that cannot count is refused, but not with
    answers that show risk. They are kept: as of now where it is still to come, else as of when they are said to be, so
    that nothing old clears or makes what is asked now.

    Raises:
        RefusalRaised: it is still to come, or longer ago than answers may be entered.
    """
    days = journey.protocol.instruments.answers_entered_within_days
    answered_at = command.answered_at
    if answered_at is None or (at_risk and answered_at > at):
        return None
    if answered_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Say when it was answered", "answered_at")
    if not at_risk and at - answered_at > timedelta(days=days):
        refuse(
            RefusalCode.WRONG_TIME,
            f"answers are entered within {days} days",
            "Correct the time, or have the questionnaire answered again",
            "answered_at",
        )
    return answered_at


def correct_instrument(journey: Journey, command: c.RecordInstrument, version: int) -> e.InstrumentRecorded:
    """Score a wrongly recorded questionnaire again. Who filled it in and when stays the same, whoever corrects it, and
    whatever time is given with answers that show risk.

    Raises:
        RefusalRaised: no questionnaire of this kind and occasion was recorded at this version, or answers that show no
            risk are said to have been given at another time.
    """
    for place, known in enumerate(journey.measurements):
        same = (known.instrument, known.occasion) == (command.instrument, command.occasion)
        if same and version in (known.version, known.corrected):
            then = command.model_copy(update={"answered_at": known.at})
            result = score_answers(journey, then, journey.measurements[:place])
            if command.answered_at not in (None, known.at) and not _shows_risk(result):
                refuse(
                    RefusalCode.WRONG_TIME,
                    "a correction does not change when it was answered",
                    "Say that it was entered in error (`pathway mark-in-error`), and record it with the right time",
                    "answered_at",
                )
            return e.InstrumentRecorded(
                instrument=command.instrument,
                occasion=command.occasion,
                answers=command.answers,
                score=result,
                administered_by=known.administered_by,
                answered_at=None if known.entered_at is None else known.at,
                zone=None if known.entered_at is None else journey.patient.zone,
                wording=command.wording,
                interpreter=command.interpreter or known.interpreter,
            )
    refuse(
        RefusalCode.UNKNOWN,
        "no such questionnaire was recorded at this version",
        "See `pathway timeline` for the version, instrument and occasion to correct",
        "version",
    )


def score_answers(journey: Journey, command: c.RecordInstrument, before: tuple[Measurement, ...]) -> Score:
    """Score a questionnaire with the thresholds of the journey's protocol, beside those ``before`` it in the journey
    that were also answered before it."""
    before = before[: count_answered(before, command.answered_at)]
    thresholds = journey.protocol.instruments.thresholds.get(command.instrument, Thresholds())
    return score(command.instrument, command.answers, thresholds, totals(before, command.instrument))


def find_missing(journey: Journey) -> tuple[str, ...]:
    """Return what the evaluation still lacks, in words; empty when it can be signed."""
    eligibility, found = journey.protocol.eligibility, journey.evaluation
    lacking = [f"section {name}" for name in eligibility.evaluation_sections if name not in found.sections]
    lacking += [f"function {name}" for name in eligibility.function if name not in found.function]
    lacking += [f"symptom {name} rated" for name in journey.protocol.symptoms.names if name not in found.symptoms]
    if found.symptoms_since is None:
        lacking.append("since when the symptoms have lasted")
    lacking += find_untreated(journey)
    if found.location is None or not found.location.confirmed:
        lacking.append("location of the patient, confirmed")
    if journey.reconciled_at is None or journey.unreviewed_medicine_changes:
        lacking.append("the list of medicines, reviewed by a clinician")
    for instrument in journey.baselines_lacking:
        asked = instrument == Instrument.C_SSRS
        lacking.append(f"baseline {instrument} {'asked by a clinician' if asked else 'complete'}")
    return tuple(lacking)


def find_untreated(journey: Journey) -> list[str]:
    """Return what the evaluation lacks of the standard treatments that come first, in words."""
    rule, found = journey.protocol.eligibility.prior_treatments, journey.evaluation
    if found.treatment_exception is not None:
        return []
    failed = tuple(t.type for t in found.prior_treatments if t.response in ("none", "partial", "worse"))
    lacking = [f"prior {kind} without adequate relief" for kind in rule.require_all_of if kind not in failed]
    if rule.require_any_of and not any(kind in failed for kind in rule.require_any_of):
        lacking.append(f"prior {' or '.join(rule.require_any_of)} without adequate relief")
    recorded = tuple(t.type for t in found.prior_treatments)
    lacking += [f"prior {kind} recorded (response unknown will do)" for kind in rule.record if kind not in recorded]
    return lacking


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the evaluation until it is complete, then for its signature."""
    if journey.stage != Stage.EVALUATION and is_approved(journey, SignOffKind.EVALUATION):
        return
    lacking = find_missing(journey)
    if lacking:
        yield require(
            EVALUATION,
            owner=Role.CLINICIAN,
            person=journey.evaluation.evaluator or journey.clinician,
            what="complete the evaluation",
        )
    elif request := sign_off_requirement(journey, SignOffKind.EVALUATION):
        yield request


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Begin screening once the evaluation is signed."""
    if journey.stage == Stage.EVALUATION and is_approved(journey, SignOffKind.EVALUATION):
        yield e.StageEntered(stage=Stage.SCREENING)


DECISIONS: Decisions = {
    c.RecordEvaluation: record_evaluation,
    c.RecordInstrument: record_instrument,
}
