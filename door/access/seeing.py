"""What somebody saw, seen again: services as they were then, and lists folded anew up to where they were true."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from activities.record import Record, StoredEvent
from door.lists.caseload import standing
from door.lists.listing import Listing
from door.lists.standing import TrueUpTo
from door.outcomes import ExitCode, Problem
from door.screen import Screen
from door.services import Gateway, Services

if TYPE_CHECKING:
    from activities.record.access_log import AccessLogEntry, NewAccessLogEntry
    from activities.record.read_models import Answer, Case, Task
    from activities.record.read_models.rows import ProjectionState
    from activities.record.store import Connection
    from application.settings import Settings


class AsSeen(Services):
    """What a reading was given. Who asks again was let in and kept before; here nothing is kept, and nothing sent."""

    def __init__(self, now: Services, reading: "AccessLogEntry") -> None:
        self._now, self._reading = now, reading

    def settings(self) -> "Settings":
        return self._now.settings()

    def settings_without_servers(self) -> "Settings":
        return self._now.settings_without_servers()

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Record]:
        async with self._now.record() as record:
            yield _UpTo(record, self._reading.position)

    async def record_access(self, record: Record, reading: "NewAccessLogEntry") -> None:
        """Nobody looks for the first time."""

    async def broke_glass(self, record: Record, journey_id: UUID, reader_id: str) -> bool:  # noqa: ARG002
        return True

    async def awaiting_signatures(self, record: Record, clinics: Sequence[str], limit: int) -> tuple[UUID, ...]:  # noqa: ARG002
        return self._reading.journeys

    def gateway(self) -> AbstractAsyncContextManager[Gateway]:
        raise Problem(ExitCode.USAGE, "Temporal does not know how things were", "See `pathway show --at`")

    def now(self) -> datetime:
        return self._reading.clock


class _UpTo(Record):
    """A record that ends at a position, for what reads events."""

    def __init__(self, record: Record, position: int) -> None:
        self._record, self._position = record, position

    @property
    def log_id(self) -> int:
        return self._record.log_id

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[Connection]":
        """What was true of the past is asked for as such, and is the same now."""
        async with self._record.connection() as connection:
            yield connection

    async def load(self, journey_id: UUID, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        return self._known(await self._record.load(journey_id, after_version=after_version))

    async def tail(self, after_position: int, *, limit: int = 500) -> tuple[StoredEvent, ...]:
        return self._known(await self._record.tail(after_position, limit=limit))

    async def log_head(self) -> tuple[int, bytes] | None:
        log_hash = await self._record.log_hash(self._position)
        return None if log_hash is None else (self._position, log_hash)

    def _known(self, events: tuple[StoredEvent, ...]) -> tuple[StoredEvent, ...]:
        return tuple(event for event in events if event.position <= self._position)


async def show_list(screen: Screen, services: Services, reading: "AccessLogEntry") -> None:
    """Show a page of a list as it was. Who had claimed what is not known any more.

    Raises:
        Problem: its rows were made in another way than today's.
    """
    from activities.record.read_models.rows import DEFINITION

    if reading.definition != DEFINITION:
        raise Problem(
            ExitCode.USAGE,
            "this list was of an earlier version of this program, which alone can show it again",
            f"See how each journey stood: `pathway list --at {reading.position}`, `pathway show --at`",
        )
    async with services.record() as record:
        courses = {each: await _course(record, each, reading.position) for each in dict.fromkeys(reading.journeys)}
    true = TrueUpTo(reading.position, reading.position, 0)
    if reading.command[0] == "work":
        listing = Listing(_tasks(reading, courses), true, reading.clock)
        screen.illustrative(listing.illustrative)
        shown, rows = listing.drawn(), [listing.for_scripts(task) for task in listing.answer.rows]
    else:
        listed = standing(_cases(reading, courses), reading.clock)
        shown, rows = listed.for_people, listed.for_scripts
    if screen.json_only:
        screen.data({**true.as_json(), "next": None, "rows": rows})
    else:
        screen.show(shown)
        true.tell(screen)


async def _course(record: Record, journey_id: UUID, position: int) -> "ProjectionState":
    from activities.record.read_models.projection import apply_events

    course, _ = apply_events(None, [stored for stored in await record.load(journey_id) if stored.position <= position])
    assert course is not None
    return course


def _tasks(reading: "AccessLogEntry", courses: "Mapping[UUID, ProjectionState]") -> "Answer[Task]":
    from activities.record.read_models import Answer, Task
    from activities.record.read_models.rows import ObligationRow, rows

    known = {journey_id: rows(course) for journey_id, course in courses.items()}
    tasks = []
    for name in reading.rows:
        journey, version, obligation = name.split("/", 2)
        journey_id = UUID(journey)
        shown = known[journey_id][(ObligationRow, journey_id, int(version), obligation)]
        version_then = courses[journey_id].journey.version
        unknown = {"stale": None, "claimed_by": None, "claimed_at": None}
        tasks.append(Task.model_validate({**shown._asdict(), "version": version_then, **unknown}))
    return Answer(position=reading.position, definition=reading.definition or 0, rows=tuple(tasks))


def _cases(reading: "AccessLogEntry", courses: "Mapping[UUID, ProjectionState]") -> "Answer[Case]":
    from activities.record.read_models import Answer, Case
    from activities.record.read_models.rows import CaseRow, rows
    from workflows.journey.obligations import obligations

    cases = []
    for journey_id in reading.journeys:
        case = rows(courses[journey_id])[(CaseRow, journey_id)]
        first = next(iter(obligations(courses[journey_id].journey)), None)
        awaits = None if first is None else first.owner
        cases.append(Case.model_validate({**case._asdict(), "awaits": awaits, "stale": None}))
    return Answer(position=reading.position, definition=reading.definition or 0, rows=tuple(cases))
