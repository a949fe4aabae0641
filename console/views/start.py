"""Start a patient's journey from a referral."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from application import input as forms
from application.errors import Unavailable, UseCaseError
from application.pathway.start import Referral, Started, Starter
from console.forms import fields_of, read_back
from console.pages import page, status_of
from console.sign_ins import Notice
from console.visits import Acts, Looks, Visit
from workflows.journey.refusals import Refusal

router = APIRouter()
FIELDS = tuple(field for field in fields_of(Referral) if field.name != "request_id")


@router.get("/start")
async def show_form(visit: Looks) -> Response:
    visit.sent = visit.take_draft() or {}
    return _shown(visit)


@router.post("/start")
async def start(visit: Acts) -> Response:
    try:
        # Only dates are asked for, and they have no zone.
        referral = forms.check(Referral, read_back(FIELDS, visit.sent, "UTC"), templated=False)
        async with visit.context() as context:
            starter = Starter(context, None)
            command = await starter.command(referral)
            if visit.value("try") is not None:
                tried = await starter.try_out(referral, command)
                return _shown(visit, tried=tried)
            started = await starter.start(referral, command)
    except UseCaseError as error:
        return _shown(visit, error)
    if started.outcome == "accepted":
        return _shown(visit, Unavailable("accepted, not yet recorded", "Send it again: nothing is started twice"))
    said = "The journey is started." if started.outcome == "started" else "This referral was sent before."
    visit.signed_in.notice = Notice(said)
    return RedirectResponse(f"/journeys/{started.journey_id}", 303)


def _shown(
    visit: Visit, error: UseCaseError | None = None, tried: tuple[object, ...] | Started | Refusal | None = None
) -> Response:
    return page(
        visit.request,
        "start.html",
        visit.signed_in,
        200 if error is None else status_of(error)[0],
        fields=FIELDS,
        values=visit.sent,
        error=error,
        heading="" if error is None else status_of(error)[1],
        refusal=tried if isinstance(tried, Refusal) else None,
        events=len(tried) if isinstance(tried, tuple) else None,
        before=tried if isinstance(tried, Started) else None,
    )
