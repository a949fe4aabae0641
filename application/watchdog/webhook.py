"""Sends pages as Standard Webhooks: an id, a time, and a signature over both and the body, in headers."""

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from time import time
from typing import TypeAlias

import httpx2

from application.watchdog.pages import Page

Send: TypeAlias = Callable[[Page], Awaitable[str | None]]
"""Sends a page, and returns None once it was taken, and otherwise a code that says why not."""
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third attempt. More follow at the next look, under the same id."""


def sign(key: bytes, page_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message."""
    signed = b".".join((page_id.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"


@asynccontextmanager
async def webhook(url: str, key: bytes, seconds: float) -> AsyncIterator[Send]:
    """Send pages to an address while the context is open; one attempt may take so many seconds.

    Nothing of the machine's environment is used, no redirection is followed, and no answer is read.
    """

    async def attempt(page: Page) -> str | None:
        timestamp = int(time())
        headers = {
            "content-type": "application/json",
            "webhook-id": page.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(key, page.id, timestamp, page.body),
        }
        try:
            async with (
                asyncio.timeout(seconds),
                client.stream("POST", url, headers=headers, content=page.body) as answer,
            ):
                return None if answer.is_success else str(answer.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as problem:
            return type(problem).__name__

    async def send(page: Page) -> str | None:
        code = await attempt(page)
        for pause in PAUSES:
            if code is None:
                break
            await asyncio.sleep(pause)
            code = await attempt(page)
        return code

    tls = ssl.create_default_context()
    async with httpx2.AsyncClient(
        verify=tls, follow_redirects=False, trust_env=False, timeout=httpx2.Timeout(seconds)
    ) as client:
        yield send


async def nowhere(_: Page) -> str | None:
    """Send nothing: the log has every page."""
    return None
