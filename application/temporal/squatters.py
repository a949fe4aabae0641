"""What else may hold the workflow id of a journey: whoever reaches Temporal can start anything under it, first.

A run is the journey's own if it is of our type, on our task queue, begins now, and was opened with our keys.
"""

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.privacy.errors import KeysUnavailable
from application.errors import LATER, NOTHING_LOST, Conflict, Unavailable
from application.temporal.calls import ANSWER, failed_call, is_not_there
from application.temporal.journeys import Squatter
from workflows.authenticity import Foreign
from workflows.care_journey import workflow_id
from workflows.journey.commands import Command
from workflows.messages import JourneyInput
from workflows.temporal_plugin import NotAuthentic, in_history

TYPE = "CareJourney"
PROMPT = timedelta(minutes=1)
"""A run that begins later than this after its start does not begin as ours do. Temporal itself waits a second."""

_INPUT: Any = JourneyInput | Foreign


_WHAT: Mapping[Squatter, str] = {
    "foreign": "a workflow of another type, or one that was started without the keys of this service",
    "elsewhere": "a run on another task queue than ours, which no worker of this service has",
    "asleep": "a run that was told to begin later, and sleeps until then",
}
"""What else may be there, as it is told."""


class Squatted(Conflict):
    """Something else holds the workflow id of a journey, so that it cannot run: what it is."""

    def __init__(self, journey_id: UUID, squatter: Squatter) -> None:
        super().__init__(
            f"something that is not this journey holds its workflow id in Temporal: {_WHAT[squatter]}. So the journey "
            "does not run",
            f"Tell ops: they end it (`temporal workflow terminate --workflow-id {workflow_id(journey_id)}`) and find "
            "out who started it. Then do this again, unchanged",
            state="Nothing was sent to the journey. What is recorded of it stays; an enrolment is kept.",
            ids={"journey_id": str(journey_id)},
        )


class OpeningUnread(Unavailable):
    """Something holds the workflow id of a journey, and whether it is the journey cannot be said now."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"something holds the workflow id of this journey in Temporal, and how it began cannot be read now ({why})",
            LATER,
            state=NOTHING_LOST,
        )


class RunOpening(NamedTuple):
    """How a run under a journey's id began: what is wrong with it, and the command that opened it, if one did and not a
    recorded state."""

    squatter: Squatter | None
    start: Command | None = None


async def read_opening(
    client: Client, journey_id: UUID, *, task_queue: str | None, run_id: str = ""
) -> RunOpening | None:
    """Return how a run under a journey's id began, the latest unless another is named; None when Temporal knows none.

    Raises:
        OpeningUnread: it is not readable now, as where the keys cannot be had.
        Unavailable: Temporal did not answer.
    """
    request = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id(journey_id), run_id=run_id),
        maximum_page_size=1,
    )
    try:
        page = await client.workflow_service.get_workflow_execution_history(request, retry=True, timeout=ANSWER)
        begun = page.history.events[0].workflow_execution_started_event_attributes
        if begun.workflow_type.name != TYPE:
            return RunOpening("foreign")
        [payload] = begun.input.payloads  # With more beside it, no run can begin.
        [given] = await in_history(client, workflow_id(journey_id)).decode([payload], [_INPUT])
    except RPCError as error:
        if is_not_there(error):
            return None
        raise failed_call(error) from None
    except KeysUnavailable as error:
        raise OpeningUnread(str(error)) from None
    except RuntimeError:
        raise OpeningUnread("the record keeps it, and cannot be reached") from None
    except (NotAuthentic, ValueError):
        return RunOpening("foreign")
    if not isinstance(given, JourneyInput):
        return RunOpening("foreign")
    if task_queue is not None and begun.task_queue.name != task_queue:
        return RunOpening("elsewhere", given.start)
    asleep = begun.first_workflow_task_backoff.ToTimedelta() > PROMPT
    return RunOpening("asleep" if asleep else None, given.start)


def squatter_in(info: WorkflowExecutionInfo, *, task_queue: str | None) -> Squatter | None:
    """Return what is wrong with a run as far as a list of runs shows it."""
    if info.type.name != TYPE:
        return "foreign"
    if task_queue is not None and info.task_queue != task_queue:
        return "elsewhere"
    begins, started = info.execution_time.ToDatetime(tzinfo=UTC), info.start_time.ToDatetime(tzinfo=UTC)
    return "asleep" if begins - started > PROMPT else None
