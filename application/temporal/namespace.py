"""What the service needs in its namespace of Temporal: the search attributes, and the schedule of anchors."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.service import RPCError, RPCStatusCode

from application.temporal.calls import ANSWER
from workflows.record_anchor import AnchorRecord
from workflows.search_attributes import SEARCH_ATTRIBUTES

ANCHORS = "record-anchors"
"""The id of the schedule by which the record is anchored."""


class SearchAttributesUnusable(Exception):
    """A search attribute exists with another type, which Temporal would silently keep, or is missing and this process
    may not add it."""


async def schedule_anchors(client: Client, *, every: timedelta, task_queue: str) -> str | None:
    """Have Temporal start an anchor every so often, and nothing else under that id. Return what was done for it; None
    where all was as it should be."""
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(AnchorRecord.run, id="anchor", task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        # One that hangs, such as one that somebody paused, keeps none from being written.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.TERMINATE_OTHER, catchup_window=every),
    )
    try:
        await client.create_schedule(ANCHORS, wanted, trigger_immediately=True, rpc_timeout=ANSWER)
    except ScheduleAlreadyRunningError:
        schedule = client.get_schedule_handle(ANCHORS)
        if (await schedule.describe(rpc_timeout=ANSWER)).schedule == wanted:
            return None
        await schedule.update(lambda _: ScheduleUpdate(wanted), rpc_timeout=ANSWER)
        return f"schedule put right: {ANCHORS}"
    return f"schedule made: {ANCHORS}"


async def register_search_attributes(client: Client) -> None:
    """Make the search attributes known to the namespace; safe to repeat. Where all are known, nothing is added.

    Raises:
        SearchAttributesUnusable: one exists with another type, or is missing and may not be added.
    """
    wanted = {key.name: _to_indexed_type(key.indexed_value_type) for key in SEARCH_ATTRIBUTES}
    known = await _known_attributes(client)
    if missing := {name: kind for name, kind in wanted.items() if name not in known}:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        try:
            await client.operator_service.add_search_attributes(request, retry=True, timeout=ANSWER)
        except RPCError as refused:
            if refused.status != RPCStatusCode.PERMISSION_DENIED:
                raise
            raise SearchAttributesUnusable(
                f"search attributes are missing and we may not add them: {', '.join(missing)}; ask ops to add them, "
                "then start again"
            ) from None
        known = await _known_attributes(client)
    for name, kind in wanted.items():
        if known.get(name) != kind:
            raise SearchAttributesUnusable(
                f"search attribute {name} exists with another type; ask ops to remove it, then start again"
            )


async def _known_attributes(client: Client) -> Mapping[str, Any]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    listed = await client.operator_service.list_search_attributes(request, retry=True, timeout=ANSWER)
    return listed.custom_attributes


def _to_indexed_type(kind: SearchAttributeIndexedValueType) -> Any:
    return {
        SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    }[kind]
