"""One request of somebody who is signed in: who it is, and the context of the use cases it calls."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Annotated, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from activities.record import Record
from activities.record.verification.builds import Builds
from activities.signatures.sessions import SessionProblem, refusal_of
from application.caches.histories import Histories
from application.caches.proofs import Proofs
from application.caches.registers import Registers
from application.context import (
    LINK,
    TERMINAL,
    Ask,
    Context,
    KeptSession,
    SignWith,
    Stated,
    ask_nobody,
    connect_to_temporal,
    record_of,
)
from application.errors import NOTHING_HAPPENED, NotAllowed
from application.identity.keyring import verified_register
from application.identity.openid.people import who_may_look
from application.identity.passkeys import person_of, signing_with
from application.profiles import Profile
from application.settings import Settings
from application.temporal.journeys import Journeys
from application.words.viewer import look_from, zone_of_browser
from application.work.references import References
from console import cookies
from console.drafts import COOKIE as DRAFTS
from console.drafts import PERSON, SHOWN_AGAIN, Drafts, Entered
from console.going_back import CAME_BACK, place_of
from console.sign_ins import Flash, SignIn, SignIns
from workflows.journey.vocabulary.signed_statement import Signature

COOKIE = "__Host-carepath"
"""The cookie that holds the secret of a sign-in. Its prefix binds it to this host, to secure connections and to `/`."""
FORM_FIELD = "form_token"
"""The hidden control by which a form is known to come from a page of this sign-in."""
ZONE = "browser_zone"
"""The hidden control of a form to sign in with, by which a browser says in which zone it is (`static/passkey.js`)."""
KEPT = "application/vnd.carepath.kept+json"
"""What the script of a page accepts that keeps what was entered until it is sent (`static/kept.js`). Asked for it, a
page says what is new and a form what came of it; nothing else tells them from what a browser asks by itself."""
SEEN = "carepath-seen"
"""The header in which the script says what its page shows."""

log = structlog.get_logger("console")
KEPT_FOR_LINK = "Nothing was sent. What you entered is kept for up to an hour: open the link of that page again."


class NotSignedIn(Exception):
    """Nobody is signed in with this browser, or no more."""


class OtherSignIn(Exception):
    """A form comes from a page of a sign-in that another one in this browser has taken the place of. ``anew``: it is of
    the same person."""

    def __init__(self, *, anew: bool) -> None:
        super().__init__(anew)
        self.anew = anew


class NoWorkingSession(Exception):
    """Somebody who is signed in to look sends what needs a working session."""


class Opened:
    """The record and Temporal, each opened when it is first needed, and then for all requests."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._exits = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._proofs = Proofs()
        self._histories = Histories()
        self._registers = Registers()
        self._builds = Builds(settings.builds_file)
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

    def context(
        self,
        *,
        profile: str | None = None,
        person: Profile | None = None,
        session: KeptSession | None = None,
        sign_with: SignWith | None = None,
        let_in_by: str | None = TERMINAL,
        ask: Ask = ask_nobody,
    ) -> Context:
        """Return the context of one request."""
        return Context(
            profile=profile,
            person=person,
            session=session,
            sign_with=sign_with,
            let_in_by=let_in_by,
            ask=ask,
            load=lambda: self.settings,
            open_record=self.record,
            connect=self.journeys,
            proofs=self._proofs,
            histories=self._histories,
            registers=self._registers,
            builds=self._builds,
        )

    async def close(self) -> None:
        await self._exits.aclose()


class MakeContext(Protocol):
    """Makes the context of one request, of which `Context` says what each of these is for."""

    def __call__(
        self,
        *,
        profile: str | None = None,
        person: Profile | None = None,
        session: KeptSession | None = None,
        sign_with: SignWith | None = None,
        let_in_by: str | None = TERMINAL,
        ask: Ask = ask_nobody,
    ) -> Context: ...


class Visit:
    """One request of a person. ``sent`` is what their browser sent with a form."""

    def __init__(self, request: Request, signed_in: SignIn, sent: Mapping[str, Sequence[str]]) -> None:
        self.request = request
        self.signed_in = signed_in
        self.sent = sent
        self._make_context: MakeContext = request.app.state.make_context

    def context(self, ask: Ask = ask_nobody) -> AbstractAsyncContextManager[Context]:
        """Return the context of a use case. ``ask`` answers what it asks the person. Who signed in with a passkey signs
        with it, too, and is asked nothing. Who looks only signs nothing, and has no session to act in."""
        by = self.signed_in
        if by.passage is not None:
            return self._make_context(person=by.person, let_in_by=LINK, ask=ask)
        if by.looks_only:
            return self._make_context(person=by.person, sign_with=_sign_nothing, let_in_by=None)
        if by.key_id is None:
            return self._make_context(profile=str(by.profile), ask=ask)
        signs = signing_with(context_of_nobody(self.request), by.key_id, firsts(self.sent))
        return self._make_context(person=by.person, session=by.session, sign_with=signs)

    @property
    def by_script(self) -> bool:
        """Whether the script of a page asks, and no person waits for a page."""
        return by_script(self.request)

    @property
    def seen(self) -> str:
        """What the page of the script shows, as it was told with the page."""
        return self.request.headers.get(SEEN, "")

    def take_draft(self) -> Entered | None:
        """Return what they entered in the form of this address before they were signed out, or before they came back to
        it, and say so. It stays kept as long as they could not send it."""
        if self.signed_in.looks_only:
            return None
        request, drafts, person = self.request, drafts_of(self.request), self.signed_in.person.id
        token = cookies.sent(request, DRAFTS)
        if (draft := drafts.take(token, request.url.path, person)) is not None:
            self.signed_in.notice = Flash(f"{draft.why}. {SHOWN_AGAIN}", entered=True)
        elif (draft := drafts.find(token, place_of(request), person)) is not None:
            self.signed_in.notice = Flash(CAME_BACK, entered=True)
        return None if draft is None else draft.entered

    def require_working_session(self) -> None:
        """Raises NoWorkingSession: they are signed in to look, and no more."""
        if self.signed_in.looks_only:
            raise NoWorkingSession

    def value(self, name: str) -> str | None:
        """Return a value of the form that is not empty; None where there is none."""
        return next((value.strip() for value in self.sent.get(name, ()) if value.strip()), None)


def _sign_nothing(stated: Stated, at: datetime, until: datetime | None = None) -> Signature:  # noqa: ARG001 - the form of `SignWith`
    refusal = refusal_of(SessionProblem.NO_SESSION)
    raise NotAllowed(refusal.reason, refusal.remedy, state=NOTHING_HAPPENED)


def firsts(sent: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the first value of each control."""
    return {name: values[0] for name, values in sent.items() if values}


def by_script(request: Request) -> bool:
    """Whether the script of a page asks, which keeps what was entered."""
    return KEPT in request.headers.get("accept", "")


def origin_of(request: Request) -> str:
    """Return the origin of the page that sent a form, as the browser says; it says it again where a passkey signs."""
    return request.headers.get("origin") or f"{request.url.scheme}://{request.url.netloc}"


def context_of_nobody(request: Request) -> Context:
    """Return the context of somebody who is not signed in, and is let in by nothing."""
    make_context: MakeContext = request.app.state.make_context
    return make_context(let_in_by=None)


def settings_of(request: Request) -> Settings:
    """Return the settings of this server."""
    return context_of_nobody(request).settings


def sign_ins_of(request: Request) -> SignIns:
    """Return who is signed in with this server."""
    found: SignIns = request.app.state.sign_ins
    return found


def references_of(request: Request) -> References:
    """Return the references of patients that lists of this server showed lately."""
    found: References = request.app.state.references
    return found


def drafts_of(request: Request) -> Drafts:
    """Return what was sent by browsers in which nobody was signed in any more."""
    found: Drafts = request.app.state.drafts
    return found


def agent_of(request: Request) -> str:
    """Return what kind of browser it is, as it says itself."""
    return request.headers.get("user-agent", "")


def zone_sent(sent: Mapping[str, str]) -> ZoneInfo | None:
    """Return the zone that a browser says it is in; None where it says none that is known."""
    return zone_of_browser(sent.get(ZONE, ""))


def signed_in_with(request: Request, *, does: bool = True) -> SignIn | None:
    """Return who is signed in with this browser, and have the times of this request be theirs. ``does``: that they do
    something is noted."""
    found = _found_by(request, does)
    look_from(None if found is None else found.zone)
    return found


def _found_by(request: Request, does: bool) -> SignIn | None:
    """Return who is signed in with this browser, as the register has them now. Who signed in with a passkey is signed
    out when it is revoked, or when the register has no entry for them any more; and so is whom their organisation
    signed in, when the register does not let them look in this role any more. A secret that comes from another kind of
    browser was copied, and ends. A script that looks whether anything is new is nothing that they do."""
    sign_ins = sign_ins_of(request)
    does = does and (request.method != "GET" or not by_script(request))
    found = sign_ins.find(cookies.sent(request, COOKIE), does=does)
    if found is not None and found.agent != agent_of(request):
        log.warning("sign_in.in_another_browser")
        sign_ins.end(found.token)
        return None
    if found is None or (found.key_id is None and not found.looks_only):
        return found
    register, now = verified_register(context_of_nobody(request)), sign_ins.now()
    if found.key_id is not None:
        person = person_of(register, found.key_id, now)
    else:
        may_look = who_may_look(register, found.person.id, now)
        person = next((each for each in may_look if each.role == found.person.role), None)
    if person is None:
        sign_ins.end(found.token)
        return None
    found.person = person
    return found


async def visit_to_look(request: Request) -> Visit:
    """Return the visit of somebody who looks.

    Raises:
        NotSignedIn: nobody is signed in; or a link let them in to something else, and the script of a page asks.
        NotAllowed: a link let them in, and it opens something else.
    """
    visit = _visit_of(request)
    _require_opened(visit)
    if request.method == "GET" and not visit.by_script:
        visit.signed_in.in_session = False  # The room of a running session says that it is theirs, while it is open.
    return visit


async def visit_to_send(request: Request) -> Visit:
    """Return the visit of somebody who sends a form. It must come from a page of this server, for this sign-in.

    Raises:
        NotSignedIn: as `visit_to_look`.
        OtherSignIn: it says that it is from a page of an earlier sign-in, and whose.
        NotAllowed: the form is not from a page that this person was shown, or as `visit_to_look`.
    """
    visit = _visit_of(request)
    visit.sent = request.state.sent = await sent_with(request)
    given = visit.value(FORM_FIELD) or ""
    if not secrets.compare_digest(given.encode(), visit.signed_in.form_token.encode()):
        entered_by = visit.value(PERSON)
        if given and entered_by and not visit.by_script:  # A script keeps it itself, and asks who is signed in.
            raise OtherSignIn(anew=entered_by == visit.signed_in.person.id)
        raise _strange_form()
    _require_opened(visit)
    # What is sent from there takes its place: what is answered with a page is kept anew.
    drafts_of(request).take(cookies.sent(request, DRAFTS), place_of(request), visit.signed_in.person.id)
    return visit


def _visit_of(request: Request) -> Visit:
    signed_in = signed_in_with(request)
    if signed_in is None:
        raise NotSignedIn
    return Visit(request, signed_in, {})


def _require_opened(visit: Visit) -> None:
    """Require that a link opens this page, if one let them in. A script keeps what was entered until its own does."""
    request, passage = visit.request, visit.signed_in.passage
    if passage is None or passage.opens(request.url.path):
        return
    if visit.by_script:
        raise NotSignedIn
    kept = drafts_of(request).has(cookies.sent(request, DRAFTS))
    raise NotAllowed(
        "your link does not open this page",
        "Go back to your own page, or call us",
        state=KEPT_FOR_LINK if kept else NOTHING_HAPPENED,
    )


async def visit_to_act(request: Request) -> Visit:
    """Return the visit of somebody who sends a form, and has something to act with.

    Raises:
        NotSignedIn, OtherSignIn, NotAllowed: as `visit_to_send`.
        NoWorkingSession: they are signed in to look, and no more.
    """
    visit = await visit_to_send(request)
    visit.require_working_session()
    return visit


async def sent_with(request: Request) -> Mapping[str, Sequence[str]]:
    """Return what was sent with a form.

    Raises:
        NotAllowed: another site sent it.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise _strange_form()
    form = await request.form(max_files=1, max_fields=2000)
    return {name: [await _text(value) for value in form.getlist(name)] for name in form}


async def _text(value: UploadFile | str) -> str:
    """Return what was entered; of a file, what stands in it. What is no UTF-8 shows where it is not."""
    return value if isinstance(value, str) else (await value.read()).decode(errors="replace")


def _strange_form() -> NotAllowed:
    return NotAllowed(
        "this form does not come from a page you have open",
        "Go back, load the page again, and send it from there",
    )


Looks = Annotated[Visit, Depends(visit_to_look)]
Says = Annotated[Visit, Depends(visit_to_send)]
Acts = Annotated[Visit, Depends(visit_to_act)]
