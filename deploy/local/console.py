"""The console of a local stack, as a process of its own."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.process import Child, Supervised, accepts_connections, free_port, is_free

PORT = 8740
"""The port of the console where nobody else has it."""
_ROOT = Path(__file__).resolve().parents[2]


class ConsoleProcess(Supervised):
    """The service's console as a process of its own. Leaving the context stops it."""

    def __init__(self, child: Child, url: str) -> None:
        super().__init__(child)
        self.url = url

    async def __aenter__(self) -> "ConsoleProcess":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._child.stop(signal.SIGTERM, seconds=10)


async def run_console(env: Mapping[str, str], log_path: Path, *, seconds: float = 60) -> ConsoleProcess:
    """Start the console with these variables, and wait until it answers.

    Raises:
        StackError: it ended or did not answer in time. It is then no longer running.
    """
    port = PORT if is_free(PORT) else free_port()
    child = Child("the console", log_path)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "CAREPATH_"))}
    child.spawn(
        [sys.executable, "-m", "console"],
        env={**inherited, **env, "CAREPATH_CONSOLE_PORT": str(port), "PYTHONUNBUFFERED": "1"},
        cwd=_ROOT,
    )

    async def answers() -> bool:
        return await accepts_connections(port)

    try:
        await child.ready(answers, seconds=seconds)
    except BaseException:
        await child.kill()
        raise
    return ConsoleProcess(child, f"http://localhost:{port}")
