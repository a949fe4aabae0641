"""How what Temporal runs differs from the record, which is what a journey is: Temporal only carries it on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID

from door.services import Gateway

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.store import Head
    from application.journey_client import Running

AT_ONCE = 8
"""Journeys looked at at the same time."""
OPEN = "WorkflowType = 'CareJourney' AND ExecutionStatus = 'Running'"

Given = TypeVar("Given")
Made = TypeVar("Made")


class Drift(StrEnum):
    """How Temporal and the record can disagree about an open journey."""

    LOST = "lost"
    ENDED = "ended"
    BEHIND = "behind"
    AHEAD = "ahead"
    QUARANTINED = "quarantined"
    SILENT = "silent"
    UNSTARTED = "unstarted"
    UNRECORDED = "unrecorded"
    UNREVIEWED = "unreviewed"


TOLD = {
    Drift.LOST: "Temporal does not know it",
    Drift.ENDED: "Temporal has ended its run: terminated, failed, or completed by something else than the journey",
    Drift.BEHIND: "Temporal runs an older state of it: its database was put back",
    Drift.AHEAD: "it says that more is recorded than there is: the record was put back. Do not repair; find the record",
    Drift.QUARANTINED: "it is quarantined: the record says something else. See docs/operations.md",
    Drift.SILENT: "it runs and does not answer: look at its workflow tasks, and whether a worker runs",
    Drift.UNSTARTED: "its patient is enrolled and it never began: send its referral again, unchanged",
    Drift.UNRECORDED: "Temporal runs it, and nothing of it is recorded yet: look whether the record can be reached",
    Drift.UNREVIEWED: "somebody looked at it in an emergency, and it was not told: nobody is asked to review that",
}


class Drifted(NamedTuple):
    """A journey that Temporal and the record disagree about, at the version and position it is recorded up to."""

    journey_id: UUID
    drift: Drift
    version: int = 0
    position: int = 0


async def compare(
    record: "Record", gateway: Gateway, among: Collection[UUID] | None = None
) -> tuple[int, list[Drifted]]:
    """Look at every journey that may be waiting, or at those ``among`` these: how many they are, and which differ.

    Raises:
        Problem: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    from activities.record.access_log import find_unannounced_access

    looked_at = 0
    found: list[Drifted] = []

    async def differs(head: "Head") -> Drifted | None:
        drift = await drift_of(record, gateway, head)
        return None if drift is None else Drifted(head.journey_id, drift, head.version, head.position)

    async for heads in _open(record, among):
        looked_at += len(heads)
        found += [each for each in await at_once(differs, heads) if each is not None]
    if among is None:
        running = gateway.journeys(OPEN, 100_000)
        found += [Drifted(each, Drift.UNRECORDED) async for each in running if await record.head(each) is None]
        found += [Drifted(reading.journeys[0], Drift.UNREVIEWED) for reading in await find_unannounced_access(record)]
    return looked_at, found


async def drift_of(record: "Record", gateway: Gateway, head: "Head") -> Drift | None:
    """How a journey differs now; None when it does not, or waits for nothing any more."""
    from activities.record.event_codec import load_journey

    running = await gateway.look(head.journey_id)
    # Whatever was recorded while Temporal was asked is not a difference.
    now = await record.head(head.journey_id)
    if now is not None and now.status == "closed":
        ended = await load_journey(record, head.journey_id)
        return None if ended is None or not ended.waiting else drifted(head.version, now.version, running)
    return None if now is None else drifted(head.version, now.version, running)


def drifted(before: int, now: int, running: "Running | None") -> Drift | None:
    """How a journey at these recorded versions, before and after Temporal was asked, differs from what it answered."""
    if before == 0:
        return Drift.UNSTARTED if running is None or not running.runs else None
    if running is None:
        return Drift.LOST
    if not running.runs:
        return Drift.ENDED
    if running.version is None or running.recorded is None:
        return Drift.SILENT
    if running.health == "diverged":
        return Drift.QUARANTINED
    if running.version < before:
        return Drift.BEHIND
    return Drift.AHEAD if running.recorded > now else None


async def at_once(act: Callable[[Given], Awaitable[Made]], on: Iterable[Given]) -> list[Made]:
    """Act on several things at a time, and not on more than Temporal answers at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def acted(each: Given) -> Made:
        async with turn:
            return await act(each)

    return await asyncio.gather(*map(acted, on))


async def _open(record: "Record", among: Collection[UUID] | None) -> AsyncIterator[Collection["Head"]]:
    if among is not None:
        heads = [await record.head(each) for each in among]
        yield [head for head in heads if head is not None and head.status == "open"]
        return
    after: UUID | None = None
    while page := await record.open_heads(after):
        after = page[-1].journey_id
        yield page
