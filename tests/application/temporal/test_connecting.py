"""Whoever cannot reach Temporal is told why, in words of ours, and is not kept waiting."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from activities.record.errors import RecordFault, RecordUnavailable
from activities.signatures.signer_registry import RegisterError
from application.errors import SettingsError, Unavailable
from application.temporal import client
from application.temporal.client import connected
from deploy.local.temporal import TemporalServer
from tests.replay.clear import ClearCodec
from worker import why_not_started
from workflows.temporal_plugin import CarePathwayPlugin

PLUGIN = CarePathwayPlugin(ClearCodec())
RUNTIME = Runtime(telemetry=TelemetryConfig(logging=None))
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def says_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def speaks_no_tls(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def told(address: str, **config: Any) -> Unavailable:
    with pytest.raises(Unavailable) as refused:
        await connected({"target_host": address, **config}, PLUGIN, RUNTIME, demonstration=True)  # type: ignore[typeddict-item]
    assert refused.value.__cause__ is refused.value.__context__ is None
    return refused.value


@pytest.mark.parametrize(
    ("answer", "config", "why"),
    [(says_nothing, {}, "it did not answer"), (speaks_no_tls, {"tls": True}, "it does not speak TLS")],
    ids=["silent", "no TLS"],
)
async def test_what_answers_wrongly_is_told(
    answer: Answer, config: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_WITHIN", timedelta(seconds=0.2))
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = ":".join(map(str, server.sockets[0].getsockname()))
        assert str(await told(address, **config)) == f"Temporal cannot be reached ({why})"
        server.close()


async def test_what_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    for host, why in ((address, "nothing answers at its address"), ("none.invalid:7233", "its host is not known here")):
        assert str(await told(host)) == f"Temporal cannot be reached ({why})"


@pytest.mark.server
async def test_a_namespace_that_temporal_does_not_have_is_told_and_nothing_in_it_is_taken_for_lost(
    temporal_server: TemporalServer,
) -> None:
    with pytest.raises(SettingsError, match="TEMPORAL_NAMESPACE: is no namespace"):
        await connected(
            {"target_host": temporal_server.address, "namespace": "nowhere"}, PLUGIN, RUNTIME, demonstration=True
        )
    await connected(
        {"target_host": temporal_server.address, "namespace": temporal_server.namespace},
        PLUGIN,
        RUNTIME,
        demonstration=True,
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RPCError("invented", RPCStatusCode.UNAVAILABLE, b""), "did not answer (UNAVAILABLE)"),
        (RecordUnavailable("ConnectionRefusedError"), "the record cannot be reached (nothing answers at its address, "),
        (RecordUnavailable("28P01"), "the record cannot be reached (it does not let this login in, 28P01)"),
        (RecordUnavailable("53100"), "the record cannot be reached (its disk is full, 53100)"),
        (RecordUnavailable("08006"), "the record cannot be reached (08006)"),
        (RecordUnavailable("KeysUnavailable"), "the key store does not answer"),
        (RecordUnavailable("KeyUnusable"), "the keyring lacks a key"),
        (RecordFault("42P01"), "the record refused a statement (42P01)"),
        (RegisterError("the register is invented", "Put it back"), "The register is invented. Put it back."),
    ],
    ids=str,
)
def test_whoever_starts_a_worker_reads_why_it_did_not_and_what_to_do(error: Exception, why: str) -> None:
    said = why_not_started(error)
    assert why in said
    assert not re.search(r"invented$|\.\.|tonic", said)
