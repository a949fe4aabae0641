"""Rules for the plan, its doses, and the doses at home."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_serializer

from workflows.journey.protocol.common import Count, Positive
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel, Short, SortedDict


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


def is_tighter(name: DoseLimit, value: float, than: float) -> bool:
    """Whether a number is a tighter limit than another one."""
    return value > than if name in HIGHER_IS_TIGHTER else value < than


class Supply(InputModel):
    """Doses at the patient's home."""

    witness_disposal: Flag
    """Whether doses that were disposed of count as gone only once a second person has witnessed it."""


class ChangeReason(InputModel):
    """A reason for a change of plan."""

    may_intensify: Flag
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
    change_reasons: SortedDict[Identifier, ChangeReason]
    """Reasons for a change of plan that can be named."""
    rationale_must_not_say: tuple[Short, ...]
    """Beginnings of words that the rationale of a change, or of a decision on care, may not give as a reason, such as
    convenient. To deny one right beside it, as in "not for convenience", is no reason of that kind."""


class DoseLimits(InputModel):
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
    weight_plausible_kg: tuple[Positive, Positive] | None
    """The lowest and the highest body weight, in kg, that a plan may have. What is outside may be in another unit, or
    mistyped."""
    weight_max_change_pct: Positive | None
    """By how many percent a body weight may be above those before it, within ``weight_max_age_days``. What is further
    above counts for a limit per kg as far as another person weighed it, too."""

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
    review_every_sessions: Count
    """Every so many sessions, counted from the first of the course, questionnaires are filled in before the session, a
    clinician sees the patient after it, and the response is reviewed."""
