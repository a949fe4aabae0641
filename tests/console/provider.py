"""Providers of OpenID Connect for the tests: a real one as a process of its own, and one that says what it is told."""

import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from application.identity.openid.settings import OpenIdSettings
from console.visits import ZONE
from deploy.local.process import Child, accepts_connections, free_port
from tests.console.browser import ADDRESS, Browser
from tests.helpers import eventually

CLIENT = "console-of-the-tests"
CALLBACK = f"{ADDRESS}/sign-in/openid/callback"


def settings_for(issuer: str, directory: Path, **more: Any) -> OpenIdSettings:
    """The settings of a console that signs people in by this provider."""
    secret = directory / "client-secret"
    secret.write_text("invented-client-secret\n")
    secret.chmod(0o600)
    given: dict[str, Any] = {"client_id": CLIENT, "client_secret_file": secret, "address": ADDRESS, **more}
    return OpenIdSettings(issuer=issuer, **given)


@asynccontextmanager
async def provider_process(directory: Path, *users: dict[str, Any]) -> AsyncIterator[str]:
    """A provider as a process of its own, which knows these people; its issuer."""
    port, child = free_port(), Child("the provider", directory / "provider.log")
    claims = [part for user in users for part in ("--user-claims", json.dumps(user))]
    child.spawn(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims],
        env={**os.environ, "NO_COLOR": "1"},
    )
    try:
        await eventually(lambda: accepts_connections(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        await child.stop(seconds=5)


async def begin(browser: Browser, onward: str = "", zone: str = "") -> str:
    """Press the button of the page to sign in on; where the browser is sent."""
    begun = await browser.client.get("/sign-in/openid", params={"next": onward, ZONE: zone}, follow_redirects=False)
    assert begun.status_code == 303, begun.text
    return begun.headers["location"]


async def at_provider(address: str, **form: str) -> str:
    """Sign in at the provider's own page, or refuse; where the browser is sent back to."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(address, data=form)
    assert answer.status_code == 302, answer.text
    back: str = answer.headers["location"]
    assert back.startswith(CALLBACK)
    return back


async def sign_in_by(browser: Browser, person: str, onward: str = "", zone: str = "") -> httpx2.Response:
    """Sign in by the organisation's provider; the page that comes then."""
    return await browser.go(await at_provider(await begin(browser, onward, zone), sub=person))


# A provider that says what it is told

KEY = ECKey.generate_key("P-256", parameters={"kid": "of-the-provider", "alg": "ES256", "use": "sig"})


@dataclass
class Told:
    """What a provider says. Tests change it; ``asked`` are the forms that it was sent."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def says(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                found: Any = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    **self.discovery,
                }
            case "/keys":
                found = {"keys": [KEY.as_dict(private=False)]}
            case _:
                self.asked.append(form)
                token = jwt.encode({"alg": "ES256", "kid": KEY.kid}, self.claims, KEY)
                found = {"id_token": token, "access_token": "invented", "token_type": "Bearer"}
        return 200, json.dumps(found).encode()


@contextmanager
def told_provider() -> Iterator[Told]:
    """A provider that listens on a port of this machine, and says what it is told."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            self._answer({**form, "authorization": self.headers.get("authorization", "")})

        def _answer(self, form: dict[str, str]) -> None:
            status, body = told.says(urlsplit(self.path).path, form)
            if status == 0:
                told.let_go.wait(20)
                return
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("location", f"{told.issuer}/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
