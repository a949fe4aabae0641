"""Plays invented people in a journey, wherever their commands go: to the core alone, to servers, to a terminal."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.record.event_codec import from_stored
from activities.record.store import Record
from application.temporal.journey_client import handle_of, start, submit
from simulation.keys import Signers
from simulation.moves.next_move import next_move
from workflows.care_journey import CareJourney
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, StartPathway
from workflows.journey.obligations import next_deadline
from workflows.journey.requirements import Obligation
from workflows.messages import JourneyResult, Receipt

RECORDED_WITHIN = timedelta(seconds=30)
MOST_STEPS = 2000
TOO_NEAR_TO_SKIP = timedelta(seconds=2)
"""So long is waited as people do."""
BEYOND = timedelta(seconds=30)
"""So far is skipped beyond a moment. Where the end of a skip has passed by itself while a timer was handled, a server
of version 1.32 skips on to the next timer, perhaps a day too far; later versions do not. So handling one may take this
long."""

T = TypeVar("T")


class Stuck(Exception):
    """The journey did not come where it should."""


class SkippedTime:
    """The time of one workflow on a server that can skip it."""

    def __init__(self, skipper: TimeSkipper, handle: WorkflowHandle[CareJourney, JourneyResult]) -> None:
        self._skipper, self._handle = skipper, handle

    async def now(self) -> datetime:
        return await self._skipper.get_current_time(self._handle)

    async def wait_until(self, moment: datetime) -> None:
        """Return once this moment (UTC) has come, or up to `BEYOND` after it."""
        ahead = moment - await self.now()
        if ahead > TOO_NEAR_TO_SKIP:
            await self._skipper.fast_forward(self._handle, ahead + BEYOND)
        elif ahead > timedelta():
            await asyncio.sleep(ahead.total_seconds())


async def start_at(client: Client, opening: Command, *, task_queue: str, begins: datetime | None = None) -> SkippedTime:
    """Start a journey on a server that can skip time, at a moment to come (UTC) or now; its time from then on.

    Raises:
        ValueError: the moment has passed.
    """
    assert isinstance(opening.body, StartPathway)
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    clock = SkippedTime(skipper, handle_of(client, opening.body.journey_id))
    ahead = timedelta() if begins is None else begins - datetime.now(UTC)
    if ahead < timedelta():
        raise ValueError("time can only be skipped ahead")
    await start(skipper.client, opening, task_queue=task_queue, delay=ahead or None)
    if begins is not None:
        await clock.wait_until(begins)
    return clock


class Follower:
    """The state of one journey, kept up with its record."""

    def __init__(self, record: Record, journey_id: UUID) -> None:
        self._record, self._id = record, journey_id
        self._journey: Journey | None = None

    async def at_least(self, version: int) -> Journey:
        """The journey once the record has this version.

        Raises:
            NotYetRecorded: it did not get there in time.
        """
        known = 0 if self._journey is None else self._journey.version
        if version > known:
            await self._record.wait_for(self._id, version, RECORDED_WITHIN)
        stored = await self._record.load(self._id, after_version=known)
        if stored:
            self._journey = fold((from_stored(event) for event in stored), self._journey)
        assert self._journey is not None
        return self._journey


class Driver(Protocol):
    """The way into one journey: its state, its time, and where commands go."""

    async def look(self) -> tuple[Journey, datetime]:
        """Return the journey as it is, and its time (UTC)."""

    async def submit(self, command: Command) -> object:
        """Send a command."""

    async def wait_until(self, moment: datetime) -> None:
        """Let time pass up to this moment (UTC), or a little longer, and let the clock do what falls due meanwhile."""


async def play(
    driver: Driver,
    *,
    late: Collection[str] = (),
    unwell: Collection[str] = (),
    sees: Callable[[Obligation], bool] | None = None,
    until: Callable[[Journey], bool] = lambda journey: journey.closed,
    on_event: Callable[[Journey, Command | None, datetime], None] = lambda *_: None,
    most: int = MOST_STEPS,
) -> Journey:
    """Play a started journey until it ends, or instead until something is true of it, and return its last state.

    People do all obligations, or those for which ``sees`` is true. The clock handles all of them. ``on_event`` is
    called with every command before it is sent, and with None before every wait.

    Raises:
        Stuck: nobody has anything left to do, or it takes more than ``most`` steps.
    """
    for _ in range(most):
        journey, at = await driver.look()
        if until(journey):
            return journey
        seen = journey
        if sees is not None:
            waiting = {name: obligation for name, obligation in journey.waiting.items() if sees(obligation)}
            seen = journey.model_copy(update={"waiting": waiting})
        move = next_move(seen, at, late=late, unwell=unwell)
        if isinstance(move, Command):
            on_event(journey, move, at)
            await driver.submit(move)
            continue
        moments = [moment for moment in (move, next_deadline(journey)) if moment is not None]
        if not moments:
            raise Stuck(f"nobody has anything left to do, and the journey waits for {[*journey.waiting]}")
        on_event(journey, None, min(moments))
        await driver.wait_until(min(moments))
    raise Stuck(f"the journey did not get there in {most} steps")


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits for anything outside, such as a driver of the core alone, and return its result.

    Raises:
        RuntimeError: it waits.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        returned: T = done.value
        return returned
    coroutine.close()
    raise RuntimeError("this waits for something outside")


@dataclass
class ServerDriver:
    """A journey on servers. Commands are signed and sent, its state comes from its record, its time can be skipped."""

    journey_id: UUID
    signers: Signers
    clock: SkippedTime
    send: Callable[[Command], Awaitable[Receipt]]
    read: Callable[[int], Awaitable[Journey]]
    """The journey once its record has this version."""
    version: int = 1
    """How far the record must at least be."""

    async def look(self) -> tuple[Journey, datetime]:
        return await self.read(self.version), await self.clock.now()

    async def submit(self, command: Command) -> Receipt:
        receipt = await self.send(self.signers.signed(self.journey_id, command, await self.clock.now()))
        self.version = receipt.version
        return receipt

    async def wait_until(self, moment: datetime) -> None:
        journey = await self.read(self.version)
        deadline = next_deadline(journey)
        await self.clock.wait_until(moment)
        if deadline is not None and deadline <= await self.clock.now():
            self.version = journey.version + 1


def on_servers(client: Client, record: Record, signers: Signers, journey_id: UUID) -> ServerDriver:
    """Return the usual driver for a journey that was started so that its time can be skipped."""
    return ServerDriver(
        journey_id,
        signers,
        SkippedTime(TimeSkipper(client), handle_of(client, journey_id)),
        send=partial(submit, client, journey_id),
        read=Follower(record, journey_id).at_least,
    )
