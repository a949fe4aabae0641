"""Who may look at a journey, and emergency access from outside (45 CFR 164.312(a)(2)(ii)).

The people of its clinic may look, and those whom the plan of care names. Anybody else breaks the glass: with a reason,
for a limited time, and reviewed afterwards by somebody else. The protocol names the reviewers in order, so that a
clinic with one person in each role has somebody left.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.access.model import Access
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.care_team.rules import list_duties
from workflows.journey.authorization import lasts
from workflows.journey.obligation_types import ACCESS_REVIEW
from workflows.journey.protocol import AccessReviewer, Protocol
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse


def may_look(journey: Journey, person: str, clinics: Collection[str], at: datetime) -> bool:
    """Whether a person who works for these clinics may look at a journey at a moment (UTC) without breaking the
    glass."""
    return journey.clinic in clinics or person in _list_named(journey, at)


def _list_named(journey: Journey, at: datetime) -> Iterator[str]:
    """Return the patient, those of whom something is awaited here or who have a part in a session that has not ended,
    and to whom a right is lent, as long as each of these lasts. To have acted is not enough: otherwise everybody who
    sent the journey a command would have given themselves access; nor is to have had a part."""
    yield journey.patient.ref
    yield from (person for person, owner in list_duties(journey) if not journey.has_left(person, owner))
    gone = [left.person for left in journey.left]
    yield from (
        given.to for given in journey.delegations.values() if given.to not in gone and lasts(journey, given, at)
    )


def break_glass(journey: Journey, command: c.BreakGlass, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that somebody looks from outside the clinic. It is never refused: an emergency does not wait."""
    yield e.GlassBroken(access=f"access-{len(journey.accesses) + 1}", reason=command.reason)


def review(journey: Journey, command: c.ReviewAccess, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a review, by somebody the protocol asks, and never by the person who looked."""
    access = journey.accesses.get(command.access)
    if access is None:
        refuse(RefusalCode.UNKNOWN, "there is no such access", "See `pathway show`", "access")
    if access.justified is not None:
        refuse(RefusalCode.ALREADY_DONE, "this access has been reviewed", "Nothing is left to do", "access")
    if is_same_person(journey, by.id, access.by, by.licence):
        refuse(RefusalCode.NOT_ALLOWED, "who looked does not review it", "Have somebody else review it")
    roles = [reviewer.by.value for reviewer in _reviewers(journey.protocol, access)]
    if by.role not in roles:
        refuse(
            RefusalCode.NOT_ALLOWED,
            f"a {by.role.value} may not review this; the protocol asks for {' or '.join(roles)}",
            "Have one of them review it",
        )
    yield e.AccessReviewed(**command.model_dump(exclude={"kind"}))


def _reviewers(protocol: Protocol, access: Access) -> tuple[AccessReviewer, ...]:
    """Return who may review an access; the last one is asked. It is the protocol's first role, or the next one while
    that is the role of the person who looked. So no review needs a second person in one role, whom a small clinic may
    lack."""
    named = protocol.access_reviewers
    others = (place for place, reviewer in enumerate(named, start=1) if reviewer.by != access.role)
    return named[: next(others, len(named))]


def _review(access: Access, protocol: Protocol) -> Iterator[Requirement]:
    """Ask for a review of an access from outside that was not reviewed, even after the pathway has closed."""
    if access.justified is None:
        *_, asked = _reviewers(protocol, access)
        yield require(
            ACCESS_REVIEW,
            subject=access.id,
            owner=asked.by,
            policy=asked.escalation_policy,
            what="review why somebody from outside the clinic looked",
            care=False,
        )


EACH_NEEDS = (each_needs("accesses", _review, "protocol"),)
DECISIONS: Decisions = {
    c.BreakGlass: break_glass,
    c.ReviewAccess: review,
}
