"""Runs the steps of a verification, in this process or in several that read the same snapshot."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeAlias

from activities.record.store import Record, Reopen
from activities.record.verification.chains import Connection, snapshot

Step: TypeAlias = Callable[..., Awaitable[Any]]
Spread: TypeAlias = Callable[[Step, Iterable[tuple[Any, ...]]], AsyncIterator[Any]]


@asynccontextmanager
async def spread_steps(record: Record, connection: Connection, reopen: Reopen | None) -> AsyncIterator[Spread]:
    """Yield a function that runs a step on each of the given items, in any order: in this process, or with ``reopen``
    in several processes that read the same snapshot."""

    async def here(step: Step, given: Iterable[tuple[Any, ...]]) -> AsyncIterator[Any]:
        for each in given:
            yield await step(record, connection, *each)

    if reopen is None:
        yield here
        return

    exported = await connection.fetchval("SELECT pg_export_snapshot()")
    processes = os.cpu_count() or 1

    async def there(step: Step, given: Iterable[tuple[Any, ...]]) -> AsyncIterator[Any]:
        loop, left = asyncio.get_running_loop(), iter(given)
        waiting: set[asyncio.Future[Any]] = set()
        try:
            while True:
                for each in islice(left, 2 * processes - len(waiting)):
                    waiting.add(loop.run_in_executor(pool, _run_step, reopen, exported, step, each))
                if not waiting:
                    return
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    waiting.remove(one)
                    yield one.result()
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    # Spawned, not forked: this process has threads and connections that a copy must not use.
    with ProcessPoolExecutor(processes, get_context("spawn"), _prepare_process) as pool:
        yield there


def _prepare_process() -> None:
    """Set up a child process: leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Garbage collection during a step costs a tenth of its time, so it is done after each step.
    gc.freeze()
    gc.disable()


def _run_step(reopen: Reopen, exported: str, step: Step, given: tuple[Any, ...]) -> Any:
    """Run a step in a child process."""

    async def taken() -> Any:
        async with (
            reopen() as record,
            record.connection() as connection,
            snapshot(connection, exported),
        ):
            return await step(record, connection, *given)

    try:
        return asyncio.run(taken())
    finally:
        gc.collect()
