"""Serve an application of this process to a browser."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from console.app import HOST


class Serving:
    """An application that is served on a free port. Whenever it is started it is made anew, and has forgotten all."""

    def __init__(self, make: Callable[[], Starlette]) -> None:
        self._make = make
        self.app: Starlette | None = None
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    async def start(self) -> None:
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("127.0.0.1", self._port))
        # Whoever comes before the server looks waits.
        opened.listen()
        self._port = opened.getsockname()[1]
        self.app = self._make()
        config = uvicorn.Config(self.app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve([opened]))

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            with suppress(asyncio.CancelledError):
                await self._task
