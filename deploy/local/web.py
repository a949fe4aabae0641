"""What a local stack serves to browsers, each as a process of its own."""

import base64
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy.local.process import Child, Supervised, accepts_connections, free_port, is_free

CONSOLE_PORT, CODEC_PORT, MAILBOX_PORT = 8740, 8741, 8742
"""Their ports where nobody else has them."""
_ROOT = Path(__file__).resolve().parents[2]


class WebServer(Supervised):
    """A server of the service as a process of its own, at ``url``. Leaving the context stops it."""

    def __init__(self, child: Child, url: str) -> None:
        super().__init__(child)
        self.url = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._child.stop(signal.SIGTERM, seconds=10)


CALL = "+1 555 0100"
"""Whom messages and the pages of their links say to call: a number that nobody has."""


class MailboxServer(WebServer):
    """Where the messages of a local stack end. ``settings`` are those of whoever sends them there."""

    def __init__(self, child: Child, url: str, settings: Mapping[str, str]) -> None:
        super().__init__(child, url)
        self.settings = settings

    def sending(self, env: Mapping[str, str], console: str) -> dict[str, str]:
        """Return the variables of a worker that sends here, with links to a console."""
        return {**env, **self.settings, "CAREPATH_MESSAGES_CONSOLE_URL": console}


async def run_mailbox(log_path: Path) -> MailboxServer:
    """Start the mailbox of the local stack, and wait until it answers.

    Raises:
        StackError: as `run_console`.
    """
    port, smtp_port = MAILBOX_PORT if is_free(MAILBOX_PORT) else free_port(), free_port()
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    variables = {"MAILBOX_PORT": str(port), "MAILBOX_SMTP_PORT": str(smtp_port), "MAILBOX_KEY": key}
    child = await _serve("the mailbox", "deploy.local.mailbox", port, variables, log_path)
    return MailboxServer(child, f"http://localhost:{port}", messages_settings(port, smtp_port, key))


def messages_settings(port: int, smtp_port: int, key: str) -> dict[str, str]:
    """Return the variables of whoever sends messages to a mailbox at these ports."""
    return {
        "CAREPATH_MESSAGES_SMTP_HOST": "127.0.0.1",
        "CAREPATH_MESSAGES_SMTP_PORT": str(smtp_port),
        "CAREPATH_MESSAGES_SMTP_SECURITY": "none",
        "CAREPATH_MESSAGES_SMTP_SENDER": "messages@clinic.example",
        "CAREPATH_MESSAGES_WEBHOOK_URL": f"http://localhost:{port}/texts",
        "CAREPATH_MESSAGES_WEBHOOK_SECRET": f"whsec_{key}",
        "CAREPATH_MESSAGES_CALL": CALL,
    }


async def run_console(env: Mapping[str, str], log_path: Path) -> WebServer:
    """Start the console with these variables, and wait until it answers.

    Raises:
        StackError: it ended or did not answer in time. It is then no longer running.
    """
    port = CONSOLE_PORT if is_free(CONSOLE_PORT) else free_port()
    child = await _serve("the console", "console", port, {**env, "CAREPATH_CONSOLE_PORT": str(port)}, log_path)
    return WebServer(child, f"http://localhost:{port}")


async def run_codec_server(env: Mapping[str, str], ui_url: str, log_path: Path) -> WebServer:
    """Start the codec server for Temporal's interface with these variables, and wait until it answers.

    Raises:
        StackError: as `run_console`.
    """
    port = CODEC_PORT if is_free(CODEC_PORT) else free_port()
    variables = {**env, "CAREPATH_CODEC_ORIGIN": ui_url, "CAREPATH_CODEC_PORT": str(port)}
    child = await _serve("the codec server", "console.codec_server", port, variables, log_path)
    return WebServer(child, f"http://127.0.0.1:{port}")


async def _serve(name: str, module: str, port: int, env: Mapping[str, str], log_path: Path) -> Child:
    child = Child(name, log_path)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "CAREPATH_"))}
    child.spawn([sys.executable, "-m", module], env={**inherited, **env, "PYTHONUNBUFFERED": "1"}, cwd=_ROOT)

    async def answers() -> bool:
        return await accepts_connections(port)

    try:
        await child.ready(answers, seconds=60)
    except BaseException:
        await child.kill()
        raise
    return child
