"""Queries of the read models. Each is one statement, so that an answer shows one moment.

Every answer says up to which position of the record it is true, and every row of an open journey up to which version
of the journey. If an event could not be applied to a journey, its rows carry the reason as ``stale`` and are true up to
their version only. Lists come in a stable order, one page at a time: ``next`` of a page is ``after`` of the following
one. Times are UTC.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from activities.record.store import (
    Record,
)
from activities.record.stored import (
    EVENT_COLUMNS,
    StoredEvent,
)
from workflows.journey.actors import Role
from workflows.journey.stage import Stage

LIMIT = 50
"""How many rows a page has, unless another number is asked for."""


_Version = Annotated[int, Field(ge=0, lt=2**31)]
_Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Numbers that a cursor may hold: those that the database can."""


class NotACursor(ValueError):
    """The cursor does not come from a page of this list."""

    def __init__(self) -> None:
        super().__init__("this does not continue a list; begin at its first page")


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


R = TypeVar("R", bound=_Answered)


class ListPage(_Answered, Generic[R]):
    """Rows, all true up to ``position`` unless marked stale; ``next`` continues the list, if there is more.

    ``definition`` is the number of their definition (`rows.DEFINITION`). ``stale_journeys`` is how many journeys are
    stuck, on this list or not.
    """

    position: int
    definition: int
    rows: tuple[R, ...]
    next: str | None = None
    stale_journeys: int = 0


class Task(_Answered):
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


class Case(_Answered):
    """Where a journey stands. ``holds`` are the causes of open holds, ``awaits`` is the role that is awaited first,
    ``lots`` (in lower case) were ever at the patient's home. ``held_together`` are requests that held it together with
    others. ``permission_ends`` and ``licence_ends`` are when the permission to prescribe remotely and the clinician's
    licence for the patient's state end."""

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


class PastCase(_Answered):
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


class SignOffRequest(_Answered):
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


class ServiceLevel(_Answered):
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


class Stale(_Answered):
    """A journey that is stuck before a version, because its event at ``position`` could not be applied."""

    journey_id: UUID
    version: int
    position: int
    code: str
    attempts: int
    at: datetime


class WorklistFilter(_Answered):
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


class CaseloadFilter(_Answered):
    """Which part of the caseload is wanted. If nothing is set, all of it.

    ``person`` is its coordinator or its clinician. ``awaits`` is the role that is awaited first, and ``due_before`` a
    moment before which that is due. ``clinics`` are those that the reader may see. ``protocol`` is how the digest of
    its protocol begins, ``lot`` one that was ever at the patient's home, ``decider`` who is its clinician or has signed
    something in it, ``together`` a request that held it, ``permitted_until`` a moment by which its permission to
    prescribe remotely or its clinician's licence ends.
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
    decider: str | None = None
    together: UUID | None = None
    permitted_until: AwareDatetime | None = None


async def worklist(
    record: Record, wanted: WorklistFilter, *, limit: int = LIMIT, after: str | None = None
) -> ListPage[Task]:
    """List what is awaited: in held journeys first, then by due time.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = _Query(("NOT o.held", "o.due", "o.journey_id", "o.opened_version", "o.obligation"), limit)
    query.where("o.due < {}", wanted.due_before)
    query.where("o.clinic = {}", wanted.clinic)
    query.where("o.clinic = ANY({})", wanted.clinics)
    query.where("o.journey_id = {}", wanted.journey_id)
    if wanted.unassigned:
        query.terms.append(
            "o.person IS NULL AND NOT EXISTS (SELECT FROM read_model.claim k WHERE k.journey_id = o.journey_id "
            "AND k.opened_version = o.opened_version AND k.obligation = o.obligation)"
        )
    query.after(after, tuple[bool, AwareDatetime, UUID, _Version, _Name])
    terms, most, key = query.condition, query.page, "journey_id, opened_version, obligation"
    open_ones = "read_model.obligation o", "o.closed_at IS NULL"

    def ordered(source: str, *more: str) -> str:
        return f"(SELECT {key}, o.held, o.due FROM {source} WHERE {' AND '.join((terms, *more))} {most})"

    # Each way to belong to the list (responsible, claimed, asked by role) is a short walk along an index. One combined
    # condition would read far too many rows.
    roles = [query.bind(Role(owner).value) for owner in dict.fromkeys(wanted.owners)]
    if wanted.mine is not None:
        person, asked = query.bind(wanted.mine), [f"o.asked && ARRAY[{', '.join(roles)}]"] if roles else []
        ways = [
            ordered(*open_ones, *asked, f"o.person = {person}"),
            ordered(
                f"read_model.claim k JOIN {open_ones[0]} USING ({key})",
                *asked,
                *open_ones[1:],
                f"k.claimed_by = {person}",
            ),
        ]
    else:
        ways = [ordered("read_model.audience o", f"o.role = {role}") for role in roles] or [ordered(*open_ones)]
    return await query.answer(
        record,
        Task,
        "SELECT o.*, c.version, p.code AS stale, k.claimed_by, k.claimed_at "
        f"FROM (SELECT o.* FROM ({' UNION '.join(ways)}) o {most}) w JOIN read_model.obligation o USING ({key}) "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.poisoned p USING (journey_id) "
        f"LEFT JOIN read_model.claim k USING ({key})",
        lambda row: (not row.held, row.due, row.journey_id, row.opened_version, row.obligation),
    )


async def caseload(
    record: Record, wanted: CaseloadFilter, *, limit: int = LIMIT, after: str | None = None
) -> ListPage[Case]:
    """List where journeys stand, the oldest first.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = _Query(("o.started_at", "o.journey_id"), limit)
    query.where("o.clinic = {}", wanted.clinic)
    query.where("o.clinic = ANY({})", wanted.clinics)
    query.where("o.pathway = {}", wanted.pathway)
    query.where("o.stage = {}", wanted.stage)
    query.where("o.held = {}", wanted.held)
    query.where("(o.outcome IS NULL) = {}", wanted.open)
    query.where("{} IN (o.coordinator, o.clinician)", wanted.person)
    query.where("w.owner = {}", wanted.awaits)
    query.where("o.next_due < {}", wanted.due_before)
    query.where("o.stage = ANY({})", None if wanted.stages is None else [stage.value for stage in wanted.stages])
    query.where("starts_with(o.protocol_digest, {})", wanted.protocol)
    query.where("lower({}) = ANY(o.lots)", wanted.lot)
    query.where("{} = ANY(o.clinician || o.signers)", wanted.decider)
    query.where("{} = ANY(o.held_together)", None if wanted.together is None else str(wanted.together))
    query.where("least(o.permission_ends, o.licence_ends) <= {}", wanted.permitted_until)
    query.after(after, tuple[AwareDatetime, UUID])
    return await query.answer(
        record,
        Case,
        "SELECT o.*, w.owner AS awaits, p.code AS stale FROM read_model.caseload o "
        "LEFT JOIN read_model.poisoned p USING (journey_id) LEFT JOIN LATERAL (SELECT b.owner "
        "FROM read_model.obligation b WHERE b.journey_id = o.journey_id AND b.closed_at IS NULL "
        'ORDER BY b.due, b.obligation COLLATE "C" LIMIT 1) w ON true '
        f"WHERE {query.condition} {query.page}",
        lambda row: (row.started_at, row.journey_id),
    )


async def caseload_as_of(
    record: Record,
    moment: int | datetime,
    *,
    clinic: str | None = None,
    clinics: Sequence[str] | None = None,
    pathway: str | None = None,
    stage: Stage | None = None,
    closed: bool | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> ListPage[PastCase]:
    """List where journeys stood at a moment: after the event at a position, or at a time. A time means when things were
    decided, not when they were recorded, as for a single journey. Behind ``position`` of the answer nothing is known
    yet.

    ``stage`` and ``closed`` are as they were then.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = _Query(("o.journey_id",), limit)
    axis, then = "position" if isinstance(moment, int) else "at", query.bind(moment)
    query.terms += [f"o.from_{axis} <= {then}", f"(o.to_{axis} > {then} OR o.to_{axis} IS NULL)"]
    query.where("c.clinic = {}", clinic)
    query.where("c.clinic = ANY({})", clinics)
    query.where("c.pathway = {}", pathway)
    query.where("o.stage = {}", stage)
    query.where("(o.outcome IS NOT NULL) = {}", closed)
    query.after(after, tuple[UUID])
    return await query.answer(
        record,
        PastCase,
        "SELECT o.*, c.clinic, c.pathway, c.illustrative, p.code AS stale FROM read_model.status_history o "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.poisoned p USING (journey_id) "
        f"WHERE {query.condition} {query.page}",
        lambda row: (row.journey_id,),
    )


async def sign_off_requests(
    record: Record,
    *,
    clinics: Sequence[str] | None = None,
    by: Signing | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> ListPage[SignOffRequest]:
    """List signatures that are asked for, the one due first on top; with ``by`` those that this person may give by
    their role, or that were delegated to them, and that they neither wrote nor signed first.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = _Query(("o.due", "o.journey_id", "o.opened_version", "o.obligation"), limit)
    query.terms += ["o.sign_off IS NOT NULL", "o.closed_at IS NULL"]
    query.where("o.clinic = ANY({})", clinics)
    if by is not None:
        person, role, at = query.bind(by.person), query.bind(by.role.value), query.bind(by.at)
        query.terms.append(
            f"({role} = ANY(o.signed_by) OR EXISTS (SELECT FROM unnest(o.delegates, o.delegated_until) AS d "
            f"(person, until) WHERE d.person = {person} AND d.until > {at})) AND {person} <> ALL(o.not_by)"
        )
    query.after(after, tuple[AwareDatetime, UUID, _Version, _Name])
    return await query.answer(
        record,
        SignOffRequest,
        "SELECT o.*, c.version, p.code AS stale FROM read_model.obligation o "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.poisoned p USING (journey_id) "
        f"WHERE {query.condition} {query.page}",
        lambda row: (row.due, row.journey_id, row.opened_version, row.obligation),
    )


async def service_levels(
    record: Record, at: datetime, *, clinic: str | None = None, since: datetime | None = None
) -> ListPage[ServiceLevel]:
    """Return how each kind of obligation was met, as of ``at``, among those that are open or were closed after
    ``since``."""
    query = _Query(("o.kind",))
    now = query.bind(at)
    query.where("o.clinic = {}", clinic)
    query.where("(o.closed_at IS NULL OR o.closed_at >= {})", since)
    return await query.answer(
        record,
        ServiceLevel,
        "SELECT o.kind, "
        "count(*) FILTER (WHERE o.because IS NULL OR o.because NOT IN ('superseded', 'held')) AS opened, "
        "count(*) FILTER (WHERE done) AS done, count(*) FILTER (WHERE done AND o.closed_at > o.due) AS late, "
        f"count(*) FILTER (WHERE o.closed_at IS NULL AND o.due < {now}) AS overdue, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE done) AS seconds_median, "
        "percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE done) AS seconds_90, "
        "max(seconds) FILTER (WHERE done) AS seconds_most FROM read_model.obligation o "
        "CROSS JOIN LATERAL (SELECT o.because = 'done' AS done, "
        "extract(epoch FROM o.closed_at - o.since)::float8 AS seconds) d "
        f"WHERE {query.condition} GROUP BY o.kind",
    )


class Refusals(NamedTuple):
    """Refusals, the newest first, and the journeys of those whose clinic no list shows yet: whoever asks by clinic
    looks there."""

    rows: tuple[StoredEvent, ...]
    unlisted: frozenset[UUID]


async def refusals(
    record: Record, *, up_to: int, clinics: Sequence[str] | None, journeys: Sequence[UUID] | None, limit: int
) -> Refusals:
    """Return the latest refusals that were kept up to a position of the record: those in journeys of these clinics, or
    of clinics not known here, or in these journeys."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            # Not an argument: the index is of these events alone, and a plan for any event would not use it.
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event e "
            "WHERE log_id = $1 AND position <= $2 AND event_type = 'command.refused' "
            "AND ($3::uuid[] IS NULL OR journey_id = ANY($3)) AND ($4::text[] IS NULL OR NOT EXISTS "
            "(SELECT FROM read_model.caseload c WHERE c.journey_id = e.journey_id AND c.clinic <> ALL($4))) "
            "ORDER BY position DESC LIMIT $5",
            *(record.log_id, up_to, journeys, clinics, limit),
        )
        unlisted = await connection.fetch(
            "SELECT j FROM unnest($1::uuid[]) j "
            "WHERE NOT EXISTS (SELECT FROM read_model.caseload c WHERE c.journey_id = j)",
            [row["journey_id"] for row in rows],
        )
    return Refusals(await record.decoded(rows), frozenset(row["j"] for row in unlisted))


async def stale(record: Record) -> ListPage[Stale]:
    """List the journeys that are stuck, including those that no other list shows yet."""
    return await _Query(("o.position",)).answer(record, Stale, "SELECT o.* FROM read_model.poisoned o")


class _Query:
    """Builds a statement: its order, its conditions with their arguments, and where its page begins and ends."""

    def __init__(self, order: Sequence[str], limit: int | None = None) -> None:
        self._order, self._limit = ", ".join(order), limit
        self._arguments: list[object] = []
        self.terms = ["true"]

    def bind(self, value: object) -> str:
        """Add an argument, and return its placeholder."""
        self._arguments.append(value)
        return f"${len(self._arguments)}"

    def where(self, term: str, value: object | None) -> None:
        """Add a condition on a value, unless the value is None."""
        if value is not None:
            self.terms.append(term.format(self.bind(value)))

    def after(self, cursor: str | None, shape: Any) -> None:
        """Begin after the last row of an earlier page.

        Raises:
            NotACursor: it is not the last row of a page.
        """
        if cursor is None:
            return
        try:
            last = TypeAdapter(shape).validate_json(urlsafe_b64decode(cursor))
        except (ValueError, ValidationError):
            raise NotACursor from None
        self.terms.append(f"({self._order}) > ({', '.join(self.bind(value) for value in last)})")

    @property
    def condition(self) -> str:
        """Return all conditions so far."""
        return " AND ".join(self.terms)

    @property
    def page(self) -> str:
        """Return the order and the limit: one row more than a page has, which tells that there is more."""
        return f"ORDER BY {self._order} LIMIT {self._limit + 1:d}" if self._limit is not None else ""

    async def answer(
        self, record: Record, kind: type[R], select: str, key: Callable[[R], tuple[Any, ...]] = lambda _: ()
    ) -> ListPage[R]:
        """Fetch rows and the position they are true up to, in one statement, so that both are of one moment."""
        async with record.connection() as connection:
            found = await connection.fetch(
                "SELECT g.position AS true_up_to, g.definition, s.journeys AS stale_journeys, o.* "
                "FROM read_model.generation g CROSS JOIN (SELECT count(*) AS journeys FROM read_model.poisoned) s "
                f"LEFT JOIN LATERAL (SELECT true AS found, o.* FROM ({select}) o) o ON true "
                f"WHERE g.status = 'live' ORDER BY {self._order}",
                *self._arguments,
            )
        rows = tuple(kind.model_validate(dict(row)) for row in found if row["found"])
        more = self._limit is not None and len(rows) > self._limit
        shown = rows[: self._limit]
        return ListPage(
            position=found[0]["true_up_to"],
            definition=found[0]["definition"],
            rows=shown,
            stale_journeys=found[0]["stale_journeys"],
            next=urlsafe_b64encode(TypeAdapter(Any).dump_json(key(shown[-1]))).decode() if more else None,
        )
