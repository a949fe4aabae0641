"""Handing over what is still watched when a pathway ends: to a named receiver, by a signed decision.

The rule: no ending takes the watch away. A session that runs, its observations and the contacts after the last dose
are brought to their end, or somebody else takes them over by name, and a clinician signs for it.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.watch import contacts_watched, sessions_watched


def propose(journey: Journey, command: c.ProposeHandover, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Propose a handover of what is still watched, in a pathway that ends."""
    if journey.closing is None:
        refuse(
            RefusalCode.WRONG_STAGE,
            "the pathway does not end: what is watched goes on here",
            "End it first (`pathway transfer`, `pathway stop` or `pathway withdraw`)",
        )
    if not sessions_watched(journey) and not contacts_watched(journey):
        refuse(RefusalCode.ALREADY_DONE, "nothing is left to hand over", "See `pathway why` for what is awaited")
    if journey.is_patient(command.receiver):
        refuse(
            RefusalCode.CONTRADICTS,
            "the patient does not watch over themselves",
            "Name who takes over, and agreed to it",
            "receiver",
        )
    yield e.HandoverProposed(receiver=command.receiver, reason=command.reason)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the signature under a handover, as long as there is something to hand over."""
    if journey.handover is None or not (sessions_watched(journey) or contacts_watched(journey)):
        return
    asked = sign_off_requirement(journey, SignOffKind.HANDOVER)
    if asked:
        yield asked


DECISIONS: Decisions = {
    c.ProposeHandover: propose,
}
