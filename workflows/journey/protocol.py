"""A clinic's protocol for one pathway, as data.

"Exact protocols vary by provider": every clinical number, list and deadline is here, set by the clinic's
medical director, and pinned to a journey when it starts. Durations are elapsed time in the unit their name
says; doses are in ``dose.unit``; zones are IANA names.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_serializer, model_validator

from workflows.journey.actors import CLINICAL, STAFF, Role
from workflows.journey.base import Identifier, InputModel, Short, Text, canonical, digest
from workflows.journey.calendars import DayHours, QuietHours, WorkingTime
from workflows.journey.instruments import Instrument, Thresholds
from workflows.journey.limits import PROTOCOL_LIMIT
from workflows.journey.obligation_types import ESCALATION_POLICIES
from workflows.journey.severity import Severity, worst
from workflows.journey.signed_statement import Meaning
from workflows.journey.stage import Stage

Count = Annotated[int, Field(ge=1)]
Minutes = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


def _in_capitals(name: str) -> str:
    if name != name.upper():
        raise ValueError("must be a name in capitals, such as PTSD")
    return name


Pathway = Annotated[Identifier, AfterValidator(_in_capitals)]
"""The name of a pathway, as its protocol spells it. In capitals only, so that no pathway has two names."""


class SignOffKind(StrEnum):
    """What a clinician may be asked to sign."""

    EVALUATION = "evaluation"
    EXCLUSION_REVIEW = "exclusion_review"
    ELIGIBILITY = "eligibility"
    PLAN = "plan"
    CLEARANCE = "clearance"
    ATTESTATION = "attestation"
    RESPONSE_REVIEW = "response_review"
    HOLD_RELEASE = "hold_release"
    SEVERE_HOLD_RELEASE = "severe_hold_release"
    RISK_DECISION = "risk_decision"
    ADVERSE_EVENT = "adverse_event"
    SERIOUS_ADVERSE_EVENT = "serious_adverse_event"
    PERMISSION = "permission"
    CONSENT_VERSION = "consent_version"
    DEATH = "death"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"
    DISCHARGE = "discharge"
    PATIENT_MERGE = "patient_merge"
    HANDOVER = "handover"
    PATIENT_LIMITS = "patient_limits"
    LIMIT_OVERRIDE = "limit_override"


class DoseLimit(StrEnum):
    """A limit on doses that can be made tighter for a patient and, where the protocol lets it, overridden."""

    STARTING_DOSE = "starting_dose"
    MAX_SINGLE_DOSE = "max_single_dose"
    MAX_MG_PER_KG = "max_mg_per_kg"
    MAX_7_DAY = "max_7_day"
    MAX_COURSE = "max_course"
    TITRATION_MAX_STEP_PCT = "titration_max_step_pct"
    MAX_DOSES_DISPENSED = "max_doses_dispensed"
    MIN_INTERVAL_HOURS = "min_interval_hours"
    MAX_IN_ROLLING_7_DAYS = "max_in_rolling_7_days"
    PLANNED = "planned"


HIGHER_IS_TIGHTER = (DoseLimit.MIN_INTERVAL_HOURS,)
"""Limits of which a higher number is the tighter one. Of all others it is the lower one."""


class Action(StrEnum):
    """What a step of an escalation policy does. None of them decides anything about care."""

    ASK = "ask"
    REMIND = "remind"
    CALL_PATIENT = "call_patient"
    CALL_OBSERVER = "call_observer"
    PAGE = "page"
    REASSIGN = "reassign"
    ESCALATE = "escalate"
    EMERGENCY_CONTACT = "emergency_contact"
    EMERGENCY_SERVICES = "emergency_services"
    WELFARE_CHECK = "welfare_check"
    LETTER = "letter"
    DEATH = "death"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"


class EscalationStep(InputModel):
    """One step of an escalation policy, at ``minutes`` after the due time or at ``percent`` of the way to it.

    ``hold`` places a hold on the journey when the step is reached; ``alarm`` makes its notice leave at once.
    """

    minutes: Minutes | None = None
    """Minutes after the due time, in the time the policy counts."""
    percent: Annotated[int, Field(gt=0, le=1000)] | None = None
    """Percent of the time from the beginning of the wait to its due time. Above 100 it lies beyond the due time."""
    days_before: Count | None = None
    """Days before the due time, where that is known long before."""
    action: Action
    """What is to be done."""
    to: Role
    """The role that is told to do it."""
    hold: bool = False
    """Whether care is held when the step is reached."""
    alarm: bool = False
    """Whether its notice leaves at once, before it is recorded."""
    repeat_minutes: Count | None = None
    """Minutes after which the last step is taken again, and again, until somebody acknowledges or what is awaited is
    done. None: it is taken once."""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if sum(given is not None for given in (self.minutes, self.percent, self.days_before)) != 1:
            raise ValueError(
                "a step has either `minutes` (after due) or `percent` (of the time until due) or `days_before`"
            )
        return self


class EscalationPolicy(InputModel):
    """How long somebody has, and what happens, step by step, when nothing comes.

    ``due_minutes`` counts from when the wait began; check-ins bring their own due time instead. With the clock
    ``working`` these minutes, and those and the percents of the steps, are minutes of the clinic's working time.
    Where ``quiet_hours`` is true, times that fall into the patient's quiet hours wait until these are over.

    Where a life may depend on it, the last step repeats until somebody acknowledges, and ``acknowledged`` goes on from
    there, slower: whoever took an alarm and then does nothing does not silence it.
    """

    due_minutes: Minutes
    """Minutes from the beginning of a wait to its due time, where the wait brings no due time itself."""
    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    """What happens, in the order of time. The last step hands over to somebody of the clinic."""
    clock: Literal["elapsed", "working"] = "elapsed"
    """Whether minutes and percents count all time that passes, or only the clinic's working time."""
    quiet_hours: bool = False
    """Whether times that fall into the patient's quiet hours wait until these are over."""
    acknowledged: tuple[EscalationStep, ...] = ()
    """What happens once somebody has acknowledged and what is awaited is still not done: in minutes after the
    acknowledgement, the last step repeating. None: there is nothing to acknowledge, only to do."""

    @model_validator(mode="after")
    def _one_calendar(self) -> Self:
        if self.clock == "working" and self.quiet_hours:
            raise ValueError("quiet_hours are the patient's: a policy in the clinic's working time has none")
        return self

    @model_validator(mode="after")
    def _repeats(self) -> Self:
        for steps in (self.steps, self.acknowledged):
            if any(step.repeat_minutes is not None for step in steps[:-1]):
                raise ValueError("only the last step repeats (repeat_minutes)")
        repeats = self.steps[-1].repeat_minutes is not None
        if repeats != bool(self.acknowledged):
            raise ValueError("a policy whose last step repeats has `acknowledged`: how it goes on; no other has it")
        if self.acknowledged and self.acknowledged[-1].repeat_minutes is None:
            raise ValueError("the last step of `acknowledged` must repeat: it silences nothing for ever")
        if any(step.minutes is None for step in self.acknowledged):
            raise ValueError("steps of `acknowledged` are in minutes after the acknowledgement")
        return self

    def ladder(self, *, acknowledged: bool) -> tuple[EscalationStep, ...]:
        """Return the steps that are taken: those of the wait, or those after it was acknowledged."""
        return self.acknowledged if acknowledged else self.steps

    @property
    def longest(self) -> timedelta:
        """From when the wait began to its last step, in the time the escalation policy counts."""
        return max(
            timedelta(minutes=self.due_minutes) * step.percent / 100
            if step.percent is not None
            else timedelta(minutes=self.due_minutes + (step.minutes or 0))
            for step in self.steps
        )


class PriorTreatments(InputModel):
    """Which standard treatments must have been tried without adequate relief; ``record`` are only recorded.

    An ``exception`` is part of the evaluation; where ``exception_cosigned_by`` names roles, a second person in one
    of them signs an evaluation that makes one.
    """

    require_all_of: tuple[Identifier, ...] = ()
    """Treatments that must all have been tried."""
    require_any_of: tuple[Identifier, ...] = ()
    """Treatments of which at least one must have been tried."""
    record: tuple[Identifier, ...] = ()
    """Treatments that are only asked about."""
    exception: Literal["clinician_signed"] = "clinician_signed"
    """Who may let a patient in without them: the clinician who signs the evaluation."""
    exception_cosigned_by: tuple[Role, ...] = ()
    """Roles of which a second person signs such an evaluation too. None: one signature is enough."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.require_all_of and not self.require_any_of:
            raise ValueError("require_all_of or require_any_of must name at least one treatment")
        if any(role not in CLINICAL for role in self.exception_cosigned_by):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class Eligibility(InputModel):
    """Whom the pathway may be for: what must be found out, and how long it counts."""

    min_age_years: Count
    """Full years on the local day of the patient."""
    evaluation_sections: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Parts of the evaluation that must be filled in."""
    function: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Areas of daily life in which the evaluation describes the effect of the symptoms."""
    prior_treatments: PriorTreatments
    """Standard treatments that come before."""
    attest: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Criteria that a clinician attests with yes or no. A no stands in the way."""
    factors: Annotated[tuple[Identifier, ...], Field(min_length=3)]
    """What is weighed for the decision about the setting, each in words."""
    screening_valid_days: Count
    """Days after which the whole screening is repeated, and no session is released before it is."""
    evaluation_valid_days: Count
    """Days after the evaluation was signed in which the first plan can be signed."""


class KnownFrom(InputModel):
    """What tells the answer to an exclusion. An answer to the contrary is refused; ``unknown`` never is."""

    age_under: Count | None = None
    """Yes for somebody of fewer full years on their local day, else no."""
    age_over: Count | None = None
    """Yes for somebody of more full years on their local day, else no."""
    suicide_risk: Annotated[tuple[Literal["low", "moderate", "high"], ...], Field(min_length=1)] | None = None
    """Never no while one of these is known: the latest C-SSRS that a clinician asked is (an incomplete one counts as
    high); intent or behaviour that a clinician found is recent (high); there was an attempt at any time (moderate)."""
    medicines: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    """Never no while a medicine of one of these classes is on the list and taken. A change of them opens it again."""
    checklist: Identifier | None = None
    """Never no while the latest checklist of a session says no to this item."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for _, source in self) != 1:
            raise ValueError(f"must name one of: {', '.join(type(self).model_fields)}")
        return self


class Exclusion(InputModel):
    """A screening question. ``hard`` blocks while the answer is yes; ``review`` needs a signed decision."""

    code: Identifier
    """Its name in answers, records and reports. An exclusion keeps its code for ever."""
    text: Short
    """The question's subject, as the clinician reads it."""
    rule: Literal["hard", "review"]
    """Whether a yes blocks, or needs a decision signed by a clinician."""
    known_from: KnownFrom | None = None
    """What its answer is checked against. None: only a clinician can tell."""
    rests_on: tuple[Literal["state"], ...] = ()
    """What a clinician answers it by. It is open again once that changes: the state where the patient lives."""


class Medicines(InputModel):
    """The list of medicines that a patient takes."""

    classes: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """The classes a medicine can be of. Exclusions name those they ask about in ``known_from.medicines``."""


class Permissions(InputModel):
    """What gives leave to prescribe, until when."""

    remote_prescribing_last_day: date
    """The last day, in the zone of ``working_time``, of the permission to prescribe without a visit in person."""
    remote_prescribing_in_demonstrations_days: Count
    """Days after its start that the permission lasts in a demonstration, whatever the day."""
    monitoring_check_valid_days: Count
    """Days that a check of a prescription monitoring program counts."""


class Pregnancy(InputModel):
    """Pregnancy tests."""

    tests_valid_days: Count | None
    """Days that a negative test counts, for whoever can become pregnant. None: no tests are asked for."""


class Supply(InputModel):
    """Doses at the patient's home."""

    witness_disposal: bool
    """Whether doses that were disposed of count as gone only once a second person has witnessed it."""


class Instruments(InputModel):
    """Which questionnaires are asked, and how long answers about suicide risk count."""

    primary: Instrument
    """What the pathway is measured by: at the baseline, before sessions and in follow-up."""
    baseline: Annotated[tuple[Instrument, ...], Field(min_length=1)]
    """What is filled in before the evaluation can be signed. PHQ-9 and C-SSRS always: suicide risk is asked of all."""
    thresholds: dict[Instrument, Thresholds]
    """What the clinic chose about an instrument. One that is asked needs all its thresholds of change, or a change
    would not be seen: ``meaningful_change``, ``reliable_change``, ``deterioration`` and ``rises_in_a_row``; for the
    PCL-5 also ``recovered_at_or_below``, for the GAD-7 and the PHQ-9 ``response_pct`` and ``remission_below``."""
    suicide_risk_heightened_days: Count
    """Days after a C-SSRS of moderate or worse in which missed contacts escalate faster."""
    suicide_risk_valid_days: Count
    """Days that a C-SSRS counts for the start of a session."""
    suicidal_intent_recent_days: Count
    """Days after a clinician found suicidal intent in which no session is released, whatever is answered since."""
    suicidal_behaviour_recent_days: Count
    """Days after a clinician found recent suicidal behaviour in which no session is released."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.primary not in self.baseline:
            raise ValueError("the primary instrument must be part of the baseline")
        for needed in (Instrument.PHQ_9, Instrument.C_SSRS):
            if needed not in self.baseline:
                raise ValueError(f"the baseline must include {needed} (suicide risk is asked of everybody)")
        return self


class ChangeReason(InputModel):
    """A reason for a change of plan."""

    may_intensify: bool
    """Whether it may raise the dose, bring doses closer together or add to them."""


class CarePlanRules(InputModel):
    """Components every plan has besides ketamine; ``therapy`` is the one that may be absent, with a reason."""

    require_components: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What a plan must hold besides ketamine, each in words."""
    therapy: Identifier
    """The component that may be absent, with the reason."""
    sections: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Parts of a plan that must be filled in."""
    goals_must_not_promise: tuple[Short, ...]
    """Beginnings of words that no goal may hold, such as cure."""
    change_reasons: dict[Identifier, ChangeReason]
    """Reasons for a change of plan that can be named."""
    rationale_must_not_say: tuple[Short, ...]
    """Beginnings of words that the rationale of a change may not hold, such as convenient."""


class Range(InputModel):
    """Closed interval of a vital sign; outside ``recheck`` is a no-go, outside ``go`` a recheck."""

    go: tuple[float, float]
    """Lowest and highest value with which a session may start."""
    recheck: tuple[float, float]
    """Lowest and highest value that is measured again after rest. Beyond it no session starts that day."""

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not self.recheck[0] <= self.go[0] <= self.go[1] <= self.recheck[1]:
            raise ValueError("`go` must lie inside `recheck`, each as [lowest, highest]")
        return self


class NotifyLimits(InputModel):
    """Vital signs after the dose of which the clinician is told."""

    systolic: Positive
    """Systolic blood pressure from which on, mmHg."""
    diastolic: Positive
    """Diastolic blood pressure from which on, mmHg."""
    heart_rate: Positive
    """Heart rate above which, beats per minute."""
    rise_systolic: Positive
    """Rise of the systolic blood pressure since the checklist from which on, mmHg."""
    rise_diastolic: Positive
    """Rise of the diastolic blood pressure since the checklist from which on, mmHg."""
    systolic_below: Positive
    """Systolic blood pressure below which, mmHg."""
    diastolic_below: Positive
    """Diastolic blood pressure below which, mmHg."""
    heart_rate_below: Positive
    """Heart rate below which, beats per minute."""
    oxygen_below: Positive
    """Oxygen saturation below which, percent."""


class EmergencyLimits(InputModel):
    """Vital signs after the dose that are an emergency."""

    systolic: Positive
    """Systolic blood pressure from which on, mmHg."""
    diastolic: Positive
    """Diastolic blood pressure from which on, mmHg."""
    heart_rate: Positive
    """Heart rate above which, beats per minute."""
    systolic_below: Positive
    """Systolic blood pressure below which, mmHg."""
    diastolic_below: Positive
    """Diastolic blood pressure below which, mmHg."""
    heart_rate_below: Positive
    """Heart rate below which, beats per minute."""
    oxygen_below: Positive
    """Oxygen saturation below which, percent."""


class VitalsRules(InputModel):
    """Limits before a dose, and what is notified or an emergency afterwards. mmHg, beats/min, percent."""

    systolic: Range
    """Systolic blood pressure before a dose, mmHg."""
    diastolic: Range
    """Diastolic blood pressure before a dose, mmHg."""
    heart_rate: Range
    """Heart rate before a dose, beats per minute."""
    oxygen: Range
    """Oxygen saturation before a dose, percent."""
    max_age_minutes: Count
    """Minutes that a measurement counts for clearance and release."""
    rechecks: Count
    """How often vitals in the recheck range may be measured again. The last one that is no better is a no-go."""
    recheck_rest_minutes: Count
    """Minutes of rest between two of these measurements. What is measured sooner is one with the measurement before."""
    notify: NotifyLimits
    """After the dose: when the clinician is told."""
    emergency: EmergencyLimits
    """After the dose: when it is an emergency."""
    end_within_percent: Positive
    """At the end: by how many percent blood pressure beyond its ``go`` range may be above the checklist's."""


CriterionSource = Literal["vitals", "dissociation", "vomiting", "consciousness"]
"""What tells whether a criterion for the end of a session holds. All of them are computed from the last observations,
but for ``consciousness``, which tells a no only: who is awake need not be oriented."""


class NoGo(InputModel):
    """What a checklist brings about that does not allow a dose: an item answered no, vital signs beyond the recheck
    range, nobody fit to observe, no clinician in reach, another place than the patient's.

    Each holds care until a clinician signs, with a reason, that it may go on.
    """

    hours: Count
    """Hours without a release after vital signs, or an item of ``wait``, did not allow a dose, whoever signs."""
    wait: tuple[Identifier, ...]
    """Items of the checklist that need time besides a decision, such as food or alcohol today."""
    alarm: tuple[Identifier, ...]
    """Items of which a no is urgent, such as suicide risk: the on-call clinician is paged. Any other one is told to the
    journey's clinician."""


class Validity(InputModel):
    """How long what a dose rests on carries it. It is judged at the dose, not only when it was signed or said.

    The screening, the C-SSRS and the body weight have theirs where they stand.
    """

    evaluation_days: Count
    """Days after it was signed. Then the evaluation is amended and signed again."""
    plan_days: Count
    """Days after it was signed. Then the plan is written and signed again."""
    baseline_days: Count
    """Days that each instrument of the baseline counts for the first dose of a course."""
    before_session_days: Count
    """Days that the questionnaire before a session counts for it."""
    consent_days: Count
    """Days after the patient gave it that a consent counts."""
    education_days: Count
    """Days after they were explained or acknowledged that topics and statements count."""


class Part(StrEnum):
    """What somebody is in a journey."""

    PATIENT = "patient"
    OBSERVER = "observer"
    COORDINATOR = "coordinator"
    CLINICIAN = "clinician"
    COVERING_CLINICIAN = "covering_clinician"
    EVALUATOR = "evaluator"
    DELEGATE = "delegate"
    SESSION_MONITOR = "session_monitor"
    SUPERVISING_CLINICIAN = "supervising_clinician"
    LIVE_CLINICIAN = "live_clinician"
    REACHABLE_CLINICIAN = "reachable_clinician"


HOUSEHOLD = (Part.PATIENT, Part.OBSERVER)
"""Parts of people who are no staff."""
CLINICIANS = (
    Part.CLINICIAN, Part.COVERING_CLINICIAN, Part.EVALUATOR, Part.DELEGATE, Part.SUPERVISING_CLINICIAN,
    Part.LIVE_CLINICIAN, Part.REACHABLE_CLINICIAN,
)  # fmt: skip
"""Parts that only a clinician has, with a licence where the patient is."""


class CareTeam(InputModel):
    """Who may have which part in a journey. The patient is nobody else of their own journey, whatever stands here."""

    roles: dict[Part, Annotated[tuple[Role, ...], Field(min_length=1)]]
    """The roles of which somebody has one to be given a part. For every part but patient and observer."""
    distinct: tuple[Annotated[tuple[Part, ...], Field(min_length=2, max_length=2)], ...]
    """Pairs of parts that one person does not have both."""
    smallest_clinic: dict[Role, Count]
    """How many people of each role the smallest clinic has that this protocol is for. Nothing may wait there for
    somebody whom it does not have."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sorted(self.roles) != sorted(part for part in Part if part not in HOUSEHOLD):
            raise ValueError("roles must say who may be each of the staff, and nobody else")
        unfit = [part.value for part in CLINICIANS if any(role not in CLINICAL for role in self.roles[part])]
        if unfit:
            raise ValueError(f"only {', '.join(CLINICAL)} may be: {', '.join(unfit)}")
        return self


class Sessions(InputModel):
    """How many sessions, how far apart, and what must hold before, during and after each."""

    planned: Count
    """Sessions in one course."""
    target_spacing_hours: Count
    """Hours between doses that a plan aims at."""
    min_interval_hours: Count
    """Hours that must lie between two doses."""
    spacing_tolerance_hours: Annotated[int, Field(ge=0)]
    """Hours by which a dose may come sooner than the spacing its plan signs. Never sooner than min_interval_hours."""
    max_in_rolling_7_days: Count
    """Doses in any 7 days. Doses exactly 168 hours apart do not share one."""
    max_gap_days: Count
    """Days after the last dose after which the evaluation is amended and signed again."""
    course_max_days: Count
    """Days after the first dose of a course after which a new plan is signed."""
    start_hours: DayHours
    """Between which times of day, on the patient's wall clock, a session starts."""
    start_days: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(min_length=1, max_length=7)]
    """On which days of the patient's week, Monday 1 to Sunday 7."""
    start_within_minutes: Count
    """Minutes after its appointment in which a session is released. After that it is moved."""
    release_minutes: Count
    """Minutes that a release lasts: a dose that is taken or recorded later is a deviation."""
    setting_allowed: tuple[Literal["at_home"], ...]
    """Where sessions under this protocol may be."""
    route_allowed: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Routes that a plan may choose from."""
    live_clinician_sessions: tuple[Count, ...] = ()
    """Numbers of the sessions in which a clinician is there live, by video."""
    cosigned_sessions: tuple[Count, ...] = ()
    """Numbers of the sessions that a clinician attests afterwards."""
    clinician_reachable_minutes: Count
    """Minutes within which a clinician can be reached during a session."""
    checklist: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What is checked before a session. Every item must be true."""
    no_go: NoGo
    """What follows when it does not allow a dose."""
    checklist_max_age_hours: Count
    """Hours that a checklist counts for a release."""
    observe_minutes: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Minutes after the dose at which the patient is observed, rising. Each is observed, or recorded as missed."""
    vitals_minutes: tuple[Count, ...]
    """Those of them at which blood pressure is measured too."""
    observe_window_minutes: Minutes
    """By how many minutes an observation may lie beside the minute it is made for."""
    observe_entry_minutes: Count
    """Minutes within which it is entered. A later entry is kept, and makes no scheduled observation."""
    minimum_minutes: Count
    """Minutes after the dose before which no session ends."""
    maximum_before_decision_minutes: Count
    """Minutes after the dose by which a session ends, or is decided about."""
    release_criteria: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What must hold for a session to end."""
    criteria_known_from: dict[Identifier, CriterionSource]
    """Those of them that observations tell of, each with what tells it."""
    no_vomiting_minutes: Count
    """Minutes that must have passed since vomiting was observed for a session to end."""
    red_flags: tuple[Identifier, ...]
    """Signs during a session that are an emergency."""
    vitals: VitalsRules
    """Limits of vital signs."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if list(self.observe_minutes) != sorted(dict.fromkeys(self.observe_minutes)):
            raise ValueError("observe_minutes must rise")
        if self.target_spacing_hours < self.min_interval_hours:
            raise ValueError("target_spacing_hours must not be below min_interval_hours")
        if self.minimum_minutes > self.maximum_before_decision_minutes:
            raise ValueError("minimum_minutes must not exceed maximum_before_decision_minutes")
        return self

    def nearest_minute(self, minute: int) -> int:
        """Return the scheduled minute that a minute after the dose is nearest to; the earlier one of two."""
        return min(self.observe_minutes, key=lambda planned: abs(planned - minute))


class Dose(InputModel):
    """Dose limits. Null until the medical director sets them; a protocol with a null limit is refused at start."""

    unit: Literal["mg"]
    """The unit of all doses."""
    medicine: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """What is taken, in small letters. A patient has one open journey with a medicine at a time, whatever it is for."""
    starting_dose: Positive | None
    """Highest dose of the first session, in ``unit``."""
    max_single_dose: Positive | None
    """Highest dose at once, in ``unit``."""
    max_mg_per_kg: Positive | None
    """Highest dose at once, in ``unit`` per kg of body weight."""
    max_7_day: Positive | None
    """Highest sum of doses in any 7 days, in ``unit``."""
    max_course: Positive | None
    """Highest sum of doses in a course, in ``unit``."""
    max_with_maintenance: Positive | None
    """Highest sum of the doses of a course and of the maintenance after it, together, in ``unit``."""
    titration_max_step_pct: Positive | None
    """By how many percent a dose may be above the one before."""
    max_doses_dispensed: Count | None
    """Doses that may be at the patient's home at once."""
    weight_max_age_days: Count | None
    """Days that a body weight counts for a plan."""

    @model_serializer
    def _whole(self) -> dict[str, Any]:
        """Limits that are not set are spelled out everywhere, also where unset fields are left out."""
        return dict(self)

    @property
    def unset(self) -> tuple[str, ...]:
        """The limits that nobody has set."""
        return tuple(name for name, value in self if value is None)


class Maintenance(InputModel):
    """What holds once a response review decided on maintenance. It goes on with the course: no sum begins anew."""

    planned: Count
    """Sessions after those of the course."""
    target_spacing_hours: Count
    """Hours between doses that a plan aims at."""
    min_interval_hours: Count
    """Hours that must lie between two doses."""
    max_gap_days: Count
    """Days after the last dose after which the evaluation is amended and signed again."""
    course_max_days: Count
    """Days after maintenance began after which a new plan is signed."""


class Window(InputModel):
    """When what is due counts as done in its time. Sooner it is not it, and later it is late."""

    opens_hours_before: Annotated[int, Field(ge=0)]
    """Hours before it is due from which on it may be done."""
    closes_hours_after: Count
    """Hours after it is due until which it may be done. A clinician decides on what was missed."""

    def opens(self, due: datetime) -> datetime:
        """Return when it opens (UTC), for a due time in UTC."""
        return due - timedelta(hours=self.opens_hours_before)

    def closes(self, due: datetime) -> datetime:
        """Return when it closes (UTC), for a due time in UTC."""
        return due + timedelta(hours=self.closes_hours_after)


class AfterSession(InputModel):
    """A contact owed ``hours`` after a dose; answered ones stop the escalation policy."""

    hours: Count
    """Hours after the dose at which the check-in is due."""
    escalation_policy: Identifier
    """What happens when it is not answered."""
    window: Window
    """When an answer is the answer to this check-in."""


class CheckIns(InputModel):
    """When a patient is asked how they are after a dose, and between sessions."""

    after_session: Annotated[tuple[AfterSession, ...], Field(min_length=1)]
    """Check-ins owed after every dose, by time."""
    owed_hours: Count
    """Hours after a dose until which the contacts after it are owed, whatever ends in the meantime."""
    then_every_days: Count
    """Days from an answered check-in to the next, until the next session."""
    routine_escalation_policy: Identifier
    """What happens when one of these is not answered."""
    routine_window: Window
    """When an answer is the answer to one of these."""
    heightened_divide_by: Count
    """While suicide risk is heightened, steps come so many times faster after the due time."""
    heightened_minimum_minutes: Count
    """But no earlier than so many minutes after the due time."""


class ClinicianVisits(InputModel):
    """After which sessions a clinician sees the patient, and how soon."""

    after_session: tuple[Count | Literal["last"], ...]
    """Numbers of the sessions after which a clinician sees the patient; ``last`` is the last of the plan."""
    within_hours: Count
    """Hours after the dose within which."""
    window: Window
    """When a visit is this visit."""


class Symptoms(InputModel):
    """The symptoms that treatment is to reduce, each rated on its own by the patient: at the evaluation, at check-ins
    and at follow-up visits."""

    names: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What is rated: for PTSD intrusive thoughts, emotional distress and mood instability."""
    highest: Annotated[int, Field(ge=1, le=100)]
    """The worst rating. 0 is not at all."""
    worse_by: Count
    """Points above the best rating so far from which a symptom is worse."""
    times_in_a_row: Annotated[int, Field(ge=2)]
    """So many contacts in a row with the same symptom worse bring about a review."""


class InstrumentSchedule(InputModel):
    """When instruments are asked again: the primary one, and others at the same times."""

    others: tuple[Instrument, ...] = ()
    """What is asked besides the primary instrument. A clinician asks the C-SSRS, which has its own time before
    sessions."""
    before_session: tuple[Count, ...]
    """Numbers of the sessions before which the primary instrument is filled in."""
    after_last_session_days: tuple[Count, ...]
    """Days after the last dose on which it is filled in, rising."""
    then_every_days: Count
    """Days from then on from one to the next."""
    window: Window
    """When answers are those of a questionnaire that is due."""


class Reviews(InputModel):
    """After which sessions the response is reviewed, and what can be decided."""

    after_session: tuple[Count | Literal["last"], ...]
    """Numbers of the sessions after which a clinician reviews the response; ``last`` is the last of the plan."""
    decisions: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What can be decided then. The same as the choices of ``sign_offs.response_review``."""


class FollowUp(InputModel):
    """Visits after the last session: a fixed cadence, then without an end until a signed discharge."""

    weeks: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Weeks after the last dose in which a follow-up visit is due, rising."""
    then_every_days: Count
    """Days from then on from one visit to the next, until a discharge is signed."""
    window: Window
    """When a visit is the one that is due."""
    assessments: Annotated[tuple[Identifier, ...], Field(min_length=3, max_length=3)]
    """What every visit assesses: change of symptoms, side effects, overall response."""
    questions: tuple[Identifier, ...]
    """What a follow-up visit asks besides."""
    outcomes: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Classes of response that a visit chooses from, the best first."""
    outcomes_to_review: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Those of them, such as worsening, after which a clinician reviews the response before care goes on."""


Grade = Annotated[int, Field(ge=1, le=5)]
"""A CTCAE grade: mild, moderate, severe, life-threatening, death."""


class EmergencyGrades(InputModel):
    """The CTCAE grade of the adverse event that an emergency opens by itself, until a clinician grades it."""

    unresponsive: Grade
    """Of a patient who responds only to pain, or not at all."""
    breathing: Grade
    """Of breathing that is not normal."""
    red_flag: Grade
    """Of one of ``sessions.red_flags``."""
    vital_signs: Grade
    """Of vital signs at ``sessions.vitals.emergency``."""
    overdose: Grade
    """Of a dose from ``overdose_from_percent`` on."""
    unreleased_dose: Grade
    """Of a dose that was not released, or was taken under a hold."""
    second_dose: Grade
    """Of a second dose in one session."""


class SeverityGrades(InputModel):
    """The CTCAE grades from which an adverse event is of a severity. Below all of them it is routine."""

    clinical: Grade
    """From which grade it is clinical."""
    urgent: Grade
    """From which grade it is urgent."""
    emergency: Grade
    """From which grade it is an emergency."""

    def of(self, grade: int) -> Severity:
        """Return the severity of a grade."""
        return worst(*(Severity(name) for name, least in self if grade >= least))


class AdverseEvents(InputModel):
    """From which grade (CTCAE 1-5) a report holds care, how hard it is escalated, and how it is followed up."""

    hold_from_grade: Grade
    """CTCAE grade from which a report holds care. A serious event always does."""
    severe_from_grade: Grade
    """CTCAE grade from which that hold is severe, and the review is that of a serious event."""
    severity_from_grade: SeverityGrades
    """How severe an event is by its grade. From ``urgent`` on an alarm by the escalation policy of that name goes on
    until it is reviewed."""
    severity_if_serious: Severity
    """How severe a serious event is at least, whatever its grade."""
    emergency_grades: EmergencyGrades
    """With which grade an emergency opens its adverse event."""
    overdose_from_percent: Annotated[int, Field(gt=100)]
    """Percent of the planned dose from which on a dose is an overdose, and so an emergency."""
    follow_up_days: Count
    """Days from one follow-up of an event to the next, until its outcome is final."""
    severe_follow_up_days: Count
    """The same for an event that is severe or serious."""


class Crises(InputModel):
    """What is owed to a patient after suicide risk was found."""

    next_contact_within_hours: Count
    """Hours after a contact within which a clinician speaks with the patient again, until the crisis is closed."""


class SignOffRule(InputModel):
    """Who may sign, how long they have, which decisions they may choose from, and whether they must say why.

    Where ``cosigned_by`` names roles, an approval counts once a second person in one of them has signed it too.
    ``not_author``: whoever wrote what is to be decided does not decide it.
    """

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    """Roles of which one person signs; the first one is asked."""
    cosigned_by: tuple[Role, ...] = ()
    """Roles of which a second person signs an approval too. None: one signature is enough."""
    not_author: bool = False
    """Whether whoever wrote what is decided on may not decide it."""
    escalation_policy: Identifier
    """How long there is to sign, and what happens when nobody does."""
    meaning: Meaning
    """What signing means (21 CFR 11.50). Each kind has one."""
    choices: tuple[Identifier, ...] = ()
    """What an approval chooses from, where there is something to choose."""
    rationale: bool = False
    """Whether an approval needs its reason. A decline or a return always does."""

    @model_validator(mode="after")
    def _clinical(self) -> Self:
        if any(role not in CLINICAL for role in (*self.roles, *self.cosigned_by)):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class AccessReviewer(InputModel):
    """A role that reviews why somebody broke the glass, and the escalation policy by which it is asked."""

    by: Role
    """The role."""
    escalation_policy: Identifier
    """How long there is to review, and what happens when nobody does."""

    @model_validator(mode="after")
    def _staff(self) -> Self:
        if self.by not in (*STAFF, Role.OPS):
            raise ValueError(f"only {', '.join((*STAFF, Role.OPS))} may review")
        return self


class Balance(InputModel):
    """What a patient is told of one topic: what it may do for them, and its limits. Neither stands alone."""

    benefit: Text
    """What some people have of it."""
    limitation: Text
    """What it does not do, for whom it does not work, or what it costs or risks."""


class StageText(InputModel):
    """What a patient is told of one stage."""

    where: Text
    """Where they stand."""
    next: Text
    """What comes next."""


class PatientTexts(InputModel):
    """What a patient reads. It is signed with the protocol, so that each text was reviewed and has a version."""

    organisation: Short
    """The name of the organisation, as patients know it: on each text."""
    disclaimer: Text
    """What the texts are not: on each text. They are information, never advice."""
    part_of_care: Text
    """That this treatment is one part of care."""
    stages: dict[Stage, StageText]
    """Where the patient stands and what comes next, for each stage and for a closed journey."""
    held: Text
    """What comes next while care is held, in place of the stage's own."""
    ending: Text
    """What comes next while care is coming to its end, in place of the stage's own."""
    topics: Annotated[dict[Identifier, Balance], Field(min_length=1)]
    """Benefits and limitations side by side, by topic."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [stage.value for stage in Stage if stage not in self.stages]
        if missing:
            raise ValueError(f"stages must have a text for: {', '.join(missing)}")
        return self


class Protocol(InputModel):
    """One version of one clinic's protocol for one pathway."""

    id: Identifier
    """Its name, the same in all versions."""
    version: Count
    """Counts up. A change of anything below is a new version, and is signed anew."""
    status: Literal["draft", "approved", "retired"]
    """Only an approved protocol starts journeys of patients."""
    illustrative: bool
    """Whether its values are examples. An illustrative protocol starts no journeys of patients."""
    pathway: Pathway
    """What it is for, in capitals."""
    title: Short
    """What people read above it."""
    steps_shown: dict[Identifier, tuple[Literal["evaluation", "screening", "education", "sessions", "follow_up"], ...]]
    """The steps that patients and staff see, in order, each with the stages it covers."""
    eligibility: Eligibility
    """Whom the pathway may be for."""
    exclusions: Annotated[tuple[Exclusion, ...], Field(min_length=1)]
    """The questions of the screening."""
    medicines: Medicines
    """The list of medicines."""
    supply: Supply
    """The ledger of doses."""
    pregnancy: Pregnancy
    """Pregnancy tests."""
    permissions: Permissions
    """Permissions that end, and checks that are renewed."""
    instruments: Instruments
    """The questionnaires, and what their results mean here."""
    background_reading: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What may be sent to a patient before the evaluation. Nothing about the medicine is among it."""
    education_topics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What is explained before consent."""
    acknowledgements: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What a patient acknowledges, one by one."""
    consents: dict[Identifier, Identifier]
    """The consents a patient gives, each with the version of its text that counts."""
    care_plan: CarePlanRules
    """What a plan must hold besides doses."""
    validity: Validity
    """How long what a dose rests on carries it."""
    sessions: Sessions
    """How many sessions, how far apart, and how each one goes."""
    dose: Dose
    """Dose limits."""
    maintenance: Maintenance
    """What holds in place of the course's numbers once maintenance was decided on."""
    dose_overrides: dict[DoseLimit, Positive]
    """Limits that a signed override may make wider for one patient, each as far as this. None: no limit may be."""
    symptoms: Symptoms
    """What the patient rates, contact by contact."""
    check_ins: CheckIns
    """When a patient is asked how they are."""
    clinician_visits: ClinicianVisits
    """When a clinician sees the patient between sessions."""
    instrument_schedule: InstrumentSchedule
    """When the primary instrument is filled in."""
    reviews: Reviews
    """When the response is reviewed."""
    follow_up: FollowUp
    """Visits after the last session."""
    crises: Crises
    """What suicide risk brings about."""
    adverse_events: AdverseEvents
    """What an adverse event brings about."""
    contact_routes: dict[Severity, Short]
    """Whom to reach and how, by the urgency of what is asked for: shown to whoever asks for help, at once."""
    patient_texts: PatientTexts
    """What patients read of where they stand."""
    care_team: CareTeam
    """Who may have which part in a journey."""
    sign_offs: dict[SignOffKind, SignOffRule]
    """Who signs what."""
    break_glass_minutes: Annotated[int, Field(ge=1, le=24 * 60)]
    """Minutes that somebody from outside the clinic may look in an emergency."""
    access_reviewers: Annotated[tuple[AccessReviewer, ...], Field(min_length=1)]
    """Who reviews such a look afterwards, by role: the first one who was not of the role that looked."""
    escalation_policies: dict[Identifier, EscalationPolicy]
    """How long each wait may last, and what happens step by step. Every kind of wait has one under its name."""
    quiet_hours: QuietHours
    """When routine messages do not reach the patient."""
    working_time: WorkingTime
    """When the clinic works."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [kind for kind in SignOffKind if kind not in self.sign_offs]
        if missing:
            raise ValueError(f"sign_offs must say who may sign: {', '.join(missing)}")
        named = [
            *ESCALATION_POLICIES,
            *(rule.escalation_policy for rule in self.sign_offs.values()),
            *(owed.escalation_policy for owed in self.check_ins.after_session),
            self.check_ins.routine_escalation_policy,
            *(reviewer.escalation_policy for reviewer in self.access_reviewers),
        ]
        unknown = list(dict.fromkeys(name for name in named if name not in self.escalation_policies))
        if unknown:
            raise ValueError(f"escalation_policies must define: {', '.join(unknown)}")
        without = [urgency.value for urgency in Severity if urgency not in self.contact_routes]
        if without:
            raise ValueError(f"contact_routes must say whom to reach: {', '.join(without)}")
        if not self.sign_offs[SignOffKind.DEATH].not_author:
            raise ValueError("sign_offs.death needs not_author: whoever reports a death never confirms it")
        # Also what makes counting working time end: day by day, it never goes further than a few years.
        working = [name for name, policy in self.escalation_policies.items() if policy.clock == "working"]
        endless = [name for name in working if self.escalation_policies[name].longest > 52 * self.working_time.week]
        if endless:
            raise ValueError(
                f"escalation_policies take more than a year of the clinic's working time: {', '.join(endless)}"
            )
        steps = [stage for stages in self.steps_shown.values() for stage in stages]
        if sorted(steps) != ["education", "evaluation", "follow_up", "screening", "sessions"]:
            raise ValueError("steps_shown must show each of the five stages once")
        codes = [exclusion.code for exclusion in self.exclusions]
        if len(codes) != len(dict.fromkeys(codes)):
            raise ValueError("an exclusion code stands twice")
        if len(canonical(self.model_dump(mode="json"))) > PROTOCOL_LIMIT:
            raise ValueError(f"a protocol takes at most {PROTOCOL_LIMIT} bytes as JSON: every journey carries it")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the protocol: what a journey is pinned to."""
        return digest(self.model_dump(mode="json"))

    def obstacles(self) -> tuple[str, ...]:
        """Why this protocol may not carry real patients; empty when it may."""
        found = []
        if self.illustrative:
            found.append("it is marked illustrative")
        if self.status != "approved":
            found.append(f"its status is {self.status}, not approved (signed by the medical director)")
        if self.dose.unset:
            found.append(f"dose limits are not set: {', '.join(self.dose.unset)}")
        return tuple(found)


@lru_cache(maxsize=256)
def _instance(json: str) -> Protocol:
    return Protocol.model_validate_json(json)


def _shared(protocol: Protocol) -> Protocol:
    return _instance(protocol.model_dump_json())


PinnedProtocol = Annotated[Protocol, AfterValidator(_shared)]
"""A protocol as a journey carries it. Equal ones are one object: it would be the largest part of each journey."""
