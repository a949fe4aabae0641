"""Folded states that are kept between runs, so that a journey need not be folded from its first event.

A snapshot is a cache. It is used for a journey that has the same hash at its version, by the same code that made it,
and is never believed over events: verification and rebuilding fold from the first one.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from pydantic_core import to_json

from activities.connection_pool import Connection
from activities.record.read_models.row_types import StatusRow
from activities.record.read_models.rows import ProjectionState, trim
from activities.record.source_digest import source_digest
from activities.record.store import Record
from workflows.journey.aggregate import Journey
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.base import ImmutableModel

CODE = ("workflows.journey", "activities.record.read_models")
"""The packages that a state comes from: what folds, and what reads and writes it."""
EVERY = 32
"""After so many events a journey has a new snapshot; a long one after an eighth of its events, so that what snapshots
cost for an event does not grow with the journey."""


class StateSnapshot(NamedTuple):
    """A state, packed, of a journey at a version, where it has this hash."""

    journey_id: UUID
    version: int
    journey_hash: bytes
    made_by: bytes
    state: bytes


class _Kept(Journey):
    """A journey without its protocol, which others share."""

    protocol: Any = None


class _State(ImmutableModel):
    """The fields of a `ProjectionState` that later events need."""

    journey: _Kept
    position: int
    recorded_at: datetime
    at: datetime
    last_contact: datetime | None = None
    opened: Mapping[str, int]
    history: tuple[StatusRow, ...]


_WITHOUT_PROTOCOL: Any = {"journey": {"protocol"}, "closed": True}


def is_due(state: ProjectionState, last: int) -> bool:
    """Whether a journey should have a new snapshot, if its last is of that version. One that has ended needs none."""
    version = state.journey.version
    return not state.journey.closed and version - last >= max(EVERY, version // 8)


def snapshot_of(state: ProjectionState, journey_hash: bytes) -> StateSnapshot:
    """Pack the state of a journey that has this hash."""
    packed = to_json(trim(state)._asdict(), exclude=_WITHOUT_PROTOCOL, exclude_none=True)
    made_by = source_digest(*CODE)
    return StateSnapshot(state.journey.id, state.journey.version, journey_hash, made_by, zlib.compress(packed, 1))


def unpack(snapshot: StateSnapshot, protocols: Mapping[str, Protocol]) -> ProjectionState | None:
    """Return the state in a snapshot; None where it cannot be used, for whatever reason. ``protocols`` are those known,
    by their digests."""
    try:
        kept = _State.model_validate_json(zlib.decompress(snapshot.state))
    except (ValueError, zlib.error):
        return None
    protocol = protocols.get(kept.journey.protocol_digest)
    if protocol is None or (kept.journey.id, kept.journey.version) != (snapshot.journey_id, snapshot.version):
        return None
    journey = Journey.model_construct(kept.journey.model_fields_set, **{**dict(kept.journey), "protocol": protocol})
    return ProjectionState(**{**dict(kept), "journey": journey})


async def find(
    connection: Connection, record: Record, generation: int, journeys: Sequence[UUID], until: int
) -> list[StateSnapshot]:
    """Return the snapshots of these journeys that this code made of what the record says up to a position."""
    rows = await connection.fetch(
        "SELECT s.journey_id, s.version, s.journey_hash, s.made_by, s.state "
        f"FROM unnest($1::uuid[]) AS wanted (id) JOIN read_model_{generation:d}.snapshot s ON s.journey_id = wanted.id "
        "JOIN record.journey_event e ON e.log_id = $2 AND e.journey_id = s.journey_id AND e.version = s.version "
        "WHERE e.journey_hash = s.journey_hash AND s.made_by = $3 AND e.position <= $4",
        journeys,
        record.log_id,
        source_digest(*CODE),
        until,
    )
    kept = [StateSnapshot(*row) for row in rows]
    unseal = await record.unsealer(snapshot.state for snapshot in kept)
    found = []
    for snapshot in kept:
        # One that the codec cannot read, for whatever reason, is as if there were none.
        with suppress(Exception):
            state = unseal(snapshot.journey_id, _part(snapshot), snapshot.state)
            found.append(snapshot._replace(state=state))
    return found


async def keep(connection: Connection, record: Record, generation: int, snapshots: Iterable[StateSnapshot]) -> None:
    """Keep snapshots in the place of earlier ones. They hold what patients said, so they pass through the codec."""
    await connection.executemany(
        f"INSERT INTO read_model_{generation:d}.snapshot (journey_id, version, journey_hash, made_by, state) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (journey_id) DO UPDATE SET version = excluded.version, "
        "journey_hash = excluded.journey_hash, made_by = excluded.made_by, state = excluded.state",
        [each._replace(state=await record.seal(each.journey_id, _part(each), each.state)) for each in snapshots],
    )


def _part(snapshot: StateSnapshot) -> UUID:
    """An id for what is sealed, that no event and no other state has."""
    return uuid5(snapshot.journey_id, f"snapshot:{snapshot.version}:{snapshot.journey_hash.hex()}")
