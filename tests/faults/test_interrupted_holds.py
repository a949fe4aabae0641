"""`work hold` as people run it, ended in its middle: it says what is held and how to go on, and the same request again
holds nothing twice."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_journey
from activities.record.store import Record
from activities.record.stored import Appended
from cli.errors import ExitCode
from simulation.keys import Signers
from simulation.people import referral
from simulation.stack import StaffedStack
from tests.faults.helpers import PATIENCE, PROTOCOLS, ROOT, As, Course, at_work
from tests.record.read_models.courses import catch_up
from workflows.journey.commands import PlaceHold
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import Role

pytestmark = [pytest.mark.server, pytest.mark.faults]

MANY, FIRST = 12, 3
"""How many journeys are concerned, and how many of them are held when it ends."""
VERSIONS = count(1000)
"""Each test has a protocol of its own, and so journeys of its own on the common stack."""


class Recall:
    """Journeys on a protocol of their own, and what holds them."""

    def __init__(self, stack: StaffedStack, courses: list[Course], protocol: Protocol, profile: Path) -> None:
        self._stack, self.courses, self._protocol, self._profile = stack, courses, protocol, profile

    async def hold(self, *words: str, stdout: int = PIPE) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "starter.py", "work", "hold", "--protocol", self._protocol.digest, "--json", *words),
            *("--profile", str(self._profile)),
            cwd=ROOT,
            env={**os.environ, **self._stack.env, "CAREPATH_TASK_QUEUE": self.courses[0].task_queue},
            stdin=PIPE,
            stdout=stdout,
            stderr=PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(b'{"reason": "invented: a recall"}')
        process.stdin.close()
        return process

    async def held(self, request: str) -> list[int]:
        """How many holds of a request each journey has."""
        journeys = [await load_journey(course.record, course.id) for course in self.courses]
        assert None not in journeys
        holds = [journey.holds.values() for journey in journeys if journey is not None]
        return [sum(str(each.together) == request for each in of_one) for of_one in holds]

    async def ended(self, process: Process) -> tuple[int | None, Any]:
        """How a command ended: its exit code, and the error it gave."""
        assert process.stderr is not None
        said = await asyncio.wait_for(process.stderr.read(), PATIENCE.total_seconds())
        return await process.wait(), json.loads(said)

    async def goes_on(self, request: str) -> None:
        """The same request again holds every journey, and none of them twice."""
        process = await self.hold("--request", request)
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE.total_seconds())
        answer = json.loads(out)
        assert (process.returncode, answer["request"]) == (0, request)
        assert sum(answer["counts"].values()) == MANY
        assert await self.held(request) == [1] * MANY


@pytest.fixture
async def recall(
    stack: StaffedStack, client: Client, record: Record, signers: Signers, task_queue: str, as_: As, tmp_path: Path
) -> AsyncIterator[Recall]:
    own = PROTOCOLS["ANXIETY"].model_copy(update={"version": next(VERSIONS)})
    courses = [Course(client, record, signers, task_queue) for _ in range(MANY)]
    async with at_work(client, record, signers, task_queue):
        for course in courses:
            course.opening = referral(own, course.id)
            await course.begin()
        await catch_up(record)
        as_(Role.COORDINATOR)  # writes their profile, with their key
        yield Recall(stack, courses, own, tmp_path / f"{Role.COORDINATOR}.json")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Set once so many holds were recorded that the next waits; and what lets it go on."""
    waits, opened, recorded = asyncio.Event(), asyncio.Event(), list[UUID]()
    append, kind = Record.append, json.dumps(PlaceHold.model_fields["kind"].default).encode()

    async def one_by_one(self: Record, journey_id: UUID, *given: Any, **named: Any) -> Appended:
        if any(kind in command.payload for command in named["commands"]):
            if len(recorded) >= FIRST:
                waits.set()
                await opened.wait()
            recorded.append(journey_id)
        return await append(self, journey_id, *given, **named)

    monkeypatch.setattr(Record, "append", one_by_one)
    return waits, opened


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
async def test_who_ends_it_is_told_how_to_go_on(
    recall: Recall, gate: tuple[asyncio.Event, asyncio.Event], sent: signal.Signals
) -> None:
    waits, opened = gate
    process = await recall.hold()
    await asyncio.wait_for(waits.wait(), PATIENCE.total_seconds())
    process.send_signal(sent)
    code, error = await recall.ended(process)
    assert code == ExitCode.FAULT, error
    request = error["request"]
    assert f"of {MANY} journeys are held under request {request}" in error["reason"]
    assert f"--request {request}" in error["remedy"]
    assert sum(await recall.held(request)) == FIRST
    opened.set()
    await recall.goes_on(request)


async def test_whose_answer_nobody_reads_is_told_under_which_request(recall: Recall) -> None:
    """As `| head` ends it: all is held, and only the answer is lost."""
    reading, writing = os.pipe()
    process = await recall.hold(stdout=writing)
    os.close(writing)
    os.close(reading)
    code, error = await recall.ended(process)
    assert code == ExitCode.FAULT, error
    assert await recall.held(error["request"]) == [1] * MANY
    await recall.goes_on(error["request"])
