"""Worker processes keep the read models: what a person did is on the worklist, whichever worker recorded it."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_events
from activities.record.read_models import CaseloadFilter, WorklistFilter, caseload, wait_for, worklist
from activities.record.store import Record
from deploy.local.stack import Stack, run_worker
from simulation.keys import Signers
from tests.faults.helpers import Course, support
from tests.record.read_models.courses import differing
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.obligations import obligations
from workflows.journey.vocabulary.actors import Role
from workflows.messages import Receipt

pytestmark = [pytest.mark.server, pytest.mark.faults]

SOON = timedelta(seconds=30)


async def test_what_was_recorded_is_shown_by_the_worker_that_is_left(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    course = Course(client, record, signers, task_queue)
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue}
    async with (
        await run_worker(env, tmp_path / "one.log") as one,
        await run_worker(env, tmp_path / "two.log"),
    ):
        await course.begin()
        await one.kill()
        receipt = await course.send(support())
        position = await record.wait_for(course.id, receipt.version, SOON)
        await wait_for(record, position, SOON)
        shown = await worklist(record, WorklistFilter(journey_id=course.id))
        assert shown.position >= position
        assert {task.kind for task in shown.rows} >= {"evaluation", "support"}
        assert {task.version for task in shown.rows} == {receipt.version}
    assert await differing(record) == []


class ReadAtOnce(Course):
    """A course whose people look at their lists as soon as they have a receipt."""

    looked = 0

    async def submit(self, command: c.Command) -> Receipt:
        receipt = await super().submit(command)
        position = await self.record.wait_for(self.id, receipt.version, SOON)
        await wait_for(self.record, position, SOON)
        tasks = (await worklist(self.record, WorklistFilter(journey_id=self.id))).rows
        cases = (await caseload(self.record, CaseloadFilter(), limit=10_000)).rows
        [case] = [each for each in cases if each.journey_id == self.id]
        assert case.version >= receipt.version
        if tasks:
            # The clock may have gone on meanwhile: what is shown is the journey at the version that is shown.
            [version] = {task.version for task in tasks}
            assert version >= receipt.version
            journey = fold((await load_events(self.record, self.id))[:version])
            awaited = [(waiting.deadline, waiting.id) for waiting in obligations(journey)]
            assert sorted((task.due, task.obligation) for task in tasks) == awaited
            assert list(tasks) == sorted(tasks, key=lambda task: (task.due, task.opened_version))
        self.looked += 1
        return receipt


@pytest.mark.parametrize("sessions", [1, pytest.param(3, marks=pytest.mark.soak)])
async def test_whoever_writes_reads_it_at_once(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path, sessions: int
) -> None:
    """After every command of a course: once its receipt is here, its lists show it."""
    course = ReadAtOnce(client, record, signers, task_queue, "PTSD")
    async with await run_worker({**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue}, tmp_path / "worker.log"):
        await course.begin()
        await course.play(lambda journey: len(journey.ended_sessions) == sessions)
        await course.send(c.Withdraw(), by=Role.PATIENT)
        journey = await course.play()
        assert len(journey.ended_sessions) == sessions
        assert course.looked == len(course.receipts) > 25
        await wait_for(record, await record.wait_for(course.id, journey.version, SOON), SOON)
        assert (await worklist(record, WorklistFilter(journey_id=course.id))).rows == ()
