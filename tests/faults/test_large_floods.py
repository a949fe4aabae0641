"""Floods larger than the history of one run may be, on servers of their own: nothing that was acknowledged is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import monotonic
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.blob_storage import storage_of
from activities.record.event_codec import load_journey
from application.errors import Unavailable
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import submit
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local import temporal
from tests.benchmarks.stage import QUEUE, Servers, servers
from tests.faults.helpers import Course, at_work, command, run_cli, signal, support
from tests.faults.test_floods import accounted, accounted_for
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Receipt
from workflows.temporal_plugin import with_storage

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers(tmp_path_factory.mktemp("large")) as running:
        await register_search_attributes(running.client)
        yield running


def begun(own: Servers) -> Course:
    return Course(own.client, own.record, own.stack.signers, QUEUE)


async def reconciled(own: Servers) -> dict[UUID, tuple[str, bool]]:
    """What one pass of reconciliation finds and mends, as ops run it."""
    _, said = await run_cli(own.stack, "record", "reconcile", "--repair")
    return {UUID(each["journey_id"]): (each["drift"], each["repaired"]) for each in said["findings"]}


async def flood_at_once(course: Course, contents: list[bytes]) -> int:
    """Send signals together, five seconds' worth. Return how many Temporal acknowledged."""
    turn = asyncio.Semaphore(6)

    async def sent(content: bytes) -> bool:
        async with turn:
            with suppress(RPCError):
                await signal(course, "noise", content)
                return True
        return False

    return sum(await asyncio.gather(*map(sent, contents)))


async def is_told(course: Course) -> None:
    """Care is held, and ops have a task for each message or for the number of them."""
    journey = await course.recorded()
    assert journey.held
    assert {each.kind for each in journey.waiting.values() if each.owner == Role.OPS} >= {"unreadable_message"}


async def test_a_flood_of_large_messages_ends_no_run(own: Servers) -> None:
    """28 of 1.9 MB are refused before they cost. Of 132 of the largest that are taken, 50 MB, a hundred are kept in
    short, and the others counted, which is recorded at 1, 2, 4, ..., 32."""
    course = begun(own)
    async with at_work(own.client, own.record, own.stack.signers, QUEUE):
        await course.begin()
        too_large = [bytes([65 + number]) * 1_900_000 for number in range(28)]
        taken = await flood_at_once(course, [*too_large, *(b"%d " % n + b"x" * 380_000 for n in range(132))])
        assert taken == 132
        async with asyncio.timeout(20):
            await course.send(c.PlaceHold(reason="invented: after the flood"))

        async def all_there() -> bool:
            return await accounted_for(course) == taken

        await eventually(all_there, timedelta(seconds=60))
        assert (await course.handle.describe()).status == WorkflowExecutionStatus.RUNNING
        await is_told(course)


async def test_a_flood_that_ends_a_run_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has set the limits of the server: 28 signals of 1.9 MB are more than a history may have. The next
    pass of reconciliation begins the journey anew, and hands in again, in short, what it had not recorded."""
    monkeypatch.setattr(temporal, "LIMITS", {})
    async with servers(tmp_path) as own:
        await register_search_attributes(own.client)
        course = begun(own)
        async with at_work(own.client, own.record, own.stack.signers, QUEUE):
            await course.begin()
            said = [bytes([65 + number]) * 1_900_000 for number in range(28)]
            taken = await flood_at_once(course, said)
            assert taken > 0

            async def all_there() -> bool:
                await reconciled(own)
                journey = await load_journey(own.record, course.id)
                return journey is not None and accounted(journey) >= taken

            await eventually(all_there, timedelta(seconds=90))
            await is_told(course)
            known = {message.content for message in (await course.recorded()).messages.values()}
            for content in said:
                digest = sha256(content).hexdigest()
                assert sum(digest in one for one in known) <= 1
            async with asyncio.timeout(10):
                await course.send(c.PlaceHold(reason="invented: it goes on"))


SIGNALS, UPDATES = 1_000, 200


class Sender:
    """Sends a flood as a broken program does: much at a time, and again until Temporal has acknowledged it."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self.noise = 0
        """How many messages that nobody can read were acknowledged."""
        self.by_signal: list[UUID] = []
        """The commands that were, of people with the keys."""

    async def signals(self, many: int) -> None:
        """Every second one says something; the others nobody can read. They come by fifty at a time."""
        numbers = iter(range(many))

        async def send() -> None:
            for number in numbers:
                while not await self._sent(number):  # noqa: ASYNC110 - what is asked can only be asked again
                    await asyncio.sleep(0.1)

        await asyncio.gather(*(send() for _ in range(50)))

    async def _sent(self, number: int) -> bool:
        by = Role.PATIENT if number % 4 else Role.COORDINATOR
        one = command(support(f"invented: signal {number}"), by, of=self._course.id)
        try:
            if number % 2:
                await signal(self._course, "noise", b"%d" % number)
            else:
                await self._course.handle.signal("command", one)
        except RPCError:
            return False
        if number % 2:
            self.noise += 1
        else:
            self.by_signal.append(one.command_id)
        return True

    async def updates(self, many: int) -> None:
        """By ten at a time: so many Temporal takes, and nobody else finds room."""
        numbers = iter(range(many))

        async def send() -> None:
            for number in numbers:
                one = command(support(f"invented: update {number}"), of=self._course.id)
                self._course.receipts[one.command_id] = await answered(self._course, one)

        await asyncio.gather(*(send() for _ in range(10)))


async def answered(course: Course, sent: c.Command) -> Receipt:
    while True:
        with suppress(Unavailable):
            return await submit(course.client, course.id, sent, timeout=timedelta(seconds=60))


async def held_in(course: Course) -> float:
    """Hold care as the service does, by a message where no answer comes in three seconds. Return the seconds until
    Temporal has it."""
    journeys, one = TemporalJourneys(course.client, QUEUE), command(c.PlaceHold(reason="invented"), of=course.id)
    began = monotonic()
    while True:
        with suppress(Unavailable):
            try:
                await journeys.submit(course.id, one)
            except Unavailable:
                await journeys.hand_in(course.id, one)
            return monotonic() - began


async def test_a_flood_of_signals_and_updates_is_taken_and_care_held_meanwhile(
    own: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    """Temporal lets a run have 500 signals, so some are refused for a moment, and their sender is told; and ten updates
    at a time, so there is room for no other. A hold goes on as a message where no answer comes in three seconds."""
    course = Course(with_storage(own.client, storage_of(own.record)), own.record, own.stack.signers, QUEUE)
    sender, waited = Sender(course), list[float]()
    async with await own.worker():
        await course.begin()
        began = monotonic()
        sending = asyncio.gather(sender.signals(SIGNALS), sender.updates(UPDATES))
        while not sending.done():
            waited.append(await held_in(course))
            await asyncio.wait([sending], timeout=5)
        await sending
        sent = monotonic()

        async def all_there() -> bool:
            await asyncio.sleep(2)  # Each look reads the whole journey.
            return {*sender.by_signal, *course.receipts} <= {*await course.commands()}

        await eventually(all_there, timedelta(minutes=5))
        done = monotonic()
        journey = await course.recorded()
        # How many were only counted is recorded at each power of two.
        assert sender.noise / 2 < accounted(journey) <= sender.noise
        assert journey.held
        runs = await course.runs()
        code, _ = await run_cli(own.stack, "record", "verify", "--without", "anchors")
        assert code == 0
        assert await reconciled(own) == {}
    with capsys.disabled():
        print(
            f"\nsent in {sent - began:.0f} s, all recorded {done - sent:.0f} s later, version {journey.version}, ",
            end="",
        )
        print(
            f"{len(runs)} runs; {len(waited)} holds meanwhile, p50 {median(waited):.2f} s, at most {max(waited):.2f} s"
        )
