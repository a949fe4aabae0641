"""Two equal taps on a button of one page: the second gets the answer of the first.

A browser shows the second answer alone. Of what is done by then it could only say that it does not fit any more, to
somebody who does not know that they did it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console import cookies

T = TypeVar("T")
MOST_PARTS = 4
"""In how many parts a form may come for it to be compared. A longer one is a file, or is sent piece by piece."""
MOST = 1000
"""How many answers are kept at most; beyond it, the oldest is dropped."""


class Taps(Generic[T]):
    """The answers to what was tapped just now. An equal tap gets the same answer until the first one has it, and also
    later, as long as ``after`` has not passed since the first one came. ``now`` gives the time (UTC)."""

    def __init__(self, now: Callable[[], datetime], after: timedelta = timedelta(0)) -> None:
        self._now = now
        self._after = after
        self._answers: dict[tuple[object, ...], tuple[datetime, asyncio.Future[T]]] = {}

    async def answer(self, tapped: tuple[object, ...], act: Callable[[], Awaitable[T]]) -> T:
        """Return what comes of the first of equal taps."""
        now = self._now()
        for key, (since, answer) in [*self._answers.items()]:
            over = not timedelta(0) <= now - since < self._after or len(self._answers) >= MOST
            if over and answer.done():
                del self._answers[key]
        if tapped not in self._answers:
            answer = asyncio.ensure_future(act())
            self._answers[tapped] = now, answer
            answer.add_done_callback(lambda done: self._let_go(tapped, done))
        # That a browser does not wait any more does not end it for the tap that it waits for now.
        return await asyncio.shield(self._answers[tapped][1])

    def _let_go(self, tapped: tuple[object, ...], answer: asyncio.Future[T]) -> None:
        """Keep no answer that nobody may ask for again, nor one that failed: tapped again it may go well."""
        _, kept = self._answers.get(tapped, (None, None))
        if kept is answer and (not self._after or answer.cancelled() or answer.exception() is not None):
            del self._answers[tapped]


class OneAnswer:
    """Gives equal forms that one browser sends at once the same answer. Those that come later are told apart by what is
    recorded. ``cookie`` is what a browser has in which somebody is signed in; ``now`` gives the time (UTC)."""

    def __init__(self, app: ASGIApp, cookie: str, now: Callable[[], datetime]) -> None:
        self._app = app
        self._cookie = cookie
        self._taps: Taps[Sequence[Message]] = Taps(now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        secret = cookies.sent(Request(scope), self._cookie) if scope["type"] == "http" else None
        if secret is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        sent = [await receive()]
        while sent[-1].get("more_body", False) and len(sent) < MOST_PARTS:
            sent.append(await receive())
        whole, parts = not sent[-1].get("more_body", False), iter(sent)

        async def again() -> Message:
            return next(parts, None) or await receive()

        if not whole:
            await self._app(scope, again, send)
            return

        async def act() -> Sequence[Message]:
            said: list[Message] = []

            async def keep(message: Message) -> None:
                said.append(message)

            await self._app(scope, again, keep)
            return said

        request, body = Request(scope), b"".join(message.get("body", b"") for message in sent)
        headers = [request.headers.get(name) for name in ("accept", "user-agent")]
        tapped = (secret, str(request.url), *headers, sha256(body).digest())
        for message in await self._taps.answer(tapped, act):
            await send({**message})
