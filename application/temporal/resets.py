"""What was answered before a reset, which hands in again all that a run had taken since."""

from collections.abc import Sequence
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.errors import Unavailable
from workflows.care_journey import workflow_id
from workflows.messages import NOT_CHECKED

RUNS = 200
"""How many runs are read at most. All that a reset hands in goes to one run, which Temporal lets take only as much as a
few of them had taken."""


async def find_unchecked(client: Client, journey_id: UUID, run_id: str) -> Sequence[str]:
    """Return the ids of the updates that were answered that they cannot be checked, in the runs from which a reset has
    made this one, and in those that had come after these. Of a run that Temporal no longer has nothing is handed in.

    Raises:
        Unavailable: a history cannot be read.
    """
    runs, found = [run_id], list[str]()
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
                    found.append(answered.meta.update_id)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise Unavailable("the history of a run cannot be read", "Run it again") from None
    return found
