"""Who acts in a journey, and in which role."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.vocabulary.base import Identifier, InputModel, Short
from workflows.journey.vocabulary.calendars import Day, Instant, day_begins
from workflows.journey.vocabulary.clinical import UsState, state_day_ends


class Role(StrEnum):
    """The roles a protocol may name. SYSTEM is the clock; no person acts as it."""

    PATIENT = "patient"
    COORDINATOR = "coordinator"
    CLINICIAN = "clinician"
    THERAPIST = "therapist"
    SESSION_MONITOR = "session_monitor"
    OBSERVER = "observer"
    ON_CALL_CLINICIAN = "on_call_clinician"
    MEDICAL_DIRECTOR = "medical_director"
    OPS = "ops"
    SYSTEM = "system"


CLINICAL = (Role.CLINICIAN, Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR)
"""Roles that carry a licence and may decide."""
STAFF = (Role.COORDINATOR, Role.THERAPIST, Role.SESSION_MONITOR, *CLINICAL)
STAFF_ROLES = (*STAFF, Role.OPS)
"""The roles of those whom the organisation's register names."""
ANYONE = (Role.PATIENT, Role.OBSERVER, Role.OPS, *STAFF)


class Licence(InputModel):
    """A licence to practise: its number, the states it covers and its last valid day."""

    number: Short
    states: tuple[UsState, ...]
    expires: Day

    @property
    def plain_number(self) -> str:
        """The number without what people write in different ways: "md-1234" and "MD 1234" are one licence."""
        return "".join(filter(str.isalnum, self.number.casefold())) or self.number

    def ends(self, state: str | None = None) -> datetime:
        """Return the moment (UTC) from which the licence is over: when its last day is over in this state, or, where it
        does not cover that or none is given, in all that it covers. Whoever asks whether a licence counts asks here."""
        states = (state,) if state in self.states else self.states
        return max((state_day_ends(self.expires, each) for each in states), default=day_begins(self.expires, "UTC"))

    def covers(self, state: str, at: datetime) -> bool:
        """Whether its holder may practise in a state at a moment (UTC)."""
        return state in self.states and at < self.ends(state)


class Actor(InputModel):
    """Who sent a command, and for which clinics they work: none for a patient or an observer. It comes from a profile,
    never from a field somebody typed into a command, and is checked against the organisation's register where commands
    enter and where they are recorded."""

    id: Identifier
    role: Role
    name: Short | None = None
    licence: Licence | None = None
    clinics: tuple[Identifier, ...] = ()


class CareTeamMember(InputModel):
    """What the organisation's register says of one of its staff: their role, for which clinics they work, their licence
    where the role needs one, and from when until when (UTC; no end: None)."""

    id: Identifier
    role: Role
    clinics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    licence: Licence | None = None
    since: Instant
    until: Instant | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.role not in STAFF_ROLES:
            raise ValueError(f"only {', '.join(STAFF_ROLES)} are staff")
        if self.role in CLINICAL and self.licence is None:
            raise ValueError("a clinician has a licence")
        if self.until is not None and self.until <= self.since:
            raise ValueError("until must be after since")
        return self

    def works_at(self, clinic: str, moment: datetime) -> bool:
        """Whether they work for a clinic at a moment (UTC)."""
        return clinic in self.clinics and self.since <= moment and (self.until is None or moment < self.until)


def is_one_licence(one: Licence | None, other: Licence | None) -> bool:
    """Whether two licences are one person's: one number in one state stands for one person."""
    if one is None or other is None or one.plain_number != other.plain_number:
        return False
    return any(state in other.states for state in one.states)


CLOCK = Actor(id="clock", role=Role.SYSTEM)
