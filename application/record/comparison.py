"""Compare what Temporal runs with the record.

Every open journey is compared by the list of all runs, in which each says how far it is recorded. None is woken for it,
and none is asked: after Temporal's database was put back, workers answer from a memory of what no longer is. Only where
something differs, and once a day, Temporal is asked for that one run: who completes a task of it by hand has it say in
the list what they like.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from activities.record import KeyAway, Record, RecordFault, RecordUnavailable, UnreadableEvent
from activities.record.access_log import find_unannounced_access
from activities.record.event_codec import load_journey
from activities.record.patients import find_unparted
from activities.record.reconciliation import (
    RecordedHead,
    heads_of,
    heads_that_may_wait,
    last_complete_pass,
    mark_version,
    marks_at,
)
from application.errors import UseCaseError
from application.record.drift import OVERDUE, SETTLED, Drift, Drifted, has_its_turn, judge
from application.temporal.journeys import Journeys, PolledBuilds, Run

AT_ONCE = 8
"""How many journeys are looked at in Temporal at the same time."""
EACH = timedelta(seconds=30)
"""How long it may take to look at one journey. One that does not answer holds up no other."""

log = structlog.get_logger("reconcile")

Given = TypeVar("Given")
Made = TypeVar("Made")


async def compare(
    record: Record, journeys: Journeys, among: Collection[UUID] | None = None, *, now: datetime, show_all: bool = False
) -> tuple[int, list[Drifted]]:
    """Compare every journey that may be waiting, or those ``among`` these. Return how many they are, and which differ.
    With ``show_all`` none is taken to show what it should.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    builds = await journeys.builds(now)
    looked_at = 0
    found: list[Drifted] = []

    async def differs(head: RecordedHead) -> Drifted | None:
        drift: Drift | None
        try:
            drift = await drift_of(record, journeys, head.journey_id, builds=builds, now=now)
        except Exception as problem:
            drift = _pass_by(head.journey_id, problem)
        return None if drift is None else Drifted(head.journey_id, drift, head.version, head.position)

    if among is not None:
        heads = [head for head in await heads_of(record, list(among)) if head.status == "open"]
        return len(heads), [each for each in await at_once(differs, heads) if each is not None]
    last = await last_complete_pass(record)
    shown = (None if last is None else last.began - OVERDUE), now - OVERDUE
    # The list first: whatever a run says to be recorded is in the record that is read after it.
    runs = {run.journey_id: run async for run in journeys.runs()}
    async for page in heads_that_may_wait(record):
        looked_at += len(page)
        seen = [(head, runs.pop(head.journey_id, None)) for head in page]
        marks = await _marks_of(record, seen)
        doubtful = [
            head
            for head, run in seen
            # Whose turn it was to show how it stands had time for it since.
            if judge(head, run, marks.get(head.journey_id), builds=builds, now=now) is not None
            or has_its_turn(head.journey_id, *shown)
        ]
        differing = [each for each in await at_once(differs, doubtful) if each is not None]
        if show_all:
            told = {each.journey_id for each in differing}
            differing += [
                Drifted(head.journey_id, Drift.UNSHOWN, head.version, head.position)
                for head, run in seen
                if run is not None and head.journey_id not in told
            ]
        found += differing

    async def runs_on(run: Run) -> Drifted | None:
        try:
            return await _without_need(record, journeys, run, now)
        except Exception as problem:
            return Drifted(run.journey_id, _pass_by(run.journey_id, problem))

    found += [each for each in await at_once(runs_on, runs.values()) if each is not None]
    found += [Drifted(reading.journeys[0], Drift.UNREVIEWED) for reading in await find_unannounced_access(record)]
    found += [Drifted(journey_id, Drift.UNPARTED) for journey_id in await find_unparted(record)]
    return looked_at, found


def _pass_by(journey_id: UUID, problem: Exception) -> Drift:
    """Return how a journey is shown that could not be compared, and name it: no pass ends because of one journey. In an
    outage of the record it ends."""
    if isinstance(problem, RecordUnavailable | RecordFault) and not isinstance(problem, KeyAway):
        raise problem
    log.error("reconcile.not_compared", journey_id=str(journey_id), error=type(problem).__name__)
    return Drift.SILENT


async def _marks_of(record: Record, seen: Sequence[tuple[RecordedHead, Run | None]]) -> Mapping[UUID, str]:
    """Return what the record has at the version up to which each run says to be recorded."""
    older = [
        (head.journey_id, mark_version(run.mark))
        for head, run in seen
        if run is not None and mark_version(run.mark) < head.version
    ]
    return {head.journey_id: head.mark for head, _ in seen} | await marks_at(record, older)


async def drift_of(
    record: Record, journeys: Journeys, journey_id: UUID, *, builds: PolledBuilds, now: datetime
) -> Drift | None:
    """Return how one journey differs at this moment, asking Temporal for its run; None when it does not."""
    try:
        async with asyncio.timeout(EACH.total_seconds()):
            run = await journeys.find(journey_id, now)
    except (UseCaseError, TimeoutError):
        return Drift.SILENT
    # Read after the run: what was recorded while Temporal was asked is no difference.
    heads = await heads_of(record, [journey_id])
    if not heads:
        return None
    [head] = heads
    marks = await _marks_of(record, [(head, run)])
    if head.status == "closed" and (run is None or run.ended) and head.awaits is None:
        head = head._replace(awaits=await _awaits(record, journey_id))
    return judge(head, run, marks.get(journey_id), builds=builds, now=now)


async def _awaits(record: Record, journey_id: UUID) -> bool:
    """Whether a journey waits for something, as far as is known."""
    try:
        ended = await load_journey(record, journey_id)
    except (UnreadableEvent, KeyAway):
        return True
    return bool(ended is not None and ended.waiting)


async def _without_need(record: Record, journeys: Journeys, run: Run, now: datetime) -> Drifted | None:
    """Return how a run differs that no open journey needs."""
    heads = await heads_of(record, [run.journey_id])
    if not run.squats(now) and mark_version(run.mark) > (heads[0].version if heads else 0):
        # However young it is: what it says to be recorded was in the record before, and was taken out of it.
        return Drifted(run.journey_id, Drift.AHEAD)
    if now - run.began <= SETTLED:
        return None
    if not heads:
        return Drifted(run.journey_id, Drift.UNRECORDED)
    [head] = heads
    if head.version and head.status == "open":
        return None  # It has begun meanwhile.
    try:
        again = await journeys.find(run.journey_id, now)
    except UseCaseError:
        again = run
    if again is None or again.ended:
        return None
    drift = Drift.LINGERING if head.version else Drift.UNRECORDED
    if head.version and again.squats(now):
        drift = Drift.SQUATTED  # Nobody could take the journey up again.
    settled = head.since is None or now - head.since > SETTLED
    return Drifted(run.journey_id, drift, head.version, head.position) if settled else None


async def at_once(act: Callable[[Given], Awaitable[Made]], on: Iterable[Given]) -> list[Made]:
    """Act on several items at a time, but not on more than Temporal can answer."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def acted(each: Given) -> Made:
        async with turn:
            return await act(each)

    return await asyncio.gather(*map(acted, on))
