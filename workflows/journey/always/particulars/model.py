"""The patient's particulars, as they change during a journey: commands and events."""

from datetime import date
from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, Text
from workflows.journey.vocabulary.calendars import Day
from workflows.journey.vocabulary.clinical import Language
from workflows.journey.vocabulary.stage import Stage


class UpdatePatient(CommandBody):
    """Change whom to call in an emergency, the address that emergency services are sent to (both by opaque reference),
    the patient's language, or whether they need an interpreter, with the reason. What is not
    named stays."""

    kind: Literal["patient.update"] = "patient.update"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.COORDINATOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    emergency_contact_ref: Identifier | None = None
    dispatch_address_ref: Identifier | None = None
    language: Language | None = None
    interpreter: Flag | None = None
    reason: Text


class CorrectBirthDate(CommandBody):
    """Correct a wrong birth date. All that depends on age is judged anew at once, and the evaluation signed anew. Where
    another journey of the patient says otherwise, the date that is recorded may be told again: it is right."""

    kind: Literal["patient.correct-birth-date"] = "patient.correct-birth-date"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    born: Day
    reason: Text


class PatientUpdated(EventBody):
    """Some particulars of the patient from now on. What is not named stayed."""

    kind: Literal["patient.updated"] = "patient.updated"
    emergency_contact_ref: Identifier | None = None
    dispatch_address_ref: Identifier | None = None
    language: Language | None = None
    interpreter: bool | None = None
    reason: Text


class BirthDateCorrected(EventBody):
    """This birth date holds: another one was wrong, here or in another journey of the patient."""

    kind: Literal["patient.birth-date-corrected"] = "patient.birth-date-corrected"
    born: date
    reason: Text


def speaks_otherwise(state: PathwayState, body: PatientUpdated) -> bool:
    """Whether a patient turns out to speak another language than was known, or to need an interpreter."""
    other = body.language not in (None, state.patient.language)
    return other or (bool(body.interpreter) and not state.patient.interpreter)


def _updated(state: PathwayState, body: PatientUpdated, event: EventHeader) -> Changes:
    changed = body.model_dump(exclude={"kind", "reason"}, exclude_none=True)
    told_at = {**state.told_at, **dict.fromkeys(changed, event.at)}
    return {"patient": state.patient.model_copy(update=changed), "told_at": told_at}


def _corrected(state: PathwayState, body: BirthDateCorrected, event: EventHeader) -> Changes:
    patient = state.patient.model_copy(update={"born": body.born})
    return {"patient": patient, "told_at": {**state.told_at, "born": event.at}}


EVOLUTIONS: Evolutions = {PatientUpdated: _updated, BirthDateCorrected: _corrected}
