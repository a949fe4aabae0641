"""`record verify` on both servers: what Temporal runs is compared with what is recorded."""

from typing import Any

from temporalio.client import Client

from activities.record import Record
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, call_cli


async def verify(stack: Stack, course: Course) -> tuple[int, Any]:
    return await call_cli(stack, "record", "verify", str(course.id))


async def test_a_workflow_that_was_ended_is_found(
    stack: Stack, client: Client, record: Record, signers: Signers
) -> None:
    task_queue = "care-pathway"  # as the command line has it: on another one a journey would not be its own
    kept, ended = (Course(client, record, signers, task_queue) for _ in range(2))
    async with at_work(client, record, signers, task_queue):
        for course in (kept, ended):
            await course.begin()
        code, said = await verify(stack, kept)
        assert (code, said["workflows"], said["findings"]) == (0, 1, [])

        await ended.handle.terminate()

        code, said = await verify(stack, ended)
        assert (code, said["verified"]) == (7, False)
        head = await record.head(ended.id)
        assert head is not None
        [finding] = said["findings"]
        assert (finding["reason"], finding["version"], finding["position"]) == (
            "workflow_ended",
            head.version,
            head.position,
        )
        assert (await verify(stack, kept))[0] == 0
