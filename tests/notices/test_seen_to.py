"""What reached nobody is a task on a real record: of somebody, until a time, and then of somebody else, too."""

from uuid import UUID, uuid4

import pytest

from activities.notices import queue
from activities.notices.contacts import Contacts, Owner, of_staff
from activities.notices.delivering import Sender, see_to
from activities.notices.links import send
from activities.notices.listing import UnseenMessages, claim, count_unseen, handle, list_messages, release
from activities.record import Record
from activities.record.watching import late_messages, now
from simulation.people import CLINIC
from tests.notices.helpers import CLIO, DIRA, give, point, queued, states, waits
from tests.notices.mail_server import Mailbox
from tests.record.helpers import Connection
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server
LATE = "UPDATE record.queued_notice SET see_to_by = clock_timestamp() WHERE notice_id = $1"
PATIENT = Owner(Role.PATIENT, "patient", CLINIC, UUID(int=5))


async def ids(app: Connection, kind: str) -> list[UUID]:
    rows = await app.fetch("SELECT notice_id FROM record.notice WHERE kind = $1 ORDER BY created_at", kind)
    return [row["notice_id"] for row in rows]


@pytest.mark.parametrize(("alarm", "minutes"), [(True, 15), (False, 240)])
async def test_it_has_a_deadline_that_no_further_try_moves(
    record: Record, sender: Sender, *, alarm: bool, minutes: int
) -> None:
    notice = await queued(record, alarm=alarm)
    await see_to(sender, notice)
    [first] = await list_messages(record, undelivered=True)
    assert first.waits
    assert first.see_to_by is not None
    assert 0 <= minutes * 60 - (first.see_to_by - await now(record)).total_seconds() < 30
    assert await queue.requeue(record, notice, "cory")
    await see_to(sender, notice)
    [again] = await list_messages(record, undelivered=True)
    assert (again.waits, again.see_to_by) == (True, first.see_to_by)


async def test_a_link_or_code_that_reached_nobody_is_a_task_until_another_is_asked_for(
    record: Record, sender: Sender, contacts: Contacts, app: Connection, owner: Connection
) -> None:
    await send(record, PATIENT, by="cory")
    await contacts.ask_code(PATIENT, "email-1", by="cory")
    [link], [code] = await ids(app, "link"), await ids(app, "contact_code")
    for each in (link, code):
        await see_to(sender, each)
        assert await waits(app, each) == (None, False)
    assert {each.notice_id for each in await list_messages(record, undelivered=True)} == {link, code}
    assert await late_messages(record, await now(record), await now(record)) == [], "staff have time to see to it"
    await owner.execute(LATE, link)
    assert [each.notice_id for each in await late_messages(record, await now(record), await now(record))] == [link]
    await send(record, PATIENT, by="cory")
    await contacts.ask_code(PATIENT, "email-2", by="cory")
    assert await waits(app, link) is None
    assert await waits(app, code) == (None, False), "that is the code of another point"
    assert (await states(app, link))[-1] == ("cory", "", "handled")


async def test_nobody_in_time_and_the_medical_director_is_told_once(
    record: Record, sender: Sender, contacts: Contacts, mailbox: Mailbox, app: Connection, owner: Connection
) -> None:
    late, later, in_time = [await queued(record) for _ in range(3)]
    for each in (late, later, in_time):
        await see_to(sender, each)
    await queue.escalate(record)
    assert await ids(app, "undelivered") == []
    for each in (late, later):
        await owner.execute(LATE, each)
        await queue.escalate(record)
    [told] = await ids(app, "undelivered")
    known = {each.notice_id: each for each in await list_messages(record, undelivered=True)}
    escalated = [known[each].escalated_at is not None for each in (late, later, in_time)]
    assert escalated == [True, False, False], "of the later one they are told in the next message"
    await give(contacts, of_staff(DIRA), point("dira@clinic.example"))
    await see_to(sender, told)
    assert [mail["To"] for mail in mailbox.mails] == ["dira@clinic.example"]
    assert "https://console.example/messages?undelivered=yes" in mailbox.mails[0].get_content()
    assert [each.notice_id for each in await list_messages(record, undelivered=True)][:2] == [late, later]
    await owner.execute("ALTER TABLE record.notice DISABLE TRIGGER USER")
    await owner.execute(
        "UPDATE record.notice SET created_at = created_at - interval '5 hours' WHERE notice_id = $1", told
    )
    await queue.escalate(record)
    assert len(await ids(app, "undelivered")) == 2
    [found] = [each for each in await list_messages(record, undelivered=True) if each.notice_id == later]
    assert found.escalated_at is not None


async def test_a_message_that_tells_so_and_reaches_nobody_tells_nobody_of_itself(
    record: Record, sender: Sender, app: Connection, owner: Connection
) -> None:
    told = await queued(record)
    for _ in range(2):
        await see_to(sender, told)
        await owner.execute(LATE, told)
        await queue.escalate(record)
        [told] = await ids(app, "undelivered")
    assert told in {each.notice_id for each in await late_messages(record, await now(record), await now(record))}


async def test_a_claim_is_one_persons_and_ends_with_the_task(record: Record, sender: Sender, owner: Connection) -> None:
    notice, other = await queued(record), await queued(record)
    assert await claim(record, notice, CLIO) is None, "it is on its way"
    for each in (notice, other):
        await see_to(sender, each)
    assert [await claim(record, notice, who) for who in (CLIO, "cory")] == [CLIO, CLIO]
    await owner.execute(LATE, notice)
    assert await count_unseen(record) == await count_unseen(record, [CLINIC]) == UnseenMessages(2, 1, 1)
    assert await count_unseen(record, ["another"]) == UnseenMessages(0, 0, 0)
    assert not await release(record, notice, "cory")
    assert await release(record, notice, "cory", of_anybody=True)
    assert not await release(record, notice, "cory", of_anybody=True)
    assert await claim(record, notice, "cory") == "cory"
    assert await handle(record, notice, "cory")
    assert await claim(record, notice, "cory") is None
    assert (await count_unseen(record)).waiting == 1
    assert await claim(record, uuid4(), "cory") is None
