"""Messages to people and what became of them, and how patients and staff are reached."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry
from application.context import Context
from application.errors import NOTHING_HAPPENED, InvalidInput, UseCaseError
from application.identity.staff import colleagues
from application.input import forms
from application.messages import contact_points as use
from application.messages.contact_points import NOTHING_CHANGED, Changed, NewPoint, Whose, Wishes
from application.messages.messages import (
    ListMessages,
    Messages,
    claim_message,
    handle_message,
    release_message,
    send_again,
    show_messages,
)
from application.work.claims import IN_CHARGE
from application.work.references import ListedPatient
from console.pages import page
from console.sign_ins import Flash
from console.views.commands import command_id_of
from console.views.operations import journey_in
from console.visits import Acts, Looks, Visit, firsts, references_of
from workflows.journey.vocabulary.actors import Role

router = APIRouter()
LISTED: Final = 200
"""How many messages a page has."""
OF: Final = "of"
"""The hidden control that says whose point is added; of a patient, its journey is in the address."""
PointAction: TypeAlias = Callable[[Context, Whose, Visit], Awaitable[object]]


@router.get("/messages")
async def show(visit: Looks, undelivered: str = "", journey: str = "") -> Response:
    query = ListMessages(
        journey_id=journey_in(journey) if journey else None, undelivered=undelivered == "yes", limit=LISTED
    )
    async with visit.context() as context:
        found = await show_messages(context, query)
        about = [row for row in found.rows if row.journey_id.int]
        known = await references_of(visit.request).of(context, about)
    return messages_page(visit, query, found, known)


def messages_page(
    visit: Visit,
    asked: ListMessages,
    found: Messages,
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of messages. ``known`` are the references of their patients, by journey."""
    return page(
        visit.request, "messages.html", visit.signed_in, again=again, found=found, known=known, asked=asked,
        more=len(found.rows) == LISTED, may_release=visit.signed_in.person.role in IN_CHARGE,
    )  # fmt: skip


@router.post("/messages/claim")
async def claim(visit: Acts) -> Response:
    return await _settled(visit, claim_message, "You said that you will see to it. Until you do, it stays here.")


@router.post("/messages/release")
async def release(visit: Acts) -> Response:
    return await _settled(visit, release_message, "Anybody may see to it now.")


@router.post("/messages/handle")
async def handle(visit: Acts) -> Response:
    return await _settled(visit, handle_message, "The message is handled. It is paged no more.")


@router.post("/messages/send-again")
async def send(visit: Acts) -> Response:
    return await _settled(visit, send_again, "The message is sent again. What becomes of it is seen in a while.")


async def _settled(visit: Visit, settle: Callable[[Context, UUID], Awaitable[object]], said: str) -> Response:
    try:
        notice_id = UUID(visit.value("message") or "")
    except ValueError:
        raise InvalidInput("this is no message", "Go back to the list, and choose one there") from None
    async with visit.context() as context:
        await settle(context, notice_id)
    visit.signed_in.notice = Flash(said)
    return RedirectResponse("/messages?undelivered=yes", 303)


async def _add(context: Context, whose: Whose, visit: Visit) -> Changed:
    given = {name: visit.value(name) or "" for name in NewPoint.model_fields}
    once = command_id_of(visit.value("command_id"))
    return await use.add_point(context, whose, NewPoint.model_validate(given), once)


async def _wish(context: Context, whose: Whose, visit: Visit) -> Changed:
    return await use.set_wishes(context, whose, Wishes(only_alarms=visit.value("only_alarms") == "yes"))


async def _set_code(context: Context, whose: Whose, visit: Visit) -> Changed:
    code = visit.value("code") or ""
    if code != (visit.value("again") or ""):
        raise InvalidInput("these are two different codes", "Have them enter it again", state=NOTHING_CHANGED)
    return await use.set_clinic_code(context, whose, code)


CHANGES: Final[dict[str, tuple[PointAction, str]]] = {
    "add": (_add, "A code is on its way there. The address is used once that code is entered here."),
    "verify": (
        lambda context, whose, visit: use.verify_point(context, whose, *_point_and_code(visit)),
        "The address is used from now on.",
    ),
    "send-code": (
        lambda context, whose, visit: use.send_code(context, whose, visit.value("point") or ""),
        "Another code is on its way there.",
    ),
    "first": (
        lambda context, whose, visit: use.put_first(context, whose, visit.value("point") or ""),
        "It is tried first.",
    ),
    "remove": (
        lambda context, whose, visit: use.remove_point(context, whose, visit.value("point") or ""),
        "It is used no more.",
    ),
    "wish": (_wish, "It is kept. Alarms come all the same."),
    "set-code": (_set_code, "The code counts now. An earlier one does not any more."),
    "send-link": (
        lambda context, whose, _: use.send_link(context, whose),
        "A link is on its way to the addresses that are verified. It works once, within a day. "
        "Should it reach nobody, that is a task under Messages.",
    ),
}
"""What can be done to somebody's contact points, and what is said then."""


def _point_and_code(visit: Visit) -> tuple[str, str]:
    return visit.value("point") or "", visit.value("code") or ""


@router.get("/contact-points")
async def show_of_staff(visit: Looks, person: str = "") -> Response:
    """Show one's own points, or those of one of the staff."""
    return await _opened(visit, _of_staff(visit, person))


@router.post("/contact-points")
async def change_of_staff(visit: Acts, person: str = "") -> Response:
    return await _changed(visit, _of_staff(visit, person))


@router.get("/journeys/{journey_id}/contact-points")
async def show_of_patient(visit: Looks, journey_id: UUID, observer: str = "") -> Response:
    """Show the points of a patient, or of an observer of their journey."""
    return await _opened(visit, _of_journey(journey_id, observer))


@router.post("/journeys/{journey_id}/contact-points")
async def change_of_patient(visit: Acts, journey_id: UUID, observer: str = "") -> Response:
    return await _changed(visit, _of_journey(journey_id, observer))


def _of_staff(visit: Visit, person: str) -> Whose:
    return _whose({"person": person or visit.signed_in.person.id})


def _of_journey(journey_id: UUID, observer: str) -> Whose:
    return _whose({"journey_id": str(journey_id), "observer": observer.strip() or None})


def _whose(given: dict[str, str | None]) -> Whose:
    found: Whose = forms.check(Whose, given, templated=False)
    return found


async def _opened(visit: Visit, whose: Whose) -> Response:
    draft = visit.take_draft() or {}
    if firsts(draft).get(OF) == _name(whose):  # Nobody is given the address of somebody else.
        visit.sent = draft
    return await _shown(visit, whose)


def _name(whose: Whose) -> str:
    return whose.observer or whose.person or ""


async def _changed(visit: Visit, whose: Whose) -> Response:
    change, said = CHANGES.get(visit.value("do") or "", (None, ""))
    if change is None:
        raise InvalidInput("this form is not complete", "Load the page again", state=NOTHING_HAPPENED)
    try:
        async with visit.context() as context:
            await change(context, whose, visit)
    except UseCaseError as error:
        return await _shown(visit, whose, error)
    visit.signed_in.notice = Flash(said)
    query = visit.request.url.query
    return RedirectResponse(f"{visit.request.url.path}{'?' + query if query else ''}", 303)


async def _shown(visit: Visit, whose: Whose, error: UseCaseError | None = None) -> Response:
    async with visit.context() as context:
        kept, observers = await use.show_contact(context, whose)
        chooses = whose.journey_id is None and context.person.role == Role.COORDINATOR
        others = colleagues(context) if chooses and context.settings.register_file is not None else {}
        at = context.now()
    return page(
        visit.request,
        "contact_points.html",
        visit.signed_in,
        whose=whose,
        kept=kept,
        observers=observers,
        no_link=use.why_no_link(kept.contact),
        colleagues=others,
        at=at,
        error=error,
        of=_name(whose),
        command_id=command_id_of(visit.value("command_id")) or uuid4(),
        given=firsts(visit.sent),
    )
