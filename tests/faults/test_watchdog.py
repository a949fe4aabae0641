"""The watchdog as a process of its own, beside real workers: it tells of them, and they of it."""

import json
import signal
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from activities.record.store import Record
from deploy.local.stack import Stack, run_watchdog, run_worker
from simulation.keys import Signers
from simulation.people import referral
from tests.application.watchdog.pager import Pager
from tests.faults.helpers import PROTOCOLS, Course, call_cli
from tests.helpers import eventually
from workflows.journey.protocol import EscalationStep, Protocol

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

SOON = {"EVERY_SECONDS": "1", "LATE_SECONDS": "2", "PROJECTION_SECONDS": "600", "RECONCILIATION_SECONDS": "3600"}


def watchdog_env(stack: Stack, pager: Pager) -> dict[str, str]:
    env = {**stack.watchdog_env, **pager.env, **{f"CAREPATH_WATCHDOG_{name}": value for name, value in SOON.items()}}
    del env["CAREPATH_WATCHDOG_LOG_ONLY"]
    return env


def hasty(protocol: Protocol) -> Protocol:
    """A protocol by which an evaluation is reminded of within seconds."""
    first, *others = protocol.escalation_policies["evaluation"].steps
    soon: EscalationStep = first.model_copy(update={"percent": 10, "spread_minutes": 0})
    policy = protocol.escalation_policies["evaluation"].model_copy(update={"due_minutes": 1, "steps": (soon, *others)})
    return protocol.model_copy(update={"escalation_policies": {**protocol.escalation_policies, "evaluation": policy}})


@pytest.mark.faults
async def test_what_comes_due_while_no_worker_lives_is_paged(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, pager: Pager, tmp_path: Path
) -> None:
    course = Course(client, record, signers, task_queue)
    course.opening = referral(hasty(PROTOCOLS["ANXIETY"]), course.id)
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue}

    connection = await asyncpg.connect(stack.postgres.admin_url)

    async def told() -> bool:
        pages = pager.taken("step_missed", "open")
        return any(each["journey_id"] == str(course.id) for page in pages for each in page.body["data"]["matters"])

    async def taken() -> bool:
        # Other journeys of this record may be missed still, so the kind of page is not over.
        rows = await connection.fetch("SELECT shown FROM watch.matter WHERE kind = 'step_missed'")
        return not any(json.loads(row[0])["journey_id"] == str(course.id) for row in rows)

    log = tmp_path / "watchdog.log"
    async with await run_watchdog(watchdog_env(stack, pager), log) as watchdog:
        async with await run_worker(env, tmp_path / "worker.log") as worker:
            await course.begin()
            await worker.kill()
        await eventually(told, within=timedelta(minutes=2))
        async with await run_worker(env, tmp_path / "next.log"):
            await eventually(taken, within=timedelta(minutes=2))
        # It has no connection but to the record: nothing of Temporal.
        found = psutil.Process(watchdog.pid).net_connections("tcp")
        await connection.close()
        assert "watchdog.failed" not in log.read_text()
        assert {address[1] for each in found if (address := tuple(each.raddr))} <= {stack.postgres.port, pager.port}


@pytest.mark.faults
async def test_a_watchdog_that_falls_silent_is_told_by_the_workers(
    stack: Stack, client: Client, record: Record, task_queue: str, pager: Pager, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue, "CAREPATH_RECONCILE_SECONDS": "5"}
    async with await run_watchdog(watchdog_env(stack, pager), tmp_path / "watchdog.log") as watchdog:
        _, shown = await call_cli(stack, "record", "reconcile")
        assert shown["watchdog"]["silent"] is False
        # It freezes, which no process list shows.
        psutil.Process(watchdog.pid).send_signal(signal.SIGSTOP)
        admin = await asyncpg.connect(stack.postgres.admin_url)
        await admin.execute("UPDATE watch.look SET looked_at = now() - interval '1 hour'")
        await admin.close()
        async with await run_worker(env, log):

            async def said() -> bool:
                return "watchdog.silent" in log.read_text()

            await eventually(said, within=timedelta(minutes=2))
        code, shown = await call_cli(stack, "record", "reconcile")
        assert shown["watchdog"]["silent"] is True
        assert code == 7
        psutil.Process(watchdog.pid).send_signal(signal.SIGCONT)
