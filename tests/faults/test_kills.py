"""A worker is killed at each of its places, before or after what it does there: the next one does the rest."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.record.store import Record
from deploy.local.stack import Stack, StackError, run_worker
from simulation.keys import Signers
from tests.faults.attackers import asked, decision, held, signed
from tests.faults.helpers import AT_RISK, ROOT, Course, reset, support
from tests.faults.test_workers import delivered, owed
from tests.helpers import eventually
from workflows.care_journey import CareJourney
from workflows.journey.vocabulary.actors import Role
from workflows.record_anchor import AnchorRecord

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(600)]

DYING = Path(__file__).with_name("dying_worker.py")
RECORDING = "activities.record_activities:RecordActivities"
PLACES = (
    f"before {RECORDING}.append",
    f"after {RECORDING}.append",
    f"before {RECORDING}.catch_up",
    f"after {RECORDING}.look",
    "before activities.record_activities:deliver",
    "after activities.notice_activities:NoticeActivities.alarm",
    "after activities.signature_activities:SignatureActivities.verify",
    "before activities.anchor_activities:AnchorActivities.anchor",
    "after activities.anchor_activities:AnchorActivities.anchor",
    "after activities.seen_registers:SeenRegisters.current",
    "after activities.record.read_models.runner:advance",
    "before activities.notices.delivering:see_to",
    "after activities.notices.delivering:see_to",
    "after application.record.passes:reconcile",
    "after application.temporal.run_control:set_back",
)


@pytest.mark.parametrize("place", PLACES)
async def test_a_worker_that_is_killed_leaves_the_rest_to_the_next_one(
    stack: Stack,
    client: Client,
    record: Record,
    signers: Signers,
    task_queue: str,
    tmp_path: Path,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One journey raises an alarm, one has a decision checked, and one was ended by an operator. What a worker was at
    is tried again once its time is over, which is a minute at most."""
    monkeypatch.setattr("tests.faults.helpers.PATIENCE", timedelta(minutes=3))
    alarming, signing, stopped = courses = [Course(client, record, signers, task_queue) for _ in range(3)]
    log = tmp_path / "worker.log"
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue, "PYTHONPATH": str(ROOT)}
    env["CAREPATH_RECONCILE_SECONDS"] = "5"
    async with await run_worker(env, log):
        for each in courses:
            await each.begin()
            await each.send(support())
            await each.recorded()
        on_hold = await held(signing)
        released = await signed(signing, decision(on_hold, asked(on_hold)))
    await stopped.handle.terminate("invented: the wrong button")
    if "catch_up" in place:
        await reset(alarming, task=-1)
    sent = [
        asyncio.create_task(signing.submit(released)),
        asyncio.create_task(alarming.send(AT_RISK, by=Role.CLINICIAN)),
        asyncio.create_task(alarming.send(support("invented: and more"))),
    ]
    await alarming.handle.signal(CareJourney.look)
    await client.start_workflow(AnchorRecord.run, id=f"anchor-{uuid4()}", task_queue=task_queue)
    await killed_at(place, env, log)
    async with await run_worker(env, log):
        await asyncio.gather(*sent)
        await stopped.send(support("invented: again"))
        for each in courses:
            await each.checked()
            await told(stack, each)
        assert (await alarming.recorded()).crises
        assert not (await signing.recorded()).held


async def killed_at(place: str, env: dict[str, str], log: Path) -> None:
    """Run a worker until it comes to this place. It may do so before it says that it is ready."""
    try:
        dying = await run_worker(env, log, program=DYING, arguments=place.split())
    except StackError as early:
        if f"status {-signal.SIGKILL}" not in str(early):
            raise
        return

    async def ended() -> bool:
        return not dying.running

    try:
        await eventually(ended)
    finally:
        await dying.kill()
    assert dying.returncode == -signal.SIGKILL


async def told(stack: Stack, course: Course) -> None:
    async def all_delivered() -> bool:
        return await delivered(stack, course) == await owed(course)

    await eventually(all_delivered)
