"""Who may sign what is asked for, as far as lists say it: which roles, who may not, and to whom it was delegated.

Lists are made without knowing who will look, and when. Whether one person may decide now is for
`authorization.may_decide` to say, before a request is shown and when it is signed.
"""

from datetime import datetime
from typing import NamedTuple

from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.authorization import authors, cosigners
from workflows.journey.evidence import first_approval
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role


class SigningRights(NamedTuple):
    """The roles that may sign, the people who may not, whatever their role, and others to whom the right was delegated
    until a moment (UTC)."""

    roles: tuple[Role, ...]
    barred: tuple[str, ...]
    delegates: tuple[tuple[str, datetime], ...]


def signing_rights(journey: Journey, kind: SignOffKind, subject: str | None) -> SigningRights:
    """Return who may sign what is asked for now. Barred is who wrote it, where the rule says so, and who signed it
    first. Patients and observers have no key to sign with, and are not named: their ids are in no list."""
    rule, first = journey.protocol.sign_offs[kind], first_approval(journey, kind, subject)
    roles = rule.roles if first is None else cosigners(journey, kind)
    had_part = (*(authors(journey, kind, subject) if rule.not_author else ()), *(() if first is None else (first.by,)))
    known = dict.fromkeys((*had_part, *(m.id for m in journey.members), *(s.by for s in journey.sign_offs)))

    def is_barred(person: str) -> bool:
        if journey.is_patient(person) or person in list_observers(journey):
            return False
        return any(is_same_person(journey, person, other) for other in had_part)

    delegates = (
        (given.to, min(given.until, given.licence.ends(journey.patient.state)))
        for given in journey.delegations.values()
        if kind in given.sign_offs
        and given.role in roles
        and journey.patient.state in given.licence.states
        and not (is_barred(given.by) or journey.is_patient(given.by))
    )
    return SigningRights(roles, tuple(filter(is_barred, known)), tuple(delegates))
