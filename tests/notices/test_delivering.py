"""Delivery on a real record, to a real mail server and a real receiver of webhooks: at least once, under one id."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities.notice_activities import NoticeActivities
from activities.notices import deliver, queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import ContactPoint, ContactPoints, Contacts, Owner, of_staff
from activities.notices.delivering import (
    AT_ONCE,
    LOOKED_AT,
    Sender,
    delivering,
    see_to,
    try_failed_again,
)
from activities.notices.listing import list_messages
from activities.notices.smtp import by_email
from activities.notices.standing import quiet_until, settled, until
from activities.notices.webhooks import by_webhook, posting
from activities.notices.wording import Service
from activities.privacy.key_store import SERVICE, KeyStore
from activities.privacy.patient_keys import PatientKeys
from activities.record import Opening, Record, RecordUnavailable
from activities.record.event_codec import to_new
from activities.record.watching import late_messages
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register
from deploy.local.postgres import Database
from simulation.people import CLINIC, PEOPLE
from tests.application.watchdog.pager import KEY, Pager
from tests.application.watchdog.pager import serving as webhook_server
from tests.cli.helpers import invented
from tests.fixtures.clear import PATIENTS
from tests.fixtures.everything import everything
from tests.fixtures.keys import unconnected
from tests.journey.play import after, course
from tests.notices.mail_server import HANG, Mailbox, serving
from tests.record.helpers import Connection, a_notice
from tests.record.read_models.courses import put_course, renamed
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import evolve, fold
from workflows.journey.protocol import SignOffKind
from workflows.journey.protocol.escalation import Action
from workflows.journey.views.notices import ASKS, Notice, notices
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Alarm, Attempted

pytestmark = pytest.mark.server

CLIO, ONNO, DIRA = (PEOPLE[role].id for role in (Role.CLINICIAN, Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR))
VERIFIED = datetime(2026, 1, 1, tzinfo=UTC)


def point(address: str, channel: str = "email", *, verified: bool = True, **changed: Any) -> ContactPoint:
    given = {
        "id": f"{channel}-1",
        "channel": channel,
        "address": address,
        "verified_at": VERIFIED if verified else None,
    }
    return ContactPoint.model_validate({**given, **changed})


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with serving() as listening:
        yield listening


@pytest.fixture
def pager() -> Iterator[Pager]:
    with webhook_server() as listening:
        yield listening


@pytest.fixture
def contacts(record: Record, key_store: KeyStore) -> Contacts:
    return Contacts(record, key_store)


@pytest.fixture
async def sender(record: Record, contacts: Contacts, mailbox: Mailbox, pager: Pager) -> AsyncIterator[Sender]:
    """A worker's, with both channels; nobody has any contact yet."""
    service = Service("Clinic", "+1 555 0100", "https://console.example")
    async with posting(f"http://127.0.0.1:{pager.port}/messages", KEY, 1) as post:
        channels = {"email": by_email(mailbox.server(seconds=1)), "webhook": by_webhook(post)}
        yield Sender(record, invented().register, contacts, channels, service)


async def give(contacts: Contacts, subject: str, *points: ContactPoint, **wishes: Any) -> None:
    known = await contacts.find(subject)
    assert await contacts.keep(subject, ContactPoints(points=points, **wishes), after=known.version, by="cory")


async def queued(
    record: Record, to: Role = Role.CLINICIAN, *, alarm: bool = False, journey: UUID | None = None
) -> UUID:
    """Queue a notice of an event that is not recorded."""
    notice = a_notice(journey or uuid4(), recipient_role=to, clinic=CLINIC, alarm=alarm)
    await record.deliver_notices([notice])
    return notice.notice_id


async def states(app: Connection, notice: UUID) -> list[tuple[str, str, str]]:
    rows = await app.fetch(
        "SELECT person, channel, state FROM record.delivery WHERE notice_id = $1 ORDER BY number", notice
    )
    return [tuple(row) for row in rows]


async def waits(app: Connection, notice: UUID) -> tuple[float | None, bool] | None:
    """In how many seconds it is seen to again, and whether it arrived; None where it is done with."""
    row = await app.fetchrow(
        "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 AS seconds, arrived FROM record.queued_notice "
        "WHERE notice_id = $1",
        notice,
    )
    return None if row is None else (row["seconds"], row["arrived"])


async def reached_nobody(app: Connection) -> None:
    """Have all that is queued be what reached nobody: no worker takes it by itself."""
    await app.execute(
        "SELECT record.put_off_notice(1::smallint, notice_id, NULL, NULL, false) FROM record.queued_notice"
    )


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


async def test_what_cannot_arrive_there_goes_another_way_and_then_to_a_person(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, pager: Pager, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"), point("sms:1", "webhook"))
    mailbox.recipients += ["550 nobody", "550 nobody"]
    pager.answers += [200, 410]
    arrives, dies = await queued(record), await queued(record)
    for notice in (arrives, dies):
        await see_to(sender, notice)
        seconds, _ = await waits(app, notice) or (None, None)
        assert seconds is not None
        assert seconds < 1, "the next point is tried at once"
        await see_to(sender, notice)
    assert [state for _, _, state in await states(app, arrives)] == ["sent", "bounced", "sent", "accepted"]
    assert [state for _, _, state in await states(app, dies)] == ["sent", "bounced", "sent", "bounced", "failed"]
    assert await waits(app, arrives) is None
    assert await waits(app, dies) == (None, False)
    far = datetime(2020, 1, 1, tzinfo=UTC)
    assert [late.notice_id for late in await late_messages(record, far, far)] == [dies]
    await try_failed_again(sender, alarm=False, seconds=0)
    assert await waits(app, dies) == (None, False), "what it tells of is not open"
    assert await app.fetchval("SELECT record.handle_notice(1::smallint, $1, 'otto')", dies)
    assert not await app.fetchval("SELECT record.handle_notice(1::smallint, $1, 'otto')", dies)
    assert await late_messages(record, far, far) == []


async def bounced(app: Connection, notice: UUID, channel: str) -> str:
    report = "SELECT record.report_bounce(1::smallint, $1, $2, '5.1.1')"
    said: str = await app.fetchval(report, notice, f"{channel}-1")
    return said


@pytest.mark.parametrize("alarm", [False, True])
async def test_what_was_accepted_and_comes_back_goes_another_way_and_then_to_a_person(
    record: Record, sender: Sender, contacts: Contacts, app: Connection, *, alarm: bool
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"), point("sms:1", "webhook"))
    notice, other = await queued(record, alarm=alarm), await queued(record, alarm=alarm)
    assert await bounced(app, notice, "email") == "unknown", "it was not sent"
    await queue.keep(record, notice, [queue.NewFact(CLIO, "email-1", "email", "sent")])
    assert await bounced(app, notice, "email") == "early"
    for each in (notice, other):
        await see_to(sender, each)
    assert [await bounced(app, notice, "email") for _ in range(2)] == ["kept", "unknown"], "it counts once"
    listed = await list_messages(record, notice_id=notice)
    assert [each.state for each in listed] == ["bounced"], "it was not accepted after all"
    await see_to(sender, notice)
    assert (await states(app, notice))[-3:] == [
        (CLIO, "email", "bounced"), (CLIO, "webhook", "sent"), (CLIO, "webhook", "accepted")
    ]  # fmt: skip
    assert await bounced(app, notice, "webhook") == "kept"
    await see_to(sender, notice)
    assert (await states(app, notice))[-1] == ("", "", "failed"), "a person sees to it"
    assert [state for *_, state in await states(app, other)] == ["sent", "accepted"]


async def test_what_comes_back_while_it_is_ended_is_not_lost(
    record: Record, sender: Sender, contacts: Contacts, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"), point("sms:1", "webhook"))
    notice = await queued(record)
    await queue.keep(record, notice, [queue.NewFact(CLIO, "email-1", "email", state) for state in ("sent", "accepted")])
    assert await bounced(app, notice, "email") == "kept"
    await queue.end(record, notice, known=2)
    assert await waits(app, notice) is not None
    await see_to(sender, notice)
    assert [state for *_, state in await states(app, notice)][-1] == "accepted"
    assert await waits(app, notice) is None


async def test_an_alarm_that_reached_nobody_goes_out_once_somebody_can_be_reached(
    record: Record, sender: Sender, contacts: Contacts, app: Connection
) -> None:
    alarm = await queued(record, alarm=True)
    await see_to(sender, alarm)
    assert await waits(app, alarm) == (None, False)
    await try_failed_again(sender, alarm=True, seconds=60)
    assert await waits(app, alarm) == (None, False), "not at every look"
    for people in (False, True):
        if people:
            for person in (CLIO, ONNO, DIRA):
                await give(contacts, of_staff(person), point(f"{person}@clinic.example"))
        await try_failed_again(sender, alarm=True, seconds=0)
        await see_to(sender, alarm)
    assert [state for _, _, state in await states(app, alarm)][:3] == ["failed", "sent", "accepted"]


async def test_however_many_reached_nobody_each_open_one_has_its_turn(
    record: Record, sender: Sender, app: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage 500 have failed: a few are queued at each look, and none twice before each was once, also past
    one whose key nobody can use."""
    unknown, done, still = ([a_notice(uuid4()) for _ in range(each)] for each in (440, 20, 40))
    everybody = [*unknown, *done, *still]
    await record.deliver_notices(everybody)
    await reached_nobody(app)
    stands = {**{each.notice_id: False for each in done}, **{each.notice_id: True for each in still}}

    async def known(_: Sender, notice: queue.QueuedNotice, *__: object) -> bool | None:
        if notice.id == unknown[0].notice_id:
            raise RecordUnavailable("KeyUnusable")
        return stands.get(notice.id)

    monkeypatch.setattr("activities.notices.delivering._is_open", known)
    came_to, queued, looks = UUID(int=0), list[UUID](), 0
    while looks == 0 or came_to.int:
        came_to, _ = await try_failed_again(sender, alarm=False, seconds=60, after=came_to)
        taken = await queue.take(record, alarm=False, most=100, seconds=60)
        assert len(taken) <= AT_ONCE
        queued, looks = [*queued, *taken], looks + 1
    assert sorted(queued) == sorted(each.notice_id for each in still)
    assert looks <= len(everybody) / LOOKED_AT + len(still) / AT_ONCE + 2
    ended = await app.fetch("SELECT notice_id FROM record.delivery WHERE state = 'muted' AND code = 'done'")
    assert {row["notice_id"] for row in ended} == {each.notice_id for each in done}
    assert await app.fetchval("SELECT count(*) FROM record.queued_notice") == len(unknown) + len(still)


async def test_once_one_arrives_that_had_failed_the_others_follow_at_once(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    alarms = [await queued(record, alarm=True) for _ in range(3 * AT_ONCE)]
    await reached_nobody(app)
    await app.execute(
        'SELECT record.keep_deliveries(1::smallint, notice_id, \'[{"person": "", "point": "", "channel": "", '
        '"state": "failed"}]\') FROM record.queued_notice'
    )
    for person in (CLIO, ONNO, DIRA):
        await give(contacts, of_staff(person), point(f"{person}@clinic.example"))
    monkeypatch.setattr("activities.notices.queue.list_failed", after_any_time(queue.list_failed))
    await try_failed_again(sender, alarm=True, seconds=0)
    async with delivering(sender, poll=0.02):
        await mailbox.received(len(alarms))
    assert {each.hex for each in alarms} == {each.split("_")[1] for each in mailbox.ids}


def after_any_time(listed: Any) -> Any:
    """The same, whenever they were tried last."""

    async def list_failed(record: Record, *, alarm: bool, seconds: float, after: UUID, most: int) -> Sequence[UUID]:
        del seconds
        found: Sequence[UUID] = await listed(record, alarm=alarm, seconds=0, after=after, most=most)
        return found

    return list_failed


@pytest.mark.parametrize("answer", ["451 later", HANG])
async def test_what_was_deferred_is_sent_again_under_the_same_id(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection, answer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"))
    mailbox.answers.append(answer)
    notice = await queued(record)
    await see_to(sender, notice)
    seconds, arrived = await waits(app, notice) or (None, None)
    assert seconds is not None
    assert 20 < seconds < 31
    assert not arrived
    monkeypatch.setattr("activities.notices.delivery_plan.PAUSES", (0,))
    await see_to(sender, notice)
    assert len(mailbox.ids) == 2
    assert len(set(mailbox.ids)) == 1
    assert await waits(app, notice) is None


async def test_a_worker_that_is_killed_between_sending_and_reporting_is_followed_by_the_same_id(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection, migrated: Database,
    keys_database: Database, keyring: Path,
) -> None:  # fmt: skip
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"))
    mailbox.answers.append(HANG)
    notice = await queued(record)
    signers = invented()
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notices.deliverer", everything(migrated), keys_database.keys_url, str(keyring),
        str(signers.register_path), signers.organisation_key.hex(), str(mailbox.port),
    )  # fmt: skip
    await mailbox.received()
    killed.kill()
    await killed.wait()
    assert await states(app, notice) == [(CLIO, "email", "sent")]
    seconds, _ = await waits(app, notice) or (None, None)
    assert seconds is not None
    assert seconds > 30, "it is taken by nobody else for so long"
    await app.execute("SELECT record.put_off_notice(1::smallint, $1, 0, NULL, false)", notice)
    async with delivering(sender, poll=0.05):
        await mailbox.received(2)
    assert len(set(mailbox.ids)) == 1
    assert [state for _, _, state in await states(app, notice)] == ["sent", "sent", "accepted"]
    assert await waits(app, notice) is None


async def test_any_number_of_workers_deliver_each_notice_once_and_alarms_wait_for_nothing_slow(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"))
    await give(contacts, of_staff(ONNO), point("onno@clinic.example"))
    slow = asyncio.Event()
    by_mail = sender.channels["email"]

    async def held_up(message: OutgoingMessage) -> AttemptOutcome:
        if not message.alarm:
            await slow.wait()
        return await by_mail(message)

    sender = replace(sender, channels={"email": held_up})
    others = [await queued(record) for _ in range(20)]
    async with delivering(sender, poll=0.05), delivering(sender, poll=0.05):
        alarm = await queued(record, Role.ON_CALL_CLINICIAN, alarm=True)
        [mail] = await mailbox.received()
        assert alarm.hex in mail["Message-ID"]
        slow.set()
        await mailbox.received(21)
    assert len(mailbox.ids) == len(set(mailbox.ids)) == 21
    assert {each.hex for each in (*others, alarm)} == {each.split("_")[1] for each in mailbox.ids}


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
    assert (known.version, [point.verified_at for point in known.contact.points]) == (51, [None])
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


def a_queued(at: datetime, to: Role = Role.PATIENT, *, alarm: bool = False) -> queue.QueuedNotice:
    return queue.QueuedNotice(uuid4(), uuid4(), uuid4(), "k", to, (), CLINIC, alarm, at, ())


def test_a_patient_is_not_woken_but_by_an_alarm() -> None:
    """In California quiet hours begin at 21 and end at 8."""
    journey = course("PTSD").journey
    assert journey.patient.zone == "America/Los_Angeles"
    night, day = datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 17, tzinfo=UTC)
    morning = datetime(2026, 3, 3, 16, tzinfo=UTC)
    assert quiet_until(a_queued(night), None, journey) == morning
    assert quiet_until(a_queued(day), None, journey) is None
    assert quiet_until(a_queued(night, alarm=True), None, journey) is None
    assert quiet_until(a_queued(night, Role.CLINICIAN), None, journey) is None
    assert quiet_until(a_queued(night), None, None) is None, "a journey that cannot be read keeps nothing back"


def test_what_the_protocol_asks_at_any_hour_does_not_wait_for_the_morning() -> None:
    night = datetime(2026, 3, 3, 6, tzinfo=UTC)
    opening, *events = course("PTSD").events
    journey, woken = fold([opening]), dict[str, bool]()
    for event in events:
        journey, body = evolve(journey, event), event.body
        if isinstance(body, e.ObligationEscalated) and body.to == Role.PATIENT and not body.alarm:
            policy = journey.waiting[body.obligation].escalation_policy
            woken[policy] = quiet_until(a_queued(night), event, journey) is None
    assert woken == {name: not journey.protocol.escalation_policies[name].quiet_hours for name in woken}
    assert woken["check_in_4h"]
    assert not woken["check_in_routine"]


def test_a_task_is_to_be_done_until_its_time_as_long_as_that_lies_ahead() -> None:
    play = after("session.end")
    event, told, waiting = next(
        (event, each, play.journey.waiting[each.about])
        for event in reversed(play.events)
        for each in notices(event)
        if each.about is not None and each.about in play.journey.waiting
    )

    keys = PatientKeys(bytes(32))

    def until_at(moment: datetime, notice_id: UUID | None = None) -> datetime | None:
        queued = a_queued(moment)._replace(id=notice_id or keys.of_notice(told))
        return until(keys, queued, event, play.journey)

    assert until_at(waiting.deadline - timedelta(seconds=1)) == waiting.deadline
    assert until_at(waiting.deadline) is None, "it is late already"
    assert until_at(VERIFIED, uuid4()) is None, "of another notice"
    queued = a_queued(VERIFIED)._replace(id=keys.of_notice(told))
    assert until(keys, queued, None, play.journey) is until(keys, queued, event, None) is None


def test_an_alarm_is_for_nobody_else_once_a_clinician_took_it_or_it_is_done() -> None:
    about = "support:support-1"
    play = after("session.end")
    play.do(c.RequestSupport(urgency="emergency", text="invented"), Role.PATIENT)

    def last_raised() -> e.Event:
        play.clock()
        return [
            event
            for event in play.events
            if isinstance(event.body, e.ObligationEscalated) and event.body.alarm and event.body.obligation == about
        ][-1]

    play.later(hours=1)
    raised = last_raised()
    assert settled(raised, play.journey) is None
    assert settled(None, play.journey) is None
    assert settled(raised, None) is None, "what cannot be read silences nothing"
    play.later(minutes=1).do(c.AcknowledgeAlarm(obligation=about, doing="invented"), Role.ON_CALL_CLINICIAN)
    assert settled(raised, play.journey) == "taken"
    play.later(hours=12)
    again = last_raised()
    assert again != raised
    assert settled(again, play.journey) is None, "it is raised anew, because it is not done"
    play.do(c.AnswerSupport(support="support-1", text="invented"), Role.ON_CALL_CLINICIAN)
    assert settled(again, play.journey) == "done"


def test_a_reminder_is_sent_to_nobody_once_its_task_is_done() -> None:
    """It may have waited for the morning. What was to be done in the place of it is told all the same."""
    opening, *events = course("PTSD").events
    journey, found = fold([opening]), dict[bool, int]()
    asked = [each for each in events if isinstance(each.body, e.ObligationEscalated) and each.body.action in ASKS]
    for event in events:
        journey = evolve(journey, event)
        if event in asked:
            assert settled(event, journey) is None
    for event in asked:
        done = event.body.obligation not in journey.waiting  # type: ignore[union-attr]
        assert settled(event, journey) == ("done" if done else None)
        found[done] = found.get(done, 0) + 1
        called = event.model_copy(update={"body": event.body.model_copy(update={"action": Action.LETTER})})
        assert settled(called, journey) is None
    assert found.get(True, 0) > 5


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
