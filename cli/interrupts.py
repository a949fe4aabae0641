"""What Ctrl-C does, and what ends a program from outside (SIGTERM, SIGHUP): the same, in good order."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def on_interrupt(*steps: Callable[[], object]) -> Iterator[None]:
    """Take one step for each interruption, from inside the event loop. The one after the last ends at once."""
    loop, left = asyncio.get_running_loop(), iter(steps)

    def notice(*_: Any) -> None:
        step = next(left, None)
        if step is None:
            raise KeyboardInterrupt
        step()
        loop.call_soon_threadsafe(lambda: None)  # It may wait for the network, and would not notice.

    with _handled_by(notice):
        yield


@contextmanager
def at_once() -> Iterator[None]:
    """Let an interruption raise KeyboardInterrupt. For what waits for a person or a file outside of the event loop."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with _handled_by(stop):
        yield


@contextmanager
def _handled_by(handler: Callable[..., None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}
    # What is ignored, as under `nohup`, stays so.
    taken = [each for each in ENDING if before[each] is not signal.SIG_IGN]
    for each in taken:
        signal.signal(each, handler)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, before[each])
