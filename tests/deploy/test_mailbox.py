"""The mailbox of the local stack: what comes is shown as plain text, and only what is signed comes by a webhook."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from activities.notices.calendar_entries import CalendarFile
from activities.notices.channels import ACCEPTED, OutgoingMessage
from activities.notices.smtp import SmtpServer, by_email
from activities.notices.webhooks import body_of, sign
from deploy.local.mailbox import MOST_KEPT, Mail, Mailbox, create_app, taking_mail

KEY = b"k" * 32
LINK = "http://localhost:8740/go/abc_DEF-123"
HOSTILE = '<script>alert(1)</script> "\'><a href="https://evil.example/"> javascript:alert(1) '


def a_message(**changed: Any) -> OutgoingMessage:
    given: dict[str, Any] = {
        "id": "msg_1",
        "notice_id": uuid4(),
        "journey_id": uuid4(),
        "to": "patient",
        "address": "pat@home.example",
        "subject": "Clinic: there is a task for you",
        "text": f"Go on here: {LINK}\nTo call: +1 555 0100\n",
    }
    return OutgoingMessage(**{**given, **changed})


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox(KEY)


@pytest.fixture
async def browser(mailbox: Mailbox) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_app(mailbox))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8742") as client:
        yield client


async def test_a_mail_arrives_and_its_link_can_be_followed(mailbox: Mailbox, browser: httpx2.AsyncClient) -> None:
    assert "Nothing has come yet" in (await browser.get("/")).text
    entry = CalendarFile("PUBLISH", b"BEGIN:VCALENDAR")
    async with taking_mail(mailbox) as port:
        send = by_email(SmtpServer("127.0.0.1", port, "messages@clinic.example", security="none"))
        assert await send(a_message(calendar=(entry,))) == ACCEPTED
    listed = await browser.get("/", params={"to": "pat@home.example"})
    assert "Clinic: there is a task for you" in listed.text
    assert "Nothing has come yet" in (await browser.get("/", params={"to": "else@home.example"})).text
    shown = await browser.get("/messages/1")
    assert f'<a href="{LINK}"' in shown.text
    assert "To call: +1 555 0100" in shown.text
    assert "BEGIN:VCALENDAR" in shown.text
    assert (await browser.get("/messages/2")).status_code == 404
    assert (await browser.get("/", headers={"host": "evil.example"})).status_code == 400


async def test_a_text_message_counts_if_it_is_signed_and_fresh(mailbox: Mailbox, browser: httpx2.AsyncClient) -> None:
    body, now = body_of(a_message(address="sms:pat")), int(time.time())

    async def post(sent: bytes, at: str, signature: str) -> int:
        headers = {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature}
        return (await browser.post("/texts", content=sent, headers=headers)).status_code

    right, old = sign(KEY, "msg_1", now, body), now - 3600
    refused = [
        await post(body + b" ", str(now), right),
        await post(body, str(now + 1), right),
        await post(body, str(old), sign(KEY, "msg_1", old, body)),
        await post(body, "now", right),
        await post(body, str(now), sign(b"x" * 32, "msg_1", now, body)),
        await post(b"x" * 10**6, str(now), right),
    ]
    assert refused == [401] * 5 + [413]
    assert not mailbox.mails
    assert await post(body, str(now), right) == 204
    assert "sms:pat" in (await browser.get("/")).text


async def test_what_is_shown_is_text_and_what_is_kept_is_bounded(mailbox: Mailbox, browser: httpx2.AsyncClient) -> None:
    for _ in range(MOST_KEPT + 1):
        mailbox.put(Mail("e-mail", datetime.now(UTC), HOSTILE, HOSTILE, HOSTILE, (HOSTILE,)))
    assert len(mailbox.mails) == MOST_KEPT
    for address in ("/", f"/messages/{mailbox.count}"):
        page = await browser.get(address)
        assert "<script>" not in page.text
        assert 'href="javascript' not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await browser.get("/messages/1")).status_code == 404, "the oldest is forgotten"
    async with taking_mail(mailbox) as port:
        send = by_email(SmtpServer("127.0.0.1", port, "messages@clinic.example", security="none"))
        assert await send(a_message(text=HOSTILE, subject="=?utf-8?q?=3Cscript=3E?=")) == ACCEPTED
    shown = await browser.get(f"/messages/{mailbox.count}")
    assert "<script>" not in shown.text
    assert '<a href="https://evil.example/"' in shown.text, "an address can be followed, and nothing else is markup"
