"""Evaluation and questionnaires: commands, events and state."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from workflows.journey.always.pathway.model import PathwayReassigned, PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, put_latest
from workflows.journey.instruments import (
    C_SSRS_FORMS,
    Comparison,
    Instrument,
    Score,
    ScoreFlag,
    Thresholds,
    compare,
    definition_of,
)
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Json, SortedDict, Text, canonical
from workflows.journey.vocabulary.calendars import Day, Instant, Zone
from workflows.journey.vocabulary.clinical import Location, PriorTreatment, Ratings, WordingId
from workflows.journey.vocabulary.stage import Stage

BASELINE = "baseline"
"""The occasion of the instruments an evaluation rests on, and against which a response is judged."""
UNSCHEDULED = "unscheduled"
"""The occasion of an instrument that was filled in before its window opened, and the beginning of the ids of contacts
that nobody owed."""
ANSWERS_LIMIT = 4 * 1024
"""Most bytes of the answers to one questionnaire as JSON."""


def _few_answers(answers: Json) -> Json:
    if len(canonical(answers)) > ANSWERS_LIMIT:
        raise ValueError(f"answers take at most {ANSWERS_LIMIT} bytes as JSON")
    return answers


class RecordEvaluation(CommandBody):
    """Record what the evaluation found: sections, prior treatments with responses, function. One evaluator."""

    kind: Literal["evaluation.record"] = "evaluation.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.EVALUATION,)
    sections: SortedDict[Identifier, Text] = {}
    prior_treatments: tuple[PriorTreatment, ...] = ()
    function: SortedDict[Identifier, Text] = {}
    symptoms: Ratings = {}
    symptoms_since: Day | None = None
    """Since when the symptoms have lasted, as well as the patient knows."""
    treatment_exception: Text | None = None
    location: Location | None = None


class RecordInstrument(CommandBody):
    """Record a completed questionnaire; it is scored here, and an incomplete one has no score.

    ``answered_at`` is when the patient answered, where that was before now: on paper, or on the telephone. What the
    answers show of danger acts at once, however long ago that was. ``interpreter`` is by whose interpreting it was
    asked, which a C-SSRS says where the patient needs one.
    """

    kind: Literal["instrument.record"] = "instrument.record"
    licensed: ClassVar[bool] = False
    """What was asked was answered: no licence has to cover that, and risk is found whoever asked."""
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    instrument: Instrument
    occasion: Identifier
    answers: Annotated[Json, AfterValidator(_few_answers)]
    answered_at: Instant | None = None
    wording: WordingId | None = None
    interpreter: Identifier | None = None


class EvaluationRecorded(EventBody):
    """Parts of the evaluation, as its evaluator found them. Later ones add to earlier ones."""

    kind: Literal["evaluation.recorded"] = "evaluation.recorded"
    evaluator: Identifier
    sections: SortedDict[Identifier, Text]
    prior_treatments: tuple[PriorTreatment, ...]
    function: SortedDict[Identifier, Text]
    symptoms: Ratings = {}
    symptoms_since: date | None = None
    treatment_exception: Text | None = None
    location: Location | None = None


class InstrumentRecorded(EventBody):
    """Raw answers and the score computed from them, and whether the patient or staff filled it in. ``answered_at``
    (UTC, beside the patient's ``zone``) is when they were given, where that was before they were entered."""

    kind: Literal["instrument.recorded"] = "instrument.recorded"
    safety: ClassVar[bool] = True
    instrument: Instrument
    occasion: Identifier
    answers: Any
    score: Score
    administered_by: Role
    answered_at: Instant | None = None
    zone: Zone | None = None
    wording: WordingId | None = None
    interpreter: Identifier | None = None


class RiskLevelSigned(EventBody):
    """A clinician signed the suicide risk level that was found: the C-SSRS as it stands since version ``found``;
    ``sign_off`` is the request they decided."""

    kind: Literal["suicide-risk.signed"] = "suicide-risk.signed"
    safety: ClassVar[bool] = True
    found: int
    sign_off: Identifier


class Evaluation(ImmutableModel):
    """``evaluator`` is who is responsible for it, ``authors`` everybody who wrote of it."""

    evaluator: Identifier | None = None
    authors: tuple[Identifier, ...] = ()
    recorded_at: Instant | None = None
    sections: dict[Identifier, Text] = {}
    prior_treatments: tuple[PriorTreatment, ...] = ()
    function: dict[Identifier, Text] = {}
    symptoms: Ratings = {}
    told_before: dict[Identifier, tuple[int, ...]] = {}
    """How each symptom was rated before a correction that waits for a second person."""
    symptoms_since: date | None = None
    treatment_exception: Text | None = None
    location: Location | None = None

    def baselines(self) -> tuple[Ratings, ...]:
        """The ratings as they are now, and as they were told before."""
        times = max(map(len, self.told_before.values()), default=0)
        before = (
            {name: told[min(time, len(told) - 1)] for name, told in self.told_before.items()} for time in range(times)
        )
        return (self.symptoms, *({**self.symptoms, **told} for told in before))


class Measurement(ImmutableModel):
    """One completed questionnaire. ``at`` is when it was answered (UTC), ``version`` that of when it was entered; a
    correction keeps them, so that nothing comes to look newer than it is. ``entered_at`` is when it was entered, where
    that was later. ``corrected`` is the version of the last correction, ``corrected_at`` when it was made.
    """

    instrument: Instrument
    occasion: Identifier
    at: Instant
    version: int
    answers: Any
    score: Score
    administered_by: Role
    interpreter: Identifier | None = None
    entered_at: Instant | None = None
    corrected: int | None = None
    corrected_at: Instant | None = None
    taken_back: int | None = None
    """The version as of which suicide risk was found in it (item 9) that a correction takes back, until a second person
    has confirmed that."""
    worsened: int | None = None
    """The version of the last correction that found more suicide risk in it (item 9) than was known."""

    @property
    def risk_found(self) -> int | None:
        """The version as of which an item 9 that is not zero, or not known, is known, if it is."""
        return self.found if self.score.needs_c_ssrs else self.taken_back

    @property
    def item_9(self) -> int:
        """How item 9 of the PHQ-9 is answered; where it shows risk and is not known, more than any answer."""
        asked = definition_of(self.instrument)
        if ScoreFlag.ITEM_9 in self.score.flags and asked.suicide_item is not None:
            return int(self.answers[asked.suicide_item - 1])
        return asked.item_max + 1 if self.score.needs_c_ssrs else 0

    @property
    def found(self) -> int:
        """The version as of which what it says is known."""
        return self.corrected or self.version

    @property
    def known_at(self) -> Instant:
        """When what it says became known (UTC)."""
        return self.corrected_at or self.entered_at or self.at

    def follows(self, version: int, known_at: datetime) -> bool:
        """Whether it was entered after this version, and not answered before that was known (UTC): what was answered
        before an alarm does not clear it, however late it is entered."""
        return self.version > version and (self.entered_at is None or self.at >= known_at)

    @property
    def by_staff(self) -> bool:
        """Whether a clinician asked. A self-report may raise an alarm, and never clears one."""
        return self.administered_by in CLINICAL

    @property
    def level_name(self) -> str:
        """What the signature of its suicide risk level is about: the answers as they stand since this version."""
        return f"version-{self.found}"


def totals(measurements: Sequence[Measurement], instrument: Instrument) -> tuple[int, ...]:
    """Return the totals of an instrument, oldest first, from the last baseline on; from the first total, if it has no
    baseline. Incomplete questionnaires have none."""
    return tuple(total for _, total in scored(measurements, instrument))


def scored(measurements: Sequence[Measurement], instrument: Instrument) -> tuple[tuple[Measurement, int], ...]:
    """Return what has a total of an instrument, with its total, oldest first, from the last baseline on; from the first
    total, if it has no baseline."""
    found = [(m, m.score.total) for m in measurements if m.instrument == instrument and m.score.total is not None]
    begins = max((place for place, (m, _) in enumerate(found) if m.occasion == BASELINE), default=0)
    return tuple(found[begins:])


def count_answered(measurements: Sequence[Measurement], until: datetime | None) -> int:
    """Return how many questionnaires were answered up to a moment (UTC); all where it is None, which is now."""
    if until is None:
        return len(measurements)
    return sum(m.at <= until for m in measurements)


def scheduled_instruments(journey: PathwayState) -> tuple[Instrument, ...]:
    """Return the instruments that are asked again and again: the primary one, then the others."""
    rules = journey.protocol.instruments, journey.protocol.instrument_schedule
    return tuple(dict.fromkeys((rules[0].primary, *rules[1].others)))


def measure_name(journey: PathwayState, occasion: str, instrument: Instrument) -> str:
    """Return the occasion of an instrument of the schedule. The primary one has it for itself."""
    primary = instrument == journey.protocol.instruments.primary
    return occasion if primary else occasion + _suffix(instrument)


def instrument_measured(journey: PathwayState, occasion: str) -> Instrument:
    """Return the instrument of the schedule whose occasion this is, as `measure_name` names it."""
    primary, *others = scheduled_instruments(journey)
    return next((each for each in others if occasion.endswith(_suffix(each))), primary)


def _suffix(instrument: Instrument) -> str:
    return f"-{instrument.value.lower()}"


class EvaluationState(PathwayState):
    """What was found out, and every completed questionnaire, in the order in which they were answered."""

    evaluation: Evaluation = Evaluation()
    measurements: tuple[Measurement, ...] = ()
    signed_levels: tuple[int, ...] = ()
    """The versions as of which signed suicide risk levels are known."""

    def latest(self, instrument: Instrument, *, occasion: str | None = None, staff: bool = False) -> Measurement | None:
        """The newest complete measurement (C-SSRS: also an incomplete one, which counts as high)."""
        fitting = [
            m
            for m in self.measurements
            if m.instrument == instrument
            and (m.score.complete or instrument in C_SSRS_FORMS)
            and (occasion is None or m.occasion == occasion)
            and (not staff or m.by_staff)
        ]
        return fitting[-1] if fitting else None

    @property
    def baselines_lacking(self) -> tuple[Instrument, ...]:
        """The instruments of the baseline that are not filled in. Once the evaluation was left, what was answered on
        any occasion stands in for one that was entered in error: nobody can go back and answer it then."""
        occasion = BASELINE if self.stage == Stage.EVALUATION else None
        return tuple(
            instrument
            for instrument in self.protocol.instruments.baseline
            if self.latest(instrument, occasion=occasion, staff=instrument == Instrument.C_SSRS) is None
        )

    def comparison(self, instrument: Instrument) -> Comparison | None:
        """The newest total of an instrument beside the baseline, the best and the last before it, as they are known
        now. None if there is nothing to compare."""
        known = totals(self.measurements, instrument)
        return compare(known, instrument, self._thresholds(instrument)) if known else None

    def judged(self, instrument: Instrument) -> tuple[tuple[Measurement, Comparison | None], ...]:
        """What has a total of an instrument since its baseline, oldest first, each beside those before it, as they are
        known now: what it was then. The first has nothing to compare."""
        found, thresholds = scored(self.measurements, instrument), self._thresholds(instrument)
        known = tuple(total for _, total in found)
        return tuple((m, compare(known[:place], instrument, thresholds)) for place, (m, _) in enumerate(found, 1))

    def _thresholds(self, instrument: Instrument) -> Thresholds:
        return self.protocol.instruments.thresholds.get(instrument, Thresholds())

    @property
    def asked_risk(self) -> Measurement | None:
        """The newest C-SSRS, of either form, that a clinician asked; also an incomplete one, which counts as high."""
        return self.risk_asked_by(None)

    def risk_asked_by(self, at: datetime | None) -> Measurement | None:
        """The newest of them that was asked by a moment (UTC), if one is given."""
        asked = (m for m in reversed(self.measurements) if m.instrument in C_SSRS_FORMS and m.by_staff)
        return next((m for m in asked if at is None or m.at <= at), None)

    @property
    def item_9_open(self) -> bool:
        """Whether a PHQ-9 item 9 still waits for a clinician to ask the C-SSRS and to sign its level."""
        return bool(self.open_item_9)

    @property
    def open_item_9(self) -> tuple[int, ...]:
        """The versions as of which a PHQ-9 item 9 that is not zero, or not known, still waits for a clinician to ask
        the C-SSRS and to sign its level. Only one that was asked after item 9 was known, not one that was corrected
        after it."""
        found = [
            (version, m.known_at)
            for m in self.measurements
            if m.instrument == Instrument.PHQ_9 and (version := m.risk_found) is not None
        ]
        if not found:
            return ()
        asked = [
            m
            for m in self.measurements
            if m.instrument in C_SSRS_FORMS and m.by_staff and m.found in self.signed_levels
        ]
        return tuple(version for version, known_at in found if not any(m.follows(version, known_at) for m in asked))


def _recorded(state: EvaluationState, body: EvaluationRecorded, event: EventHeader) -> Changes:
    known = state.evaluation
    return {
        "evaluation": Evaluation(
            evaluator=body.evaluator,
            authors=put_latest(known.authors, event.actor_id),
            recorded_at=event.at,
            sections={**known.sections, **body.sections},
            prior_treatments=body.prior_treatments or known.prior_treatments,
            function={**known.function, **body.function},
            symptoms={**known.symptoms, **body.symptoms},
            told_before=known.told_before,
            symptoms_since=body.symptoms_since or known.symptoms_since,
            treatment_exception=body.treatment_exception or known.treatment_exception,
            location=body.location or known.location,
        )
    }


def _measured(state: EvaluationState, body: InstrumentRecorded, event: EventHeader) -> Changes:
    measured = Measurement(
        **body.model_dump(exclude={"kind", "score"}),
        score=body.score,
        at=body.answered_at or event.at,
        entered_at=None if body.answered_at is None else event.at,
        version=event.version,
    )
    place = count_answered(state.measurements, body.answered_at)
    return {"measurements": (*state.measurements[:place], measured, *state.measurements[place:])}


def _level_signed(state: EvaluationState, body: RiskLevelSigned, event: EventHeader) -> Changes:
    return {"signed_levels": (*state.signed_levels, body.found)}


def _reassigned(state: EvaluationState, body: PathwayReassigned, event: EventHeader) -> Changes:
    if body.duty != "evaluator":
        return {}
    return {"evaluation": state.evaluation.model_copy(update={"evaluator": body.to})}


EVOLUTIONS: Evolutions = {
    EvaluationRecorded: _recorded,
    InstrumentRecorded: _measured,
    RiskLevelSigned: _level_signed,
    PathwayReassigned: _reassigned,
}
