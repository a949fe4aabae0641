"""A clinic's protocol for one pathway, as data.

"Exact protocols vary by provider": every clinical number, list and deadline is here, set by the clinic's
medical director, and pinned to a journey when it starts. Durations are elapsed time in the unit their name
says; doses are in ``dose.unit``; zones are IANA names.
"""

from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_serializer, model_validator

from workflows.journey.actors import CLINICAL, STAFF, Role
from workflows.journey.base import Identifier, InputModel, Short, canonical, digest
from workflows.journey.calendars import QuietHours, WorkingTime
from workflows.journey.instruments import Instrument, Thresholds
from workflows.journey.limits import PROTOCOL_LIMIT
from workflows.journey.obligation_types import ESCALATION_POLICIES
from workflows.journey.signed_statement import Meaning

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
    ADVERSE_EVENT = "adverse_event"
    SERIOUS_ADVERSE_EVENT = "serious_adverse_event"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"
    DISCHARGE = "discharge"


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
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"


class EscalationStep(InputModel):
    """One step of an escalation policy, at ``minutes`` after the due time or at ``percent`` of the way to it.

    ``hold`` places a hold on the journey when the step is reached; ``alarm`` makes its notice leave at once.
    """

    minutes: Minutes | None = None
    percent: Annotated[int, Field(gt=0, le=1000)] | None = None
    action: Action
    to: Role
    hold: bool = False
    alarm: bool = False

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.minutes is None) == (self.percent is None):
            raise ValueError("a step has either `minutes` (after due) or `percent` (of the time until due)")
        return self


class EscalationPolicy(InputModel):
    """How long somebody has, and what happens, step by step, when nothing comes.

    ``due_minutes`` counts from when the wait began; check-ins bring their own due time instead. With the clock
    ``working`` these minutes, and those and the percents of the steps, are minutes of the clinic's working time.
    Where ``quiet_hours`` is true, times that fall into the patient's quiet hours wait until these are over.
    """

    due_minutes: Minutes
    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]
    clock: Literal["elapsed", "working"] = "elapsed"
    quiet_hours: bool = False

    @model_validator(mode="after")
    def _one_calendar(self) -> Self:
        if self.clock == "working" and self.quiet_hours:
            raise ValueError("quiet_hours are the patient's: a policy in the clinic's working time has none")
        return self

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
    require_any_of: tuple[Identifier, ...] = ()
    record: tuple[Identifier, ...] = ()
    exception: Literal["clinician_signed"] = "clinician_signed"
    exception_cosigned_by: tuple[Role, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.require_all_of and not self.require_any_of:
            raise ValueError("require_all_of or require_any_of must name at least one treatment")
        if any(role not in CLINICAL for role in self.exception_cosigned_by):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class Eligibility(InputModel):
    min_age_years: Count
    evaluation_sections: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    function: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    prior_treatments: PriorTreatments
    attest: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    factors: Annotated[tuple[Identifier, ...], Field(min_length=3)]
    screening_valid_days: Count
    evaluation_valid_days: Count


class Exclusion(InputModel):
    """A screening question. ``hard`` blocks while the answer is yes; ``review`` needs a signed decision."""

    code: Identifier
    text: Short
    rule: Literal["hard", "review"]


class Instruments(InputModel):
    primary: Instrument
    baseline: Annotated[tuple[Instrument, ...], Field(min_length=1)]
    thresholds: dict[Instrument, Thresholds]
    suicide_risk_heightened_days: Count
    suicide_risk_valid_days: Count

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.primary not in self.baseline:
            raise ValueError("the primary instrument must be part of the baseline")
        for needed in (Instrument.PHQ_9, Instrument.C_SSRS):
            if needed not in self.baseline:
                raise ValueError(f"the baseline must include {needed} (suicide risk is asked of everybody)")
        return self


class CarePlanRules(InputModel):
    """Components every plan has besides ketamine; ``therapy`` is the one that may be absent, with a reason."""

    require_components: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    therapy: Identifier
    sections: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    goals_must_not_promise: tuple[Short, ...]


class Range(InputModel):
    """Closed interval of a vital sign; outside ``recheck`` is a no-go, outside ``go`` a recheck."""

    go: tuple[float, float]
    recheck: tuple[float, float]

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not self.recheck[0] <= self.go[0] <= self.go[1] <= self.recheck[1]:
            raise ValueError("`go` must lie inside `recheck`, each as [lowest, highest]")
        return self


class VitalsRules(InputModel):
    """Limits before a dose, and what is notified or an emergency afterwards. mmHg, beats/min, percent."""

    systolic: Range
    diastolic: Range
    heart_rate: Range
    oxygen: Range
    max_age_minutes: Count
    rechecks: Count
    notify: dict[Literal["systolic", "diastolic", "heart_rate", "rise_systolic", "rise_diastolic"], Positive]
    emergency: dict[Literal["systolic", "diastolic", "oxygen_below"], Positive]


class Sessions(InputModel):
    planned: Count
    target_spacing_hours: Count
    min_interval_hours: Count
    max_in_rolling_7_days: Count
    max_gap_days: Count
    course_max_days: Count
    setting_allowed: tuple[Literal["at_home"], ...]
    route_allowed: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    live_clinician_sessions: tuple[Count, ...] = ()
    cosigned_sessions: tuple[Count, ...] = ()
    clinician_reachable_minutes: Count
    checklist: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    checklist_max_age_hours: Count
    observe_minutes: Annotated[tuple[Count, ...], Field(min_length=1)]
    minimum_minutes: Count
    maximum_before_decision_minutes: Count
    release_criteria: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    red_flags: tuple[Identifier, ...]
    vitals: VitalsRules

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if list(self.observe_minutes) != sorted(dict.fromkeys(self.observe_minutes)):
            raise ValueError("observe_minutes must rise")
        if self.target_spacing_hours < self.min_interval_hours:
            raise ValueError("target_spacing_hours must not be below min_interval_hours")
        if self.minimum_minutes > self.maximum_before_decision_minutes:
            raise ValueError("minimum_minutes must not exceed maximum_before_decision_minutes")
        return self


class Dose(InputModel):
    """Dose limits. Null until the medical director sets them; a protocol with a null limit is refused at start."""

    unit: Literal["mg"]
    starting_dose: Positive | None
    max_single_dose: Positive | None
    max_mg_per_kg: Positive | None
    max_7_day: Positive | None
    max_course: Positive | None
    titration_max_step_pct: Positive | None
    max_doses_dispensed: Count | None
    weight_max_age_days: Count | None

    @model_serializer
    def _whole(self) -> dict[str, Any]:
        """Limits that are not set are spelled out everywhere, also where unset fields are left out."""
        return dict(self)

    @property
    def unset(self) -> tuple[str, ...]:
        return tuple(name for name, value in self if value is None)


class AfterSession(InputModel):
    """A contact owed ``hours`` after a dose; answered ones stop the escalation policy."""

    hours: Count
    escalation_policy: Identifier


class CheckIns(InputModel):
    after_session: Annotated[tuple[AfterSession, ...], Field(min_length=1)]
    then_every_days: Count
    routine_escalation_policy: Identifier
    heightened_divide_by: Count
    heightened_minimum_minutes: Count


class ClinicianVisits(InputModel):
    after_session: tuple[Count | Literal["last"], ...]
    within_hours: Count


class InstrumentSchedule(InputModel):
    before_session: tuple[Count, ...]
    after_last_session_days: tuple[Count, ...]
    then_every_days: Count


class Reviews(InputModel):
    after_session: tuple[Count | Literal["last"], ...]
    decisions: Annotated[tuple[Identifier, ...], Field(min_length=1)]


class FollowUp(InputModel):
    weeks: Annotated[tuple[Count, ...], Field(min_length=1)]
    then_every_days: Count
    assessments: Annotated[tuple[Identifier, ...], Field(min_length=3, max_length=3)]
    questions: tuple[Identifier, ...]
    outcomes: Annotated[tuple[Identifier, ...], Field(min_length=1)]


class AdverseEvents(InputModel):
    """From which grade (CTCAE 1-5) a report holds care, counts as severe, and freezes the journey."""

    hold_from_grade: Annotated[int, Field(ge=1, le=5)]
    severe_from_grade: Annotated[int, Field(ge=1, le=5)]


class SignOffRule(InputModel):
    """Who may sign, how long they have, which decisions they may choose from, and whether they must say why.

    Where ``cosigned_by`` names roles, an approval counts once a second person in one of them has signed it too.
    ``not_author``: whoever wrote what is to be decided does not decide it.
    """

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    cosigned_by: tuple[Role, ...] = ()
    not_author: bool = False
    escalation_policy: Identifier
    meaning: Meaning
    choices: tuple[Identifier, ...] = ()
    rationale: bool = False

    @model_validator(mode="after")
    def _clinical(self) -> Self:
        if any(role not in CLINICAL for role in (*self.roles, *self.cosigned_by)):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class AccessReviewer(InputModel):
    """A role that reviews why somebody broke the glass, and the escalation policy by which it is asked."""

    by: Role
    escalation_policy: Identifier

    @model_validator(mode="after")
    def _staff(self) -> Self:
        if self.by not in (*STAFF, Role.OPS):
            raise ValueError(f"only {', '.join((*STAFF, Role.OPS))} may review")
        return self


class Protocol(InputModel):
    """One version of one clinic's protocol for one pathway."""

    id: Identifier
    version: Count
    status: Literal["draft", "approved", "retired"]
    illustrative: bool
    pathway: Pathway
    title: Short
    steps_shown: dict[Identifier, tuple[Literal["evaluation", "screening", "education", "sessions", "follow_up"], ...]]
    eligibility: Eligibility
    exclusions: Annotated[tuple[Exclusion, ...], Field(min_length=1)]
    instruments: Instruments
    education_topics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    acknowledgements: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    consents: dict[Identifier, Identifier]
    care_plan: CarePlanRules
    sessions: Sessions
    dose: Dose
    check_ins: CheckIns
    clinician_visits: ClinicianVisits
    instrument_schedule: InstrumentSchedule
    reviews: Reviews
    follow_up: FollowUp
    adverse_events: AdverseEvents
    sign_offs: dict[SignOffKind, SignOffRule]
    break_glass_minutes: Annotated[int, Field(ge=1, le=24 * 60)]
    access_reviewers: Annotated[tuple[AccessReviewer, ...], Field(min_length=1)]
    escalation_policies: dict[Identifier, EscalationPolicy]
    quiet_hours: QuietHours
    working_time: WorkingTime

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
