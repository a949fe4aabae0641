"""Hold every journey that a protocol, a lot or a clinician concerns, and prepare their releases.

Each journey gets its own hold by its own command, whose id comes from that of the request and what it says: the same
may be sent again after any interruption, by anybody, and holds nothing twice. What says something else holds once more,
and a release for the first does not let it go on. Each hold is released by its own signed decision, on the evidence of
its own journey; nothing is ever signed for several.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self, TypeAlias
from uuid import UUID, uuid5

from pydantic import Field, model_validator

from activities.record import RecordFault, RecordUnavailable
from activities.record.read_models import Case, CaseloadFilter, ListPage, caseload
from activities.record.read_models.row_types import fold_lot
from application.context import Context
from application.errors import (
    NotAllowed,
    NotFound,
    NotRecordedYet,
    Refused,
    Unavailable,
    UseCaseError,
    is_outage,
    translate,
)
from application.pathway.command_catalog import CommandKind, require_role
from application.pathway.commands import submit, wait_until_recorded
from application.protocols.files import find_protocol
from application.reading.access_log import Query, clinics_to_list, keep_look, require_staff
from application.reading.freshness import true_up_to, wait_for_read_models
from application.reading.history import load_history, read_journeys
from application.sign_offs.requests import OpenRequest, requests
from application.work.caseload import CasePage
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import Hold
from workflows.journey.always.sign_offs.hold_releases import release_obstacles
from workflows.journey.commands import Command, PlaceHold
from workflows.journey.decide import decide
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.base import CODE_DIGITS, Identifier, InputModel, Text, canonical
from workflows.journey.vocabulary.refusals import Refusal

HOLD: Final = CommandKind("pathway", "hold", PlaceHold)
PAGE: Final = 1000
AT_ONCE: Final = 8
"""How many journeys are held at a time."""
ORGANISATION: Final = (Role.MEDICAL_DIRECTOR, Role.OPS)
"""Roles that look for journeys in the whole organisation. All others look in the clinics they work for."""
DIGEST: Final = re.compile(rf"[0-9a-f]{{{CODE_DIGITS},64}}")


class WhatToHold(InputModel):
    """The form: why care is held."""

    reason: Text


class FindConcerned(Query):
    """Which journeys a protocol (the beginning of its digest), a lot or a clinician concerns: exactly one of them.

    ``request`` is the request under which they are to be held, if they are.
    """

    name: ClassVar[str] = "work hold"

    protocol: Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")] | None = None
    lot: Identifier | None = None
    clinician: Identifier | None = None
    clinic: Identifier | None = None
    request: UUID | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.protocol, self.lot, self.clinician)) != 1:
            raise ValueError("exactly one of protocol, lot and clinician says which journeys are meant")
        return self


class PrepareReleases(Query):
    """The holds of one request, and what their releases need."""

    name: ClassVar[str] = "work releases"

    request: UUID


HoldOutcome: TypeAlias = Literal["would_hold", "held", "already", "closed", "accepted", "failed"]


LOT_NOT_KNOWN: Final = "lot not known: nobody recorded which lot its doses were of"
"""Why a journey is held that may have nothing of the lot."""


class HeldTogether(NamedTuple):
    """What became of one journey. ``accepted``: Temporal holds the command, and it is not recorded yet. ``closed``: it
    has ended, and nothing is left to hold. ``problem`` says why it failed. ``lot_known``: not where its doses may have
    been of the lot only because nobody knows which they were of."""

    journey_id: UUID
    clinic: str
    outcome: HoldOutcome
    problem: UseCaseError | None = None
    lot_known: bool = True


class PreparedRelease(NamedTuple):
    """One hold of a request. ``asked`` is the decision that releases it, None once it is released or the journey has
    ended; ``obstacles`` is what must happen before, whoever signs; ``refusal`` is why this person may not sign it."""

    journey: Journey
    hold: Hold
    asked: OpenRequest | None
    obstacles: tuple[str, ...] = ()
    refusal: Refusal | None = None


class PreparedReleases(NamedTuple):
    """The releases of one request. ``not_readable`` are journeys that it held as well, and whose hold cannot be read
    now: whether it is released is not known."""

    releases: tuple[PreparedRelease, ...]
    not_readable: tuple[UUID, ...] = ()


def digest_of(context: Context, named: str) -> str:
    """Return the digest of a protocol that is given by it, by its beginning as it is shown, or by name or file.

    Raises:
        InvalidInput: there is no such protocol.
    """
    spelled = named.lower().replace("-", "")
    return spelled if DIGEST.fullmatch(spelled) else find_protocol(context, named)[0].digest


async def find_concerned(context: Context, query: FindConcerned) -> CasePage:
    """Record the look, and return every journey that is concerned, closed ones too: of the person's clinics, and for a
    medical director or ops of the organisation's.

    Raises:
        NotAllowed: the person may not hold them, or it is of a clinic they do not work for.
    """
    actor = context.actor
    require_role(actor, HOLD)
    if actor.role not in STAFF_ROLES:
        raise NotAllowed("only staff hold several journeys at once", "Hold your own journey: `pathway hold JOURNEY`")
    wanted = CaseloadFilter(
        protocol=query.protocol,
        lot=query.lot,
        clinician=query.clinician,
        clinic=query.clinic,
        clinics=None if actor.role in ORGANISATION else clinics_to_list(context, query.clinic),
    )
    found, page = await _all(context, wanted, query)
    return page._replace(answer=page.answer.model_copy(update={"rows": found}))


async def hold_together(
    context: Context, query: FindConcerned, cases: Sequence[Case], reason: str, request: UUID, *, dry_run: bool
) -> AsyncIterator[HeldTogether]:
    """Place a hold in each of these journeys, which the query found, or say what would happen; yield each result as it
    is there. Journeys that began meanwhile are looked for, and held too, until there are no more.

    In an outage the rest is not tried, so there may be fewer results than journeys.
    """
    tried: set[UUID] = set()
    while cases:
        before = len(tried)
        async with aclosing(_hold_each(context, query, cases, reason, request, dry_run=dry_run)) as results:
            async for result in results:
                tried.add(result.journey_id)
                yield result
        if dry_run or len(tried) - before < len(cases):
            return
        found = await find_concerned(context, query)
        cases = [case for case in found.answer.rows if case.journey_id not in tried]


async def _hold_each(
    context: Context, query: FindConcerned, cases: Sequence[Case], reason: str, request: UUID, *, dry_run: bool
) -> AsyncGenerator[HeldTogether]:
    done: asyncio.Queue[HeldTogether | None] = asyncio.Queue()
    waiting, outages, body = iter(cases), 0, PlaceHold(reason=reason, together=request)

    async def work() -> None:
        nonlocal outages
        for case in waiting:
            once = _command_id(query, case, reason, request)
            command = Command(command_id=once, actor=context.actor, body=body)
            result = await _hold(context, case, command, dry_run=dry_run)
            result = result._replace(lot_known=query.lot is None or fold_lot(query.lot) in case.lots)
            outages = outages + 1 if is_outage(result.problem) else 0
            done.put_nowait(result)
            if outages > 3 * AT_ONCE:
                return

    async def work_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        finally:
            done.put_nowait(None)

    working = asyncio.create_task(work_all())
    try:
        while (result := await done.get()) is not None:
            yield result
        await working
    finally:
        working.cancel()


async def prepare_releases(context: Context, query: PrepareReleases) -> PreparedReleases:
    """Record the look, and return the holds of a request that the person may see, each with the decision that releases
    it. Nothing is signed or sent.

    Raises:
        NotAllowed: they are not of the staff.
        NotFound: no hold of this request is in a journey that they may see.
        NotVerified: the evidence of one is not what its request names.
    """
    require_staff(context, "which journeys were held together")
    if context.as_seen is None:
        found, _ = await _all(context, CaseloadFilter(together=query.request), None)
        journey_ids: Sequence[UUID] = [case.journey_id for case in found]
        theirs = [case.journey_id for case in found if case.clinic in context.person.clinics]
    else:
        journey_ids = theirs = [*context.as_seen.journeys]
    journeys = await read_journeys(context, query, journey_ids)
    prepared = tuple(
        _prepared(context, journey, hold)
        for journey in journeys
        for hold in journey.holds.values()
        if hold.together == query.request
    )
    readable = {each.journey.id for each in prepared}
    not_readable = tuple(each for each in theirs if each not in readable)
    if not prepared and not not_readable:
        raise NotFound(
            "no journey that you may see is held by this request", "`work hold` names its request; look there"
        )
    return PreparedReleases(prepared, not_readable)


def _prepared(context: Context, journey: Journey, hold: Hold) -> PreparedRelease:
    waiting = next((each for each in requests(journey) if each.subject == hold.id and not hold.released), None)
    if waiting is None:
        return PreparedRelease(journey, hold, None)
    asked = OpenRequest(journey, waiting)
    asked.evidence()
    refusal = asked.objection(context, context.person)
    return PreparedRelease(journey, hold, asked, release_obstacles(journey, hold), refusal)


async def _all(context: Context, wanted: CaseloadFilter, query: Query | None) -> tuple[tuple[Case, ...], CasePage]:
    """Return every case that is wanted, and their last page. The look is recorded, if it is one."""
    head, now, record = await wait_for_read_models(context), context.now(), await context.record()
    found: tuple[Case, ...] = ()
    after: str | None = None
    while True:
        answer: ListPage[Case] = await caseload(record, wanted, limit=PAGE, after=after)
        found, after = (*found, *answer.rows), answer.next
        if after is None:
            break
    if query is not None:
        journeys = [case.journey_id for case in found]
        await keep_look(context, query, journeys, answer.position, definition=answer.definition)
    return found, CasePage(answer, true_up_to(answer, head), now)


def _command_id(query: FindConcerned, case: Case, reason: str, request: UUID) -> UUID:
    """Return the id of the command that holds a journey for what a request says, however that is spelled."""
    protocol = None if query.protocol is None else case.protocol_digest
    lot = None if query.lot is None else fold_lot(query.lot)
    said = canonical([reason, {"protocol": protocol, "lot": lot, "clinician": query.clinician}]).decode()
    return uuid5(request, f"hold/{case.journey_id}/{said}")


async def _hold(context: Context, case: Case, command: Command, *, dry_run: bool) -> HeldTogether:
    def became(outcome: HoldOutcome, problem: UseCaseError | None = None) -> HeldTogether:
        return HeldTogether(case.journey_id, case.clinic, outcome, problem)

    try:
        history = await load_history(context, case.journey_id)
        known = receipts_of(history.events).get(command.command_id)
        if known is not None and known.refused is None:
            return became("already")
        if history.journey.closed:
            return became("closed")
        if dry_run:
            decided = decide(history.journey, command, context.now())
            return became("failed", Refused(decided)) if isinstance(decided, Refusal) else became("would_hold")
        accepted = await submit(context, case.journey_id, command)
    except NotRecordedYet:
        return became("accepted")
    except (RecordUnavailable, RecordFault) as away:
        return became("failed", translate(away))
    except UseCaseError as problem:
        return became("failed", problem)
    try:
        await wait_until_recorded(context, accepted, history.journey, shown=False)
    except Unavailable:
        return became("accepted")
    except UseCaseError as problem:
        return became("failed", problem)
    return became("held")
