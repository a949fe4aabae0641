"""Protocols: what each asks for, what changed between two versions in words, and approving one."""

from datetime import date
from hashlib import sha256

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from application.errors import NOTHING_WRITTEN, Conflict, InvalidInput, UseCaseError
from application.identity.keyring import verified_register
from application.protocols.approvals import signers
from application.protocols.approve import ToApprove, approve_protocol, read_to_approve
from application.protocols.shown import list_protocols, show_protocol
from console.pages import page
from console.sign_ins import Flash
from console.views.commands import answers_from
from console.visits import Acts, Looks, Visit
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.signed_statement import ProtocolApproval

router = APIRouter()


@router.get("/protocols")
async def show_list(visit: Looks) -> Response:
    async with visit.context() as context:
        found = list_protocols(context)
    return page(visit.request, "protocols.html", visit.signed_in, found=found)


@router.get("/protocols/{name}")
async def show(visit: Looks, name: str, since: str = "") -> Response:
    visit.sent = visit.take_draft() or {}
    return await _shown(visit, name, since)


@router.post("/protocols/{name}")
async def approve(visit: Acts, name: str, since: str = "") -> Response:
    try:
        async with visit.context(answers_from(visit)) as context:
            show_protocol(context, name)  # nothing but a protocol of the list is signed here
            asked = read_to_approve(
                context, name, _day(visit), clinics=visit.sent.get("clinics", ()), anew=visit.value("anew") == "yes"
            )
            if (asked.protocol.digest, _kept(asked)) != (visit.value("digest"), visit.value("kept") or ""):
                raise Conflict(
                    "the protocol or its signatures were changed since this page was shown",
                    "Read what it says now, and sign that",
                    state=NOTHING_WRITTEN,
                )
            if asked.begun is None and not visit.sent.get("clinics"):
                raise InvalidInput(
                    "no clinic was chosen",
                    "Choose for whose patients the protocol is: nothing is chosen for you",
                    state=NOTHING_WRITTEN,
                )
            approval = approve_protocol(context, asked)
    except UseCaseError as error:
        return await _shown(visit, name, since, error)
    visit.signed_in.notice = Flash(_told(approval), (("signed by", signers(approval)),))
    return RedirectResponse(visit.request.url.path, 303)


def _told(approval: ProtocolApproval) -> str:
    if len(approval.approvals) == 2:
        return "Signed. The protocol is approved: journeys may be started on it."
    director = any(signed.signer.role == Role.MEDICAL_DIRECTOR for signed in approval.approvals)
    missing = "another licensed person" if director else "the medical director"
    return f"Signed. One more signature is missing: of {missing}."


def _day(visit: Visit) -> date | None:
    given = visit.value("review_by")
    try:
        return None if given is None else date.fromisoformat(given)
    except ValueError:
        raise InvalidInput("this is no day", "Give the last day as 2027-01-31", state=NOTHING_WRITTEN) from None


def _kept(asked: ToApprove) -> str:
    """Name the signatures that are kept, those that are set aside too; nothing where there are none."""
    return "" if asked.known is None else sha256(asked.known).hexdigest()


async def _shown(visit: Visit, name: str, since: str, error: UseCaseError | None = None) -> Response:
    asked: ToApprove | None = None
    objection: UseCaseError | None = None
    anew = visit.value("anew") == "yes" or visit.request.query_params.get("anew") == "yes"
    async with visit.context() as context:
        found = show_protocol(context, name, since)
        signs = context.person.role in CLINICAL
        if signs:
            try:
                asked = read_to_approve(context, name, None, anew=anew)
            except UseCaseError as problem:
                objection = problem
        clinics = () if asked is None else verified_register(context).clinics
    return page(
        visit.request,
        "protocol.html",
        visit.signed_in,
        found=found,
        code=short_code(found.protocol.digest),
        signs=signs,
        asked=asked,
        kept="" if asked is None else _kept(asked),
        until=None if asked is None else local(asked.until, found.protocol.working_time.zone).date(),
        signed_before=None if asked is None or asked.begun is None else signers(asked.begun),
        clinics=sorted(clinics),
        chosen=visit.sent.get("clinics", () if asked is None else asked.clinics),
        review_by=visit.value("review_by") or "",
        anew=anew,
        objection=objection,
        error=error,
    )
