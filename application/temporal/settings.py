"""Temporal's own settings, which all its clients read. They are apart from ours: they import Temporal's client."""

import asyncio
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from application.errors import NOTHING_HAPPENED, SettingsError, outage
from application.input.addresses import TEMPORAL_EXAMPLE, is_file, temporal_problem

HOW = "see docs/how-to/protect-temporal.md"
_REFUSED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED)
_REFUSED_CALL = re.compile(r"^[^{]*Status \{ code: (PermissionDenied|Unauthenticated)\b")
_REFUSED_HANDSHAKE = re.compile(
    r"received fatal alert: (CertificateRequired|BadCertificate|HandshakeFailure|AccessDenied)\b"
    r"|peer closed connection without sending TLS close_notify"
)
"""How Temporal's client says, in words only, that it was refused as it connected."""
_WITHIN = timedelta(seconds=15)
_TRIES = 3
"""So often is asked where the connection breaks off as it is made: the refusal may be lost with it."""


def load_temporal_config(*, demonstration: bool) -> ClientConnectConfig:
    """Read Temporal's own settings (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, API key, profile file).

    Except in a ``demonstration``, Temporal is reached by TLS alone, and by who shows who they are: its authorizer tells
    by that who may do what.

    Strict where Temporal itself is silent: an unknown key in the profile file, a file that is not there, a
    `TEMPORAL_TLS` that is neither true nor false and a missing address are errors.

    Raises:
        SettingsError: the variables or the profile file cannot be used.
    """
    given = sorted(name for name in os.environ if name.startswith("TEMPORAL_"))
    if problems := list(_temporal_problems(given)):
        raise SettingsError(problems)
    try:
        config = ClientConfig.load_client_connect_config(config_file_strict=True)
    except (RuntimeError, ValueError, OSError):
        # What Temporal says may quote the file or the value, so it is not passed on.
        config = None
    if config is None:
        problem = "this, or what Temporal's profile file says, is unknown or malformed"
        raise SettingsError([(name, problem) for name in given] or [("TEMPORAL_CONFIG_FILE", problem)])
    if "target_host" not in config:
        raise SettingsError([("TEMPORAL_ADDRESS", f"is missing; {TEMPORAL_EXAMPLE}")])
    if (wrong := temporal_problem(config["target_host"])) is not None:
        raise SettingsError([("TEMPORAL_ADDRESS", wrong)])
    if not demonstration and (unsafe := list(_unprotected(config))):
        raise SettingsError(unsafe)
    return config


def _unprotected(config: ClientConnectConfig) -> Iterator[tuple[str, str]]:
    tls = config.get("tls")
    if not tls:
        yield "TEMPORAL_TLS", f"is not on: whoever is on the way could hold care back, or send in our name; {HOW}"
    if not config.get("api_key") and not (isinstance(tls, TLSConfig) and tls.client_cert):
        problem = "is missing, and so is a client certificate: Temporal's authorizer could not tell us from anybody"
        yield "TEMPORAL_API_KEY", f"{problem}; {HOW}"


async def require_authorizer(config: ClientConnectConfig, runtime: Runtime) -> None:
    """Require that Temporal refuses whoever does not say who they are.

    Raises:
        SettingsError: it answers anybody.
        Unavailable: it cannot be told: a server that is slow, full or away says nothing of whom it refuses.
    """
    for left in reversed(range(_TRIES)):
        try:
            await _ask_as_stranger(config, runtime)
            break
        except (RPCError, RuntimeError, OSError) as error:
            if await _is_refusal(error, config, runtime):
                return
            if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
                break
            if not isinstance(error, RuntimeError) or not left:
                raise outage(
                    f"it cannot be told whether Temporal refuses strangers: it gave them no clear answer; {HOW}",
                    state=NOTHING_HAPPENED,
                ) from None
    raise SettingsError(
        [("TEMPORAL_ADDRESS", f"is a server that answers anybody: it has no authorizer, or that allows all; {HOW}")]
    )


async def _ask_as_stranger(config: ClientConnectConfig, runtime: Runtime) -> None:
    tls, namespace = config.get("tls"), config.get("namespace", "default")
    bare = dataclasses.replace(tls, client_cert=None, client_private_key=None) if isinstance(tls, TLSConfig) else True
    async with asyncio.timeout(_WITHIN.total_seconds()):
        stranger = await Client.connect(config["target_host"], namespace=namespace, tls=bare, runtime=runtime)
        await stranger.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace),
            timeout=timedelta(seconds=10),
            retry=True,
        )


async def _is_refusal(error: Exception, config: ClientConnectConfig, runtime: Runtime) -> bool:
    """Whether an error says that it was refused for want of credentials. Of a handshake that shows only where our own
    comes about."""
    if isinstance(error, RPCError):
        return error.status in _REFUSED
    if not isinstance(error, RuntimeError):
        return False
    if _REFUSED_CALL.search(str(error)):
        return True
    if not _REFUSED_HANDSHAKE.search(str(error)):
        return False
    try:
        async with asyncio.timeout(_WITHIN.total_seconds()):
            await Client.connect(**config, runtime=runtime)
    except (RPCError, RuntimeError, OSError):
        return False
    return True


def _temporal_problems(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = os.environ[name]
        if name == "TEMPORAL_CONFIG_FILE" or name.endswith("_PATH"):
            if not is_file(value):
                yield name, "is not a file that can be read"
        elif name == "TEMPORAL_TLS" and value.lower() not in {"true", "false", "1", "0"}:
            yield name, "must be true or false"
        elif name == "TEMPORAL_NAMESPACE" and (not value.strip() or value != value.strip()):
            yield name, "is empty or has a space around it; for example default"
