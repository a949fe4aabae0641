"""Show how promptly things are done."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from activities.record import read_models
from activities.record.read_models import ServiceLevel
from application.context import Context
from application.reading.access_log import Query, clinics_to_list, keep_look, require_staff
from application.reading.freshness import TrueUpTo, true_up_to, wait_for_read_models
from workflows.journey.vocabulary.base import Identifier


class ShowServiceLevels(Query):
    """How promptly things are done in the person's clinics, or in one; without what was closed before ``since``."""

    name: ClassVar[str] = "work stats"

    clinic: Identifier | None = None
    since: datetime | None = None


class ServiceLevels(NamedTuple):
    """How each kind of obligation was met. Where demonstrations are allowed, the figures may include ``illustrative``
    journeys."""

    rows: tuple[ServiceLevel, ...]
    true: TrueUpTo
    illustrative: bool


async def show_service_levels(context: Context, query: ShowServiceLevels) -> ServiceLevels:
    """Return how promptly things are done. The look is recorded: where a clinic has few journeys, a row may be of one
    patient.

    Raises:
        NotAllowed: they are not of the staff, or do not work for that clinic.
        RecordUnavailable, RecordFault: as the record does.
    """
    require_staff(context, "how promptly things are done")
    clinics = clinics_to_list(context, query.clinic)
    illustrative = context.settings.demonstration
    head = await wait_for_read_models(context)
    answer = await read_models.service_levels(await context.record(), context.now(), clinics=clinics, since=query.since)
    await keep_look(context, query, (), answer.position, definition=answer.definition)
    return ServiceLevels(answer.rows, true_up_to(answer, head), illustrative)
