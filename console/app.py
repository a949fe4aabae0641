"""The console as an application that a server runs.

Every page needs somebody who is signed in, but those to sign in on, to make a passkey on, and of a link in a message.
Pages are plain HTML with forms. Scripts of our own ask a browser for a passkey, and keep what was entered while there
is no connection; nothing but passkeys needs one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.notices.wording import NAMELESS, Service
from application.context import Context, utc_now
from application.errors import NOTHING_HAPPENED, InvalidInput, NotFound, UseCaseError, translate
from application.identity.keyring import verified_register
from application.identity.openid.provider import Provider
from application.identity.openid.settings import OpenIdSettings
from application.identity.passkeys import PasskeyAsked
from application.questionnaires.folder import questionnaires_of
from application.settings import Settings
from application.words.viewer import one_request
from application.work.references import References
from console import cookies, pages
from console.drafts import COOKIE as DRAFTS_COOKIE
from console.drafts import NO_SESSION, OTHER_PERSON, SIGNED_IN_ANEW, SIGNED_OUT, Drafts
from console.holdings import Holdings
from console.limits import Limits, TooSlow, count_try
from console.sign_ins import SignIn, SignIns
from console.taps import OneAnswer, Taps
from console.views import (
    access,
    bounces,
    commands,
    journeys,
    links,
    messages,
    operations,
    passkeys,
    past,
    people,
    protocols,
    record,
    room,
    sign_in,
    sign_offs,
    start,
    together,
    work,
)
from console.views import openid as openid_sign_in
from console.visits import (
    COOKIE,
    FORM_FIELD,
    KEPT,
    MakeContext,
    NotSignedIn,
    NoWorkingSession,
    Opened,
    OtherSignIn,
    by_script,
    drafts_of,
    firsts,
    sent_with,
    sign_ins_of,
    signed_in_with,
)

HOST = "localhost"
"""Where the console is served. A name and not a number: passkeys are bound to names."""
MOST_SENT = 512 * 1024
"""How large a form may be (bytes)."""
ARRIVES_WITHIN = 60.0
"""How long a form may take to arrive whole (seconds): the largest one does over a slow telephone, too."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""What every answer says: no script but our own, nothing from elsewhere, shown nowhere else, kept nowhere."""

ANOTHER_NAME = (
    "this service is asked for under a name that is not its own",
    "Open it by the address that you were given",
)
"""What is wrong with a request for another host, and what to do."""

log = structlog.get_logger("console")


def create_app(
    settings: Settings,
    *,
    service: Service = NAMELESS,
    openid: OpenIdSettings | None = None,
    bounce_key: bytes | None = None,
    make_context: MakeContext | None = None,
    now: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """Return the console for these settings. In a demonstration they name the profile of an invented person, and it
    offers those beside it; everybody else signs in with a passkey, or to look by the provider of ``openid``.

    ``make_context`` makes the context of each request, otherwise all of them share one record and one connection to
    Temporal. ``service`` is what messages say of this service; ``bounce_key`` what reports of those that came back are
    signed with. ``now`` gives the time (UTC) by which people are signed out.

    Raises:
        SettingsError: the secret of ``openid`` cannot be read, or questionnaires are not those of their instruments.
    """
    opened, holdings = Opened(settings), Holdings()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await holdings.stop()
        await opened.close()

    app = FastAPI(title="Care pathways", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    invented = settings.profile.parent if settings.demonstration and settings.profile is not None else None
    app.state.settings = settings
    app.state.service = service
    app.state.bounce_key = bounce_key
    app.state.questionnaires = questionnaires_of(opened.context())
    app.state.make_context = make_context or opened.context
    app.state.sign_ins = SignIns(invented, now)
    app.state.drafts = Drafts(now)
    app.state.limits = Limits(now)
    app.state.taps = Taps(now, links.EQUAL)
    app.state.holdings = holdings
    app.state.references = References()
    app.state.provider = None if openid is None else Provider(openid, now)
    for view in (
        sign_in,
        openid_sign_in,
        passkeys,
        links,
        work,
        journeys,
        past,
        people,
        room,
        sign_offs,
        start,
        protocols,
        record,
        messages,
        operations,
        together,
        access,
        bounces,
        commands,
    ):
        app.include_router(view.router)
    app.mount("/static", StaticFiles(directory=pages.HERE / "static"), name="static")
    app.add_exception_handler(NotSignedIn, _sign_in_first)
    app.add_exception_handler(NoWorkingSession, _sign_in_first)
    app.add_exception_handler(OtherSignIn, _sign_in_first)
    app.add_exception_handler(PasskeyAsked, _ask)
    app.add_exception_handler(UseCaseError, _tell)
    app.add_exception_handler(RequestValidationError, _tell)
    app.add_exception_handler(HTTPException, _tell)
    app.add_middleware(OneAnswer, cookie=COOKIE, now=now)
    # The last one is outside of all others: what it bounds is bounded for them, too.
    app.add_middleware(_Closed, hosts=_hosts(opened.context()))
    return app


def _hosts(context: Context) -> list[str]:
    """The names under which the console answers: its own, and those at which the register lets passkeys be used."""
    settings = context.settings
    if settings.register_file is None or settings.organisation_key is None:
        return [HOST]
    return [HOST, *(urlsplit(origin).hostname or HOST for origin in verified_register(context).origins)]


async def _ask(request: Request, asked: Exception) -> Response:
    assert isinstance(asked, PasskeyAsked)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({**asked.options, "fields": asked.fields})
    problem = InvalidInput(
        "your passkey was not asked, because the script of this page did not run",
        "Allow scripts of this address in your browser, go back, and try again",
        state=NOTHING_HAPPENED,
    )
    return pages.error_page(request, problem, signed_in_with(request))


async def _sign_in_first(request: Request, raised: Exception) -> Response:
    """Have somebody sign in, or open their working session, and then go on where they were. What they sent is kept for
    them, not done; the script of a page keeps it itself, and is told which of the two it is. Who has signed in anew
    meanwhile goes on at once."""
    if by_script(request):
        return JSONResponse({"signed_in": isinstance(raised, NoWorkingSession)}, 401, media_type=KEPT)
    onward = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to_sign_in = f"/sign-in?{urlencode({'next': onward})}"
    if request.method == "GET":
        to_sign_in_page = RedirectResponse(to_sign_in, 303)
        if isinstance(raised, NotSignedIn) and cookies.sent(request, COOKIE) is not None:
            sign_in.forget(request, to_sign_in_page)
        return to_sign_in_page
    drafts, why, then = drafts_of(request), SIGNED_OUT, to_sign_in
    match raised:
        case NoWorkingSession():
            why = NO_SESSION
        case OtherSignIn(anew=True):
            why, then = SIGNED_IN_ANEW, onward
        case OtherSignIn():
            why = OTHER_PERSON
    try:
        count_try(request)
        sent = await sent_with(request)
        shown_to = sign_ins_of(request).shown_to(firsts(sent).get(FORM_FIELD, ""))
        browser = cookies.sent(request, DRAFTS_COOKIE)
        token = drafts.keep(browser, request.url.path, sent, why, signed_in=shown_to)
    except UseCaseError as error:
        return pages.error_page(request, error)
    if token is None:
        return RedirectResponse("/sign-in", 303)
    answer = RedirectResponse(then, 303)
    cookies.give(request, answer, DRAFTS_COOKIE, token)
    return answer


async def _tell(request: Request, raised: Exception) -> Response:
    match raised:
        case RequestValidationError():
            error: UseCaseError = InvalidInput("this address does not fit", "Go back, and follow a link of the page")
        case HTTPException(status_code=400):
            error = InvalidInput(
                "what was sent cannot be read as a form: it is not complete, or has more fields or files than any page",
                "Go back, load the page again, and send it from there, with one file at most",
                state=NOTHING_HAPPENED,
            )
        case HTTPException(status_code=405):
            error = NotFound("this address takes no request of this kind", "Go to the worklist")
            answer = pages.error_page(request, error, signed_in_with(request))
            answer.status_code = 405
            answer.headers["allow"] = (raised.headers or {}).get("Allow", "GET")
            return answer
        case HTTPException(status_code=status) if status < 500:
            error = NotFound("there is no such page", "Go to the worklist", state="Nothing happened.")
        case _:
            error = translate(raised)
    return pages.error_page(request, error, signed_in_with(request))


def _known(request: Request) -> SignIn | None:
    """Return who is signed in, where that can still be said: their page of an error leads to help, too."""
    with suppress(Exception):
        return signed_in_with(request, does=False)
    return None


class _Closed:
    """Puts the headers on every answer, refuses forms that are too large or too slow and names that are not the
    console's (``hosts``), and tells what nobody foresaw. A connection over which a form still comes is closed with its
    answer. Where somebody looks from is forgotten after each request: a connection
    may serve several of them, one after the other."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # It is answered as the page is. The server that runs this leaves the page itself out.
            scope = {**scope, "method": "GET"}
        request, begun, taken, until = Request(scope), False, 0, asyncio.get_running_loop().time() + ARRIVES_WITHIN
        comes = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"

        async def counted() -> Message:
            nonlocal taken, comes
            try:
                async with asyncio.timeout_at(until if comes else None):
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            comes = comes and message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > MOST_SENT:
                raise InvalidInput(f"a form takes at most {MOST_SENT // 1024} KiB", "Documents belong elsewhere")
            return message

        async def sealed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                    *([(b"connection", b"close")] if comes else ()),
                ]
            await send(message)

        with one_request():
            try:
                if request.headers.get("host", "").split(":")[0] not in self._hosts:
                    answer = pages.error_page(request, InvalidInput(*ANOTHER_NAME, state=NOTHING_HAPPENED))
                    answer.status_code = 400
                    await answer(scope, receive, sealed)
                    return
                await self._app(scope, counted, sealed)
            except Exception as raised:
                if begun:
                    raise
                if not isinstance(raised, UseCaseError):
                    log.exception("page.failed", code=pages.reference_of(request))
                answer = pages.error_page(request, translate(raised), _known(request))
                await answer(scope, receive, sealed)
