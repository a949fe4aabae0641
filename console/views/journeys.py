"""A patient's pages: where the journey stands, why it waits, what happened."""

from collections.abc import Iterable
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from application.command_catalog import KINDS, CommandKind, forms_for
from application.pathway.show import (
    ShowJourney,
    ShowPatientView,
    ShowTimeline,
    UnreadEvent,
    show_journey,
    show_patient_page,
    show_timeline,
)
from application.sign_offs.decision_history import status_of
from application.wording import SENTENCES, UNREADABLE, lacks, until
from console.charts import charts_of
from console.corrections import choices
from console.pages import page
from console.titles import TITLES
from console.visits import Looks
from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Amend
from workflows.journey.events import Event
from workflows.journey.obligations import most_urgent
from workflows.journey.summary import count_others, health, step_shown, why

router = APIRouter()
LISTED = 200
"""How many events a page of the timeline has."""


@router.get("/journeys/{journey_id}")
async def show(visit: Looks, journey_id: UUID) -> Response:
    if visit.signed_in.person.role == Role.PATIENT:
        return await show_to_patient(visit, journey_id)
    if visit.signed_in.person.role == Role.OBSERVER:
        return RedirectResponse(f"/journeys/{journey_id}/room", 303)
    async with visit.context() as context:
        journey, at = await show_journey(context, ShowJourney(journey_id=journey_id))
    waiting = most_urgent(journey, SENTENCES)
    return page(
        visit.request,
        "journey.html",
        visit.signed_in,
        journey=journey,
        at=at,
        zone=journey.patient.zone,
        health=health(journey),
        step=step_shown(journey),
        waiting=[
            (each, why(each, journey), until(each, at), forms_for(each, journey), lacks(each, journey))
            for each in waiting
        ],
        others=count_others(journey, SENTENCES),
        charts=charts_of(journey),
        signed=[(each, status_of(journey, each)) for each in reversed(journey.sign_offs)],
        offered=offered(journey, visit.signed_in.person),
    )


@router.get("/journeys/{journey_id}/timeline")
async def timeline(visit: Looks, journey_id: UUID, before: int | None = None, kind: str = "") -> Response:
    async with visit.context() as context:
        events, zone, late, _ = await show_timeline(context, ShowTimeline(journey_id=journey_id))
    kinds, role = sorted({_kind(event) for event in events}), visit.signed_in.person.role
    wanted = [
        event
        for event in reversed(events)
        if (before is None or event.version < before) and (not kind or _kind(event) == kind)
    ]
    return page(
        visit.request,
        "timeline.html",
        visit.signed_in,
        journey_id=journey_id,
        events=wanted[:LISTED],
        earlier=wanted[LISTED - 1].version if len(wanted) > LISTED else None,
        zone=zone,
        late=late,
        correctable={choice.version for choice in choices(_read(events), zone)} if role in Amend.roles else set(),
        kinds=kinds,
        kind=kind,
        unreadable=UNREADABLE,
    )


def _read(events: Iterable[Event | UnreadEvent]) -> list[Event]:
    return [event for event in events if isinstance(event, Event)]


def _kind(event: Event | UnreadEvent) -> str:
    return event.kind if isinstance(event, UnreadEvent) else event.body.kind


@router.get("/journeys/{journey_id}/patient-view")
async def show_to_patient(visit: Looks, journey_id: UUID) -> Response:
    async with visit.context() as context:
        seen, forms, questionnaires = await show_patient_page(context, ShowPatientView(journey_id=journey_id))
    passage = visit.signed_in.passage
    mine = [
        kind
        for kind in KINDS
        if visit.signed_in.person.role in kind.roles and (passage is None or kind.name in passage.kinds)
    ]
    return page(
        visit.request,
        "patient.html",
        visit.signed_in,
        seen=seen,
        forms=[[form for form in each if form[0] in mine] for each in forms],
        questionnaires=[form for form in questionnaires if form[0] in mine],
        journey_id=journey_id,
        offered=_grouped(mine),
    )


def offered(journey: Journey, person: Actor) -> dict[str, list[CommandKind]]:
    """Return the commands that a person may send to a journey as it stands, by what they are about; first what
    anybody may send at any time."""
    return _grouped([kind for kind in KINDS if person.role in kind.roles and journey.stage in kind.model.stages])


def _grouped(kinds: list[CommandKind]) -> dict[str, list[CommandKind]]:
    order = tuple(TITLES)
    safety = [kind for kind in kinds if kind.model.by_anybody]
    safety.sort(key=lambda kind: order.index(kind.name))
    found: dict[str, list[CommandKind]] = {"": safety}
    for kind in kinds:
        if not kind.model.by_anybody:
            found.setdefault(kind.noun, []).append(kind)
    return found
