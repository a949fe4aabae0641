"""What journeys that wait cost the worker that keeps them in memory."""

import asyncio

import psutil

from deploy.local.stack import WorkerProcess
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import WITHIN, Patient, Servers

PER_THOUSAND = Aim(100)
WARM_UP = 40
_MB = 1024 * 1024


async def memory(servers: Servers, *, journeys: int) -> Section:
    """Start journeys on a fresh worker, leave them waiting in its cache, and see how much it has grown."""
    async with await servers.worker() as worker:
        await _park(servers, WARM_UP)
        before = _resident(worker)
        await _park(servers, journeys)
        grown = _resident(worker) - before
    return Section(
        f"Worker memory: {journeys} journeys waiting for their evaluation, all cached",
        [
            Figure("per thousand waiting journeys", grown / journeys * 1000 / _MB, "MB", aim=PER_THOUSAND),
            Figure("the worker before them", before / _MB, "MB"),
        ],
    )


async def _park(servers: Servers, journeys: int) -> None:
    places = asyncio.Semaphore(16)

    async def one() -> None:
        async with places:
            patient = Patient(servers)
            await patient.start()
            await servers.record.wait_for(patient.id, 2, WITHIN)

    await asyncio.gather(*(one() for _ in range(journeys)))
    await asyncio.sleep(1)  # their last tasks


def _resident(worker: WorkerProcess) -> int:
    return int(psutil.Process(worker.pid).memory_info().rss)
