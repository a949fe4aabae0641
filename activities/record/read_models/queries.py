"""What the read models answer: one statement for each question, so that every answer is of one moment.

Every answer says up to which position of the record it is true, and every row of an open journey up to which
version of that; a row of a journey that an event could not be applied to carries the reason as ``stale``, and
is true up to its version only. Lists come in a stable order, one page at a time: ``next`` of one page is
``after`` of the following one. Times are UTC.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json, StringConstraints, TypeAdapter, ValidationError

from activities.record.store import Record
from workflows.journey.actors import Role
from workflows.journey.stage import Stage

LIMIT = 50
"""Rows of one page, unless another number is asked for."""


_Version = Annotated[int, Field(ge=0, lt=2**31)]
_Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""What a cursor may hold: nothing the database cannot."""


class NotACursor(ValueError):
    """This is not what a page of this list ended with."""

    def __init__(self) -> None:
        super().__init__("this does not continue a list; begin at its first page")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


R = TypeVar("R", bound=_Row)


class Answer(_Row, Generic[R]):
    """Rows, all true up to ``position`` unless marked stale; ``next`` continues the list, if there is more.

    ``definition`` says which rows these are, as `rows` has it.
    """

    position: int
    definition: int
    rows: tuple[R, ...]
    next: str | None = None


class Task(_Row):
    """An open obligation: what is awaited of whom, until when, and what happens if it does not come.

    ``person`` is who it falls to by the plan of care, ``claimed_by`` who said they will see to it. ``asked`` are its
    owner and whom it was escalated to so far.
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


class Case(_Row):
    """Where a journey stands. ``holds`` are the causes of those that are not released, ``awaits`` is whom what is
    due first is awaited of."""

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


class PastCase(_Row):
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


class SignOffRequest(_Row):
    """A signature that is or was asked for, and what became of it. One that was neither decided nor stands any
    more was overtaken (``because``): by newer evidence, a hold, or the end of the pathway."""

    journey_id: UUID
    version: int
    stale: str | None
    obligation: str
    opened_version: int
    clinic: str
    illustrative: bool
    sign_off: str
    subject: str | None
    evidence: str | None
    owner: Role
    person: str | None
    since: datetime
    due: datetime
    decision: Literal["approve", "decline", "return"] | None
    choice: str | None
    decided_by: str | None
    decided_role: Role | None
    decided_name: str | None
    decided_at: datetime | None
    closed_at: datetime | None
    because: str | None


class ServiceLevel(_Row):
    """How one kind of obligation was met. ``late`` were done after they were due, ``overdue`` are open past it.

    Each wait counts once: where newer evidence or a hold cut one short, only what took its place does. Seconds
    are those between the first asking and the deed, by the clock on the wall, holds included.
    """

    kind: str
    opened: int
    done: int
    late: int
    overdue: int
    seconds_median: float | None
    seconds_90: float | None
    seconds_most: float | None


class Stale(_Row):
    """A journey that is stuck before a version, since an event at ``position`` could not be applied."""

    journey_id: UUID
    version: int
    position: int
    code: str
    attempts: int
    at: datetime


class Entry(_Row):
    """One line of what is listed within a journey. ``body`` is for its model to tell."""

    journey_id: UUID
    version: int
    stale: str | None
    model: str
    key: str
    at: datetime
    body: Json[dict[str, Any]]


class WorklistFilter(_Row):
    """Which part of the worklist is wanted; nothing set is all of it.

    ``mine`` is a person: what falls to them, and what they claimed. ``owners`` are roles: what is theirs, and what was
    escalated to them since. ``unassigned`` is what falls to nobody in
    particular and nobody claimed. ``due_before`` is a moment: now for what is overdue, midnight for today.
    ``clinics`` are those somebody may see.
    """

    mine: str | None = None
    owners: tuple[Role, ...] = ()
    unassigned: bool = False
    due_before: AwareDatetime | None = None
    clinic: str | None = None
    clinics: tuple[str, ...] | None = None
    journey_id: UUID | None = None


class CaseloadFilter(_Row):
    """Which part of the caseload is wanted; nothing set is all of it. ``person`` coordinates it or is its clinician.

    ``awaits`` is whom what is due first is awaited of, and ``due_before`` a moment that this is due before. ``clinics``
    are those somebody may see.
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


async def worklist(
    record: Record, work: WorklistFilter, *, limit: int = LIMIT, after: str | None = None
) -> Answer[Task]:
    """What is awaited: that of held journeys first, then what is due first.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    ask = _Question()
    terms = ["o.closed_at IS NULL"]
    if work.due_before is not None:
        terms.append(f"o.due < {ask.bind(work.due_before)}")
    if work.clinic is not None:
        terms.append(f"o.clinic = {ask.bind(work.clinic)}")
    if work.clinics is not None:
        terms.append(f"o.clinic = ANY({ask.bind([*work.clinics])})")
    if work.journey_id is not None:
        terms.append(f"o.journey_id = {ask.bind(work.journey_id)}")
    if work.unassigned:
        terms.append(
            "o.person IS NULL AND NOT EXISTS (SELECT FROM read_model.claim k WHERE k.journey_id = o.journey_id "
            "AND k.opened_version = o.opened_version AND k.obligation = o.obligation)"
        )
    order = ("NOT o.held", "o.due", "o.journey_id", "o.opened_version", "o.obligation")
    terms += ask.after(order, after, tuple[bool, AwareDatetime, UUID, _Version, _Name])
    most = f"ORDER BY {', '.join(order)} LIMIT {ask.bind(limit + 1)}"
    claims = "read_model.claim k USING (journey_id, opened_version, obligation)"

    def found(join: str, *more: str) -> str:
        return f"(SELECT o.* FROM read_model.obligation o {join} WHERE {' AND '.join((*terms, *more))} {most})"

    # Each way to belong to the list is a short walk along an index, where one condition would read far too much:
    # what falls to a person or was claimed by them, or what a role was asked for, whose index is found by its name.
    of = [f"'{Role(owner)}' = ANY (o.asked)" for owner in dict.fromkeys(work.owners)]
    if work.mine is not None:
        person, asked = ask.bind(work.mine), [f"({' OR '.join(of)})"] if of else []
        ways = [
            found("", *asked, f"o.person = {person}"),
            found(f"JOIN {claims}", *asked, f"k.claimed_by = {person}"),
        ]
    else:
        ways = [found("", role) for role in of] or [found("")]
    wanted = f"SELECT o.* FROM ({' UNION '.join(ways)}) o {most}"
    return await ask.answer(
        record,
        Task,
        f"SELECT o.*, c.version, p.code AS stale, k.claimed_by, k.claimed_at FROM ({wanted}) o "
        f"JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.parked p USING (journey_id) "
        f"LEFT JOIN {claims}",
        order,
        limit,
        lambda row: (not row.held, row.due, row.journey_id, row.opened_version, row.obligation),
    )


async def caseload(
    record: Record, cases: CaseloadFilter, *, limit: int = LIMIT, after: str | None = None
) -> Answer[Case]:
    """Where journeys stand, the oldest first.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    ask = _Question()
    terms = ["true"]
    for column, value in (
        ("clinic", cases.clinic),
        ("pathway", cases.pathway),
        ("stage", cases.stage),
        ("held", cases.held),
    ):
        if value is not None:
            terms.append(f"o.{column} = {ask.bind(value)}")
    if cases.clinics is not None:
        terms.append(f"o.clinic = ANY({ask.bind([*cases.clinics])})")
    if cases.open is not None:
        terms.append(f"(o.outcome IS NULL) = {ask.bind(cases.open)}")
    if cases.person is not None:
        terms.append(f"{ask.bind(cases.person)} IN (o.coordinator, o.clinician)")
    if cases.awaits is not None:
        terms.append(f"w.owner = {ask.bind(cases.awaits)}")
    if cases.due_before is not None:
        terms.append(f"o.next_due < {ask.bind(cases.due_before)}")
    order = ("o.started_at", "o.journey_id")
    terms += ask.after(order, after, tuple[AwareDatetime, UUID])
    return await ask.answer(
        record,
        Case,
        "SELECT o.*, w.owner AS awaits, p.code AS stale FROM read_model.caseload o "
        "LEFT JOIN read_model.parked p USING (journey_id) LEFT JOIN LATERAL (SELECT b.owner "
        "FROM read_model.obligation b WHERE b.journey_id = o.journey_id AND b.closed_at IS NULL "
        'ORDER BY b.due, b.obligation COLLATE "C" LIMIT 1) w ON true '
        f"WHERE {' AND '.join(terms)} ORDER BY {', '.join(order)} LIMIT {ask.bind(limit + 1)}",
        order,
        limit,
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
) -> Answer[PastCase]:
    """Where journeys stood at a moment: after the event at a position, or at a time, as they knew it then. A time
    goes by when things were decided, not when they were recorded: the same as for one journey by itself
    (`application.history.as_known`). Past ``position`` of the answer, it is not known yet.

    ``stage`` and ``closed`` are as they were then.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    ask = _Question()
    axis, then = ("position", ask.bind(moment)) if isinstance(moment, int) else ("at", ask.bind(moment))
    terms = [f"o.from_{axis} <= {then}", f"(o.to_{axis} > {then} OR o.to_{axis} IS NULL)"]
    if clinic is not None:
        terms.append(f"c.clinic = {ask.bind(clinic)}")
    if clinics is not None:
        terms.append(f"c.clinic = ANY({ask.bind([*clinics])})")
    if pathway is not None:
        terms.append(f"c.pathway = {ask.bind(pathway)}")
    if stage is not None:
        terms.append(f"o.stage = {ask.bind(stage)}")
    if closed is not None:
        terms.append(f"(o.outcome IS NOT NULL) = {ask.bind(closed)}")
    order = ("o.journey_id",)
    terms += ask.after(order, after, tuple[UUID])
    return await ask.answer(
        record,
        PastCase,
        "SELECT o.*, c.clinic, c.pathway, c.illustrative, p.code AS stale FROM read_model.stay o "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.parked p USING (journey_id) "
        f"WHERE {' AND '.join(terms)} ORDER BY {', '.join(order)} LIMIT {ask.bind(limit + 1)}",
        order,
        limit,
        lambda row: (row.journey_id,),
    )


async def sign_off_requests(
    record: Record,
    *,
    journey_id: UUID | None = None,
    clinics: Sequence[str] | None = None,
    state: Literal["open", "decided"] | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Answer[SignOffRequest]:
    """Signatures that are or were asked for, the oldest first: those open, those decided, or all.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    ask = _Question()
    terms = ["o.sign_off IS NOT NULL"]
    if journey_id is not None:
        terms.append(f"o.journey_id = {ask.bind(journey_id)}")
    if clinics is not None:
        terms.append(f"o.clinic = ANY({ask.bind([*clinics])})")
    if state is not None:
        terms.append("o.closed_at IS NULL" if state == "open" else "o.decision IS NOT NULL")
    order = ("o.since", "o.journey_id", "o.opened_version", "o.obligation")
    terms += ask.after(order, after, tuple[AwareDatetime, UUID, _Version, _Name])
    return await ask.answer(
        record,
        SignOffRequest,
        "SELECT o.*, c.version, p.code AS stale FROM read_model.obligation o "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.parked p USING (journey_id) "
        f"WHERE {' AND '.join(terms)} ORDER BY {', '.join(order)} LIMIT {ask.bind(limit + 1)}",
        order,
        limit,
        lambda row: (row.since, row.journey_id, row.opened_version, row.obligation),
    )


async def service_levels(
    record: Record,
    at: datetime,
    *,
    clinic: str | None = None,
    since: datetime | None = None,
) -> Answer[ServiceLevel]:
    """How each kind of obligation was met, as of ``at``, by those that are open or were closed after ``since``."""
    ask = _Question()
    now = ask.bind(at)
    terms = ["true"]
    if clinic is not None:
        terms.append(f"o.clinic = {ask.bind(clinic)}")
    if since is not None:
        terms.append(f"(o.closed_at IS NULL OR o.closed_at >= {ask.bind(since)})")
    return await ask.answer(
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
        f"WHERE {' AND '.join(terms)} GROUP BY o.kind",
        ("o.kind",),
    )


async def entries(
    record: Record,
    model: Literal["timeline", "session", "score", "adverse_event"],
    *,
    journey_id: UUID | None = None,
    clinic: str | None = None,
    limit: int = LIMIT,
    after: str | None = None,
) -> Answer[Entry]:
    """What is listed within journeys, by time: of one of them, of those of a clinic, or of all.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    ask = _Question()
    terms = [f"o.model = {ask.bind(model)}"]
    if journey_id is not None:
        terms.append(f"o.journey_id = {ask.bind(journey_id)}")
    if clinic is not None:
        terms.append(f"c.clinic = {ask.bind(clinic)}")
    order = ("o.at", "o.journey_id", "o.key")
    terms += ask.after(order, after, tuple[AwareDatetime, UUID, _Name])
    return await ask.answer(
        record,
        Entry,
        "SELECT o.*, c.version, p.code AS stale FROM read_model.entry o "
        "JOIN read_model.caseload c USING (journey_id) LEFT JOIN read_model.parked p USING (journey_id) "
        f"WHERE {' AND '.join(terms)} ORDER BY {', '.join(order)} LIMIT {ask.bind(limit + 1)}",
        order,
        limit,
        lambda row: (row.at, row.journey_id, row.key),
    )


async def stale(record: Record) -> Answer[Stale]:
    """The journeys that are stuck, also those no other list has anything of yet."""
    return await _Question().answer(record, Stale, "SELECT o.* FROM read_model.parked o", ("o.position",))


class _Question:
    """A statement in the making: its arguments, and where its page begins."""

    def __init__(self) -> None:
        self._arguments: list[object] = []

    def bind(self, value: object) -> str:
        """The place of a value in the statement."""
        self._arguments.append(value)
        return f"${len(self._arguments)}"

    def after(self, order: Sequence[str], cursor: str | None, shape: Any) -> list[str]:
        """The condition that a row comes after the last one of an earlier page."""
        if cursor is None:
            return []
        try:
            last = TypeAdapter(shape).validate_json(urlsafe_b64decode(cursor))
        except (ValueError, ValidationError):
            raise NotACursor from None
        return [f"({', '.join(order)}) > ({', '.join(self.bind(value) for value in last)})"]

    async def answer(
        self,
        record: Record,
        kind: type[R],
        select: str,
        order: Sequence[str],
        limit: int | None = None,
        key: Callable[[R], tuple[Any, ...]] = lambda _: (),
    ) -> Answer[R]:
        """Ask for rows and for the position they are true up to, in one statement and so of one moment."""
        async with record.connection() as connection:
            found = await connection.fetch(
                "SELECT g.position AS true_up_to, g.definition, o.* FROM read_model.generation g "
                f"LEFT JOIN LATERAL (SELECT true AS found, o.* FROM ({select}) o) o ON true "
                f"WHERE g.status = 'live' ORDER BY {', '.join(order)}",
                *self._arguments,
            )
        rows = tuple(kind.model_validate(dict(row)) for row in found if row["found"])
        more = limit is not None and len(rows) > limit
        shown = rows[:limit]
        return Answer(
            position=found[0]["true_up_to"],
            definition=found[0]["definition"],
            rows=shown,
            next=urlsafe_b64encode(TypeAdapter(Any).dump_json(key(shown[-1]))).decode() if more else None,
        )
