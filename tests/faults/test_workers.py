"""Workers as processes of their own: killed at the worst moments, stopped in good order, several at once."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import asyncpg
import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.record.event_codec import load_events
from activities.record.store import Record
from application.temporal.namespace import (
    SearchAttributesUnusable,
    register_search_attributes,
)
from deploy.local.process import StackError
from deploy.local.stack import Stack, WorkerProcess, run_worker
from simulation.keys import Signers
from tests.faults.helpers import AT_RISK, LOG_LOCK, Course, at_work, blocked, support
from tests.helpers import codec_of, eventually
from worker import HARD_STOP, UNAVAILABLE
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Receipt
from workflows.search_attributes import CLINIC, SEARCH_ATTRIBUTES
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec

pytestmark = pytest.mark.server

NOTICE_LOCK = "LOCK TABLE record.notice IN ACCESS EXCLUSIVE MODE"


class Crew:
    """One worker process after the other on the same queue."""

    def __init__(self, stack: Stack, task_queue: str, log_path: Path) -> None:
        self._env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue}
        self._log_path = log_path

    async def worker(self) -> WorkerProcess:
        return await run_worker(self._env, self._log_path)

    async def alarms(self) -> list[str]:
        """The ids of the alarms in the log, each as often as it stands there."""
        return re.findall(r"alarm .*notice_id=(\S+)", self._log_path.read_text())


@pytest.fixture
def crew(stack: Stack, task_queue: str, tmp_path: Path) -> Crew:
    return Crew(stack, task_queue, tmp_path / "worker.log")


async def waits_for_the_log(stack: Stack) -> bool:
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%record.append%'"
        )
        return bool(await connection.fetchval(waiting))
    finally:
        await connection.close()


async def test_killed_around_a_commit(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, crew: Crew
) -> None:
    """Four journeys, caught by one kill: an append committed and not acknowledged, one that commits after its
    worker is dead, a command on its way, and an alarm that is logged and not delivered."""
    committed, waiting, sending, alarmed = (Course(client, record, signers, task_queue) for _ in range(4))
    async with await crew.worker() as worker:
        for course in (committed, waiting, sending, alarmed):
            await course.begin()
            await course.recorded()
        async with blocked(stack, NOTICE_LOCK):
            receipt = await committed.send(c.PlaceHold(reason="invented: a hold, because holds have notices"))
            await record.wait_for(committed.id, receipt.version, timeout=_soon())
            assert (await committed.status()).recorded < receipt.version
            at_risk = await alarmed.send(AT_RISK, by=Role.CLINICIAN)
            await eventually(crew.alarms)
            await record.wait_for(alarmed.id, at_risk.version, timeout=_soon())
            async with blocked(stack, LOG_LOCK):
                held = await waiting.send(support())
                await eventually(lambda: waits_for_the_log(stack))
                on_its_way = asyncio.create_task(sending.send(support()))
                await asyncio.sleep(0)
                await worker.kill()
            await record.wait_for(waiting.id, held.version, timeout=_soon())
    async with await crew.worker():
        await on_its_way
        for course in (committed, waiting, sending, alarmed):
            await course.checked()
            await course.send(support("invented: and on it goes"))
            await course.checked()
        assert await delivered(stack, committed) == await owed(committed)

        async def told() -> bool:
            return await delivered(stack, alarmed) == await owed(alarmed)

        assert await eventually(told)
    # Logged by the one that died, and once more at most by the next one: under the same ids.
    logged = await crew.alarms()
    assert {*logged} == {str(alarm) for alarm in await owed(alarmed, alarms=True)}
    assert max(Counter(logged).values()) <= 2


def _soon() -> timedelta:
    return timedelta(seconds=60)


async def delivered(stack: Stack, course: Course) -> list[UUID]:
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        rows = await connection.fetch("SELECT notice_id FROM record.notice WHERE journey_id = $1", course.id)
    finally:
        await connection.close()
    return sorted(row["notice_id"] for row in rows)


async def owed(course: Course, *, alarms: bool = False) -> list[UUID]:
    due = [notice for event in await load_events(course.record, course.id) for notice in notices(event)]
    return sorted(course.record.patients.of_notice(notice) for notice in due if notice.alarm or not alarms)


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [(45,), pytest.param((12, 45, 100), marks=pytest.mark.soak)], ids=len)
async def test_a_journey_ends_well_though_its_worker_is_killed(
    client: Client, record: Record, signers: Signers, task_queue: str, crew: Crew, kills: Sequence[int]
) -> None:
    course = Course(client, record, signers, task_queue)
    worker = await crew.worker()

    async def sabotage() -> int:
        """Kill the worker the moment the record shows one of these versions, and start another."""
        nonlocal worker
        killed = 0
        for version in kills:
            await record.wait_for(course.id, version, timeout=timedelta(minutes=3))
            await worker.kill()
            killed += 1
            worker = await crew.worker()
        return killed

    try:
        await course.begin()
        async with asyncio.TaskGroup() as group:
            sabotaging = group.create_task(sabotage())
            await course.play(lambda journey: journey.version > kills[-1])
        await course.send(c.Withdraw(), by=Role.PATIENT)
        await course.recorded()
        journey = await course.play()
        assert journey.outcome is not None
        assert sabotaging.result() == len(kills)
        ended = await course.handle.result()
        assert (ended.version, ended.outcome) == (journey.version, journey.outcome)
        assert await course.checked() == journey
    finally:
        await worker.stop()


@pytest.mark.faults
async def test_stopped_in_good_order_it_leaves_nothing_undone(
    client: Client, record: Record, signers: Signers, task_queue: str, crew: Crew
) -> None:
    course = Course(client, record, signers, task_queue)
    sent: list[asyncio.Task[Receipt]] = []
    for _ in range(2):
        async with await crew.worker() as worker:
            if not sent:
                await course.begin()
            sent += [asyncio.create_task(course.send(support())) for _ in range(5)]
            await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
            began = monotonic()
            await worker.stop(seconds=HARD_STOP + 5)
            assert worker.returncode == 0
            assert monotonic() - began < HARD_STOP
    async with await crew.worker():
        await asyncio.gather(*sent)
        journey = await course.checked()
    assert len(journey.support) == len(sent)


@pytest.mark.faults
async def test_three_workers_share_the_journeys(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    courses = [Course(client, record, signers, task_queue) for _ in range(6)]

    def far_enough(journey: Journey) -> bool:
        return journey.version >= 15

    async with AsyncExitStack() as workers:
        for _ in range(3):  # each with a connection of its own, as three processes have
            plugin = CarePathwayPlugin(codec_of(client))
            own = await Client.connect(client.service_client.config.target_host, plugins=[plugin])
            await workers.enter_async_context(at_work(own, record, signers, task_queue, max_cached=2))
        await asyncio.gather(*(course.begin() for course in courses))
        await asyncio.gather(*(course.play(far_enough) for course in courses))
        await asyncio.gather(*(course.checked() for course in courses))


@pytest.fixture
async def namespace(stack: Stack) -> str:
    """A namespace of its own, without search attributes of ours."""
    name = f"faults-{uuid4()}"
    plain = await Client.connect(stack.temporal.address)
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await plain.workflow_service.register_namespace(request, retry=False)

    async def usable() -> bool:
        try:
            await plain.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name), retry=True)
        except RPCError:
            return False
        return True

    await eventually(usable)
    return name


async def test_workers_that_start_together_register_search_attributes(
    stack: Stack, namespace: str, codec: PathwayCodec
) -> None:
    client = await Client.connect(stack.temporal.address, namespace=namespace, plugins=[CarePathwayPlugin(codec)])
    await asyncio.gather(*(register_search_attributes(client) for _ in range(4)))
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace), retry=True
    )
    assert {key.name for key in SEARCH_ATTRIBUTES} <= set(known.custom_attributes)


async def test_whoever_may_not_add_search_attributes_needs_them_to_be_there(
    stack: Stack, namespace: str, codec: PathwayCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await Client.connect(stack.temporal.address, namespace=namespace, plugins=[CarePathwayPlugin(codec)])

    async def refuse(*_: object, **__: object) -> None:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    with monkeypatch.context() as unauthorized:
        unauthorized.setattr(client.operator_service, "add_search_attributes", refuse)
        with pytest.raises(SearchAttributesUnusable, match=f"may not add them: .*{CLINIC.name}"):
            await register_search_attributes(client)
    await register_search_attributes(client)
    monkeypatch.setattr(client.operator_service, "add_search_attributes", refuse)
    await register_search_attributes(client)


@pytest.mark.faults
async def test_a_search_attribute_of_another_type_is_refused(
    stack: Stack, namespace: str, codec: PathwayCodec, tmp_path: Path
) -> None:
    client = await Client.connect(stack.temporal.address, namespace=namespace, plugins=[CarePathwayPlugin(codec)])
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=namespace, search_attributes={CLINIC.name: IndexedValueType.INDEXED_VALUE_TYPE_INT}
        ),
        retry=True,
    )
    with pytest.raises(SearchAttributesUnusable, match="JourneyClinic exists with another type"):
        await register_search_attributes(client)
    with pytest.raises(StackError, match=f"status {UNAVAILABLE}.*JourneyClinic exists with another type"):
        await run_worker({**stack.worker_env, "TEMPORAL_NAMESPACE": namespace}, tmp_path / "worker.log")
