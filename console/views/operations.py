"""How the service stands, for ops and the medical director, and from a journey's id in Temporal to its page."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry
from application.errors import InvalidInput
from application.operations.keys import list_keys
from application.operations.status import show_service
from application.reading.access_log import require_looks_after_it
from application.record.projections import retry_projection
from application.record.verification_report import MEANINGS
from application.sign_offs.refused_attempts import Attempts, ListAttempts, list_attempts
from console.pages import page
from console.sign_ins import Flash
from console.visits import Acts, Looks, Visit

router = APIRouter()
MATTERS: Final = {
    "step_missed": "A step of an escalation was due and not taken",
    "notice_missing": "A notice did not leave",
    "notices_unknown": "An event cannot be read, and so not whether its notices left",
    "message_undelivered": "A message reached nobody",
    "journey_unreadable": "A journey cannot be read",
    "reconciliation_late": "Nobody compared journeys with Temporal lately",
    "reconciliation_found": "Temporal and the record differed",
    "lists_stand_still": "Lists stand still",
    "journey_not_shown": "Lists do not show what happened in a journey",
    "log_cut": "What was recorded last is not there any more",
    "database_large": "The database has become large",
    "schema_differs": "Somebody changed the schema of the record",
}
"""What the watchdog pages, in words."""


@router.get("/ops")
async def show(visit: Looks) -> Response:
    async with visit.context() as context:
        state = await show_service(context)
        may_retry = context.settings.projector_url is not None
    return page(
        visit.request, "operations.html", visit.signed_in, state=state, may_retry=may_retry, matters=MATTERS,
        flaws=MEANINGS,
    )  # fmt: skip


@router.post("/ops/retry")
async def retry(visit: Acts) -> Response:
    journey_id = journey_in(visit.value("journey"))
    async with visit.context() as context:
        await retry_projection(context, journey_id)
    visit.signed_in.notice = Flash("The journey is not stale any more.")
    return RedirectResponse("/ops", 303)


@router.get("/ops/keys")
async def show_keys(visit: Looks) -> Response:
    async with visit.context() as context:
        require_looks_after_it(context)
        listed = await list_keys(context)
    return page(visit.request, "keys.html", visit.signed_in, keys=listed)


@router.get("/ops/attempts")
async def show_attempts(visit: Looks) -> Response:
    async with visit.context() as context:
        found = await list_attempts(context, ListAttempts())
    return attempts_page(visit, found)


def attempts_page(visit: Visit, found: Attempts, *, again: AccessLogEntry | None = None) -> Response:
    """Return the page of refused attempts."""
    return page(visit.request, "attempts.html", visit.signed_in, again=again, found=found)


@router.get("/journey/{journey_id}")
@router.get("/find")
async def find(_: Looks, journey_id: UUID | None = None, journey: str = "") -> Response:
    """Lead from the id that Temporal has to the journey's page: given in a form, or put behind the address."""
    return RedirectResponse(f"/journeys/{journey_id or journey_in(journey)}", 303)


def journey_in(given: str | None) -> UUID:
    """Return the journey that an id means, as the record or Temporal (`journey/…`) has it.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return UUID((given or "").strip().removeprefix("journey/"))
    except ValueError:
        raise InvalidInput(
            "this is no id of a journey", "Ids look like journey/00000000-0000-0000-0000-000000000000"
        ) from None
