"""Delivery on a real record, to a real mail server and a real receiver of webhooks: who is told what, and how."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.notice_activities import NoticeActivities
from activities.notices import deliver, delivering, queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import Contacts, Owner, of_staff
from activities.notices.delivering import Sender, see_to
from activities.privacy.data_keys import SERVICE
from activities.record import Opening, Record
from activities.record.event_codec import to_new
from activities.record.watching import late_messages
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register
from simulation.people import CLINIC
from tests.cli.helpers import invented
from tests.fixtures.clear import PATIENTS
from tests.fixtures.keys import unconnected
from tests.journey.play import after, course
from tests.notices.helpers import CLIO, DIRA, ONNO, VERIFIED, give, point, queued, states, waits
from tests.notices.mail_server import Mailbox
from tests.record.helpers import Connection, a_notice
from tests.record.read_models.courses import put_course, renamed
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.notices import Notice, notices
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Alarm, Attempted

pytestmark = pytest.mark.server


async def test_without_a_channel_the_log_has_it(record: Record, app: Connection) -> None:
    notice = await queued(record)
    await see_to(Sender(record, invented().register, Contacts(record, unconnected())), notice)
    assert await states(app, notice) == [("", "log", "sent"), ("", "log", "accepted")]
    assert await waits(app, notice) is None


async def test_somebody_is_told_by_email_and_it_says_nothing_of_health(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"))
    notice = await queued(record, journey=(journey := uuid4()))
    await see_to(sender, notice)
    [mail] = mailbox.mails
    assert mail["Subject"] == "Clinic: there is a task for you"
    assert mail.get_content().splitlines() == [
        "There is a task for you.",
        "To call: +1 555 0100",
        f"Go on here: https://console.example/journeys/{journey}",
        "",
        "This message was sent by a machine. Do not answer it.",
    ]
    assert (CLIO, "email", "accepted") in await states(app, notice)
    assert await waits(app, notice) is None


async def test_an_alarm_goes_past_every_wish_and_to_points_that_nobody_verified(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example", verified=False), only_alarms=True)
    reminder, alarm = await queued(record), await queued(record, alarm=True)
    for notice in (reminder, alarm):
        await see_to(sender, notice)
    assert await states(app, reminder) == [(CLIO, "", "muted")]
    assert await waits(app, reminder) is None
    assert [alarm.hex in each for each in mailbox.ids] == [True]


async def test_a_row_that_does_not_follow_keeps_no_notice_of_its_journey_from_leaving(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox
) -> None:
    journey = await put_course(record, 30)
    body = e.CorrectionConfirmed(correction=99, reason="of nothing")
    forged = course("PTSD").events[30].model_copy(update={"journey_id": journey, "event_id": uuid4(), "body": body})
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"))
    honest = await queued(record, alarm=True, journey=journey)
    await see_to(sender, honest)
    await record.append(journey, 30, [to_new(forged)])
    later, task = await queued(record, alarm=True, journey=journey), await queued(record, journey=journey)
    for notice in (later, task):
        await see_to(sender, notice)
    assert [each.split("_")[1] for each in mailbox.ids] == [each.hex for each in (honest, later, task)]


async def test_who_has_no_keys_keeps_no_alarm_from_anybody(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    """Whoever has the database role of people's ways in can add versions of a contact, which nobody can read."""
    subject = of_staff(CLIO)
    await give(contacts, subject, point("clio@clinic.example"))
    rubbish = (b"", b"rubbish", bytes(64), (await contacts.keys.newest(SERVICE)).key_id.bytes + bytes(64))
    async with record.connection() as connection:
        kept = [
            await connection.fetchval(
                "SELECT record.keep_contact(1::smallint, $1, $2, $3, 'mallory')", subject, n + 2, rubbish[n % 4]
            )
            for n in range(60)
        ]
    assert kept == [True] * 50 + [False] * 10, "so many an hour"
    with capture_logs() as logged:
        known = await contacts.find(subject)
    assert [line["counted"] for line in logged] == [50], "one line, however many there are"
    assert (known.version, known.unread, [point.verified_at for point in known.contact.points]) == (51, 50, [None])
    reminder, alarm = await queued(record), await queued(record, alarm=True)
    for notice in (reminder, alarm):
        await see_to(sender, notice)
    assert [alarm.hex in each for each in mailbox.ids] == [True], "for a reminder it may be an address they gave up"
    assert await states(app, reminder) == [("", "", "failed")]
    assert await contacts.keep(subject, known.contact, after=known.version, by=CLIO), "nor do they lock anybody out"


async def test_a_reminder_is_not_sent_where_nobody_said_that_it_arrives(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example", verified=False))
    notice = await queued(record)
    await see_to(sender, notice)
    assert mailbox.sent == []
    assert await states(app, notice) == [("", "", "failed")]
    assert await app.fetchval("SELECT code FROM record.delivery WHERE notice_id = $1", notice) == "no_contact"


async def put_journey(record: Record, kind: str | None = None) -> tuple[UUID, Sequence[Any]]:
    """Record a course up to the first notice to the patient, or the first one of this kind, and whose it is."""
    journey, events = uuid4(), course("PTSD").events
    first = next(
        event.version
        for event in events
        if any(each.to == Role.PATIENT and kind in (None, each.kind) for each in notices(event))
    )
    begun = renamed(events[:first], journey)
    opening = Opening(patient_keys=(PATIENTS.of_ref("pat"),), medicine="invented")
    await record.append(journey, 0, [to_new(event) for event in begun], opening=opening)
    return journey, begun


@pytest.mark.parametrize("stored", [(ONNO, DIRA), (ONNO,), ()])
async def test_an_alarm_about_whoever_is_on_call_goes_to_the_next_one(
    record: Record,
    sender: Sender,
    contacts: Contacts,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    stored: tuple[str, ...],
) -> None:
    """Their own page called nobody else, as long as they took it."""
    for person in (ONNO, DIRA):
        await give(contacts, of_staff(person), point(f"{person}@clinic.example"))
    journey = after("session.dose").changed(also_known_as=(ONNO,)).journey
    monkeypatch.setattr(delivering, "_journey", AsyncMock(return_value=journey))
    notice = a_notice(journey.id, recipient_role=Role.ON_CALL_CLINICIAN, recipients=stored, clinic=CLINIC, alarm=True)
    await record.deliver_notices([notice])
    await see_to(sender, notice.notice_id)
    assert [mail["To"] for mail in mailbox.mails] == [f"{DIRA}@clinic.example"]


async def test_the_register_is_asked_for_who_is_on_call_alone(
    record: Record, app: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, reads = invented().register, list[Register]()
    read = RegisterFile.current

    def current(self: RegisterFile) -> Register:
        reads.append(read(self))
        return reads[-1]

    monkeypatch.setattr(RegisterFile, "current", current)

    def notice(to: Role) -> Notice:
        return Notice(journey_id=uuid4(), event_id=uuid4(), kind="k", to=to, alarm=True)

    everybody, on_call = notice(Role.CLINICIAN), notice(Role.ON_CALL_CLINICIAN)
    await deliver(record, [everybody], clinic=CLINIC, register=register)
    assert reads == []
    with capture_logs() as logged:
        alarm = Alarm(clinic=CLINIC, notices=(everybody, on_call))
        attempt = ActivityEnvironment()
        attempt.info = replace(attempt.info, started_time=VERIFIED)
        await attempt.run(NoticeActivities(record, register).alarm, alarm)
    assert [line.get("people") for line in logged if line["event"] == "alarm"] == [None, f"{ONNO},{DIRA}"]
    kept = await app.fetch("SELECT notice_id, recipients FROM record.notice")
    assert {row["notice_id"]: row["recipients"] for row in kept} == {
        record.patients.of_notice(everybody): [],
        record.patients.of_notice(on_call): [ONNO, DIRA],
    }


async def test_what_an_attempt_leaves_keeps_only_its_own_alarm_from_the_log(record: Record) -> None:
    """Somebody who reaches Temporal may hand in what another alarm left, made with the keys and for this place."""
    alarms = [
        Alarm(
            clinic=CLINIC,
            notices=(Notice(journey_id=uuid4(), event_id=uuid4(), kind="k", to=Role.PATIENT, alarm=True),),
        )
        for _ in range(2)
    ]
    left = [Attempted.of(each).model_dump(mode="json") for each in alarms]
    with capture_logs() as logged:
        for each in alarms:
            attempt = ActivityEnvironment()
            attempt.info = replace(attempt.info, heartbeat_details=left[:1])
            await attempt.run(NoticeActivities(record, invented().register).alarm, each)
    assert [line["notice_id"] for line in logged if line["event"] == "alarm"] == [
        str(record.patients.of_notice(alarms[1].notices[0]))
    ]


async def test_a_code_comes_without_a_link(record: Record, sender: Sender, contacts: Contacts) -> None:
    came: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> AttemptOutcome:
        came.append(message)
        return ACCEPTED

    code = {"digits": "123456", "until": datetime.now(UTC) + timedelta(minutes=30), "tries": 5}
    await give(contacts, of_staff(CLIO), point("clio@clinic.example", verified=False, code=code))
    await contacts.ask_code(Owner("staff", CLIO, CLINIC), "email-1", by="cory")
    for notice in await queue.take(record, alarm=False, most=1, seconds=60):
        await see_to(replace(sender, channels={"email": take}), notice)
    [message] = came
    assert (message.link, "123456" in message.text, "http" in message.text) == (None, True, False)


async def test_a_patient_is_given_a_link_and_no_page_for_staff(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    journey, events = await put_journey(record)
    subject = await contacts.of_patient(journey)
    assert subject is not None
    await give(contacts, subject, point("pat@home.example"))
    [asked, *_] = [each for event in events for each in notices(event) if each.to == Role.PATIENT]
    asked = asked.model_copy(update={"alarm": True})
    await deliver(record, [asked], clinic=CLINIC, register=None)
    await see_to(sender, record.patients.of_notice(asked))
    [mail] = mailbox.mails
    assert mail["To"] == "pat@home.example"
    text = mail.get_body()
    assert text is not None
    [link] = re.findall(r"https://console\.example(\S*)", text.get_content())
    assert re.fullmatch(r"/go/[A-Za-z0-9_-]{32}", link)
    assert await states(app, record.patients.of_notice(asked)) == [
        ("patient", "email", "sent"),
        ("patient", "email", "accepted"),
    ]


async def test_an_appointment_comes_with_its_entry_for_a_calendar(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox
) -> None:
    journey, events = await put_journey(record, "appointment")
    subject = await contacts.of_patient(journey)
    assert subject is not None
    await give(contacts, subject, point("pat@home.example"))
    told = next(each for each in notices(events[-1]) if each.kind == "appointment")
    told = told.model_copy(update={"alarm": True})
    await deliver(record, [told], clinic=CLINIC, register=None)
    await see_to(sender, record.patients.of_notice(told))
    text, entry = [*mailbox.mails[0].iter_parts()]
    assert "An entry for your calendar comes with this message." in text.get_content()
    assert b"Clinic: appointment" in entry.get_payload(decode=True)


@pytest.mark.parametrize("then", ["moved", "cancelled"])
async def test_an_appointment_that_waited_until_it_was_another_is_not_put_into_a_calendar(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, then: str
) -> None:
    journey, events = await put_journey(record, "appointment")
    subject = await contacts.of_patient(journey)
    assert subject is not None
    await give(contacts, subject, point("pat@home.example"))
    scheduled = events[-1]
    given = scheduled.body.contacts
    later = {
        "moved": {"contacts": tuple(each.model_copy(update={"due": each.due + timedelta(days=1)}) for each in given)},
        "cancelled": {"contacts": (), "replaced": tuple(each.id for each in given)},
    }
    body = scheduled.body.model_copy(update=later[then])
    changed = {"version": scheduled.version + 1, "event_id": uuid4(), "command_id": uuid4(), "body": body}
    event = scheduled.model_copy(update=changed)
    await record.append(journey, scheduled.version, [to_new(event)])
    for each in (event, scheduled):  # what came later is sent first
        told = next(notice for notice in notices(each) if notice.kind == "appointment")
        told = told.model_copy(update={"alarm": True})
        await deliver(record, [told], clinic=CLINIC, register=None)
        await see_to(sender, record.patients.of_notice(told))
    first, second = mailbox.mails
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/calendar"]
    assert (second.get_content_type(), "calendar" in second.get_content()) == ("text/plain", False)


async def test_who_died_is_told_nothing(
    record: Record, sender: Sender, app: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = after("session.end")
    play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    play.sign(SignOffKind.DEATH, "death-1", rationale="seen")
    monkeypatch.setattr("activities.notices.delivering.load_current", AsyncMock(return_value=play.journey))
    for to in (Role.PATIENT, Role.CLINICIAN):
        notice = await queued(record, to)
        await see_to(sender, notice)
        assert [state for *_, state in await states(app, notice)] == ["muted" if to == Role.PATIENT else "failed"]


async def test_what_waits_for_the_morning_is_not_late(record: Record, app: Connection) -> None:
    notice = await queued(record)
    now = datetime.now(UTC)
    await queue.put_off(record, notice, 3600, quiet_until=now + timedelta(hours=1))
    assert await late_messages(record, now, now + timedelta(minutes=30)) == []
    assert len(await late_messages(record, now, now + timedelta(hours=2))) == 1
