"""Whoever breaks the record or its read models in one of these ways is found out by the property.

A mutant is a small change to a function of the database or of ours: the mistake that others made, or the guard that is
left out. Each must break the promise that it is named with, on a system that keeps all of them without the change.
"""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import NamedTuple

import asyncpg
import pytest

from activities.record.read_models import projection, projector
from activities.record.read_models.rebuild import _publish
from deploy.local.postgres import Database
from tests.record.at_least_once import (
    Broken,
    Command,
    Projector,
    Script,
    claiming,
    play,
    projecting,
    rebuilding,
    take_turns,
)

AGAIN = 3
STORM = Script(
    writers=[
        [Command(0, 2, "uncommitted", 2, 1), Command(1, 1, "unanswered"), Command(0, 3, "cancelled", 2, 1)],
        [Command(0, 1, "answered", 3), Command(0, 4, "uncommitted"), Command(1, 2, "unanswered", 1, 2)],
        [Command(1), Command(0, 1, "blind"), Command(1, poison=True), Command(1, 2)],
        [Command(0), Command(0, 1, "cancelled", 1, 1), Command(1, 4)],
    ],
    projectors=[Projector(3, tuple(range(1, 12))), Projector(7, tuple(range(11, 2, -1)))],
    rebuilds=(0, 5, 0),
)


class Edit(NamedTuple):
    """A text that stands just once in a function, and what stands in its place."""

    function: str | Callable[..., object]
    old: str
    new: str


class Mutant(NamedTuple):
    """What of the promises is broken, as a pattern, and by which edits, after which statement."""

    breaks: str
    edits: tuple[Edit, ...]
    statement: str


def mutant(breaks: str, *edits: tuple[str | Callable[..., object], str, str], statement: str = "") -> Mutant:
    return Mutant(breaks, tuple(Edit(*edit) for edit in edits), statement)


APPEND, LOCK = "record.append", "record.lock_log"
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
            "SELECT e.position INTO final_position FROM journey_event e WHERE e.log_id = _log_id "
            "AND e.journey_id = _journey_id AND e.version = final_version; replayed := true; "
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
    "no lock": mutant(
        "nobody fails: RecordFault.*23505", (LOCK, "PERFORM pg_advisory_xact_lock(1735289203, _log_id);", "")
    ),
    "lock after what it guards was read": mutant(
        "nobody fails: RecordFault.*23505",
        (APPEND, "PERFORM lock_log(_log_id);", ""),
        (APPEND, "INSERT INTO journey_event (", "PERFORM lock_log(_log_id); INSERT INTO journey_event ("),
    ),
    "positions from a sequence": mutant(
        "whoever follows the log misses nothing",
        (LOCK, "PERFORM pg_advisory_xact_lock(1735289203, _log_id);", ""),
        (APPEND, "_position := coalesce(_position, 0);", "_position := nextval('record.positions');"),
        statement="CREATE SEQUENCE record.positions START 100 INCREMENT 10",
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
        (projector.advance, "WHERE id = $1 AND position = $2 ", "WHERE id = $1 AND $2::bigint IS NOT NULL "),
    ),
    "checkpoint apart from its rows": mutant(
        "tables are the fold", (projector.advance, "async with connection.transaction():", "if connection:")
    ),
    "a claim without its key": mutant(
        "one of fifty claims wins", statement="ALTER TABLE read_model.claim DROP CONSTRAINT claim_pkey"
    ),
    "poison skipped": mutant(
        "a journey stops", (projection.apply_events, "return course, unapplied(event, error)", "continue")
    ),
    "poison stops everybody": mutant(
        "nobody fails: ValidationError",
        (projection.apply_events, "return course, unapplied(event, error)", "raise"),
    ),
    "a course at whatever version": mutant(
        "tables are the fold", (projector.StateCache.at, " and course.journey.version == version", "")
    ),
    "a swap that loses the tail": mutant(
        "tables are the fold|the tables reach",
        (
            "read_model.filled",
            "SET position = _position",
            "SET position = greatest(_position, (SELECT g.position FROM generation g WHERE g.status = 'live'))",
        ),
    ),
    "a swap that goes back in time": mutant(
        "readers never go back",
        ("read_model.publish", "IF _next.position < _live.position THEN", "IF false THEN"),
        (_publish, "await catch_up(BATCH)", ""),
        (_publish, "await catch_up(0)", ""),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_found_out(migrated: Database, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(migrated, MUTANTS[name], monkeypatch)
    with pytest.raises(Broken, match=MUTANTS[name].breaks):
        await put_to_the_test(migrated)


async def test_without_a_mutant_there_is_nothing_to_find(migrated: Database) -> None:
    await put_to_the_test(migrated)


async def put_to_the_test(database: Database) -> None:
    """What needs only the right moment, and what needs a crowd and some luck; what takes longest last."""
    await take_turns(database, claiming, projecting)
    await play(database, STORM)
    await take_turns(database, rebuilding)
    for _ in range(AGAIN):
        await play(database, STORM)


async def change(database: Database, wanted: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a system into a mutant: its database for good, its code for the length of a test."""
    owner = await asyncpg.connect(database.owner_url)
    if wanted.statement:
        await owner.execute(wanted.statement)
    by_function: dict[str | Callable[..., object], list[Edit]] = {}
    for edit in wanted.edits:
        by_function.setdefault(edit.function, []).append(edit)
    for function, edits in by_function.items():
        if isinstance(function, str):
            source = await owner.fetchval("SELECT pg_get_functiondef($1::regproc)", function)
            await owner.execute(edited(source, edits))
        else:
            changed: dict[str, FunctionType] = {}
            source = textwrap.dedent(inspect.getsource(function))
            exec(edited(source, edits), vars(inspect.getmodule(function)), changed)
            # The code and not the name: whoever has imported the function has the mutant too.
            monkeypatch.setattr(function, "__code__", changed[function.__name__].__code__)
    await owner.close()


def edited(source: str, edits: Sequence[Edit]) -> str:
    for edit in edits:
        assert source.count(edit.old) == 1, f"stands {source.count(edit.old)} times in {edit.function}: {edit.old}"
        source = source.replace(edit.old, edit.new)
    return source
