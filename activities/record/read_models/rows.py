"""The rows of the read models, as a pure function of what is recorded of one journey. No I/O.

`apply` folds a journey's events into a `ProjectionState`: the journey, and what the journey forgets (what was awaited
before, how it stood before). `rows` gives the rows of a state. Whatever they answer is the definition of the
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
from workflows.journey.obligations import next_escalation_step, obligations
from workflows.journey.requirements import CloseReason, Obligation
from workflows.journey.summary import health, step_shown, why

DEFINITION = 1
"""Which rows these are. Tables of another definition are left alone."""

CONTACTS = (
    e.CheckInCompleted, e.VisitRecorded, e.SessionChecked, e.DoseRecorded, e.SessionObserved, e.SessionEnded
)  # fmt: skip
"""Events that say somebody saw or spoke to the patient, whoever recorded them."""

STATUS = attrgetter("stage", "outcome", "closing", "holds", "coordinator", "clinician")
"""What a journey's status is made of."""


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

    ``asked`` is its owner and the roles its escalation policy has turned to so far, in the order they came to know
    of it.
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


class AudienceRow(NamedTuple):
    """A role that an open obligation was asked of: what the worklist of that role is chosen and ordered by."""

    journey_id: UUID
    opened_version: int
    obligation: str
    role: str
    clinic: str
    held: bool
    due: datetime
    person: str | None


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


Row: TypeAlias = CaseRow | ObligationRow | AudienceRow | StatusRow
Key: TypeAlias = tuple[Any, ...]
"""The class of a row and the values of its primary key."""


class Table(NamedTuple):
    """Where rows of a class are kept: the name of the table, and how many columns at its beginning are its key."""

    name: str
    key: tuple[str, ...]


TABLES: Mapping[type[Row], Table] = {
    CaseRow: Table("caseload", ("journey_id",)),
    ObligationRow: Table("obligation", ("journey_id", "opened_version", "obligation")),
    AudienceRow: Table("audience", ("journey_id", "opened_version", "obligation", "role")),
    StatusRow: Table("status_history", ("journey_id", "from_position")),
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
    history: tuple[StatusRow, ...] = ()


def apply(state: ProjectionState | None, event: e.Event, position: int, recorded_at: datetime) -> ProjectionState:
    """The state after one more event, which was recorded at this position and time (UTC).

    Raises:
        ValueError: there is no state yet, and the event does not open one.
    """
    journey = fold((event,)) if state is None else evolve(state.journey, event)
    opened, closed = ({}, ()) if state is None else _awaited(state, event, journey)
    at = event.at if state is None else max(state.at, event.at)
    return ProjectionState(
        journey,
        position,
        recorded_at,
        at,
        last_contact=event.at if _in_contact(event) else None if state is None else state.last_contact,
        opened=opened,
        closed=closed,
        history=_moved(state, journey, position, at),
    )


def trim(state: ProjectionState) -> ProjectionState:
    """A state without the rows that will not change any more: enough for the changes that follow, and smaller."""
    return state._replace(closed=(), history=state.history[-1:])


def rows(state: ProjectionState | None) -> dict[Key, Row]:
    """All rows of one journey, by their keys; none before it begins."""
    if state is None:
        return {}
    return {key_of(row): row for group in GROUPS for row in group.rows(state)}


def key_of(row: Row) -> Key:
    """What tells a row from every other."""
    return (type(row), *row[: len(TABLES[type(row)].key)])


class RowDiff(NamedTuple):
    """What is new in the rows of one journey, and the keys of those that are gone."""

    journey_id: UUID
    new: tuple[Row, ...]
    gone: tuple[Key, ...]


def diff(before: ProjectionState | None, after: ProjectionState) -> RowDiff:
    """What has to be written so that the rows of one state become those of a later one."""
    old: dict[Key, Row] = {}
    new: dict[Key, Row] = {}
    for group in GROUPS:
        if before is None:
            new |= {key_of(row): row for row in group.rows(after)}
        elif not all(was is now for was, now in zip(group.of(before), group.of(after), strict=True)):
            old |= {key_of(row): row for row in group.rows(before)}
            new |= {key_of(row): row for row in group.rows(after)}
    return RowDiff(
        after.journey.id,
        new=tuple(row for key, row in new.items() if old.get(key) != row),
        gone=tuple(key for key in old if key not in new),
    )


class RowGroup(NamedTuple):
    """Rows that change together: they are the same as long as what they are made ``of`` is the very same."""

    of: Callable[[ProjectionState], tuple[object, ...]]
    rows: Callable[[ProjectionState], Iterable[Row]]


def _case(state: ProjectionState) -> Iterator[Row]:
    journey = state.journey
    yield CaseRow(
        journey_id=journey.id,
        version=journey.version,
        position=state.position,
        recorded_at=state.recorded_at,
        clinic=journey.clinic,
        pathway=journey.protocol.pathway,
        stage=journey.stage.value,
        step=step_shown(journey),
        health=health(journey),
        outcome=None if journey.outcome is None else journey.outcome.value,
        held=journey.held,
        holds=tuple(hold.cause for hold in journey.holds.values() if not hold.released),
        last_contact=state.last_contact,
        next_due=min((waiting.deadline for waiting in journey.waiting.values()), default=None),
        coordinator=journey.coordinator,
        clinician=journey.clinician,
        illustrative=journey.illustrative,
        started_at=journey.started_at,
    )


def _open(state: ProjectionState) -> Iterator[Row]:
    for waiting in obligations(state.journey):
        step = next_escalation_step(waiting, state.journey)
        row = _obligation(state.journey, waiting, state.opened[waiting.id])._replace(
            next_step=waiting.next_step,
            next_action=None if step is None else step.action.value,
            next_to=None if step is None else step.to.value,
            next_holds=None if step is None else step.hold,
            why=why(waiting, state.journey),
        )
        yield row
        for role in row.asked:
            yield AudienceRow(*row[:3], role, row.clinic, row.held, row.due, row.person)


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
    taken = journey.protocol.escalation_policies[waiting.escalation_policy].steps[: waiting.taken]
    return tuple(dict.fromkeys((waiting.owner.value, *(step.to.value for step in taken))))


def _awaited(
    state: ProjectionState, event: e.Event, journey: Journey
) -> tuple[Mapping[str, int], tuple[ObligationRow, ...]]:
    """What is open after an event, and what is no longer. The same id may close and open in one event."""
    before, after = state.journey.waiting, journey.waiting
    if before.keys() == after.keys() and not isinstance(event.body, e.ObligationsUpdated):
        return state.opened, state.closed
    said = {c.id: c.because for c in event.body.closed} if isinstance(event.body, e.ObligationsUpdated) else {}
    gone = [name for name in before if name in said or name not in after]
    still = {name: version for name, version in state.opened.items() if name not in gone}
    ended = tuple(
        _ended(_obligation(state.journey, before[name], state.opened[name]), event, said.get(name)) for name in gone
    )
    return {name: still.get(name, event.version) for name in after}, (*state.closed, *ended)


def _ended(row: ObligationRow, event: e.Event, because: CloseReason | None) -> ObligationRow:
    # A signature that ends the pathway leaves nothing needed any more, and was given all the same.
    return row._replace(
        closed_version=event.version,
        closed_at=event.at,
        because="done" if row.decision is not None else because or "no_longer_needed",
    )


def _moved(state: ProjectionState | None, journey: Journey, position: int, at: datetime) -> tuple[StatusRow, ...]:
    if state is not None and STATUS(state.journey) == STATUS(journey):
        return state.history
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
    if state is None:
        return (now,)
    *earlier, last = state.history
    how = StatusRow._fields.index("stage")
    if last[how:] == now[how:]:
        return state.history
    return (*earlier, last._replace(to_position=position, to_at=at), now)


def _in_contact(event: e.Event) -> bool:
    if event.actor_role == Role.PATIENT or type(event.body) in CONTACTS:
        return True
    return isinstance(event.body, e.CrisisContactRecorded) and event.body.reached


GROUPS = (
    RowGroup(lambda state: (state,), _case),
    RowGroup(lambda state: (state,), _open),
    RowGroup(lambda state: (state.closed,), lambda state: state.closed),
    RowGroup(lambda state: (state.history,), lambda state: state.history),
)
"""All rows of a state. The state of a journey shares what did not change with the state before, so that a part
whose makings are the same object needs no second look; a test holds every part to its word."""
