"""What waits in memory for a browser to come back: each thing is found by a secret, for a while, and taken once."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 1000
"""How many wait at most; beyond it, the oldest is dropped."""


class Tickets(Generic[T]):
    """What waits, by its secret. ``now`` gives the time (UTC), ``waits`` says for how long each is kept."""

    def __init__(self, now: Callable[[], datetime], waits: timedelta) -> None:
        self._now = now
        self._waits = waits
        self._kept: dict[str, tuple[datetime, T]] = {}

    def keep(self, thing: T) -> str:
        """Keep something; return the secret."""
        now = self._now()
        for ticket, (since, _) in [*self._kept.items()]:
            if now - since > self._waits or len(self._kept) >= MOST:
                del self._kept[ticket]
        ticket = secrets.token_urlsafe(32)
        self._kept[ticket] = now, thing
        return ticket

    def find(self, ticket: str | None) -> T | None:
        """Return what was kept, and keep it; None when it was taken, or is too old."""
        since, thing = self._kept.get(ticket or "", (None, None))
        return None if since is None or self._now() - since > self._waits else thing

    def take(self, ticket: str | None) -> T | None:
        """Return what was kept, once; None when it was taken before, or is too old."""
        found = self.find(ticket)
        self._kept.pop(ticket or "", None)
        return found
