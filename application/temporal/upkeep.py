"""What journeys need of a Temporal namespace, kept as it must be: search attributes, a task queue without a rate limit,
and the schedule of anchors."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateTaskQueueConfigRequest
from temporalio.client import Client
from temporalio.service import RPCError

from application.errors import TemporalRefused, Unavailable
from application.temporal.calls import ANSWER, failed_call
from application.temporal.journeys import REGISTERED
from application.temporal.namespace import SearchAttributesUnusable, register_search_attributes, schedule_anchors
from application.temporal.run_control import show
from application.temporal.runs import ALL, list_runs
from workflows.search_attributes import SEARCH_ATTRIBUTES

log = structlog.get_logger("reconcile")

RESET_LATELY = timedelta(minutes=15)
"""How long after a reset its run is woken by each pass. There are several within it."""


async def keep_up(
    client: Client, *, anchors_every: timedelta | None, task_queue: str, now: datetime
) -> tuple[str, ...]:
    """Register search attributes that are missing, lift rate limits of the task queue, and put the schedule of anchors
    right, where they are wanted. Wake what was reset. Return what had to be mended.

    Where Temporal refuses one of these, that is logged, and the others are done all the same: whether each journey has
    its run does not hang on it.

    Raises:
        Unavailable: Temporal did not answer.
    """
    steps: dict[str, Callable[[], Awaitable[str | None]]] = {
        "search_attributes": lambda: _register_missing(client),
        "rate_limit": lambda: _lift_rate_limits(client, task_queue),
        "resets": lambda: wake_reset(client, now),
    }
    if anchors_every is not None:
        steps["anchors"] = lambda: schedule_anchors(client, every=anchors_every, task_queue=task_queue)
    mended = []
    for kind, step in steps.items():
        try:
            done = await step()
        except (RPCError, TemporalRefused, SearchAttributesUnusable) as problem:
            told = failed_call(problem) if isinstance(problem, RPCError) else problem
            if not isinstance(told, TemporalRefused | SearchAttributesUnusable):
                raise told from None
            log.error("temporal.not_kept_up", kind=kind, error=type(told).__name__)
        else:
            mended += [done] if done else []
    return tuple(mended)


async def _register_missing(client: Client) -> str | None:
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=ANSWER, retry=True
    )
    missing = [key.name for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
    await register_search_attributes(client)
    return f"{REGISTERED}: {', '.join(missing)}" if missing else None


async def wake_reset(client: Client, now: datetime) -> None:
    """Wake the journeys of which somebody ended a run shortly before a moment (UTC), as a reset does: a run to which
    nothing is applied again hears of it only then, and sees to what was left out.

    Raises:
        Unavailable: Temporal did not list them.
    """
    since = now - RESET_LATELY
    ended = f"{ALL} AND ExecutionStatus = 'Terminated' AND CloseTime > '{since.isoformat()}'"
    for journey_id in {run.journey_id async for run in list_runs(client, query=ended)}:
        with suppress(Unavailable):  # It has no run now. Where it should, that is found.
            await show(client, journey_id)


async def _lift_rate_limits(client: Client, task_queue: str) -> str | None:
    """Lift what somebody lets workers take of the task queue at most: an alarm or an append that is tried again waits
    there. Return what was done, if there was one. Where we may not lift it, that is logged, and all else goes on."""
    activities = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=activities,
        report_config=True,
    )
    described = await client.workflow_service.describe_task_queue(request, retry=True, timeout=ANSWER)
    limits = (described.config.queue_rate_limit, described.config.fairness_keys_rate_limit_default)
    if not any(limit.HasField("rate_limit") for limit in limits):
        return None
    lifted = UpdateTaskQueueConfigRequest.RateLimitUpdate(reason="reconciliation: alarms wait for nothing")
    try:
        await client.workflow_service.update_task_queue_config(
            UpdateTaskQueueConfigRequest(
                namespace=client.namespace,
                identity=client.identity,
                task_queue=task_queue,
                task_queue_type=activities,
                update_queue_rate_limit=lifted,
                update_fairness_key_rate_limit_default=lifted,
            ),
            timeout=ANSWER,
            retry=True,
        )
    except RPCError:
        log.error("task_queue.rate_limited", task_queue=task_queue)
        return None
    return f"rate limit lifted: {task_queue}"
