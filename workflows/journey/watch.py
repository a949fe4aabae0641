"""What is watched for a patient's safety after a dose, whatever else ends."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.handover.model import Receiver
from workflows.journey.always.safety.model import ask_support
from workflows.journey.obligation_types import Outlasts
from workflows.journey.stages.follow_up.model import VISITS, OwedContact
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import CLINICAL
from workflows.journey.vocabulary.severity import Severity


def is_owed_after_dose(journey: Journey, contact: OwedContact) -> bool:
    """Whether a contact is owed because of a dose, whatever ends: within the protocol's hours after it, or after it was
    first told. So a correction of its time takes no contact away."""
    dose = journey.doses.get(contact.dose or "")
    if dose is None:
        return False
    since = max(dose.taken_at, dose.recorded_at)
    return contact.due <= since + timedelta(hours=journey.protocol.check_ins.owed_hours)


def contact_outlasts(journey: Journey, contact: OwedContact) -> Outlasts:
    """Return how far a contact is still owed once the pathway ends."""
    return Outlasts.ENDING if is_owed_after_dose(journey, contact) else Outlasts.NOTHING


def ended(journey: Journey) -> Outlasts:
    """Return how far a pathway has ended. What outlasts that is still awaited, after it is closed as well: a journey
    closes once nothing of it is left, so that whatever is awaited then was brought by a later fact."""
    if journey.closing is None:
        return Outlasts.NOTHING
    return Outlasts.DEATH if journey.died else Outlasts.ENDING


def is_given_up(journey: Journey, contact: OwedContact) -> bool:
    """Whether a contact was never made and is owed no more, since the pathway ends."""
    return contact.open and contact_outlasts(journey, contact) < ended(journey)


def contacts_watched(journey: Journey) -> tuple[OwedContact, ...]:
    """Return the contacts after a dose that are still owed."""
    return tuple(k for k in journey.contacts.values() if k.open and is_owed_after_dose(journey, k))


def hand_over(contacts: tuple[OwedContact, ...], receiver: str, sign_off: str) -> e.WatchHandedOver:
    """Return that these contacts are handed over to a receiver, by the request that was signed."""
    return e.WatchHandedOver(
        receiver=receiver,
        contacts=tuple(contact.id for contact in contacts),
        visits=tuple(contact.id for contact in contacts if contact.type in VISITS),
        sign_off=sign_off,
    )


def sessions_watched(journey: Journey) -> tuple[Session, ...]:
    """Return the sessions that run, or were released and may have begun."""
    return tuple(s for s in journey.sessions.values() if s.ended_at is None and (s.dosed_at or s.released_at))


def cancellation(journey: Journey, session: Session, reason: str, not_by: str | None) -> Iterator[e.EventBody]:
    """Return that a session will not take place, and who finds out whether its dose was taken, if it was released: at
    home the doses are counted; in the clinic another clinician than who says so (``not_by``) finds it out."""
    at_home = journey.protocol.sessions.settings[session.setting].doses_from == "home"
    released = session.released_at is not None
    yield e.SessionCancelled(session=session.number, reason=reason, to_count=released and at_home)
    if released and not at_home:
        what = f"session {session.number} was cancelled after its release: find out whether its dose was taken"
        yield ask_support(journey, Severity.CLINICAL, what, "dose", not_by=not_by)


def may_receive(journey: Journey, receiver: Receiver, at: datetime) -> bool:
    """Whether somebody may take over the watch at a moment (UTC): not the patient, and of the register's people a
    clinician who may practise where the patient is, at whichever clinic. It is asked when they are proposed, and again
    when that is signed: they may have left since."""
    if any(journey.is_patient(told) for told in (receiver.person, receiver.name) if told is not None):
        return False
    return receiver.person is None or any(
        member.id == receiver.person
        and member.role in CLINICAL
        and member.licence is not None
        and member.licence.covers(journey.patient.state, at)
        and any(member.works_at(clinic, at) for clinic in member.clinics)
        for member in journey.members
    )
