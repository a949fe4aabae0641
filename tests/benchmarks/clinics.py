"""Ten clinics with many journeys, and twenty of their people: what the console is measured on.

Every journey is the beginning of one course, really recorded and encrypted, so each page of it can be opened. Only its
hashes are not right, and its rows in lists are copies of those of a journey that was projected.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg

from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import PayloadCodec, migrate, open_record, sealing
from activities.record.event_codec import to_new
from activities.record.read_models.projector import StateCache, advance
from activities.record.stored import NewEvent
from activities.signatures.keys import unlock
from activities.signatures.register_changes import enter
from activities.signatures.register_file import publish
from activities.signatures.signer_registry import Register, Shift, StaffEntry
from deploy.local.stack import PROFILES
from simulation.keys import PASSPHRASE
from simulation.people import HOME, ORGANISATION, profile
from tests.benchmarks.stage import Servers
from tests.fixtures.everything import everything
from tests.record.helpers import Connection
from tests.record.read_models.courses import attempted, copy_rows, course_of, put, renamed
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import CLINICAL, Actor, CareTeamMember, Licence, Role

CLINICS = tuple(f"clinic-{n}" for n in range(10))
WORKING: Mapping[Role, tuple[int, int]] = {
    Role.COORDINATOR: (6, 2),
    Role.CLINICIAN: (5, 2),
    Role.THERAPIST: (2, 2),
    Role.SESSION_MONITOR: (2, 1),
    Role.ON_CALL_CLINICIAN: (2, 5),
    Role.MEDICAL_DIRECTOR: (1, 10),
    Role.OPS: (2, 10),
}
"""How many people of each role click, and for how many clinics each works."""
COLLEAGUES, WEEKS = 100, 52
"""How many more people the register has, and how far ahead its rota reaches."""
LENGTHS = (9, 14, 14, 25, 25, 40, 40, 77, 120, 150)
"""How many events journeys have, each as often as it stands here. In the second an attempt to release was refused."""
NOTICES, UNDELIVERED = 5, 300
"""How many notices there are for each journey, and how many of all have reached nobody."""
PORTION = 500
"""How many journeys are written at a time."""


class Clinics(NamedTuple):
    """The settings of a console, the profiles that it signs in by a button, and the journeys of each clinic."""

    env: Mapping[str, str]
    people: Mapping[str, Actor]
    journeys: Mapping[str, Sequence[UUID]]


@dataclass(frozen=True)
class _Beginning:
    """A journey that was projected, and what is recorded of it."""

    clinic: int
    journey_id: UUID
    events: Sequence[NewEvent]


@asynccontextmanager
async def clinics(servers: Servers, directory: Path, *, journeys: int) -> AsyncIterator[Clinics]:
    """Make so many journeys, side by side at all clinics, with their rows in lists."""
    stack, now = servers.stack, datetime.now(UTC)
    database = await stack.postgres.fresh_database()
    await migrate(database.owner_url, demonstration=True)
    async with AsyncExitStack() as exits:
        keys = await exits.enter_async_context(open_key_store(stack.postgres.keys.keys_url, Keyring(stack.keyring)))
        codec = await sealing(keys)
        record = await exits.enter_async_context(open_record(everything(database), codec))
        beginnings = []
        for clinic in range(len(CLINICS)):
            for n, length in enumerate(LENGTHS):
                events = course_of()[:length]
                events = renamed(_at(CLINICS[clinic], attempted(events) if n == 1 else events), uuid4())
                await put(record, events)
                beginnings.append(_Beginning(clinic, events[0].journey_id, [to_new(event) for event in events]))
        states = StateCache()
        while await advance(record, states):
            pass
    owner = await asyncpg.connect(database.owner_url)
    async with AsyncExitStack() as exits:
        keys = await exits.enter_async_context(open_key_store(stack.postgres.keys.keys_url, Keyring(stack.keyring)))
        made = await _copy(owner, await sealing(keys), beginnings, journeys - len(beginnings), now)
    await owner.close()
    people = _people()
    env = {**stack.env, **_write(stack.directory / PROFILES, directory, people, now)}
    yield Clinics({**env, "CAREPATH_DATABASE_URL": database.console_url}, people, made)
    await stack.postgres.drop_database(database)


def _at(clinic: str, events: Sequence[Event]) -> tuple[Event, ...]:
    body = events[0].body.model_copy(update={"clinic": clinic})
    return (events[0].model_copy(update={"body": body}), *events[1:])


async def _copy(
    owner: Connection, codec: PayloadCodec, beginnings: Sequence[_Beginning], count: int, now: datetime
) -> dict[str, list[UUID]]:
    """Record as many more journeys as there are wanted, and copy to each the rows of the one that it is like."""
    made: dict[str, list[UUID]] = {clinic: [] for clinic in CLINICS}
    for each in beginnings:
        made[CLINICS[each.clinic]].append(each.journey_id)
    position = sum(len(each.events) for each in beginnings)
    await owner.execute("CREATE TEMP TABLE copied (id uuid, of uuid, n int, clinic int, length int, position bigint)")
    for first in range(0, count, PORTION):
        events: list[tuple[object, ...]] = []
        copied: list[tuple[UUID, UUID, int, int, int, int]] = []
        for n in range(first, min(first + PORTION, count)):
            like, journey_id = beginnings[n % len(beginnings)], uuid4()
            encode = await codec.encoder(1, journey_id)
            for version, event in enumerate(like.events, 1):
                position, event_id = position + 1, uuid4()
                payload = encode(event_id, event.payload)
                events.append((1, position, journey_id, version, event_id, event.event_type, event.schema_version,
                               event.occurred_at, now, event.actor_id, event.actor_role, event.command_id,
                               event.causation_id, payload, b"", b"", b""))  # fmt: skip
            made[CLINICS[like.clinic]].append(journey_id)
            copied.append((journey_id, like.journey_id, n, like.clinic, len(like.events), position))
        await owner.copy_records_to_table("journey_event", schema_name="record", records=events)
        await owner.copy_records_to_table("copied", records=copied)
    await owner.execute(
        "INSERT INTO record.journey (log_id, journey_id, version, journey_hash, last_position, status) "
        "SELECT 1, id, length, '', position, 'open' FROM copied"
    )
    due = f"'{now}'::timestamptz + (abs(hashtext({{}}::text || o.obligation)) % 691200 - 86400) * interval '1 second'"
    await owner.execute(f"UPDATE read_model_1.obligation o SET due = {due.format('o.journey_id')}")
    await copy_rows(owner, "obligation", due=due.format("c.id"), person=_who("o.person"))
    await owner.execute(f"UPDATE read_model_1.audience o SET due = {due.format('o.journey_id')}")
    await copy_rows(owner, "audience", due=due.format("c.id"), person=_who("o.person"))
    await copy_rows(owner, "status_history")
    await copy_rows(
        owner, "caseload", coordinator=_who("o.coordinator"), clinician=_who("o.clinician"),
        started_at=f"'{now}'::timestamptz - c.n * interval '20 minutes'",
    )  # fmt: skip
    await owner.execute(
        "UPDATE read_model_1.caseload c SET next_due = (SELECT min(due) FROM read_model_1.obligation o "
        "WHERE o.journey_id = c.journey_id AND o.closed_at IS NULL)"
    )
    await owner.execute("UPDATE read_model.generation SET position = $1 WHERE status = 'live'", position)
    await _notify(owner, now)
    await owner.execute("DROP TABLE copied")
    for table in ("obligation", "audience", "status_history", "caseload"):
        await owner.execute(f"VACUUM ANALYZE read_model_1.{table}")
    await owner.execute("VACUUM ANALYZE record.journey_event")
    return made


async def _notify(owner: Connection, now: datetime) -> None:
    """Put notices for all journeys into the record, nearly all of which arrived."""
    await owner.execute(
        "INSERT INTO record.notice SELECT 1, gen_random_uuid(), c.id, gen_random_uuid(), 'due', 'clinician', '{}', "
        "'clinic-' || c.clinic, false, $1::timestamptz - (c.n * 20 + each) * interval '1 minute' "
        "FROM copied c CROSS JOIN generate_series(1, $2::int) AS each",
        now,
        NOTICES,
    )
    await owner.execute(
        "INSERT INTO record.delivery (log_id, notice_id, person, point, channel, state) "
        "SELECT 1, notice_id, 'clinician-0', 'point', 'email', 'accepted' FROM record.notice"
    )
    await owner.execute(
        "INSERT INTO record.queued_notice (log_id, notice_id, alarm, due_at) SELECT 1, notice_id, false, NULL "
        "FROM record.notice ORDER BY notice_id LIMIT $1",
        UNDELIVERED,
    )
    for table in ("notice", "delivery", "queued_notice"):
        await owner.execute(f"VACUUM ANALYZE record.{table}")


def _who(column: str) -> str:
    """Of whom the copies are: of the people of their clinic."""
    count = {"coordinator": WORKING[Role.COORDINATOR][0], "clinician": WORKING[Role.CLINICIAN][0]}
    whens = " ".join(f"WHEN 'demo-{name}' THEN '{name}-' || c.clinic % {most}" for name, most in count.items())
    return f"CASE {column} {whens} ELSE {column} END"


def _people() -> dict[str, Actor]:
    """Everybody who clicks, by the names of their profiles."""
    found: dict[str, Actor] = {}
    for role, (count, width) in WORKING.items():
        for n in range(count):
            name = f"{role.value.replace('_', '-')}-{n}"
            where = tuple(CLINICS[(n * width + each) % len(CLINICS)] for each in range(width))
            found[name] = _person(name, role, where)
    return found


def _person(name: str, role: Role, where: tuple[str, ...]) -> Actor:
    licence = Licence(number=name, states=(HOME,), expires=date(2099, 12, 31)) if role in CLINICAL else None
    return Actor(id=name, role=role, name=f"{name} Invented", licence=licence, clinics=where)


def _write(made: Path, directory: Path, people: Mapping[str, Actor], now: datetime) -> dict[str, str]:
    """Write the profiles, and a register of a whole organisation; return the settings that name them. ``made`` has the
    organisation's key."""
    for name, person in people.items():
        (directory / f"{name}.json").write_text(profile(person))
    colleagues = [_person(f"colleague-{n}", Role.CLINICIAN, (CLINICS[n % len(CLINICS)],)) for n in range(COLLEAGUES)]
    since = now - timedelta(days=365)
    register = enter(
        Register(organisation=ORGANISATION, version=1, issued_at=since),
        since,
        clinics=CLINICS,
        staff=[
            StaffEntry(
                member=CareTeamMember(
                    id=person.id, role=person.role, clinics=person.clinics, licence=person.licence, since=since
                ),
                printed_name=person.name or person.id,
                entered_by=("security-1", "manager-1"),
            )
            for person in (*people.values(), *colleagues)
        ],
        rota=[
            Shift(
                clinic=clinic,
                person="medical-director-0",
                stands_in=f"on-call-clinician-{n // 5}",
                begins=now + timedelta(weeks=week - 1),
                ends=now + timedelta(weeks=week),
            )
            for n, clinic in enumerate(CLINICS)
            for week in range(WEEKS)
        ],
    )
    organisation = unlock(made / "organisation.key", PASSPHRASE)
    path = directory / "register"
    path.write_bytes(publish(register, organisation))
    return {
        "CAREPATH_PROFILE": str(directory / "coordinator-0.json"),
        "CAREPATH_REGISTER_FILE": str(path),
        "CAREPATH_ORGANISATION_KEY": organisation.public_key.hex(),
    }
