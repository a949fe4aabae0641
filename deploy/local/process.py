"""Child processes that start ready, stop cleanly, can be killed, and never outlive us."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launch.py")
_POLL_SECONDS = 0.05


class StackError(Exception):
    """A step of the local stack failed.

    `step` says which, `log_path` where the process wrote what it had to say (None if it never ran). Where it does not
    help to run it again, `left` says what is lost and what to do.
    """

    def __init__(self, step: str, log_path: Path | None, reason: str, *, left: str | None = None) -> None:
        self.step = step
        self.log_path = log_path
        self.reason = reason
        next_step = f"Read {log_path}, then run" if log_path else "Then run"
        left = left or f"Nothing already recorded was lost. {next_step} the same command again"
        super().__init__(f"The local stack failed at this step: {step}. {reason}. {left}.")


class Child:
    """One child process with its output in a log file.

    On Linux the kernel ends it when we die, however we die. It runs in a session of its own, so that Ctrl-C
    reaches only us and we stop things in order. Start it from the main thread: the kernel watches the thread.
    """

    def __init__(self, name: str, log_path: Path, *, death_signal: signal.Signals = signal.SIGKILL) -> None:
        self.name = name
        self.log_path = log_path
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Raises StackError when the process was never started."""
        if self._process is None:
            raise StackError(self.name, None, "It was not started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        account: tuple[int, int] | None = None,
    ) -> None:
        """Start the program, not waiting for it. `account` is the user and group it becomes (root only)."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), str(int(self._death_signal))),
                    f"{account[0]}:{account[1]}" if account else "-",
                    *command,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    async def ready(self, check: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
        """Wait until `check` answers yes.

        Raises:
            StackError: the process ended, or was not ready in time. It is then no longer running.
        """
        deadline = time.monotonic() + seconds
        while not (await check() and self.running):
            if not self.running:
                raise StackError(f"start {self.name}", self.log_path, self._how_it_ended())
            if time.monotonic() > deadline:
                await self.kill()
                raise StackError(f"start {self.name}", self.log_path, f"It was not ready in {seconds:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def finished(self, *, seconds: float) -> None:
        """Wait for a program that runs to its end.

        Raises:
            StackError: it failed or took too long. It is then no longer running.
        """
        try:
            ended = await self._wait(seconds)
        finally:
            await self.kill()
        if not ended:
            raise StackError(self.name, self.log_path, f"It did not end within {seconds:.0f} s")
        if self.returncode != 0:
            raise StackError(self.name, self.log_path, self._how_it_ended())

    async def stop(self, sign: signal.Signals = signal.SIGTERM, *, seconds: float = 10) -> None:
        """Ask the process to end, wait, and kill it if it does not. Does nothing when it is not running."""
        self._send(sign)
        if not await self._wait(seconds):
            await self.kill()

    async def kill(self) -> None:
        """End the process at once, as a crash would. Does nothing when it is not running."""
        self._send(signal.SIGKILL)
        await self._wait(10)

    def _send(self, sign: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sign)

    async def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    def _how_it_ended(self) -> str:
        lines = self.log_path.read_text(errors="replace").strip().splitlines()
        said = f", and said last: {lines[-1].strip().rstrip('.')}" if lines else ""
        return f"The process ended with status {self.returncode}{said}"


class Supervised:
    """A service that runs as a child process of ours."""

    def __init__(self, child: Child) -> None:
        self._child = child

    @property
    def log_path(self) -> Path:
        return self._child.log_path

    @property
    def pid(self) -> int:
        """Raises StackError when it was never started."""
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    async def kill(self) -> None:
        """End it at once, as a crash would. Does nothing when it is not running."""
        await self._child.kill()


def free_port() -> int:
    """A loopback port nobody listens on.

    Below the range the kernel hands to outgoing connections: a client that retries while its server is down
    could otherwise be given the server's own port, and the server could not come back on it.
    """
    for _ in range(200):
        port = random.randrange(15000, 32000)  # noqa: S311 — not a secret
        if is_free(port):
            return port
    raise StackError("find a free port", None, "No free port between 15000 and 32000 on 127.0.0.1")


def require_free(port: int) -> None:
    """Make sure that what answers on this port later is what we are about to start.

    Raises:
        StackError: another program listens on it.
    """
    if not is_free(port):
        raise StackError("find a free port", None, f"Another program is using port {port}; stop it first")


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        # Connections that have just ended do not count, as they will not for the server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
