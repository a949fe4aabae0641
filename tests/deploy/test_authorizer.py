"""Where there are patients, nothing begins or sends on a Temporal that answers anybody."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from application.errors import SettingsError, Unavailable
from application.settings import Settings
from application.temporal.client import connect
from application.temporal.settings import require_authorizer
from deploy.local.temporal import TemporalServer
from tests.cli.helpers import NOWHERE
from tests.deploy.tls import behind_tls, make_identity
from tests.fixtures.keys import SharedKeys

pytestmark = pytest.mark.server
NAME = "temporal.internal"
SERVER, OURS = make_identity(NAME), make_identity("worker")
RUNTIME = Runtime(telemetry=TelemetryConfig(logging=None))
GRPC = {
    status.name: status.value
    for status in (
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.INTERNAL,
    )
}
REFUSING = ("handshake", "PERMISSION_DENIED", "UNAUTHENTICATED")


@pytest.fixture
def settings(shared_keys: SharedKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a process that connects to Temporal where there are patients, with its certificate."""
    files = {"SERVER_CA_CERT": SERVER.certificate, "CLIENT_CERT": OURS.certificate, "CLIENT_KEY": OURS.key}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        monkeypatch.setenv(f"TEMPORAL_TLS_{name}_PATH", str(tmp_path / name))
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", NAME)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "default")
    return Settings(
        database_url=SecretStr(NOWHERE), keys_url=SecretStr(shared_keys.url), keyring_file=shared_keys.keyring
    )


async def connect_behind(
    temporal: TemporalServer, settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch, **strangers: Any
) -> None:
    async with behind_tls(temporal.port, SERVER, directory, **strangers) as port:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
        async with connect(settings) as journeys:
            assert await journeys.find(uuid4(), datetime.now(UTC)) is None


async def test_nothing_connects_to_a_temporal_without_an_authorizer(
    temporal_server: TemporalServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as told:
        await connect_behind(temporal_server, settings, tmp_path, monkeypatch)
    assert told.value.variables == ("TEMPORAL_ADDRESS",)
    assert "authorizer" in str(told.value)


@pytest.mark.parametrize("how", ["handshake", *GRPC])
async def test_strangers_have_to_be_plainly_refused(
    temporal_server: TemporalServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """By an answer as an authorizer gives it, before the real server. The server of the tests has no authorizer."""
    tried = connect_behind(temporal_server, settings, tmp_path, monkeypatch, only=OURS, others=GRPC.get(how))
    if how in REFUSING:
        await tried
        return
    with pytest.raises(Unavailable, match="cannot be told whether Temporal refuses strangers"):
        await tried


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
        await require_authorizer(config, RUNTIME)
        return
    with pytest.raises(Unavailable, match="cannot be told whether Temporal refuses strangers"):
        await require_authorizer(config, RUNTIME)


@pytest.mark.parametrize("ours", [OSError("away"), RuntimeError("received fatal alert: CertificateRequired")], ids=repr)
async def test_a_server_that_refuses_us_as_well_shows_nothing(monkeypatch: pytest.MonkeyPatch, ours: Exception) -> None:
    async def connect(*_: object, tls: TLSConfig, **__: object) -> None:
        raise ours if tls.client_cert else RuntimeError("received fatal alert: CertificateRequired")

    monkeypatch.setattr(Client, "connect", connect)
    tls = TLSConfig(client_cert=OURS.certificate, client_private_key=OURS.key)
    with pytest.raises(Unavailable):
        await require_authorizer(ClientConnectConfig(target_host="127.0.0.1:1", tls=tls), RUNTIME)


async def test_a_refusal_that_is_lost_with_its_connection_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        RuntimeError("Failed client connect: connection reset by peer"),
        RuntimeError("Failed client connect: received fatal alert: CertificateRequired"),
    ]

    async def connect(*_: object, tls: TLSConfig, **__: object) -> None:
        if tls.client_cert is None:
            raise answers.pop(0)

    monkeypatch.setattr(Client, "connect", connect)
    tls = TLSConfig(client_cert=OURS.certificate, client_private_key=OURS.key)
    await require_authorizer(ClientConnectConfig(target_host="127.0.0.1:1", tls=tls), RUNTIME)
    assert answers == []
