"""Looks at everything once, and says what is wrong. What it says of a journey, it worked out from the log itself.

Each journey is folded from its events, and folded again when it goes on: what lists say counts only for those whose
turn has not come, and only where they are up to the log.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from activities.record import KeyAway, Record, RecordFault, RecordUnavailable, UnreadableEvent
from activities.record.event_codec import from_stored, load_journey
from activities.record.reconciliation import last_complete_pass
from activities.record.schema_objects import find_schema_differences
from activities.record.watching import (
    DueStep,
    EarlyNotice,
    KeptMatter,
    Matter,
    WatchedHead,
    database_size,
    delivered,
    due_rows,
    early_notices,
    events_at,
    first_recorded,
    heads,
    late_messages,
    next_events,
    now,
    shown,
)
from application.watchdog.settings import WatchdogSettings
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import next_escalation_step, obligations
from workflows.journey.views.notices import notices

STEP_MISSED = "step_missed"
NOTICE_MISSING = "notice_missing"
NOTICES_UNKNOWN = "notices_unknown"
MESSAGE_UNDELIVERED = "message_undelivered"
JOURNEY_UNREADABLE = "journey_unreadable"
RECONCILIATION_LATE = "reconciliation_late"
RECONCILIATION_FOUND = "reconciliation_found"
LISTS_STAND_STILL = "lists_stand_still"
JOURNEY_NOT_SHOWN = "journey_not_shown"
LOG_CUT = "log_cut"
SCHEMA_DIFFERS = "schema_differs"
DATABASE_LARGE = "database_large"

FOLDING = 10.0
"""For how many seconds one look folds journeys at most. The others' turn comes at the next looks."""
AGAIN = 50
"""How many of what could not be read one look reads again, of each kind: the key may be back."""


class LookResult(NamedTuple):
    """What one look found, and up to which position of the log it asked whether notices left."""

    matters: Sequence[Matter]
    position: int


class _Folded(NamedTuple):
    journey_hash: bytes
    steps: tuple[DueStep, ...] | None
    """The next steps of all that is awaited; None where an event cannot be read."""


class Folds:
    """The next steps of journeys as folded from the log, each up to the hash that the log had then."""

    def __init__(self) -> None:
        self._kept: dict[UUID, _Folded] = {}

    def find(self, head: WatchedHead) -> _Folded | None:
        """Return the fold of a journey if nothing was recorded of it since."""
        kept = self._kept.get(head.journey_id)
        return kept if kept is not None and kept.journey_hash == head.journey_hash else None

    def unread(self, open_heads: Iterable[WatchedHead]) -> list[WatchedHead]:
        """Return those of these journeys that could not be read, the one first that was tried longest ago."""
        by_id = {head.journey_id: head for head in open_heads}
        found = (by_id[journey] for journey, kept in self._kept.items() if kept.steps is None and journey in by_id)
        return [head for head in found if self.find(head) is not None]

    async def fold(self, record: Record, wanted: Iterable[WatchedHead], seconds: float) -> None:
        """Fold journeys anew for so many seconds, one at least."""
        until = monotonic() + seconds
        for head in wanted:
            steps: tuple[DueStep, ...] | None
            try:
                journey = await load_journey(record, head.journey_id, until_version=head.version)
                steps = () if journey is None else tuple(_next_steps(journey))
            except KeyAway:
                steps = None
            except (RecordUnavailable, RecordFault):
                raise
            except Exception:  # a row may hold anything, and stops only its own journey
                steps = None
            self._kept.pop(head.journey_id, None)
            self._kept[head.journey_id] = _Folded(head.journey_hash, steps)
            if monotonic() > until:
                return
            await asyncio.sleep(0)

    def keep_only(self, journeys: Collection[UUID]) -> None:
        """Forget all other journeys."""
        self._kept = {journey: kept for journey, kept in self._kept.items() if journey in journeys}


class LogEnd:
    """How far this process has seen the log come. It is kept in no database, where whoever cuts the end of the log off,
    or puts an older copy in its place, would change it, too."""

    def __init__(self) -> None:
        self._seen: tuple[int, bytes] | None = None

    async def look(self, record: Record) -> Matter | None:
        """Return what is wrong when the log has not any more what it had; it stays wrong for this process.

        Raises:
            RecordUnavailable, RecordFault: as the record does.
        """
        end = await record.log_head()
        if self._seen is not None:
            position, log_hash = self._seen
            if await record.log_hash(position) != log_hash:
                return Matter(LOG_CUT, str(position), {"position": position})
        self._seen = end
        return None


def _next_steps(journey: Journey) -> Iterator[DueStep]:
    for waiting in obligations(journey):
        step = next_escalation_step(waiting, journey)
        if step is not None and waiting.next_step is not None:
            yield DueStep(journey.id, waiting.id, waiting.next_step, step.action.value, step.to.value)


async def look(record: Record, settings: WatchdogSettings, folds: Folds, kept: Sequence[KeptMatter]) -> LookResult:
    """Look at everything once.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    at = await now(record)
    lists = await _lists(record, settings, at)
    open_heads = await heads(record)
    missing, position = await _missing_notices(record, at - timedelta(seconds=settings.late_seconds), kept)
    return LookResult(
        (
            *await _missed_steps(record, settings, folds, open_heads, at),
            *_unreadable(folds, open_heads),
            *missing,
            *await _undelivered(record, settings, at),
            *lists,
            *(() if lists else _not_shown(open_heads, at - timedelta(seconds=settings.projection_seconds))),
            *await _reconciliation(record, at - timedelta(seconds=settings.reconciliation_seconds)),
            *(Matter(SCHEMA_DIFFERS, str(each), each._asdict()) for each in await find_schema_differences(record)),
            *await _too_large(record, settings.database_gigabytes),
        ),
        position,
    )


async def _too_large(record: Record, most: int) -> list[Matter]:
    gigabytes = await database_size(record) / 10**9
    return [Matter(DATABASE_LARGE, "record", {"gigabytes": f"more than {most}"})] if gigabytes > most else []


async def _missed_steps(
    record: Record, settings: WatchdogSettings, folds: Folds, open_heads: Sequence[WatchedHead], at: datetime
) -> list[Matter]:
    late = timedelta(seconds=settings.late_seconds)
    rows = await due_rows(record, at - late)
    said_due = {step.journey_id for step in rows}
    folds.keep_only({head.journey_id for head in open_heads})
    changed = [head for head in open_heads if folds.find(head) is None]
    # First what lists do not show or show as overdue, then whatever else went on.
    changed.sort(key=lambda head: head.unshown_since is None and head.journey_id not in said_due)
    # Last what could not be read: nothing is recorded of it when its key is back.
    again = folds.unread(open_heads)[:AGAIN]
    await folds.fold(record, (*changed, *again), min(FOLDING, settings.every_seconds / 2))
    due = []
    for head in open_heads:
        folded = folds.find(head)
        if folded is not None and folded.steps is not None:
            due += [step for step in folded.steps if step.due <= at - late]
        else:
            due += [step for step in rows if step.journey_id == head.journey_id]
    early = await early_notices(record, {step.journey_id for step in due})
    longer = timedelta(seconds=settings.reconciliation_seconds)
    return [
        Matter(
            STEP_MISSED,
            f"{step.journey_id}:{name_of_step(record, step)}",
            {"journey_id": str(step.journey_id), "due": step.due.isoformat(), "to": step.to},
        )
        for step in drop_told(due, early, at - late - longer)
    ]


def name_of_step(record: Record, step: DueStep) -> str:
    """Return what stands for a step in the id of a page: a pager is not told what is awaited, and cannot try."""
    return record.patients.of_content(f"{step.obligation} {step.due.isoformat()}".encode()).hex()[:20]


def drop_told(due: Iterable[DueStep], early: Iterable[EarlyNotice], unless_by: datetime) -> Iterator[DueStep]:
    """Leave out steps whose notice left before they are recorded, one for each such notice; but not what was due by a
    moment (UTC): so long nothing may stay unrecorded."""
    told = sorted(early, key=lambda notice: notice.at)
    for step in sorted(due, key=lambda step: step.due):
        wanted = (step.journey_id, step.action, step.to)
        notice = next(
            (each for each in told if (each.journey_id, each.kind, each.to) == wanted and each.at >= step.due), None
        )
        if notice is not None:
            told.remove(notice)
        if notice is None or step.due <= unless_by:
            yield step


def _unreadable(folds: Folds, open_heads: Iterable[WatchedHead]) -> Iterator[Matter]:
    for head in open_heads:
        folded = folds.find(head)
        if folded is not None and folded.steps is None:
            yield _of_journey(JOURNEY_UNREADABLE, head)


def _not_shown(open_heads: Iterable[WatchedHead], by: datetime) -> Iterator[Matter]:
    for head in open_heads:
        if head.unshown_since is not None and head.unshown_since <= by:
            yield _of_journey(JOURNEY_NOT_SHOWN, head, since=head.unshown_since)


def _of_journey(kind: str, head: WatchedHead, since: datetime | None = None) -> Matter:
    when = {} if since is None else {"since": since.isoformat()}
    return Matter(kind, str(head.journey_id), {"journey_id": str(head.journey_id), **when})


async def _missing_notices(record: Record, by: datetime, kept: Iterable[KeptMatter]) -> tuple[list[Matter], int]:
    """Return the notices that did not leave although their events were recorded by a moment (UTC): those of the next
    events, and those that were missing before and still are. Of an event that cannot be read nobody knows whether there
    are any: it is told, and read again at later looks until it can be."""
    position, events = await next_events(record, by)
    kept = list(kept)
    missing = {UUID(each.matter.name): each.matter for each in kept if each.matter.kind == NOTICE_MISSING}
    unknown = {int(each.matter.name): each.matter for each in kept if each.matter.kind == NOTICES_UNKNOWN}
    again = secrets.SystemRandom().sample(sorted(unknown), min(len(unknown), AGAIN))
    for asked in again:
        del unknown[asked]
    for stored in (*await events_at(record, again), *events):
        shown = {"journey_id": str(stored.journey_id), "since": stored.recorded_at.isoformat()}
        try:
            left = notices(from_stored(stored))
        except UnreadableEvent:
            unknown[stored.position] = Matter(NOTICES_UNKNOWN, str(stored.position), shown)
            continue
        for notice in left:
            notice_id = record.patients.of_notice(notice)
            missing[notice_id] = Matter(
                NOTICE_MISSING, str(notice_id), {**shown, "notice_id": str(notice_id), "to": notice.to.value}
            )
    arrived = await delivered(record, missing)
    return [*unknown.values(), *(matter for key, matter in missing.items() if key not in arrived)], position


async def _undelivered(record: Record, settings: WatchdogSettings, at: datetime) -> list[Matter]:
    """Return the messages that reached nobody in their time, or that nothing more is tried for."""
    late = await late_messages(
        record, at - timedelta(seconds=settings.late_seconds), at - timedelta(seconds=settings.message_seconds)
    )
    return [
        Matter(
            MESSAGE_UNDELIVERED,
            str(message.notice_id),
            {
                "journey_id": str(message.journey_id),
                "notice_id": str(message.notice_id),
                "since": message.since.isoformat(),
                "to": message.to,
            },
        )
        for message in late
    ]


async def _lists(record: Record, settings: WatchdogSettings, at: datetime) -> list[Matter]:
    head, position, waiting_since = await shown(record)
    if position > head:
        return [Matter(LISTS_STAND_STILL, "ahead", {"recorded": head, "shown": position})]
    if waiting_since is None or waiting_since > at - timedelta(seconds=settings.projection_seconds):
        return []
    return [Matter(LISTS_STAND_STILL, "behind", {"since": waiting_since.isoformat()})]


async def _reconciliation(record: Record, by: datetime) -> list[Matter]:
    last = await last_complete_pass(record)
    found = []
    began = await first_recorded(record) if last is None else last.ended
    if began is not None and began <= by:
        since = None if last is None else last.ended.isoformat()
        found.append(Matter(RECONCILIATION_LATE, since or "never", {"last": since}))
    if last is not None and (last.lost or last.different):
        counted = {"lost": last.lost, "different": last.different, "mended": last.mended, "left": last.failed}
        name = ",".join(f"{what}:{count}" for what, count in counted.items())
        found.append(Matter(RECONCILIATION_FOUND, name, counted))
    return found


def count(matters: Iterable[Matter]) -> Counter[str]:
    """Return how many matters of each kind there are."""
    return Counter(matter.kind for matter in matters)
