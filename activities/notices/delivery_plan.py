"""What is to be done next about a notice: whom to try at which point, and when to look again. Pure.

Each person has points in the order of their wish. One that refuses for good, or that was tried often enough, is given
up for the next. A notice is told to all at once. An alarm goes to one person after the other, until one says that they
have it: the next one's turn comes when the one before cannot be reached, or said nothing for a while.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

NEXT_PERSON = timedelta(minutes=3)
"""How long somebody has to say that they have an alarm before the next one is paged too."""
ALARM_PAUSES = (5, 15, 30)
PAUSES = (30, 300, 1800, 7200)
"""Seconds after each attempt at one point before the next one there. After the last there is none."""
ENDS = ("acknowledged", "handled")
"""What ends everything: somebody said that they have it."""
REACHED = ("accepted", "muted")
"""What tells that somebody was reached, unless what was accepted at a point came back from there later (`bounced`)."""


class DeliveryFact(NamedTuple):
    """What became of a notice, and when (UTC): of which person, at which point."""

    person: str
    point: str
    state: str
    at: datetime


class Target(NamedTuple):
    """A person to be reached, and the ids of their points, the first one first."""

    person: str
    points: tuple[str, ...]


class Try(NamedTuple):
    """An attempt to make now."""

    person: str
    point: str


class DeliveryPlan(NamedTuple):
    """What to do now, and when (UTC) to look again; None: never. ``arrived``: somebody was reached."""

    tries: tuple[Try, ...]
    again: datetime | None
    arrived: bool


class _Stand(NamedTuple):
    """How it stands with one person: the point that is tried next and when, or that they were reached, or neither."""

    point: str | None
    at: datetime | None
    reached: bool


def plan(targets: Sequence[Target], facts: Sequence[DeliveryFact], now: datetime, *, alarm: bool) -> DeliveryPlan:
    """Work out what is next at a moment (UTC). What had failed is tried once more at each point that takes messages;
    where a person wants it sent again, at all of them."""
    pauses: Sequence[int] = ALARM_PAUSES if alarm else PAUSES
    asked = max((number for number, fact in enumerate(facts) if fact.state == "requeued"), default=0)
    gone = {(fact.person, fact.point) for fact in facts[asked:] if fact.state == "bounced"}
    failed = [number for number, fact in enumerate(facts, 1) if fact.state == "failed"]
    if failed:
        pauses, facts = (), facts[failed[-1] :]
    targets = [Target(who, tuple(each for each in points if (who, each) not in gone)) for who, points in targets]
    stands = [(target, _stand(target, facts, now, pauses)) for target in targets]
    arrived = any(stand.reached for _, stand in stands) or any(fact.state in ENDS for fact in facts)
    if any(fact.state in ENDS for fact in facts):
        return DeliveryPlan((), None, arrived)
    tries: list[Try] = []
    times: list[datetime] = []
    for begins, target, stand in _turns(stands, facts, now) if alarm else ((now, *each) for each in stands):
        if begins > now:
            times.append(begins)
        elif stand.point is not None and stand.at is not None:
            if stand.at <= now:
                tries.append(Try(target.person, stand.point))
            else:
                times.append(stand.at)
    return DeliveryPlan(tuple(tries), min(times, default=None), arrived)


def _turns(
    stands: Sequence[tuple[Target, _Stand]], facts: Sequence[DeliveryFact], now: datetime
) -> Iterator[tuple[datetime, Target, _Stand]]:
    """The people in their order, and when (UTC) the turn of each comes. Behind one whose turn has not come nobody's
    has."""
    begins = now
    for target, stand in stands:
        yield begins, target, stand
        if begins > now:
            return
        given_up = stand.point is None and not stand.reached
        first = min((fact.at for fact in facts if fact.person == target.person), default=now)
        begins = now if given_up else first + NEXT_PERSON


def _stand(target: Target, facts: Sequence[DeliveryFact], now: datetime, pauses: Sequence[int]) -> _Stand:
    of_person = [fact for fact in facts if fact.person == target.person]
    ends = {fact.point: fact.state for fact in of_person if fact.state in (*REACHED, "bounced")}
    if any(state in REACHED for state in ends.values()):
        return _Stand(None, None, reached=True)
    for point in target.points:
        there = [fact for fact in of_person if fact.point == point]
        attempts = [fact for fact in there if fact.state == "sent"]
        if len(attempts) > len(pauses):
            continue
        if not attempts:
            return _Stand(point, now, reached=False)
        if there[-1].state == "sent":
            # Nobody said what became of it: whoever sent it has died. It is sent again, under the same id.
            return _Stand(point, now, reached=False)
        return _Stand(point, there[-1].at + timedelta(seconds=pauses[len(attempts) - 1]), reached=False)
    return _Stand(None, None, reached=False)
