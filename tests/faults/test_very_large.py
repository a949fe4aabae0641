"""A journey in which very much happened and very much is open, on servers of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from time import monotonic, process_time
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.api.history.v1 import HistoryEvent

from activities.record.command_codec import decided_by
from activities.record_activities import RecordActivities
from application.temporal.namespace import (
    register_search_attributes,
)
from tests.benchmarks.stage import QUEUE, Servers, servers
from tests.faults.attackers import asked, decision, signed
from tests.faults.helpers import Course, at_work, command, run_cli, support
from workflows import messages
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.decided import Decided
from workflows.journey.obligations import next_deadline
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.ledger import Ledger
from workflows.shell.outbox import BATCH_EVENTS

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(1800)]

EVENTS, OPEN = 10_000, 2_000
WAITED = timedelta(hours=25)
"""Since when the journey runs: three steps of a question that nobody answers have passed, and the fourth has not."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers(tmp_path_factory.mktemp("large")) as running:
        await register_search_attributes(running.client)
        yield running


def kilobyte() -> str:
    """A text that compresses to half."""
    return "".join(uuid4().hex for _ in range(31))


def begun(own: Servers) -> Course:
    return Course(own.client, own.record, own.stack.signers, QUEUE)


async def reconciled(own: Servers) -> dict[UUID, tuple[str, bool]]:
    """What one pass of reconciliation finds and mends, as ops run it."""
    _, said = await run_cli(own.stack, "record", "reconcile", "--repair")
    return {UUID(each["journey_id"]): (each["drift"], each["repaired"]) for each in said["findings"]}


class Author:
    """Decides commands as a run does, and records them as its activity does, without Temporal in between."""

    def __init__(self, recording: RecordActivities, opening: c.Command, at: datetime) -> None:
        self._recording, self.at = recording, at
        decided = Decided(command=opening, at=at)
        opened = decide(None, opening, at)
        assert not isinstance(opened, Refusal), str(opened)
        self.ledger = Ledger(fold(opened), {}, 0)
        self.ledger.queue(opened, decided)

    @property
    def version(self) -> int:
        return self.ledger.journey.version

    async def record(self) -> None:
        outbox = self.ledger.outbox
        while outbox:
            batch = outbox.next_batch(self.ledger.journey.id, decided_by())
            recorded = await self._recording.append(batch)
            assert recorded.version == batch.last_version
            outbox.mark_recorded(recorded.version)

    def take(self, one: c.Command) -> None:
        decided = Decided(command=one, at=self.at, own=one.actor == CLOCK)
        receipt, events = self.ledger.decide(decided)
        assert receipt.refusal is None, str(receipt.refusal)
        self.ledger.apply(events, decided)

    async def ask(self, until: int) -> None:
        """Have the patient ask, a kilobyte each time, until there are so many events, or as many questions as are to be
        open."""
        journey_id = self.ledger.journey.id
        while self.version < until and (left := OPEN - len(self.ledger.journey.questions)):
            for _ in range(min(100, left)):
                self.take(command(c.AskQuestion(text=kilobyte()), Role.PATIENT, of=journey_id))
            await self.record()

    async def wait(self, **time: int) -> None:
        """Let time pass, and then the clock take all that has come due, as after an outage."""
        self.at += timedelta(**time)
        while (due := next_deadline(self.ledger.journey)) is not None and due <= self.at:
            passed = own_id(self.ledger.journey.id, f"deadline:{self.version}")
            self.take(c.Command(command_id=passed, actor=CLOCK, body=c.PassDeadline()))
            if self.version - self.ledger.outbox.recorded >= BATCH_EVENTS:
                await self.record()
        await self.record()


@dataclass(frozen=True)
class Work:
    """What one more question costs: function calls and processor time (ms) to decide and fold it; round trips to the
    database, and rows read, to record it."""

    version: int
    calls: int
    milliseconds: float
    trips: int
    rows: int


def counted(work: Callable[[], object]) -> int:
    """How many functions are called."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


async def measure(author: Author, queries: list[int]) -> Work:
    journey = author.ledger.journey
    one = command(c.AskQuestion(text=kilobyte()), Role.PATIENT, of=journey.id)

    def work() -> None:
        events = author.ledger.decide(Decided(command=one, at=author.at))[1]
        fold(events, journey)

    work()
    calls, taken = counted(work), []
    for _ in range(7):
        began = process_time()
        work()
        taken.append(1000 * (process_time() - began))
    author.take(one)
    queries.clear()
    await author.record()
    return Work(author.version, calls, median(taken), len(queries), sum(queries))


async def recorded(course: Course, sent: c.Command) -> None:
    receipt = await course.submit(sent)
    await course.record.wait_for(course.id, receipt.version, timedelta(minutes=5))


def sizes(runs: list[list[HistoryEvent]]) -> Iterator[int]:
    for run in runs:
        yield sum(event.ByteSize() for event in run)


async def test_a_journey_costs_no_more_at_its_end_and_survives_the_loss_of_its_run(
    own: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two megabytes of questions that nobody answers. It is begun from its record, takes a hold at once, which somebody
    releases, and goes on in new runs."""
    course, queries = begun(own), list[int]()
    fetch = asyncpg.Connection.fetch

    async def seen(connection: Any, *query: Any, **options: Any) -> Any:
        rows = await fetch(connection, *query, **options)
        queries.append(len(rows))
        return rows

    monkeypatch.setattr(asyncpg.Connection, "fetch", seen)
    recording = RecordActivities(own.record, own.stack.signers.register, demonstrations=True)
    author = Author(recording, course.opening, datetime.now(UTC) - WAITED)
    await author.record()
    costs = []
    for many in (EVENTS // 50, EVENTS // 5):
        await author.ask(many)
        costs.append(await measure(author, queries))
    await author.ask(EVENTS)
    await author.wait(hours=13)
    await author.wait(hours=7, minutes=30)
    await author.wait(hours=4)
    assert author.version >= EVENTS
    costs.append(await measure(author, queries))
    first, *_, last = costs
    with capsys.disabled():
        for each in costs:
            print(f"\n{each}: {each.milliseconds / first.milliseconds:.2f} times the first", end="")
        print()
    assert last.calls <= 3 * first.calls
    # Now and then it is looked up whether the keys or the register have changed.
    assert all(each.trips <= first.trips + 1 and each.rows <= first.rows + 1 for each in costs)

    monkeypatch.undo()
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 20)
    async with at_work(own.client, own.record, own.stack.signers, QUEUE):
        began = monotonic()
        assert await reconciled(own) == {course.id: ("lost", True)}
        again = monotonic()
        async with asyncio.timeout(10):
            await course.send(c.PlaceHold(reason="invented: at once"), Role.PATIENT)
        held = monotonic()
        journey = await course.recorded()
        release = await signed(course, decision(journey, asked(journey)))
        other = begun(own)
        await other.begin()
        # What moves care on is recorded only once the whole journey is proven. Nobody else waits for that.
        releasing, longest = asyncio.create_task(recorded(course, release)), 0.0
        while not releasing.done():
            asking = monotonic()
            await other.send(support("invented: meanwhile"))
            longest = max(longest, monotonic() - asking)
        await releasing
        proven = monotonic()
        for number in range(25):
            await course.send(support(f"invented: {number}"))
        journey = await course.checked()
        assert not journey.held
        assert len(journey.waiting) >= OPEN
        runs = await course.runs()
        assert len(runs) >= 2
        assert max(sizes(runs)) < messages.BYTES_IN_RUN

        await course.handle.terminate("invented: lost")
        assert await reconciled(own) == {course.id: ("ended", True)}
        mended = monotonic()
        async with asyncio.timeout(10):
            await course.send(c.PlaceHold(reason="invented: and again"), Role.PATIENT)
        taken = monotonic()
        assert (await course.checked()).version > journey.version
    with capsys.disabled():
        print(f"begun from its record in {again - began:.1f} s, held in {held - again:.2f} s; ", end="")
        print(f"proven and released in {proven - held:.1f} s, others meanwhile answered in {longest:.2f} s; ", end="")
        print(f"after its end held in {taken - mended:.2f} s; runs of at most {max(sizes(runs)) / 1024:.0f} KB")
