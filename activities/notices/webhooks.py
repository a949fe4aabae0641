"""Sends and checks signed webhooks after Standard Webhooks: an id, a time, and a signature over both and the body."""

import asyncio
import base64
import hmac
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from time import time
from typing import TypeAlias

import httpx2

from activities.notices.channels import ACCEPTED, AttemptOutcome, Channel, OutgoingMessage

Post: TypeAlias = Callable[[str, bytes], Awaitable[str | None]]
"""Posts a body under an id once, and returns None when it was taken, and otherwise a code that says why not."""
MOST_SIGNATURES = 5
"""How many of the signatures of one webhook are looked at. Several come while the secret is changed."""
GONE = "410"
"""The answer of a receiver that wants nothing more."""


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook."""
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes, at: datetime, *, within: timedelta) -> bool:
    """Whether a webhook that came in is signed with a key, at a time (UTC) that is no further from ours: one that was
    listened to cannot be sent again later. ``headers`` are by their names in small letters."""
    webhook_id, written = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,11}", written) or abs(at.timestamp() - int(written)) > within.total_seconds():
        return False
    right = sign(key, webhook_id, int(written), body).encode()
    given = headers.get("webhook-signature", "").split()[:MOST_SIGNATURES]
    return any(hmac.compare_digest(right, each.encode()) for each in given)


@asynccontextmanager
async def posting(url: str, key: bytes, seconds: float) -> AsyncIterator[Post]:
    """Post to an address while the context is open; one attempt may take so many seconds.

    Nothing of the machine's environment is used, no redirection is followed, and no answer is read.
    """

    async def post(webhook_id: str, body: bytes) -> str | None:
        timestamp = int(time())
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(key, webhook_id, timestamp, body),
        }
        try:
            async with (
                asyncio.timeout(seconds),
                client.stream("POST", url, headers=headers, content=body) as answer,
            ):
                return None if answer.is_success else str(answer.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as problem:
            return type(problem).__name__

    tls = ssl.create_default_context()
    async with httpx2.AsyncClient(
        verify=tls, follow_redirects=False, trust_env=False, timeout=httpx2.Timeout(seconds)
    ) as client:
        yield post


def by_webhook(post: Post) -> Channel:
    """Return the channel that hands messages to a receiver, who passes them on to the address they are for."""

    async def send(message: OutgoingMessage) -> AttemptOutcome:
        code = await post(message.id, body_of(message))
        if code is None:
            return ACCEPTED
        return AttemptOutcome("bounced" if code == GONE else "deferred", code)

    return send


def body_of(message: OutgoingMessage) -> bytes:
    """Return what a receiver is sent: always the same bytes for the same message."""
    data: dict[str, object] = {
        "notice_id": str(message.notice_id),
        "to": message.address,
        "alarm": message.alarm,
        "subject": message.subject,
        "text": message.text,
        "until": None if message.until is None else message.until.isoformat(),
        "link": message.link,
    }
    if message.calendar:
        data["calendar"] = [file.content.decode() for file in message.calendar]
    return json.dumps({"type": "message", "data": data}, separators=(",", ":")).encode()
