"""How a process begins and ends, whatever its streams are and whether or not it used Temporal's native client."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


def begin(*, output: bool = False) -> None:
    """Prepare a process. Call it first in every program.

    Standard streams are there, and take any text: what their encoding lacks becomes a question mark. ``output``: what
    it writes to standard output is its answer, so that it is an error (EBADF) to write to one that somebody closed.

    If no model of pydantic is loaded yet, as on the command line, no plug-in of pydantic is looked for later either: to
    look through all that is installed takes part of a start.
    """
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Somebody closed it. What is opened next would take its number, and be read or written by mistake.
            os.open(os.devnull, os.O_RDONLY if output and number == 1 else os.O_RDWR)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115 - as long as the process
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@contextmanager
def loading() -> Iterator[None]:
    """Load modules without a search for garbage meanwhile, nor among them later: they stay as long as the process, and
    to look through them again and again is a sixth of a start."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if searching:
            gc.enable()


def keep_loaded() -> None:
    """Leave what is loaded by now out of every later search for garbage: it stays until the end, and to look through
    all of it would keep whoever waits for an answer."""
    gc.collect()
    gc.freeze()


def search_rarely() -> None:
    """Look through what is new for garbage a third as often as Python does by itself, and through all memory nearly
    never. A page leaves some five objects of garbage, and to search all that is kept in memory takes up to a tenth of a
    second, in which nobody is answered."""
    gc.set_threshold(2_000, 10, 500)


def leave(code: int) -> NoReturn:
    """Print what is still buffered, and end the process at once with this exit code.

    Call it when everything is done. The interpreter's own shutdown sometimes crashes in Temporal's native part, and
    people would then see the exit code of the crash.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
