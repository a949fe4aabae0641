"""What must hold once everything is quiet. Each check returns what differs, in words."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.record.event_codec import load_events
from application.context import utc_now
from application.temporal.runs import find_run
from tests.benchmarks.stage import Servers
from tests.drill.disturbances import Disturbance
from tests.drill.people import ACKNOWLEDGED, Told
from tests.faults.helpers import Course
from tests.fixtures.everything import everything
from workflows.care_journey import CareJourney
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.obligations import obligations
from workflows.journey.views.notices import notices

PROMPT = timedelta(seconds=5)
"""How late an alarm may leave when nothing disturbs it."""


@dataclass
class Recorded:
    """All events of each journey, as recorded at the end."""

    events: Mapping[UUID, tuple[e.Event, ...]]
    versions: Mapping[UUID, Mapping[UUID, list[int]]] = field(init=False)

    def __post_init__(self) -> None:
        versions: dict[UUID, dict[UUID, list[int]]] = {}
        for journey_id, events in self.events.items():
            for event in events:
                versions.setdefault(event.command_id, {}).setdefault(journey_id, []).append(event.version)
        self.versions = versions


async def read(courses: Sequence[Course]) -> Recorded:
    return Recorded({course.id: tuple(await load_events(course.record, course.id)) for course in courses})


def check_promises(told: Sequence[Told], recorded: Recorded) -> Iterator[str]:
    """Everything acknowledged is there exactly once; nothing that was refused is."""
    requested = Counter(
        event.body.text
        for events in recorded.events.values()
        for event in events
        if isinstance(event.body, e.SupportRequested)
    )
    for each in told:
        what = f"{each.command.body.kind} {each.command.command_id} of {each.journey_id}"
        found = recorded.versions.get(each.command.command_id, {})
        if each.outcome in ACKNOWLEDGED:
            if each.journey_id not in found:
                if not each.lost_with_temporal:
                    yield f"{what} was {each.outcome} at {each.at:%H:%M:%S} and is not in the record"
                continue
            versions = found[each.journey_id]
            if len(found) > 1 or versions != list(range(versions[0], versions[0] + len(versions))):
                yield f"{what} was {each.outcome} and is in the record more than once: {found}"
            body = each.command.body
            if isinstance(body, c.RequestSupport) and requested[body.text] != 1:
                became = [recorded.events[each.journey_id][version - 1].body for version in versions]
                yield f"{what} was {each.outcome}, is in the record {requested[body.text]} times, and became {became}"
        elif each.outcome == "refused" and found and not isinstance(each.command.body, c.SIGNED):
            yield f"{what} was refused at {each.at:%H:%M:%S} ({each.why}) and is in the record"
        elif each.outcome == "no such journey" and not _closed(recorded.events[each.journey_id]):
            yield f"{what} was told at {each.at:%H:%M:%S} that there is no such journey"


def _closed(events: Sequence[e.Event]) -> bool:
    return any(isinstance(event.body, e.PathwayClosed) for event in events)


@dataclass(frozen=True)
class Alarm:
    """An alarm: when it was due and when it left (UTC), and how late it may be."""

    late: timedelta
    bound: timedelta
    what: str


async def find_alarms(
    servers: Servers, recorded: Recorded, logs: Sequence[Path], disturbances: Sequence[Disturbance]
) -> tuple[list[Alarm], list[str]]:
    """Return every alarm that left, and in words those that never did, and other notices that were not delivered."""
    left, delivered = _logged(logs), await _delivered(servers)
    alarms, wrong = [], []
    for journey_id, events in recorded.events.items():
        opened: dict[str, datetime] = {}
        for event in events:
            if isinstance(event.body, e.ObligationsUpdated):
                opened |= {one.id: event.at for one in event.body.opened}
            for notice in notices(event):
                what = f"{notice.kind} about {notice.about} of {journey_id}, version {event.version}"
                notice_id = servers.record.patients.of_notice(notice)
                if notice_id not in delivered:
                    wrong.append(f"never delivered: {what}")
                if not notice.alarm:
                    continue
                due = event.at
                if isinstance(event.body, e.ObligationEscalated):
                    due = max(event.body.due, opened.get(event.body.obligation, event.body.due))
                moments = [at for at in (left.get(notice_id), delivered.get(notice_id)) if at is not None]
                if not moments:
                    wrong.append(f"the alarm never left: {what}")
                    continue
                bound = max(
                    (held for one in disturbances if (held := one.may_hold_up(journey_id, due, min(moments)))),
                    default=PROMPT,
                )
                alarms.append(Alarm(max(min(moments) - due, timedelta()), bound, f"{what}, due {due:%H:%M:%S}"))
    return alarms, wrong


def check_waiting(recorded: Recorded, now: datetime) -> Iterator[str]:
    """No step is due that was not taken."""
    for journey_id, events in recorded.events.items():
        for waiting in obligations(fold(events)):
            if waiting.next_step is not None and now - waiting.next_step > PROMPT:
                yield f"a step of {waiting.id} of {journey_id} was due at {waiting.next_step:%H:%M:%S} and is not taken"


def _logged(logs: Sequence[Path]) -> Mapping[UUID, datetime]:
    """When the log first had each alarm."""
    found: dict[UUID, datetime] = {}
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                said = json.loads(line)
                if said["event"] == "alarm":
                    at, notice = datetime.fromisoformat(said["timestamp"]), UUID(said["notice_id"])
                    found[notice] = min(at, found.get(notice, at))
    return found


async def _delivered(servers: Servers) -> Mapping[UUID, datetime]:
    connection = await asyncpg.connect(everything(servers.stack.postgres))
    try:
        rows = await connection.fetch("SELECT notice_id, created_at FROM record.notice")
    finally:
        await connection.close()
    return {row["notice_id"]: row["created_at"] for row in rows}


async def check_agreement(course: Course, within: timedelta) -> list[str]:
    """The journey runs, unless it is closed, and its state is that of its record."""
    differs = "did not answer"
    with suppress(TimeoutError):
        async with asyncio.timeout(within.total_seconds()):
            while differs:
                differs = await _differs(course)
                if differs:
                    await asyncio.sleep(0.5)
    return [f"{course.id} {differs}"] if differs else []


async def _differs(course: Course) -> str:
    try:
        run = await find_run(course.client, course.id, now=utc_now())
        if run is None:
            return "is not known to Temporal"
        journey = fold(await load_events(course.record, course.id))
        if run.ended:
            return "" if journey.closed and not journey.waiting else f"does not run: its run is {run.state}"
        status = await course.handle.query(CareJourney.status)
        waiting = await course.handle.query(CareJourney.obligations)
    except (RPCError, WorkflowQueryFailedError) as problem:
        return f"does not answer: {type(problem).__name__}: {problem}"
    if status.health == "diverged":
        return "is quarantined"
    if not status.version == status.recorded == journey.version:
        return (
            f"runs version {status.version}, says {status.recorded} is recorded, and the record has {journey.version}"
        )
    return "" if tuple(waiting) == obligations(journey) else "waits for something else than its record says"
