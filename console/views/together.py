"""What concerns many journeys at once: hold them for one reason, release them one by one, and permissions that end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from markupsafe import Markup

from activities.record.access_log import AccessLogEntry
from application.errors import InvalidInput, UseCaseError
from application.identity.names import names_in_register
from application.identity.staff import colleagues
from application.input import forms
from application.pathway.commands import CALL
from application.protocols.shown import list_protocols
from application.reading.access_log import require_staff
from application.work.caseload import CasePage
from application.work.hold_together import (
    DIGEST,
    FindConcerned,
    HeldTogether,
    PreparedReleases,
    PrepareReleases,
    WhatToHold,
    find_concerned,
    hold_together,
    prepare_releases,
)
from application.work.permissions import WARNED_BEFORE, ListPermissions, list_permissions, stops
from application.work.references import ListedPatient
from console.holdings import Holding, Holdings
from console.pages import PAGES, page
from console.views.commands import command_id, command_id_of, with_id
from console.visits import Acts, Looks, Visit, context_of_nobody, references_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import canonical

router = APIRouter()
BECAME: Final = {
    "would_hold": "would be held",
    "held": "held",
    "already": "held before",
    "closed": "has ended: nothing is left to hold. Reach the patient if doses may be at home",
    "accepted": f"accepted, not yet recorded. {CALL}",
    "failed": "not held",
}
"""What became of a journey, in words."""
MARK: Final = Markup("\x1e")
"""Where a page goes on once more is known. No text that is shown has this character."""


@router.get("/work/hold")
async def show_form(visit: Looks, once: str = "") -> Response:
    form = command_id_of(once)
    if form is None:
        return with_id(visit)
    visit.sent = visit.take_draft() or {}
    return await _shown(visit, form)


@router.post("/work/hold")
async def hold(visit: Acts) -> Response:
    """Hold what is concerned, or say what would happen. The same may be sent again from its form at any time: it is
    held once."""
    dry_run = visit.value("try") is not None
    form = command_id(visit)
    try:
        reason = forms.check(WhatToHold, {"reason": visit.value("reason") or ""}, templated=False).reason
        given = {name: visit.value(name) for name in ("protocol", "code", "lot", "clinician")}
        meant = {name: value for name, value in given.items() if value is not None}
        if len(meant) != 1:
            raise InvalidInput("which journeys are meant is not said", "Say one: a protocol, a lot or a clinician")
        code = meant.get("code", "").lower().replace("-", "")
        if "code" in meant and not DIGEST.fullmatch(code):
            raise InvalidInput("this is no short code of a text", "Copy it whole: five groups of four, as signed")
        request = _request(form, meant, reason)
        asked = {"protocol": code} if "code" in meant else meant
        more = {"clinic": visit.value("clinic"), "request": None if dry_run else str(request)}
        query = forms.check(FindConcerned, {**asked, **more}, templated=False)
        async with visit.context() as context:
            cases = (await find_concerned(context, query)).answer.rows
            trying = hold_together(context, query, cases if dry_run else (), reason, request, dry_run=True)
            found = [each async for each in trying]
            known = await references_of(visit.request).of(context, cases)
    except UseCaseError as error:
        return await _shown(visit, form, error=error)
    if dry_run or not cases:
        return await _shown(visit, form, found, of=len(cases), known=known)

    async def hold_all(holding: Holding) -> None:
        async with visit.context() as context:
            async for each in hold_together(context, query, cases, reason, request, dry_run=False):
                holding.add(each)

    again = {"form": str(form), "reason": reason, **meant}
    if (clinic := visit.value("clinic")) is not None:
        again["clinic"] = clinic
    holding = Holding(visit.signed_in.person.id, (case.journey_id for case in cases), again, known)
    holdings_of(visit).begin(request, holding, hold_all)
    return RedirectResponse(f"/work/hold/{request}", 303)


@router.get("/work/hold/{together}")
async def show_progress(visit: Looks, together: UUID) -> Response:
    """Show what becomes of each journey, as soon as it is known. Where this is not known here any more, what was held
    is among the releases."""
    async with visit.context() as context:
        require_staff(context, "to hold several journeys at once")
    holding = holdings_of(visit).find(together, visit.signed_in.person.id)
    if holding is None:
        return RedirectResponse(f"/work/releases/{together}", 303)
    whole = page(visit.request, "holding.html", visit.signed_in, holding=holding, mark=MARK)
    return StreamingResponse(_as_it_goes(visit, whole, holding, together), media_type="text/html")


async def _as_it_goes(visit: Visit, whole: Response, holding: Holding, together: UUID) -> AsyncIterator[str]:
    begin, between, end = bytes(whole.body).decode().split(MARK)
    called = names_in_register(context_of_nobody(visit.request))
    parts: Any = PAGES.get_template("holding_parts.html").module
    yield begin
    async for each in holding.results():
        yield parts.row(each, BECAME, holding.known, called)
    yield between
    form = UUID(holding.given["form"])
    yield parts.outcome(holding, together, form, visit.signed_in.form_token)
    yield end


def holdings_of(visit: Visit) -> Holdings:
    """Return what is being held by this server."""
    found: Holdings = visit.request.app.state.holdings
    return found


def _request(form: UUID, meant: Mapping[str, str], reason: str) -> UUID:
    """Return the request of what a form says. What is held for another reason is held once more: a release for the
    first one does not let it go on."""
    return uuid5(form, canonical([reason, meant]).decode())


async def _shown(
    visit: Visit,
    form: UUID,
    found: Sequence[HeldTogether] = (),
    *,
    error: UseCaseError | None = None,
    of: int | None = None,
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
) -> Response:
    async with visit.context() as context:
        require_staff(context, "to hold several journeys at once")
        listed = [each.protocol for each in list_protocols(context) if each.protocol is not None]
        registered = context.settings.register_file is not None
        clinicians = colleagues(context, Role.CLINICIAN) if registered else {}
    return page(
        visit.request,
        "hold_many.html",
        visit.signed_in,
        form=form,
        protocols={each.digest: f"{each.title}, version {each.version}, as it is now" for each in listed},
        clinicians=clinicians,
        given={name: visit.value(name) or "" for name in ("reason", "protocol", "code", "lot", "clinician", "clinic")},
        found=found,
        of=of,
        became=BECAME,
        known=known,
        error=error,
    )


@router.get("/work/releases/{together}")
async def show_releases(visit: Looks, together: UUID) -> Response:
    async with visit.context() as context:
        found = await prepare_releases(context, PrepareReleases(request=together))
    return releases_page(visit, found)


def releases_page(visit: Visit, found: PreparedReleases, *, again: AccessLogEntry | None = None) -> Response:
    """Return the page of the releases of what was held together."""
    return page(
        visit.request,
        "releases.html",
        visit.signed_in,
        again=again,
        prepared=found.releases,
        not_readable=found.not_readable,
    )


@router.get("/work/permissions")
async def show_permissions(visit: Looks, after: str = "") -> Response:
    async with visit.context() as context:
        require_staff(context, "which permissions end")
        found = await list_permissions(context, ListPermissions(after=after or None))
        known = await references_of(visit.request).of(context, found.answer.rows)
    return permissions_page(visit, found, known)


def permissions_page(
    visit: Visit,
    found: CasePage,
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of permissions that end. ``known`` are the references of its patients, by journey."""
    return page(
        visit.request,
        "permissions.html",
        visit.signed_in,
        again=again,
        found=found,
        known=known,
        stopped=stops(found, WARNED_BEFORE[0]),
        within=WARNED_BEFORE[0],
    )
