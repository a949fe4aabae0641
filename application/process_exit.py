"""How a process ends that has used Temporal's native client."""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Print what is still buffered, and end the process at once with this exit code.

    Call it when everything is done. The interpreter's own shutdown sometimes crashes in Temporal's native part, and
    people would then see the exit code of the crash.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
