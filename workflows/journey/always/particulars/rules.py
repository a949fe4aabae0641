"""The patient's particulars: they change during a journey of months, and what rests on them is judged anew.

Sources: "patient location captured per encounter (licensing, emergency dispatch)" and "adults" (both source documents);
emergency services are sent to a confirmed address, and the emergency contact is somebody else than the patient.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.always.patient.particulars import find_other_births
from workflows.journey.always.safety.model import ask_support
from workflows.journey.obligation_types import DISPATCH_ADDRESS
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import age_on, local
from workflows.journey.vocabulary.clinical import Location, SaidLocation
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.stage import Stage


def update(journey: Journey, command: c.UpdatePatient, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record particulars that changed."""
    changed = command.model_dump(exclude={"kind", "reason"}, exclude_none=True)
    if not changed:
        refuse(RefusalCode.INCOMPLETE, "this changes nothing", "Give at least one of the fields")
    if command.emergency_contact_ref is not None and journey.is_patient(command.emergency_contact_ref):
        refuse(
            RefusalCode.CONTRADICTS,
            "the patient cannot be their own emergency contact",
            "Name somebody else",
            "emergency_contact_ref",
        )
    yield e.PatientUpdated(**changed, reason=command.reason)


def correct_birth_date(journey: Journey, command: c.CorrectBirthDate, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record the right birth date. It is never refused for what follows from it."""
    if command.born == journey.patient.born and not find_other_births(journey):
        refuse(RefusalCode.ALREADY_DONE, "this is the birth date that is recorded", "Nothing is left to do", "born")
    if command.born > local(at, journey.patient.zone).date():
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the day of birth", "born")
    yield e.BirthDateCorrected(born=command.born, reason=command.reason)


def is_under_age(journey: Journey, at: datetime) -> bool:
    """Whether the patient is younger than the protocol asks, on their local day."""
    return age_on(journey.patient.born, at, journey.patient.zone) < journey.protocol.eligibility.min_age_years


def react_birth_date(journey: Journey, body: e.BirthDateCorrected, at: datetime) -> Iterator[e.EventBody]:
    """Hold care at once if the patient turns out to be under age. Every signature that covers the age is stale."""
    if is_under_age(journey, at) and not (journey.closed or journey.held_for("under_age")):
        yield place(journey, "under_age", "by the corrected birth date the patient is under age", severe=True)


def check_location(journey: Journey, location: Location | SaidLocation | None, where: str) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was somewhere else than where they live: a licence counts where the patient is,
    and emergency services go where they are."""
    if location is not None and location.state != journey.patient.state:
        yield ask_support(journey, "clinical", f"at {where} the patient was not in the state where they live")


def react_evaluation(journey: Journey, body: e.EvaluationRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was elsewhere at the evaluation."""
    yield from check_location(journey, body.location, "the evaluation")


def react_visit(journey: Journey, body: e.VisitRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was elsewhere at a visit."""
    yield from check_location(journey, body.location, body.visit)


def react_check_in(journey: Journey, body: e.CheckInCompleted, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was elsewhere at a check-in."""
    yield from check_location(journey, body.location, body.check_in)


def react_therapy(journey: Journey, body: e.TherapyRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was elsewhere at a session of psychotherapy."""
    yield from check_location(journey, body.location, "psychotherapy")


def react_education(
    journey: Journey, body: e.TopicsExplained | e.UnderstandingConfirmed, at: datetime
) -> Iterator[e.EventBody]:
    """Ask a clinician when the patient was elsewhere while topics were explained, or told back."""
    yield from check_location(journey, body.location, "the education")


def react_crisis_contact(journey: Journey, body: e.CrisisContactRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when a patient at risk was elsewhere."""
    yield from check_location(journey, body.location, body.crisis)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask where emergency services are to be sent, before the first session."""
    if journey.stage in (Stage.EDUCATION, Stage.SESSIONS) and journey.patient.dispatch_address_ref is None:
        yield require(
            DISPATCH_ADDRESS,
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            what="record the address that emergency services are sent to",
            care=False,
        )


DECISIONS: Decisions = {
    c.UpdatePatient: update,
    c.CorrectBirthDate: correct_birth_date,
}
REACTIONS: Reactions = {
    e.BirthDateCorrected: react_birth_date,
    e.EvaluationRecorded: react_evaluation,
    e.VisitRecorded: react_visit,
    e.CheckInCompleted: react_check_in,
    e.TherapyRecorded: react_therapy,
    e.TopicsExplained: react_education,
    e.UnderstandingConfirmed: react_education,
    e.CrisisContactRecorded: react_crisis_contact,
}
