"""The local Temporal server keeps what it acknowledged, over stops and kills."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from deploy.local.process import StackError, accepts_connections
from deploy.local.temporal import TemporalServer

pytestmark = pytest.mark.server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """One for all these tests. Whoever stops it starts it again."""
    directory = tmp_path_factory.mktemp("temporal")
    server = TemporalServer(directory / "temporal.log", db_path=directory / "temporal.db")
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restart_keeps_started_workflows(own: TemporalServer, how: str) -> None:
    client = await Client.connect(own.address)
    kept = f"kept-over-{how}"
    started = await client.start_workflow("nobody-runs-this", id=kept, task_queue="none")
    await started.signal("hello")
    await (own.kill() if how == "kill" else own.stop())
    assert not own.running
    assert not await accepts_connections(own.port)
    address, ui_url = own.address, own.ui_url
    await own.start()
    assert (own.address, own.ui_url) == (address, ui_url)
    handle = (await Client.connect(own.address)).get_workflow_handle(kept, run_id=started.result_run_id)
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    history = await handle.fetch_history()
    assert any(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)


SIGNAL_ALL = {
    "reason": "invented",
    "jobId": "invented",
    "visibilityQuery": "ExecutionStatus='Running'",
    "signalOperation": {"signal": "hello"},
}
"""One request by which Temporal signals everything that runs."""


async def test_no_web_page_can_signal_all_journeys(own: TemporalServer) -> None:
    """A page of any origin may send a browser such a request, as plain text; it only cannot read the answer."""
    client = await Client.connect(own.address)
    await client.start_workflow("nobody-runs-this", id="victim", task_queue="none")
    ports = [port for port in (own.http_port, own.ui_port) if port is not None]
    assert len(ports) == 2
    for port in ports:
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost", "temporal.example"):
            code = await asyncio.to_thread(_post, port, "namespaces/default/batch-operations/invented", host)
            assert code in (400, 403), (port, host)
        assert await asyncio.to_thread(_post, port, "namespaces/default/workflows/victim/signal/hello", host) in (
            400,
            403,
        )
    history = await client.get_workflow_handle("victim").fetch_history()
    assert not any(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)


def _post(port: int, path: str, host: str) -> int:
    """Post as a page of another origin does that has no leave to."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": host, "Origin": "https://evil.example", "Content-Type": "text/plain"}
    connection.request("POST", f"/api/v1/{path}", json.dumps(SIGNAL_ALL), headers)
    code = connection.getresponse().status
    connection.close()
    return code


async def test_finished_workflows_stay_visible_for_ninety_days(own: TemporalServer) -> None:
    client = await Client.connect(own.address)
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default"), retry=True
    )
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=90)


async def test_the_interface_answers_as_soon_as_the_server_does(own: TemporalServer) -> None:
    assert own.ui_url == f"http://127.0.0.1:{own.ui_port}"
    assert own.ui_port is not None
    assert await accepts_connections(own.ui_port)


async def test_another_server_on_the_port_is_not_taken_for_ours(own: TemporalServer, tmp_path: Path) -> None:
    second = TemporalServer(tmp_path / "second.log", headless=True, port=own.port)
    with pytest.raises(StackError, match=f"port {own.port}"):
        await second.start()
    assert not second.running
    assert own.running


async def test_a_failed_start_says_why_and_where_the_log_is(tmp_path: Path) -> None:
    database = tmp_path / "temporal.db"
    database.write_bytes(b"this is no database " * 100)
    server = TemporalServer(tmp_path / "temporal.log", db_path=database, headless=True)
    with pytest.raises(StackError, match="not a database") as caught:
        await server.start()
    assert caught.value.step == "start Temporal"
    assert caught.value.log_path == tmp_path / "temporal.log"
    assert not server.running


async def test_the_sessions_server_skips_time(temporal_client: Client) -> None:
    """No worker, so nothing runs; that the request is accepted shows the flag still has its name."""
    skipper = TimeSkipper(temporal_client, config=TimeSkippingConfig(enabled=True))
    handle = await skipper.client.start_workflow("nobody-runs-this", id=f"skip/{uuid.uuid4()}", task_queue="none")
    await handle.terminate()
