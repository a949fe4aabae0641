"""Whoever tries too often waits for seconds; nobody is locked out by what others do; memory stays bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from console import limits
from console.__main__ import PROXIES
from console.limits import MOST, OF_ADDRESS, OF_PERSON, OF_PERSON_THERE, Limits, TooOften, network_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HERE, ELSEWHERE = "203.0.113.1", "198.51.100.7"


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


def tries(limits: Limits, count: int, address: str = HERE, person: str = "") -> list[int]:
    """Try so often; the waits that were asked for."""
    waits = []
    for _ in range(count):
        try:
            limits.take(address, person)
        except TooOften as told:
            waits.append(told.seconds)
    return waits


@pytest.mark.parametrize(
    ("person", "rate"), [("", OF_ADDRESS), ("somebody", OF_PERSON_THERE)], ids=["address", "person"]
)
def test_so_many_at_once_and_then_a_wait_of_seconds(person: str, rate: limits.Rate) -> None:
    clock = Clock()
    limited = Limits(clock)
    assert tries(limited, rate.tries, person=person) == []
    [wait] = tries(limited, 1, person=person)
    assert 1 <= wait <= 2
    clock.at += timedelta(seconds=wait)
    assert tries(limited, 1, person=person) == []


def test_who_keeps_trying_waits_no_longer_than_who_stops() -> None:
    limited = Limits(Clock())
    tries(limited, OF_PERSON_THERE.tries, person="somebody")
    assert {*tries(limited, 50, person="somebody")} == {2}


@pytest.mark.parametrize("addresses", [1, 5, 40])
def test_others_lock_nobody_out_at_their_own_address(addresses: int) -> None:
    clock = Clock()
    limited = Limits(clock)
    for _ in range(5):
        for number in range(addresses):
            tries(limited, 40, f"2001:db8:{number:x}::", "victim")
        assert tries(limited, 1, HERE, "victim") == []
        clock.at += timedelta(minutes=1)


def test_one_id_from_everywhere_is_limited_for_those_who_try_it_again() -> None:
    limited = Limits(Clock())
    counted = sum(10 - len(tries(limited, 10, f"198.51.100.{number}", "victim")) for number in range(50))
    assert counted <= OF_PERSON.tries + 50


def test_one_person_is_not_limited_by_another_at_the_same_address() -> None:
    limited = Limits(Clock())
    tries(limited, OF_PERSON_THERE.tries + 5, person="one")
    assert tries(limited, OF_PERSON_THERE.tries, person="another") == []


def test_memory_stays_bounded_and_forgets_first_who_may_try_again() -> None:
    limited = Limits(Clock())
    tries(limited, OF_PERSON_THERE.tries, ELSEWHERE, "kept")
    for number in range(MOST):
        limited.take(f"2001:db8::{number:x}", f"person-{number}")
    assert tries(limited, 1, ELSEWHERE, "kept")
    # The one try of the first is forgotten, as if they had made none.
    assert tries(limited, OF_ADDRESS.tries, "2001:db8::0", "") == []


@given(steps=st.lists(st.tuples(st.integers(-3600, 3600), st.booleans()), max_size=60))
def test_no_clock_makes_anybody_wait_for_long(steps: list[tuple[int, bool]]) -> None:
    clock = Clock()
    limited = Limits(clock)
    for seconds, much in steps:
        clock.at += timedelta(seconds=seconds)
        assert max(tries(limited, 40 if much else 1, person="somebody"), default=0) <= 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("203.0.113.1", "::ffff:203.0.113.1", True),
        ("203.0.113.1", "203.0.113.2", False),
        ("", "", True),
        ("testclient", "testclient", True),
    ],
)
def test_addresses_of_one_network_count_together(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1"])
async def test_a_proxy_on_this_machine_says_where_requests_come_from(proxy: str) -> None:
    seen = []

    async def take(scope: Any, *_: Any) -> None:
        seen.append(scope["client"][0])

    nothing: Any = None
    request: Any = {"type": "http", "client": (proxy, 50000), "headers": [(b"x-forwarded-for", b"203.0.113.7")]}
    await ProxyHeadersMiddleware(take, [*PROXIES])(request, nothing, nothing)
    assert seen == ["203.0.113.7"]


@pytest.mark.parametrize("back", [timedelta(seconds=31), timedelta(hours=1), timedelta(days=9)], ids=str)
def test_a_clock_that_was_set_back_keeps_nobody_out(back: timedelta) -> None:
    clock = Clock()
    limited = Limits(clock)
    assert not tries(limited, OF_PERSON_THERE.tries, person="somebody")
    clock.at -= back
    assert not tries(limited, 1, person="somebody")
