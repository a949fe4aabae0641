"""A link in an alarm: one touch acknowledges it."""

from uuid import UUID, uuid4

import pytest

from activities.notices import deliver
from activities.notices.channels import OutgoingMessage
from activities.notices.contacts import ContactPoints, of_staff
from activities.notices.delivering import see_to
from activities.record.stored import NewNotice
from console.visits import COOKIE
from simulation.people import CLINIC, PEOPLE
from tests.console.links.home import HEALTH, MAIL, PHONE, Home, address_in
from tests.record.helpers import Connection
from workflows.journey.vocabulary.actors import Role

ONNO, DIRA = (PEOPLE[role].id for role in (Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR))


async def alarm(home: Home, *, verified: bool = True) -> tuple[UUID, OutgoingMessage]:
    """Page two people in their order; the message that the first one got."""
    for person in (ONNO, DIRA):
        known = await home.contacts.find(of_staff(person))
        point = MAIL.model_copy(update={"verified_at": MAIL.verified_at if verified else None})
        assert await home.contacts.keep(
            of_staff(person), ContactPoints(points=(point,)), after=known.version, by="cory"
        )
    notice = NewNotice(
        notice_id=uuid4(), journey_id=home.journey_id, event_id=uuid4(), kind="page", clinic=CLINIC, alarm=True,
        recipient_role=Role.ON_CALL_CLINICIAN, recipients=(ONNO, DIRA),
    )  # fmt: skip
    await home.record.deliver_notices([notice])
    await see_to(home.sender, notice.notice_id)
    return notice.notice_id, home.came[-1]


async def facts(home: Home, notice: UUID) -> list[tuple[str, str]]:
    async with home.record.connection() as connection:
        rows = await connection.fetch("SELECT person, state FROM record.delivery WHERE notice_id = $1", notice)
    return sorted(tuple(row) for row in rows)


@pytest.mark.server
async def test_an_alarm_is_acknowledged_with_one_touch_and_pages_nobody_else(home: Home, owner: Connection) -> None:
    notice, message = await alarm(home)
    address, browser = address_in(message), home.browser
    page = [await browser.go(address) for _ in range(3)][-1]
    assert page.text.count("<form") == page.text.count("<button") == 1
    assert "<title>Answer</title>" in page.text
    told = page.text + message.text
    assert [word for word in HEALTH if word in told.casefold()] == []
    paged = [(ONNO, "accepted"), (ONNO, "sent")]
    assert await facts(home, notice) == paged, "to open it acknowledges nothing"
    assert (await browser.send({"do": "acknowledge"}, address)).status_code == 200
    assert "nobody else is paged" in browser.page.text.casefold()
    acknowledged = [*paged[:1], (ONNO, "acknowledged"), *paged[1:]]
    assert await facts(home, notice) == acknowledged
    assert await owner.fetchval("SELECT count(*) FROM record.queued_notice") == 0
    await see_to(home.sender, notice)
    assert len(home.came) == 1
    twice = await browser.client.post(address, data={"do": "acknowledge"})
    assert (twice.status_code, "It is kept that you have it" in twice.text) == (200, True)
    assert "You have it" in (await browser.go(address)).text
    assert await facts(home, notice) == acknowledged
    assert home.world.received == [], "what the alarm is about is taken in the console"

    # It lets nobody in, and that of a patient acknowledges nothing.
    await home.reached_by(MAIL, PHONE, code="blue7kite")
    notice, message = await alarm(home)
    post = browser.client.post
    for sent in ({"code": "blue7kite"}, {"do": "code"}, {"do": "new"}, {"do": "help"}, {"do": "nothing"}, {}):
        assert (await post(address_in(message), data=sent)).status_code == 403, sent
    assert COOKIE not in browser.client.cookies
    assert home.world.received == []
    assert (await post(await home.link(), data={"do": "acknowledge"})).status_code == 403
    await owner.execute("UPDATE record.link SET until = clock_timestamp()")
    assert (await post(address_in(message), data={"do": "acknowledge"})).status_code == 403
    assert "acknowledged" not in {state for _, state in await facts(home, notice)}

    # Where nobody said that it arrives no link goes.
    _, message = await alarm(home, verified=False)
    assert message.link == f"https://localhost/journeys/{home.journey_id}"
    await home.reached_by(MAIL.model_copy(update={"verified_at": None}))
    asked = home.asked.model_copy(update={"alarm": True, "kind": "again"})
    await deliver(home.record, [asked], clinic=CLINIC, register=None)
    assert None in {each.link for each in await home.receive()}
