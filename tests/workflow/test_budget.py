"""What a course costs: events and bytes of history, and what Temporal Cloud would bill.

Counted from the start to the first visit without an end date, without what only skipped time leaves behind.
A ceiling that is passed is either a mistake or a decision: then write the new figures here, about a twentieth up.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from tests.fixtures.workflow_cache import workflow_cache
from tests.workflow.courses import Played, of_courses
from workflows.journey import events as e
from workflows.journey.events import Event
from workflows.journey.protocol import Protocol

pytestmark = pytest.mark.skipif(not workflow_cache(), reason="courses have other runs there: see `played`")


@dataclass(frozen=True)
class Cost:
    events: int
    bytes: int
    actions: int


CEILINGS = {"ptsd": Cost(1890, 549_000, 492), "anxiety": Cost(1540, 451_000, 394)}
OF_THE_TEST = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
)
BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
}
"""One action each (a new run is a start); a retried activity is one more for each attempt."""


def first_without_an_end(events: tuple[Event, ...], protocol: Protocol) -> datetime:
    """When the fixed follow-up weeks were over and the next visit got its time."""
    fixed = {f"follow-up-week-{week}" for week in protocol.follow_up.weeks}
    return next(
        event.at
        for event in events
        if isinstance(event.body, e.ContactsScheduled)
        and any(contact.type == "follow_up_visit" and contact.id not in fixed for contact in event.body.contacts)
    )


def billed(history: list[HistoryEvent]) -> Iterator[str]:
    for event in history:
        if event.event_type in BILLED:
            yield BILLED[event.event_type]
        yield from ["retry"] * max(0, event.activity_task_started_event_attributes.attempt - 1)


def payload_bytes(message: Message) -> int:
    """How many bytes of a message are payloads."""
    if isinstance(message, Payload):
        return message.ByteSize()
    return sum(map(payload_bytes, parts(message)))


def parts(message: Message) -> Iterator[Message]:
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            each = value.values() if isinstance(value, Mapping) else [value] if isinstance(value, Message) else value
            yield from (one for one in each if isinstance(one, Message))


@pytest.mark.parametrize("name", of_courses(*CEILINGS))
async def test_a_course_stays_within_its_budget(played: Played, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = await played(name)
    over = first_without_an_end(await case.events(), case.journey.protocol) + timedelta(minutes=1)
    history = [
        event
        for event in await case.history_events()
        if event.event_type not in OF_THE_TEST and event.event_time.ToDatetime(over.tzinfo) <= over
    ]
    actions = Counter(billed(history))
    sizes: Counter[str] = Counter()
    payloads: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for event in history:
        kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        kinds[kind] += 1
        sizes[kind] += event.ByteSize()
        payloads[kind] += payload_bytes(event)

    cost = Cost(len(history), sum(sizes.values()), actions.total())

    with capsys.disabled():
        print(f"\n{name}: {cost}\n  actions: {dict(actions)}")
        for kind, count in kinds.most_common():
            print(f"  {count:5} {sizes[kind]:8} B, of which {payloads[kind]:8} B payloads  {kind}")
    ceiling = CEILINGS[name]
    assert cost.events <= ceiling.events
    assert cost.bytes <= ceiling.bytes
    assert cost.actions <= ceiling.actions
