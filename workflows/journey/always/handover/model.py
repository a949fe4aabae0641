"""Handing over the watch: commands, events and state."""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from workflows.journey.always.safety.model import CrisisClosed
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.entries import as_entries
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evaluation.model import InstrumentRecorded
from workflows.journey.stages.follow_up.model import CheckInCompleted, FollowUpState, VisitRecorded, is_patients_word
from workflows.journey.stages.sessions.events import DoseRecorded
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel, Short, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage


class Receiver(InputModel):
    """Who takes over: a clinician of the register by their id (``person``), or one from elsewhere by name, organisation
    and how they are reached. ``accepted``: they said themselves that they take over."""

    person: Identifier | None = None
    name: Short | None = None
    organisation: Short | None = None
    reached_by: Short | None = None
    accepted: Flag

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        elsewhere = (self.name, self.organisation, self.reached_by)
        if (self.person is None) == (None in elsewhere) or (self.person is not None and elsewhere != (None,) * 3):
            raise ValueError("give `person`, or else `name`, `organisation` and `reached_by`")
        return self

    @property
    def called(self) -> str:
        """Who they are, in words."""
        return self.person or f"{self.name}, {self.organisation} ({self.reached_by})"


class ProposeHandover(CommandBody):
    """Propose who takes over what is still watched in a pathway that ends, a patient at risk of suicide, or one who was
    sought in vain: somebody who can be reached, and has agreed.

    Without it the running session and the contacts after the last dose go on to their end. It counts once signed: of a
    patient at risk, or sought in vain, by the decision on that.
    """

    kind: Literal["pathway.propose-handover"] = "pathway.propose-handover"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    receiver: Receiver
    reason: Text


class HandoverProposed(EventBody):
    """A clinician proposes to hand the watch over to a named receiver."""

    kind: Literal["handover.proposed"] = "handover.proposed"
    receiver: Receiver
    reason: Text


class WatchHandedOver(EventBody):
    """A named receiver watches from here on, by a signed decision; what they took over is awaited no more. ``visits``
    are those of the contacts to which the patient does not come any more."""

    kind: Literal["watch.handed-over"] = "watch.handed-over"
    receiver: Text
    contacts: tuple[Identifier, ...]
    visits: tuple[Identifier, ...] = ()
    sign_off: Identifier


class HandoverState(FollowUpState):
    """The handover that is proposed, if one is, and by whom; and when (UTC) the patient themselves last sent
    anything."""

    handover: HandoverProposed | None = None
    handover_author: Identifier | None = None
    heard_from_at: Instant | None = None


def _proposed(state: HandoverState, body: HandoverProposed, event: EventHeader) -> Changes:
    return {"handover": body, "handover_author": event.actor_id}


def _handed_over(state: HandoverState, body: WatchHandedOver, event: EventHeader) -> Changes:
    contacts = as_entries(state.contacts)
    handed_over = {
        name: contacts[name].model_copy(update={"handed_over_to": body.receiver})
        for name in body.contacts
        if name in contacts
    }
    return {"contacts": contacts.put(handed_over), "handover": None}


def _decided(state: HandoverState, body: SignedOff, event: EventHeader) -> Changes:
    declined = body.sign_off == SignOffKind.HANDOVER and body.decision == "decline"
    return {"handover": None} if declined and not body.first_of_two else {}


def _crisis_closed(state: HandoverState, body: CrisisClosed, event: EventHeader) -> Changes:
    """Whoever agreed to take this over has agreed to nothing later, also where it was settled here instead."""
    return {"handover": None} if body.to is not None or state.closing is None else {}


def _found(state: Any) -> Changes:
    """Whoever agreed to take over a patient who was sought in vain has agreed to nothing once they are found."""
    return {"handover": None} if state.closing is None and not state.open_crises else {}


def _checked_in(state: Any, body: CheckInCompleted, event: EventHeader) -> Changes:
    """What others tell of the patient has found nobody: they are sought on."""
    return _found(state) if is_patients_word(body, event.actor_role) else {}


def _visited(state: Any, body: VisitRecorded, event: EventHeader) -> Changes:
    return _found(state)


def _asked(state: Any, body: InstrumentRecorded, event: EventHeader) -> Changes:
    """A clinician asks face to face, or by video or phone."""
    return _found(state) if body.administered_by in CLINICAL else {}


def hear_from_patient(state: Any, event: EventHeader) -> Changes:
    """Return what changes where the patient themselves sent something, whatever it was: they are found. They were heard
    from when they sent it: it may have been held back since."""
    if event.actor_role != Role.PATIENT or not state.is_patient(event.actor_id):
        return {}
    heard_at = min(event.at, event.sent_at or event.at)
    return {"heard_from_at": max(heard_at, state.heard_from_at or heard_at)} | _found(state)


def _dosed(state: Any, body: DoseRecorded, event: EventHeader) -> Changes:
    """Nobody has agreed to take over the watch after a dose that they did not know of."""
    return {} if body.dose in state.doses else {"handover": None}


EVOLUTIONS: Evolutions = {
    CheckInCompleted: _checked_in,
    CrisisClosed: _crisis_closed,
    DoseRecorded: _dosed,
    HandoverProposed: _proposed,
    InstrumentRecorded: _asked,
    WatchHandedOver: _handed_over,
    SignedOff: _decided,
    VisitRecorded: _visited,
}
