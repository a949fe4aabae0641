"""What the rows of the read models are, and the tables they stand in.

Rows hold codes, names, times and scores. Free text about a patient stays in the record alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

UNKNOWN_LOT = ""
"""Stands among the lots of a journey for doses of which nobody knows the lot: they may be of any."""


def fold_lot(lot: str) -> str:
    """Return a lot as it is compared: people copy it from a label with and without case, hyphens and dots."""
    return "".join(letter for letter in lot.casefold() if letter.isalnum())


class CaseRow(NamedTuple):
    """Where a journey stands: one row of the caseload.

    ``clinicians`` have, or had, a clinical part in it, ``lots`` (by `fold_lot`, or `UNKNOWN_LOT`) were at the patient's
    home, and ``held_together`` are the requests that held it together with others. ``permission_ends`` and
    ``licence_ends`` (UTC) are when the permission to prescribe remotely and the clinician's licence for the patient's
    state end.
    """

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
    protocol: str
    protocol_version: int
    protocol_digest: str
    clinicians: tuple[str, ...]
    lots: tuple[str, ...]
    held_together: tuple[str, ...]
    permission_ends: datetime
    licence_ends: datetime | None


class ObligationRow(NamedTuple):
    """Something that is or was awaited: while it is open what comes next, and afterwards how it ended.

    ``asked`` is its owner and the roles it was escalated to so far, in the order in which they were told. Of an open
    request for a signature, ``signed_by`` are the roles that may sign it, ``not_by`` people who may not, and
    ``delegates`` people to whom the right is delegated, each until the moment (UTC) of the same place in
    ``delegated_until``.
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
    signed_by: tuple[str, ...] = ()
    not_by: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    delegated_until: tuple[datetime, ...] = ()


class AudienceRow(NamedTuple):
    """A role that an open obligation was asked of, with what the worklist of that role is filtered and ordered by."""

    journey_id: UUID
    opened_version: int
    obligation: str
    role: str
    clinic: str
    held: bool
    due: datetime
    person: str | None


class StatusRow(NamedTuple):
    """How a journey stood from one position and time up to another, which is excluded.

    The times are when things were decided, as ``at`` of an event is, not when they were recorded. If clocks differed
    and a time lies before an earlier one, the earlier one is used.
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
RowKey: TypeAlias = tuple[Any, ...]
"""The class of a row and the values of its primary key."""


class Table(NamedTuple):
    """The table for rows of a class: its name, and how many of its first columns are its key."""

    name: str
    key: tuple[str, ...]


TABLES: Mapping[type[Row], Table] = {
    CaseRow: Table("caseload", ("journey_id",)),
    ObligationRow: Table("obligation", ("journey_id", "opened_version", "obligation")),
    AudienceRow: Table("audience", ("journey_id", "opened_version", "obligation", "role")),
    StatusRow: Table("status_history", ("journey_id", "from_position")),
}


def key_of(row: Row) -> RowKey:
    """Return the key of a row."""
    return (type(row), *row[: len(TABLES[type(row)].key)])


class RowDiff(NamedTuple):
    """The new and changed rows of one journey, and the keys of those that are gone."""

    journey_id: UUID
    new: tuple[Row, ...]
    gone: tuple[RowKey, ...]
