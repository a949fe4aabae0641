"""A patient's record on one page, to be printed."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from activities.record.access_log import AccessLogEntry
from application.pathway.show import ShowRecord, WholeRecord, show_record
from application.words.lines import name_step_taken
from application.words.terms import terms_of
from application.words.viewer import shown_at
from console.pages import page
from console.visits import Looks, Visit
from workflows.journey.events import Event, ObligationEscalated, ObligationsUpdated, PathwayStarted

router = APIRouter()
LEFT_OUT: Final = ("kind", "protocol", "approval", "signature", "code_key")
"""Fields of events that are not printed: the protocol has a page of its own, a signature is verified, not read, and a
key says nothing to anybody."""


@router.get("/journeys/{journey_id}/print")
async def show(visit: Looks, journey_id: UUID) -> Response:
    async with visit.context() as context:
        seen = await show_record(context, ShowRecord(journey_id=journey_id))
    # Some seconds of thousands of events: nobody else waits for it, least of all with a call for help.
    return await asyncio.to_thread(record_page, visit, seen)


def record_page(visit: Visit, seen: WholeRecord, *, again: AccessLogEntry | None = None) -> Response:
    """Return a record to be printed."""
    zone = seen.journey.patient.zone
    terms = terms_of(seen.events, zone, seen.journey.protocol, with_ids=True)
    facts = [(event, facts_of(event, zone)) for event in seen.events]
    return page(
        visit.request, "record.html", visit.signed_in, again=again, seen=seen, journey=seen.journey, zone=zone,
        facts=facts, terms=terms,
    )  # fmt: skip


def facts_of(event: Event, zone: str) -> Any:
    """Return what an event says, whole, as it is read: what was left empty is not in it, and times are in the patient's
    zone with the viewer's beside them. Codes and ids are as recorded: `Terms` says them."""
    if isinstance(event.body, ObligationsUpdated):
        return None  # What is awaited follows from the facts: a line says it.
    said = _readable({name: value for name, value in event.body.model_dump().items() if name not in LEFT_OUT}, zone)
    if isinstance(event.body, PathwayStarted):
        said = {"protocol": f"{event.body.protocol.id}, version {event.body.protocol.version}", **said}
    if isinstance(event.body, ObligationEscalated):
        said = {name: each for name, each in said.items() if name != "repetition"} | {
            "step": name_step_taken(event.body)
        }
    return said or ""


def _readable(value: Any, zone: str) -> Any:
    match value:
        case Mapping():
            found = {str(name): _readable(each, zone) for name, each in value.items()}
            return {name: each for name, each in found.items() if each not in ("", {}, [])}
        case list() | tuple() | set() | frozenset():
            return [_readable(each, zone) or "no answer" for each in value]
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return shown_at(value, zone)
        case date():
            return value.isoformat()
        case Enum():
            return str(value.value)
    return str(value)
