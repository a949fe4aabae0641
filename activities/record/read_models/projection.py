"""Applies recorded events, so that one that cannot be applied is an answer and never an error. No I/O."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

from activities.record.event_codec import from_stored
from activities.record.read_models.rows import ProjectionState, RowDiff, apply, diff
from activities.record.store import StoredEvent


class Unapplied(NamedTuple):
    """The first event of a journey that could not be applied, and why: the name of an error, never its text, which
    may quote the event."""

    journey_id: UUID
    version: int
    position: int
    code: str


Given: TypeAlias = StoredEvent | Unapplied
"""An event of the log, or why it could not even be decoded."""


def unapplied(event: Given, error: Exception) -> Unapplied:
    return Unapplied(event.journey_id, event.version, event.position, type(error).__name__)


def apply_events(
    state: ProjectionState | None, events: Iterable[Given]
) -> tuple[ProjectionState | None, Unapplied | None]:
    """The state after more events of its journey, as far as they can be applied, and the one that cannot."""
    for event in events:
        if isinstance(event, Unapplied):
            return state, event
        try:
            state = apply(state, from_stored(event), event.position, event.recorded_at)
        except Exception as error:
            return state, unapplied(event, error)
    return state, None


def diff_states(
    before: ProjectionState | None, after: ProjectionState | None, first: Given
) -> tuple[RowDiff | None, Unapplied | None]:
    """What has to be written after some events, given the first of them; nothing, if none could be applied."""
    if after is None or after is before:
        return None, None
    try:
        return diff(before, after), None
    except Exception as error:
        return None, unapplied(first, error)


class Projected(NamedTuple):
    """A journey from its first event on: all its rows, and where it could not be applied."""

    first: Given
    new: RowDiff | None
    stopped: Unapplied | None


def project(journeys: Iterable[Sequence[Given]]) -> list[Projected]:
    """Journeys, each given with its events from the first on. One at a time is taken from what is given."""
    found = []
    for events in journeys:
        state, stopped = apply_events(None, events)
        new, unshown = diff_states(None, state, events[0])
        found.append(Projected(events[0], new, unshown or stopped))
    return found
