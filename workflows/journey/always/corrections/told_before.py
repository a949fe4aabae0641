"""What was told of a fact before a correction that waits for a second person.

The rule: a correction by one person takes no watch away. What was owed by the fact as it was told before is owed until
somebody else has confirmed that it was not so. However often it is corrected, all of that is kept that something more
is owed by: of more than so many tellings, one that lies between others is left out.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from workflows.journey.envelopes import Changes, change_entry

Told = TypeVar("Told")
KEPT = {"session.dosed": "doses", "visit.recorded": "contacts"}
"""The kinds of fact of which it is kept in an entry, and where. Of the evaluation each rating is kept once, of the
screening each exclusion that was answered yes."""
MOST = 10
"""How many tellings of one fact are kept, before one is left out that lies between others."""


def keep_told(told: tuple[Told, ...], adds_nothing: Callable[[Told, tuple[Told, ...]], bool]) -> tuple[Told, ...]:
    """Return these tellings of a fact, oldest first; where they are too many, without the newest one by which nothing
    is owed beside the others."""
    if len(told) > MOST:
        for place in range(len(told) - 1, 0, -1):
            others = (*told[:place], *told[place + 1 :])
            if adds_nothing(told[place], others):
                return others
    return told


def forget_told_before(journey: Any, correction: int) -> Changes:
    """Return what changes once this correction waits no more: what was told before it counts no more, unless another
    correction of the same fact waits."""
    about, waiting = journey.corrections[correction].about, journey.unconfirmed
    others = (made for version, made in waiting.items() if version != correction and not made.in_error)
    if any((made.about.kind, made.about.subject) == (about.kind, about.subject) for made in others):
        return {}
    kept = KEPT.get(about.kind)
    if about.kind == "evaluation.recorded":
        return {"evaluation": journey.evaluation.model_copy(update={"told_before": {}})}
    if about.kind == "screening.recorded":
        return {"screening": journey.screening.model_copy(update={"told_yes": ()})}
    return {} if kept is None else change_entry(journey, kept, about.subject, told_before=())
