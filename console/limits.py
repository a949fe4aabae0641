"""How often anybody may try to sign in, to make a passkey, to open a link or to sign a report: by address, and by
address and person.

Nothing is locked. Whoever tries too often waits for seconds, and only they do: what others try with somebody's id
elsewhere keeps nobody out at their own address. A passkey cannot be guessed: this keeps the server free, not a secret
safe.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import NamedTuple

from fastapi import Request

from application.errors import NOTHING_HAPPENED, UseCaseError

MOST = 10_000
"""How many addresses and people are remembered at most."""
LONGEST_NAME = 100


class Rate(NamedTuple):
    """So many tries at once, and then one each time that ``every`` has passed."""

    tries: int
    every: timedelta

    @property
    def whole(self) -> timedelta:
        """After how long all tries are there again."""
        return self.tries * self.every


OF_ADDRESS = Rate(120, timedelta(milliseconds=250))
"""A whole clinic may come from one address."""
OF_PERSON = Rate(60, timedelta(seconds=1))
OF_PERSON_THERE = Rate(30, timedelta(seconds=2))
"""For somebody's id from one address."""


class TooOften(UseCaseError):
    """Somebody tries too often. ``seconds`` is how long to wait."""

    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, ceil(wait.total_seconds()))
        waits = "a second" if self.seconds == 1 else f"{self.seconds} seconds"
        super().__init__(
            "this was tried too often from where you are",
            f"Wait {waits}, and try again: nothing is locked, and nobody needs to unlock it",
            state=NOTHING_HAPPENED,
        )


class TooSlow(UseCaseError):
    """What somebody sends does not arrive whole in its time."""

    def __init__(self) -> None:
        super().__init__(
            "what was sent did not arrive whole in time",
            "Look whether your connection is slow or was lost, go back, and send it again",
            state=NOTHING_HAPPENED,
        )


class Limits:
    """How often it was tried. ``now`` gives the time (UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._spent: dict[tuple[str, ...], datetime] = {}
        """When each has all of their tries again."""

    def take(self, address: str, person: str = "") -> None:
        """Count a try from an address, with somebody's id if one is given. A try that is refused is not counted.

        Raises:
            TooOften: there were too many.
        """
        person = person.strip()[:LONGEST_NAME]
        counted: list[tuple[tuple[str, ...], Rate]] = [(("address", address), OF_ADDRESS)]
        if person:
            counted += [(("person", person, address), OF_PERSON_THERE), (("person", person), OF_PERSON)]
        binding = counted
        if person and not self._ahead(*counted[1]):
            # Others who use this id elsewhere keep nobody out who has not just tried from here.
            binding = counted[:2]
        wait = max(self._ahead(key, rate) + rate.every - rate.whole for key, rate in binding)
        if wait > timedelta(0):
            raise TooOften(wait)
        now = self._now()
        for key, rate in counted:
            self._spent[key] = now + min(self._ahead(key, rate) + rate.every, rate.whole)
        if len(self._spent) > MOST:
            self._forget()

    def _ahead(self, key: tuple[str, ...], rate: Rate) -> timedelta:
        """How long until all tries are there again. Where it is longer than it can be, the clock was set back."""
        left = self._spent.get(key, self._now()) - self._now()
        return left if timedelta(0) < left <= rate.whole else timedelta(0)

    def _forget(self) -> None:
        """Drop those who have all of their tries, or nearly."""
        soonest = sorted(self._spent, key=self._spent.__getitem__)
        for key in soonest[: MOST // 10]:
            del self._spent[key]


def count_try(request: Request, person: str = "") -> None:
    """Count a try to sign in, to make a passkey, to open a link or to sign a report, by whoever sent a request.

    Raises:
        TooOften: there were too many.
    """
    limits: Limits = request.app.state.limits
    limits.take(network_of("" if request.client is None else request.client.host), person)


def network_of(address: str) -> str:
    """Return the network of one household or company: an address of IPv4, the first half of one of IPv6."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:LONGEST_NAME]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
