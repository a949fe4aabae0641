"""Sessions: how many, how far apart, and what must hold before, during and after each."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflows.journey.protocol.common import Count, Minutes, Positive, Range
from workflows.journey.vocabulary.base import Identifier, InputModel, SortedDict, Whole
from workflows.journey.vocabulary.calendars import DayHours
from workflows.journey.vocabulary.clinical import Setting


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


class SettingRules(InputModel):
    """What differs for sessions in a setting. Doses, limits, vital signs, observation and the release are the same."""

    not_asked: tuple[Identifier, ...]
    """Items of the checklist, and criteria for the end, that are not asked there."""
    also_checked: tuple[Identifier, ...]
    """Further items of the checklist there."""
    also_at_end: tuple[Identifier, ...]
    """Further criteria for the end there."""
    observer: Literal["adult", "session_monitor"]
    """Who stays with the patient: an adult who is named, or the session monitor, who is staff and is there."""
    doses_from: Literal["home", "clinic"]
    """Whose supply the dose comes from. The ledger of the patient's home counts only its own."""


class Sessions(InputModel):
    """How many sessions, how far apart, and what must hold before, during and after each."""

    planned: Count
    """Sessions in one course."""
    target_spacing_hours: Count
    """Hours between doses that a plan aims at."""
    min_interval_hours: Count
    """Hours that must lie between two doses."""
    spacing_tolerance_hours: Annotated[Whole, Field(ge=0)]
    """Hours by which a dose may come sooner than the spacing its plan signs. Never sooner than min_interval_hours."""
    max_in_rolling_7_days: Count
    """Doses in any 7 days. Doses exactly 168 hours apart do not share one."""
    max_gap_days: Count
    """Days after the last dose after which the evaluation is amended and signed again."""
    course_max_days: Count
    """Days after the first dose of a course after which a new plan is signed."""
    start_hours: DayHours
    """Between which times of day, on the patient's wall clock, a session starts."""
    start_days: Annotated[tuple[Annotated[Whole, Field(ge=1, le=7)], ...], Field(min_length=1, max_length=7)]
    """On which days of the patient's week, Monday 1 to Sunday 7."""
    start_within_minutes: Count
    """Minutes after its appointment in which a session is released. After that it is moved."""
    release_minutes: Count
    """Minutes that a release lasts: a dose that is taken or recorded later is a deviation."""
    settings: Annotated[SortedDict[Setting, SettingRules], Field(min_length=1)]
    """Where sessions under this protocol may be, and what differs there. Which it is, is signed with eligibility."""
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
    also_measured: SortedDict[Literal["heart_rate", "oxygen"], tuple[Count, ...]] = {}
    """Further vital signs that are measured after the dose, each with those of vitals_minutes at which. A session ends
    once each was measured. None of them unless the clinic asks for it: sources have them "if measured"."""
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
    criteria_known_from: SortedDict[Identifier, CriterionSource]
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

    @property
    def release_lasts(self) -> timedelta:
        """How long a release lasts."""
        return timedelta(minutes=self.release_minutes)

    def checklist_in(self, setting: Setting) -> tuple[Identifier, ...]:
        """Return what is checked before a session in a setting."""
        there = self.settings[setting]
        return (*(item for item in self.checklist if item not in there.not_asked), *there.also_checked)

    def criteria_in(self, setting: Setting) -> tuple[Identifier, ...]:
        """Return what must hold for a session in a setting to end."""
        there = self.settings[setting]
        return (*(name for name in self.release_criteria if name not in there.not_asked), *there.also_at_end)

    def measured_at(self, minute: int) -> tuple[str, ...]:
        """Return the further vital signs that are measured at a scheduled minute."""
        return tuple(sign for sign, minutes in self.also_measured.items() if minute in minutes)

    def nearest_minute(self, minute: float) -> int:
        """Return the scheduled minute that a minute after the dose is nearest to; the earlier one of two."""
        return min(self.observe_minutes, key=lambda planned: abs(planned - minute))
