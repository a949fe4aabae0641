"""Compares the rows that people work from with a fresh fold of the record."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from activities.record.read_models.row_types import TABLES, RowKey
from activities.record.read_models.row_types import Row as Shown
from activities.record.read_models.rows import DEFINITION, ProjectionState, rows
from activities.record.read_models.tables import read
from activities.record.verification.chains import HOURS, Connection, RecordFinding


class Live(NamedTuple):
    """The generation of the read models that people see, and up to which position it is true."""

    generation: int
    position: int


async def find_live(connection: Connection, log_id: int) -> Live | None:
    """Return the live generation, unless it is of another version of this program or of another log."""
    row = await connection.fetchrow(
        "SELECT id, position FROM read_model.generation WHERE status = 'live' AND log_id = $1 AND definition = $2",
        log_id,
        DEFINITION,
    )
    if row is None:
        return None
    for table in (*(table.name for table in TABLES.values()), "poisoned"):
        # The lock is held until the end, so that no rebuild drops what is being read.
        await connection.execute(f"SELECT FROM read_model_{row['id']:d}.{table} LIMIT 0")
    return Live(*row)


async def find_differing(
    connection: Connection, live: Live, states: Mapping[UUID, ProjectionState | None]
) -> Iterable[RecordFinding]:
    """Return findings for journeys whose rows differ from a fresh fold, and for those that are marked as stale."""
    poisoned = await connection.fetch(
        f"SELECT position, journey_id, version FROM read_model_{live.generation:d}.poisoned "  # noqa: S608 - a number
        "WHERE journey_id = ANY($1)",
        list(states),
    )
    stale = [RecordFinding(row["position"], row["journey_id"], row["version"], "rows_stale") for row in poisoned]
    known = {finding.journey_id for finding in stale}
    kept = await read(connection, live.generation, [each for each in states if each not in known])
    fresh = {key: row for each, state in states.items() if each not in known for key, row in _make_rows(state).items()}
    differing = {key[1] for key in fresh.keys() | kept.keys() if fresh.get(key) != kept.get(key)}
    return (*stale, *(RecordFinding(live.position, journey_id, None, "rows_differ") for journey_id in differing))


def _make_rows(state: ProjectionState | None) -> Mapping[RowKey, Shown]:
    """Return the rows of a state; none when they cannot be made, since the projector then marks the journey as
    stale."""
    try:
        return rows(state)
    except Exception:
        return {}


async def find_strangers(connection: Connection, live: Live, journeys: Iterable[UUID]) -> Iterator[RecordFinding]:
    """Return findings for rows of journeys that the record does not know."""
    found: set[UUID] = set()
    for table in TABLES.values():
        shown = await connection.fetch(
            f"SELECT DISTINCT journey_id FROM read_model_{live.generation:d}.{table.name}",  # noqa: S608 - constants
            timeout=HOURS,
        )
        found |= {row["journey_id"] for row in shown}
    return (RecordFinding(live.position, each, None, "rows_differ") for each in found.difference(journeys))
