"""What a login of people may write, in whatever shape, keeps nobody else from anything: rows are never taken away."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import pytest

from activities.notices.listing import list_messages
from activities.record import Record
from activities.record.access_log import Purpose, find_unannounced_access, list_access, record_access, seal_access
from activities.record.reconciliation import find_open, heads_that_may_wait
from activities.record.verification.kept import last_verification
from activities.record.watching import heads, late_messages, now
from deploy.local.postgres import Database
from tests.record.helpers import Connection, an_access
from tests.record.test_roles import CALLS, READER
from workflows.journey.vocabulary.actors import Role

FIRST: Mapping[str, str] = {
    "_purpose": "'CAREMGT'",
    "_reader_role": "'ops'",
    "_role": "'ops'",
    "_command": "ARRAY['x']",
    "_journeys": "ARRAY[gen_random_uuid()]",
    "_patient_keys": "ARRAY[sha256('x')]",
    "_log_id": "1::smallint",
}
"""What is taken for an argument of that name, where the first value of its type is not."""
VALUES: Mapping[str, Sequence[str]] = {
    "smallint": ["1::smallint"],
    "uuid": ["gen_random_uuid()", "NULL", "'00000000-0000-0000-0000-000000000000'"],
    "text": ["'x'", "''", "NULL", "E'\\x1b[2J'", "repeat('x', 200000)"],
    "text[]": ["'{}'", "NULL", "ARRAY[NULL]", "ARRAY['x', E'\\x1b[2J']", "ARRAY[['a'], ['b']]"],
    "uuid[]": ["'{}'", "NULL", "ARRAY[NULL]", "array_fill(gen_random_uuid(), ARRAY[1, 2])"],
    "bytea[]": [
        "'{}'",
        "NULL",
        "ARRAY[NULL]",
        "ARRAY[sha256('x')]",
        "ARRAY['']",
        "array_fill('x'::bytea, ARRAY[2, 2])",
    ],
    "bytea": ["''", "NULL", "'\\x00'", "convert_to(repeat('x', 200000), 'UTF8')"],
    "timestamp with time zone": ["now()", "'infinity'", "'-infinity'", "NULL", "'294276-01-01'", "'4713-01-01 BC'"],
    "integer": ["1", "-1", "NULL", "2147483647"],
    "bigint": ["1", "-1", "NULL", "9223372036854775807"],
    "boolean": ["true", "false", "NULL"],
}
FUNCTIONS = (
    "SELECT n.nspname || '.' || p.proname AS name, p.proargnames AS arguments, "
    "ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t) AS types "
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
)


async def test_no_row_that_a_login_writes_keeps_anybody_from_the_others(
    migrated: Database, record: Record, owner: Connection
) -> None:
    written = 0
    reader = await asyncpg.connect(migrated.reader_url)
    try:
        await reader.execute("SET statement_timeout = '1s'")
        for function in await owner.fetch(FUNCTIONS):
            if READER in CALLS.get(function["name"], ()):
                for statement in calls(*function.values()):
                    try:
                        await reader.execute(statement)
                        written += 1
                    except asyncpg.QueryCanceledError:
                        pytest.fail(f"it has no end: {statement}")
                    except asyncpg.PostgresError:
                        continue
    finally:
        await reader.close()
    assert written > 100, "or nothing is tried"

    async def waiting() -> list[object]:
        return [head async for page in heads_that_may_wait(record) for head in page]

    at = await now(record)
    looks: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: list_access(record),
        lambda: find_unannounced_access(record),
        lambda: seal_access(record),
        lambda: list_messages(record, limit=1000),
        lambda: late_messages(record, at, at),
        lambda: find_open(record),
        lambda: heads(record),
        waiting,
    )
    for look in looks:
        assert len(str(await look())) < 1_000_000
    kept = await last_verification(record)
    assert kept is not None
    assert all(isinstance(part, str) for part in (*kept.unchecked, *kept.left_out))


def calls(name: str, arguments: Sequence[str], types: Sequence[str]) -> list[str]:
    """A call as it should be, and others, in each of which one argument is odd."""
    usual = [FIRST.get(argument, VALUES[kind][0]) for argument, kind in zip(arguments, types, strict=False)]
    odd = [
        [*usual[:place], value, *usual[place + 1 :]]
        for place, kind in enumerate(types)
        for value in VALUES[kind]
        if value != usual[place]
    ]
    return [
        f"SELECT {name}({', '.join(f'{value}::{kind}' for value, kind in zip(given, types, strict=True))})"
        for given in [usual, *odd]
    ]


async def test_every_role_and_purpose_can_be_kept(record: Record) -> None:
    for role in Role:
        for purpose in Purpose:
            look = an_access(reader_role=role, purpose=purpose)
            await record_access(record, look)
