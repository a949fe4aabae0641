"""Looking at a journey from outside its clinic in an emergency, and who looked at a journey."""

import json
from typing import Final
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry, Purpose
from application.access.break_glass import BREAK, break_glass, must_break
from application.access.looks import ListLooks, LookPage, show_looks
from application.access.show_again import can_be_shown
from application.errors import Conflict, InvalidInput, UseCaseError
from application.input import forms
from application.reading.access_log import ActOn, LookAfter
from application.sign_offs.requests import ListRequests
from application.words.titles import title_of_command
from application.words.viewer import spell
from application.work.caseload import ListJourneys
from console.pages import page
from console.sign_ins import Flash
from console.views.commands import command_id, command_id_of, with_id
from console.visits import Acts, Looks, Visit
from workflows.journey.commands import BreakGlass

router = APIRouter()
LISTED: Final = 200
"""How many looks a page has."""
SEEN: Final = {
    "pathway show": "the patient's page",
    "pathway timeline": "everything that happened",
    "pathway print": "the whole record",
    "pathway why": "why it waits",
    "pathway patient-view": "what the patient sees",
    "pathway explain": "how one event came about",
    "pathway diff": "what changed between two moments",
    "pathway list": "the list of patients",
    "patient show": "the patient",
    "session show": "the session room",
    "signoff list": "what waits for a signature",
    "signoff queue": "the list of what waits for a signature",
    "signoff show": "the evidence of a decision",
    "signoff attempts": "refused attempts",
    "work list": "the worklist",
    "work hold": "a list of patients to be held",
    "work releases": "a list of holds to be released",
    "work permissions": "permissions to prescribe",
    "work stats": "how long work took",
    "message list": "messages",
    "access list": "who looked",
    "access break-glass": "emergency access",
    "temporal decode": "what lies in Temporal",
    "access show": "an earlier look, shown again",
    "record export": "the whole record, as a file",
    "work claim": "a task that they took on",
    "work release": "a task that they gave back",
    "contact-point show": "how somebody is reached",
    "contact-point add": "a way to be reached that they added",
    "contact-point send-code": "a way to be reached, to send a code there",
    "contact-point verify": "a way to be reached, to enter its code",
    "contact-point remove": "a way to be reached that they removed",
    "contact-point first": "a way to be reached that they put first",
    "contact-point wish": "which messages somebody wants",
    "contact-point send-link": "how somebody is reached, to send a link there",
    "contact-point set-code": "the code agreed on at the clinic, to set it",
    "record verify": "whether the record is as it was recorded",
    "record models": "how far lists are, and what is stale in them",
    "record retry": "a journey that is stale in lists, to apply it anew",
    "record reconcile": "whether Temporal runs what is recorded",
    "record recover": "what Temporal has and the record lacks",
    "the service": "how the service stands",
}
"""What somebody looked at, in words, by the name of the use case or of what they did that is no command."""

PURPOSES: Final = {
    Purpose.TREATMENT: "treatment",
    Purpose.CARE_MANAGEMENT: "care management",
    Purpose.OPERATIONS: "health-care operations",
    Purpose.SYSTEM_ADMINISTRATION: "running the service",
    Purpose.PATIENT_SAFETY: "patient safety",
    Purpose.PATIENT_REQUEST: "the patient's own request",
    Purpose.LEGAL: "legal matters",
    Purpose.BREAK_THE_GLASS: "an emergency, from outside",
}
"""What somebody looked for, in words."""


@router.get("/journeys/{journey_id}/break-glass")
async def show_form(visit: Looks, journey_id: UUID, once: str = "") -> Response:
    command = command_id_of(once)
    if command is None:
        return with_id(visit)
    visit.sent = visit.take_draft() or {}
    return await _form(visit, journey_id, command)


@router.post("/journeys/{journey_id}/break-glass")
async def open_in_emergency(visit: Acts, journey_id: UUID) -> Response:
    once = command_id(visit)
    try:
        if visit.value("understood") != "yes":
            raise InvalidInput("it is not said that you know what this brings about", "Read it, and say so below")
        content = {"reason": visit.value("reason") or ""}
        body: BreakGlass = forms.check(BreakGlass, content, {"kind": BREAK.name}, templated=False)
        async with visit.context() as context:
            broken = await break_glass(context, journey_id, body, once)
    except Conflict as error:
        return await _form(visit, journey_id, uuid4(), error)  # sent once more, it is another time
    except UseCaseError as error:
        return await _form(visit, journey_id, once, error)
    told = [("you may look until", spell(broken.until))]
    if broken.untold is None:
        told.append(("review", "whoever the protocol names as reviewer is told now, and says whether it was justified"))
    else:
        told.append(("review", f"nobody is asked to review it yet ({broken.untold.reason}); ops see to it"))
    visit.signed_in.notice = Flash("You may look at this journey. What you look at is kept, each time.", tuple(told))
    return RedirectResponse(f"/journeys/{journey_id}", 303)


async def _form(visit: Visit, journey_id: UUID, once: UUID, error: UseCaseError | None = None) -> Response:
    async with visit.context() as context:
        outside = await must_break(context, journey_id)
    return page(
        visit.request,
        "break_glass.html",
        visit.signed_in,
        journey_id=journey_id,
        outside=outside,
        command_id=once,
        reason=visit.value("reason") or "",
        error=error,
    )


@router.get("/journeys/{journey_id}/looks")
async def show(visit: Looks, journey_id: UUID, before: UUID | None = None) -> Response:
    async with visit.context() as context:
        query = ListLooks(journey_id=journey_id, before=before, limit=LISTED)
        found = await show_looks(context, query, journey_id)
    return looks_page(visit, found)


def looks_page(visit: Visit, found: LookPage, *, again: AccessLogEntry | None = None) -> Response:
    """Return the page of who looked at a journey."""
    return page(
        visit.request,
        "looks.html",
        visit.signed_in,
        again=again,
        found=found,
        journey_id=found.journey.id,
        seen=seen,
        shows_again=shows_again,
        purposes=PURPOSES,
    )


def seen(look: AccessLogEntry) -> str:
    """Say in words what somebody looked at."""
    name, *rest = look.command
    if name in (ActOn.name, LookAfter.name) and rest:
        name = " ".join(str(json.loads(rest[0]).get("action", "")).split(" ")[:2])
    return SEEN.get(name) or title_of_command(name.replace(" ", "."))


def shows_again(look: AccessLogEntry) -> bool:
    """Whether a page shows a look again. Some lists are of the terminal alone: what waits in one journey, how journeys
    stood earlier, and what one person looked at."""
    if not can_be_shown(look):
        return False
    name, kept = look.command
    match name:
        case ListRequests.name:
            return False
        case ListJourneys.name:
            return ListJourneys.model_validate_json(kept).at is None
        case ListLooks.name:
            return ListLooks.model_validate_json(kept).journey_id is not None
    return True
