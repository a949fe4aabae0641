"""What lists of the read models show, and which part of them is wanted."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import AwareDatetime

from activities.record.read_models.pages import Answered
from activities.record.stored import StoredEvent
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage


class Task(Answered):
    """An open obligation: what is awaited of whom, until when, and what happens if it does not come.

    ``person`` is responsible by the plan of care, ``claimed_by`` said that they will do it. ``asked`` are its owner and
    the roles it was escalated to so far.
    """

    journey_id: UUID
    version: int
    stale: str | None
    obligation: str
    opened_version: int
    clinic: str
    illustrative: bool
    held: bool
    kind: str
    subject: str | None
    owner: Role
    asked: tuple[Role, ...]
    person: str | None
    what: str
    since: datetime
    due: datetime
    next_step: datetime | None
    next_action: str | None
    next_to: Role | None
    next_holds: bool | None
    why: str
    sign_off: str | None
    claimed_by: str | None
    claimed_at: datetime | None


class Case(Answered):
    """Where a journey stands. ``holds`` are the causes of open holds, ``awaits`` is the role that is awaited first,
    and ``awaited`` what it is to do. ``lots`` (by `fold_lot`) were ever at the patient's home, with an empty one for
    doses of which nobody knows it. ``held_together`` are requests that held it together with others.
    ``permission_ends`` and ``licence_ends`` are when the permission to prescribe remotely and the clinician's licence
    for the patient's state end."""

    journey_id: UUID
    version: int
    stale: str | None
    recorded_at: datetime
    clinic: str
    pathway: str
    stage: Stage
    step: str
    health: str
    outcome: str | None
    held: bool
    holds: tuple[str, ...]
    last_contact: datetime | None
    awaits: Role | None
    awaited: str | None
    next_due: datetime | None
    coordinator: str
    clinician: str
    illustrative: bool
    started_at: datetime
    protocol: str
    protocol_version: int
    protocol_digest: str
    lots: tuple[str, ...]
    held_together: tuple[UUID, ...]
    permission_ends: datetime
    licence_ends: datetime | None


class PastCase(Answered):
    """Where a journey stood at another moment, and since when."""

    journey_id: UUID
    stale: str | None
    clinic: str
    pathway: str
    stage: Stage
    health: str
    outcome: str | None
    held: bool
    coordinator: str
    clinician: str
    illustrative: bool
    from_position: int
    from_version: int
    from_at: datetime


class SignOffRequest(Answered):
    """A signature that is asked for. ``signed_by`` are the roles that may give it; ``person`` is asked first."""

    journey_id: UUID
    version: int
    stale: str | None
    obligation: str
    opened_version: int
    clinic: str
    illustrative: bool
    what: str
    sign_off: str
    subject: str | None
    owner: Role
    person: str | None
    signed_by: tuple[Role, ...]
    since: datetime
    due: datetime


class Signing(NamedTuple):
    """Somebody who would sign at a moment (UTC): their id and role."""

    person: str
    role: Role
    at: datetime


class ServiceLevel(Answered):
    """How one kind of obligation was met. ``late`` were done after they were due, ``overdue`` are open past it.

    Each wait counts once: if newer evidence or a hold ended one early, only the one that replaced it counts. Seconds
    run from the request until it was done, in elapsed time, holds included.
    """

    kind: str
    opened: int
    done: int
    late: int
    overdue: int
    seconds_median: float | None
    seconds_90: float | None
    seconds_most: float | None


class Stale(Answered):
    """A journey that is stuck before a version, because its event at ``position`` could not be applied."""

    journey_id: UUID
    version: int
    position: int
    code: str
    attempts: int
    at: datetime


class WorklistFilter(Answered):
    """Which part of the worklist is wanted. If nothing is set, all of it.

    ``mine`` is a person: what they are responsible for, and what they claimed. ``owners`` are roles: what is theirs,
    and what was escalated to them. ``unassigned`` is what no person is responsible for and nobody claimed.
    ``due_before`` is a moment: now for what is overdue, midnight for today. ``clinics`` are those that the reader may
    see.
    """

    mine: str | None = None
    owners: tuple[Role, ...] = ()
    unassigned: bool = False
    due_before: AwareDatetime | None = None
    clinic: str | None = None
    clinics: tuple[str, ...] | None = None
    journey_id: UUID | None = None


class CaseloadFilter(Answered):
    """Which part of the caseload is wanted. If nothing is set, all of it.

    ``person`` is its coordinator or its clinician. ``awaits`` is the role that is awaited first, and ``due_before`` a
    moment before which that is due. ``clinics`` are those that the reader may see. ``protocol`` is how the digest of
    its protocol begins, ``lot`` one that was or may have been at the patient's home, ``clinician`` who has, or had, a
    clinical part in it, ``together`` a request that held it, ``permitted_until`` a moment by which its permission to
    prescribe remotely or its clinician's licence ends. ``among``: only of these journeys.
    """

    clinic: str | None = None
    clinics: tuple[str, ...] | None = None
    pathway: str | None = None
    stage: Stage | None = None
    held: bool | None = None
    open: bool | None = None
    person: str | None = None
    awaits: Role | None = None
    due_before: AwareDatetime | None = None
    stages: tuple[Stage, ...] | None = None
    protocol: str | None = None
    lot: str | None = None
    clinician: str | None = None
    together: UUID | None = None
    permitted_until: AwareDatetime | None = None
    among: tuple[UUID, ...] | None = None


class Refusals(NamedTuple):
    """Refusals, the newest first, and the journeys of those whose clinic no list shows yet: whoever asks by clinic
    looks there."""

    rows: tuple[StoredEvent, ...]
    unlisted: frozenset[UUID]
