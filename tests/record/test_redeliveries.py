"""An append that is delivered again and again records once, and tells people once: per step, not per delivery."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notice_activities import NoticeActivities
from activities.notices import deliver
from activities.record import Record
from activities.record.event_codec import to_new
from activities.record_activities import RecordActivities
from activities.signatures.register_file import RegisterFile
from tests.journey.play import Decision, started
from tests.record.handed import batch
from tests.record.helpers import Connection, whole_log
from tests.signatures.room import ORGANISATION, published, register
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role
from workflows.messages import DIVERGED, LIMIT, Alarm, Recorded, StateDigest

AT_ONCE = 8


def register_of(directory: Path) -> RegisterFile:
    path = directory / "register.json"
    path.write_bytes(published(register()))
    return RegisterFile(path, ORGANISATION.public_key)


@pytest.fixture
def recording(record: Record, tmp_path: Path) -> RecordActivities:
    return RecordActivities(record, register_of(tmp_path), demonstrations=True)


def escalating() -> tuple[list[Decision], list[Decision]]:
    """A journey up to its first open sign-off, and what followed when nobody answered it for two weeks."""
    play = started("PTSD").go_on(lambda journey: any(o.sign_off for o in journey.waiting.values()))
    before = list(play.decisions)
    play.wait(days=14)
    return before, play.decisions[len(before) :]


@pytest.mark.parametrize("deliveries", [40, pytest.param(1000, marks=pytest.mark.soak)])
async def test_many_deliveries_give_one_event_and_one_notice_for_each_step(
    record: Record, recording: RecordActivities, owner: Connection, tmp_path: Path, deliveries: int
) -> None:
    before, since = escalating()
    await recording.append(batch(before))
    again = batch(since)
    after = [event for decision in since for event in decision.events]
    told = [notice for event in after for notice in notices(event)]
    # Alarms decided in a state that the record never had, and late because it was away: it has something else by now.
    undone = [notice.model_copy(update={"alarm": True, "about": "crisis:invented"}) for notice in told]
    alarms = Alarm(clinic="demo-clinic", notices=(*undone, *told))
    alarming = NoticeActivities(record, register_of(tmp_path))
    answers: list[Recorded] = []

    async def deliver(times: int) -> None:
        for _ in range(times):
            answers.append(await recording.append(again))
            await ActivityEnvironment().run(alarming.alarm, alarms)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(deliver(deliveries // AT_ONCE))

    assert len(answers) == deliveries
    assert len({answer.model_dump_json() for answer in answers}) == 1
    escalated = [event for event in after if isinstance(event.body, e.ObligationEscalated)]
    recorded = [stored.event_id for stored in await whole_log(record) if stored.event_type == "obligation.escalated"]
    assert recorded == [event.event_id for event in escalated]
    assert len(escalated) > 3
    for event in escalated:
        rows = await owner.fetch("SELECT notice_id FROM record.notice WHERE event_id = $1", event.event_id)
        assert [row["notice_id"] for row in rows] == [record.patients.of_notice(notice) for notice in notices(event)]
        assert len(rows) == 1
    assert [stored.version for stored in await whole_log(record)] == list(range(1, after[-1].version + 1))


async def test_alarms_leave_with_their_events_too(
    record: Record, recording: RecordActivities, owner: Connection
) -> None:
    """Where events are recorded again that a record lost, no run sends again what it had sent."""
    play = started("PTSD")
    play.do(c.RecordDeath(related="unknown", reason="Invented"), Role.OBSERVER)
    await recording.append(batch(play.decisions))
    told = [each for decision in play.decisions for event in decision.events for each in notices(event)]
    assert {each.alarm for each in told} == {True, False}
    rows = await owner.fetch("SELECT notice_id, alarm FROM record.notice")
    assert {row["notice_id"]: row["alarm"] for row in rows} == {
        record.patients.of_notice(each): each.alarm for each in told
    }


async def test_what_was_recorded_before_a_row_that_does_not_follow_is_told(
    record: Record, recording: RecordActivities, owner: Connection
) -> None:
    """Also where the worker died between the append and its notices."""
    before, since = escalating()
    journey_id = before[0].events[0].journey_id
    events = [event for each in (*before, *since) for event in each.events]
    forged = events[-1].model_copy(
        update={
            "event_id": uuid4(),
            "version": events[-1].version + 1,
            "body": e.CorrectionConfirmed(correction=99, reason="of nothing"),
        }
    )
    await record.append(journey_id, 0, [to_new(event) for event in (*events, forged)])
    with pytest.raises(ApplicationError, match="cannot be read") as refused:
        await ActivityEnvironment().run(recording.catch_up, StateDigest(journey_id=journey_id))
    assert refused.value.type == DIVERGED
    told = {record.patients.of_notice(notice) for event in events for notice in notices(event)}
    assert {row["notice_id"] for row in await owner.fetch("SELECT notice_id FROM record.notice")} == told
    assert len(told) > 3


async def test_an_alarm_of_what_was_decided_anew_in_another_state_leaves_too(record: Record, owner: Connection) -> None:
    """What left before it was recorded may have been of something else under the same id."""
    _, since = escalating()
    events = [event for each in since for event in each.events]
    event, body = next((event, event.body) for event in events if isinstance(event.body, e.ObligationEscalated))
    event = event.model_copy(update={"body": body.model_copy(update={"alarm": True})})
    other = event.model_copy(update={"body": body.model_copy(update={"alarm": True, "obligation": "crisis:invented"})})
    told = [notice for each in (other, event, other) for notice in notices(each)]
    for notice in told:
        await deliver(record, [notice], clinic="demo-clinic", register=None)
    kept = await owner.fetch("SELECT notice_id FROM record.notice JOIN record.queued_notice USING (log_id, notice_id)")
    assert len(kept) == 2


@pytest.mark.parametrize("lowered", [("_count > 500", "_count > 1"), ("_largest > 262144", "_largest > 100")])
async def test_a_limit_is_told_as_one_and_heals_when_it_is_lifted(
    recording: RecordActivities, record: Record, owner: Connection, lowered: tuple[str, str]
) -> None:
    play = started("PTSD")
    function = await owner.fetchval("SELECT pg_get_functiondef('record.append'::regproc)")
    assert lowered[0] in function
    await owner.execute(function.replace(*lowered))

    for _ in range(2):
        with pytest.raises(ApplicationError) as over:
            await recording.append(batch(play.decisions))
        assert (over.value.type, over.value.non_retryable) == (LIMIT, False)
        assert "nothing is lost" in str(over.value)
    await owner.execute(function)

    assert (await recording.append(batch(play.decisions))).version == len(await whole_log(record))
