"""A whole journey as rows of a record, every decision in it signed, and what a forger would change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from activities.record import NewEvent, Record, StoredEvent
from activities.record.event_codec import to_new
from activities.signatures.keys import new_seal, sign
from tests.journey.play import JOURNEY, course
from tests.signatures.room import KEYS, register
from workflows.journey import events as e
from workflows.journey.always.sign_offs.statements import of_event

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
EARLY = register().model_copy(
    update={"entries": tuple(each.model_copy(update={"enrolled_at": LONG_AGO}) for each in register().entries)}
)
"""The register, enrolled long before the journeys that are played."""


def history() -> list[e.Event]:
    return course("PTSD").events


def sign_offs() -> list[e.Event]:
    return [event for event in history() if isinstance(event.body, e.SignedOff)]


def signature_of(event: e.Event, **seal: Any) -> dict[str, Any]:
    key = KEYS[event.actor_role]
    sealed = new_seal(key.key_id, event.at - timedelta(minutes=1)).model_copy(update=seal)
    return sign(key, of_event(event, sealed)).model_dump(mode="json")


def rows(
    events: Iterable[e.Event],
    *,
    signature: Callable[[e.Event], dict[str, Any] | None] = signature_of,
    body: Callable[[e.Event, dict[str, Any]], None] = lambda _event, _body: None,
    columns: Callable[[e.Event], dict[str, Any]] = lambda _event: {},
) -> list[NewEvent]:
    """The rows of these events, every decision and delegation signed, with what a forger changed."""
    made = []
    for event in events:
        row = to_new(event)
        payload = json.loads(row.payload)
        if isinstance(event.body, e.SignedOff | e.Delegated):
            payload["body"]["signature"] = signature(event)
        body(event, payload["body"])
        spelled = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        made.append(row.model_copy(update={"payload": spelled, **columns(event)}))
    return made


async def keep(record: Record, made: list[NewEvent], journey_id: UUID = JOURNEY, *, after: int = 0) -> None:
    for start in range(0, len(made), 400):
        batch = made[start : start + 400]
        await record.append(journey_id, after + start, batch, closes=batch[-1].event_type == "pathway.closed")


def only(version: int, change: Callable[[dict[str, Any]], None]) -> Callable[[e.Event, dict[str, Any]], None]:
    def body(event: e.Event, content: dict[str, Any]) -> None:
        if event.version == version:
            change(content)

    return body


def stored(events: list[e.Event]) -> list[StoredEvent]:
    """One journey as the record would hand it out."""
    return [
        StoredEvent(
            **row.model_dump(),
            log_id=1,
            position=event.version,
            journey_id=JOURNEY,
            version=event.version,
            recorded_at=event.at,
            content_hash=b"",
            journey_hash=b"",
            log_hash=b"",
        )
        for row, event in zip(rows(events), events, strict=True)
    ]
