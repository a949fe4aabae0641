"""A build with another definition makes the read models its own, while people go on with those there were."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from shutil import copyfile
from uuid import uuid4

import asyncpg
import pytest

from activities.record import Record, migrate, open_record
from activities.record.read_models.projector import StateCache, advance, wait_for
from activities.record.read_models.queries import WorklistFilter, worklist
from activities.record.read_models.rebuild import differences, is_outdated
from activities.record.read_models.rows import DEFINITION
from activities.record.read_models.runner import running
from deploy.local.postgres import Database
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, course_of, put, put_course, renamed
from workflows.journey.actors import Role

SOON = timedelta(seconds=30)


def raise_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newer build is to this one."""
    for module in ("projector", "rebuild", "status"):
        monkeypatch.setattr(import_module(f"activities.record.read_models.{module}"), "DEFINITION", DEFINITION + 1)


async def generations(owner: Connection) -> list[tuple[str, int]]:
    rows = await owner.fetch("SELECT status, definition FROM read_model.generation ORDER BY id")
    return [(row["status"], row["definition"]) for row in rows]


@asynccontextmanager
async def held_up(owner: Connection) -> AsyncIterator[None]:
    """As long as somebody else is building."""
    await owner.execute("SELECT pg_advisory_lock($1, 1)", 0x72656164)
    try:
        yield
    finally:
        await owner.execute("SELECT pg_advisory_unlock($1, 1)", 0x72656164)


async def test_one_of_many_runners_builds_anew_and_lists_go_on(
    record: Record, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = await put_course(record, 30)
    await catch_up(record)
    before = await worklist(record, WorklistFilter())
    raise_definition(monkeypatch)
    position = await put(record, renamed(course_of()[:9], uuid4()))
    async with AsyncExitStack() as runners:
        async with held_up(owner):
            for _ in range(3):
                await runners.enter_async_context(running(record))
            assert await worklist(record, WorklistFilter()) == before
            assert await generations(owner) == [("live", DEFINITION)]
        await wait_for(record, position, SOON)
        assert await generations(owner) == [("retired", DEFINITION), ("live", DEFINITION + 1)]
        assert not await is_outdated(record)
        later = await put(record, renamed(course_of()[30:40], journey))
        await wait_for(record, later, SOON)
    assert await differences(record) == ()
    assert await generations(owner) == [("retired", DEFINITION), ("live", DEFINITION + 1)]


async def test_an_older_build_leaves_a_newer_one_alone(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await owner.execute("UPDATE read_model.generation SET definition = definition + 1")
    assert not await is_outdated(record)
    assert await advance(record, StateCache()) == 0


async def test_a_runner_that_is_told_to_stop_leaves_what_it_builds(
    record: Record, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_course(record, 9)
    await catch_up(record)
    raise_definition(monkeypatch)
    begun = asyncio.Event()

    async def endless(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(import_module("activities.record.read_models.rebuild"), "_share", endless)
    async with asyncio.timeout(SOON.total_seconds()), running(record):
        await begun.wait()
    assert await generations(owner) == [("live", DEFINITION), ("building", DEFINITION + 1)]


async def test_what_an_earlier_build_made_is_shown_until_it_is_built_anew(database: Database, tmp_path: Path) -> None:
    """A database from before obligations said whom they were asked of."""
    schema = files("activities.record") / "schema"
    for script in schema.iterdir():
        if script.name < "0011":
            copyfile(str(script), tmp_path / script.name)
    await migrate(database.owner_url, tmp_path)
    async with open_record(database.app_url) as record:
        position = await put(record, renamed(course_of()[:9], uuid4()))
        earlier = await asyncpg.connect(database.app_url)
        await earlier.execute("UPDATE read_model.generation SET position = 1")
        assert (await migrate(database.owner_url))[0] == "0011_asked.sql"

        # As the earlier build goes on writing.
        known = "'sections', NULL, 'clinician', NULL, 'record', now(), now()"
        await earlier.execute(
            "INSERT INTO read_model_1.caseload SELECT $1, 1, 1, now(), 'c', 'PTSD', 'evaluation', 'evaluation', "
            "'open', NULL, false, '{}', NULL, NULL, 'a', 'b', true, now()",
            uuid4(),
        )
        await earlier.execute(
            "INSERT INTO read_model_1.obligation (journey_id, opened_version, obligation, clinic, illustrative, held, "
            f"kind, subject, owner, person, what, since, due, why) SELECT journey_id, 1, 'sections', 'c', true, false, "
            f"{known}, 'because' FROM read_model_1.caseload"
        )
        await earlier.close()
        shown = await worklist(record, WorklistFilter(owners=(Role.CLINICIAN,)))
        assert (shown.position, [task.asked for task in shown.rows]) == (1, [(Role.CLINICIAN,)])
        assert (await worklist(record, WorklistFilter(owners=(Role.OPS,)))).rows == ()
        async with running(record):
            await wait_for(record, position, SOON)
        assert await differences(record) == ()
        assert len((await worklist(record, WorklistFilter(clinic="demo-clinic"))).rows) > 0
