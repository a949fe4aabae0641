"""How many whole journeys one worker and these servers carry, against bare workflows of the same inputs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter

from deploy.local.stack import WorkerProcess
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import Patient, Servers, inputs, play_bare, processor_seconds

WHOLE = Aim(0.5, at_least=True)
AT_ONCE = 8


@dataclass
class Spent:
    """Time on the clock and on the processors, in seconds."""

    elapsed: float = 0
    worker: float = 0
    temporal: float = 0
    postgres: float = 0


async def throughput(
    servers: Servers, worker: WorkerProcess, bare_worker: WorkerProcess, *, rounds: int, journeys: int
) -> Section:
    """Play rounds of journeys and of bare workflows in turn, several at once, never waiting for time."""
    commands = inputs()
    ours, bare = Spent(), Spent()
    for number in range(rounds + 1):
        if number == 1:
            ours, bare = Spent(), Spent()  # the first round warms everything up
        played = await _play_round(journeys, lambda: Patient(servers).play(commands), servers, worker)
        _add(ours, played)
        played = await _play_round(journeys, lambda: play_bare(servers, commands), servers, bare_worker)
        _add(bare, played)
    total = rounds * journeys
    sent = len(commands) + 1
    return Section(
        f"Whole journeys: {total} of {sent} commands, {AT_ONCE} at once, to the end of education and withdrawn",
        [
            Figure("bare workflows", total / bare.elapsed, "per second"),
            Figure("journeys", total / ours.elapsed, "per second", total / bare.elapsed, WHOLE),
            Figure("commands", total * sent / ours.elapsed, "per second", total * sent / bare.elapsed),
            Figure("processor time of the worker", _each(ours.worker, total), "ms each", _each(bare.worker, total)),
            Figure("processor time of Temporal", _each(ours.temporal, total), "ms each", _each(bare.temporal, total)),
            Figure("processor time of PostgreSQL", _each(ours.postgres, total), "ms each"),
        ],
    )


async def _play_round(
    journeys: int, play: Callable[[], Awaitable[None]], servers: Servers, worker: WorkerProcess
) -> Spent:
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            await play()

    before, began = _used(servers, worker), perf_counter()
    await asyncio.gather(*(one() for _ in range(journeys)))
    elapsed, after = perf_counter() - began, _used(servers, worker)
    return Spent(
        elapsed,
        after.worker - before.worker,
        after.temporal - before.temporal,
        after.postgres - before.postgres,
    )


def _used(servers: Servers, worker: WorkerProcess) -> Spent:
    stack = servers.stack
    return Spent(
        0, processor_seconds(worker.pid), processor_seconds(stack.temporal.pid), processor_seconds(stack.postgres.pid)
    )


def _add(total: Spent, more: Spent) -> None:
    total.elapsed += more.elapsed
    total.worker += more.worker
    total.temporal += more.temporal
    total.postgres += more.postgres


def _each(seconds: float, journeys: int) -> float:
    return 1000 * seconds / journeys
