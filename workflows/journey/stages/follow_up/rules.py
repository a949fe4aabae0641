"""Contacts after sessions and open-ended follow-up: check-ins, visits, instruments, until a signed discharge.

A contact is made from when it opens to when it closes. What comes sooner is recorded and acts, and the contact stays
owed; what comes later is late; and a clinician decides on what was late or missed, before the next dose.

Sources: treatment is not a one-time event; check-ins are required; every follow-up assesses symptoms, side
effects and overall response; some people need longer-term monitoring, so only a signed discharge ends it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.safety.model import ask_support
from workflows.journey.entries import find
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.instruments import C_SSRS_FORMS
from workflows.journey.obligation_types import CHECK_IN, FOLLOW_UP_VISIT, MEASURE, MISSED_CONTACT, NO_SHOW, VISIT
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.stages.evaluation.rules import require_rated
from workflows.journey.stages.follow_up.model import VISITS, OwedContact, is_patients_word
from workflows.journey.stages.follow_up.scheduling import (
    make_unscheduled,
    plan_next_check_in,
    plan_next_measure,
    plan_next_visit,
    react_ending,
    react_measure,
    react_session,
    react_stage,
    react_visit,
)
from workflows.journey.stages.follow_up.trends import find_worsened
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.clinical import state_problem
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.severity import OF_UNWELL, OF_WORSENING, worst
from workflows.journey.vocabulary.stage import Stage
from workflows.journey.watch import is_owed_after_dose

CONTACTS = {
    CHECK_IN.kind: (CHECK_IN, Role.PATIENT, "answer the check-in"),
    VISIT.kind: (VISIT, Role.CLINICIAN, "visit the patient"),
    FOLLOW_UP_VISIT.kind: (FOLLOW_UP_VISIT, Role.CLINICIAN, "make the follow-up visit"),
    MEASURE.kind: (MEASURE, Role.PATIENT, "fill in the questionnaire"),
}
"""What each type of contact asks for, and of whom."""


def complete_check_in(journey: Journey, command: c.CompleteCheckIn, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record what the patient says, whenever it is said: as the answer to the check-in in its window, as a late answer
    after it, and as a check-in that nobody owed before it, or where another answer or a session came first.

    Staff answer in the patient's place where they spoke with the patient. What others told them, or what came as a
    message, is recorded and acts, and the check-in stays owed: nobody has reached the patient."""
    contact = _find_contact(journey, command.check_in, ("check_in",), "check_in")
    require_rated(journey, command.symptoms)
    lacking = [name for name in journey.protocol.symptoms.names if name not in command.symptoms]
    # Whoever is unwell is heard at once, with what they say.
    if lacking and command.feeling == "well":
        refuse(RefusalCode.INCOMPLETE, f"not rated: {', '.join(lacking)}", "Rate each symptom", "symptoms")
    own = by.role == Role.PATIENT
    if not own and command.feeling == "well" and None in (command.told_by, command.told_over):
        refuse(
            RefusalCode.INCOMPLETE,
            "this is not said by the patient themselves",
            "Say who told you, and how you spoke",
            "told_by" if command.told_by is None else "told_over",
        )
    answer = command.model_dump(exclude={"kind"})
    answer["not_understood"] = state_problem(command.location.state, "location.state")
    if at < contact.opens or not contact.open or not is_patients_word(command, by.role):
        unscheduled = make_unscheduled(journey, contact, at)
        yield e.ContactsScheduled(contacts=(unscheduled,))
        yield e.CheckInCompleted(**{**answer, "check_in": unscheduled.id})
    else:
        yield e.CheckInCompleted(**answer, late=at > contact.closes)


def react_check_in(journey: Journey, body: e.CheckInCompleted, at: datetime) -> Iterator[e.EventBody]:
    """Ask for support at once if the patient feels unwell, and ask a clinician when a symptom is very high, or worse
    again and again. Between sessions, plan the next check-in."""
    found = []
    if body.feeling == "unwell":
        found.append((OF_UNWELL, f"feels unwell at {body.check_in}"))
    if body.check_in in find_worsened(journey):
        found.append((OF_WORSENING, "a symptom was rated very high, or worse again and again"))
    if found:
        yield ask_support(journey, worst(*(severity for severity, _ in found)), "; ".join(what for _, what in found))
    yield from plan_next_check_in(journey, at)


def record_visit(journey: Journey, command: c.RecordVisit, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a visit with every assessment the protocol asks for, also one that nobody planned, or that is owed no
    more: what it found is never refused for being late."""
    contact = None if command.visit is None else _find_unmade(journey, command.visit, VISITS, "visit")
    rules = journey.protocol.follow_up
    require_known({**command.assessments}, rules.assessments, "assessments")
    require_known({**command.answers}, rules.questions, "answers")
    require_known((command.outcome,), rules.outcomes, "outcome")
    lacking = [name for name in rules.assessments if name not in command.assessments]
    require_known({**command.function}, journey.protocol.eligibility.function, "function")
    require_rated(journey, command.symptoms)
    if contact is not None and contact.type == "follow_up_visit":
        lacking += [name for name in rules.questions if name not in command.answers]
        lacking += [name for name in journey.protocol.eligibility.function if name not in command.function]
        lacking += [name for name in journey.protocol.symptoms.names if name not in command.symptoms]
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"the visit lacks {', '.join(lacking)}", "Record each of them", "assessments")
    if contact is None or at < contact.opens or contact.replaced:
        unscheduled = make_unscheduled(journey, contact, at)
        yield e.ContactsScheduled(contacts=(unscheduled,))
        yield make_visit(command.model_copy(update={"visit": unscheduled.id}))
    else:
        yield make_visit(command, late=at > contact.closes)


def make_visit(command: c.RecordVisit, *, late: bool = False) -> e.VisitRecorded:
    """Return the event of a visit."""
    return e.VisitRecorded(**command.model_dump(exclude={"kind"}), late=late)


def move_visit(journey: Journey, command: c.MoveVisit, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Give an owed visit another time. It stays in its window: moving gives nobody more time than the protocol does."""
    contact = _find_owed(journey, command.visit, VISITS, "visit")
    if command.to < at:
        refuse(RefusalCode.WRONG_TIME, "this time has passed", "Give one that is still to come", "to")
    if not contact.opens <= command.to <= contact.closes:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"this visit is held from {contact.opens:%Y-%m-%d %H:%M} to {contact.closes:%Y-%m-%d %H:%M} UTC",
            "Choose a time in its window; a visit that is needed earlier is recorded without being planned",
            "to",
        )
    yield e.VisitMoved(visit=command.visit, to=command.to, reason=command.reason)


def record_no_show(journey: Journey, command: c.RecordNoShow, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that the patient did not come. Systems, not patients, carry the burden of follow-up (Zero Suicide)."""
    contact = _find_owed(journey, command.visit, VISITS, "visit")
    if at < contact.opens:
        refuse(RefusalCode.WRONG_TIME, "nobody awaits this visit yet", "Record it once its window is open", "visit")
    yield e.NoShowRecorded(visit=command.visit, tried=command.tried)


def settle(journey: Journey, command: c.SettleContact, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a clinician's decision on a contact that was late, or was not made while its window was open."""
    contact = _find_contact(journey, command.contact, tuple(CONTACTS), "contact")
    if not contact.open and not contact.to_settle:
        refuse(
            RefusalCode.ALREADY_DONE, "nothing about this contact is to be decided", "Nothing is left to do", "contact"
        )
    if contact.open and at <= contact.closes:
        refuse(RefusalCode.WRONG_TIME, "this contact can still be made", "Make it while its window is open", "contact")
    if contact.open and journey.closing is not None and is_owed_after_dose(journey, contact):
        refuse(
            RefusalCode.NOT_ALLOWED,
            "the pathway ends: a contact after a dose is given up by no one person's word",
            "Reach the patient, or hand the contact over (`pathway propose-handover`)",
            "contact",
        )
    yield e.ContactSettled(contact=command.contact, reason=command.reason, missed=contact.open)


def react_settled(journey: Journey, body: e.ContactSettled, at: datetime) -> Iterator[e.EventBody]:
    """Plan what comes after a contact that was missed, as if it had been made."""
    contact = journey.contacts.get(body.contact)
    if contact is None or not body.missed:
        return
    match contact.type:
        case "check_in":
            yield from plan_next_check_in(journey, at)
        case "follow_up_visit":
            yield from plan_next_visit(journey, at)
        case "measure":
            yield from plan_next_measure(journey, at)


def propose_discharge(journey: Journey, command: c.ProposeDischarge, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Propose the discharge: some people need longer-term monitoring, so only a signature ends follow-up."""
    missed = find_visits_not_held(journey)
    if missed and command.without_visits_because is None:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the fixed visits are not all held: {list_some(missed, ', ')}",
            "Hold them, or say in `without_visits_because` why the patient can be discharged without: it is signed",
            "without_visits_because",
        )
    yield e.DischargeProposed(**command.model_dump(exclude={"kind"}), visits_not_held=missed)


def find_visits_not_held(journey: Journey) -> tuple[str, ...]:
    """Return the visits of the fixed schedule that nobody has held, those after a further course too."""
    again = [name for name in journey.contacts if name.startswith("follow-up-week-")]
    fixed = dict.fromkeys((*(f"follow-up-week-{week}" for week in journey.protocol.follow_up.weeks), *again))
    return tuple(name for name in fixed if name not in journey.contacts or journey.contacts[name].done_at is None)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the decisions on lost to follow-up and on the discharge."""
    for name in find(journey.contacts, _lost):
        lost = sign_off_requirement(journey, SignOffKind.LOST_TO_FOLLOW_UP, name)
        if lost:
            yield lost
    if journey.discharge is not None and journey.stage == Stage.FOLLOW_UP and journey.closing is None:
        discharge = sign_off_requirement(journey, SignOffKind.DISCHARGE)
        if discharge:
            yield discharge


def _lost(contacts: Mapping[str, OwedContact]) -> tuple[str, ...]:
    return tuple(contact.id for contact in contacts.values() if contact.open and contact.lost)


def _make(contact: OwedContact, clinician: str | None, coordinator: str | None) -> Iterator[Requirement]:
    """Ask for a contact that is open, and for a decision on one that was made too late."""
    if contact.to_settle:
        yield require(
            MISSED_CONTACT,
            subject=contact.id,
            owner=Role.CLINICIAN,
            person=clinician,
            what=_say_what("decide on the contact", contact, "that was made too late"),
            care=False,
        )
    if not contact.open:
        return
    if contact.no_show_at is not None:
        yield require(
            NO_SHOW,
            subject=contact.id,
            owner=Role.COORDINATOR,
            person=coordinator,
            what=_say_what("find another time with the patient who did not come", contact),
            care=False,
        )
    about, owner, what = CONTACTS[contact.type]
    if contact.instrument in C_SSRS_FORMS:
        owner, what = Role.CLINICIAN, "ask the C-SSRS"
    elif contact.instrument is not None:
        what = f"fill in the {contact.instrument}"
    yield require(
        about,
        subject=contact.id,
        owner=owner,
        person=clinician if owner == Role.CLINICIAN else None,
        policy=contact.escalation_policy,
        what=_say_what(what, contact),
        due=contact.due,
        care=False,
    )


def _say_what(what: str, contact: OwedContact, more: str = "") -> str:
    """Return what is to be done about a contact, told apart from others of its kind that may be open beside it."""
    return " ".join(each for each in (what, contact.which, more) if each)


EACH_NEEDS = (each_needs("contacts", _make, "clinician", "coordinator"),)


def _find_contact(journey: Journey, name: str, types: tuple[str, ...], field: str) -> OwedContact:
    contact = journey.contacts.get(name)
    if contact is None or contact.type not in types:
        refuse(RefusalCode.UNKNOWN, "there is no such contact", "See `pathway show` for what is owed", field)
    return contact


def _find_unmade(journey: Journey, name: str, types: tuple[str, ...], field: str) -> OwedContact:
    contact = _find_contact(journey, name, types, field)
    if contact.done_at is not None:
        refuse(RefusalCode.ALREADY_DONE, "this contact is recorded", "Correct it with `pathway amend`", field)
    return contact


def _find_owed(journey: Journey, name: str, types: tuple[str, ...], field: str) -> OwedContact:
    contact = _find_unmade(journey, name, types, field)
    if contact.replaced:
        refuse(RefusalCode.STALE, "a later session replaced this contact", "Answer the newer one", field)
    return contact


DECISIONS: Decisions = {
    c.CompleteCheckIn: complete_check_in,
    c.RecordVisit: record_visit,
    c.ProposeDischarge: propose_discharge,
    c.SettleContact: settle,
    c.MoveVisit: move_visit,
    c.RecordNoShow: record_no_show,
}
REACTIONS: Reactions = {
    e.InstrumentRecorded: react_measure,
    e.CheckInCompleted: react_check_in,
    e.VisitRecorded: react_visit,
    e.ContactSettled: react_settled,
    e.StageEntered: react_stage,
    e.SessionScheduled: react_session,
    e.PathwayEnding: react_ending,
}
