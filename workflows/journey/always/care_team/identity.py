"""Who is the same person: one id, or one licence number in one state under two ids."""

from collections.abc import Collection, Iterator
from typing import Protocol

from workflows.journey.vocabulary.actors import CareTeamMember, Licence, is_one_licence


class Signed(Protocol):
    """What somebody signed: who, and with which licence."""

    @property
    def by(self) -> str:
        """Return who signed."""

    @property
    def licence(self) -> Licence:
        """Return the licence they signed with."""


class PeopleKnown(Protocol):
    """Of whom a journey knows licences."""

    @property
    def members(self) -> tuple[CareTeamMember, ...]:
        """Return what the register said of people."""

    @property
    def sign_offs(self) -> tuple[Signed, ...]:
        """Return what people signed."""


def is_same_person(journey: PeopleKnown, one: str, other: str, licence: Licence | None = None) -> bool:
    """Whether two ids stand for one person, as far as this journey knows. ``licence`` is what ``one`` acts with."""
    if one == other:
        return True
    own = (*licences_of(journey, one), *(() if licence is None else (licence,)))
    return any(is_one_licence(each, theirs) for each in own for theirs in licences_of(journey, other))


def shares_licence(
    journey: PeopleKnown, person: str, theirs: Collection[Licence], licence: Licence | None = None
) -> bool:
    """Whether somebody has one of these licences. ``licence`` is what they act with."""
    own = (*licences_of(journey, person), *(() if licence is None else (licence,))) if theirs else ()
    return any(is_one_licence(each, held) for each in own for held in theirs)


def licences_of(journey: PeopleKnown, person: str) -> Iterator[Licence]:
    """Return the licences under which somebody is known: from the register, and from what they signed."""
    yield from (member.licence for member in journey.members if member.id == person and member.licence is not None)
    yield from (signed.licence for signed in journey.sign_offs if signed.by == person)
