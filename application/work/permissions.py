"""Which journeys a permission stops, and when: the permission to prescribe remotely, and the clinician's licence."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias

from activities.record.read_models import CaseloadFilter, NotACursor, caseload
from activities.record.read_models.listed import Case
from application.context import Context
from application.errors import InvalidInput
from application.reading.access_log import Query, clinics_to_list, keep_look
from application.reading.freshness import true_up_to, wait_for_read_models
from application.work.caseload import CasePage
from workflows.journey.vocabulary.base import Identifier
from workflows.journey.vocabulary.stage import Stage

WARNED_BEFORE: Final = (90, 60, 30, 14)
"""Days before its end at which a permission is warned of."""
STOPPED_IN: Final = (Stage.EVALUATION, Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS)
"""Stages that lead to a dose. In follow-up nothing is prescribed any more."""

Permission: TypeAlias = Literal["remote_prescribing", "licence"]


class ListPermissions(Query):
    """Journeys with a permission that ends within so many days, or has ended."""

    name: ClassVar[str] = "work permissions"

    within: int = WARNED_BEFORE[0]
    clinic: Identifier | None = None
    limit: int = 200
    after: str | None = None


class Stop(NamedTuple):
    """A permission that stops a journey at a moment (UTC). ``days`` is the smallest of the days of `WARNED_BEFORE` that
    are left at most: 14, 30, 60 or 90; 0 when it has ended, None when more are left."""

    case: Case
    permission: Permission
    ends: datetime
    days: int | None


async def list_permissions(context: Context, query: ListPermissions) -> CasePage:
    """Record the look, and return the open journeys of the person's clinics that a permission stops.

    Raises:
        NotAllowed: it is of a clinic they do not work for.
        InvalidInput: ``after`` does not continue the list.
    """
    clinics = clinics_to_list(context, query.clinic)
    head, now = await wait_for_read_models(context), context.now()
    until = now + timedelta(days=query.within)
    wanted = CaseloadFilter(clinics=clinics, stages=STOPPED_IN, permitted_until=until)
    try:
        answer = await caseload(await context.record(), wanted, limit=query.limit, after=query.after)
    except NotACursor as error:
        raise InvalidInput(str(error), "Leave --after out") from None
    journeys = [case.journey_id for case in answer.rows]
    await keep_look(context, query, journeys, answer.position, definition=answer.definition)
    return CasePage(answer, true_up_to(answer, head), now)


def stops(page: CasePage, within: int = WARNED_BEFORE[0]) -> tuple[Stop, ...]:
    """Return what stops the journeys of a page within so many days, the first to end on top."""
    found = (stop for case in page.answer.rows for stop in _stops(case, page.at))
    soon = [stop for stop in found if stop.ends <= page.at + timedelta(days=within)]
    return tuple(sorted(soon, key=lambda stop: (stop.ends, str(stop.case.journey_id), stop.permission)))


def _stops(case: Case, at: datetime) -> Iterator[Stop]:
    ends: tuple[tuple[Permission, datetime | None], ...] = (
        ("remote_prescribing", case.permission_ends),
        ("licence", case.licence_ends),
    )
    for permission, end in ends:
        if end is not None:
            yield Stop(case, permission, end, _days(end - at))


def _days(left: timedelta) -> int | None:
    if left <= timedelta(0):
        return 0
    return next((days for days in reversed(WARNED_BEFORE) if left <= timedelta(days=days)), None)
