"""Contacts after sessions and follow-up: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.always.clock.model import ClockState, ObligationEscalated
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.entries import Entries, as_entries
from workflows.journey.envelopes import (
    ALWAYS,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    change_entry,
)
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evaluation.model import InstrumentRecorded
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, SortedDict, Text
from workflows.journey.vocabulary.calendars import Instant, Zone
from workflows.journey.vocabulary.clinical import Location, Ratings, SaidLocation
from workflows.journey.vocabulary.stage import Stage

Spoken = Literal["in_person", "video", "phone", "message"]
"""How somebody told staff something. A message is no live contact: nobody heard how the patient is."""


class CompleteCheckIn(CommandBody):
    """Answer a check-in that is due, or late. Feeling unwell asks for urgent support in the same step.

    Staff who answer in the patient's place say who told them (``told_by``), and how they spoke (``told_over``)."""

    kind: Literal["check-in.complete"] = "check-in.complete"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    fact: ClassVar[bool] = True
    check_in: Identifier
    feeling: Literal["well", "unwell"]
    side_effects: Text
    symptoms: Ratings = {}
    familiar_place_helped: Literal["yes", "no", "unsure"] | None = None
    """Whether the patient found that being in a familiar place helped; they need not say."""
    location: SaidLocation
    notes: Text | None = None
    told_by: Role | None = None
    told_over: Spoken | None = None


def is_patients_word(told: "CompleteCheckIn | CheckInCompleted", by: Role) -> bool:
    """Whether a check-in is what the patient said themselves: they sent it, or whoever did spoke with them. What others
    tell of them, or what came as a message, reaches nobody."""
    spoke = told.told_by == Role.PATIENT and told.told_over in ("in_person", "video", "phone")
    return by == Role.PATIENT or spoke


class RecordVisit(CommandBody):
    """Record a clinician's visit: one that is owed, or (without ``visit``) one that nobody planned. Three assessments
    and an outcome class; in follow-up also each symptom, and its effect on each area of daily life."""

    kind: Literal["visit.record"] = "visit.record"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    visit: Identifier | None = None
    assessments: SortedDict[Identifier, Text]
    answers: SortedDict[Identifier, Text] = {}
    symptoms: Ratings = {}
    function: SortedDict[Identifier, Text] = {}
    outcome: Identifier
    concurrent_care: Text
    location: Location


class MoveVisit(CommandBody):
    """Give a visit another time in its window, with the reason. It is awaited then."""

    kind: Literal["visit.move"] = "visit.move"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    visit: Identifier
    to: Instant
    reason: Text


class RecordNoShow(CommandBody):
    """Record that the patient did not come to a visit, and how it was tried to reach them. The visit stays owed."""

    kind: Literal["visit.no-show"] = "visit.no-show"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, Role.THERAPIST, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    visit: Identifier
    tried: Text


class SettleContact(CommandBody):
    """Decide on a contact that was missed: answered after its window, or not at all. Say why care may go on."""

    kind: Literal["contact.settle"] = "contact.settle"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    contact: Identifier
    reason: Text


class ProposeDischarge(CommandBody):
    """Propose to end follow-up; the discharge takes effect only when signed.

    Where fixed visits were not held, ``without_visits_because`` says why, and is part of what is signed.
    """

    kind: Literal["pathway.propose-discharge"] = "pathway.propose-discharge"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.FOLLOW_UP,)
    summary: Text
    ongoing_support: Text
    without_visits_because: Text | None = None


VISITS = ("visit", "follow_up_visit")
"""The types of contacts that the patient has with a clinician, at a time of their own."""


class Contact(ImmutableModel):
    """A contact owed to the patient: a check-in, a visit, or an instrument to be filled in.

    What is done from ``opens`` to ``closes`` is this contact; these moments (UTC) stay, wherever the patient moves.
    One that nobody owed (``unscheduled-...``) is due, opens and closes when it happened.
    """

    id: Identifier
    type: Literal["check_in", "visit", "follow_up_visit", "measure"]
    due: Instant
    opens: Instant
    closes: Instant
    escalation_policy: Identifier
    session: int | None = None
    dose: Identifier | None = None
    """The dose it is owed after, if it is."""
    instrument: Instrument | None = None
    which: Short | None = None
    """Which of its kind it is, in words that follow what is to be done, such as "24 hours after session 2"."""
    zone: Zone


class ContactsScheduled(EventBody):
    """Contacts given their due times; ``replaced`` are earlier ones these take the place of."""

    kind: Literal["contacts.scheduled"] = "contacts.scheduled"
    contacts: tuple[Contact, ...]
    replaced: tuple[Identifier, ...] = ()


class CheckInCompleted(EventBody):
    """The patient answered a check-in; ``late``: after its window. Where staff entered it, ``told_by`` is who told
    them, as far as they said, and ``told_over`` how they spoke."""

    kind: Literal["check-in.completed"] = "check-in.completed"
    safety: ClassVar[bool] = True
    check_in: Identifier
    feeling: Literal["well", "unwell"]
    side_effects: Text
    symptoms: Ratings
    familiar_place_helped: Literal["yes", "no", "unsure"] | None = None
    location: SaidLocation
    notes: Text | None = None
    told_by: Role | None = None
    told_over: Spoken | None = None
    late: bool = False
    not_understood: tuple[Text, ...] = ()
    """What of it nobody can act on: a state that there is not."""


class VisitRecorded(EventBody):
    """A clinician saw the patient: assessments, answers, a class of outcome, and what other care goes on.

    ``late``: after the window of the visit.
    """

    kind: Literal["visit.recorded"] = "visit.recorded"
    safety: ClassVar[bool] = True
    visit: Identifier
    assessments: SortedDict[Identifier, Text]
    answers: SortedDict[Identifier, Text]
    symptoms: Ratings
    function: SortedDict[Identifier, Text]
    outcome: Identifier
    concurrent_care: Text
    location: Location
    late: bool = False


class ContactSettled(EventBody):
    """A clinician decided on a contact that was answered late or, ``missed``, not at all: it is owed no more."""

    kind: Literal["contact.settled"] = "contact.settled"
    safety: ClassVar[bool] = True
    contact: Identifier
    reason: Text
    missed: bool


class VisitMoved(EventBody):
    """A visit has another time (UTC) in its window."""

    kind: Literal["visit.moved"] = "visit.moved"
    visit: Identifier
    to: Instant
    reason: Text


class NoShowRecorded(EventBody):
    """The patient did not come to a visit. It stays owed."""

    kind: Literal["visit.no-show-recorded"] = "visit.no-show-recorded"
    safety: ClassVar[bool] = True
    visit: Identifier
    tried: Text


class DischargeProposed(EventBody):
    """A clinician proposes to end follow-up, also where fixed visits were not held. It takes effect when signed."""

    kind: Literal["discharge.proposed"] = "discharge.proposed"
    summary: Text
    ongoing_support: Text
    without_visits_because: Text | None = None
    visits_not_held: tuple[Identifier, ...] = ()


class OwedContact(Contact):
    """A contact owed to the patient: when it was made (UTC), its result, and whether a later one replaced it.

    ``late``: it was made after its window. ``missed``: a clinician decided that it will not be made any more.
    """

    done_at: Instant | None = None
    no_shows: int = 0
    no_show_at: Instant | None = None
    """When the patient last did not come, as long as no other time was found."""
    late: bool = False
    missed: bool = False
    settled: Text | None = None
    """What a clinician decided about one that was late or missed."""
    replaced: bool = False
    handed_over_to: Text | None = None
    """Who makes it instead, by a signed decision."""
    lost: bool = False
    feeling: Literal["well", "unwell"] | None = None
    record: VisitRecorded | CheckInCompleted | None = None
    told_before: tuple[VisitRecorded | CheckInCompleted, ...] = ()
    """What was recorded of it before a correction that waits for a second person."""

    @property
    def open(self) -> bool:
        """Whether it is still awaited."""
        return self.done_at is None and not (self.replaced or self.missed or self.handed_over_to)

    @property
    def may_be_owed_again(self) -> bool:
        """Whether its dose, told anew, makes it owed again: unless it was made, missed or handed over."""
        return self.done_at is None and not (self.missed or self.handed_over_to)

    @property
    def to_settle(self) -> bool:
        """Whether it was made too late, and no clinician has decided on that."""
        return self.late and self.settled is None


def adds_no_review(
    told: VisitRecorded | CheckInCompleted, others: tuple[VisitRecorded | CheckInCompleted, ...]
) -> bool:
    """Whether a visit, told in this way too, is reviewed for nothing that it is not reviewed for as told otherwise."""
    return any(
        getattr(other, "outcome", None) == getattr(told, "outcome", None)
        and all(rating <= other.symptoms.get(name, -1) for name, rating in told.symptoms.items())
        for other in others
    )


class FollowUpState(ClockState):
    """The contacts owed to the patient, by their ids, and the discharge that is proposed, if one is."""

    contacts: Entries[Identifier, OwedContact] = Entries()
    discharge: DischargeProposed | None = None
    discharge_author: Identifier | None = None


def _scheduled(state: FollowUpState, body: ContactsScheduled, event: EventHeader) -> Changes:
    contacts = as_entries(state.contacts)
    replaced = {
        name: contacts[name].model_copy(update={"replaced": True}) for name in body.replaced if name in contacts
    }
    owed = {contact.id: OwedContact(**contact.model_dump()) for contact in body.contacts}
    return {"contacts": contacts.put(replaced | owed)}


def _checked_in(state: FollowUpState, body: CheckInCompleted, event: EventHeader) -> Changes:
    done = {"done_at": event.at, "late": body.late, "record": body}
    return change_entry(state, "contacts", body.check_in, feeling=body.feeling, **done)


def _visited(state: FollowUpState, body: VisitRecorded, event: EventHeader) -> Changes:
    return change_entry(state, "contacts", body.visit, done_at=event.at, late=body.late, record=body)


def _visit_moved(state: FollowUpState, body: VisitMoved, event: EventHeader) -> Changes:
    return change_entry(state, "contacts", body.visit, due=body.to, no_show_at=None)


def _not_shown(state: FollowUpState, body: NoShowRecorded, event: EventHeader) -> Changes:
    contact = state.contacts.get(body.visit)
    times = 0 if contact is None else contact.no_shows
    return change_entry(state, "contacts", body.visit, no_shows=times + 1, no_show_at=event.at)


def _settled(state: FollowUpState, body: ContactSettled, event: EventHeader) -> Changes:
    return change_entry(state, "contacts", body.contact, settled=body.reason, missed=body.missed)


def _measured(state: FollowUpState, body: InstrumentRecorded, event: EventHeader) -> Changes:
    """A complete questionnaire is what a contact of its instrument and occasion asked for."""
    owed = state.contacts.get(body.occasion)
    if owed is None or owed.type != "measure" or not owed.open or owed.instrument != body.instrument:
        return {}
    answered_at = body.answered_at or event.at
    if not body.score.complete or answered_at < owed.opens:
        return {}
    if body.instrument in C_SSRS_FORMS and body.administered_by not in CLINICAL:
        return {}
    return change_entry(state, "contacts", body.occasion, done_at=event.at, late=answered_at > owed.closes)


def _escalated(state: FollowUpState, body: ObligationEscalated, event: EventHeader) -> Changes:
    if body.action != "lost_to_follow_up" or body.obligation not in state.waiting:
        return {}
    return change_entry(state, "contacts", state.waiting[body.obligation].subject, lost=True)


def _proposed(state: FollowUpState, body: DischargeProposed, event: EventHeader) -> Changes:
    return {"discharge": body, "discharge_author": event.actor_id}


def _decided(state: FollowUpState, body: SignedOff, event: EventHeader) -> Changes:
    declined = body.sign_off == SignOffKind.DISCHARGE and body.decision == "decline"
    return {"discharge": None} if declined and not body.first_of_two else {}


EVOLUTIONS: Evolutions = {
    ContactsScheduled: _scheduled,
    CheckInCompleted: _checked_in,
    VisitRecorded: _visited,
    VisitMoved: _visit_moved,
    NoShowRecorded: _not_shown,
    ContactSettled: _settled,
    InstrumentRecorded: _measured,
    ObligationEscalated: _escalated,
    DischargeProposed: _proposed,
    SignedOff: _decided,
}
