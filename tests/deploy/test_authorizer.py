"""Where there are patients, a worker begins only on a Temporal that refuses strangers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import TLSConfig

from application.errors import SettingsError
from application.temporal.settings import require_authorizer
from deploy.local.temporal import TemporalServer
from tests.deploy.tls import Identity, behind_tls, make_identity

pytestmark = pytest.mark.server
NAME = "temporal.internal"
SERVER, OURS = make_identity(NAME), make_identity("worker")


@pytest.fixture(params=[None, OURS], ids=["answers anybody", "refuses strangers"])
async def behind(
    request: pytest.FixtureRequest, temporal_server: TemporalServer, tmp_path: Path
) -> AsyncIterator[tuple[int, Identity | None]]:
    async with behind_tls(temporal_server.port, SERVER, tmp_path, only=request.param) as port:
        yield port, request.param


async def test_temporal_without_an_authorizer_is_refused(behind: tuple[int, Identity | None]) -> None:
    port, only = behind
    tls = TLSConfig(
        server_root_ca_cert=SERVER.certificate,
        domain=NAME,
        client_cert=OURS.certificate,
        client_private_key=OURS.key,
    )
    config = ClientConnectConfig(target_host=f"127.0.0.1:{port}", namespace="default", tls=tls)
    await Client.connect(**config)
    if only is not None:
        await require_authorizer(config)
        return
    with pytest.raises(SettingsError) as told:
        await require_authorizer(config)
    assert told.value.variables == ("TEMPORAL_ADDRESS",)
    assert "authorizer" in str(told.value)
