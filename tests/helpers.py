"""What tests of several rooms ask of running servers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec

SOON = timedelta(seconds=30)
NOT_OURS = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
)
"""How workflow tasks end that the server then asks for again, after a reset or a message that came in between."""


def codec_of(client: Client) -> PathwayCodec:
    """What encrypts for a client."""
    [codec] = [plugin.codec for plugin in client.config()["plugins"] if isinstance(plugin, CarePathwayPlugin)]
    return codec


async def eventually(check: Callable[[], Awaitable[Any]], within: timedelta = SOON) -> Any:
    """What ``check`` answers once it is true. For what nobody can wait for in another way.

    Raises:
        TimeoutError: it did not become true.
    """
    async with asyncio.timeout(within.total_seconds()):
        while not (answer := await check()):  # noqa: ASYNC110 - what is asked can only be asked again
            await asyncio.sleep(0.02)
        return answer


def task_failures(history: Iterable[HistoryEvent]) -> list[str]:
    """The workflow tasks that failed by a fault of ours, with the reason."""
    failures = []
    for event in history:
        failed = event.workflow_task_failed_event_attributes
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and failed.cause not in NOT_OURS:
            failures.append(f"{WorkflowTaskFailedCause.Name(failed.cause)}: {failed.failure.message}")
    return failures
