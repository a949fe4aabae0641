"""Who is next, of all that waits: what is urgent first, then what can be read, and each sender in turn. Pure.

So whoever sends very much delays only what they send themselves. Who sends without the keys of the service may call
themselves anybody, so all of them together are one sender, whose turn comes after that of the others.
"""

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol, TypeVar


class Rank(IntEnum):
    """What goes before what."""

    URGENT = 0
    """A hold, a report of harm, a call for help: what anybody may send."""
    READABLE = 1
    REST = 2


class Waits(Protocol):
    """Something that waits. No ``sender`` is one who has not the keys."""

    @property
    def rank(self) -> Rank:
        """What it goes before."""

    @property
    def sender(self) -> str:
        """Who sent it."""


AT_ONCE = 10
"""How many of one sender go by their rank at a time. A flood of what is urgent waits behind what others sent."""

W = TypeVar("W", bound=Waits)


def sort_by_turn(waiting: Sequence[W]) -> list[W]:
    """Return what waits in the order in which it is to be taken. What one sender sent of the same rank keeps its
    order."""
    sent: Counter[tuple[Rank, str]] = Counter()
    turns = []
    for number, each in enumerate(waiting):
        before = sent[each.rank, each.sender]
        turns.append((each.rank if before < AT_ONCE else len(Rank), before, not each.sender, number))
        sent[each.rank, each.sender] += 1
    return [waiting[number] for *_, number in sorted(turns)]


def drop_taken(waiting: Sequence[W], taken: Sequence[W]) -> list[W]:
    """Return what still waits, in the order in which it came."""
    gone = {id(each) for each in taken}
    return [each for each in waiting if id(each) not in gone]
