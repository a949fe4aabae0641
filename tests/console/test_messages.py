"""Messages and contact points in the console: what reached nobody is seen to, and a point counts once its code came."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from activities.notices import queue
from activities.notices.channels import ACCEPTED, AttemptOutcome, OutgoingMessage
from activities.notices.contacts import ContactPoint, ContactPoints, Contacts
from activities.notices.delivering import Sender, see_to
from activities.notices.listing import list_messages
from activities.notices.queue import NewFact
from activities.notices.webhooks import sign
from activities.privacy.key_store import open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import Opening, Record
from activities.record.event_codec import to_new
from activities.record.stored import NewNotice
from application.messages.contact_points import why_no_link
from application.process.sealing import open_sealed
from console import limits as console_limits
from console.limits import Rate
from deploy.local.postgres import Database
from simulation.people import CLINIC, PEOPLE
from tests.application.watchdog.pager import KEY
from tests.cli.conftest import JOURNEY, opening
from tests.cli.helpers import World, invented
from tests.console.browser import Browser, Form
from tests.console.conftest import console_of
from tests.record.helpers import a_notice
from tests.record.read_models.courses import catch_up
from workflows.journey.vocabulary.actors import Role

ADDRESS = "pat@home.example"
POINTS = f"/journeys/{JOURNEY}/contact-points"
AGREED = "invented words"
CLIO = PEOPLE[Role.CLINICIAN].id


@pytest.fixture
async def world(migrated: Database, keys_database: Database, keyring: Path) -> World:
    """A world with keys, a journey whose patient is known, and a message that reached nobody."""
    world = World(migrated, keys_url=SecretStr(keys_database.keys_url), keyring_file=keyring)
    world.at = datetime.now(UTC)
    async with open_sealed(world.settings, world.recorder) as record:
        begun = Opening(patient_keys=(record.patients.of_ref("pat"),), medicine="invented")
        await record.append(JOURNEY, 0, [to_new(each) for each in opening()], opening=begun)
        await catch_up(record)
    return world


@pytest.fixture
def console(world: World, tmp_path: Path, exits: AsyncExitStack) -> FastAPI:
    return console_of(world, tmp_path / "profiles", JOURNEY, exits)


async def deliver(world: World) -> list[OutgoingMessage]:
    """Do what workers do, by one channel that takes everything; what it took."""
    sent: list[OutgoingMessage] = []

    async def take(message: OutgoingMessage) -> AttemptOutcome:
        sent.append(message)
        return ACCEPTED

    assert world.settings.keys_url is not None
    assert world.settings.keyring_file is not None
    keyring = Keyring(world.settings.keyring_file)
    async with (
        open_sealed(world.settings, world.recorder) as record,
        open_key_store(world.settings.keys_url.get_secret_value(), keyring) as keys,
    ):
        sender = Sender(record, invented().register, Contacts(record, keys), {"email": take})
        for notice in await queue.take(record, alarm=False, most=100, seconds=60):
            await see_to(sender, notice)
    return sent


async def test_a_gateway_reports_what_came_back_and_nobody_else_does(
    world: World, console: FastAPI, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed, once, and without a word about what there is."""
    monkeypatch.setattr(console_limits, "OF_ADDRESS", Rate(4, timedelta(hours=1)))
    console.state.bounce_key = KEY
    notice = uuid4()
    told = a_notice(JOURNEY, notice_id=notice, recipient_role=Role.CLINICIAN, clinic=CLINIC)
    async with open_sealed(world.settings, world.recorder) as record:
        await record.deliver_notices([told])
        await queue.keep(record, notice, [NewFact(CLIO, "sms-1", "webhook", state) for state in ("sent", "accepted")])
    data = {"message_id": f"msg_{notice.hex}_sms-1", "code": "30003"}

    async def report(
        said: Mapping[str, object], *, key: bytes = KEY, late: int = 0, kind: str = "message.bounced"
    ) -> int:
        body = json.dumps({"type": kind, "data": said}).encode()
        at = int(world.at.timestamp()) - late
        headers = {"webhook-id": "r-1", "webhook-timestamp": str(at), "webhook-signature": sign(key, "r-1", at, body)}
        answer = await browser.client.post("/messages/bounced", content=body, headers=headers)
        assert (answer.text == "") == (answer.status_code == 204)
        return answer.status_code

    assert [await report(data, key=b"x" * 24), await report(data, late=301), await report(data, late=-301)] == [403] * 3
    unsigned = [await browser.client.post("/messages/bounced", json=data) for _ in range(2)]
    assert [answer.status_code for answer in unsigned] == [403, 429]
    assert await report(data, kind="message") == await report({"message_id": 1}) == 422
    strange = {"message_id": f"msg_{uuid4().hex}_sms-1"}
    assert [await report(each) for each in (strange, {"message_id": "pat@home.example"}, data, data)] == [204] * 4
    async with open_sealed(world.settings, world.recorder) as record:
        [now] = await list_messages(record, notice_id=notice)
    assert (now.state, now.code) == ("bounced", "30003")
    console.state.bounce_key = None
    assert (await browser.client.post("/messages/bounced", json=data)).status_code == 404


def said(browser: Browser) -> str:
    """The text of a page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", browser.page.text)).split())


async def at_work(browser: Browser) -> str:
    """What the worklist says."""
    await browser.go("/work")
    return said(browser)


async def act(browser: Browser, do: str, **given: str) -> None:
    """Press a button of the page of contact points."""
    assert f'name="do" value="{do}"' in browser.page.text
    token = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)[0]
    sent = {"form_token": token, "do": do, **given}
    browser.last = await browser.client.post(str(browser.page.url), data=sent)


def points(browser: Browser) -> list[str]:
    return [*dict.fromkeys(re.findall(r'name="point" value="([^"]+)"', browser.page.text))]


@pytest.mark.parametrize("address", [POINTS, f"/contact-points?person={CLIO}"])
async def test_a_coordinator_adds_verifies_orders_and_removes_points(
    world: World, browser: Browser, address: str
) -> None:
    await browser.sign_in("coordinator")
    await browser.go(address)
    assert "Messages reach nobody" in said(browser)
    await act(browser, "add", channel="email", address="not an address")
    assert browser.page.status_code == 422
    assert "not an address" not in said(browser), "what is refused is not repeated"
    assert 'value="not an address"' in browser.page.text, "and nobody types it again"
    await act(browser, "add", channel="email", address=ADDRESS)
    assert ADDRESS in said(browser)
    [one] = points(browser)
    [message] = await deliver(world)
    assert message.address == ADDRESS
    code = message.text.split("code is ")[1][:6]
    assert code not in browser.page.text
    await act(browser, "verify", point=one, code=f"{(int(code) + 1) % 10**6:06}")
    assert (browser.page.status_code, "The try was counted" in said(browser)) == (422, True)
    await act(browser, "verify", point=one, code=code)
    assert "The address is used from now on." in said(browser)
    await act(browser, "add", channel="webhook", address="sms:+15550100")
    assert "webhook" not in said(browser)
    two = points(browser)[1]
    await act(browser, "first", point=two)
    assert points(browser) == [two, one]
    await act(browser, "send-code", point=two)
    await act(browser, "wish", only_alarms="yes")
    assert "Now: only alarms" in said(browser)
    await act(browser, "remove", point=two)
    assert points(browser) == [one]
    assert ADDRESS not in str(browser.page.url)


async def test_a_point_whose_button_is_pressed_twice_is_added_once(world: World, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    await browser.go(POINTS)
    form = Form("")
    form.feed(browser.page.text)
    sent = {**form.values, "do": ["add"], "channel": ["email"], "address": [ADDRESS]}
    for answer in await asyncio.gather(*(browser.client.post(POINTS, data=sent) for _ in range(2))):
        assert "This point is there already" not in answer.text
        assert ADDRESS in answer.text
    assert [message.address for message in await deliver(world)] == [ADDRESS]
    await browser.go(POINTS)
    assert len(points(browser)) == 1
    browser.last = await browser.client.post(POINTS, data={**sent, "address": ["other@home.example"]})
    assert len(points(browser)) == 2
    await act(browser, "add", channel="email", address=ADDRESS)
    assert "This point is there already" in said(browser)


async def test_a_coordinator_sets_the_agreed_code_and_sends_links(world: World, browser: Browser) -> None:
    await browser.sign_in("coordinator")
    await browser.go(POINTS)
    assert 'name="observer"' in browser.page.text
    for whom in (POINTS, f"{POINTS}?observer=sam"):
        await browser.go(whom)
        assert "No point is verified that a link could go to" in said(browser)
        assert 'name="do" value="send-link"' not in browser.page.text
        await act(browser, "add", channel="email", address=ADDRESS)
        [message] = await deliver(world)
        await act(browser, "verify", point=points(browser)[0], code=message.text.split("code is ")[1][:6])
        assert "None is set." in said(browser)
        assert "Nothing could open a link" in said(browser)
        assert 'name="do" value="send-link"' not in browser.page.text
        token = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)[0]
        sent = {"form_token": token, "do": "send-link"}
        refused = await browser.client.post(str(browser.page.url), data=sent)
        assert (refused.status_code, await deliver(world)) == (409, [])
        assert "agree on a code with them" in refused.text
        for code, again, why in (
            (AGREED, "another one", "two different codes"),
            ("12345", "12345", "too easy to guess"),
            ("111111", "111111", "too easy to guess"),
            ("", "", "too easy to guess"),
        ):
            await act(browser, "set-code", code=code, again=again)
            assert (browser.page.status_code, why in said(browser)) == (422, True)
            assert "Nothing was changed." in said(browser)
        await act(browser, "set-code", code=AGREED, again=AGREED)
        assert "The code counts now." in said(browser)
        assert "One is set." in said(browser)
        assert AGREED not in browser.page.text
        await act(browser, "send-link")
        assert "A link is on its way" in said(browser)
        assert browser.page.url.raw_path.decode() == whom
        assert [message.address for message in await deliver(world)] == [ADDRESS]
    await browser.sign_in("clinician")
    for whom in (POINTS, f"{POINTS}?observer=sam"):
        assert (await browser.go(whom)).status_code == 403


def test_a_link_is_sent_where_its_code_has_a_way_to_come() -> None:
    def point(name: str, address: str, **changed: object) -> ContactPoint:
        channel = "email" if "@" in address else "webhook"
        given = {"id": name, "channel": channel, "address": address, "verified_at": "2026-01-01T00:00:00Z"}
        return ContactPoint.model_validate({**given, **changed})

    mail, other = point("mail", "a@home.example"), point("other", "b@home.example")
    sms, again, chat = point("sms", "sms:1"), point("again", "sms:2"), point("chat", "chat:1")
    new = point("new", "sms:3", verified_at=None)
    unverified, closed, agreed = "no point is verified", "nothing could open a link", "0" * 96
    cases: Sequence[tuple[tuple[ContactPoint, ...], str | None, str]] = (
        ((), None, unverified),
        ((new,), agreed, unverified),
        ((mail,), None, closed),
        ((mail, other), None, closed),
        ((sms, again), None, closed),
        ((mail, new), None, closed),
        ((mail,), agreed, ""),
        ((mail, sms), None, ""),
        ((mail, other, chat), None, ""),
        ((sms, chat), None, ""),
    )
    for points, code, told in cases:
        problem = why_no_link(ContactPoints(points=points, clinic_code=code))
        why = "" if problem is None else problem.reason
        assert (why.startswith(told), bool(why)) == (True, bool(told)), points


async def test_everybody_sees_their_own_points_and_no_others(browser: Browser) -> None:
    for role in Role:
        if role in (Role.SYSTEM, Role.COORDINATOR):
            continue
        await browser.sign_in(role.value)
        own = await browser.go("/contact-points")
        assert own.status_code == (403 if role in (Role.PATIENT, Role.OBSERVER) else 200), role
        for address in (POINTS, f"/contact-points?person={PEOPLE[Role.COORDINATOR].id}"):
            assert (await browser.go(address)).status_code == 403, (role, address)


async def test_what_reached_nobody_is_seen_to_by_staff(world: World, browser: Browser) -> None:
    def notice(clinic: str) -> NewNotice:
        return NewNotice(
            notice_id=uuid4(), journey_id=JOURNEY, event_id=uuid4(), kind="k", recipient_role=Role.CLINICIAN,
            clinic=clinic,
        )  # fmt: skip

    async with open_sealed(world.settings, world.recorder) as record:
        await queue_notices(record, [notice(CLINIC), notice("another-clinic")])
    await deliver(world)
    await browser.sign_in("patient")
    for address in ("/messages", f"/messages?journey={JOURNEY}"):
        assert (await browser.go(address)).status_code == 403
    await browser.sign_in("ops")
    await browser.go("/messages?undelivered=yes")
    assert "failed (no contact)" in said(browser)
    await browser.send({}, "/messages/send-again")
    assert "The message is sent again." in said(browser)
    assert "to be sent again by " in said(browser)
    for action in ("send-again", "handle"):
        assert f'action="/messages/{action}"' not in browser.page.text, "it is on its way"
    await deliver(world)
    await browser.go("/messages?undelivered=yes")
    assert "failed (no contact)" in said(browser)
    await browser.send({}, "/messages/claim")
    assert "You said that you will see to it." in said(browser)
    await browser.sign_in("clinician")
    await browser.go("/messages?undelivered=yes")
    assert f"{PEOPLE[Role.OPS].name} will" in said(browser)
    assert 'action="/messages/claim"' not in browser.page.text
    assert "messages that reached nobody" not in (await at_work(browser)).lower()
    await browser.sign_in("coordinator")
    assert "Messages that reached nobody: 1." in await at_work(browser)
    await browser.sign_in("ops")
    await browser.go("/messages?undelivered=yes")
    assert "in 4 hours" in said(browser) or "in 3 hours" in said(browser)
    await browser.send({}, "/messages/release")
    assert "Anybody may see to it now." in said(browser)
    handled = await browser.send({}, "/messages/handle")
    assert "The message is handled." in said(browser)
    assert "Every message reached somebody" in said(browser), "that of the other clinic is not theirs"
    assert handled.url.path == "/messages"
    await browser.go(f"/messages?journey={JOURNEY}")
    assert "handled" in said(browser)
    token = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)[0]
    for message in ("", "x", str(UUID(int=7))):
        answer = await browser.client.post("/messages/handle", data={"form_token": token, "message": message})
        assert answer.status_code in (404, 422)


async def queue_notices(record: Record, notices: list[NewNotice]) -> None:
    await record.deliver_notices(notices)
