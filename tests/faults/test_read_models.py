"""Worker processes keep the read models: what a person did is on the worklist, whichever worker recorded it."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.read_models import Work, differences, wait_for, worklist
from activities.record.record import Record
from deploy.local.stack import Stack, run_worker
from deploy.signers import Signers
from tests.faults.helpers import Course, support

pytestmark = pytest.mark.faults

SOON = timedelta(seconds=30)


async def test_what_was_recorded_is_shown_by_the_worker_that_is_left(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    course = Course(client, record, signers, task_queue)
    env = {**stack.env, "CAREPATH_TASK_QUEUE": task_queue}
    async with (
        await run_worker(env, tmp_path / "one.log") as one,
        await run_worker(env, tmp_path / "two.log"),
    ):
        await course.begin()
        await one.kill()
        receipt = await course.send(support())
        position = await record.wait_for(course.id, receipt.version, SOON)
        await wait_for(record, position, SOON)
        shown = await worklist(record, Work(journey_id=course.id))
        assert shown.position >= position
        assert {task.kind for task in shown.rows} >= {"evaluation", "support"}
        assert {task.version for task in shown.rows} == {receipt.version}
    assert await differences(record) == ()
