"""The end of a process that used Temporal's native client."""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process now, with this exit code: everything is done, and what was said is out.

    The interpreter's own winding down may crash in the native part, and a crash would be the exit code people see.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
