"""Handing over what is still watched when a pathway ends: to a named receiver, by a signed decision.

The rule: no ending takes the watch away. A session that runs, its observations and the contacts after the last dose
are brought to their end, or somebody else takes them over, who is known and has agreed, and a clinician signs for it.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.handover.model import Receiver
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.watch import contacts_watched, may_receive, sessions_watched


def propose(journey: Journey, command: c.ProposeHandover, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Propose a handover of what is still watched, in a pathway that ends, of a patient at risk, or of one who was
    sought in vain."""
    at_risk, lost = bool(journey.open_crises), any(each.open and each.lost for each in journey.contacts.values())
    if journey.closing is None and not (at_risk or lost):
        refuse(
            RefusalCode.WRONG_STAGE,
            "the pathway does not end: what is watched goes on here",
            "End it first (`pathway transfer`, `pathway stop` or `pathway withdraw`)",
        )
    if not (at_risk or sessions_watched(journey) or contacts_watched(journey)):
        refuse(RefusalCode.ALREADY_DONE, "nothing is left to hand over", "See `pathway why` for what is awaited")
    _require_somebody(journey, command.receiver, by, at)
    yield e.HandoverProposed(receiver=command.receiver, reason=command.reason)


def _require_somebody(journey: Journey, receiver: Receiver, by: Actor, at: datetime) -> None:
    """Refuse a receiver who has not agreed, who is the patient or whoever proposes it, or whom the register does not
    say to be a clinician who may practise where the patient is, at whichever clinic.

    Raises:
        RefusalRaised: one of these is so.
    """
    if not receiver.accepted:
        refuse(
            RefusalCode.INCOMPLETE,
            "they have not agreed to take over",
            "Speak with them first: until they agree, the watch goes on here",
            "receiver.accepted",
        )
    if any(journey.is_patient(told) for told in (receiver.person, receiver.name) if told is not None):
        refuse(
            RefusalCode.CONTRADICTS,
            "the patient does not watch over themselves",
            "Name who takes over, and agreed to it",
            "receiver",
        )
    if receiver.person is not None and is_same_person(journey, by.id, receiver.person, by.licence):
        refuse(RefusalCode.CONTRADICTS, "nobody hands the watch to themselves", "It goes on here", "receiver.person")
    if not may_receive(journey, receiver, at):
        refuse(
            RefusalCode.NOT_ALLOWED,
            "the register has no clinician of this id who may practise where the patient is now",
            "Correct the id, or give `name`, `organisation` and `reached_by` of a clinician from elsewhere",
            "receiver.person",
        )


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the signature under a handover, as long as there is something to hand over in a pathway that ends."""
    if journey.handover is None or journey.closing is None:
        return
    if not (sessions_watched(journey) or contacts_watched(journey)):
        return
    asked = sign_off_requirement(journey, SignOffKind.HANDOVER)
    if asked:
        yield asked


DECISIONS: Decisions = {
    c.ProposeHandover: propose,
}
