"""Where there are patients, a worker begins only on a Temporal that refuses strangers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from application.errors import SettingsError, Unavailable
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


CALL = "Failed client connect: `get_system_info` call error after connection: Status { code: "
REFUSALS = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED)
REFUSED = [
    *(RPCError(status.name, status, b"") for status in REFUSALS),
    RuntimeError(CALL + 'PermissionDenied, message: "" }'),
    RuntimeError(CALL + 'Unauthenticated, message: "" }'),
    RuntimeError("Failed client connect: received fatal alert: CertificateRequired"),
    RuntimeError("Failed client connect: received fatal alert: HandshakeFailure"),
]
UNCLEAR = [
    *(
        RPCError(status.name, status, b"")
        for status in RPCStatusCode
        if status not in (*REFUSALS, RPCStatusCode.NOT_FOUND)
    ),
    RuntimeError("Failed client connect: tcp connect error"),
    RuntimeError(CALL + 'Unavailable, message: "code: PermissionDenied" }'),
    RuntimeError("Failed client connect: received fatal alert: InternalError"),
    OSError("away"),
    TimeoutError(),
]


@pytest.mark.parametrize("error", [*REFUSED, *UNCLEAR], ids=repr)
async def test_only_a_refusal_shows_an_authorizer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A server that is slow, full or away says nothing of whom it refuses."""

    async def connect(*_: object, tls: TLSConfig, **__: object) -> None:
        if tls.client_cert is None:
            raise error

    monkeypatch.setattr(Client, "connect", connect)
    tls = TLSConfig(client_cert=OURS.certificate, client_private_key=OURS.key)
    config = ClientConnectConfig(target_host="127.0.0.1:1", tls=tls)
    if error in REFUSED:
        await require_authorizer(config)
        return
    with pytest.raises(Unavailable, match="cannot be told whether Temporal refuses strangers"):
        await require_authorizer(config)


@pytest.mark.parametrize("ours", [OSError("away"), RuntimeError("received fatal alert: CertificateRequired")], ids=repr)
async def test_a_server_that_refuses_us_as_well_shows_nothing(monkeypatch: pytest.MonkeyPatch, ours: Exception) -> None:
    async def connect(*_: object, tls: TLSConfig, **__: object) -> None:
        raise ours if tls.client_cert else RuntimeError("received fatal alert: CertificateRequired")

    monkeypatch.setattr(Client, "connect", connect)
    tls = TLSConfig(client_cert=OURS.certificate, client_private_key=OURS.key)
    with pytest.raises(Unavailable):
        await require_authorizer(ClientConnectConfig(target_host="127.0.0.1:1", tls=tls))
