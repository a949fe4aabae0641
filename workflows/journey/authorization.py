"""Whether a person may decide something now, and if not, why. Every way in asks here.

Software never widens it: a right comes from a role the protocol names, or from a named colleague who has that role
and delegated it until a time. Sources: 21 CFR 11.10(g) (authority checks), 11.100 (a signature is one person's own),
11.200(a)(3) (misuse takes two people); a licence counts where the patient is.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.sign_offs.model import Delegation, SignOff
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def may_decide(
    journey: Journey, kind: SignOffKind, subject: str | None, actor: Actor, at: datetime, first: SignOff | None = None
) -> Refusal | None:
    """Say why this person may not decide this matter at a moment (UTC); None when they may.

    ``first`` is the first of two approvals, if it waits for the second.
    """
    return next(_objections(journey, kind, subject, actor, at, first), None)


def first_objection(journey: Journey, kind: SignOffKind, first: SignOff, at: datetime) -> Refusal | None:
    """Say why the first of two approvals counts no more at a moment (UTC): what takes two people takes effect only
    while both may sign it. None when it counts."""
    roles = journey.protocol.sign_offs[kind].roles
    may = _authority(journey, kind, roles, first.by, first.role, at)
    if not (may and first.licence.covers(first.state, at) and _is_entered(journey, first, at)):
        return _not_allowed(
            "whoever signed first may not sign this any more: their right, licence or entry has ended",
            "Return it and say so; once that is answered, two people sign it anew",
        )
    asked_about = [member.id for member in journey.members]
    if first.by in asked_about and any(whose in asked_about for whose in may):
        return None
    return _not_allowed(
        "the register was not asked whether whoever signed first may still sign",
        "Sign it with `starter.py` or the console, which ask",
    )


def needs_licence(body: c.CommandBody) -> bool:
    """Whether a clinician needs a licence where the patient is to send this: to decide, and to write what is decided
    on. Whoever tells what happened needs none, nor to correct that."""
    sent = body.correction if isinstance(body, c.Amend) else body
    return sent.licensed and not sent.fact


def licence_objection(journey: Journey, actor: Actor, at: datetime) -> Refusal | None:
    """Say why a clinician's licence does not cover this journey at a moment (UTC); None when it does."""
    licence = actor.licence
    if licence is None:
        return _not_allowed("this needs a licensed clinician", "Put the licence into your profile")
    if licence.ends(journey.patient.state) <= at:
        return _not_allowed("your licence has expired", "Renew it, or hand this to a colleague")
    if journey.patient.state not in licence.states:
        return _not_allowed(
            "your licence does not cover the state the patient is in", "Hand this to a colleague licensed there"
        )
    return None


def cosigners(journey: Journey, kind: SignOffKind) -> tuple[Role, ...]:
    """Return the roles of which a second person must have one for an approval to count; none where one person is
    enough."""
    rule, tried = journey.protocol.sign_offs[kind], journey.protocol.eligibility.prior_treatments
    if kind == SignOffKind.EVALUATION and journey.evaluation.treatment_exception is not None:
        return tried.exception_cosigned_by or rule.cosigned_by
    return rule.cosigned_by


def authors(journey: Journey, kind: SignOffKind, subject: str | None) -> tuple[str, ...]:
    """Return who wrote what a sign-off is about, the latest last."""
    return SIGN_OFF_TYPES[kind].authors(journey, subject)


def _objections(
    journey: Journey, kind: SignOffKind, subject: str | None, actor: Actor, at: datetime, first: SignOff | None
) -> Iterator[Refusal]:
    rule = journey.protocol.sign_offs[kind]
    if journey.is_patient(actor.id, actor.licence):
        yield _not_allowed("nobody decides on their own treatment", "Have a clinician of the clinic decide")
    if actor.name is None or actor.licence is None:
        yield _not_allowed("a signature shows a printed name and a licence", "Complete your profile")
    licensed = licence_objection(journey, actor, at)
    if licensed is not None:
        yield licensed
    roles = rule.roles if first is None else cosigners(journey, kind)
    authority = _authority(journey, kind, roles, actor.id, actor.role, at)
    if not authority:
        yield _not_allowed(
            f"a {actor.role.value} may not sign this; the protocol asks for {' or '.join(roles)}",
            "Have one of them sign, or delegate it to you (`signoff delegate`)",
        )
    wrote = authors(journey, kind, subject) if rule.not_author else ()
    if any(is_same_person(journey, actor.id, author, actor.licence) for author in wrote):
        yield _not_allowed("who wrote this does not decide on it", "Have a colleague decide")
    if all(any(is_same_person(journey, whose, author) for author in wrote) for whose in authority):
        yield _not_allowed("your right to sign this comes from who wrote it", "Have a colleague decide")
    if first is not None and is_same_person(journey, actor.id, first.by, actor.licence):
        yield _not_allowed("you have signed this; it takes a second person", "Have a colleague sign it too")
    earlier = () if first is None else _authority(journey, kind, rule.roles, first.by, first.role, first.at)
    # Two signatures that rest on the right of one person are that person's decision, in whatever order they come.
    rests_on = (*authority, *earlier)
    if first is not None and all(is_same_person(journey, rests_on[0], whose) for whose in rests_on):
        yield _not_allowed("both signatures would rest on one person's right", "Have somebody else be the second")


def _authority(
    journey: Journey, kind: SignOffKind, roles: tuple[Role, ...], person: str, role: Role, at: datetime
) -> tuple[str, ...]:
    """On whose authority a person may sign this at a moment: their own, and that of colleagues who delegated it."""
    own = (person,) if role in roles else ()
    return (*own, *(given.by for given in delegations_of(journey, kind, roles, person, at)))


def delegations_of(
    journey: Journey, kind: SignOffKind, roles: tuple[Role, ...], person: str, at: datetime
) -> tuple[Delegation, ...]:
    """Return what was delegated to a person and gives them one of these roles for this kind at a moment. It ends with
    what its giver has: their licence, and their entry, as far as this journey knows it. The patient lends none, also
    where it comes out later that they are."""
    return tuple(
        given
        for given in journey.delegations.values()
        if given.to == person and given.role in roles and kind in given.sign_offs and lasts(journey, given, at)
    )


def lasts(journey: Journey, given: Delegation, at: datetime) -> bool:
    """Whether a right that was lent still is at a moment (UTC), as far as this journey knows."""
    return (
        at < given.until
        and given.licence.covers(journey.patient.state, at)
        and _is_entered(journey, given, at)
        and not journey.is_patient(given.by)
    )


def _is_entered(journey: Journey, given: Delegation | SignOff, at: datetime) -> bool:
    """Whether its giver or signer still works for the clinic in their role, where the register told the journey."""
    told = [member for member in journey.members if (member.id, member.role) == (given.by, given.role)]
    return not told or any(member.works_at(journey.clinic, at) for member in told)


def _not_allowed(reason: str, remedy: str) -> Refusal:
    return Refusal(code=RefusalCode.NOT_ALLOWED, reason=reason, remedy=remedy)
