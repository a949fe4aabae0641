"""Who is the same person: one id, or one licence number in one state under two ids."""

from collections.abc import Iterator

from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.actors import Licence, is_one_licence


def is_same_person(journey: Journey, one: str, other: str, licence: Licence | None = None) -> bool:
    """Whether two ids stand for one person, as far as this journey knows. ``licence`` is what ``one`` acts with."""
    if one == other:
        return True
    own = (*licences_of(journey, one), *(() if licence is None else (licence,)))
    return any(is_one_licence(each, theirs) for each in own for theirs in licences_of(journey, other))


def licences_of(journey: Journey, person: str) -> Iterator[Licence]:
    """Return the licences under which somebody is known: from the register, and from what they signed."""
    yield from (member.licence for member in journey.members if member.id == person and member.licence is not None)
    yield from (signed.licence for signed in journey.sign_offs if signed.by == person)
