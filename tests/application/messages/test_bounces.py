"""What notifications of mail servers are understood to say, and what is none."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.messages.bounces import Bounce, bounce_of, read_notification
from tests.notices.notifications import notification, within

OURS = f"msg_{UUID(int=7).hex}_email-0a1b2c"
BACK = Bounce(UUID(int=7), "email-0a1b2c", "5.1.1")


@pytest.mark.parametrize("returned", ["whole", "headers"])
@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_what_did_not_arrive_is_found_by_its_id(returned: str, ends: bytes) -> None:
    assert read_notification(notification(OURS, returned=returned).replace(b"\r\n", ends)) == BACK


@pytest.mark.parametrize(
    "kinds",
    [
        ("multipart/mixed",),
        ("multipart/signed", "multipart/mixed"),
        ("message/rfc822", "multipart/mixed"),
        ("multipart/mixed", "multipart/mixed", "message/rfc822", "multipart/mixed"),
    ],
)
@pytest.mark.parametrize("returned", ["whole", "headers"])
def test_a_notification_is_found_within_parts_of_parts(kinds: tuple[str, ...], returned: str) -> None:
    assert read_notification(within(notification(OURS, returned=returned), *kinds)) == BACK
    late = notification(OURS, returned=returned, action="delayed")
    assert read_notification(within(late, *kinds)) is None


@pytest.mark.parametrize("part", [b"message/delivery-status", b"message/rfc822"])
def test_parts_of_a_notification_may_lie_within_parts(part: bytes) -> None:
    whole = notification(OURS)
    before, found, after = whole.partition(b"--edge\r\nContent-Type: " + part)
    content, edge, rest = after.partition(b"--edge")
    inner = b'--edge\r\nContent-Type: multipart/mixed; boundary="inner"\r\n\r\n--inner\r\nContent-Type: ' + part
    assert found
    assert read_notification(before + inner + content + b"--inner--\r\n" + edge + rest) == BACK


@pytest.mark.parametrize(
    "content",
    [
        notification("rewritten", reference=OURS),
        notification("rewritten", reference=OURS, returned="headers"),
        within(notification("rewritten", reference=OURS), "multipart/mixed"),
    ],
)
def test_a_message_is_known_also_where_a_relay_gave_it_an_id_of_its_own(content: bytes) -> None:
    assert read_notification(content) == BACK


def test_of_several_notifications_in_one_mail_the_one_that_failed_counts() -> None:
    late = notification(OURS, action="delayed", status="4.4.1")
    edge = b'Content-Type: multipart/mixed; boundary="both"\r\n\r\n'
    both = edge + b"".join(b"--both\r\nContent-Type: message/rfc822\r\n\r\n" + each + b"\r\n" for each in
                          (late, notification(OURS))) + b"--both--\r\n"  # fmt: skip
    assert read_notification(both) == BACK


@pytest.mark.parametrize(
    "content",
    [
        notification(OURS, action="delayed", status="4.4.1"),
        notification(OURS, action="delivered", status="2.0.0"),
        notification(OURS, returned="nothing"),
        notification("20260302170000.1234"),
        b"From: pat@home.example\r\nIn-Reply-To: <" + OURS.encode() + b"@clinic.example>\r\n\r\nI am on holiday.\r\n",
        b"",
    ],
)
def test_what_says_of_nothing_of_ours_that_it_failed_is_none(content: bytes) -> None:
    assert read_notification(content) is None


@given(st.integers(0, 2000), st.binary(max_size=40))
def test_nothing_that_is_handed_in_breaks_it(where: int, put: bytes) -> None:
    whole = notification(OURS)
    for content in (put, whole[:where] + put + whole[where:], whole[:where]):
        found = read_notification(content)
        assert found is None or "@" not in f"{found.point}{found.code}"


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed"])
def test_parts_within_parts_without_end_break_nothing(kind: str) -> None:
    endless = b"Content-Type: message/rfc822\r\n\r\n" * 5000
    assert read_notification(endless + notification(OURS)) is None
    assert read_notification(within(notification(OURS), *([kind] * 20))) == BACK


@pytest.mark.parametrize("code", ["5.1.1 pat@home.example", "<b>", "", "x" * 21])
def test_what_may_say_who_it_was_for_is_not_kept(code: str) -> None:
    assert bounce_of(OURS, code) == BACK._replace(code=None)
    assert bounce_of(f"{OURS}\n", code) is None
