"""What notifications of mail servers are understood to say, and what is none."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.messages.bounces import Bounce, bounce_of, read_notification
from tests.notices.notifications import notification

OURS = f"msg_{UUID(int=7).hex}_email-0a1b2c"
BACK = Bounce(UUID(int=7), "email-0a1b2c", "5.1.1")


@pytest.mark.parametrize("returned", ["whole", "headers"])
@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_what_did_not_arrive_is_found_by_its_id(returned: str, ends: bytes) -> None:
    assert read_notification(notification(OURS, returned=returned).replace(b"\r\n", ends)) == BACK


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


@pytest.mark.parametrize("code", ["5.1.1 pat@home.example", "<b>", "", "x" * 21])
def test_what_may_say_who_it_was_for_is_not_kept(code: str) -> None:
    assert bounce_of(OURS, code) == BACK._replace(code=None)
    assert bounce_of(f"{OURS}\n", code) is None
