"""Whoever breaks the record or its read models in one of these ways is found out by the property.

A mutant is a small change to a source file of ours, SQL or Python: the mistake that others made, or the guard that is
left out. Each must break the promise that it is named with, on a system that keeps all of them without the change. It
lives in a copy of the sources, and a process of its own puts it to the test (`python -m tests.record.mutant URL`).
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import activities
from deploy.local.postgres import Database

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """Which promise is broken, as a pattern, by which edits: a file of the record, a text that stands there once, and
    what stands in its place."""

    breaks: str
    edits: tuple[tuple[str, str, str], ...]


def mutant(breaks: str, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(breaks, edits)


APPEND, LOCK = "schema/functions/record.append.sql", "schema/functions/record.lock_row.sql"
FILLED, PUBLISH = "schema/functions/read_model.filled.sql", "schema/functions/read_model.publish.sql"
MOVE = "schema/functions/read_model.move_checkpoint.sql"
PROJECTION, PROJECTOR = "read_models/projection.py", "read_models/projector.py"
REBUILD = "read_models/rebuild.py"
MUTANTS = {
    "no replay of known ids": mutant(
        "nobody fails: RecordFault.*23505", (APPEND, "IF _found > 0 THEN", "IF false THEN")
    ),
    "replay whatever the ids are": mutant(
        "what was acknowledged is there|one delivery is the first",
        (
            APPEND,
            "RAISE EXCEPTION 'the journey is at another version'",
            "first_version := _expected_version + 1; final_version := _expected_version + _count; "
            "SELECT e.position, e.journey_hash INTO final_position, final_hash FROM journey_event e "
            "WHERE e.log_id = _log_id AND e.journey_id = _journey_id AND e.version = final_version; replayed := true; "
            "IF FOUND THEN RETURN; END IF; RAISE EXCEPTION 'the journey is at another version'",
        ),
    ),
    "known ids with other content": mutant(
        "nothing else is taken for what is recorded", (APPEND, "AND e.content_hash = g.content", "")
    ),
    "version not checked": mutant(
        "events follow the version they were decided on",
        (APPEND, "IF _version IS DISTINCT FROM _expected_version THEN", "IF false THEN"),
    ),
    "no lock": mutant("nobody fails: RecordFault.*23505", (LOCK, "name = _name FOR UPDATE;", "name = _name;")),
    "lock after what it guards was read": mutant(
        "nobody fails: RecordFault.*23505",
        (APPEND, "PERFORM lock_row(_log_id, 'append');", ""),
        (APPEND, "INSERT INTO journey_event (", "PERFORM lock_row(_log_id, 'append'); INSERT INTO journey_event ("),
    ),
    "positions from a sequence": mutant(
        "whoever follows the log misses nothing",
        (LOCK, "name = _name FOR UPDATE;", "name = _name;"),
        (APPEND, "_position := coalesce(_position, 0);", "_position := nextval('record.positions');"),
        (LOCK, "-- Waits for", "CREATE SEQUENCE record.positions START 100 INCREMENT 10;\n-- Waits for"),
    ),
    "any isolation": mutant("nobody appends who does not see", (LOCK, "<> 'read committed'", "= 'read uncommitted'")),
    "time of the transaction": mutant(
        "the chains hold: .*'clock'", (APPEND, "greatest(clock_timestamp(), _recorded_at)", "now()")
    ),
    "a field left out of the content": mutant(
        "the chains hold: .*'content'", (APPEND, "|| field(actor) || field(role)", "|| field(actor)")
    ),
    "version left out of the journey's chain": mutant(
        "the chains hold: .*'journey.chain'", (APPEND, "|| field((_version + i)::bigint)", "")
    ),
    "time left out of the log's chain": mutant(
        "the chains hold: .*'log.chain'", (APPEND, "|| field(_recorded_at) ||", "||")
    ),
    "head left behind": mutant("the chains hold: .*'head'", (APPEND, "last_position = excluded.last_position,", "")),
    "checkpoint without compare-and-set": mutant(
        "readers never go back|tables are the fold",
        (MOVE, "g.position = _from AND", "_from IS NOT NULL AND"),
        (MOVE, "_to <= _from OR", ""),
    ),
    "checkpoint apart from its rows": mutant(
        "tables are the fold",
        (
            PROJECTOR,
            "async with connection.transaction():\n            # The lock",
            "if connection:\n            # The lock",
        ),
    ),
    "a claim without its key": mutant(
        "one of fifty claims wins",
        ("schema/tables/read_model.claim.sql", ",\n    PRIMARY KEY (journey_id, opened_version, obligation)", ""),
    ),
    "poison skipped": mutant(
        "a journey stops|tables are the fold", (PROJECTION, "return state, unapplied(event, error)", "continue")
    ),
    "poison stops everybody": mutant(
        "nobody fails: ValidationError",
        (PROJECTION, "return state, unapplied(event, error)", "raise"),
    ),
    "a state at whatever version": mutant(
        "tables are the fold", (PROJECTOR, " and state.journey.version == version", "")
    ),
    "a swap that loses the tail": mutant(
        "tables are the fold|the tables reach",
        (
            FILLED,
            "SET position = _position",
            "SET position = greatest(_position, (SELECT g.position FROM generation g WHERE g.status = 'live'))",
        ),
    ),
    "a swap that goes back in time": mutant(
        "readers never go back",
        (PUBLISH, "IF _next.position < _live.position THEN", "IF false THEN"),
        (REBUILD, "await catch_up(BATCH)", ""),
        (REBUILD, "await catch_up(0)", ""),
    ),
}


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_found_out(database: Database, tmp_path: Path, name: str) -> None:
    broken, said = await put_to_the_test(database, tmp_path, MUTANTS[name])
    assert broken, said
    assert re.search(MUTANTS[name].breaks, said), said


@pytest.mark.soak
async def test_without_a_mutant_there_is_nothing_to_find(database: Database, tmp_path: Path) -> None:
    broken, said = await put_to_the_test(database, tmp_path, mutant(""))
    assert not broken, said


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_a_change(tmp_path: Path, name: str) -> None:
    change(tmp_path, MUTANTS[name])


async def put_to_the_test(database: Database, directory: Path, changed: Mutant) -> tuple[bool, str]:
    """Whether a promise was broken, and what was said."""
    change(directory, changed)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(directory), str(ROOT)))}
    tester = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tests.record.mutant", database.name, str(database.port)),
        env=environment,
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await tester.communicate()
    assert tester.returncode in (0, 3), out.decode()
    return tester.returncode == 3, out.decode()


def change(directory: Path, wanted: Mutant) -> None:
    """Copy the sources, with a change."""
    shutil.copytree(Path(activities.__file__).parent, directory / "activities")
    for name, old, new in wanted.edits:
        file = directory / "activities" / "record" / name
        source = file.read_text()
        assert source.count(old) == 1, f"stands {source.count(old)} times in {name}: {old}"
        file.write_text(source.replace(old, new))
