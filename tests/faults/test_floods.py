"""Floods: whatever arrives, however much of it, the run goes on in time and nothing that was acknowledged is lost."""

import asyncio
from collections.abc import Sequence

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.record.event_codec import load_events
from activities.record.store import Record
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, command, reset, signal, support
from tests.helpers import SOON, eventually
from workflows import messages, signals
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server

UPDATE = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED


async def flood(course: Course, contents: Sequence[bytes]) -> int:
    """Send unreadable signals one after the other. Return how many Temporal acknowledged."""
    taken = 0
    for content in contents:
        try:
            await signal(course, "noise", content)
            taken += 1
        except RPCError:
            pass  # Its sender knows.
    return taken


def accounted(journey: Journey) -> int:
    """How many unreadable messages the journey kept or counted."""
    kept = counted = 0
    for message in journey.messages.values():
        if message.name == "further messages":
            counted = int(message.content.split()[0])
        else:
            kept += 1
    return kept + counted


async def accounted_for(course: Course) -> int:
    """The same, as recorded once the journey is quiet."""
    return accounted(await course.recorded())


async def takes_a_hold(course: Course) -> None:
    async with asyncio.timeout(10):
        await course.send(c.PlaceHold(reason="invented: after the flood"))
    assert (await course.handle.describe()).status == WorkflowExecutionStatus.RUNNING


@pytest.mark.faults
async def test_a_flood_delays_its_sender_and_nobody_else(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """While no worker runs, one sender sends very much, then another something, and last somebody holds care."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = (await course.recorded()).version
    move, hold = c.Move(zone="America/New_York", state="NY"), c.PlaceHold(reason="invented: whatever else waits")
    sent = [*(command(move, Role.OPS) for _ in range(12)), command(move, Role.CLINICIAN), command(hold)]
    for each in sent:
        await course.handle.signal("command", each)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await record.wait_for(course.id, before + len(sent), 4 * SOON)
        await course.recorded()
        ids = {each.command_id for each in sent}
        events = await load_events(record, course.id)
        order = list(dict.fromkeys(event.command_id for event in events if event.command_id in ids))
        assert order[0] == sent[-1].command_id, "the hold"
        assert sent[-2].command_id in order[1:3], "the other sender's"
        assert len(order) == len(sent)
        await course.checked()


async def test_messages_of_two_megabytes_end_nothing(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        assert await flood(course, [bytes([65 + number]) * 1_900_000 for number in range(28)]) == 0
        await takes_a_hold(course)
        await course.checked()


async def test_a_message_that_is_too_large_holds_care_and_is_kept_in_short(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        assert await flood(course, [b"x" * 300_000, "ü".encode() * 30_000]) == 2

        async def kept() -> bool:
            return len((await course.recorded()).messages) == 2

        await eventually(kept)
        journey = await course.checked()
        large, other = journey.messages.values()
        assert journey.held
        assert "300000 bytes, SHA-256" in large.content
        assert len(large.content) < 200
        assert other.content == "ü" * (signals.MESSAGE_BYTES // 2)
        assert {one.kind for one in journey.waiting.values()} >= {"unreadable_message"}


@pytest.mark.faults
async def test_a_run_leaves_by_size_and_takes_unread_messages_along(
    client: Client, record: Record, signers: Signers, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "BYTES_IN_RUN", 150_000)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        taken = await flood(course, [b"%d " % number + b"\x01" * 15_000 for number in range(60)])

        async def all_read() -> bool:
            return await accounted_for(course) == taken == 60

        await eventually(all_read)
        await takes_a_hold(course)
        await course.checked()
        assert len(await course.runs()) >= 2


@pytest.mark.faults
async def test_a_run_that_is_never_idle_leaves_too(
    client: Client, record: Record, signers: Signers, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 15)
    sent = [command(support(f"invented: {number}")) for number in range(90)]
    waiting = list(sent)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()

        async def send() -> None:
            while waiting:
                await course.submit(waiting.pop())

        await asyncio.gather(*(send() for _ in range(8)))
        journey = await course.checked()
        assert len(journey.support) == len(sent)
        runs = await course.runs()
        assert len(runs) >= 5
        # However fast people send: after the append that is under way and the next one it makes way. What was let in by
        # then takes two more at most.
        assert max(map(_appends_after_it_was_due, runs)) <= 4


def _appends_after_it_was_due(run: Sequence[HistoryEvent]) -> int:
    """How many batches a run recorded after it had taken as many updates as one may."""
    asked = {
        event.event_id
        for event in run
        if event.activity_task_scheduled_event_attributes.activity_type.name == messages.append_to_record.__name__
    }
    updates = appends = 0
    for event in run:
        updates += event.event_type == UPDATE
        done = event.activity_task_completed_event_attributes.scheduled_event_id in asked
        appends += updates >= messages.UPDATES_IN_RUN and done
    return appends


@pytest.mark.faults
async def test_a_reset_of_a_run_with_many_updates_loses_none(
    client: Client, record: Record, signers: Signers, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 60)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        for number in range(50):
            await course.send(support(f"invented: {number}"))
        before = await course.recorded()
        for task in (0, -1):
            await reset(course, task=task)
            assert await course.checked() == before
            await course.send(support("invented: and after it"))
            before = await course.recorded()
        kinds = [event.body.kind for event in await load_events(record, course.id)]
        assert kinds.count("support.requested") == 52
