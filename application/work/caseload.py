"""List where journeys stand, or stood, from the read models."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from activities.record.read_models import Case, CaseloadFilter, ListPage, NotACursor, PastCase, caseload, caseload_as_of
from application.context import Context
from application.errors import InvalidInput
from application.reading.access_log import Query, clinics_to_list, keep_look
from application.reading.freshness import TrueUpTo, true_up_to, wait_for_read_models
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier
from workflows.journey.vocabulary.stage import Stage


class ListJourneys(Query):
    """Which journeys are wanted. With ``at``, as was known after a position of the record or at a time (UTC)."""

    name: ClassVar[str] = "pathway list"

    stage: Stage | None = None
    pathway: Pathway | None = None
    awaits: Role | None = None
    clinic: Identifier | None = None
    overdue: bool = False
    closed: bool = False
    at: int | datetime | None = None
    limit: int = 50
    after: str | None = None


class CasePage(NamedTuple):
    """A page of journeys at a moment (UTC)."""

    answer: ListPage[Case]
    true: TrueUpTo
    at: datetime

    def is_overdue(self, case: Case) -> bool:
        return case.next_due is not None and case.next_due < self.at


class PastPage(NamedTuple):
    """A page of journeys as they stood at a position of the record, or a time."""

    answer: ListPage[PastCase]
    true: TrueUpTo
    moment: int | datetime


async def list_journeys(context: Context, query: ListJourneys) -> CasePage | PastPage:
    """Return a page of journeys, the oldest first; of the past, in the order of their ids. The look is recorded.

    Raises:
        NotAllowed: it is of a clinic they do not work for.
        InvalidInput: ``at`` is still to come, or ``after`` does not continue the list.
    """
    if query.at is not None and (query.overdue or query.awaits is not None):
        raise InvalidInput("what was awaited then is not listed", "Leave --awaits and --overdue out with --at")
    clinics = clinics_to_list(context, query.clinic)
    head, now = await wait_for_read_models(context), context.now()
    if query.at is not None and (query.at > head if isinstance(query.at, int) else query.at > now):
        raise InvalidInput(
            "--at is still to come",
            f"The record is at position {head}; leave --at out for how things stand now",
        )
    try:
        if query.at is None:
            return await _now(context, query, clinics, head, now)
        return await _then(context, query, clinics, head, query.at)
    except NotACursor as error:
        raise InvalidInput(str(error), "Leave --after out") from None


async def _now(context: Context, query: ListJourneys, clinics: tuple[str, ...], head: int, now: datetime) -> CasePage:
    wanted = CaseloadFilter(
        stage=query.stage,
        pathway=query.pathway,
        awaits=query.awaits,
        clinic=query.clinic,
        clinics=clinics,
        open=None if query.closed else True,
        due_before=now if query.overdue else None,
    )
    answer = await caseload(await context.record(), wanted, limit=query.limit, after=query.after)
    journeys = [case.journey_id for case in answer.rows]
    await keep_look(context, query, journeys, answer.position, definition=answer.definition)
    return CasePage(answer, true_up_to(answer, head), now)


async def _then(
    context: Context, query: ListJourneys, clinics: tuple[str, ...], head: int, moment: int | datetime
) -> PastPage:
    answer = await caseload_as_of(
        await context.record(),
        moment,
        clinics=clinics,
        pathway=query.pathway,
        stage=query.stage,
        closed=None if query.closed else False,
        limit=query.limit,
        after=query.after,
    )
    journeys = [case.journey_id for case in answer.rows]
    await keep_look(context, query, journeys, answer.position, definition=answer.definition)
    return PastPage(answer, true_up_to(answer, head), moment)
