"""Two equal taps on a button of one page: the second gets the answer of the first.

A browser shows the second answer alone. For what works once that could only say that it was done, to somebody who does
not know that they did it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from fastapi.responses import Response

EQUAL = timedelta(seconds=30)
"""How long after the first a tap counts as one with it."""
MOST = 1000
"""How many answers are kept at most; beyond it, the oldest is dropped."""


class Taps:
    """The answers to what was tapped just now, by page and what was sent. ``now`` gives the time (UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._answers: dict[tuple[str, ...], tuple[datetime, asyncio.Future[Response]]] = {}

    async def answer(self, tapped: tuple[str, ...], act: Callable[[], Awaitable[Response]]) -> Response:
        """Return what came of the first of equal taps, also while that is not done yet."""
        now = self._now()
        for key, (since, _) in [*self._answers.items()]:
            if not timedelta(0) <= now - since <= EQUAL or len(self._answers) >= MOST:
                del self._answers[key]
        if tapped not in self._answers:
            self._answers[tapped] = now, asyncio.ensure_future(act())
        try:
            # That a browser does not wait any more does not end it for the tap that it waits for now.
            return await asyncio.shield(self._answers[tapped][1])
        except Exception:
            self._answers.pop(tapped, None)  # Tapped again it may go well.
            raise
