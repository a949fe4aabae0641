"""Reads recorded commands, and has other builds decide again what they decided."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from activities.record.store import Record
from activities.record.stored import COMMAND_COLUMNS, COMMANDS, StoredCommand
from activities.record.verification.builds import Build
from activities.record.verification.chains import HOURS, Connection, RecordFinding, read_journeys
from activities.record.verification.left_notices import Told, find_lost_notices
from workflows.journey.decided import DecidedBy


async def ask_builds(
    record: Record, connection: Connection, journeys: Sequence[UUID], builds: Collection[Build]
) -> list[tuple[DecidedBy, int, list[RecordFinding]]]:
    """Have other builds decide again what they decided of these journeys. Return of each build and journey how many
    events it has derived, and what differs."""
    told = []
    for journey_id in journeys if builds else ():
        commands = (await read_commands(connection, record, [journey_id])).get(journey_id, [])
        for _, events, _ in await read_journeys(connection, record.log_id, [journey_id]):
            history = [each for each in await record.decoded(events, waits=False) if each.readable]
            for build in builds:
                derived, faults, tells = await build.derive(history, commands)
                odd = [RecordFinding(each.position, journey_id, each.version, each.reason) for each in faults]
                odd += await find_lost_notices(connection, record, {journey_id: Told(history, (), tells)})
                told.append((build.by, derived, odd))
    return told


async def read_commands(
    connection: Connection, record: Record, journeys: Sequence[UUID]
) -> Mapping[UUID, Sequence[StoredCommand]]:
    """Return the commands of these journeys, in order of version."""
    rows = await connection.fetch(
        f"SELECT {COMMAND_COLUMNS} FROM {COMMANDS} "  # noqa: S608 - constants
        "WHERE c.log_id = $1 AND c.journey_id = ANY($2) ORDER BY c.journey_id, c.version",
        record.log_id,
        journeys,
        timeout=HOURS,
    )
    read = await record.commands_of(rows, waits=False)
    return {journey_id: list(of_one) for journey_id, of_one in groupby(read, attrgetter("journey_id"))}
