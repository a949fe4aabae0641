"""Writes an anchor of the record, on a schedule that Temporal keeps."""

from datetime import timedelta

from temporalio import workflow

from workflows.messages import ANCHOR

ATTEMPT = timedelta(seconds=60)


@workflow.defn(name="AnchorRecord")
class AnchorRecord:
    """One anchor. What cannot be written is tried again until it can."""

    @workflow.run
    async def run(self) -> int:
        position: int = await workflow.execute_activity(
            ANCHOR, result_type=int, start_to_close_timeout=ATTEMPT, summary="anchor the record"
        )
        return position
