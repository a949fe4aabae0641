"""How long it takes to compare all open journeys with what Temporal runs. None is woken: there is not even a worker."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID, uuid4

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.read_models.rebuild import rebuild
from activities.record.reconciliation import record_mark
from application.record.comparison import AT_ONCE, at_once, compare
from application.record.drift import Drift
from application.temporal.client import TemporalJourneys
from application.temporal.namespace import (
    register_search_attributes,
)
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import Servers
from tests.helpers import eventually
from tests.record.read_models.courses import course_of, renamed
from workflows.care_journey import workflow_id
from workflows.search_attributes import CLINIC, HEALTH, PATHWAY, RECORDED, STAGE

MINUTE = Aim(60.0)
NAMESPACE = "reconcile"


async def reconcile(servers: Servers, *, journeys: int) -> Section:
    """A pass over open journeys that all agree, then one in which every hundredth is lost."""
    client = await _namespace(servers)
    temporal = TemporalJourneys(client, "nobody")
    lost = journeys // 100
    async with fresh(servers.stack.postgres) as (_, record, owner):
        ids = await at_once(lambda n: _begin(client, record, run=n >= lost), range(journeys))
        await rebuild(record)
        schema = await owner.fetchval("SELECT 'read_model_' || id FROM read_model.generation WHERE status = 'live'")
        await owner.execute(f"UPDATE {schema}.obligation SET next_step = now() + interval '30 days'")
        await _until_listed(temporal, journeys - lost)
        now = datetime.now(UTC) + timedelta(minutes=10)
        began = perf_counter()
        looked_at, found = await compare(record, temporal, now=now)
        some_lost = perf_counter() - began
        assert (looked_at, {each.drift for each in found}) == (journeys, {Drift.LOST}), found[:3]
        await at_once(lambda each: _run(client, record, each), ids[:lost])
        await _until_listed(temporal, journeys)
        began = perf_counter()
        looked_at, found = await compare(record, temporal, now=now)
        agreed = perf_counter() - began
        assert (looked_at, found) == (journeys, []), found[:3]
    return Section(
        "Comparing all open journeys with Temporal",
        [
            Figure(f"{journeys:,} that agree", agreed, "s", aim=MINUTE),
            Figure(f"{journeys:,} of which {lost:,} are lost", some_lost, "s", aim=MINUTE),
        ],
        [f"no journey was woken, and {AT_ONCE} differences are looked at in Temporal at a time"],
    )


async def _namespace(servers: Servers) -> Client:
    """A namespace of its own: other benchmarks leave journeys behind that this record does not have."""
    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await servers.client.workflow_service.register_namespace(request, retry=False)
    client = await Client.connect(servers.stack.temporal.address, namespace=NAMESPACE)
    async with asyncio.timeout(60):
        while True:
            try:
                await client.workflow_service.describe_namespace(
                    DescribeNamespaceRequest(namespace=NAMESPACE), retry=True
                )
                await register_search_attributes(client)
            except RPCError:
                await asyncio.sleep(0.5)
            else:
                return client


async def _begin(client: Client, record: Record, *, run: bool) -> UUID:
    opening = renamed(course_of(), uuid4())[:1]
    await record.append(opening[0].journey_id, 0, [to_new(event) for event in opening])
    if run:
        await _run(client, record, opening[0].journey_id)
    return opening[0].journey_id


async def _run(client: Client, record: Record, journey_id: UUID) -> None:
    """A run that shows what one shows that has recorded all."""
    [opening] = await record.load(journey_id)
    started = course_of()[0].body
    shown: Sequence[tuple[object, str]] = (
        (RECORDED, record_mark(1, opening.journey_hash)),
        (STAGE, "evaluation"),
        (HEALTH, "open"),
        (CLINIC, started.clinic),  # type: ignore[union-attr]
        (PATHWAY, started.protocol.pathway),  # type: ignore[union-attr]
    )
    await client.start_workflow(
        "CareJourney",
        id=workflow_id(journey_id),
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([SearchAttributePair(key, value) for key, value in shown]),  # type: ignore[arg-type]
    )


async def _until_listed(temporal: TemporalJourneys, journeys: int) -> None:
    async def listed() -> bool:
        return len([run async for run in temporal.runs()]) >= journeys

    await eventually(listed, timedelta(minutes=2))
