"""Plays invented people against a real journey: their moves through the client, the state from the record."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from activities.record.event_codec import from_stored
from activities.record.store import Record
from application.journey_client import submit
from simulation.keys import Signers
from simulation.people import next_move
from workflows.care_journey import CareJourney
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command
from workflows.journey.obligations import next_deadline
from workflows.messages import JourneyResult

RECORDED_WITHIN = timedelta(seconds=30)


class Clock(Protocol):
    """The time a journey lives in."""

    async def now(self) -> datetime: ...
    async def wait_until(self, moment: datetime) -> None: ...


class SkippedTime:
    """The time of one workflow on a server that can skip it."""

    def __init__(self, skipper: TimeSkipper, handle: WorkflowHandle[CareJourney, JourneyResult]) -> None:
        self._skipper, self._handle = skipper, handle

    async def now(self) -> datetime:
        return await self._skipper.get_current_time(self._handle)

    async def wait_until(self, moment: datetime) -> None:
        ahead = moment - await self.now()
        if ahead > timedelta():
            await self._skipper.fast_forward(self._handle, ahead)


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


async def play(
    client: Client,
    record: Record,
    clock: Clock,
    signers: Signers,
    journey_id: UUID,
    *,
    late: Collection[str] = (),
    unwell: Collection[str] = (),
    until: Callable[[Journey], bool] = lambda journey: journey.closed,
    told: Callable[[Journey, Command | None, datetime], None] = lambda *_: None,
) -> Journey:
    """Play a started journey until it ends, or until ``until`` is true of it, and return its last state.

    ``told`` hears of every command as it is sent, and, with None, of every wait.

    Raises:
        RuntimeError: nobody has anything left to do, and the journey has not ended.
    """
    follower = Follower(record, journey_id)
    journey = await follower.at_least(1)
    while not until(journey) and not journey.closed:
        at = await clock.now()
        move = next_move(journey, at, late=late, unwell=unwell)
        if isinstance(move, Command):
            told(journey, move, at)
            receipt = await submit(client, journey_id, signers.signed(journey_id, move, at))
            journey = await follower.at_least(receipt.version)
            continue
        deadline = next_deadline(journey)
        moments = [moment for moment in (move, deadline) if moment is not None]
        if not moments:
            raise RuntimeError("nobody has anything left to do, and the journey has not ended")
        told(journey, None, min(moments))
        await clock.wait_until(min(moments))
        if deadline == min(moments):
            journey = await follower.at_least(journey.version + 1)
    return journey
