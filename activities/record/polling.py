"""Asks the record again and again, for whoever waits until something has happened."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta


async def poll(ask: Callable[[], Awaitable[int | None]], timeout: timedelta) -> int | None:
    """Ask until there is an answer, and return it; None when `timeout` has passed without one."""
    clock = asyncio.get_running_loop().time
    until = clock() + timeout.total_seconds()
    pause = 0.002
    while (answer := await ask()) is None:
        left = until - clock()
        if left <= 0:
            return None
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, 0.05)
    return answer
