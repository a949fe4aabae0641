"""What was told of a fact before a correction that waits for a second person.

The rule: a correction by one person takes no watch away. What was owed by the fact as it was told before is owed until
somebody else has confirmed that it was not so.
"""

from typing import Any

from workflows.journey.envelopes import Changes, change_entry

KEPT = {"session.dosed": "doses", "visit.recorded": "contacts"}
"""The kinds of fact of which it is kept, and where."""


def forget_told_before(journey: Any, correction: int) -> Changes:
    """Return what changes once this correction waits no more: what was told before it counts no more, unless another
    correction of the same fact waits."""
    about, waiting = journey.corrections[correction].about, journey.unconfirmed
    others = (made for version, made in waiting.items() if version != correction and not made.in_error)
    if any((made.about.kind, made.about.subject) == (about.kind, about.subject) for made in others):
        return {}
    kept = KEPT.get(about.kind)
    return {} if kept is None else change_entry(journey, kept, about.subject, told_before=())
