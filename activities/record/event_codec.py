"""Turns events of a journey into rows of the record, and back."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from activities.record.errors import UnreadableEvent
from activities.record.store import Record
from activities.record.stored import NewEvent, StoredEvent
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.events import AnyEventBody, Event
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, canonical
from workflows.journey.vocabulary.calendars import Instant, Zone
from workflows.journey.vocabulary.proof import WITHOUT_KEY, Proof

ENVELOPED = ("body", "illustrative", "command_digest", "proof", "sent_at")
"""The fields of an event that go into its payload. Every other field has a column."""


def to_new(event: Event, decision: str | None = None) -> NewEvent:
    """Return the row of an event, its payload in canonical JSON: the same event always gives the same bytes.

    ``decision`` is the digest of its command as it is kept (`command_codec`), so that the chains cover that too.
    """
    payload = event.model_dump(mode="json", include=dict.fromkeys(ENVELOPED, True))
    for absent in [name for name in ("proof", "sent_at") if payload[name] is None]:
        del payload[absent]
    if decision is not None:
        payload["decision"] = decision
    # Their id is the patient's reference, or says who is near them: it is encrypted, and their role stands for it.
    private = event.actor_role in WITHOUT_KEY
    if private:
        payload["actor"] = event.actor_id
    return NewEvent(
        event_id=event.event_id,
        event_type=event.body.kind,
        schema_version=event.body.schema_version,
        occurred_at=event.at,
        actor_id=event.actor_role.value if private else event.actor_id,
        actor_role=event.actor_role.value,
        command_id=event.command_id,
        causation_id=event.causation_id,
        payload=canonical(payload),
    )


class _Enveloped(ImmutableModel):
    """What stands in a payload: read in one pass over its bytes, which takes a quarter of what a dictionary does."""

    body: AnyEventBody
    illustrative: bool
    command_digest: str
    proof: Proof | None = None
    sent_at: Instant | None = None
    actor: str | None = None


def from_stored(stored: StoredEvent) -> Event:
    """Return the event of a row. Opening events that pin the same protocol share one instance of it.

    Raises:
        UnreadableEvent: the row is no event that this build can read.
    """
    try:
        return _read(stored)
    except Exception:  # a row that only a superuser can have written can be wrong in any way
        raise UnreadableEvent(stored.journey_id, stored.version) from None


def _read(stored: StoredEvent) -> Event:
    payload = _Enveloped.model_validate_json(stored.payload).__dict__
    actor = payload["actor"]
    return Event.model_validate(
        {
            **payload,
            "event_id": stored.event_id,
            "journey_id": stored.journey_id,
            "version": stored.version,
            "at": stored.occurred_at,
            "actor_id": stored.actor_id if actor is None else actor,
            "actor_role": stored.actor_role,
            "command_id": stored.command_id,
            "causation_id": stored.causation_id,
        }
    )


class _OfPatient(BaseModel):
    ref: Identifier
    zone: Zone


class _OfBody(BaseModel):
    clinic: Identifier
    patient: _OfPatient


class _OfOpening(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    body: _OfBody


class OpeningFacts(NamedTuple):
    """What lists show of the event that opened a journey: its clinic, and the reference and the first zone of its
    patient."""

    clinic: str
    ref: str
    zone: str


def facts_in(opening: StoredEvent) -> OpeningFacts:
    """Return what lists show of an event that opened a journey, and read nothing else of it: its protocol is large.

    Raises:
        UnreadableEvent: the row is none that this build can read.
    """
    try:
        body = _OfOpening.model_validate_json(opening.payload).body
    except ValueError:
        raise UnreadableEvent(opening.journey_id, opening.version) from None
    return OpeningFacts(body.clinic, body.patient.ref, body.patient.zone)


async def load_events(record: Record, journey_id: UUID, *, after_version: int = 0) -> tuple[Event, ...]:
    """Load the recorded events of a journey after a version, all unless told otherwise, oldest first; none when it is
    unknown.

    Raises:
        UnreadableEvent: one of them cannot be read.
    """
    events: list[Event] = []
    async for page in record.read(journey_id, after_version=after_version):
        events += map(from_stored, page)
        # Reading them takes the processor: give other tasks of this loop their turn.
        await asyncio.sleep(0)
    return tuple(events)


def apply_stored(stored: StoredEvent, journey: Journey | None) -> tuple[Event, Journey]:
    """Return the event of a row, and a journey's state after it.

    Raises:
        UnreadableEvent: the row cannot be read, or does not follow there.
    """
    try:
        event = from_stored(stored)
        return event, begin(event) if journey is None else evolve(journey, event)
    except Exception:  # it may be wrong in what it says, too
        raise UnreadableEvent(stored.journey_id, stored.version) from None


async def load_journey(record: Record, journey_id: UUID, *, until_version: int | None = None) -> Journey | None:
    """Load the state of a journey as recorded, up to a version; None when nothing is recorded.

    Raises:
        UnreadableEvent: an event up to there cannot be read, or does not follow there.
    """
    journey: Journey | None = None
    async for page in record.read(journey_id, until_version=until_version):
        for stored in page:
            _, journey = apply_stored(stored, journey)
        # Folding takes the processor: give other tasks of this loop their turn.
        await asyncio.sleep(0)
    return journey
