"""Compare what Temporal runs with the record, and mend from the record, which is authoritative.

Every open journey is compared by the list of all runs, in which each says how far it is recorded. None is woken for it,
and none is asked: after Temporal's database was put back, workers answer from a memory of what no longer is. Only where
something differs Temporal is asked for that one run. What is recorded does not happen again: no notice leaves twice and
nothing is released twice.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar
from uuid import UUID

import structlog

from activities.notices import deliver
from activities.record import NotYetRecorded, Record, RecordUnavailable, UnreadableEvent
from activities.record.access_log import find_unannounced_access, told_again_under
from activities.record.event_codec import load_events, load_journey
from activities.record.patients import find_uninformed, find_unparted, part_again
from activities.record.reconciliation import (
    RecordedHead,
    heads_of,
    heads_that_may_wait,
    last_complete_pass,
    marks_at,
    went_on_beside,
)
from activities.record.verification.journeys import verify_record
from activities.record.verification.sign_offs import RegisterNotVerified, trusted_keys
from application.context import Context
from application.errors import UseCaseError
from application.files import content_of
from application.pathway.commands import submit
from application.settings import Settings
from application.temporal.journeys import REGISTERED, Journeys, Run, Taken
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import fold
from workflows.journey.command_ids import is_own
from workflows.journey.commands import BreakGlass, Command
from workflows.journey.events import MessageKept, event_id
from workflows.journey.notices import notices
from workflows.journey.receipts import receipts_of
from workflows.messages import ATTEMPT, mark_version

log = structlog.get_logger("reconcile")

AT_ONCE = 8
"""How many journeys are looked at in Temporal at the same time."""
SETTLED = timedelta(minutes=2)
"""How long what has just happened may take to show on the other side. A run says at most once a minute how far it is
recorded."""
OVERDUE = timedelta(minutes=5)
"""How late what happens by itself may be before a journey's clock counts as stopped."""
EACH = timedelta(seconds=30)
"""How long it may take to look at one journey. One that does not answer holds up no other."""
MENDING = timedelta(minutes=3)
"""How long it may take to mend one journey: a long one is read from its beginning."""
NOTICES_AT_ONCE = 500
"""How many notices one statement delivers."""
MENDED_WITHIN = timedelta(seconds=10)
"""How long a journey that was mended may take to show it. It may come later; the next pass sees it."""

Given = TypeVar("Given")
Made = TypeVar("Made")


class Drift(StrEnum):
    """How Temporal and the record can disagree about a journey."""

    LOST = "lost"
    SQUATTED = "squatted"
    ENDED = "ended"
    BEHIND = "behind"
    AHEAD = "ahead"
    CONTRADICTED = "contradicted"
    QUARANTINED = "quarantined"
    STRANDED = "stranded"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNSHOWN = "unshown"
    SILENT = "silent"
    UNSTARTED = "unstarted"
    UNRECORDED = "unrecorded"
    LINGERING = "lingering"
    UNREVIEWED = "unreviewed"
    UNPARTED = "unparted"


_BOOK = "See docs/how-to/when-something-is-wrong.md"
MEANINGS = {
    Drift.LOST: "Temporal does not know it",
    Drift.SQUATTED: "something that is not this journey holds its workflow id in Temporal: find out who started it. On "
    "another task queue, or told to begin later, it is left: end it in Temporal, or let workers poll that queue",
    Drift.ENDED: "Temporal has ended its run: terminated, failed, timed out, or completed by something else",
    Drift.BEHIND: "Temporal runs an older state of it: its database was put back",
    Drift.AHEAD: "it says that more is recorded than there is: the record was put back. Find the newest copy of the "
    "record, or see what `record recover` can bring back",
    Drift.CONTRADICTED: "it says that other things were recorded than the record has: treat it as tampering. Run "
    "`record verify` on it and change nothing",
    Drift.QUARANTINED: f"it is quarantined: the record says something else, or did not take what it decided. {_BOOK}",
    Drift.STRANDED: "it waits for a build that no worker runs. Start that build, or set a current one that runs",
    Drift.PAUSED: "somebody paused it in Temporal: its clock stands still. Find out why, then unpause it",
    Drift.STOPPED: "something is overdue that happens by itself: its clock stands still. Look at its workflow tasks",
    Drift.UNSHOWN: "its search attributes are missing or wrong: it is in no list that chooses by them",
    Drift.SILENT: "its workflow tasks fail, or Temporal did not answer about it: look at it in the Temporal UI",
    Drift.UNSTARTED: "its patient is enrolled and it never began: send its referral again, unchanged",
    Drift.UNRECORDED: "Temporal runs it, and nothing of it is recorded: look whether the record can be reached. If the "
    "record was put back, see `record recover`",
    Drift.LINGERING: "it is closed and waits for nothing, and Temporal still runs it: look at its workflow tasks",
    Drift.UNREVIEWED: "somebody looked at it in an emergency, and it was not told: nobody is asked to review that",
    Drift.UNPARTED: "two people signed that its patient and another one are two, and they still count as one: another "
    "statement links them, or a journey of theirs cannot be read. `patient show` says by which names",
}


class Drifted(NamedTuple):
    """A journey about which Temporal and the record disagree, and the version and position up to which it is
    recorded."""

    journey_id: UUID
    drift: Drift
    version: int = 0
    position: int = 0


class Reconciled(NamedTuple):
    """A journey that drifted, and whether it was repaired."""

    journey_id: UUID
    drift: Drift
    repaired: bool


class Reconciliation(NamedTuple):
    """How many open journeys were compared, those that differ, and what else was mended in Temporal."""

    looked_at: int
    found: tuple[Reconciled, ...]
    also: tuple[str, ...] = ()


async def reconcile(context: Context, *, repair: bool) -> Reconciliation:
    """Compare every journey that waits with what Temporal runs. With ``repair``, mend what can be mended without
    anybody's decision. It may be run again at any time.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    settings, record, journeys = context.settings, await context.record(), await context.journeys()
    also: tuple[str, ...] = ()
    if repair:
        wanted = settings.anchors_dir is not None and settings.anchor_key_file is not None
        also = await journeys.keep_up(timedelta(minutes=settings.anchor_minutes) if wanted else None)
    # Another name may now stand where the values of one were.
    anew = any(what.startswith(REGISTERED) for what in also)
    looked_at, found = await compare(record, journeys, now=context.now(), show_all=anew)

    async def seen_to(drifted: Drifted) -> Reconciled:
        mended = False
        try:
            if repair:
                async with asyncio.timeout(MENDING.total_seconds()):
                    mended = await _mend(context, record, journeys, drifted)
        except RecordUnavailable:
            raise
        except Exception:  # Whatever is wrong with one journey keeps no other from being mended.
            log.warning("reconcile.not_mended", journey_id=str(drifted.journey_id), exc_info=True)
        if mended:
            log.warning("reconcile.mended", journey_id=str(drifted.journey_id), drift=drifted.drift.value)
        elif repair:
            log.error("reconcile.left", journey_id=str(drifted.journey_id), drift=drifted.drift.value)
        return Reconciled(drifted.journey_id, drifted.drift, mended)

    mended = await at_once(seen_to, found)
    if repair:
        await _have_looked(record, journeys)
    return Reconciliation(looked_at, tuple(mended), also)


async def _have_looked(record: Record, journeys: Journeys) -> None:
    """Have every journey look again beside which another one of its patient went on since the last pass, and those of
    patients taken apart that do not know it: whoever did that may have ended before it could tell them."""
    last = await last_complete_pass(record)

    async def look(journey_id: UUID) -> None:
        with suppress(UseCaseError):  # It has no run now. Where it should, that was found.
            await journeys.look(journey_id)

    beside = await went_on_beside(record, None if last is None else last.began - SETTLED)
    await at_once(look, dict.fromkeys((*beside, *await find_uninformed(record))))


# Comparing


async def compare(
    record: Record, journeys: Journeys, among: Collection[UUID] | None = None, *, now: datetime, show_all: bool = False
) -> tuple[int, list[Drifted]]:
    """Compare every journey that may be waiting, or those ``among`` these. Return how many they are, and which differ.
    With ``show_all`` none is taken to show what it should.

    Raises:
        Unavailable: Temporal cannot be reached, or does not answer.
        RecordUnavailable, RecordFault: as the record does.
    """
    builds = await journeys.builds()
    looked_at = 0
    found: list[Drifted] = []

    async def differs(head: RecordedHead) -> Drifted | None:
        drift = await drift_of(record, journeys, head.journey_id, builds=builds, now=now)
        return None if drift is None else Drifted(head.journey_id, drift, head.version, head.position)

    if among is not None:
        heads = [head for head in await heads_of(record, list(among)) if head.status == "open"]
        return len(heads), [each for each in await at_once(differs, heads) if each is not None]
    # The list first: whatever a run says to be recorded is in the record that is read after it.
    runs = {run.journey_id: run async for run in journeys.runs()}
    async for page in heads_that_may_wait(record):
        looked_at += len(page)
        seen = [(head, runs.pop(head.journey_id, None)) for head in page]
        marks = await _marks_of(record, seen)
        doubtful = [
            head
            for head, run in seen
            if judge(head, run, marks.get(head.journey_id), builds=builds, now=now) is not None
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
        return await _without_need(record, journeys, run, now)

    found += [each for each in await at_once(runs_on, runs.values()) if each is not None]
    found += [Drifted(reading.journeys[0], Drift.UNREVIEWED) for reading in await find_unannounced_access(record)]
    found += [Drifted(journey_id, Drift.UNPARTED) for journey_id in await find_unparted(record)]
    return looked_at, found


async def _marks_of(record: Record, seen: Sequence[tuple[RecordedHead, Run | None]]) -> Mapping[UUID, str]:
    """Return what the record has at the version up to which each run says to be recorded."""
    older = [
        (head.journey_id, mark_version(run.mark))
        for head, run in seen
        if run is not None and mark_version(run.mark) < head.version
    ]
    return {head.journey_id: head.mark for head, _ in seen} | await marks_at(record, older)


async def drift_of(
    record: Record, journeys: Journeys, journey_id: UUID, *, builds: frozenset[str], now: datetime
) -> Drift | None:
    """Return how one journey differs at this moment, asking Temporal for its run; None when it does not."""
    try:
        async with asyncio.timeout(EACH.total_seconds()):
            run = await journeys.find(journey_id)
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
    except UnreadableEvent:
        return True
    return bool(ended is not None and ended.waiting)


def judge(
    head: RecordedHead, run: Run | None, recorded: str | None, *, builds: frozenset[str], now: datetime
) -> Drift | None:
    """Return how a run differs from a journey as recorded at a moment (UTC); None when it does not.

    ``recorded`` is the mark that the record has at the version of the run's mark. ``builds`` are those that workers
    run.
    """
    settled = head.since is None or now - head.since > SETTLED
    if run is not None and not run.ended and run.squatter is not None and (head.version or run.squatter != "asleep"):
        return Drift.SQUATTED
    if head.version == 0:
        return Drift.UNSTARTED if settled and (run is None or run.ended) else None
    if run is None:
        return None if head.status == "closed" and head.awaits is False else Drift.LOST
    version = mark_version(run.mark)
    if version > head.version:
        return Drift.AHEAD
    if run.ended:
        return None if head.status == "closed" and head.awaits is False else Drift.ENDED
    young = now - run.began <= SETTLED
    hidden = run.shown is None or (head.shown is not None and run.shown != head.shown)
    differing = (
        (Drift.CONTRADICTED, 0 < version <= head.version and run.mark != recorded),
        (Drift.PAUSED, run.state == "paused"),
        (Drift.QUARANTINED, run.health == "diverged"),
        (Drift.STRANDED, run.build is not None and bool(builds) and run.build not in builds),
        (Drift.UNSHOWN, hidden and settled and not young),
        (Drift.BEHIND, 0 < version < head.version and settled),
        (Drift.LINGERING, head.status == "closed" and head.awaits is False and settled and not young),
        (Drift.SILENT, run.stuck),
        (Drift.STOPPED, head.clock is not None and now - head.clock > OVERDUE and settled and not young),
    )
    return next((drift for drift, so in differing if so), None)


async def _without_need(record: Record, journeys: Journeys, run: Run, now: datetime) -> Drifted | None:
    """Return how a run differs that no open journey needs."""
    if now - run.began <= SETTLED:
        return None
    heads = await heads_of(record, [run.journey_id])
    if not heads:
        return Drifted(run.journey_id, Drift.UNRECORDED)
    [head] = heads
    if head.version and head.status == "open":
        return None  # It has begun meanwhile.
    try:
        again = await journeys.find(run.journey_id)
    except UseCaseError:
        again = run
    if again is None or again.ended:
        return None
    drift = Drift.LINGERING if head.version else Drift.UNRECORDED
    settled = head.since is None or now - head.since > SETTLED
    return Drifted(run.journey_id, drift, head.version, head.position) if settled else None


async def at_once(act: Callable[[Given], Awaitable[Made]], on: Iterable[Given]) -> list[Made]:
    """Act on several items at a time, but not on more than Temporal can answer."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def acted(each: Given) -> Made:
        async with turn:
            return await act(each)

    return await asyncio.gather(*map(acted, on))


# Mending


async def _mend(context: Context, record: Record, journeys: Journeys, drifted: Drifted) -> bool:
    """Mend a journey, if that needs nobody's decision. Return whether it no longer differs in this way."""
    journey_id = drifted.journey_id
    if drifted.drift == Drift.UNREVIEWED:
        return await announce_access(context, record, journey_id)
    if drifted.drift == Drift.UNPARTED:
        return await _part(record, journeys, journey_id)
    run = await journeys.find(journey_id)
    if drifted.drift == Drift.SQUATTED:
        return run is not None and run.squatter == "foreign" and await _drive_out(record, journeys, drifted, run)
    if not drifted.version:
        return False  # Nothing is recorded that it could go on from.
    if run is not None and run.ended and run.squatter:
        return await _drive_out(record, journeys, drifted, run)
    if drifted.drift == Drift.LOST and run is not None and not (run.ended or run.squatter):
        return True  # Another pass has begun it meanwhile.
    if drifted.drift == Drift.LOST or (run is not None and run.ended and (run.long or run.state == "completed")):
        return await begin_anew(record, journeys, journey_id, run)
    if drifted.drift == Drift.SILENT and run is not None and run.stuck and run.unreplayable:
        # No worker can go on with its history: the database was put back under a worker that remembered more.
        return await begin_anew(record, journeys, journey_id, run)
    if run is None:
        return False
    match drifted.drift:
        case Drift.ENDED | Drift.BEHIND:
            if not await journeys.set_back(run):
                return run.ended and await begin_anew(record, journeys, journey_id, run)
        case Drift.QUARANTINED if await _was_put_back(context.settings, record, run):
            await journeys.set_back(run)
        case Drift.STRANDED if await journeys.move(run):
            await journeys.show(journey_id)
        case Drift.UNSHOWN | Drift.STOPPED:
            await journeys.show(journey_id)
        case Drift.PAUSED if await _is_overdue(record, journey_id, context.now()):
            await journeys.unpause(run)
        case _:
            return False
    return await _settles(context, record, journeys, drifted)


async def _settles(context: Context, record: Record, journeys: Journeys, drifted: Drifted) -> bool:
    """Wait a moment for a mended journey to agree; begin it anew where Temporal ended it again."""
    builds = await journeys.builds()
    try:
        async with asyncio.timeout(MENDED_WITHIN.total_seconds()):
            drift = await _still(context, record, journeys, drifted, builds)
            while drift is not None:
                await asyncio.sleep(0.2)
                drift = await _still(context, record, journeys, drifted, builds)
    except TimeoutError:
        drift = drifted.drift
    run = await journeys.find(drifted.journey_id)
    if run is not None and run.ended and drifted.drift == Drift.ENDED:
        return await begin_anew(record, journeys, drifted.journey_id, run)
    if run is not None and run.unreplayable and drift is not None:
        # Set back anywhere, it would not go on: its history is of two times, as after a put-back under a worker that
        # remembered more.
        return await begin_anew(record, journeys, drifted.journey_id, run)
    # What runs again and has not come to it within that time is seen by the next pass, if it does not at all.
    return drift is None or (drifted.drift == Drift.ENDED and run is not None and not run.ended)


async def _still(
    context: Context, record: Record, journeys: Journeys, drifted: Drifted, builds: frozenset[str]
) -> Drift | None:
    """As `drift_of`; a run that is young is taken for what it shows so far."""
    drift = await drift_of(record, journeys, drifted.journey_id, builds=builds, now=context.now())
    if drift is not None or drifted.drift not in (Drift.BEHIND, Drift.ENDED, Drift.UNSHOWN):
        return drift
    run, [head] = await journeys.find(drifted.journey_id), await heads_of(record, [drifted.journey_id])
    return drifted.drift if run is not None and not run.ended and mark_version(run.mark) < head.version else None


async def _was_put_back(settings: Settings, record: Record, run: Run) -> bool:
    """Whether a quarantined run is an older state of what the record has, and the record proves right: then it goes on
    from the record, and what it accepted meanwhile is decided again there."""
    heads = await heads_of(record, [run.journey_id])
    version = mark_version(run.mark)
    behind = bool(heads) and 0 < version < heads[0].version
    # What was decided from a worker's memory after a put-back may even have been recorded before the run was read anew.
    if not behind and not (run.conflict and heads and 0 < version == heads[0].version):
        return False
    register = content_of(settings.register_file) if settings.register_file is not None else None
    if register is None or settings.organisation_key is None:
        return False
    try:
        keys = trusted_keys(register, bytes.fromhex(settings.organisation_key))
    except RegisterNotVerified:
        return False
    examined = await verify_record(record, keys=keys, journey_id=run.journey_id)
    return not examined.findings and await _is_ours(record, run.journey_id)


async def _is_ours(record: Record, journey_id: UUID) -> bool:
    """Whether every event has the id that its command gives it: another writer's events have not."""
    counted: Counter[UUID] = Counter()
    for event in await load_events(record, journey_id):
        if event.event_id != event_id(journey_id, event.command_id, counted[event.command_id]):
            return False
        counted[event.command_id] += 1
    return True


async def _is_overdue(record: Record, journey_id: UUID, now: datetime) -> bool:
    """Whether something is overdue that happens by itself: from then on a pause keeps an alarm from leaving."""
    heads = await heads_of(record, [journey_id])
    return bool(heads) and heads[0].clock is not None and heads[0].clock < now


async def announce_access(context: Context, record: Record, journey_id: UUID) -> bool:
    """Tell a journey of emergency accesses that it could not be told of before. One of which it cannot be told keeps it
    from no other. Where the id of one was used for something else meanwhile, it is told under another."""
    told_all = True
    events = await load_events(record, journey_id)
    taken = receipts_of(events)
    for reading in await find_unannounced_access(record):
        if journey_id in reading.journeys and reading.reason is not None:
            who, once = Actor(id=reading.reader_id, role=Role(reading.reader_role)), reading.entry_id
            if once in taken or is_own(once):
                once = told_again_under(fold(events), once)
            told = Command(command_id=once, actor=who, body=BreakGlass(reason=reading.reason))
            try:
                await submit(context, journey_id, told)
            except UseCaseError:
                told_all = False
    return told_all


async def _part(record: Record, journeys: Journeys, journey_id: UUID) -> bool:
    """Take patients apart that a journey says to be two, and have all their journeys look. Return whether nobody is
    left who counts as one with its patient."""
    for each in await part_again(record, journey_id):
        with suppress(UseCaseError):  # It has no run now, and looks when it has one again.
            await journeys.look(each)
    return journey_id not in await find_unparted(record)


async def begin_anew(
    record: Record, journeys: Journeys, journey_id: UUID, last: Run | None, earlier: Sequence[Taken] = ()
) -> bool:
    """Begin a new run from the record, and hand in again what the last one, and ``earlier`` ones, had accepted and not
    recorded.

    Raises:
        UnreadableEvent: an event cannot be read. What runs goes on.
    """
    events = await load_events(record, journey_id)  # before its run is ended
    taken = () if last is None else await journeys.taken(last)
    if last is not None:
        # First its end: what it records afterwards would contradict the run that goes on from the record.
        await journeys.end(last)
        with suppress(UseCaseError):
            taken = await journeys.taken(last)
        await _until_quiet(record, journeys, last)
    events += await load_events(record, journey_id, after_version=len(events))
    # In a thread: of a long journey it takes seconds, and whoever stands still for ten loses the lock.
    journey, known = await asyncio.to_thread(lambda: (fold(events), receipts_of(events)))
    # The lost run may have recorded notices without sending them. Each is delivered only once in any case.
    told = [notice for event in events for notice in notices(event)]
    for first in range(0, len(told), NOTICES_AT_ONCE):
        some = told[first : first + NOTICES_AT_ONCE]
        await deliver(record, some, clinic=journey.clinic, register=None, at=events[-1].at)
    messages = {event.body.content for event in events if isinstance(event.body, MessageKept)}

    def is_recorded(each: Taken) -> bool:
        return each.read.command_id in known if isinstance(each.read, Command) else each.read.content in messages

    await journeys.resume(events, [each for each in (*earlier, *taken) if not is_recorded(each)])
    return True


async def _drive_out(record: Record, journeys: Journeys, drifted: Drifted, squatter: Run) -> bool:
    """End what holds the id of a journey, and begin the journey anew if it had begun. What was accepted by the run that
    somebody ended to make room is handed in again."""
    if not drifted.version:
        await journeys.end(squatter)
        return True  # From now on it is told as not begun.
    own = [run async for run in journeys.all_runs(drifted.journey_id) if run.squatter is None]
    last = max(own, key=lambda run: run.began, default=None)
    accepted = () if last is None else await journeys.taken(last)
    return await begin_anew(record, journeys, drifted.journey_id, squatter, accepted)


async def _until_quiet(record: Record, journeys: Journeys, over: Run) -> None:
    """Wait until an append that a run had begun before its end is recorded, or can no longer be."""
    append = await journeys.under_way(over)
    if append is not None:
        left = min(append.until - datetime.now(UTC), ATTEMPT)
        with suppress(NotYetRecorded):
            await record.wait_for(over.journey_id, append.version, max(left, timedelta()))
