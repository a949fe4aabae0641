"""The session room: one page for whoever is in a session, on a phone, and a sheet to print before one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry
from application.identity.staff import Colleague, staff_of
from application.input.numbers import WrittenWhole
from application.input.wall_clock import write_wall_clock
from application.pathway.command_catalog import CommandKind, names_asked_for
from application.pathway.session_room import Room, ShowSession, recorded_since, show_session
from console.forms import OBSERVED, Field, fields_of, in_words
from console.known_names import offer
from console.names import FormContext
from console.pages import news, page
from console.views.commands import BY_NAME, those_asked_of, words_of
from console.visits import Looks, Visit
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import zone_info
from workflows.journey.vocabulary.severity import Severity

router = APIRouter()
CHECK, RELEASE, DOSE, OBSERVE, MISS, END = (
    BY_NAME[f"session.{verb}"] for verb in ("check", "release", "dose", "observe", "miss-observation", "end")
)
HELP = BY_NAME["support.request"]
FORMS: dict[str, CommandKind] = {
    "to check": CHECK,
    "checked": RELEASE,
    "released": DOSE,
    "stopped": DOSE,
    "not proven": DOSE,
    "running": OBSERVE,
}
"""What is done next in a session, by how far it has come."""


FOLDED = (OBSERVED,)
"""What is asked at some moments only, and folded up at the others."""
TITLES = {
    CHECK.verb: "Send the checklist",
    RELEASE.verb: "Release the dose",
    DOSE.verb: "Record the dose",
    OBSERVE.verb: "Send the observation",
}
NEWER = "Something was recorded since."
WAITS = {
    "not planned": "No session is planned.",
    "to check": "The checklist comes next.",
    "checked": "The release comes next.",
    "ended": "The session is over.",
}
"""What is said to those who do not do what is next."""


@router.get("/journeys/{journey_id}/room")
async def show(visit: Looks, journey_id: UUID, session: WrittenWhole | None = None) -> Response:
    if visit.signed_in.person.role == Role.PATIENT:
        return RedirectResponse(f"/journeys/{journey_id}", 303)
    query = ShowSession(journey_id=journey_id, session=session)
    if visit.by_script:
        async with visit.context() as context:
            since = await recorded_since(context, query, visit.seen)
        # The room stands open, though they looked at something else since, in another tab.
        visit.signed_in.in_session |= since.run_by_them
        return news(visit, NEWER if since.newer else "")
    async with visit.context() as context:
        room = await show_session(context, query)
        kind = FORMS.get(room.moment)
        mine = kind is not None and visit.signed_in.person.role in kind.roles
        staff = staff_of(context, room.journey.clinic) if mine and kind is CHECK else None
    visit.signed_in.in_session = room.is_run_by(visit.signed_in.person.id)
    return room_page(visit, room, kind if mine else None, staff)


def room_page(
    visit: Visit,
    room: Room,
    kind: CommandKind | None = None,
    staff: Sequence[Colleague] | None = None,
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of a session, with the form of what they do next. Shown ``again``, nothing is done from it."""
    words = words_of(visit, Instrument.CADSS_6, room.journey)
    fields = in_words(_fields(kind, room, staff), words, OBSERVED) if kind is not None else ()
    fields = those_asked_of(visit.signed_in.person.role, fields)
    return page(
        visit.request,
        "room.html",
        visit.signed_in,
        again=again,
        room=room,
        kind=kind,
        fields=[field for field in fields if field.group not in FOLDED],
        more=[field for field in fields if field.group in FOLDED],
        words=words,
        values={} if kind is None else values_known(kind, room),
        kinds={"check": CHECK, "miss": MISS, "end": END},
        help=HELP,
        titles=TITLES,
        waits=WAITS,
        may={
            name: again is None and visit.signed_in.person.role in BY_NAME[f"session.{name}"].roles
            for name in ("check", "end")
        },
        route=room.journey.protocol.contact_routes[Severity.EMERGENCY],
        command_ids=(uuid4(), uuid4()),
    )


@router.get("/journeys/{journey_id}/room/sheet")
async def show_sheet(visit: Looks, journey_id: UUID, session: WrittenWhole | None = None) -> Response:
    async with visit.context() as context:
        room = await show_session(context, ShowSession(journey_id=journey_id, session=session))
    return page(visit.request, "room_sheet.html", visit.signed_in, room=room, routes=room.journey.protocol.routes)


def _fields(kind: CommandKind, room: Room, staff: Sequence[Colleague] | None) -> tuple[Field, ...]:
    """Return what is asked in the room. The session is known, and so is when vital signs of a minute were measured."""
    known = ("session", "vitals/measured_at") if kind is OBSERVE else ("session",)
    fields = fields_of(kind.model, names_asked_for(kind, room.journey))
    offered = offer(fields, kind.model, FormContext(room.journey, staff=staff, whole=room.whole))
    return tuple(field for field in offered if field.name not in known)


def values_known(kind: CommandKind, room: Room) -> dict[str, list[Any]]:
    """Return what a form of the room begins with. What is to be said by somebody is left empty."""
    journey = room.journey
    now = write_wall_clock(room.at, zone_info(journey.patient.zone))
    known: dict[str, object] = {"session": room.number}
    if kind is CHECK:
        known |= {"vitals/measured_at": now}
    if kind is DOSE:
        known |= {"taken_at": now, "route": "" if journey.plan is None else journey.plan.route}
    if kind is OBSERVE:
        known |= {"minute": room.minute}
    return {name: [str(value)] for name, value in known.items()}
