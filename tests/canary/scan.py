"""Planted strings travel a journey while things fail, and are looked for in every byte that should hold none."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
from temporalio.client import Client

from activities.record.event_codec import load_events
from application.errors import Refused
from application.temporal.journey_client import (
    submit,
)
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local.stack import Stack, run_worker
from simulation.people import PEOPLE, profile
from simulation.stack import StaffedStack, staffed_stack
from tests.faults.helpers import Course, call_cli, command, reset, run_cli
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.temporal_plugin import CarePathwayPlugin


async def scan(directory: Path) -> list[str]:
    """Play a journey on a stack of its own in this directory, and say where what was planted is found."""
    planted = [f"canary{uuid4().hex}" for _ in range(5)]
    seen: set[str] = set()
    watching = asyncio.create_task(_watch_arguments(seen))
    try:
        async with staffed_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack:
            journey, patient = await _play(stack, planted)
            planted.append(patient)
            notices = await _notices(stack)
            await stack.temporal.stop()
            assert list(_in_files((directory / "temporal").rglob("*"), [journey])), "these are not Temporal's files"
            found = await _in_rows(stack, planted)
            await stack.postgres.stop()
            record = stack.postgres.data_directory
            assert list(_in_files(record.rglob("*"), ["hold.placed"])), "these are not the record's files"
            found += [
                *_in_files((directory / "temporal").rglob("*"), planted),
                *_in_files(record.rglob("*"), planted),
                *_in_files(stack.logs.rglob("*"), planted),
            ]
    finally:
        watching.cancel()
    found += [f"a notice: {word}" for word in planted for notice in notices if word in notice]
    return found + [f"the arguments of a process: {word}" for word in planted for line in seen if word in line]


async def _play(stack: StaffedStack, planted: Sequence[str]) -> tuple[str, str]:
    """A journey that holds what is planted, with failures everywhere. Return its id and its patient's reference."""
    withheld, asked, refused, unreadable, reason = planted
    worker = await run_worker(stack.worker_env, stack.logs / "worker.log")
    async with worker, stack.codec() as codec, stack.open_record(stack.postgres.database.recorder_url) as record:
        client = await Client.connect(
            stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
        )
        await register_search_attributes(client)
        course = Course(client, record, stack.signers, "care-pathway")
        opening = course.opening.body
        assert isinstance(opening, c.StartPathway)
        course.opening = course.opening.model_copy(update={"body": opening.model_copy(update={"reason": reason})})
        await course.begin()
        await course.send(c.RequestSupport(urgency="urgent", text=f"{asked} {asked}"), by=Role.PATIENT)
        await course.handle.signal("command", {"not": "a command", "said": unreadable})
        with suppress(Refused):
            await submit(client, course.id, command(c.HandleMessage(message="message-9", text=refused), Role.OPS))
        # The record is away: its activities fail with what they were given. Then somebody resets the run.
        await stack.postgres.stop("immediate")
        await course.send(c.PlaceHold(reason=withheld), by=Role.PATIENT)
        await stack.postgres.start()
        await course.recorded()
        await reset(course)
        person = stack.directory / "coordinator.json"
        person.write_text(profile(PEOPLE[Role.COORDINATOR]))
        words = ("support", "request", str(course.id), "--profile", str(person))
        await run_cli(stack, *words, given={"urgency": "urgent", "text": asked})
        for unfit in ({"urgency": refused}, {"text": unreadable}):
            await call_cli(stack, *words, given=unfit)
        await course.recorded()
        # Otherwise nothing would be found because nothing was there.
        recorded = " ".join([event.model_dump_json() for event in await load_events(record, course.id)])
        missing = [word for word in (withheld, asked, unreadable, reason) if word not in recorded]
        assert not missing, "what was planted did not get as far as the record"
        return str(course.id), opening.patient.ref


async def _notices(stack: Stack) -> list[str]:
    connection = await asyncpg.connect(stack.postgres.database.recorder_url)
    try:
        return [str(row["notice"]) for row in await connection.fetch("SELECT n::text AS notice FROM record.notice n")]
    finally:
        await connection.close()


async def _in_rows(stack: Stack, planted: Sequence[str]) -> list[str]:
    """Look through every row of the record too: PostgreSQL compresses what is long."""
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname !~ '^(pg_|information)'"
        )
        found = []
        for table in tables:
            rows = " ".join(row[0] for row in await connection.fetch(f"SELECT t::text FROM {table['name']} t"))
            found += [f"{table['name']}: {word}" for word in planted if word in rows or word.encode().hex() in rows]
        return found
    finally:
        await connection.close()


def _in_files(paths: Iterator[Path], planted: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if path.is_file():
            content = path.read_bytes()
            yield from (f"{path.name}: {word}" for word in planted if word.encode() in content)


async def _watch_arguments(seen: set[str]) -> None:
    """Look again and again at what the processes that we start are called with."""
    while True:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                seen.add(" ".join(process.cmdline()))
        await asyncio.sleep(0.05)
