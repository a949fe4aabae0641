"""A real HTTP server in the place of whoever is paged: it takes what comes, or does as it is told."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple, TypeAlias

from activities.notices.webhooks import sign
from tests.helpers import eventually

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
Answer: TypeAlias = int | Literal["hang", "redirect"]
ELSEWHERE = "/elsewhere"


class Call(NamedTuple):
    """What came in: where to, under which id, and what it says."""

    path: str
    page_id: str
    body: dict[str, Any]
    raw: bytes
    answer: Answer

    @property
    def kind(self) -> str:
        return str(self.body["type"]).removeprefix("watchdog.")

    @property
    def state(self) -> str:
        return str(self.body["data"]["state"])


@dataclass
class Pager:
    """What came in so far; ``answers`` are the next answers, and after those it takes everything."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def env(self) -> dict[str, str]:
        """The variables of a watchdog that pages here."""
        return {
            "CAREPATH_WATCHDOG_WEBHOOK_URL": f"http://127.0.0.1:{self.port}/pages",
            "CAREPATH_WATCHDOG_WEBHOOK_SECRET": SECRET,
        }

    def taken(self, kind: str, state: str = "open") -> list[Call]:
        """What was taken of a kind, each id once as a receiver counts it."""
        calls = [call for call in self.calls if call.answer == 200 and (call.kind, call.state) == (kind, state)]
        return list({call.page_id: call for call in calls}.values())

    async def told(self, kind: str, state: str = "open", times: int = 1) -> list[Call]:
        """Wait until so many pages of a kind were taken."""

        async def enough() -> list[Call] | None:
            found = self.taken(kind, state)
            return found if len(found) >= times else None

        found: list[Call] = await eventually(enough)
        return found


@contextmanager
def serving() -> Iterator[Pager]:
    """A pager that listens on a port of this machine."""
    pager = Pager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            page_id, timestamp = self.headers["webhook-id"], int(self.headers["webhook-timestamp"])
            assert self.headers["webhook-signature"] == sign(KEY, page_id, timestamp, raw)
            answer = pager.answers.pop(0) if pager.answers else 200
            pager.calls.append(Call(self.path, page_id, json.loads(raw), raw, answer))
            if answer == "hang":
                pager.let_go.wait()
                return
            self.send_response(307 if answer == "redirect" else answer)
            if answer == "redirect":
                self.send_header("location", ELSEWHERE)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pager.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield pager
    finally:
        pager.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
