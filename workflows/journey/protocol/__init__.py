"""A clinic's protocol for one pathway, as data.

"Exact protocols vary by provider": every clinical number, list and deadline is here, set by the clinic's
medical director, and pinned to a journey when it starts. Durations are elapsed time in the unit their name
says; doses are in ``dose.unit``; zones are IANA names.
"""

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import to_json

from workflows.journey.obligation_types import ESCALATION_POLICIES
from workflows.journey.protocol.care_plan import (
    HIGHER_IS_TIGHTER,
    CarePlanRules,
    ChangeReason,
    DoseLimit,
    DoseLimits,
    Maintenance,
    Supply,
    is_tighter,
)
from workflows.journey.protocol.care_team import CLINICIANS, HOUSEHOLD, CareTeam, Part
from workflows.journey.protocol.common import Count, Minutes, Positive, Range
from workflows.journey.protocol.contacts import AfterSession, CheckIns, ClinicianVisits, FollowUp, Reviews, Window
from workflows.journey.protocol.eligibility import (
    Eligibility,
    Exclusion,
    KnownFrom,
    Medicines,
    Permissions,
    Pregnancy,
    PriorTreatments,
    Symptoms,
    Validity,
)
from workflows.journey.protocol.escalation import Action, EscalationPolicy, EscalationStep
from workflows.journey.protocol.measures import Instruments, InstrumentSchedule
from workflows.journey.protocol.patient_texts import Balance, PatientTexts, StageText
from workflows.journey.protocol.safety import AdverseEvents, Crises, EmergencyGrades, Grade, SeverityGrades
from workflows.journey.protocol.sessions import (
    CriterionSource,
    EmergencyLimits,
    NoGo,
    NotifyLimits,
    Sessions,
    SettingRules,
    VitalsRules,
)
from workflows.journey.protocol.sign_offs import AccessReviewer, SignOffKind, SignOffRule
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel, Short, SortedDict, Whole, digest
from workflows.journey.vocabulary.calendars import QuietHours, WorkingTime
from workflows.journey.vocabulary.limits import PROTOCOL_LIMIT
from workflows.journey.vocabulary.severity import SEVERITIES, Severity

__all__ = [
    "CLINICIANS",
    "HIGHER_IS_TIGHTER",
    "HOUSEHOLD",
    "AccessReviewer",
    "Action",
    "AdverseEvents",
    "AfterSession",
    "Balance",
    "CarePlanRules",
    "CareTeam",
    "ChangeReason",
    "CheckIns",
    "ClinicianVisits",
    "Count",
    "Crises",
    "CriterionSource",
    "DoseLimit",
    "DoseLimits",
    "Eligibility",
    "EmergencyGrades",
    "EmergencyLimits",
    "EscalationPolicy",
    "EscalationStep",
    "Exclusion",
    "FollowUp",
    "Grade",
    "InstrumentSchedule",
    "Instruments",
    "KnownFrom",
    "Maintenance",
    "Medicines",
    "Minutes",
    "NoGo",
    "NotifyLimits",
    "Part",
    "Pathway",
    "PatientTexts",
    "Permissions",
    "PinnedProtocol",
    "Positive",
    "Pregnancy",
    "PriorTreatments",
    "Protocol",
    "Range",
    "Reviews",
    "Sessions",
    "SettingRules",
    "SeverityGrades",
    "SignOffKind",
    "SignOffRule",
    "StageText",
    "StepShown",
    "Supply",
    "Symptoms",
    "Validity",
    "VitalsRules",
    "Window",
    "is_tighter",
]


def _in_capitals(name: str) -> str:
    if name != name.upper():
        raise ValueError("must be a name in capitals, such as PTSD")
    return name


Pathway = Annotated[Identifier, AfterValidator(_in_capitals)]
"""The name of a pathway, as its protocol spells it. In capitals only, so that no pathway has two names."""


class StepShown(InputModel):
    """A step of a pathway as people see it."""

    name: Identifier
    """Its word, which people see with spaces."""
    stages: tuple[Literal["evaluation", "screening", "education", "sessions", "follow_up"], ...]
    """The stages it covers."""


class Protocol(InputModel):
    """One version of one clinic's protocol for one pathway."""

    id: Identifier
    """Its name, the same in all versions."""
    version: Count
    """Counts up. A change of anything below is a new version, and is signed anew."""
    status: Literal["draft", "approved", "retired"]
    """Only an approved protocol starts journeys of patients."""
    illustrative: Flag
    """Whether its values are examples. An illustrative protocol starts no journeys of patients."""
    pathway: Pathway
    """What it is for, in capitals."""
    title: Short
    """What people read above it."""
    steps_shown: tuple[StepShown, ...]
    """The steps that patients and staff see, in order."""
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
    consents: SortedDict[Identifier, Identifier]
    """The consents a patient gives, each with the version of its text that counts."""
    care_plan: CarePlanRules
    """What a plan must hold besides doses."""
    validity: Validity
    """How long what a dose rests on carries it."""
    sessions: Sessions
    """How many sessions, how far apart, and how each one goes."""
    dose: DoseLimits
    """Dose limits."""
    maintenance: Maintenance
    """What holds in place of the course's numbers once maintenance was decided on."""
    dose_overrides: SortedDict[DoseLimit, Positive]
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
    contact_routes: SortedDict[Severity, Short]
    """Whom to reach and how, by the urgency of what is asked for: shown to whoever asks for help, at once."""
    patient_texts: PatientTexts
    """What patients read of where they stand."""
    care_team: CareTeam
    """Who may have which part in a journey."""
    sign_offs: SortedDict[SignOffKind, SignOffRule]
    """Who signs what."""
    break_glass_minutes: Annotated[Whole, Field(ge=1, le=24 * 60)]
    """Minutes that somebody from outside the clinic may look in an emergency."""
    access_reviewers: Annotated[tuple[AccessReviewer, ...], Field(min_length=1)]
    """Who reviews such a look afterwards, by role: the first one who was not of the role that looked."""
    escalation_policies: SortedDict[Identifier, EscalationPolicy]
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
        if not self.sign_offs[SignOffKind.DEATH_CORRECTION].not_author:
            raise ValueError("sign_offs.death_correction needs not_author: whoever doubts a death never corrects it")
        for kind in (SignOffKind.HANDOVER, SignOffKind.LOST_TO_FOLLOW_UP):
            if not self.sign_offs[kind].not_author:
                raise ValueError(f"sign_offs.{kind.value} needs not_author: nobody gives the watch away alone")
        # Also what makes counting working time end: day by day, it never goes further than a few years.
        working = [name for name, policy in self.escalation_policies.items() if policy.clock == "working"]
        endless = [name for name in working if self.escalation_policies[name].longest > 52 * self.working_time.week]
        if endless:
            raise ValueError(
                f"escalation_policies take more than a year of the clinic's working time: {', '.join(endless)}"
            )
        steps = [stage for step in self.steps_shown for stage in step.stages]
        if steps != ["evaluation", "screening", "education", "sessions", "follow_up"]:
            raise ValueError(
                "steps_shown must show each of the five stages once, in order: "
                "evaluation, screening, education, sessions, follow_up"
            )
        if len({step.name: step for step in self.steps_shown}) < len(self.steps_shown):
            raise ValueError("steps_shown must not give two steps one name")
        codes = [exclusion.code for exclusion in self.exclusions]
        if len(codes) != len(dict.fromkeys(codes)):
            raise ValueError("an exclusion code stands twice")
        if len(self.written.encode()) > PROTOCOL_LIMIT:
            raise ValueError(f"a protocol takes at most {PROTOCOL_LIMIT} bytes as JSON: every journey carries it")
        return self

    @property
    def routes(self) -> dict[Severity, str]:
        """Whom to reach and how, the most urgent first: in this order they are shown."""
        return {urgency: self.contact_routes[urgency] for urgency in reversed(SEVERITIES)}

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the protocol: what a journey is pinned to."""
        return _digest_of(self.written)

    @cached_property
    def written(self) -> str:
        """The protocol as JSON. To write one takes long, and each is asked for again and again."""
        return self.model_dump_json()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the protocol. A changed one is written in another way."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("written", None)
        return copied

    def limit(self, name: DoseLimit, *, maintenance: bool) -> float | None:
        """The number of a limit: in maintenance its own interval, sessions and sum; else the course's."""
        match name:
            case DoseLimit.MIN_INTERVAL_HOURS:
                return (self.maintenance if maintenance else self.sessions).min_interval_hours
            case DoseLimit.MAX_IN_ROLLING_7_DAYS:
                return self.sessions.max_in_rolling_7_days
            case DoseLimit.PLANNED:
                return self.sessions.planned + (self.maintenance.planned if maintenance else 0)
            case DoseLimit.MAX_COURSE:
                return self.dose.max_with_maintenance if maintenance else self.dose.max_course
            case _:
                value: float | None = getattr(self.dose, name.value)
                return value

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
def _digest_of(written: str) -> str:
    """The digest of a protocol that is given as JSON."""
    return digest(json.loads(written))


@lru_cache(maxsize=256)
def _instance(written: str) -> Protocol:
    return Protocol.model_validate_json(written)


def _shared(protocol: Protocol) -> Protocol:
    return _instance(protocol.written)


@lru_cache(maxsize=256)
def _read(spelled: bytes) -> Protocol:
    return _shared(Protocol.model_validate_json(spelled))


def _pin(given: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Protocol:
    return _read(to_json(given)) if info.mode == "json" else _shared(read(given))


@lru_cache(maxsize=256)
def _content(written: str, *, exclude_none: bool) -> Any:
    return _instance(written).model_dump(mode="json", exclude_none=exclude_none)


def _spell(protocol: Protocol, info: SerializationInfo) -> Any:
    return _content(protocol.written, exclude_none=info.exclude_none)


PinnedProtocol = Annotated[Protocol, WrapValidator(_pin), PlainSerializer(_spell, when_used="json")]
"""A protocol as a journey carries it. Equal ones are one object: it would be the largest part of each journey. What is
spelled like one before is neither checked nor spelled again: either takes longer than to decide most commands."""
