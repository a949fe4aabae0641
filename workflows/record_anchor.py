"""Writes an anchor of the record, on a schedule that Temporal keeps."""

from datetime import timedelta

from temporalio import workflow

from workflows.authenticity import Foreign
from workflows.messages import MOMENT, anchor_record

ATTEMPT = timedelta(seconds=60)


@workflow.defn(name="AnchorRecord")
class AnchorRecord:
    """Writes one anchor, and tries until it succeeds. The answer of somebody without the keys is asked for again: none
    might be written."""

    @workflow.run
    async def run(self) -> int:
        while True:
            written = await workflow.execute_activity(
                anchor_record,
                activity_id=str(workflow.uuid4()),
                start_to_close_timeout=ATTEMPT,
            )
            if not isinstance(written, Foreign):
                return written
            await workflow.sleep(MOMENT, summary="ask again")
