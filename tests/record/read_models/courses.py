"""Journeys for read models to show: played courses, put into the record under ids of their own."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from uuid import UUID, uuid4, uuid5

from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.read_models.projector import StateCache, advance
from activities.record.verification.chains import RecordFinding
from activities.record.verification.record import verify_record
from simulation.people import PEOPLE
from tests.journey.play import course
from tests.record.helpers import Connection
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, ReleaseSession
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import Event
from workflows.journey.protocol import Pathway
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal


@cache
def course_of(pathway: Pathway = "PTSD") -> tuple[Event, ...]:
    """All events of an undisturbed course."""
    return tuple(course(pathway).events)


def renamed(events: Iterable[Event], journey_id: UUID) -> tuple[Event, ...]:
    """The same course, as that of another journey."""
    return tuple(
        event.model_copy(
            update={
                "journey_id": journey_id,
                "event_id": uuid5(journey_id, str(event.event_id)),
                "causation_id": event.causation_id and uuid5(journey_id, str(event.causation_id)),
            }
        )
        for event in events
    )


def attempted(events: Sequence[Event]) -> tuple[Event, ...]:
    """The same journey, with an attempt to release a session that there is not, and that it refused and kept."""
    journey, at = fold(events), events[-1].at
    command = Command(command_id=uuid4(), actor=PEOPLE[Role.CLINICIAN], body=ReleaseSession(session=7))
    refusal = decide(journey, command, at)
    assert isinstance(refusal, Refusal)
    return (*events, *keep_refusal(journey, {}, command, refusal, at))


def asked_of(journey: Journey, waiting: Obligation) -> set[Role]:
    """The owner of an obligation, and whom its escalation policy has turned to so far."""
    steps = journey.protocol.escalation_policies[waiting.escalation_policy].steps
    return {waiting.owner, *(steps[step].to for step in range(waiting.taken))}


async def put(record: Record, events: Sequence[Event]) -> int:
    """Record events of one journey, one append for each command, and say at which position the last one is."""
    position = 0
    for _, of_command in groupby(events, attrgetter("command_id")):
        batch = list(of_command)
        closes = batch[-1].body.kind == "pathway.closed"
        appended = await record.append(
            batch[0].journey_id, batch[0].version - 1, [to_new(event) for event in batch], closes=closes
        )
        position = appended.position
    return position


async def put_course(record: Record, count: int | None = None, pathway: Pathway = "PTSD") -> UUID:
    """Record a course, or so many events of it, under a new id, and return that."""
    journey_id = uuid4()
    await put(record, renamed(course_of(pathway)[:count], journey_id))
    return journey_id


async def put_copies(owner: Connection, journey_id: UUID, count: int) -> None:
    """Copy what is recorded of one journey to so many others, behind the record's back: their hashes are wrong."""
    await owner.execute("CREATE TEMP TABLE copied AS SELECT gen_random_uuid() AS id FROM generate_series(1, $1)", count)
    await owner.execute(
        "INSERT INTO record.journey_event SELECT log_id, (SELECT max(position) FROM record.journey_event) "
        "+ row_number() OVER (ORDER BY version, id), id, version, gen_random_uuid(), event_type, schema_version, "
        "occurred_at, recorded_at, actor_id, actor_role, command_id, causation_id, payload, content_hash, "
        "journey_hash, log_hash FROM record.journey_event CROSS JOIN copied WHERE journey_id = $1",
        journey_id,
    )
    await owner.execute(
        "INSERT INTO record.journey (log_id, journey_id, version, journey_hash, last_position, status) "
        "SELECT j.log_id, id, j.version, j.journey_hash, max(e.position), j.status FROM record.journey j, copied "
        "JOIN record.journey_event e ON e.journey_id = id WHERE j.journey_id = $1 "
        "GROUP BY j.log_id, id, j.version, j.journey_hash, j.status",
        journey_id,
    )
    await owner.execute("DROP TABLE copied")


async def copy_rows(owner: Connection, table: str, **changed: str) -> None:
    """Copy the rows of a list to other journeys: a table `copied` says to which (``id``), of which (``of``).
    ``changed`` are columns that are others there."""
    rows = await owner.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0", f"read_model_1.{table}"
    )
    columns = [row["attname"] for row in rows]
    values = [{**changed, "journey_id": "c.id"}.get(column, f"o.{column}") for column in columns]
    await owner.execute(
        f"INSERT INTO read_model_1.{table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM read_model_1.{table} o JOIN copied c ON c.of = o.journey_id",
        timeout=300,
    )


async def catch_up(record: Record, *, limit: int = 500) -> None:
    """Project all there is."""
    courses = StateCache()
    while await advance(record, courses, limit=limit):
        pass


async def differing(record: Record) -> list[RecordFinding]:
    """The journeys whose rows are not what a fresh fold of the record gives: none, when all is well."""
    found = (await verify_record(record, read_models=True)).findings
    return [finding for finding in found if finding.reason == "rows_differ"]
