"""Who acts in a journey, and in which role."""

from datetime import date
from enum import StrEnum

from workflows.journey.base import Identifier, InputModel, Short
from workflows.journey.vocabulary import UsState


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
ANYONE = (Role.PATIENT, Role.OBSERVER, Role.OPS, *STAFF)


class Licence(InputModel):
    """A licence to practise: its number, the states it covers and its last valid day."""

    number: Short
    states: tuple[UsState, ...]
    expires: date


class Actor(InputModel):
    """Who sent a command, and for which clinics they work: none for a patient or an observer. It comes from a profile,
    never from a field somebody typed into a command, and is checked against the organisation's register where commands
    enter and where they are recorded."""

    id: Identifier
    role: Role
    name: Short | None = None
    licence: Licence | None = None
    clinics: tuple[Identifier, ...] = ()


def is_same_person(one: Actor, other: Actor) -> bool:
    """Whether two are one person: by their id, or because one licence number in one state stands for one person."""
    if one.id == other.id:
        return True
    if one.licence is None or other.licence is None or one.licence.number != other.licence.number:
        return False
    return any(state in other.licence.states for state in one.licence.states)


CLOCK = Actor(id="clock", role=Role.SYSTEM)
