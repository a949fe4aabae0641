"""A stack whose databases may be put back, and what is done to the runs of its journeys."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from temporalio.client import Client

from activities.record.store import Record
from application.context import Context
from application.record.drift import Drift
from application.record.reconcile import reconcile
from application.settings import Settings
from application.temporal.client import TemporalJourneys
from application.temporal.journeys import Journeys, PolledBuilds, Run
from deploy.local.temporal import TemporalServer
from simulation.stack import StaffedStack
from tests.cli.helpers import OPS
from tests.faults.helpers import Course, at_work, support
from workflows.care_journey import workflow_id

LATER = timedelta(minutes=10)
"""So long after what happened a pass is made here: by then both sides must agree."""


class PausingServer(TemporalServer):
    """A server on which somebody may pause a workflow."""

    def _command(self) -> list[str | Path]:
        return [*super()._command(), "--dynamic-config-value", "frontend.WorkflowPauseEnabled=true"]


class _AsItIsNow(TemporalJourneys):
    """Temporal as it is now, for a pass that is made so much ``later``."""

    def __init__(self, client: Client, task_queue: str, later: timedelta) -> None:
        super().__init__(client, task_queue)
        self._later = later

    async def find(self, journey_id: UUID, now: datetime) -> Run | None:
        return await super().find(journey_id, now - self._later)

    async def builds(self, now: datetime) -> PolledBuilds:
        return await super().builds(now - self._later)

    async def keep_up(self, anchors_every: timedelta | None, now: datetime) -> tuple[str, ...]:
        return await super().keep_up(anchors_every, now - self._later)


class Ground(NamedTuple):
    """A stack of its own, whose Temporal may be put back, with a worker that is at work."""

    stack: StaffedStack
    client: Client
    record: Record
    settings: Settings
    left: set[UUID]
    """The journeys that differ since an earlier test: nobody ever began them, or they are on a queue of their own."""

    async def begin(self, count: int) -> list[Course]:
        courses = [Course(self.client, self.record, self.stack.signers, self.settings.task_queue) for _ in range(count)]
        for course in courses:
            await course.begin()
            await course.send(support())
            await course.recorded()
        return courses

    @asynccontextmanager
    async def context(self, later: timedelta = LATER, *, ahead: timedelta = timedelta()) -> AsyncIterator[Context]:
        """A request so much later, on a machine whose clock is ``ahead``."""

        @asynccontextmanager
        async def journeys(_: Settings) -> AsyncIterator[Journeys]:
            yield _AsItIsNow(self.client, self.settings.task_queue, later)

        def now() -> datetime:
            return datetime.now(UTC) + later + ahead

        async with Context(profile=str(OPS), load=lambda: self.settings, connect=journeys, now=now) as context:
            yield context

    async def reconcile(self, *, repair: bool = True) -> dict[UUID, tuple[Drift, bool]]:
        async with self.context() as context:
            done = await reconcile(context, repair=repair)
        return {each.journey_id: (each.drift, each.repaired) for each in done.found if each.journey_id not in self.left}

    def at_work(self, **options: Any) -> AbstractAsyncContextManager[None]:
        return at_work(self.client, self.record, self.stack.signers, self.settings.task_queue, **options)

    async def put_back(self, copy: Path) -> None:
        """Put a copy of Temporal's database in the place of what it has now."""
        await self.stack.temporal.stop()
        data = self.stack.directory / "temporal"
        shutil.rmtree(data)
        shutil.copytree(copy, data)
        await self.stack.temporal.start()

    async def copied(self, copy: Path) -> None:
        """Copy Temporal's database, as a backup would."""
        await self.stack.temporal.stop()
        shutil.copytree(self.stack.directory / "temporal", copy)
        await self.stack.temporal.start()


async def ended(ground: Ground, course: Course) -> None:
    await course.handle.terminate("a test")


async def squatted_and_left(ground: Ground, journey_id: UUID) -> None:
    """Somebody without the keys holds the id of a journey for a moment."""
    plain = await Client.connect(ground.stack.temporal.address)
    stranger = await plain.start_workflow("CareJourney", {}, id=workflow_id(journey_id), task_queue="nobody")
    await stranger.terminate("invented: gone again")


async def knows(course: Course, command_id: UUID) -> bool:
    return command_id in await course.commands()
