"""What is done to a running service: for real, one after the other, chosen by a seed."""

import asyncio
import os
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.service import RPCError

from application.temporal.namespace import (
    ANCHORS,
)
from deploy.local.stack import WorkerProcess, run_worker
from tests.benchmarks.stage import Servers
from tests.drill.people import Desk
from tests.faults.helpers import reset
from tests.faults.helpers import signal as send_signal
from workflows.search_attributes import CLINIC, DUE, RECORDED, STAGE

WORKERS = 2
RECONCILED_EVERY = timedelta(seconds=5)


@dataclass
class Ground:
    """The servers, the workers and the journeys that are disturbed."""

    servers: Servers
    chance: Random
    copies: Path
    workers: list[WorkerProcess] = field(default_factory=list)
    desks: list[Desk] = field(default_factory=list)
    before_put_back: Callable[[], Awaitable[None]] | None = None
    turns: list[asyncio.Lock] = field(default_factory=lambda: [asyncio.Lock() for _ in range(WORKERS)])
    """Who may begin or end each worker."""

    @property
    def log_paths(self) -> list[Path]:
        return [self.servers.stack.logs / f"drill-worker-{number}.log" for number in range(WORKERS)]

    async def begin_work(self) -> None:
        self.workers = [await self._worker(number) for number in range(WORKERS)]

    async def _worker(self, number: int) -> WorkerProcess:
        env = {
            **self.servers.stack.worker_env,
            "CAREPATH_RECONCILE_SECONDS": str(int(RECONCILED_EVERY.total_seconds())),
            "CAREPATH_LOG_FORMAT": "json",
        }
        return await run_worker(env, self.log_paths[number])

    async def kill_worker(self, number: int) -> None:
        async with self.turns[number]:
            await self.workers[number].kill()
            await asyncio.sleep(self.chance.uniform(0, 2))
            self.workers[number] = await self._worker(number)

    async def keep_workers(self) -> None:
        """Begin another worker where one has ended by itself, as whatever supervises them does. One ends when its core
        fails, as it does when Temporal's database is put back under it."""
        while True:
            for number, turn in enumerate(self.turns):
                async with turn:
                    if self.workers[number].returncode is not None:
                        self.workers[number] = await self._worker(number)
            await asyncio.sleep(0.5)

    async def keep_copies(self) -> None:
        """Copy Temporal's database now and then, as a backup would."""
        number = 0
        while True:
            await asyncio.to_thread(self._copy, self.copies / f"{number}.db")
            number += 1
            await asyncio.sleep(10)

    def _copy(self, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        aside = to.with_suffix(".part")
        database = self.servers.stack.temporal.db_path
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source:
            with closing(sqlite3.connect(aside)) as target:
                source.backup(target)
            aside.rename(to)


async def kill_a_worker(ground: Ground, _: Desk) -> None:
    await ground.kill_worker(ground.chance.randrange(WORKERS))


async def kill_all_workers(ground: Ground, _: Desk) -> None:
    await asyncio.gather(*(ground.kill_worker(number) for number in range(WORKERS)))


async def stop_a_worker(ground: Ground, _: Desk) -> None:
    number = ground.chance.randrange(WORKERS)
    async with ground.turns[number]:
        pid = ground.workers[number].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(ground.chance.uniform(2, 12))
        finally:
            os.kill(pid, signal.SIGCONT)


async def kill_temporal(ground: Ground, _: Desk) -> None:
    await ground.servers.stack.temporal.kill()
    await asyncio.sleep(ground.chance.uniform(0, 3))
    await ground.servers.stack.temporal.start()


async def stop_postgres(ground: Ground, _: Desk) -> None:
    await ground.servers.stack.postgres.stop("immediate")
    await asyncio.sleep(ground.chance.uniform(1, 8))
    await ground.servers.stack.postgres.start()


async def put_temporal_back(ground: Ground, _: Desk) -> None:
    temporal = ground.servers.stack.temporal
    assert temporal.db_path is not None
    copy = ground.chance.choice(sorted(ground.copies.glob("*.db"))[-6:])
    await temporal.kill()
    if ground.before_put_back is not None:
        await ground.before_put_back()
    for file in temporal.db_path.parent.glob(f"{temporal.db_path.name}*"):
        file.unlink()
    shutil.copyfile(copy, temporal.db_path)
    await temporal.start()


async def terminate(ground: Ground, desk: Desk) -> None:
    await desk.course.handle.terminate("a drill")


async def cancel(ground: Ground, desk: Desk) -> None:
    await desk.course.handle.cancel()


async def set_back(ground: Ground, desk: Desk) -> None:
    await reset(desk.course, task=ground.chance.choice((0, -1)))


async def flood(ground: Ground, desk: Desk) -> None:
    await _signals(desk, [f"noise {number}".encode() for number in range(600)])


async def send_large(ground: Ground, desk: Desk) -> None:
    sizes = [300_000] * 10 + [1_900_000] * 3
    await _signals(desk, [b"x" * size for size in sizes])


async def _signals(desk: Desk, contents: list[bytes]) -> None:
    turn = asyncio.Semaphore(20)

    async def send(content: bytes) -> None:
        async with turn:
            with suppress(RPCError, TimeoutError):
                async with asyncio.timeout(5):
                    await send_signal(desk.course, "noise", content)

    await asyncio.gather(*map(send, contents))


async def delete_search_attributes(ground: Ground, _: Desk) -> None:
    names = [key.name for key in (STAGE, CLINIC, RECORDED, DUE)]
    client = ground.servers.client
    request = RemoveSearchAttributesRequest(
        namespace=client.namespace, search_attributes=ground.chance.sample(names, 2)
    )
    await client.operator_service.remove_search_attributes(request, retry=False)


async def pause_schedule(ground: Ground, _: Desk) -> None:
    await ground.servers.client.get_schedule_handle(ANCHORS).pause()


@dataclass(frozen=True)
class Kind:
    """A kind of disturbance, whether it is of one journey alone, and how long after it alarms may still be held up."""

    does: Callable[[Ground, Desk], Awaitable[None]]
    alone: bool
    held_up: timedelta


def _seconds(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


KINDS: Mapping[str, Kind] = {
    "a worker killed": Kind(kill_a_worker, False, _seconds(30)),
    "both workers killed": Kind(kill_all_workers, False, _seconds(30)),
    "a worker stopped and continued": Kind(stop_a_worker, False, _seconds(30)),
    "Temporal killed": Kind(kill_temporal, False, _seconds(30)),
    "PostgreSQL stopped": Kind(stop_postgres, False, _seconds(30)),
    # As the docs promise: an older state of a journey is noticed once it has settled.
    "Temporal's database put back": Kind(put_temporal_back, False, _seconds(300)),
    "a run terminated": Kind(terminate, True, _seconds(60)),
    "a run cancelled": Kind(cancel, True, _seconds(30)),
    "a run reset": Kind(set_back, True, _seconds(30)),
    "a flood of signals": Kind(flood, True, _seconds(30)),
    "large signals": Kind(send_large, True, _seconds(30)),
    "search attributes deleted": Kind(delete_search_attributes, False, _seconds(30)),
    "a schedule paused": Kind(pause_schedule, False, _seconds(5)),
}


@dataclass
class Disturbance:
    """What was done, when it began and ended (UTC), to which journey alone, and how long until one took a command."""

    kind: str
    began: datetime
    ended: datetime
    journey_id: UUID | None
    healed: float | None = None

    def may_hold_up(self, journey_id: UUID, due: datetime, left: datetime) -> timedelta | None:
        """How long this may hold up an alarm of a journey; None where it has nothing to do with it."""
        reach = self.ended + KINDS[self.kind].held_up
        if self.journey_id not in (None, journey_id) or left < self.began or due > reach:
            return None
        return reach - self.began


async def disturb(ground: Ground, name: str, desk: Desk) -> Disturbance:
    """Do it, and return what was done."""
    kind, began = KINDS[name], datetime.now(UTC)
    with suppress(RPCError):
        await kind.does(ground, desk)
    return Disturbance(name, began, datetime.now(UTC), desk.course.id if kind.alone else None)
