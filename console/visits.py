"""One request of somebody who is signed in: who it is, and the context of the use cases it calls."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, Request

from activities.record import Record
from application.context import Ask, Context, connect_to_temporal, nobody, record_of
from application.errors import NotAllowed
from application.settings import Settings
from application.temporal.journeys import Journeys
from console.drafts import COOKIE as DRAFTS
from console.drafts import SHOWN_AGAIN, Drafts, Entered
from console.sign_ins import Notice, SignIn, SignIns

COOKIE = "__Host-carepath"
"""The cookie that holds the secret of a sign-in. Its prefix binds it to this host, to secure connections and to `/`."""
FORM_FIELD = "form_token"
"""The hidden control by which a form is known to come from a page of this sign-in."""


class NotSignedIn(Exception):
    """Nobody is signed in with this browser, or no more."""


class Opened:
    """The record and Temporal, each opened when it is first needed, and then for all requests."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._exits = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._record: Record | None = None
        self._journeys: Journeys | None = None

    @asynccontextmanager
    async def record(self, settings: Settings) -> AsyncIterator[Record]:
        async with self._opening:
            if self._record is None:
                self._record = await self._exits.enter_async_context(record_of(settings))
        yield self._record

    @asynccontextmanager
    async def journeys(self, settings: Settings) -> AsyncIterator[Journeys]:
        async with self._opening:
            if self._journeys is None:
                self._journeys = await self._exits.enter_async_context(connect_to_temporal(settings))
        yield self._journeys

    def context(self, *, profile: str, ask: Ask) -> Context:
        """Return the context of one request."""
        return Context(
            profile=profile,
            ask=ask,
            load=lambda: self.settings,
            open_record=self.record,
            connect=self.journeys,
        )

    async def close(self) -> None:
        await self._exits.aclose()


class MakeContext(Protocol):
    """Makes the context of one request: for the person of a profile, and with what answers its questions."""

    def __call__(self, *, profile: str, ask: Ask) -> Context: ...


class Visit:
    """One request of a person. ``sent`` is what their browser sent with a form."""

    def __init__(self, request: Request, signed_in: SignIn, sent: Mapping[str, Sequence[str]]) -> None:
        self.request = request
        self.signed_in = signed_in
        self.sent = sent
        self._make_context: MakeContext = request.app.state.make_context

    def context(self, ask: Ask = nobody) -> AbstractAsyncContextManager[Context]:
        """Return the context of a use case. ``ask`` answers what it asks the person."""
        return self._make_context(profile=str(self.signed_in.profile), ask=ask)

    def take_draft(self) -> Entered | None:
        """Return what they entered in the form of this address before they were signed out, and say so."""
        request = self.request
        draft = drafts_of(request).take(request.cookies.get(DRAFTS), request.url.path, self.signed_in.person.id)
        if draft is not None:
            self.signed_in.notice = Notice(SHOWN_AGAIN)
        return draft

    def value(self, name: str) -> str | None:
        """Return a value of the form that is not empty; None where there is none."""
        return next((value.strip() for value in self.sent.get(name, ()) if value.strip()), None)


def sign_ins_of(request: Request) -> SignIns:
    """Return who is signed in with this server."""
    found: SignIns = request.app.state.sign_ins
    return found


def drafts_of(request: Request) -> Drafts:
    """Return what was sent by browsers in which nobody was signed in any more."""
    found: Drafts = request.app.state.drafts
    return found


def signed_in_with(request: Request) -> SignIn | None:
    """Return who is signed in with this browser."""
    return sign_ins_of(request).find(request.cookies.get(COOKIE))


async def looks(request: Request) -> Visit:
    """Return the visit of somebody who looks.

    Raises:
        NotSignedIn: nobody is signed in.
    """
    signed_in = signed_in_with(request)
    if signed_in is None:
        raise NotSignedIn
    return Visit(request, signed_in, {})


async def acts(request: Request) -> Visit:
    """Return the visit of somebody who sends a form. It must come from a page of this server, for this sign-in.

    Raises:
        NotSignedIn: nobody is signed in.
        NotAllowed: the form is not from a page that this person was shown.
    """
    visit = await looks(request)
    visit.sent = await sent_with(request)
    given = visit.value(FORM_FIELD) or ""
    if not secrets.compare_digest(given.encode(), visit.signed_in.form_token.encode()):
        raise _strange_form()
    return visit


async def sent_with(request: Request) -> Mapping[str, Sequence[str]]:
    """Return what was sent with a form.

    Raises:
        NotAllowed: another site sent it.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise _strange_form()
    form = await request.form(max_files=0, max_fields=2000)
    return {name: [str(value) for value in form.getlist(name)] for name in form}


def _strange_form() -> NotAllowed:
    return NotAllowed(
        "this form does not come from a page you have open",
        "Go back, load the page again, and send it from there",
    )


Looks = Annotated[Visit, Depends(looks)]
Acts = Annotated[Visit, Depends(acts)]
