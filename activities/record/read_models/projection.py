"""Applies recorded events to states. An event that cannot be applied is returned, never raised. No I/O."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from activities.record.event_codec import from_stored
from activities.record.read_models.row_types import RowDiff
from activities.record.read_models.rows import ProjectionState, apply, diff
from activities.record.stored import StoredEvent


class Unapplied(NamedTuple):
    """The first event of a journey that could not be applied, and why: the name of an error. Its text is left out,
    because it may quote the event."""

    journey_id: UUID
    version: int
    position: int
    code: str


def unapplied(event: StoredEvent, error: Exception) -> Unapplied:
    return Unapplied(event.journey_id, event.version, event.position, type(error).__name__)


def apply_events(
    state: ProjectionState | None, events: Iterable[StoredEvent]
) -> tuple[ProjectionState | None, Unapplied | None]:
    """Apply more events to the state of their journey. Return the state, and the first event that cannot be applied."""
    for event in events:
        try:
            state = apply(state, from_stored(event), event.position, event.recorded_at)
        except Exception as error:
            return state, unapplied(event, error)
    return state, None


def diff_states(
    before: ProjectionState | None, after: ProjectionState | None, first: StoredEvent
) -> tuple[RowDiff | None, Unapplied | None]:
    """Return what has to be written after some events, with the first of them. Nothing if none could be applied."""
    if after is None or after is before:
        return None, None
    try:
        return diff(before, after), None
    except Exception as error:
        return None, unapplied(first, error)
