"""`python -m deploy.local.mailbox`: where all messages of a local stack end, and a page that shows them.

It takes e-mail as a mail server does, and text messages as the gateway behind a webhook does. What came is kept in
memory, and shown to whoever opens the page on this machine. For demonstrations only.
"""

import asyncio
import base64
import hmac
import json
import os
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html import escape
from time import time
from typing import NamedTuple
from urllib.parse import urlencode

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from activities.notices.webhooks import sign

HOST = "localhost"
"""Where the page is. The console is there, too, so a link from here opens it as from anywhere on the same site."""
TEXTS = "/texts"
MOST_KEPT, MOST_BYTES, FRESH = 1000, 256 * 1024, 300
"""How many messages are kept, how large one may be (bytes), and how old a webhook (seconds)."""
ADDRESS = re.compile(r"https?://[!-;=?-~]*[A-Za-z0-9/_-]")
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Mail(NamedTuple):
    """A message that came: by which way, when (UTC), to whom, and what it says; ``files`` are texts that came along."""

    way: str
    at: datetime
    to: str
    subject: str
    text: str
    files: tuple[str, ...] = ()


@dataclass
class Mailbox:
    """What has come, the newest last. ``key`` is what webhooks are signed with."""

    key: bytes = field(repr=False)
    mails: deque[tuple[int, Mail]] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    count: int = 0

    def put(self, mail: Mail) -> None:
        """Keep a message. Beyond the most that are kept, the oldest is forgotten."""
        self.count += 1
        self.mails.append((self.count, mail))

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - called by the server
        """Take an e-mail."""
        content = envelope.original_content
        assert isinstance(content, bytes)
        for to in envelope.rcpt_tos:
            self.put(_read(content, to))
        return "250 taken"

    async def take_text(self, request: Request) -> Response:
        """Take a text message, if it is signed as it should be (Standard Webhooks)."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return Response(status_code=413)
        given = request.headers
        sent_at, named = given.get("webhook-timestamp", ""), given.get("webhook-id", "")
        if not re.fullmatch("[0-9]{1,12}", sent_at) or abs(time() - int(sent_at)) > FRESH:
            return Response(status_code=401)
        right = sign(self.key, named, int(sent_at), body)
        if not hmac.compare_digest(right.encode(), given.get("webhook-signature", "").encode()):
            return Response(status_code=401)
        data = json.loads(body)["data"]
        text, files = str(data["text"]), tuple(map(str, data.get("calendar", ())))
        self.put(Mail("text message", datetime.now(UTC), str(data["to"]), str(data["subject"]), text, files))
        return Response(status_code=204)

    async def show_list(self, request: Request) -> Response:
        """Show what has come, the newest first; with ``to`` that for one person."""
        to = request.query_params.get("to")
        wanted = [(number, mail) for number, mail in reversed(self.mails) if to in (None, mail.to)]
        rows = "".join(
            f'<tr><td>{mail.at:%H:%M:%S}</td><td><a href="/?{escape(urlencode({"to": mail.to}))}">{escape(mail.to)}</a>'
            f'</td><td>{mail.way}</td><td><a href="/messages/{number}">{escape(mail.subject)}</a></td></tr>'
            for number, mail in wanted
        )
        here = "/" if to is None else f"/?{urlencode({'to': to})}"
        head = "<tr><th>Came (UTC)</th><th>To</th><th>By</th><th>Subject</th></tr>"
        listed = f"<table>{head}{rows}</table>" if rows else "<p>Nothing has come yet.</p>"
        everything = "" if to is None else f'<p>Only to {escape(to)}. <a href="/">Show all</a></p>'
        return _page(
            "Messages",
            "<p>All e-mail and text messages of this demonstration end here, whoever they are for. They are forgotten "
            f'when it stops.</p>{everything}<p><a href="{escape(here)}">Look again</a></p>{listed}',
        )

    async def show_one(self, request: Request) -> Response:
        """Show a message as plain text. What looks like an address leads there."""
        number = int(request.path_params["number"])
        mail = next((mail for each, mail in self.mails if each == number), None)
        if mail is None:
            return _page("There is no such message", '<p><a href="/">All messages</a></p>', status=404)
        files = "".join(f"<h2>Came along</h2><pre>{escape(file)}</pre>" for file in mail.files)
        to = escape(urlencode({"to": mail.to}))
        return _page(
            mail.subject,
            f"<p>{mail.way} to {escape(mail.to)}, {mail.at:%Y-%m-%d %H:%M:%S} UTC</p><p>{_linked(mail.text)}</p>"
            f'{files}<p><a href="/?{to}">All to {escape(mail.to)}</a> · <a href="/">All messages</a></p>',
        )


def _read(content: bytes, to: str) -> Mail:
    mail = message_from_bytes(content, policy=default)
    try:
        body = mail.get_body(("plain",))
        text = "" if body is None else str(body.get_content())
        files = tuple(str(part.get_content()) for part in mail.iter_attachments())
        return Mail("e-mail", datetime.now(UTC), to, str(mail["Subject"] or "(no subject)"), text, files)
    except (LookupError, ValueError, AttributeError):
        return Mail("e-mail", datetime.now(UTC), to, "(cannot be read)", content.decode(errors="replace"))


def _linked(text: str) -> str:
    """Return a text for a page, with its lines, in which addresses can be followed."""
    shown, rest = "", 0
    for found in ADDRESS.finditer(text):
        address = escape(found.group())
        shown += f'{escape(text[rest : found.start()])}<a href="{address}" rel="noreferrer">{address}</a>'
        rest = found.end()
    return (shown + escape(text[rest:])).replace("\n", "<br>")


def _page(title: str, content: str, *, status: int = 200) -> Response:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1>{content}</html>"
    )
    return HTMLResponse(page, status, HEADERS)


def create_app(mailbox: Mailbox) -> Starlette:
    """Return the page of a mailbox, and what takes its text messages."""
    return Starlette(
        routes=[
            Route("/", mailbox.show_list),
            Route("/messages/{number:int}", mailbox.show_one),
            Route(TEXTS, mailbox.take_text, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST])],
    )


@asynccontextmanager
async def taking_mail(mailbox: Mailbox, port: int = 0) -> AsyncIterator[int]:
    """Take e-mail at a port of this machine while the context is open; the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname=HOST, data_size_limit=MOST_BYTES), "127.0.0.1", port
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _serve() -> None:
    mailbox = Mailbox(base64.b64decode(os.environ["MAILBOX_KEY"]))
    config = uvicorn.Config(
        create_app(mailbox), host=HOST, port=int(os.environ["MAILBOX_PORT"]), access_log=False, log_config=None
    )
    async with taking_mail(mailbox, int(os.environ["MAILBOX_SMTP_PORT"])):
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve())
