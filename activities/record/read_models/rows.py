"""The rows of the read models, as a pure function of what is recorded of one journey. No I/O.

`follow` folds a journey's events into a `Course`: its state, and what the state forgets (what was awaited
before, where it stood before). `rows` shows a course as rows. Whatever they answer is the definition of the
read models: raise `DEFINITION` with every change to it, and the tables are built anew before anybody
projects into them again.

Rows hold codes, names, times and scores. Free text about a patient stays in the record alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.base import canonical
from workflows.journey.obligations import Because, Obligation, obligations, rung_of
from workflows.journey.summary import health, step_shown, timeline, why

DEFINITION = 2
"""Which rows these are. Tables of another definition are left alone."""

SEEN = (
    e.CheckInCompleted, e.VisitRecorded, e.SessionChecked, e.DoseRecorded, e.SessionObserved, e.SessionEnded
)  # fmt: skip
"""Events that say somebody saw or spoke to the patient, whoever recorded them."""

STOOD = attrgetter("stage", "outcome", "closing", "holds", "coordinator", "clinician")
"""What a journey's stays are made of."""


class CaseRow(NamedTuple):
    """Where a journey stands: one row of the caseload."""

    journey_id: UUID
    version: int
    position: int
    recorded_at: datetime
    clinic: str
    pathway: str
    stage: str
    step: str
    health: str
    outcome: str | None
    held: bool
    holds: tuple[str, ...]
    last_contact: datetime | None
    next_due: datetime | None
    coordinator: str
    clinician: str
    illustrative: bool
    started_at: datetime


class ObligationRow(NamedTuple):
    """Something that is or was awaited. What comes next is known while it is open, how it ended afterwards.

    ``asked`` is its owner and, in the order they came to know of it, the roles its ladder has turned to so far.
    """

    journey_id: UUID
    opened_version: int
    obligation: str
    clinic: str
    illustrative: bool
    held: bool
    kind: str
    subject: str | None
    owner: str
    person: str | None
    what: str
    since: datetime
    due: datetime
    sign_off: str | None
    evidence: str | None
    asked: tuple[str, ...]
    next_step: datetime | None = None
    next_action: str | None = None
    next_to: str | None = None
    next_holds: bool | None = None
    why: str | None = None
    decision: str | None = None
    choice: str | None = None
    decided_by: str | None = None
    decided_role: str | None = None
    decided_name: str | None = None
    decided_at: datetime | None = None
    closed_version: int | None = None
    closed_at: datetime | None = None
    because: str | None = None


class StatusRow(NamedTuple):
    """How a journey stood from one position and time until, and without, another.

    The times are those at which it was decided, as is every ``at`` of an event: what the journey knew, and not yet
    what the record did. Where clocks differed and a time lies before an earlier one, it is that one.
    """

    journey_id: UUID
    from_position: int
    from_version: int
    from_at: datetime
    to_position: int | None
    to_at: datetime | None
    stage: str
    health: str
    outcome: str | None
    held: bool
    coordinator: str
    clinician: str


class EntryRow(NamedTuple):
    """One line of what is listed within a journey; ``body`` is JSON."""

    journey_id: UUID
    model: str
    key: str
    at: datetime
    body: str


Row: TypeAlias = CaseRow | ObligationRow | StatusRow | EntryRow
Key: TypeAlias = tuple[Any, ...]
"""The class of a row and the values of its primary key."""


class Table(NamedTuple):
    """Where rows of a class are kept: the name of the table, and how many columns at its beginning are its key."""

    name: str
    key: tuple[str, ...]


TABLES: Mapping[type[Row], Table] = {
    CaseRow: Table("caseload", ("journey_id",)),
    ObligationRow: Table("obligation", ("journey_id", "opened_version", "obligation")),
    StatusRow: Table("stay", ("journey_id", "from_position")),
    EntryRow: Table("entry", ("journey_id", "model", "key")),
}


class ProjectionState(NamedTuple):
    """A journey with its past: everything the read models show of it, up to one position of the log.

    ``opened`` has the version at which each open obligation was opened, ``closed`` the rows of those that no
    longer wait. ``recorded_at`` is UTC, by the database's clock; ``at``, the latest time anything was decided at, and
    ``last_contact`` are UTC by the journey's.
    """

    journey: Journey
    position: int
    recorded_at: datetime
    at: datetime
    last_contact: datetime | None = None
    opened: Mapping[str, int] = {}
    closed: tuple[ObligationRow, ...] = ()
    stays: tuple[StatusRow, ...] = ()


def apply(course: ProjectionState | None, event: e.Event, position: int, recorded_at: datetime) -> ProjectionState:
    """The course after one more event, which was recorded at this position and time (UTC).

    Raises:
        ValueError: there is no course yet, and the event does not open one.
    """
    journey = fold((event,)) if course is None else evolve(course.journey, event)
    opened, closed = ({}, ()) if course is None else _awaited(course, event, journey)
    at = event.at if course is None else max(course.at, event.at)
    return ProjectionState(
        journey,
        position,
        recorded_at,
        at,
        last_contact=event.at if _in_contact(event) else None if course is None else course.last_contact,
        opened=opened,
        closed=closed,
        stays=_moved(course, journey, position, at),
    )


def trim(course: ProjectionState) -> ProjectionState:
    """A course without the rows that will not change any more: enough for the changes that follow, and smaller."""
    return course._replace(closed=(), stays=course.stays[-1:])


def rows(course: ProjectionState | None) -> dict[Key, Row]:
    """All rows of one journey, by their keys; none before it begins."""
    if course is None:
        return {}
    return {key_of(row): row for part in GROUPS for row in part.rows(course)}


def key_of(row: Row) -> Key:
    """What tells a row from every other."""
    return (type(row), *row[: len(TABLES[type(row)].key)])


class RowDiff(NamedTuple):
    """What is new in the rows of one journey, and the keys of those that are gone."""

    journey_id: UUID
    new: tuple[Row, ...]
    gone: tuple[Key, ...]


def diff(before: ProjectionState | None, after: ProjectionState) -> RowDiff:
    """What has to be written so that the rows of one course become those of a later one."""
    old: dict[Key, Row] = {}
    new: dict[Key, Row] = {}
    for part in GROUPS:
        if before is None:
            new |= {key_of(row): row for row in part.rows(after)}
        elif not all(was is now for was, now in zip(part.of(before), part.of(after), strict=True)):
            old |= {key_of(row): row for row in part.rows(before)}
            new |= {key_of(row): row for row in part.rows(after)}
    return RowDiff(
        after.journey.id,
        new=tuple(row for key, row in new.items() if old.get(key) != row),
        gone=tuple(key for key in old if key not in new),
    )


class RowGroup(NamedTuple):
    """Rows that change together: they are the same as long as what they are made ``of`` is the very same."""

    of: Callable[[ProjectionState], tuple[object, ...]]
    rows: Callable[[ProjectionState], Iterable[Row]]


def _timeline(course: ProjectionState) -> Iterator[Row]:
    for number, entry in enumerate(timeline(course.journey)):
        at = entry.done or entry.due or course.journey.started_at
        yield _entry(course, "timeline", _nth(number), at, entry.model_dump(mode="json"))


def _sessions(course: ProjectionState) -> Iterator[Row]:
    fields = ("number", "starts_at", "supervising_clinician", "session_monitor", "live_clinician")
    facts = ("released_at", "dosed_at", "dose_mg", "ended_at")
    for session in course.journey.sessions.values():
        told = session.model_dump(mode="json", include=dict.fromkeys((*fields, *facts), True))
        told["verdict"] = None if session.check is None else session.check.verdict
        told["observations"] = len(session.observations)
        yield _entry(course, "session", _nth(session.number), session.starts_at, told)


def _scores(course: ProjectionState) -> Iterator[Row]:
    fields = ("complete", "total", "level", "band", "change")
    for measured in course.journey.measurements:
        told = measured.score.model_dump(mode="json", include=dict.fromkeys(fields, True)) | {
            "instrument": measured.instrument.value,
            "occasion": measured.occasion,
            "version": measured.version,
            "by": measured.administered_by.value,
        }
        yield _entry(course, "score", _nth(measured.version), measured.at, told)


def _adverse_events(course: ProjectionState) -> Iterator[Row]:
    for adverse in course.journey.adverse_events.values():
        told = adverse.report.model_dump(mode="json", exclude={"kind", "what", "action_taken"})
        yield _entry(course, "adverse_event", adverse.id, adverse.report.onset, told)


def _entry(course: ProjectionState, model: str, key: str, at: datetime, body: Mapping[str, Any]) -> EntryRow:
    return EntryRow(course.journey.id, model, key, at, canonical(body).decode())


def _nth(number: int) -> str:
    """A key that sorts as its number does."""
    return f"{number:08}"


def _case(course: ProjectionState) -> Iterator[Row]:
    journey = course.journey
    yield CaseRow(
        journey_id=journey.id,
        version=journey.version,
        position=course.position,
        recorded_at=course.recorded_at,
        clinic=journey.clinic,
        pathway=journey.protocol.condition.value,
        stage=journey.stage.value,
        step=step_shown(journey),
        health=health(journey),
        outcome=None if journey.outcome is None else journey.outcome.value,
        held=journey.held,
        holds=tuple(hold.cause for hold in journey.holds.values() if not hold.released),
        last_contact=course.last_contact,
        next_due=min((waiting.deadline for waiting in journey.waiting.values()), default=None),
        coordinator=journey.coordinator,
        clinician=journey.clinician,
        illustrative=journey.illustrative,
        started_at=journey.started_at,
    )


def _open(course: ProjectionState) -> Iterator[Row]:
    for waiting in obligations(course.journey):
        rung = rung_of(waiting, course.journey)
        yield _obligation(course.journey, waiting, course.opened[waiting.id])._replace(
            next_step=waiting.next_step,
            next_action=None if rung is None else rung.action.value,
            next_to=None if rung is None else rung.to.value,
            next_holds=None if rung is None else rung.hold,
            why=why(waiting, course.journey),
        )


def _obligation(journey: Journey, waiting: Obligation, opened_version: int) -> ObligationRow:
    row = ObligationRow(
        journey_id=journey.id,
        opened_version=opened_version,
        obligation=waiting.id,
        clinic=journey.clinic,
        illustrative=journey.illustrative,
        held=journey.held,
        kind=waiting.kind,
        subject=waiting.subject,
        owner=waiting.owner.value,
        person=waiting.person,
        what=waiting.what,
        since=waiting.since,
        due=waiting.deadline,
        sign_off=None if waiting.sign_off is None else waiting.sign_off.value,
        evidence=waiting.evidence,
        asked=_asked(journey, waiting),
    )
    signed = next(
        (s for s in reversed(journey.sign_offs) if s.request == waiting.id and s.version > opened_version), None
    )
    if signed is None:
        return row
    return row._replace(
        decision=signed.decision,
        choice=signed.choice,
        decided_by=signed.by,
        decided_role=signed.role.value,
        decided_name=signed.name,
        decided_at=signed.at,
    )


def _asked(journey: Journey, waiting: Obligation) -> tuple[str, ...]:
    taken = journey.protocol.ladders[waiting.ladder].rungs[: waiting.taken]
    return tuple(dict.fromkeys((waiting.owner.value, *(rung.to.value for rung in taken))))


def _awaited(
    course: ProjectionState, event: e.Event, journey: Journey
) -> tuple[Mapping[str, int], tuple[ObligationRow, ...]]:
    """What is open after an event, and what is no longer. The same id may close and open in one event."""
    before, after = course.journey.waiting, journey.waiting
    if before.keys() == after.keys() and not isinstance(event.body, e.ObligationsUpdated):
        return course.opened, course.closed
    said = {c.id: c.because for c in event.body.closed} if isinstance(event.body, e.ObligationsUpdated) else {}
    gone = [name for name in before if name in said or name not in after]
    still = {name: version for name, version in course.opened.items() if name not in gone}
    ended = tuple(
        _ended(_obligation(course.journey, before[name], course.opened[name]), event, said.get(name)) for name in gone
    )
    return {name: still.get(name, event.version) for name in after}, (*course.closed, *ended)


def _ended(row: ObligationRow, event: e.Event, because: Because | None) -> ObligationRow:
    # A signature that ends the pathway leaves nothing needed any more, and was given all the same.
    return row._replace(
        closed_version=event.version,
        closed_at=event.at,
        because="done" if row.decision is not None else because or "no_longer_needed",
    )


def _moved(course: ProjectionState | None, journey: Journey, position: int, at: datetime) -> tuple[StatusRow, ...]:
    if course is not None and STOOD(course.journey) == STOOD(journey):
        return course.stays
    now = StatusRow(
        journey_id=journey.id,
        from_position=position,
        from_version=journey.version,
        from_at=at,
        to_position=None,
        to_at=None,
        stage=journey.stage.value,
        health=health(journey),
        outcome=None if journey.outcome is None else journey.outcome.value,
        held=journey.held,
        coordinator=journey.coordinator,
        clinician=journey.clinician,
    )
    if course is None:
        return (now,)
    *earlier, last = course.stays
    how = StatusRow._fields.index("stage")
    if last[how:] == now[how:]:
        return course.stays
    return (*earlier, last._replace(to_position=position, to_at=at), now)


def _in_contact(event: e.Event) -> bool:
    if event.actor_role == Role.PATIENT or type(event.body) in SEEN:
        return True
    return isinstance(event.body, e.CrisisContactRecorded) and event.body.reached


GROUPS = (
    RowGroup(lambda course: (course,), _case),
    RowGroup(lambda course: (course,), _open),
    RowGroup(lambda course: (course.closed,), lambda course: course.closed),
    RowGroup(lambda course: (course.stays,), lambda course: course.stays),
    RowGroup(lambda course: (course.journey.measurements,), _scores),
    RowGroup(lambda course: (course.journey.sessions,), _sessions),
    RowGroup(lambda course: (course.journey.adverse_events,), _adverse_events),
    RowGroup(
        lambda course: (course.journey.sign_offs, course.journey.sessions, course.journey.contacts),
        _timeline,
    ),
)
"""All rows of a course. The state of a journey shares what did not change with the state before, so that a part
whose makings are the same object needs no second look; a test holds every part to its word."""
