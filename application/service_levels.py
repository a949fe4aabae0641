"""How promptly things are done."""

from datetime import datetime
from typing import NamedTuple

from activities.record import read_models
from activities.record.read_models import ServiceLevel
from application.context import Context
from application.freshness import TrueUpTo, true_up_to, wait_for_read_models


class ServiceLevels(NamedTuple):
    """How each kind of obligation was met. Figures know no protocols: where demonstrations are allowed, any journey in
    them may be ``illustrative``."""

    rows: tuple[ServiceLevel, ...]
    true: TrueUpTo
    illustrative: bool


async def show_service_levels(context: Context, *, clinic: str | None, since: datetime | None) -> ServiceLevels:
    """How promptly things are done; what was closed before ``since`` is left out. It shows nothing of any one journey.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    illustrative = context.settings.demonstration
    head = await wait_for_read_models(context)
    answer = await read_models.service_levels(await context.record(), context.now(), clinic=clinic, since=since)
    return ServiceLevels(answer.rows, await true_up_to(context, answer.position, head), illustrative)
