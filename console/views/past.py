"""What was: how an event came about, what changed between two moments, and an earlier look, shown again."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from activities.record.access_log import AccessLogEntry
from application.access.looks import ListLooks
from application.access.show_again import show_again
from application.errors import InvalidInput, NotFound, UseCaseError
from application.input.numbers import WrittenWhole, number_in
from application.input.wall_clock import NoOneHour, read_moment
from application.messages.messages import ListMessages, Messages
from application.pathway.patient import PatientSeen, ShowPatient, show_patient_of
from application.pathway.session_room import Room, ShowSession
from application.pathway.show import (
    Compared,
    CompareMoments,
    Explained,
    ExplainEvent,
    ShowJourney,
    ShowPatientView,
    ShowReasons,
    ShowRecord,
    ShowTimeline,
    compare_moments,
    explain_event,
)
from application.reading.access_log import ActOn, require_staff
from application.sign_offs.queue import ListQueue
from application.sign_offs.refused_attempts import ListAttempts
from application.sign_offs.requests import ShowRequest
from application.words.terms import NO_TERMS, terms_of_journey
from application.words.viewer import viewers_zone
from application.work.caseload import ListJourneys
from application.work.hold_together import FindConcerned, PrepareReleases
from application.work.permissions import ListPermissions
from application.work.worklist import ListWork
from console.pages import page
from console.views.access import looks_page, shows_again
from console.views.journeys import journey_page, patient_page, timeline_page
from console.views.messages import messages_page
from console.views.operations import attempts_page
from console.views.record import record_page
from console.views.room import room_page
from console.views.sign_offs import queue_page, sign_off_page
from console.views.together import permissions_page, releases_page
from console.views.work import caseload_page, work_page
from console.visits import Looks, Visit
from workflows.journey.vocabulary.actors import Role

router = APIRouter()
Render: TypeAlias = Callable[[Visit, AccessLogEntry, Any], Response]


@router.get("/journeys/{journey_id}/events/{version}")
async def explain(visit: Looks, journey_id: UUID, version: WrittenWhole) -> Response:
    async with visit.context() as context:
        found = await explain_event(context, ExplainEvent(journey_id=journey_id, version=version))
    return explained_page(visit, found)


def explained_page(visit: Visit, found: Explained, *, again: AccessLogEntry | None = None) -> Response:
    """Return the page of how an event came about."""
    return page(visit.request, "explained.html", visit.signed_in, again=again, found=found)


@router.get("/journeys/{journey_id}/changes")
async def compare(visit: Looks, journey_id: UUID, earlier: str = "1", later: str = "") -> Response:
    given = {"earlier": earlier.strip(), "later": later.strip()}
    try:
        query = CompareMoments(
            journey_id=journey_id, earlier=_moment(given["earlier"]), later=_moment(given["later"]) or None
        )
        async with visit.context() as context:
            found = await compare_moments(context, query)
    except InvalidInput as error:
        return changes_page(visit, journey_id, None, given, error)
    return changes_page(visit, journey_id, found, given)


def _moment(given: str) -> str:
    """Return a moment as use cases take it: a time without an offset is on the clock of who looks.

    Raises:
        InvalidInput: this clock showed it never or twice.
    """
    if number_in(given) is not None:
        return given  # a version
    try:
        return read_moment(given, viewers_zone()).isoformat()
    except NoOneHour as problem:
        raise InvalidInput(f"one of these times {problem}", "Write a version, or another time") from None
    except (ValueError, OverflowError):
        return given  # nothing that the use case takes


def changes_page(
    visit: Visit,
    journey_id: UUID,
    found: Compared | None,
    given: Mapping[str, str],
    error: UseCaseError | None = None,
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return the page of what changed between two moments, or the form that asks for them."""
    zone = None if found is None else found.after.patient.zone
    terms = NO_TERMS if found is None else terms_of_journey(found.after)._replace(with_ids=False)
    return page(
        visit.request, "changes.html", visit.signed_in, error=error, again=again, journey_id=journey_id, found=found,
        given=given, zone=zone, terms=terms,
    )  # fmt: skip


@router.get("/journeys/{journey_id}/patient")
async def show_patient(visit: Looks, journey_id: UUID) -> Response:
    async with visit.context() as context:
        seen = await show_patient_of(context, journey_id)
    return known_page(visit, seen)


def known_page(visit: Visit, seen: PatientSeen, *, again: AccessLogEntry | None = None) -> Response:
    """Return the page of what is known of a patient across their journeys."""
    return page(
        visit.request, "person_known.html", visit.signed_in, again=again, seen=seen, doses=seen.doses, risks=seen.risks
    )


def _changes_again(visit: Visit, again: AccessLogEntry, found: Compared) -> Response:
    given = {"earlier": str(found.before.version), "later": str(found.after.version)}
    return changes_page(visit, found.after.id, found, given, again=again)


def _room_again(visit: Visit, again: AccessLogEntry, room: Room) -> Response:
    whole = again.reader_role != Role.OBSERVER
    return room_page(visit, room._replace(whole=whole, obstacles=room.obstacles if whole else ()), again=again)


def _messages_again(visit: Visit, again: AccessLogEntry, found: Messages) -> Response:
    return messages_page(visit, ListMessages.model_validate_json(again.command[1]), found, again=again)


AGAIN: Final[Mapping[str, Render]] = {
    ShowJourney.name: lambda visit, again, shown: journey_page(visit, shown, again=again),
    ShowReasons.name: lambda visit, again, shown: journey_page(visit, shown, again=again),
    ShowTimeline.name: lambda visit, again, shown: timeline_page(visit, again.journeys[0], shown, again=again),
    ShowRecord.name: lambda visit, again, shown: record_page(visit, shown, again=again),
    ShowPatientView.name: lambda visit, again, seen: patient_page(visit, again.journeys[0], seen, again=again),
    ExplainEvent.name: lambda visit, again, found: explained_page(visit, found, again=again),
    CompareMoments.name: _changes_again,
    ShowPatient.name: lambda visit, again, seen: known_page(visit, seen, again=again),
    ShowRequest.name: lambda visit, again, shown: sign_off_page(visit, shown, again.entry_id, again=again),
    ListAttempts.name: lambda visit, again, found: attempts_page(visit, found, again=again),
    ListJourneys.name: lambda visit, again, found: caseload_page(visit, found, again=again),
    FindConcerned.name: lambda visit, again, found: caseload_page(visit, found, again=again),
    ListPermissions.name: lambda visit, again, found: permissions_page(visit, found, again=again),
    PrepareReleases.name: lambda visit, again, found: releases_page(visit, found, again=again),
    ListWork.name: lambda visit, again, found: work_page(visit, found, (), again=again),
    ListQueue.name: lambda visit, again, found: queue_page(visit, found, mine=False, again=again),
    ShowSession.name: _room_again,
    ListMessages.name: _messages_again,
    ListLooks.name: lambda visit, again, found: looks_page(visit, found, again=again),
    ActOn.name: lambda visit, again, shown: journey_page(visit, shown, again=again),
}
"""The page that shows again what a use case showed."""


@router.get("/looks/{entry_id}")
async def look_again(visit: Looks, entry_id: UUID) -> Response:
    """Show what somebody saw at an earlier look, as of then. It is a look, too."""
    async with visit.context() as context:
        require_staff(context, "what somebody saw")
        past = await show_again(context, entry_id)
    if not shows_again(past.entry):
        raise NotFound("no page of the console shows this look again", "`access show` at a terminal does")
    # As in `record.show`: some of these pages take seconds.
    return await asyncio.to_thread(AGAIN[past.entry.command[0]], visit, past.entry, past.answer)
