"""Rows become the events that they were made from, and what is no event is refused, whatever it is."""

from uuid import uuid4

import pytest

from activities.record import NewEvent, StoredEvent
from activities.record.event_codec import from_stored, to_new
from tests.record.helpers import NOON
from tests.record.read_models.courses import course_of
from workflows.journey.events import Event

OPENED, *LATER = course_of()


def stored(new: NewEvent, event: Event, **changed: object) -> StoredEvent:
    place = {"log_id": 1, "position": event.version, "journey_id": event.journey_id, "version": event.version}
    hashes = dict.fromkeys(("content_hash", "journey_hash", "log_hash"), b"")
    return StoredEvent.model_validate({**dict(new), **place, **hashes, "recorded_at": NOON, **changed})


@pytest.mark.parametrize("pathway", ["PTSD", "ANXIETY"])
def test_every_event_of_a_course_reads_as_it_was_written(pathway: str) -> None:
    course = course_of("PTSD" if pathway == "PTSD" else "ANXIETY")
    assert tuple(from_stored(stored(to_new(event), event)) for event in course) == course


def test_a_row_under_another_name_is_what_its_payload_says() -> None:
    for event, name in ((OPENED, "hold.placed"), (LATER[0], "pathway.started"), (LATER[5], "unheard.of")):
        assert from_stored(stored(to_new(event), event, event_type=name)) == event


NO_EVENTS = [
    b"",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b"{",
    b"\xff\xfe",
    b'{"body":null}',
    b'{"body":[]}',
    b'{"body":{"kind":"pathway.started"},"illustrative":true,"command_digest":""}',
    b'{"body":{"kind":"of-a-later-build"},"illustrative":true,"command_digest":""}',
    b'{"body":{"kind":7},"illustrative":true,"command_digest":""}',
    b'{"body":' * 500,
    b"[" * 100_000,
]


@pytest.mark.parametrize("payload", NO_EVENTS, ids=range(len(NO_EVENTS)))
@pytest.mark.parametrize("name", ["pathway.started", "hold.placed"])
def test_what_is_no_event_is_a_value_error(payload: bytes, name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic says what
        from_stored(stored(to_new(OPENED), OPENED, event_type=name, payload=payload))


@pytest.mark.parametrize(
    "changed", [{"actor_role": "emperor"}, {"actor_id": "no identifier"}, {"actor_id": ""}, {"event_id": uuid4()}]
)
def test_a_header_is_checked_too(changed: dict[str, object]) -> None:
    row = stored(to_new(LATER[0]), LATER[0], **changed)
    if "event_id" in changed:
        assert from_stored(row).event_id == changed["event_id"]
        return
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic says what
        from_stored(row)
