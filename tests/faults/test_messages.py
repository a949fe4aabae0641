"""Messages that come twice, late, unreadable or in floods: the journey lives, and nothing about safety is lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_events
from activities.record.store import Record
from application.errors import NotFound, Refused
from application.temporal.journey_client import submit
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, command, signal, support
from tests.helpers import codec_of, eventually
from tests.replay.replay import replay
from workflows import messages
from workflows.journey import commands as c
from workflows.journey import decided
from workflows.journey.aggregate import Journey
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

pytestmark = pytest.mark.server


CACHES = ("cached", "replayed at every task")
REPLAYED = pytest.mark.parametrize("course", [1000, 0], ids=CACHES, indirect=True)
REPLAYED_IN_SOAK = pytest.mark.parametrize(
    "course", [1000, pytest.param(0, marks=pytest.mark.soak)], ids=CACHES, indirect=True
)
"""Replays take long. Two of these tests show them before a merge: signals that are kept, and signals that are taken."""


@pytest.fixture
async def course(
    client: Client, record: Record, signers: Signers, task_queue: str, request: pytest.FixtureRequest
) -> AsyncIterator[Course]:
    """A journey that has begun. Without a cache, whatever a message did is done again by every later task."""
    begun = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=getattr(request, "param", 1000)):
        await begun.begin()
        yield begun
        # Whatever came before: it hears the next command, and agrees with its record.
        if not (await begun.recorded()).closed:
            await begun.send(support("invented: are you still there?"))
        await begun.checked()


async def kinds(course: Course) -> list[str]:
    await course.recorded()
    return [event.body.kind for event in await load_events(course.record, course.id)]


async def kept_unreadable(course: Course, messages: int) -> None:
    """That many unreadable messages are kept: care is held, and each one waits for ops."""

    async def all_kept() -> bool:
        return len((await course.recorded()).messages) >= messages

    await eventually(all_kept)
    journey = await course.recorded()
    assert len(journey.messages) == messages
    assert journey.held
    waiting = [one for one in journey.waiting.values() if one.kind == "unreadable_message"]
    assert len(waiting) == messages
    assert {one.owner for one in waiting} == {Role.OPS}


@pytest.mark.faults
@REPLAYED_IN_SOAK
async def test_one_command_sent_twenty_times_happens_once(course: Course) -> None:
    sent = command(support())
    content = sent.model_dump_json().encode()
    await asyncio.gather(*(signal(course, "command", content) for _ in range(20)))
    receipts = await asyncio.gather(*(course.submit(sent) for _ in range(20)))
    assert len({receipt.version for receipt in receipts}) == 1
    assert (await kinds(course)).count("support.requested") == 1


@REPLAYED_IN_SOAK
async def test_the_same_id_for_something_else_is_refused(course: Course) -> None:
    sent = command(support())
    await course.submit(sent)
    with pytest.raises(Refused) as refused:
        await submit(course.client, course.id, command(support("invented: other"), command_id=sent.command_id))
    assert refused.value.refusal.code == RefusalCode.COMMAND_ID_REUSED
    assert (await kinds(course)).count("support.requested") == 1


NUL = b"\0"
VALID = command(support()).model_dump_json().encode()
UNREADABLE = {
    "unknown name": ("i-feel-unwell", (VALID,), b"json/plain"),
    "a name of blanks": ("   ", (VALID,), b"json/plain"),
    "a long name": ("n" * 900, (VALID,), b"json/plain"),
    "no payload": ("command", (), b"json/plain"),
    "two payloads": ("command", (VALID, VALID), b"json/plain"),
    "empty payload": ("command", (b"",), b"json/plain"),
    "not JSON": ("command", (b"i feel unwell",), b"json/plain"),
    "cut JSON": ("command", (VALID[:-9],), b"json/plain"),
    "not UTF-8": ("command", (b'{"text":"\xff\xfe\x80"}',), b"json/plain"),
    "half a character": ("command", (VALID.replace(b"please", b"\\ud83d"),), b"json/plain"),
    "unknown encoding": ("command", (b"\x01\x02 encrypted elsewhere",), b"binary/encrypted"),
    "null": ("command", (b"",), b"binary/null"),
    "not a number": ("command", (VALID.replace(b'"routine"', b"NaN"),), b"json/plain"),
    "wrong type": ("command", (VALID.replace(b'"text":"', b'"text":[],"more":"'),), b"json/plain"),
    "unknown kind": ("command", (VALID.replace(b"support.request", b"support.destroy"),), b"json/plain"),
    "deeply nested": ("command", (b'{"a":' * 5000 + b"1" + b"}" * 5000,), b"json/plain"),
    "large": ("command", (b" " * 100_000 + VALID,), b"json/plain"),
    "large, and of control characters": ("command", (NUL * 100_000,), b"json/plain"),
    "large, and of other scripts": ("command", ("\u6d4b".encode() * 40_000,), b"json/plain"),
}


async def test_what_cannot_be_read_is_kept_and_holds_care(course: Course) -> None:
    for name, contents, encoding in UNREADABLE.values():
        await signal(course, name, *contents, encoding=encoding)
    await kept_unreadable(course, len(UNREADABLE))


@REPLAYED_IN_SOAK
async def test_what_comes_with_a_signal_that_says_nothing_does_no_harm(course: Course) -> None:
    for name in ("show", "look"):
        for contents in ((b'"invented"',), (b"{}", b"?"), (b"",)):
            await signal(course, name, *contents)
        await course.send(support(f"invented: after {name}"))


@REPLAYED_IN_SOAK
async def test_a_command_in_the_name_of_the_clock_is_refused(course: Course) -> None:
    for body in (support(), c.PassDeadline(), c.KeepUnreadable(name="x", content="y")):
        forged = c.Command(command_id=uuid4(), actor=CLOCK, body=body)
        with pytest.raises(Refused) as refused:
            await submit(course.client, course.id, forged)
        assert refused.value.refusal.code == RefusalCode.NOT_ALLOWED
        await course.handle.signal("command", forged)
    # Nobody was told, so the attempts by signal are in the record.
    recorded = await eventually(lambda: _at_least(course, "command.refused", 3))
    assert "support.requested" not in recorded
    # The call for help is not taken in the clock's name; people look at it all the same.
    [kept] = (await course.recorded()).messages.values()
    assert kept.name == "refused: support.request"


@pytest.mark.faults
async def test_a_refused_command_of_the_service_holds_care_and_is_tried_again(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None ever should be. If one is all the same, ops hear of it, and the alarm leaves once it can."""

    def refuse_the_clock(journey: Journey | None, given: c.Command, at: datetime) -> tuple[Event, ...] | Refusal:
        if isinstance(given.body, c.PassDeadline):
            return Refusal(code=RefusalCode.UNKNOWN, reason="invented", remedy="Invented")
        return decide(journey, given, at)

    monkeypatch.setattr(messages, "TRIED_AGAIN", timedelta(seconds=1))
    with monkeypatch.context() as patched:
        patched.setattr(decided, "decide", refuse_the_clock)
        await course.send(c.RequestSupport(urgency="urgent", text="invented: please call"))
        await kept_unreadable(course, 1)
    [kept] = (await course.recorded()).messages.values()
    assert kept.name == "refused: clock.pass-deadline"
    await eventually(lambda: _at_least(course, "obligation.escalated", 1))


@REPLAYED
async def test_by_hand_a_hold_and_a_call_for_help_are_taken_and_nothing_else(course: Course) -> None:
    sent = (command(c.Withdraw(), by=Role.PATIENT), command(support()), command(c.PlaceHold(reason="invented")))
    for one in sent:
        await signal(course, "command", one.model_dump_json().encode())
    recorded = await eventually(lambda: _at_least(course, "hold.placed", 1))
    assert (recorded.count("message.kept"), recorded.count("support.requested")) == (1, 1)
    assert "pathway.ending" not in recorded
    [kept] = (await course.recorded()).messages.values()
    assert kept.name == "by hand: pathway.withdraw"


async def _at_least(course: Course, kind: str, count: int) -> list[str] | None:
    found = await kinds(course)
    return found if found.count(kind) >= count else None


@pytest.mark.faults
async def test_a_flood_is_worked_through(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "SIGNALS_IN_RUN", 60)
    sent = [command(support(f"invented: {number}")) for number in range(messages.STRANGERS_OPEN)]
    await asyncio.gather(*(signal(course, "command", one.model_dump_json().encode()) for one in sent))
    await eventually(lambda: _at_least(course, "support.requested", len(sent)), within=timedelta(seconds=60))
    await course.recorded()
    known = await course.commands()
    assert [one.command_id for one in sent if one.command_id not in known] == []
    assert (await kinds(course)).count("support.requested") == len(sent)


@pytest.mark.faults
@REPLAYED
async def test_what_cannot_be_read_is_kept_by_every_replay_alike(course: Course) -> None:
    for name in ("a name of blanks", "large, and of control characters", "not UTF-8"):
        signal_name, contents, encoding = UNREADABLE[name]
        await signal(course, signal_name, *contents, encoding=encoding)
    await kept_unreadable(course, 3)


async def test_a_flood_of_unreadable_messages_keeps_so_many_and_counts_the_others(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MESSAGES_KEPT", 30)
    await asyncio.gather(*(signal(course, "noise", b"%d" % number) for number in range(100)))
    counts = [2**power for power in range(7)]  # of the 70 that are not kept, at 1, 2, 4, ..., 64
    await kept_unreadable(course, messages.MESSAGES_KEPT + len(counts))
    found = (await course.recorded()).messages.values()
    counted = [message.content for message in found if message.name == "further messages"]
    assert [int(content.split()[0]) for content in counted] == counts
    assert "SHA-256" in counted[-1]


@REPLAYED_IN_SOAK
async def test_what_a_worker_writes_replays_whatever_was_refused_meanwhile(course: Course) -> None:
    """A refused update leaves nothing in history, and a task around it that others may be replayed together with."""
    for number in range(5):
        await course.send(c.PlaceHold(reason=f"invented: {number}"))
        with pytest.raises(Refused):
            await course.send(c.HandleMessage(message="message-9", text="invented: there is none"), by=Role.OPS)
        await course.send(c.RequestSupport(urgency="urgent", text=f"invented: {number}"))
    await course.recorded()
    assert await replay([await course.handle.fetch_history()], codec_of(course.client)) == []


@REPLAYED_IN_SOAK
async def test_a_command_after_the_end_is_told_so(course: Course) -> None:
    earlier, last = (
        command(c.Move(zone="America/New_York", state="NY")),
        command(c.Withdraw(), by=Role.PATIENT, of=course.id),
    )
    first = await course.submit(earlier)
    receipt = await course.submit(last)
    ended = await course.handle.result()
    assert (ended.outcome, ended.version) == ("withdrawn", receipt.version)
    with pytest.raises(NotFound):
        await submit(course.client, course.id, command(support()))
    # One that was answered before is answered alike: whoever did not hear it may still ask.
    assert await submit(course.client, course.id, earlier) == first
    assert await submit(course.client, course.id, last) == receipt
