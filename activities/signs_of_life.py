"""Signs of life of an activity that takes long: one whose worker was killed is soon done by another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity

BEAT = timedelta(seconds=1)
"""How often an activity that takes long gives a sign of life."""


@asynccontextmanager
async def showing_life() -> AsyncIterator[None]:
    """Give signs of life while an activity works."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT.total_seconds())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
