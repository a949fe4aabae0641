"""A patient's pages: where the journey stands, why it waits, what happened."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record.access_log import AccessLogEntry
from application.input.numbers import WrittenWhole
from application.pathway.command_catalog import KINDS, CommandKind, PreparedForm, forms_for
from application.pathway.show import (
    JourneyAt,
    ShowJourney,
    ShowPatientView,
    ShowTimeline,
    Timeline,
    UnreadEvent,
    show_journey,
    show_patient_page,
    show_timeline,
)
from application.pathway.wording import SENTENCES, UNREADABLE, describe_lacking
from application.sign_offs.decision_history import status_of
from application.words.events import title_of_event
from application.words.quantities import format_time_left
from application.words.terms import terms_of, terms_of_journey
from application.words.titles import TITLES
from console.charts import charts_of
from console.corrections import choices
from console.pages import on_clocks, page
from console.visits import Looks, Visit, sign_ins_of
from workflows.journey.aggregate import Journey
from workflows.journey.always.death.rules import find_standing
from workflows.journey.commands import Amend, DoubtDeath
from workflows.journey.events import Event
from workflows.journey.obligations import most_urgent
from workflows.journey.views.patient_view import PatientSummary
from workflows.journey.views.summary import count_others, describe_consequence, health, name_step
from workflows.journey.vocabulary.actors import Actor, Role

router = APIRouter()
AWAITED = "obligations.updated"
"""What follows from other events: what is awaited since. Left out of the timeline unless it is asked for."""
SOON = timedelta(days=7)
LISTED = 100
"""How many events a page of the timeline has."""


@router.get("/journeys/{journey_id}")
async def show(visit: Looks, journey_id: UUID, at: str = "", corrected: str = "") -> Response:
    """Where a journey stands; ``at`` a version, as it was known then."""
    if visit.signed_in.person.role == Role.PATIENT:
        return await show_to_patient(visit, journey_id)
    if visit.signed_in.person.role == Role.OBSERVER:
        return RedirectResponse(f"/journeys/{journey_id}/room", 303)
    query = ShowJourney(journey_id=journey_id, at=at or None, corrected=corrected == "yes")
    async with visit.context() as context:
        shown = await show_journey(context, query)
    return journey_page(visit, shown, then=query.at)


def journey_page(
    visit: Visit, shown: JourneyAt, *, then: str | None = None, again: AccessLogEntry | None = None
) -> Response:
    """Return the page of a journey. As it was ``then``, or as it is shown ``again``, nothing can be sent from it."""
    journey, at, unproven, informed = shown
    waiting = most_urgent(journey, SENTENCES)
    past = then is not None or again is not None
    return page(
        visit.request,
        "journey.html",
        visit.signed_in,
        again=again,
        journey=journey,
        unproven=unproven,
        informed=informed,
        then=then,
        at=at,
        zone=journey.patient.zone,
        health=health(journey),
        step=name_step(journey),
        waiting=[
            (
                each,
                describe_consequence(each, journey, moment=on_clocks(each.next_step, journey.patient.zone)),
                format_time_left(each.deadline, at),
                () if past else forms_for(each, journey),
                describe_lacking(each, journey),
            )
            for each in waiting
        ],
        near=near([each.deadline for each in waiting], at),
        others=count_others(journey, SENTENCES),
        death=find_standing(journey),
        charts=charts_of(journey),
        terms=terms_of_journey(journey),
        signed=[(each, status_of(journey, each)) for each in reversed(journey.sign_offs)],
        offered={"": []} if past else offered(journey, visit.signed_in.person),
    )


@router.get("/journeys/{journey_id}/timeline")
async def timeline(visit: Looks, journey_id: UUID, before: WrittenWhole | None = None, kind: str = "") -> Response:
    async with visit.context() as context:
        shown = await show_timeline(context, ShowTimeline(journey_id=journey_id))
    return timeline_page(visit, journey_id, shown, before, kind)


def near(deadlines: Sequence[datetime], at: datetime) -> int:
    """Return how many of what is awaited, the most urgent first, are shown at once: three, and all that is overdue or
    due soon. The others are folded."""
    count = max((n for n, deadline in enumerate(deadlines, 1) if deadline <= at + SOON), default=0)
    return max(count, min(3, len(deadlines)))


def timeline_page(
    visit: Visit,
    journey_id: UUID,
    shown: Timeline,
    before: int | None = None,
    kind: str = "",
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of what happened in a journey, before a version and of one kind where they are given."""
    events, zone, late, _, unproven = shown
    kinds, role = sorted({_kind(event) for event in events}, key=title_of_event), visit.signed_in.person.role
    wanted = [
        event
        for event in reversed(events)
        if (before is None or event.version < before) and _is_wanted(_kind(event), kind)
    ]
    return page(
        visit.request,
        "timeline.html",
        visit.signed_in,
        again=again,
        journey_id=journey_id,
        events=wanted[:LISTED],
        earlier=wanted[LISTED - 1].version if len(wanted) > LISTED else None,
        zone=zone,
        terms=terms_of(_read(events), zone),
        late=late,
        unproven=unproven,
        correctable={choice.version for choice in choices(_read(events), zone)} if role in Amend.roles else set(),
        kinds=kinds,
        kind=kind,
        unreadable=UNREADABLE,
    )


def _is_wanted(kind: str, asked_for: str) -> bool:
    return kind == asked_for if asked_for not in ("", "all") else kind != AWAITED or asked_for == "all"


def _read(events: Iterable[Event | UnreadEvent]) -> list[Event]:
    return [event for event in events if isinstance(event, Event)]


def _kind(event: Event | UnreadEvent) -> str:
    return event.kind if isinstance(event, UnreadEvent) else event.body.kind


@router.get("/journeys/{journey_id}/patient-view")
async def show_to_patient(visit: Looks, journey_id: UUID) -> Response:
    async with visit.context() as context:
        found = await show_patient_page(context, ShowPatientView(journey_id=journey_id))
    return patient_page(
        visit, journey_id, found.seen, found.forms, found.questionnaires, reported_dead=found.reported_dead
    )


def patient_page(
    visit: Visit,
    journey_id: UUID,
    seen: PatientSummary,
    forms: Sequence[Sequence[PreparedForm]] = (),
    questionnaires: Mapping[str, PreparedForm] = MappingProxyType({}),
    *,
    reported_dead: bool = False,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return what a patient sees. That they live can be said where they were ``reported_dead``. Shown ``again``,
    nothing can be sent from it."""
    passage = visit.signed_in.passage
    at = sign_ins_of(visit.request).now() if again is None else again.clock
    mine = [
        kind
        for kind in KINDS
        if visit.signed_in.person.role in kind.roles
        and (passage is None or kind.name in passage.kinds)
        and (kind.model is not DoubtDeath or reported_dead)
    ]
    return page(
        visit.request,
        "patient.html",
        visit.signed_in,
        again=again,
        seen=seen,
        near=near([task.due for task in seen.tasks], at),
        forms=[[form for form in each if form[0] in mine] for each in forms] or [[] for _ in seen.tasks],
        questionnaires={name: form for name, form in questionnaires.items() if form[0] in mine},
        journey_id=journey_id,
        offered=_grouped([] if again else mine),
    )


def offered(journey: Journey, person: Actor) -> dict[str, list[CommandKind]]:
    """Return the commands that a person may send to a journey as it stands, by what they are about; first what
    anybody may send at any time."""
    return _grouped(
        [
            kind
            for kind in KINDS
            if person.role in kind.roles
            and journey.stage in kind.model.stages
            and (kind.model is not DoubtDeath or find_standing(journey) is not None)
        ]
    )


def _grouped(kinds: list[CommandKind]) -> dict[str, list[CommandKind]]:
    order = tuple(TITLES)
    safety = [kind for kind in kinds if kind.model.by_anybody]
    safety.sort(key=lambda kind: order.index(kind.name))
    found: dict[str, list[CommandKind]] = {"": safety}
    for kind in kinds:
        if not kind.model.by_anybody:
            found.setdefault(kind.noun, []).append(kind)
    return found
