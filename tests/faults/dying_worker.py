"""A worker that is killed the first time it comes to a place: before what it does there, or after.

It is told `before` or `after`, and the place as `module:name`, or `module:Class.name`.
"""

import importlib
import os
import signal
import sys
from functools import wraps
from typing import Any

import worker
from application.process.exit import begin, leave


def die_at(when: str, place: str) -> None:
    module, _, path = place.partition(":")
    *owner, name = path.split(".")
    holder: Any = importlib.import_module(module)
    for each in owner:
        holder = getattr(holder, each)
    whole = getattr(holder, name)

    @wraps(whole)
    async def dying(*given: Any, **options: Any) -> None:
        if when == "after":
            await whole(*given, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(holder, name, dying)


if __name__ == "__main__":
    begin()
    die_at(*sys.argv[1:])
    leave(worker.main())
