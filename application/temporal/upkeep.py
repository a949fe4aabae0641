"""What journeys need of a Temporal namespace, kept as it must be: search attributes, and the schedule of anchors."""

from datetime import timedelta

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.temporal.calls import ANSWER, no_answer
from application.temporal.journeys import REGISTERED
from application.temporal.namespace import (
    ANCHORS,
    register_search_attributes,
    schedule_anchors,
)
from workflows.search_attributes import SEARCH_ATTRIBUTES


async def keep_up(client: Client, *, anchors_every: timedelta | None, task_queue: str) -> tuple[str, ...]:
    """Register search attributes that are missing, and make or restart the schedule of anchors, where they are wanted.
    Return what had to be mended.

    Raises:
        Unavailable: Temporal did not answer.
        SearchAttributesUnusable: one exists with another type, or is missing and may not be added.
    """
    mended = []
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace),
            timeout=ANSWER,
            retry=True,
        )
        missing = [key.name for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
        if missing:
            await register_search_attributes(client)
            mended.append(f"{REGISTERED}: {', '.join(missing)}")
        if anchors_every is not None:
            schedule = client.get_schedule_handle(ANCHORS)
            try:
                paused = (await schedule.describe(rpc_timeout=ANSWER)).schedule.state.paused
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                await schedule_anchors(client, every=anchors_every, task_queue=task_queue)
                mended.append(f"schedule made: {ANCHORS}")
            else:
                if paused:
                    await schedule.unpause(note="reconciliation: anchors are wanted", rpc_timeout=ANSWER)
                    mended.append(f"schedule unpaused: {ANCHORS}")
    except RPCError:
        raise no_answer() from None
    return tuple(mended)
