"""The rows of the read models, as a pure function of the recorded events of one journey. No I/O.

`apply` folds a journey's events into a `ProjectionState`: the journey, and what the journey forgets (what was awaited
before, how it stood before). `rows` gives the rows of a state. Together they are the definition of the read models:
raise `DEFINITION` with every change to what they return, and the tables are built anew before anything is projected
into them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from activities.record.read_models.row_types import (
    UNKNOWN_LOT,
    AudienceRow,
    CaseRow,
    ObligationRow,
    Row,
    RowDiff,
    RowKey,
    StatusRow,
    fold_lot,
    key_of,
)
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.always.care_team.rules import list_clinicians
from workflows.journey.always.permissions.rules import licensed_before, permitted_before, rests_on_permission
from workflows.journey.always.supply.rules import may_be_of_any_lot
from workflows.journey.obligations import next_escalation_step, obligations
from workflows.journey.requirements import CloseReason, Obligation
from workflows.journey.setting import setting_of
from workflows.journey.signing_rights import signing_rights
from workflows.journey.views.summary import describe_wait, health, name_step
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import END

DEFINITION = 1
"""The number of this definition. Tables of another definition are left alone."""
CONTACTS = (
    e.CheckInCompleted, e.VisitRecorded, e.SessionChecked, e.DoseRecorded, e.SessionObserved, e.SessionEnded
)  # fmt: skip
"""Events which say that somebody saw or spoke to the patient."""

STATUS = attrgetter("stage", "outcome", "closing", "holds", "coordinator", "clinician")
"""The fields of a journey's status."""
READ_FOR_WAIT = ("id", "illustrative", "clinic", "patient", "protocol", "holds", "sign_offs")
"""The fields of a journey that are read for the rows of something awaited other than a signature."""


class ProjectionState(NamedTuple):
    """A journey with its past: everything the read models show of it, up to one position of the log.

    ``opened`` has the version at which each open obligation was opened, ``closed`` the rows of those that are closed.
    ``recorded_at`` is UTC by the database's clock. ``at``, when the latest event was decided, and ``last_contact`` are
    UTC by the journey's clock.
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
    """Return the state after one more event, which was recorded at this position and time (UTC).

    Raises:
        ValueError: there is no state yet, and the event does not open one.
    """
    journey = fold((event,)) if state is None else evolve(state.journey, event)
    opened, closed = ({}, ()) if state is None else _update_open(state, event, journey)
    at = event.at if state is None else max(state.at, event.at)
    return ProjectionState(
        journey,
        position,
        recorded_at,
        at,
        last_contact=event.at if _in_contact(event) else None if state is None else state.last_contact,
        opened=opened,
        closed=closed,
        history=_update_history(state, journey, position, at),
    )


def trim(state: ProjectionState) -> ProjectionState:
    """Return a state without the rows that cannot change any more. It is smaller, and enough for later events."""
    return state._replace(closed=(), history=state.history[-1:])


def rows(state: ProjectionState | None) -> dict[RowKey, Row]:
    """Return all rows of one journey, by their keys; none before it begins."""
    if state is None:
        return {}
    return {key_of(row): row for group in row_groups(state).values() for row in group.rows()}


def diff(before: ProjectionState | None, after: ProjectionState) -> RowDiff:
    """Return what has to be written so that the rows of one state become those of a later one."""
    was = {} if before is None else row_groups(before)
    now = row_groups(after)
    same = [name for name, group in now.items() if name in was and _is_same(was[name], group)]
    for name in same:
        del was[name], now[name]
    old = {key_of(row): row for group in was.values() for row in group.rows()}
    new = {key_of(row): row for group in now.values() for row in group.rows()}
    return RowDiff(
        after.journey.id,
        new=tuple(row for key, row in new.items() if old.get(key) != row),
        gone=tuple(key for key in old if key not in new),
    )


class RowGroup(NamedTuple):
    """Rows that change together: they stay the same as long as the objects they are made ``of`` are identical."""

    of: tuple[object, ...]
    rows: Callable[[], Iterable[Row]]


def row_groups(state: ProjectionState) -> dict[object, RowGroup]:
    """Return all rows of a state in groups, by what they are about.

    A state shares with the state before it every object that did not change, so a group made of identical objects need
    not be compared. Tests check that every group names all it is made of.
    """
    groups: dict[object, RowGroup] = {"case": RowGroup((state,), lambda: _case(state))}
    read = attrgetter(*READ_FOR_WAIT)(state.journey)
    for waiting in obligations(state.journey):
        # Who may sign depends on all that happened.
        of = (state,) if waiting.sign_off is not None else (waiting, *read)
        groups[waiting.id, state.opened[waiting.id]] = RowGroup(of, partial(_open, state, waiting))
    groups["closed"] = RowGroup((state.closed,), lambda: state.closed)
    groups["history"] = RowGroup((state.history,), lambda: state.history)
    return groups


def _is_same(before: RowGroup, after: RowGroup) -> bool:
    return len(before.of) == len(after.of) and all(was is now for was, now in zip(before.of, after.of, strict=True))


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
        step=name_step(journey),
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
        protocol=journey.protocol.id,
        protocol_version=journey.protocol.version,
        protocol_digest=journey.protocol_digest,
        clinicians=list_clinicians(journey),
        lots=(
            *dict.fromkeys(map(fold_lot, journey.supply_lots)),
            *([UNKNOWN_LOT] if may_be_of_any_lot(journey) else []),
        ),
        held_together=tuple(dict.fromkeys(str(h.together) for h in journey.holds.values() if h.together is not None)),
        permission_ends=permitted_before(journey) if rests_on_permission(journey, setting_of(journey)) else END,
        licence_ends=licensed_before(journey),
    )


def _open(state: ProjectionState, waiting: Obligation) -> Iterator[Row]:
    step = next_escalation_step(waiting, state.journey)
    row = _obligation(state.journey, waiting, state.opened[waiting.id])._replace(
        next_step=waiting.next_step,
        next_action=None if step is None else step.action.value,
        next_to=None if step is None else step.to.value,
        next_holds=None if step is None else step.hold,
        why=describe_wait(waiting, state.journey),
    )
    if waiting.sign_off is not None:
        rights = signing_rights(state.journey, waiting.sign_off, waiting.subject)
        row = row._replace(
            signed_by=tuple(role.value for role in rights.roles),
            not_by=rights.barred,
            delegates=tuple(person for person, _ in rights.delegates),
            delegated_until=tuple(until for _, until in rights.delegates),
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
        asked=_collect_asked(journey, waiting),
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


def _collect_asked(journey: Journey, waiting: Obligation) -> tuple[str, ...]:
    policy, acknowledged = journey.protocol.escalation_policies[waiting.escalation_policy], waiting.acknowledged
    before = waiting.taken if acknowledged is None else acknowledged.taken
    after = 0 if acknowledged is None else waiting.taken
    taken = (*policy.steps[:before], *policy.acknowledged[:after])
    return tuple(dict.fromkeys((waiting.owner.value, *(step.to.value for step in taken))))


def _update_open(
    state: ProjectionState, event: e.Event, journey: Journey
) -> tuple[Mapping[str, int], tuple[ObligationRow, ...]]:
    """Return what is open after an event, and what is closed. One event may close and open the same id."""
    if journey.waiting is state.journey.waiting:
        return state.opened, state.closed
    before, after = state.opened, dict.fromkeys(journey.waiting)
    said = {c.id: c.because for c in event.body.closed} if isinstance(event.body, e.ObligationsUpdated) else {}
    gone = {name: version for name, version in before.items() if name in said or name not in after}
    if not gone and len(before) == len(after):
        return state.opened, state.closed  # Only a clock went on.
    ended = tuple(
        _close_row(_obligation(state.journey, state.journey.waiting[name], version), event, said.get(name))
        for name, version in gone.items()
    )
    opened = {name: event.version if name in gone else before.get(name, event.version) for name in after}
    return opened, state.closed + ended


def _close_row(row: ObligationRow, event: e.Event, because: CloseReason | None) -> ObligationRow:
    # A signature that ends the pathway closes its request as no longer needed, although it was given.
    return row._replace(
        closed_version=event.version,
        closed_at=event.at,
        because="done" if row.decision is not None else because or "no_longer_needed",
    )


def _update_history(
    state: ProjectionState | None, journey: Journey, position: int, at: datetime
) -> tuple[StatusRow, ...]:
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
