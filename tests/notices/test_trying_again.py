"""What did not arrive is sent again on a real record, by whichever worker: at least once, under one id."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.notices import deliver, queue
from activities.notices import delivering as delivering_module
from activities.notices.channels import AttemptOutcome, OutgoingMessage
from activities.notices.contacts import Contacts, of_staff
from activities.notices.delivering import AT_ONCE, LOOKED_AT, Sender, delivering, see_to, try_failed_again
from activities.notices.listing import list_messages
from activities.record import Opening, Record, RecordUnavailable
from activities.record.event_codec import to_new
from activities.record.watching import late_messages
from deploy.local.postgres import Database
from simulation.people import CLINIC
from tests.application.watchdog.pager import Pager
from tests.cli.helpers import invented
from tests.fixtures.clear import PATIENTS
from tests.fixtures.everything import everything
from tests.journey.play import course
from tests.notices.helpers import CLIO, DIRA, ONNO, give, point, queued, states, waits
from tests.notices.mail_server import HANG, Mailbox
from tests.record.helpers import Connection, a_notice
from tests.record.read_models.courses import renamed
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server


async def reached_nobody(app: Connection) -> None:
    """Have all that is queued be what reached nobody: no worker takes it by itself."""
    await app.execute(
        "SELECT record.put_off_notice(1::smallint, notice_id, NULL, NULL, false) FROM record.queued_notice"
    )


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


async def test_a_reminder_waits_until_what_somebody_said_last_can_be_read(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection
) -> None:
    """What they wished before may not be what they wish now; alarms do not wait."""
    events = course("PTSD").events
    asked, number = next(
        (each, event.version)
        for event in events
        for each in notices(event)
        if (each.kind, each.to) == ("sign_off_requested", Role.CLINICIAN)
    )
    journey = uuid4()
    begun = renamed(events[:number], journey)
    opening = Opening(patient_keys=(PATIENTS.of_ref("pat"),), medicine="invented")
    await record.append(journey, 0, [to_new(event) for event in begun], opening=opening)
    task = next(each for each in notices(begun[-1]) if each.about == asked.about)
    subject = of_staff(CLIO)
    await give(contacts, subject, point("clio@clinic.example"), only_alarms=True)
    assert await app.fetchval("SELECT record.keep_contact(1::smallint, $1, 2, $2, 'clio')", subject, bytes(64))
    alarm, reminder = task.model_copy(update={"alarm": True}), record.patients.of_notice(task)
    await deliver(record, [alarm, task], clinic=CLINIC, register=None)
    for each in (record.patients.of_notice(alarm), reminder):
        await see_to(sender, each)
    assert [mail["To"] for mail in mailbox.mails] == ["clio@clinic.example"], "the alarm"
    assert await states(app, reminder) == [("", "", "failed")]
    await try_failed_again(sender, alarm=False, seconds=0)
    await see_to(sender, reminder)
    assert len(mailbox.mails) == 1
    await give(contacts, subject, point("new@clinic.example"))
    await try_failed_again(sender, alarm=False, seconds=0)
    await see_to(sender, reminder)
    assert [mail["To"] for mail in mailbox.mails][1:] == ["new@clinic.example"]
    assert await waits(app, reminder) is None


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


async def test_what_comes_back_does_not_wait_out_the_pause_of_a_colleague(
    record: Record, sender: Sender, contacts: Contacts, app: Connection
) -> None:
    await give(contacts, of_staff(CLIO), point("clio@clinic.example"), point("sms:1", "webhook"))
    notice = await queued(record)
    told = [("email", "sent"), ("email", "accepted"), ("pager", "sent"), ("pager", "deferred")]
    facts = [queue.NewFact(CLIO if name == "email" else ONNO, f"{name}-1", name, state) for name, state in told]
    await queue.keep(record, notice, facts)
    assert await bounced(app, notice, "email") == "kept"
    for known, least, most in ((5, 7100, 7201), (4, -1, 1)):
        # The worker that tries the colleague has read what became of it before, and puts it off after.
        await queue.put_off(record, notice, 7200, arrived=True, known=known)
        seconds, _ = await waits(app, notice) or (None, None)
        assert seconds is not None
        assert least < seconds < most


async def test_an_alarm_that_comes_back_does_not_wait_for_the_turn_of_the_next_person(
    record: Record, sender: Sender, contacts: Contacts, app: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (CLIO, ONNO):
        await give(contacts, of_staff(person), point(f"{person}@clinic.example"))
    notice, put_off = await queued(record, alarm=True), queue.put_off

    async def after_a_report(*given: Any, **more: Any) -> None:
        assert await bounced(app, notice, "email") == "kept"
        await put_off(*given, **more)

    monkeypatch.setattr(queue, "put_off", after_a_report)
    await see_to(sender, notice)
    seconds, _ = await waits(app, notice) or (None, None)
    assert seconds is not None
    assert seconds < 1


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
    alarms = [await queued(record, alarm=True) for _ in range(2 * AT_ONCE)]
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
    others = [await queued(record) for _ in range(8)]
    async with delivering(sender, poll=0.05), delivering(sender, poll=0.05):
        alarm = await queued(record, Role.ON_CALL_CLINICIAN, alarm=True)
        [mail] = await mailbox.received()
        assert alarm.hex in mail["Message-ID"]
        slow.set()
        await mailbox.received(9)
    assert len(mailbox.ids) == len(set(mailbox.ids)) == 9
    assert {each.hex for each in (*others, alarm)} == {each.split("_")[1] for each in mailbox.ids}


async def test_the_alarms_of_one_journey_leave_a_place_to_those_of_others(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox
) -> None:
    """All that is overdue in it is told at once, and whoever is to be told it cannot be reached."""
    await give(contacts, of_staff(ONNO), point("onno@clinic.example"))
    slow, flooded, by_mail = asyncio.Event(), uuid4(), sender.channels["email"]

    async def held_up(message: OutgoingMessage) -> AttemptOutcome:
        if message.journey_id == flooded:
            await slow.wait()
        return await by_mail(message)

    sender = replace(sender, channels={"email": held_up})
    flood = [await queued(record, Role.ON_CALL_CLINICIAN, alarm=True, journey=flooded) for _ in range(30)]
    others = [await queued(record, Role.ON_CALL_CLINICIAN, alarm=True) for _ in range(3)]
    async with delivering(sender, poll=0.05):
        await mailbox.received(3)
        assert {each.split("_")[1] for each in mailbox.ids} == {each.hex for each in others}
        slow.set()
        await mailbox.received(33)
    assert {each.split("_")[1] for each in mailbox.ids} == {each.hex for each in (*flood, *others)}


async def test_alarms_leave_although_the_channels_of_many_hang_at_once(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many journeys they are of: whoever hangs takes no place from others for long."""
    monkeypatch.setattr(delivering_module, "SLOW", 0.1)
    await give(contacts, of_staff(ONNO), point("onno@clinic.example"))
    hanging, by_mail, slow = {uuid4() for _ in range(3 * AT_ONCE)}, sender.channels["email"], asyncio.Event()

    async def held_up(message: OutgoingMessage) -> AttemptOutcome:
        if message.journey_id in hanging:
            await slow.wait()
        return await by_mail(message)

    sender = replace(sender, channels={"email": held_up})
    for journey in hanging:
        await queued(record, Role.ON_CALL_CLINICIAN, alarm=True, journey=journey)
    others = [await queued(record, Role.ON_CALL_CLINICIAN, alarm=True) for _ in range(3)]
    async with delivering(sender, poll=0.05):
        await mailbox.received(3)
        assert {each.split("_")[1] for each in mailbox.ids} == {each.hex for each in others}
        slow.set()
        await mailbox.received(3 + len(hanging))
    assert len(mailbox.ids) == len(set(mailbox.ids))
