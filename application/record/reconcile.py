"""Compare what Temporal runs with the record, and repair it from the record, which is authoritative.

What is recorded does not happen again: no notice leaves twice and nothing is released twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from enum import StrEnum
from typing import NamedTuple, TypeVar
from uuid import UUID

from activities.notices import deliver
from activities.record import Head, Record
from activities.record.access_log import find_unannounced_access
from activities.record.event_codec import load_events, load_journey
from application.context import Context
from application.errors import UseCaseError
from application.pathway.commands import submit
from application.temporal.journeys import Journeys, Running
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import fold
from workflows.journey.commands import BreakGlass, Command
from workflows.journey.notices import notices

AT_ONCE = 8
"""How many journeys are compared at the same time."""

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


MEANINGS = {
    Drift.LOST: "Temporal does not know it",
    Drift.ENDED: "Temporal has ended its run: terminated, failed, or completed by something else than the journey",
    Drift.BEHIND: "Temporal runs an older state of it: its database was put back",
    Drift.AHEAD: "it says that more is recorded than there is: the record was put back. Do not repair; find the record",
    Drift.QUARANTINED: "it is quarantined: the record says something else. See docs/how-to/when-something-is-wrong.md",
    Drift.SILENT: "it runs and does not answer: look at its workflow tasks, and whether a worker runs",
    Drift.UNSTARTED: "its patient is enrolled and it never began: send its referral again, unchanged",
    Drift.UNRECORDED: "Temporal runs it, and nothing of it is recorded yet: look whether the record can be reached",
    Drift.UNREVIEWED: "somebody looked at it in an emergency, and it was not told: nobody is asked to review that",
}


class Drifted(NamedTuple):
    """A journey about which Temporal and the record disagree, and the version and position up to which it is
    recorded."""

    journey_id: UUID
    drift: Drift
    version: int = 0
    position: int = 0


REPAIRED = (Drift.LOST, Drift.ENDED, Drift.BEHIND)
"""Kinds of drift that are repaired by starting the journey from its record."""


class Reconciled(NamedTuple):
    """A journey that drifted, and whether it was repaired."""

    journey_id: UUID
    drift: Drift
    repaired: bool


class Reconciliation(NamedTuple):
    """How many open journeys were compared, and those that differ."""

    looked_at: int
    found: tuple[Reconciled, ...]


async def reconcile(context: Context, *, repair: bool) -> Reconciliation:
    """Compare every journey that waits with what Temporal runs. With ``repair``, start from the record those that
    Temporal has lost, ended or set back. It may be run again at any time.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    record, journeys = await context.record(), await context.journeys()
    looked_at, found = await compare(record, journeys)

    async def seen_to(drifted: Drifted) -> Reconciled:
        put_right = repair and await _repair(context, record, journeys, drifted)
        return Reconciled(drifted.journey_id, drifted.drift, put_right)

    return Reconciliation(looked_at, tuple(await at_once(seen_to, found)))


async def compare(
    record: Record, journeys: Journeys, among: Collection[UUID] | None = None
) -> tuple[int, list[Drifted]]:
    """Compare every journey that may be waiting, or those ``among`` these. Return how many they are, and which differ.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """

    looked_at = 0
    found: list[Drifted] = []

    async def differs(head: Head) -> Drifted | None:
        drift = await drift_of(record, journeys, head)
        return None if drift is None else Drifted(head.journey_id, drift, head.version, head.position)

    async for heads in _open(record, among):
        looked_at += len(heads)
        found += [each for each in await at_once(differs, heads) if each is not None]
    if among is None:
        running = journeys.running(100_000)
        found += [Drifted(each, Drift.UNRECORDED) async for each in running if await record.head(each) is None]
        found += [Drifted(reading.journeys[0], Drift.UNREVIEWED) for reading in await find_unannounced_access(record)]
    return looked_at, found


async def drift_of(record: Record, journeys: Journeys, head: Head) -> Drift | None:
    """Return how a journey differs now; None when it does not differ, or no longer waits for anything."""

    running = await journeys.look(head.journey_id)
    # Events that were recorded while Temporal was asked are no difference.
    now = await record.head(head.journey_id)
    if now is not None and now.status == "closed":
        ended = await load_journey(record, head.journey_id)
        return None if ended is None or not ended.waiting else drifted(head.version, now.version, running)
    return None if now is None else drifted(head.version, now.version, running)


def drifted(before: int, now: int, running: Running | None) -> Drift | None:
    """Return how Temporal's answer differs from a journey that had these recorded versions before and after the
    question."""
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
    """Act on several items at a time, but not on more than Temporal can answer."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def acted(each: Given) -> Made:
        async with turn:
            return await act(each)

    return await asyncio.gather(*map(acted, on))


async def _open(record: Record, among: Collection[UUID] | None) -> AsyncIterator[Collection[Head]]:
    if among is not None:
        heads = [await record.head(each) for each in among]
        yield [head for head in heads if head is not None and head.status == "open"]
        return
    after: UUID | None = None
    while page := await record.open_heads(after):
        after = page[-1].journey_id
        yield page


async def _repair(context: Context, record: Record, journeys: Journeys, drifted: Drifted) -> bool:
    if drifted.drift == Drift.UNREVIEWED:
        return await _announce(context, record, drifted.journey_id)
    head = await record.head(drifted.journey_id)
    if head is None or drifted.drift not in REPAIRED:
        return False
    # Time has passed. What runs is terminated below, so check that it still differs.
    drift = await drift_of(record, journeys, head)
    if drift not in REPAIRED:
        return drift is None
    return await _resume(record, journeys, drifted.journey_id)


async def _announce(context: Context, record: Record, journey_id: UUID) -> bool:
    """Tell a journey of emergency accesses that it could not be told of before."""

    for reading in await find_unannounced_access(record):
        if journey_id in reading.journeys and reading.reason is not None:
            who = Actor(id=reading.reader_id, role=Role(reading.reader_role))
            told = Command(command_id=reading.entry_id, actor=who, body=BreakGlass(reason=reading.reason))
            try:
                await submit(context, journey_id, told)
            except UseCaseError:
                return False
    return True


async def _resume(record: Record, journeys: Journeys, journey_id: UUID) -> bool:

    events = await load_events(record, journey_id)
    # The lost run may have recorded notices without sending them. Each is delivered only once in any case.
    told = [notice for event in events for notice in notices(event)]
    await deliver(record, told, clinic=fold(events).clinic, register=None, at=events[-1].at)
    try:
        await journeys.resume(events)
    except UseCaseError:
        return False
    return True
