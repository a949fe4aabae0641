"""Entries of a calendar: one UID for an appointment, later versions win, nothing of what it is for, nothing hostile."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP as POLICY
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar

from activities.notices.calendar_entries import CalendarFile, calendar_files
from activities.notices.smtp import compose
from activities.notices.webhooks import body_of
from activities.notices.wording import Service
from tests.journey.play import before, course
from tests.notices.test_channels import a_message
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.views.appointments import appointments
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role

CLINIC = Service("Clinic", "+1 555 0100")


def entries(file: CalendarFile) -> list[Any]:
    return list(Calendar.from_ical(file.content).walk("VEVENT"))


def session_event(kind: type[e.EventBody]) -> e.Event:
    return next(event for event in course("PTSD").events if isinstance(event.body, kind))


def test_every_appointment_of_a_course_is_told_to_the_patient_in_utc_and_neutral_words() -> None:
    told = [event for event in course("PTSD").events if appointments(event)]
    assert {type(event.body) for event in told} >= {e.SessionScheduled, e.ContactsScheduled}
    for event in told:
        assert [notice.to for notice in notices(event) if notice.kind == "appointment"] == [Role.PATIENT]
        for file in calendar_files(event, CLINIC):
            assert calendar_files(event, CLINIC) == calendar_files(event, CLINIC), "sent again, it is the same"
            for entry in entries(file):
                assert str(entry["summary"]) == "Clinic: appointment"
                assert str(entry["description"]) == "To call: +1 555 0100"
                assert entry["sequence"] == event.version
                if file.method == "PUBLISH":
                    assert entry["dtstart"].to_ical().endswith(b"Z")
            for word in (b"session", b"visit", b"ptsd", b"dose", b"vtimezone", b"care", b"pathway"):
                assert word not in file.content.lower()


def test_an_appointment_that_is_moved_or_cancelled_is_the_same_entry_and_a_later_version() -> None:
    scheduled = session_event(e.SessionScheduled)
    assert isinstance(scheduled.body, e.SessionScheduled)
    moved = scheduled.model_copy(
        update={
            "version": scheduled.version + 5,
            "body": scheduled.body.model_copy(update={"starts_at": scheduled.body.starts_at + timedelta(days=1)}),
        }
    )
    gone = scheduled.model_copy(
        update={
            "version": scheduled.version + 9,
            "body": e.SessionCancelled(session=scheduled.body.session, reason="Invented: a secret"),
        }
    )
    files = [calendar_files(each, CLINIC)[0] for each in (scheduled, moved, gone)]
    [first], [second], [third] = map(entries, files)
    assert first["uid"] == second["uid"] == third["uid"]
    assert first["sequence"] < second["sequence"] < third["sequence"]
    assert second["dtstart"].dt - first["dtstart"].dt == timedelta(days=1)
    assert [file.method for file in files] == ["PUBLISH", "PUBLISH", "CANCEL"]
    assert str(third["status"]) == "CANCELLED"
    assert b"secret" not in files[2].content


def test_two_appointments_and_two_patients_have_entries_of_their_own() -> None:
    uids = [
        str(entry["uid"])
        for event in course("PTSD").events
        for file in calendar_files(event, CLINIC)
        for entry in entries(file)
    ]
    names = [each.name for event in course("PTSD").events for each in appointments(event)]
    assert len(set(uids)) == len(set(names))
    event = session_event(e.SessionScheduled)
    other = event.model_copy(update={"journey_id": event.event_id})
    assert entries(calendar_files(event, CLINIC)[0])[0]["uid"] != entries(calendar_files(other, CLINIC)[0])[0]["uid"]


def test_a_session_that_is_called_off_is_taken_out_of_the_calendar() -> None:
    play = before("session.check")
    version = play.journey.version
    play.do(c.CancelSession(session=1, reason="invented"), Role.COORDINATOR)
    [gone] = [each for event in play.events if event.version > version for each in appointments(event)]
    assert gone.starts is None


@given(name=st.text(min_size=1, max_size=80), call=st.text(max_size=80))
@example(name="x\r\nATTENDEE:mailto:a@b.example", call="x\nEND:VEVENT\nBEGIN:VALARM")
@example(name='"; ATTACH:https://elsewhere.example', call="\\n\\,;:")
@example(name="\u2028\x85\x0b\x0c\x1c", call="\u202e\ud7ff")
@example(name="Ünïcode ✂" * 8, call="☎")
def test_nothing_hostile_makes_a_property_or_a_part(name: str, call: str) -> None:
    event = session_event(e.SessionScheduled)
    [file] = calendar_files(event, Service(name, call))
    [entry] = entries(file)
    assert set(entry) == {
        "UID", "SEQUENCE", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION", "STATUS", "CLASS",
    }  # fmt: skip
    assert len(Calendar.from_ical(file.content).walk()) == 2
    message = a_message(calendar=(file,))
    read = message_from_bytes(compose(message, "messages@clinic.example").as_bytes(), policy=POLICY)
    text, attached = list(read.iter_parts())
    assert (text.get_content_type(), attached.get_content_type()) == ("text/plain", "text/calendar")
    assert attached["content-type"].params["method"] == "PUBLISH"
    assert entries(CalendarFile("PUBLISH", attached.get_content().encode()))[0]["uid"] == entry["uid"]
    assert file.content.decode() in str(json.loads(body_of(message))["data"]["calendar"][0])


def test_an_appointment_that_has_passed_is_no_entry() -> None:
    event = next(
        event for event in course("PTSD").events if isinstance(event.body, e.ContactsScheduled) and begin(event)
    )
    assert begin(event.model_copy(update={"at": datetime(2100, 1, 1, tzinfo=UTC)})) == []


def begin(event: e.Event) -> list[datetime]:
    """When the appointments are that an event gives or moves."""
    return [each.starts for each in appointments(event) if each.starts is not None]
