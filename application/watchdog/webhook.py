"""Sends pages as signed webhooks, each a few times."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from activities.notices.webhooks import posting
from application.watchdog.pages import PagerMessage

Send: TypeAlias = Callable[[PagerMessage], Awaitable[str | None]]
"""Sends a page, and returns None once it was taken, and otherwise a code that says why not."""
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third attempt. More follow at the next look, under the same id."""


@asynccontextmanager
async def webhook(url: str, key: bytes, seconds: float) -> AsyncIterator[Send]:
    """Send pages to an address while the context is open; one attempt may take so many seconds."""

    async def send(page: PagerMessage) -> str | None:
        code = await post(page.id, page.body)
        for pause in PAUSES:
            if code is None:
                break
            await asyncio.sleep(pause)
            code = await post(page.id, page.body)
        return code

    async with posting(url, key, seconds) as post:
        yield send


async def send_nothing(_: PagerMessage) -> str | None:
    """Send nothing: the log has every page."""
    return None
