"""What is beyond a bound is never dropped: it is counted, care is held and ops are told. What is handled makes room."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from activities.record.event_codec import load_events
from activities.record.store import Record
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, command, signal, support
from tests.helpers import eventually
from workflows import messages
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server

BOUND = 3


@pytest.fixture
async def course(
    monkeypatch: pytest.MonkeyPatch, client: Client, record: Record, signers: Signers, task_queue: str
) -> AsyncIterator[Course]:
    monkeypatch.setattr(messages, "MESSAGES_KEPT", BOUND)
    monkeypatch.setattr("workflows.journey.decide.REFUSALS_KEPT", BOUND)
    monkeypatch.setattr("workflows.shell.ledger.REFUSALS_KEPT", BOUND)
    begun = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await begun.begin()
        yield begun
        await begun.checked()


async def unreadable(course: Course, number: int) -> None:
    await signal(course, "noise", b"%d" % number)


async def refused(course: Course, _number: int) -> None:
    sent = command(c.Move(zone="America/New_York", state="NY"), by=Role.PATIENT)
    await signal(course, "command", sent.model_dump_json().encode())


async def kept(course: Course) -> int:
    bodies = [event.body for event in await load_events(course.record, course.id)]
    in_full = (e.CommandRefused, e.MessageKept)
    return sum(isinstance(body, in_full) and getattr(body, "name", "") != FURTHER for body in bodies)


async def counted(course: Course) -> list[int]:
    found = (await course.recorded()).messages.values()
    return [int(message.content.split()[0]) for message in found if message.name == FURTHER]


async def handle_all(course: Course) -> None:
    for message in (await course.recorded()).unhandled:
        await course.send(c.HandleMessage(message=message.id, text="invented: seen"), by=Role.OPS)


@pytest.mark.parametrize("send", [unreadable, refused], ids=["unreadable messages", "refused commands"])
async def test_full_one_more_handled_next_one(course: Course, send: Callable[[Course, int], Awaitable[None]]) -> None:
    async def reaches(in_full: int, *further: int) -> None:
        async def is_so() -> bool:
            return await kept(course) == in_full and await counted(course) == [*further]

        await eventually(is_so)

    for number in range(BOUND):
        await send(course, number)
    await reaches(BOUND)
    holds = len((await course.recorded()).holds)
    await send(course, BOUND)
    await reaches(BOUND, 1)
    journey = await course.recorded()
    assert len(journey.holds) == holds + 1, "care is held once more"
    [told] = [message.id for message in journey.unhandled if message.name == FURTHER]
    assert any(waiting.subject == told and waiting.owner == Role.OPS for waiting in journey.waiting.values())
    await send(course, BOUND + 1)
    await send(course, BOUND + 2)
    await reaches(BOUND, 1, 2)
    await handle_all(course)
    assert (await course.recorded()).unhandled == ()
    await send(course, BOUND + 3)
    await reaches(BOUND + 1, 1, 2)


async def test_a_hold_and_a_report_of_harm_by_signal_outlast_any_bound(course: Course) -> None:
    for number in range(BOUND + 2):
        await refused(course, number)
        await unreadable(course, number)
    report = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=datetime.now(UTC))
    await signal(course, "command", command(report).model_dump_json().encode())

    async def taken() -> bool:
        return bool((await course.recorded()).adverse_events)

    await eventually(taken)


async def test_strangers_are_counted_together_and_hold_up_nobody(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent without the keys, whoever it says that it is of, by signal and by update."""
    monkeypatch.setattr(messages, "STRANGERS_OPEN", BOUND)
    plain = await Client.connect(course.client.service_client.config.target_host, namespace=course.client.namespace)
    stranger, before = plain.get_workflow_handle(workflow_id(course.id)), await course.recorded()
    urgent = [
        command(c.RequestSupport(urgency="urgent", text=f"invented: {n}"), Role.PATIENT) for n in range(BOUND + 2)
    ]
    for sent in urgent[:-1]:
        await stranger.signal("command", sent.model_dump(mode="json", exclude_none=True))

    async def all_heard() -> bool:
        return await counted(course) == [1]

    await eventually(all_heard)
    with suppress(WorkflowUpdateFailedError, KeyError, RuntimeError):  # they cannot read the answer
        await stranger.execute_update("submit", urgent[-1].model_dump(mode="json", exclude_none=True))
    assert await counted(course) == [1, 2]
    journey = await course.recorded()
    assert len(journey.support) - len(before.support) == BOUND
    assert journey.held
    for _ in range(BOUND):
        await course.send(support("invented: by the service's own way"), Role.PATIENT)
    journey = await course.recorded()
    assert len(journey.support) - len(before.support) == 2 * BOUND
    assert await counted(course) == [1, 2]
    for asked in journey.support:
        await course.send(c.AnswerSupport(support=asked, text="invented: seen"), Role.CLINICIAN)
    again = command(support("invented: once more"), Role.PATIENT)
    await stranger.signal("command", again.model_dump(mode="json", exclude_none=True))

    async def taken() -> bool:
        return len((await course.recorded()).support) - len(before.support) == 2 * BOUND + 1

    await eventually(taken)


async def test_a_report_that_is_refused_holds_care_and_people_look_at_it(course: Course) -> None:
    """Nobody answers a signal: a report with a time that cannot be is read by somebody all the same."""
    report = c.ReportAdverseEvent(
        what="invented: fainted", grade=4, serious=False, onset=datetime.now(UTC) + timedelta(days=9)
    )
    sent = command(report).model_dump_json().encode()
    for _ in range(3):
        await signal(course, "command", sent)

    async def seen() -> bool:
        return bool((await course.recorded()).messages)

    await eventually(seen)
    journey = await course.recorded()
    [message] = journey.unhandled
    assert message.name == "refused: adverse-event.report"
    assert "fainted" in message.content
    assert journey.held
