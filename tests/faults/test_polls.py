"""A worker that no longer asks for workflow tasks ends itself; one that does is left alone, whatever Temporal does."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig

from activities.record.store import Record
from application.temporal.polls import Polls
from deploy.local.stack import Stack, run_worker
from simulation.keys import Signers
from tests.faults.helpers import ROOT, Course, at_work, support
from tests.helpers import eventually
from worker import TAKES_NO_TASKS
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec

pytestmark = pytest.mark.server

FAILING = Path(__file__).with_name("failing_worker.py")


@pytest.mark.faults
async def test_a_worker_that_takes_no_tasks_ends_itself(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue, "PYTHONPATH": str(ROOT)}
    course = Course(client, record, signers, task_queue)
    async with await run_worker(env, log, program=FAILING) as failing:
        await course.begin()
        assert failing.running
        os.kill(failing.pid, signal.SIGUSR1)

        async def ended() -> bool:
            return not failing.running

        await eventually(ended)
        assert failing.returncode == TAKES_NO_TASKS
    assert "worker.takes_no_tasks" in log.read_text()
    async with await run_worker(env, log):  # as whoever supervises it does
        await course.send(support())
        await course.checked()


class Counted(Polls):
    """Polls that say how often somebody looked."""

    looks = 0

    def most_under_way(self) -> float | None:
        self.looks += 1
        return super().most_under_way()


async def test_a_worker_that_polls_is_left_alone_while_temporal_is_away(
    stack: Stack, codec: PathwayCodec, record: Record, signers: Signers, task_queue: str
) -> None:
    polls, looks = Counted(), 30
    runtime = Runtime(telemetry=TelemetryConfig(logging=None, metrics=polls.metrics))
    client = await Client.connect(stack.temporal.address, plugins=[CarePathwayPlugin(codec)], runtime=runtime)
    course = Course(client, record, signers, task_queue)
    ended = asyncio.create_task(polls.ended(every=0.02, looks=looks))
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await stack.temporal.kill()
        enough = polls.looks + 3 * looks

        async def looked() -> bool:
            return polls.looks > enough

        await eventually(looked)
        assert polls.most_under_way()
        await stack.temporal.start()
        await course.send(support())
        await course.checked()
        assert polls.most_under_way()
        assert not ended.done()
    await asyncio.wait_for(ended, 10)
