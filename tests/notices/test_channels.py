"""The channels on real servers: what each answer means, that ids stay the same, and that nothing hostile gets in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP as POLICY
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.notices.channels import ACCEPTED, AttemptOutcome, Channel, OutgoingMessage
from activities.notices.contacts import ContactPoint, is_email
from activities.notices.smtp import by_email, compose
from activities.notices.webhooks import by_webhook, posting
from activities.notices.wording import Service, words
from tests.application.watchdog.pager import ELSEWHERE, KEY, Pager
from tests.notices.mail_server import HANG, STEPS, Mailbox, breaking, make_certificate, serving

LINK = "https://console.example/journeys/00000000-0000-0000-0000-000000000002"


def a_message(**changed: object) -> OutgoingMessage:
    given = {
        "id": "msg_1_home",
        "notice_id": UUID(int=1),
        "journey_id": UUID(int=2),
        "to": "clinician",
        "address": "clio@clinic.example",
        "subject": "Clinic: there is a task for you",
        "text": "There is a task for you.\n",
    }
    return OutgoingMessage(**{**given, **changed})  # type: ignore[arg-type]


async def test_an_email_says_what_it_should_and_no_more(mailbox: Mailbox) -> None:
    assert await by_email(mailbox.server())(a_message(alarm=True)) == ACCEPTED
    [mail] = mailbox.mails
    assert mail["Message-ID"] == "<msg_1_home@clinic.example>"
    assert mail["X-Message-Reference"] == "msg_1_home"
    assert (mail["From"], mail["To"]) == ("messages@clinic.example", "clio@clinic.example")
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
    assert mail.get_content().splitlines() == ["There is a task for you."]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("421 later", "deferred"),
        ("450 mailbox busy", "deferred"),
        ("451 greylisted", "deferred"),
        ("452 full", "deferred"),
        ("550 no such person", "bounced"),
        ("552 too much", "bounced"),
        ("554 refused", "bounced"),
    ],
)
@pytest.mark.parametrize("of", ["recipients", "answers"])
async def test_what_a_server_answers_decides_whether_it_is_tried_again(
    mailbox: Mailbox, answer: str, state: str, of: str
) -> None:
    getattr(mailbox, of).append(answer)
    assert await by_email(mailbox.server())(a_message()) == AttemptOutcome(state, answer[:3])  # type: ignore[arg-type]


async def test_a_server_that_hangs_after_the_message_is_left_and_asked_again_under_the_same_id(
    mailbox: Mailbox,
) -> None:
    mailbox.answers.append(HANG)
    send = by_email(mailbox.server(seconds=0.3))
    first = await send(a_message())
    assert first.state == "deferred"
    assert await send(a_message()) == ACCEPTED
    assert len(mailbox.ids) == 2
    assert len(set(mailbox.ids)) == 1


async def test_a_server_that_is_away_is_tried_again(mailbox: Mailbox) -> None:
    outcome = await by_email(mailbox.server(port=1))(a_message())
    assert outcome == AttemptOutcome("deferred", "SMTPConnectError")


@pytest.mark.parametrize("answer", ["", HANG, "421 going away", "what"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_server_that_breaks_off_wherever_is_tried_again_under_the_same_id(step: str, answer: str) -> None:
    async with breaking(step, answer) as mailbox:
        send = by_email(mailbox.server(seconds=0.5))
        assert (await send(a_message())).state == "deferred"
        assert await by_email(mailbox.server())(a_message()) == ACCEPTED
    assert mailbox.ids == ["<msg_1_home@clinic.example>"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_mail_is_encrypted_by_a_certificate_that_is_known(tmp_path: Path, *, at_once: bool) -> None:
    security = "tls" if at_once else "starttls"
    certificate, tls = make_certificate(tmp_path)
    async with serving(tls, at_once=at_once) as mailbox:
        outcome = await by_email(mailbox.server(security=security, ca_file=certificate))(a_message())
        assert outcome == ACCEPTED
        assert mailbox.encrypted == [True]
        strange = await by_email(mailbox.server(security=security))(a_message())
        assert strange.state == "deferred"
        assert len(mailbox.sent) == 1


async def test_nothing_is_sent_in_clear_where_encryption_is_asked_for(mailbox: Mailbox) -> None:
    outcome = await by_email(mailbox.server(security="starttls"))(a_message())
    assert outcome.state == "deferred"
    assert mailbox.sent == []


async def test_what_is_secret_is_in_no_representation(mailbox: Mailbox) -> None:
    message = a_message(address="pat@home.example", text="the text", link=LINK)
    for text in (repr(message), repr(mailbox.server(user="u", password="pw-4711"))):
        assert "pat@" not in text
        assert "the text" not in text
        assert "4711" not in text
    point = ContactPoint(id="home", channel="email", address="pat@home.example")
    assert "pat@" not in repr(point)


# Hostile text

HEADERS = {"from", "to", "subject", "message-id", "x-message-reference", "date", "auto-submitted", "content-type",
           "content-transfer-encoding", "mime-version"}  # fmt: skip


@given(
    address=st.text(min_size=1, max_size=60) | st.from_regex(r"\A[^@]{1,9}@[^@]{1,9}\Z"),
    name=st.text(max_size=80),
    call=st.text(max_size=80),
)
@example(address="a@b.example\r\nBcc: c@d.example", name="x\nBcc: c@d.example", call="\r\n.\r\nMAIL FROM:<>")
@example(address="a@b.example,c@d.example", name="x\u2028Bcc: c@d.example", call="\x85Bcc: c@d.example")
@example(address='"a b"@b.example', name="\u202eevil", call="x" * 80)
@example(address="a@b.example>\0<c@d.example", name="=?utf-8?q?=0ABcc:_c=40d.example?=", call="\x00")
@example(address="-oQ/tmp@b.example", name="\x1b[2J", call="https://elsewhere.example")
@example(address="a@b.example", name="Ünïcode ✂", call="☎ +1 555 0100")
def test_nothing_hostile_makes_a_header_a_recipient_or_a_part(address: str, name: str, call: str) -> None:
    try:
        ContactPoint(id="p", channel="email", address=address)
    except ValidationError:
        address = "a@b.example"
    subject, text = words(Service(name, call, None), alarm=False, until=None, zone=None, link=None)
    message = a_message(address=address, subject=subject, text=text)
    sent = compose(message, "messages@clinic.example").as_bytes()
    read = message_from_bytes(sent, policy=POLICY)
    assert {header.lower() for header in read} == HEADERS
    assert len(read.keys()) == len(HEADERS)
    assert [each.addr_spec for each in read["To"].addresses] == [address]
    assert not read.is_multipart()


def test_until_when_is_said_on_the_clock_of_the_zone() -> None:
    until = datetime(2026, 3, 2, 17, tzinfo=UTC)
    spelled = {
        None: "Until: 2026-03-02 17:00 (UTC)",
        "America/Los_Angeles": "Until: 2026-03-02 09:00 (America/Los_Angeles)",
    }
    for zone, line in spelled.items():
        said = words(Service(), alarm=False, until=until, zone=zone, link=None).text.splitlines()
        assert said[1] == line


@pytest.mark.parametrize("address", ["a@b.example", "a.b+c@d-e.example", "o'neil@x.example"])
def test_an_ordinary_address_can_be_used(address: str) -> None:
    assert is_email(address)


# Webhooks


@asynccontextmanager
async def hooked(pager: Pager) -> AsyncIterator[Channel]:
    async with posting(f"http://127.0.0.1:{pager.port}/messages", KEY, 0.5) as post:
        yield by_webhook(post)


async def test_a_webhook_is_signed_and_says_whom_to_pass_it_on_to(pager: Pager) -> None:
    until = datetime(2026, 3, 2, 17, tzinfo=UTC)
    async with hooked(pager) as send:
        assert await send(a_message(address="sms:+15550100", until=until, link=LINK)) == ACCEPTED
    [call] = pager.calls
    assert call.page_id == "msg_1_home"
    assert call.body == {
        "type": "message",
        "data": {
            "notice_id": str(UUID(int=1)),
            "to": "sms:+15550100",
            "alarm": False,
            "subject": "Clinic: there is a task for you",
            "text": "There is a task for you.\n",
            "until": "2026-03-02T17:00:00+00:00",
            "link": LINK,
        },
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (500, AttemptOutcome("deferred", "500")),
        (503, AttemptOutcome("deferred", "503")),
        (429, AttemptOutcome("deferred", "429")),
        (400, AttemptOutcome("deferred", "400")),
        (401, AttemptOutcome("deferred", "401")),
        (404, AttemptOutcome("deferred", "404")),
        (410, AttemptOutcome("bounced", "410")),
        ("redirect", AttemptOutcome("deferred", "307")),
        ("hang", AttemptOutcome("deferred", "TimeoutError")),
    ],
)
async def test_what_a_receiver_answers_decides_whether_it_is_tried_again(
    pager: Pager, answer: int | str, outcome: AttemptOutcome
) -> None:
    pager.answers.append(answer)  # type: ignore[arg-type]
    async with hooked(pager) as send:
        assert await send(a_message()) == outcome
        assert await send(a_message()) == ACCEPTED
    assert [call.page_id for call in pager.calls] == ["msg_1_home"] * 2
    assert pager.calls[0].raw == pager.calls[1].raw
    assert ELSEWHERE not in {call.path for call in pager.calls}
