"""Mend a journey about which Temporal and the record disagree, from the record, which is authoritative.

What is recorded does not happen again: no notice leaves twice and nothing is released twice.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from activities.notices import deliver
from activities.record import NotYetRecorded, Record
from activities.record.access_log import find_unannounced_access, second_id_of
from activities.record.event_codec import load_events
from activities.record.patients import find_unparted, part_again
from activities.record.reconciliation import heads_of, mark_version
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import RegisterNotVerified, trusted_keys
from activities.record.watching import now as time_of
from application.context import Context
from application.errors import UseCaseError
from application.input.files import content_of
from application.pathway.commands import submit
from application.record.comparison import drift_of
from application.record.drift import Drift, Drifted
from application.settings import Settings
from application.temporal.journeys import Journeys, PolledBuilds, Run, Taken, not_recorded
from workflows.journey.aggregate import fold
from workflows.journey.commands import BreakGlass, Command
from workflows.journey.events import event_id
from workflows.journey.receipts import receipts_of
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.command_ids import is_own

NOTICES_AT_ONCE = 500
"""How many notices one statement delivers."""
MENDED_WITHIN = timedelta(seconds=10)
"""How long a journey that was mended may take to show it. It may come later; the next pass sees it."""


async def mend(context: Context, record: Record, journeys: Journeys, drifted: Drifted) -> bool:
    """Mend a journey, if that needs nobody's decision. Return whether it no longer differs in this way."""
    journey_id = drifted.journey_id
    if drifted.drift == Drift.UNREVIEWED:
        return await announce_access(context, record, journey_id)
    if drifted.drift == Drift.UNPARTED:
        return await _part(record, journeys, journey_id)
    run = await journeys.find(journey_id, context.now())
    if drifted.drift == Drift.SQUATTED:
        return run is not None and run.squatter == "foreign" and await _drive_out(record, journeys, drifted, run)
    if drifted.drift == Drift.UNSTARTED and run is not None and run.state == "ended" and run.squatter is None:
        # Somebody ended it before its beginning was recorded: its history alone has what it had accepted.
        return await journeys.set_back(run)
    if not drifted.version and drifted.drift not in (Drift.PAUSED, Drift.STRANDED, Drift.SILENT):
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
        case Drift.STRANDED if await journeys.move(run, context.now()):
            await journeys.show(journey_id)
        case Drift.SILENT if run.stuck and run.build is not None and await journeys.move(run, context.now()):
            pass  # A build that was mended gets no task of a run that is pinned to the one before it.
        case Drift.UNSHOWN | Drift.STOPPED:
            await journeys.show(journey_id)
        case Drift.PAUSED if run.activity_paused or await _is_overdue(record, journey_id, context.now()):
            await journeys.unpause(run)
        case _:
            return False
    return await _settles(context, record, journeys, drifted)


async def _settles(context: Context, record: Record, journeys: Journeys, drifted: Drifted) -> bool:
    """Wait a moment for a mended journey to agree; begin it anew where Temporal ended it again."""
    builds = await journeys.builds(context.now())
    try:
        async with asyncio.timeout(MENDED_WITHIN.total_seconds()):
            drift = await _still(context, record, journeys, drifted, builds)
            while drift is not None:
                await asyncio.sleep(0.2)
                drift = await _still(context, record, journeys, drifted, builds)
    except TimeoutError:
        drift = drifted.drift
    run = await journeys.find(drifted.journey_id, context.now())
    if run is not None and run.ended and drifted.drift == Drift.ENDED:
        return await begin_anew(record, journeys, drifted.journey_id, run)
    if run is not None and run.unreplayable and drift is not None:
        # Set back anywhere, it would not go on: its history is of two times, as after a put-back under a worker that
        # remembered more.
        return await begin_anew(record, journeys, drifted.journey_id, run)
    # What runs again and has not come to it within that time is seen by the next pass, if it does not at all.
    return drift is None or (drifted.drift == Drift.ENDED and run is not None and not run.ended)


async def _still(
    context: Context, record: Record, journeys: Journeys, drifted: Drifted, builds: PolledBuilds
) -> Drift | None:
    """As `drift_of`; a run that is young is taken for what it shows so far."""
    drift = await drift_of(record, journeys, drifted.journey_id, builds=builds, now=context.now())
    if drift is not None or drifted.drift not in (Drift.BEHIND, Drift.ENDED, Drift.UNSHOWN):
        return drift
    run = await journeys.find(drifted.journey_id, context.now())
    [head] = await heads_of(record, [drifted.journey_id])
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
                once = second_id_of(fold(events), once)
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
    recorded. False where nothing is recorded: then what runs goes on.

    Raises:
        UnreadableEvent: an event cannot be read. What runs goes on.
    """
    events = await load_events(record, journey_id)  # before its run is ended
    if not events:
        return False
    taken = () if last is None else await journeys.taken(last)
    if last is not None:
        # First its end: what it records afterwards would contradict the run that goes on from the record.
        await journeys.end(last)
        with suppress(UseCaseError):
            taken = await journeys.taken(last)
        await _until_quiet(record, journeys, last)
    events += await load_events(record, journey_id, after_version=len(events))
    # In a thread: of a long journey it takes seconds, and whoever stands still for ten loses the lock.
    journey, left = await asyncio.to_thread(lambda: (fold(events), not_recorded((*earlier, *taken), events)))
    # The lost run may have recorded notices without sending them. Each is delivered only once in any case.
    told = [notice for event in events for notice in notices(event)]
    for first in range(0, len(told), NOTICES_AT_ONCE):
        some = told[first : first + NOTICES_AT_ONCE]
        await deliver(record, some, clinic=journey.clinic, register=None)
    await journeys.resume(events, left)
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
        left = append.over + append.longest - await time_of(record)
        with suppress(NotYetRecorded):
            # Temporal's clock may be another than the record's.
            await record.wait_for(over.journey_id, append.version, min(max(left, timedelta()), append.longest))
