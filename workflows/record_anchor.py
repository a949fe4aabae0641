"""Writes an anchor of the record, on a schedule that Temporal keeps."""

from datetime import timedelta

from temporalio import workflow

from workflows.authenticity import Foreign
from workflows.messages import anchor_record

ATTEMPT = timedelta(seconds=60)


@workflow.defn(name="AnchorRecord")
class AnchorRecord:
    """Writes one anchor, and tries until it succeeds."""

    @workflow.run
    async def run(self) -> int:
        written = await workflow.execute_activity(
            anchor_record,
            activity_id=str(workflow.uuid4()),
            start_to_close_timeout=ATTEMPT,
            summary="anchor the record",
        )
        return 0 if isinstance(written, Foreign) else written
