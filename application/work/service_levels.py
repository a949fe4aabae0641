"""Show how promptly things are done."""

from datetime import datetime
from typing import NamedTuple

from activities.record import read_models
from activities.record.read_models import ServiceLevel
from application.context import Context
from application.reading.freshness import TrueUpTo, true_up_to, wait_for_read_models


class ServiceLevels(NamedTuple):
    """How each kind of obligation was met. Where demonstrations are allowed, the figures may include ``illustrative``
    journeys."""

    rows: tuple[ServiceLevel, ...]
    true: TrueUpTo
    illustrative: bool


async def show_service_levels(context: Context, *, clinic: str | None, since: datetime | None) -> ServiceLevels:
    """Return how promptly things are done, without what was closed before ``since``. It shows nothing of a single
    journey.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    illustrative = context.settings.demonstration
    head = await wait_for_read_models(context)
    answer = await read_models.service_levels(await context.record(), context.now(), clinic=clinic, since=since)
    return ServiceLevels(answer.rows, true_up_to(answer, head), illustrative)
