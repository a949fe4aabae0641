"""What was worked out about a state of a journey, kept for those who begin there."""

from copy import copy

from workflows.journey.aggregate import Journey
from workflows.journey.needs import needs


def with_own_memory(journey: Journey) -> Journey:
    """The same state, and what was worked out about it so far: what others go on to work out is no part of it."""
    own = journey.model_copy()
    vars(own)["memory"] = {question: copy(known) for question, known in journey.memory.items()}
    return own


def looked_through(journey: Journey) -> Journey:
    """The same state, of which all was worked out that each command asks."""
    own = journey.model_copy()
    vars(own)["memory"] = {}
    list(needs(own))
    return own
