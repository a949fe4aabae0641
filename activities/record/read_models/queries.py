"""Queries of the read models. Each is one statement, so that an answer shows one moment.

Every answer says up to which position of the record it is true, and every row of an open journey up to which version
of the journey. If an event could not be applied to a journey, its rows carry the reason as ``stale`` and are true up to
their version only. Lists come in a stable order, one page at a time: ``next`` of a page is ``after`` of the following
one. Times are UTC.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from activities.record.read_models.listed import (
    Case,
    CaseloadFilter,
    PastCase,
    Refusals,
    ServiceLevel,
    Signing,
    SignOffRequest,
    Stale,
    Task,
    WorklistFilter,
)
from activities.record.read_models.pages import LIMIT, MOST_COUNTED, ListPage, PageQuery
from activities.record.read_models.row_types import UNKNOWN_LOT, fold_lot
from activities.record.store import Record
from activities.record.stored import EVENT_COLUMNS
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage

_OPEN = "o.closed_at IS NULL"
_Version = Annotated[int, Field(ge=0, lt=2**31)]
_Name = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Numbers and names that a cursor may hold: those that the database can."""


async def worklist(
    record: Record, wanted: WorklistFilter, *, limit: int = LIMIT, after: str | None = None
) -> ListPage[Task]:
    """List what is awaited: in held journeys first, then by due time.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = PageQuery(("NOT o.held", "o.due", "o.journey_id", "o.opened_version", "o.obligation"), limit)
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
    most, key, open_ones = query.page, "journey_id, opened_version, obligation", ("read_model.obligation o", _OPEN)
    every = list[str]()

    def ordered(source: str, *more: str) -> str:
        every.append(
            f"(SELECT {key} FROM {source} WHERE {' AND '.join((query.wanted, *more))} LIMIT {MOST_COUNTED + 1})"
        )
        return f"(SELECT {key}, o.held, o.due FROM {source} WHERE {' AND '.join((query.condition, *more))} {most})"

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
        every=" UNION ".join(every),
    )


async def caseload(
    record: Record, wanted: CaseloadFilter, *, limit: int = LIMIT, after: str | None = None
) -> ListPage[Case]:
    """List where journeys stand, the oldest first.

    Raises:
        NotACursor: ``after`` is not of this list.
    """
    query = PageQuery(("o.started_at", "o.journey_id"), limit)
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
    lot = None if wanted.lot is None else fold_lot(wanted.lot)
    query.where(f"ARRAY[{{}}, '{UNKNOWN_LOT}'] && o.lots", lot)
    query.where("{} = ANY(o.clinicians)", wanted.clinician)
    query.where("{} = ANY(o.held_together)", None if wanted.together is None else str(wanted.together))
    query.where("least(o.permission_ends, o.licence_ends) <= {}", wanted.permitted_until)
    query.where("o.journey_id = ANY({})", wanted.among)
    query.after(after, tuple[AwareDatetime, UUID])
    awaited = (
        "LEFT JOIN LATERAL (SELECT b.owner, b.what FROM read_model.obligation b WHERE b.journey_id = o.journey_id "
        'AND b.closed_at IS NULL ORDER BY b.due, b.obligation COLLATE "C" LIMIT 1) w ON true'
    )
    return await query.answer(
        record,
        Case,
        "SELECT o.*, w.owner AS awaits, w.what AS awaited, p.code AS stale FROM read_model.caseload o "
        f"LEFT JOIN read_model.poisoned p USING (journey_id) {awaited} WHERE {query.condition} {query.page}",
        lambda row: (row.started_at, row.journey_id),
        every=f"SELECT FROM read_model.caseload o {awaited if wanted.awaits else ''} WHERE {query.wanted}",
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
    query = PageQuery(("o.journey_id",), limit)
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
    query = PageQuery(("o.due", "o.journey_id", "o.opened_version", "o.obligation"), limit)
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
        every=f"SELECT FROM read_model.obligation o WHERE {query.wanted}",
    )


async def service_levels(
    record: Record, at: datetime, *, clinics: Sequence[str] | None = None, since: datetime | None = None
) -> ListPage[ServiceLevel]:
    """Return how each kind of obligation was met, as of ``at``, among those that are open or were closed after
    ``since``."""
    query = PageQuery(("o.kind",))
    now = query.bind(at)
    query.where("o.clinic = ANY({})", clinics)
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
    return Refusals(await record.decoded(rows, waits=False), frozenset(row["j"] for row in unlisted))


async def stale(record: Record) -> ListPage[Stale]:
    """List the journeys that are stuck, including those that no other list shows yet."""
    return await PageQuery(("o.position",)).answer(record, Stale, "SELECT o.* FROM read_model.poisoned o")
