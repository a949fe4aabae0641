"""The access log is chained: whoever changes, removes, adds or reorders looks is found, also with a chain made anew."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from activities.record import Record
from activities.record.access_log import AccessLogEntry, Purpose, access_seal, record_access, seal_access
from activities.record.verification.anchors import check_anchors, make_key, read_key, write_anchor
from activities.record.verification.chains import read_access, snapshot
from deploy.local.postgres import Database
from tests.record.helpers import Connection, an_access, events

A, B = UUID(int=0xA), UUID(int=0xB)


@pytest.fixture
async def looks(record: Record) -> list[UUID]:
    """Five looks, sealed in two portions; one has everything an entry may have."""
    whole = an_access(
        A,
        B,
        rows=("1", "2"),
        definition=2,
        reason="Invented – é",
        until=datetime.now(UTC),
        purpose=Purpose.BREAK_THE_GLASS,
    )
    made = [an_access(A), an_access(), whole, an_access(B, shown=False), an_access(B, command=("x",))]
    for count, new in enumerate(made, start=1):
        await record_access(record, new)
        if count in (2, 5):
            await seal_access(record)
    return [new.entry_id for new in made]


async def found(connection: Connection, after: int = 0) -> set[tuple[str, int]]:
    async with snapshot(connection):
        findings, _ = await read_access(connection, 1, after)
    return {(finding.reason, finding.position) for finding in findings}


async def tamper(owner: Connection, statement: str) -> None:
    for table in ("access_log", "access_seal"):
        await owner.execute(f"ALTER TABLE record.{table} DISABLE TRIGGER append_only")
    await owner.execute(statement)
    for table in ("access_log", "access_seal"):
        await owner.execute(f"ALTER TABLE record.{table} ENABLE ALWAYS TRIGGER append_only")


async def test_a_sound_log_has_no_findings(record: Record, looks: list[UUID], app: Connection) -> None:
    assert await found(app) == set()
    assert await found(app, 3) == set()
    async with snapshot(app):
        assert (await read_access(app, 1))[1] == len(looks)
        assert await read_access(app, 2) == ([], 0)
    assert await seal_access(record) == 0
    await record_access(record, an_access(A))
    assert await found(app) == set(), "what was just added is sealed soon"


COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "reader_id": "'somebody-else'",
    "reader_role": "'ops'",
    "purpose": "'TREAT'",
    "clock": "clock + interval '1 microsecond'",
    "command": "array_append(command, 'more')",
    "shown": "NOT shown",
    "journeys": "journeys[1:1]",
    "rows": "'{}'",
    "position": "position + 1",
    "definition": "NULL",
    "reason": "NULL",
    "until": "NULL",
}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_changed_entry_is_found_where_it_is(owner: Connection, looks: list[UUID], column: str) -> None:
    change = f"UPDATE record.access_log SET {column} = {COLUMNS[column]} WHERE entry_id = '{looks[2]}'"
    await tamper(owner, change)
    assert await found(owner) == {("access_content", 3)}


def test_every_column_is_tried() -> None:
    assert {*COLUMNS} == {*AccessLogEntry.model_fields} - {"entry_id"}


async def test_a_list_cut_in_another_way_is_another_list(record: Record, owner: Connection) -> None:
    new = an_access(A, command=("ab", "c"), rows=("d",))
    await record_access(record, new)
    await seal_access(record)
    for command, rows in (("{a,bc}", "{d}"), ("{abc}", "{d}"), ("{ab}", "{c,d}"), ("{ab,c,d}", "{}")):
        await tamper(owner, f"UPDATE record.access_log SET command = '{command}', rows = '{rows}'")
        assert await found(owner) == {("access_content", 1)}


async def test_looks_that_waited_for_days_are_all_sealed(record: Record, owner: Connection) -> None:
    await record_access(record, an_access(A))
    await owner.execute(
        "INSERT INTO record.access_log SELECT log_id, gen_random_uuid(), at - interval '3 days', reader_id, "
        "reader_role, purpose, clock, command, shown, journeys, rows, position FROM record.access_log, "
        "generate_series(1, 1001)"
    )
    assert await owner.fetchval("SELECT record.seal_access(1::smallint)") == 1000
    assert await found(owner) == set(), "the others still wait"
    assert await seal_access(record) == 2
    assert await found(owner) == set()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM record.access_log WHERE entry_id = '{third}'", {("access_gone", 3)}),
        (
            "DELETE FROM record.access_log WHERE entry_id = '{third}'; DELETE FROM record.access_seal WHERE number = 3",
            {("access_gap", 4), ("access_chain", 4)},
        ),
        (
            "DELETE FROM record.access_log WHERE entry_id = '{third}'; DELETE FROM record.access_seal WHERE number = 3;"
            "UPDATE record.access_seal SET number = number - 1 WHERE number > 3",
            {("access_chain", 3), ("access_chain", 4)},
        ),
        (
            "UPDATE record.access_seal SET content_hash = sha256('x') WHERE number = 2",
            {("access_content", 2), ("access_chain", 2)},
        ),
        (
            "UPDATE record.access_seal SET chain_hash = sha256('x') WHERE number = 2",
            {("access_chain", 2), ("access_chain", 3)},
        ),
        (
            "UPDATE record.access_seal SET sealed_at = '2020-01-01Z' WHERE number = 4",
            {("access_clock", 4), ("access_chain", 4)},
        ),
        (
            "UPDATE record.access_seal SET entry_id = CASE number WHEN 1 THEN '{second}' ELSE '{first}' END::uuid "
            "WHERE number < 3",
            {("access_content", 1), ("access_content", 2)},
        ),
        (
            "INSERT INTO record.access_log SELECT log_id, gen_random_uuid(), at - interval '2 days', reader_id, "
            "reader_role, purpose, clock, command, shown, journeys, rows, position FROM record.access_log "
            "WHERE entry_id = '{first}'",
            {("access_unsealed", 5)},
        ),
    ],
)
async def test_what_a_superuser_does_is_found(
    record: Record, owner: Connection, looks: list[UUID], statement: str, expected: set[tuple[str, int]]
) -> None:
    await owner.execute("ALTER TABLE record.access_seal DROP CONSTRAINT access_seal_log_id_entry_id_key")
    names = dict(zip(("first", "second", "third"), map(str, looks), strict=False))
    await tamper(owner, statement.format(**names))
    await seal_access(record)
    assert await found(owner) == expected


async def test_a_chain_made_anew_or_cut_off_is_found_by_an_anchor(
    record: Record, owner: Connection, looks: list[UUID], tmp_path: Path
) -> None:
    public = make_key(tmp_path / "key")
    await record.append(A, 0, events(1))
    first = await write_anchor(record, tmp_path / "anchors", read_key(tmp_path / "key"))
    assert first is not None
    assert (first.position, first.access) == (1, len(looks))
    await record_access(record, an_access(A))
    await seal_access(record)
    await write_anchor(record, tmp_path / "anchors", read_key(tmp_path / "key"))
    assert len([*(tmp_path / "anchors").iterdir()]) == 2, "the access log alone went on"

    async def anchored() -> list[str]:
        findings, _ = await check_anchors(record, tmp_path / "anchors", public)
        return [finding.reason for finding in findings]

    assert await anchored() == []
    gone = f"DELETE FROM record.access_log WHERE entry_id = '{looks[4]}';"
    await tamper(owner, f"{gone} DELETE FROM record.access_seal WHERE number > 4")
    assert await found(owner) == set(), "the shorter log is whole in itself"
    assert await anchored() == ["access_cut", "access_cut"]
    await seal_access(record)
    assert await anchored() == ["access_rewritten", "access_cut"]
    await tamper(owner, "DELETE FROM record.access_seal")
    await seal_access(record)
    assert await found(owner) == set()
    assert set(await anchored()) == {"access_rewritten", "access_cut"}


async def test_whoever_looks_keeps_nobody_else_from_looking(migrated: Database, record: Record) -> None:
    """With an open transaction somebody holds no more than their own entry, and it is sealed once it is there."""
    stranger = await asyncpg.connect(migrated.reader_url)
    transaction = stranger.transaction()
    await transaction.start()
    await stranger.execute(
        "SELECT record.record_access(1::smallint, $1, 'x', 'ops', 'TREAT', now(), '{x}', true, '{}', '{}', 1, "
        "NULL, NULL, NULL)",
        uuid4(),
    )
    await record_access(record, an_access(A))
    assert await seal_access(record) == 1
    await transaction.commit()
    await stranger.close()
    assert await seal_access(record) == 1
    sealed = await access_seal(record)
    assert sealed is not None
    assert sealed[0] == 2
