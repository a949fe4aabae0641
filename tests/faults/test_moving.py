"""Commands while a journey moves from one run to another: nobody is told that there is no such journey."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.client import Client

from activities.record.event_codec import load_events
from activities.record.store import Record
from application.context import utc_now
from application.errors import NotFound, Unavailable
from application.record.repair import begin_anew
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import reopen, submit
from application.temporal.runs import find_run
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, blocked, command, reset, support
from tests.helpers import eventually
from workflows import messages
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.shell.display import DIVERGED_HEALTH

pytestmark = pytest.mark.server


async def terminate_and_begin_anew(course: Course) -> None:
    await course.handle.terminate()
    await replace(course)


async def replace(course: Course) -> None:
    """As reconciliation does it: what the last run had taken and not recorded is handed in again."""
    journeys = TemporalJourneys(course.client, course.task_queue)
    await begin_anew(course.record, journeys, course.id, await find_run(course.client, course.id, now=utc_now()))


async def reset_to_the_first_task(course: Course) -> None:
    await reset(course)


async def reset_to_the_last_task(course: Course) -> None:
    await reset(course, task=-1)


async def cancel(course: Course) -> None:
    await course.handle.cancel()


async def nothing(course: Course) -> None:
    """Its runs are short anyway."""


MOVES: tuple[Callable[[Course], Awaitable[None]], ...] = (
    terminate_and_begin_anew,
    replace,
    reset_to_the_first_task,
    reset_to_the_last_task,
    cancel,
    nothing,
)


@pytest.mark.faults
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
async def test_commands_arrive_while_a_journey_moves(
    client: Client,
    record: Record,
    signers: Signers,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
    move: Callable[[Course], Awaitable[None]],
) -> None:
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 7)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        sent = [command(support(f"invented: {number}")) for number in range(30)]
        waiting, some = list(sent), asyncio.Event()

        async def send() -> None:
            while waiting:
                # Once, as people do who believe what they are told.
                await submit(client, course.id, waiting.pop())
                some.set()

        sending = [asyncio.create_task(send()) for _ in range(3)]
        await some.wait()
        await move(course)
        await asyncio.gather(*sending)
        journey = await course.recorded()
        known = await course.commands()
        assert [one for one in sent if one.command_id not in known] == []
        assert len(journey.support) == len(sent)


async def test_an_append_under_way_ends_before_a_journey_is_begun_anew(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """It may reach the record after its run has ended: whoever goes on from the record must not come before it."""
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.recorded()
        first = (await course.handle.describe()).run_id

        async def appending() -> bool:
            pending = (await course.handle.describe()).raw_description.pending_activities
            return any(one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for one in pending)

        async def ended() -> bool:
            """Whether the run is over, and the next one, if there is one yet, has read the record."""
            run = await find_run(client, course.id, now=utc_now())
            if run is None or run.run_id == first:
                return run is None or run.ended
            history = (await course.runs())[0]
            return any(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED for event in history)

        async with blocked(stack, "LOCK TABLE record.journey_event IN SHARE MODE"):
            await course.send(support("invented: before"))
            await eventually(appending)
            replacing = asyncio.create_task(replace(course))
            await eventually(ended)
        await replacing
        await course.send(support("invented: after"))
        journey = await course.recorded()
        assert [one.text for one in journey.support.values()] == ["invented: before", "invented: after"]
        assert (await course.status()).health != DIVERGED_HEALTH


async def test_what_is_known_of_a_journey_that_takes_nothing_is_told(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    short = timedelta(seconds=1)
    async with at_work(client, record, signers, task_queue):
        with pytest.raises(NotFound):
            await submit(client, uuid4(), command(support()), timeout=short)
        assert await find_run(client, uuid4(), now=utc_now()) is None

        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.recorded()
        await course.handle.terminate()
        began = monotonic()
        with pytest.raises(Unavailable, match="the journey exists, and Temporal has ended its run: tell ops"):
            await submit(client, course.id, command(support()), timeout=short)
        assert monotonic() - began < 5

        await replace(course)
        await course.send(c.Withdraw(), by=Role.PATIENT)
        await course.handle.result()
        with pytest.raises(NotFound):
            await submit(client, course.id, command(support()), timeout=short)


async def test_a_journey_that_ends_and_opens_again_all_the_time_takes_every_command(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await course.send(c.Withdraw(), by=Role.PATIENT)
        await course.handle.result()
        sent = [command(support(f"invented: {number}")) for number in range(10)]
        for one in sent:
            await reopen(client, await load_events(record, course.id), one, task_queue=task_queue)
        await course.recorded()
        known = await course.commands()
        assert [one for one in sent if one.command_id not in known] == []
