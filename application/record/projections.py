"""Show how far the read models are and which journeys are stuck; retry and rebuild them."""

from typing import NamedTuple
from uuid import UUID

from activities.record import Record, read_models
from activities.record.read_models import ProjectionStatus, Stale
from application.context import Context
from application.errors import Conflict
from application.reading.access_log import keep_look_after, require_looks_after_it
from application.reading.history import no_such_journey


class Projections(NamedTuple):
    """The builds of the read models, the end of the record, and the journeys that are stuck."""

    status: ProjectionStatus
    stale: tuple[Stale, ...]


async def show_projections(context: Context) -> Projections:
    """Record the look, and return how far the read models are, and what is stuck.

    Raises:
        NotAllowed: the person does not look after the service.
        RecordUnavailable, RecordFault: as the record does.
    """
    require_looks_after_it(context)
    found = await read_projections(await context.record())
    await keep_look_after(context, "record models", (each.journey_id for each in found.stale))
    return found


async def read_projections(record: Record) -> Projections:
    """How far the read models are, and what is stuck. It says nothing of any journey but its id.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    return Projections(await read_models.read_status(record), (await read_models.stale(record)).rows)


async def retry_projection(context: Context, journey_id: UUID) -> None:
    """Apply a stale journey anew from its first event, so that its rows go on. It may be run at any time.

    Raises:
        NotAllowed: the person does not look after the service.
        SettingsError: they name no connection that may write lists.
        NotFound: nothing is recorded under this id.
        Conflict: an event of it still cannot be applied.
    """
    require_looks_after_it(context)
    record = await context.record()
    if await record.head(journey_id) is None:
        raise no_such_journey(journey_id)
    await keep_look_after(context, "record retry", (journey_id,))
    async with context.lists() as lists:
        await read_models.retry(lists, journey_id)
    stuck = (await read_models.stale(record)).rows
    code = next((each.code for each in stuck if each.journey_id == journey_id), None)
    if code is not None:
        raise Conflict(
            f"an event of this journey cannot be applied ({code})",
            "See `record models` for which; `record verify JOURNEY` says whether it is as it was recorded",
            state="Nothing was changed: the journey stays stale, and all others go on.",
            ids={"journey_id": str(journey_id)},
        )


async def rebuild_projections(context: Context) -> int:
    """Build all read models anew from the record while people work, show them instead of the live ones, and return the
    new build's number.

    Raises:
        SettingsError: they name no connection that may write lists.
        Conflict: they are being built already, or could not be.
    """
    try:
        async with context.lists() as lists:
            return await read_models.rebuild(lists)
    except (read_models.BeingRebuilt, read_models.BuildFailed) as refused:
        raise Conflict(str(refused), "See `record models`", state="What was shown before still is.") from None
