"""The codec server for Temporal's interface: it decrypts payloads for a person who may see them, and encrypts nothing.

The interface asks it from a person's browser. They sign in with a token (`working-session token`), which their browser
keeps as a cookie: the interface passes tokens of its own over https only, and has none where it lets everybody in.
Whatever goes wrong, payloads stay encrypted.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import structlog
import uvicorn
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payloads

from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.record import RecordFault, RecordUnavailable
from application.context import Context
from application.errors import NotAllowed, SettingsError, UseCaseError
from application.operations.payloads import LASTS, TOKEN_LIMIT, TokenBearer, admit, decode_payloads
from application.process.exit import begin, leave
from application.process.logs import configure_logging
from application.process.sealing import open_keys
from application.settings import Settings, load_settings
from console import cookies

log = structlog.get_logger("codec")

HOST = "127.0.0.1"
COOKIE = "carepath-payloads"
BODY_LIMIT = 8 * 1024 * 1024
AT_ONCE = 2000
"""How many payloads a request may hold."""
PER_MINUTE = 120
"""How many requests of one person, and tokens that do not count of everybody, are answered in a minute."""
_SIGN_IN = """<!doctype html><html lang="en"><title>Payloads in clear</title>
<h1>Payloads in clear</h1>
<p>Make a token with <code>working-session token</code>. What you see is kept in the access log.</p>
<form method="post"><label>Token <input name="token" type="password" autocomplete="off" required></label>
<button>Sign in</button></form></html>"""
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # With no referrer at all a browser sends the form without its origin, and it would be refused.
    "referrer-policy": "same-origin",
}
_POLICY = "default-src 'none'; form-action 'self' {origin}; frame-ancestors 'none'; base-uri 'none'"
"""Of the page to sign in on. Its form leads on to Temporal's interface, which browsers count as part of sending it."""


class Allowance:
    """How many requests somebody may still make in this minute."""

    def __init__(self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._minute, self._made = -1, dict[str, int]()

    def allow(self, who: str) -> bool:
        """Count a request, and say whether it is answered."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._made = minute, {}
        self._made[who] = self._made.get(who, 0) + 1
        return self._made[who] <= self._per_minute


def create_app(settings: Settings) -> Starlette:
    """Build the server.

    Raises:
        SettingsError: it is not named for which origin.
    """
    if settings.codec_origin is None:
        raise SettingsError([("CAREPATH_CODEC_ORIGIN", "is missing: the origin of Temporal's interface")])
    origin, limits = settings.codec_origin, Allowance()

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        async with Context(load=lambda: settings, let_in_by=None) as context, open_keys(settings) as keys:
            await context.record()
            app.state.context, app.state.keys = context, keys
            yield

    async def admitted(request: Request, token: str) -> TokenBearer:
        try:
            return await admit(request.app.state.context, token)
        except NotAllowed:
            if not limits.allow(""):
                raise _TooMany from None
            raise

    async def decode(request: Request) -> Response:
        if request.headers.get("origin", origin) != origin:
            return _refused(403, "this origin is not allowed")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer if scheme.lower() == "bearer" else cookies.sent(request, COOKIE) or ""
        if not token:
            return _refused(401, "sign in first")
        person = await admitted(request, token)
        if not limits.allow(person.person.id):
            raise _TooMany
        async with person:
            payloads = _parsed(await _body(request))
            shown = await decode_payloads(person, request.app.state.keys, payloads.payloads)
        return Response(MessageToJson(Payloads(payloads=shown)), media_type="application/json", headers=_HEADERS)

    async def sign_in(request: Request) -> Response:
        if request.method == "GET":
            policy = {"content-security-policy": _POLICY.format(origin=origin)}
            return HTMLResponse(_SIGN_IN, headers=_HEADERS | policy)
        own = str(request.base_url).rstrip("/")
        if request.headers.get("origin", own) != own:
            return _refused(403, "this origin is not allowed")
        async with request.form(max_files=0, max_fields=1, max_part_size=TOKEN_LIMIT) as form:
            token = str(form.get("token", "")).strip()
        await admitted(request, token)
        answer = RedirectResponse(origin, status_code=303, headers=_HEADERS)
        answer.set_cookie(
            cookies.name_at(request, COOKIE),
            token,
            max_age=int(LASTS.total_seconds()),
            # Browsers send a cookie to every port of a machine: this one to nobody who serves no such page.
            path="/decode",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    return Starlette(
        routes=[
            Route("/decode", _told(decode), methods=["POST"]),
            Route("/sign-in", _told(sign_in), methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=[origin],
                allow_methods=["POST"],
                allow_headers=["content-type", "x-namespace", "authorization"],
                allow_credentials=True,
            )
        ],
        lifespan=opened,
    )


class _TooMany(Exception):
    """Somebody asks too often."""


class _NotReadable(Exception):
    """The body is none."""


def _told(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer what goes wrong with a status by which the interface shows payloads as they are."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except _TooMany:
            return _refused(429, "too many requests; wait a minute")
        except _NotReadable:
            return _refused(400, "this cannot be read")
        except NotAllowed as refused:
            return _refused(401, f"{refused.reason}. {refused.remedy}")
        except (UseCaseError, RecordUnavailable, RecordFault, KeysUnavailable, KeyringError) as problem:
            log.warning("codec.not_decoded", error=type(problem).__name__)
            return _refused(503, "nothing can be decrypted now; nothing was shown")

    return told


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status, headers=_HEADERS)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise _NotReadable
    return bytes(body)


def _parsed(body: bytes) -> Payloads:
    try:
        payloads = Parse(body, Payloads())
    except (ParseError, UnicodeDecodeError, RecursionError):
        raise _NotReadable from None
    if len(payloads.payloads) > AT_ONCE:
        raise _NotReadable
    return payloads


def main(argv: Sequence[str] = ()) -> int:
    """Run the server; the exit code says whether it could start (0, 2 settings)."""
    if argv:
        print("usage: python -m console.codec_server   (settings come from the environment)", file=sys.stderr)
        return 2
    begin()
    try:
        settings = load_settings()
        app = create_app(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level, settings.log_format)
    # No access log of the server: who looked at what is in the access log of the record.
    uvicorn.run(app, host=HOST, port=settings.codec_port, access_log=False, log_config=None, server_header=False)
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
