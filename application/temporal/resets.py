"""What was answered before a reset, which hands in again all that a run had taken since."""

from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.errors import outage
from application.temporal.run_history import refusal_in
from workflows.care_journey import workflow_id
from workflows.journey.refusals import Refusal
from workflows.messages import NOT_CHECKED, AnsweredBefore
from workflows.temporal_plugin import in_history

RUNS = 200
"""How many runs are read at most. All that a reset hands in goes to one run, which Temporal lets take only as much as a
few of them had taken."""


async def find_answered(client: Client, journey_id: UUID, run_id: str) -> AnsweredBefore:
    """Return which updates were answered that they cannot be checked, or that they are refused, in the runs from which
    a reset has made this one, and in those that had come after these. Of a run that Temporal no longer has nothing is
    handed in.

    Raises:
        Unavailable: a history cannot be read.
    """
    runs, unchecked, refused = [run_id], list[str](), list[tuple[str, Refusal]]()
    converter = in_history(client, workflow_id(journey_id))
    for this in runs:
        handle = client.get_workflow_handle(workflow_id(journey_id), run_id=this)
        try:
            async for event in handle.fetch_history_events():
                further = (
                    event.workflow_task_failed_event_attributes.base_run_id,
                    event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id,
                )
                runs += [each for each in further if each and each not in runs and len(runs) < RUNS]
                answered = event.workflow_execution_update_completed_event_attributes
                if answered.outcome.failure.application_failure_info.type == NOT_CHECKED:
                    unchecked.append(answered.meta.update_id)
                if (refusal := await refusal_in(converter, answered.outcome.success)) is not None:
                    refused.append((answered.meta.update_id, refusal))
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise outage("the history of a run cannot be read") from None
    return AnsweredBefore(unchecked=tuple(unchecked), refused=tuple(refused))
