"""What Temporal refuses is told as what it is, by whatever call: why, that nothing came of it, and what helps."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from activities.privacy.errors import KeysUnavailable
from application.errors import LATER, NOTHING_HAPPENED, NOTHING_LOST, TOOK_NOTHING, UNKNOWN_STATE, Unavailable
from application.temporal import journey_client, run_control, run_history, runs, squatters
from application.temporal.builds import polled_builds
from application.temporal.calls import failed_call
from application.temporal.client import connected
from application.temporal.journeys import Run
from application.temporal.resets import find_answered
from application.temporal.upkeep import keep_up, wake_reset
from console.said_here import said_here
from simulation.people import referral
from tests.faults.helpers import PROTOCOLS, command, support
from tests.replay.clear import ClearCodec
from worker import why_not_started
from workflows.temporal_plugin import CarePathwayPlugin

RUNTIME = Runtime(telemetry=TelemetryConfig(logging=None))
NOW = datetime(2026, 3, 2, 17, tzinfo=UTC)
REFUSED = {
    RPCStatusCode.PERMISSION_DENIED: "lets this login not do that",
    RPCStatusCode.UNAUTHENTICATED: "does not take this login",
    RPCStatusCode.NOT_FOUND: "does not have the namespace",
    RPCStatusCode.UNIMPLEMENTED: "of a version that cannot do that",
    RPCStatusCode.INVALID_ARGUMENT: "does not take what was sent",
}


def refusal(status: RPCStatusCode) -> RPCError:
    """How Temporal refuses a call; not found is the namespace."""
    details = GrpcStatus()
    if status == RPCStatusCode.NOT_FOUND:
        details.details.add().Pack(NamespaceNotFoundFailure(namespace="invented"))
    return RPCError("invented: secret", status, details.SerializeToString())


@pytest.fixture
async def client() -> Client:
    return await Client.connect("127.0.0.1:1", lazy=True, plugins=[CarePathwayPlugin(ClearCodec())])


def refuse(monkeypatch: pytest.MonkeyPatch, client: Client, error: RPCError) -> None:
    async def call(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(client.service_client, "_rpc_call", call)


def a_run(journey_id: UUID) -> Run:
    return Run(journey_id, str(uuid4()), "running", NOW)


async def list_all(client: Client, _: UUID) -> object:
    return [run async for run in runs.list_runs(client)]


CALLS: dict[str, Callable[[Client, UUID], Awaitable[object]]] = {
    "list": list_all,
    "find": lambda client, one: runs.find_run(client, one, now=NOW),
    "read the opening": lambda client, one: squatters.read_opening(client, one, task_queue=None),
    "end": lambda client, one: run_control.end(client, a_run(one)),
    "hand in": lambda client, one: run_control.hand_in_command(client, one, command(support())),
    "set back": lambda client, one: run_control.set_back(client, a_run(one)),
    "show": run_control.show,
    "look": run_control.look,
    "unpause": lambda client, one: run_control.unpause(client, a_run(one)),
    "builds": lambda client, _: polled_builds(client, "invented", now=NOW),
    "wake": lambda client, _: wake_reset(client, NOW),
    "what was answered": lambda client, one: find_answered(client, one, str(uuid4())),
    "what it had taken": lambda client, one: run_history.taken(client, a_run(one)),
    "what it had kept": lambda client, one: run_history.kept(client, a_run(one)),
}


@pytest.mark.parametrize("status", REFUSED, ids=lambda status: status.name)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_refusal_is_told_as_one(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Client, UUID], Awaitable[object]],
    status: RPCStatusCode,
) -> None:
    refuse(monkeypatch, client, refusal(status))
    with pytest.raises(Unavailable) as told:
        await call(client, uuid4())
    assert REFUSED[status] in told.value.reason
    assert told.value.state == TOOK_NOTHING
    assert re.search("[Tt]ell ops", told.value.remedy)
    assert "secret" not in f"{told.value.reason}{told.value.remedy}"
    assert "run it again" not in said_here(told.value.remedy).lower()


@pytest.mark.parametrize("status", REFUSED, ids=lambda status: status.name)
async def test_a_command_that_is_refused_is_told_why(
    client: Client, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
) -> None:
    """That it was not taken is not said: what is refused may be the question what became of it."""
    refuse(monkeypatch, client, refusal(status))
    sent = command(support())
    with pytest.raises(Unavailable) as told:
        await journey_client.submit(client, uuid4(), sent)
    assert REFUSED[status] in told.value.reason
    assert told.value.state == UNKNOWN_STATE
    assert f". Then run it again with --command-id {sent.command_id}:" in told.value.remedy
    assert ". Then send the form again:" in said_here(told.value.remedy)


async def test_what_could_not_be_sent_without_the_keys_is_said_not_to_have_been(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise KeysUnavailable("the key store: 57P01")

    for needs_keys in ("assign_keys", "stand_in"):
        monkeypatch.setattr(journey_client, needs_keys, away)
    with pytest.raises(Unavailable) as told:
        await journey_client.submit(client, uuid4(), command(support()))
    assert told.value.state == NOTHING_HAPPENED
    with pytest.raises(Unavailable) as told:
        await journey_client.start(client, referral(PROTOCOLS["PTSD"], uuid4()), task_queue="invented")
    assert told.value.state == journey_client.ENROLLED


@pytest.mark.parametrize("status", REFUSED, ids=lambda status: status.name)
async def test_whoever_connects_or_starts_a_worker_is_told_why(
    client: Client, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
) -> None:
    assert REFUSED[status] in why_not_started(refusal(status))
    assert status.name in why_not_started(refusal(status))
    if status == RPCStatusCode.NOT_FOUND:
        return  # There it is a setting: `test_connecting`.

    async def lazily(**_: object) -> Client:
        return client

    monkeypatch.setattr(Client, "connect", lazily)
    refuse(monkeypatch, client, refusal(status))
    with pytest.raises(Unavailable, match=REFUSED[status]):
        await connected({"target_host": "127.0.0.1:1"}, CarePathwayPlugin(ClearCodec()), RUNTIME, demonstration=True)


def test_what_was_too_much_is_tried_again_later() -> None:
    told = failed_call(RPCError("invented", RPCStatusCode.RESOURCE_EXHAUSTED, b""))
    assert "a limit" in told.reason
    assert told.remedy == LATER
    assert told.state == NOTHING_LOST


@pytest.mark.parametrize("status", set(RPCStatusCode) - set(REFUSED), ids=lambda status: status.name)
def test_what_is_no_refusal_leaves_open_what_became_of_it(status: RPCStatusCode) -> None:
    told = failed_call(RPCError("invented", status, b""), "Temporal did not list the journeys")
    assert told.state == NOTHING_LOST


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tcp connect error: ConnectionRefused", "nothing answers at its address"),
        ("transport error: invalid peer certificate: Expired", "its certificate"),
        ("transport error: dns error", "its host is not known here"),
    ],
)
def test_a_connection_that_was_lost_says_why(said: str, why: str) -> None:
    told = failed_call(RPCError(said, RPCStatusCode.UNAVAILABLE, b""))
    assert told.reason.startswith("Temporal cannot be reached")
    assert why in told.reason


async def test_what_may_not_be_kept_up_keeps_nothing_else_from_being_compared(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login without the right to schedules, or a search attribute of another type, ended every pass."""
    refuse(monkeypatch, client, refusal(RPCStatusCode.PERMISSION_DENIED))
    with capture_logs() as logged:
        assert await keep_up(client, anchors_every=timedelta(hours=1), task_queue="invented", now=NOW) == ()
    assert {line["kind"] for line in logged} == {"search_attributes", "rate_limit", "resets", "anchors"}
    assert {(line["event"], line["error"]) for line in logged} == {("temporal.not_kept_up", "TemporalRefused")}


async def test_a_temporal_that_does_not_answer_is_not_kept_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, client, refusal(RPCStatusCode.UNAVAILABLE))
    with capture_logs() as logged, pytest.raises(Unavailable):
        await keep_up(client, anchors_every=None, task_queue="invented", now=NOW)
    assert not logged, "the pass goes on, as if it had been refused"
