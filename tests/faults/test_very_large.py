"""A journey in which very much happened and very much is open, on servers of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import monotonic, process_time
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.api.history.v1 import HistoryEvent

from activities.record.command_codec import decided_by, to_kept
from activities.record.event_codec import to_new
from activities.record.stored import NewCommand
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
from workflows.journey.events import Event
from workflows.journey.obligations import next_deadline
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.ledger import Ledger
from workflows.shell.outbox import BATCH_EVENTS

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(1800)]

EVENTS, OPEN = 50_000, 10_000
"""How large the journey is that costs no more at its end. The one that is begun and lost on servers has a fifth of
that: its state takes a worker seconds to read, and more of them on a busy machine than a task may take."""
WAITED = timedelta(hours=25)
"""Since when the journey runs: three steps of a question that nobody answers have passed, and the fourth has not."""


@pytest_asyncio.fixture(loop_scope="session")
async def own(tmp_path: Path) -> AsyncIterator[Servers]:
    async with servers(tmp_path) as running:
        await register_search_attributes(running.client)
        yield running


def kilobyte() -> str:
    """A text that compresses to half."""
    return "".join(uuid4().hex for _ in range(32))


def begun(own: Servers) -> Course:
    return Course(own.client, own.record, own.stack.signers, QUEUE)


async def reconciled(own: Servers) -> dict[UUID, tuple[str, bool]]:
    """What one pass of reconciliation finds and mends, as ops run it."""
    _, said = await run_cli(own.stack, "record", "reconcile", "--repair")
    return {UUID(each["journey_id"]): (each["drift"], each["repaired"]) for each in said["findings"]}


class Author:
    """Decides commands as a run does, and records them as its activity does, without Temporal in between; or writes
    them straight into the record, which saves deciding each a second time."""

    def __init__(self, own: Servers, opening: c.Command) -> None:
        self._record, self.at = own.record, datetime.now(UTC) - WAITED
        self._recording = RecordActivities(own.record, own.stack.signers.register, demonstrations=True)
        self._taken: list[tuple[Decided, tuple[Event, ...]]] = []
        decided = Decided(command=opening, at=self.at)
        opened = decide(None, opening, self.at)
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
        self._taken.clear()

    async def write(self) -> None:
        """Write what was taken straight into the record."""
        kept = [(to_kept(decided, decided_by()), events) for decided, events in self._taken]
        await self._record.append(
            self.ledger.journey.id,
            self.ledger.outbox.recorded,
            [to_new(event, command.digest) for command, events in kept for event in events],
            commands=[NewCommand(events=len(events), payload=command.payload) for command, events in kept],
        )
        self.ledger.outbox.mark_recorded(self.version)
        self._taken.clear()

    def take(self, one: c.Command) -> None:
        decided = Decided(command=one, at=self.at, own=one.actor == CLOCK)
        receipt, events = self.ledger.decide(decided)
        assert receipt.refusal is None, str(receipt.refusal)
        self.ledger.apply(events, decided)
        self._taken.append((decided, events))

    async def ask(self, until: int, most: int) -> None:
        """Have the patient ask, a kilobyte each time, until there are so many events, or as many questions as are to be
        open."""
        journey_id = self.ledger.journey.id
        while self.version < until and (left := most - len(self.ledger.journey.questions)):
            for _ in range(min(100, left)):
                self.take(command(c.AskQuestion(text=kilobyte()), Role.PATIENT, of=journey_id))
            await self.write()

    async def wait(self, **time: int) -> None:
        """Let time pass, and then the clock take all that has come due, as after an outage."""
        self.at += timedelta(**time)
        while (due := next_deadline(self.ledger.journey)) is not None and due <= self.at:
            passed = own_id(self.ledger.journey.id, f"deadline:{self.version}")
            self.take(c.Command(command_id=passed, actor=CLOCK, body=c.PassDeadline()))
            if self.version - self.ledger.outbox.recorded >= BATCH_EVENTS:
                await self.write()
        await self.write()


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
    author.take(command(c.AskQuestion(text=kilobyte()), Role.PATIENT, of=author.ledger.journey.id))
    await author.record()  # It reads what was written without it.
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


async def nobody_answers(author: Author) -> None:
    """Three steps of each question are taken, as after outages."""
    await author.wait(hours=13)
    await author.wait(hours=7, minutes=30)
    await author.wait(hours=4)


async def test_a_journey_costs_no_more_at_its_end(
    own: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """50,000 events, and 10,000 open questions that nobody answers: ten megabytes of text in its record."""
    queries = list[int]()
    fetch = asyncpg.Connection.fetch

    async def seen(connection: Any, *query: Any, **options: Any) -> Any:
        rows = await fetch(connection, *query, **options)
        queries.append(len(rows))
        return rows

    monkeypatch.setattr(asyncpg.Connection, "fetch", seen)
    author, costs = Author(own, begun(own).opening), list[Work]()
    await author.record()
    for many in (EVENTS // 50, EVENTS // 5):
        await author.ask(many, OPEN)
        costs.append(await measure(author, queries))
    await author.ask(EVENTS, OPEN)
    await nobody_answers(author)
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


async def test_a_large_journey_survives_the_loss_of_its_run(
    own: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """10,000 events, and two megabytes of questions that nobody answers. It is begun from its record, takes a hold at
    once, which somebody releases, and goes on in new runs."""
    course = begun(own)
    author = Author(own, course.opening)
    await author.record()
    await author.ask(EVENTS // 5, OPEN // 5)
    await nobody_answers(author)
    assert author.version >= EVENTS // 5
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
        assert len(journey.waiting) >= OPEN // 5
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
