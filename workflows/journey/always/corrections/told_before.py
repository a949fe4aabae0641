"""What was told of a fact before a correction that waits for a second person.

The rule: a correction by one person takes no watch away. What was owed by the fact as it was told before is owed until
somebody else has confirmed that it was not so. So there is a bound to how often one fact is corrected before that.
"""

from typing import Any

from workflows.journey.always.corrections.model import Fact
from workflows.journey.envelopes import Changes, change_entry

KEPT = {"session.dosed": "doses", "visit.recorded": "contacts"}
"""The kinds of fact of which it is kept, and where."""
MOST = 10
"""How often a fact is told otherwise before a second person has decided: each time is kept, and owed by."""


def is_told_too_often(journey: Any, about: Fact) -> bool:
    """Whether a second person decides on a fact before it is corrected again."""
    kept = KEPT.get(about.kind)
    known = None if kept is None else getattr(journey, kept).get(about.subject)
    return known is not None and len(known.told_before) >= MOST


def forget_told_before(journey: Any, correction: int) -> Changes:
    """Return what changes once this correction waits no more: what was told before it counts no more, unless another
    correction of the same fact waits."""
    about, waiting = journey.corrections[correction].about, journey.unconfirmed
    others = (made for version, made in waiting.items() if version != correction and not made.in_error)
    if any((made.about.kind, made.about.subject) == (about.kind, about.subject) for made in others):
        return {}
    kept = KEPT.get(about.kind)
    return {} if kept is None else change_entry(journey, kept, about.subject, told_before=())
