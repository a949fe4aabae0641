"""Servers that are gone for a while: people are still answered, alarms leave, and afterwards all is recorded."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.record.errors import NotYetRecorded, RecordUnavailable
from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.record.verification.record import verify_record
from activities.signatures.keys import new_seal
from deploy.local.stack import Stack, run_worker
from simulation.keys import Signers
from simulation.people import PEOPLE
from tests.faults.attackers import asked, clock, decision, held, signed, with_seal
from tests.faults.helpers import AT_RISK, LOG_LOCK, Course, at_work, blocked, command, reset, support
from tests.fixtures.everything import everything
from tests.helpers import eventually
from tests.record.helpers import log_of_patients
from workflows import messages
from workflows.care_journey import workflow_id
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage
from workflows.messages import Alarm, append_to_record, raise_alarm, verify_signature
from workflows.temporal_plugin import in_history

pytestmark = pytest.mark.server

APPEND, ALARM, LOOK_UP = append_to_record.__name__, raise_alarm.__name__, verify_signature.__name__


@pytest.mark.faults
async def test_without_the_record_people_are_answered_and_alarms_leave(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    course = Course(client, record, signers, task_queue)
    log = tmp_path / "worker.log"
    async with await run_worker({**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue}, log):
        await course.begin()
        await course.play(lambda journey: journey.version >= 6)
        before = (await course.recorded()).version
        await stack.postgres.stop("immediate")

        receipts = [await course.send(support(f"invented: {number}")) for number in range(3)]
        assert [receipt.version for receipt in receipts] == sorted({receipt.version for receipt in receipts})
        assert receipts[0].version > before
        with pytest.raises((NotYetRecorded, RecordUnavailable)):
            await record.wait_for(course.id, receipts[0].version, timedelta(milliseconds=200))

        async def tried_again() -> dict[str, int] | None:
            described = await course.handle.describe()
            pending = described.raw_description.pending_activities
            assert all(one.activity_type.name in (APPEND, ALARM) for one in pending)
            return {one.activity_type.name: one.attempt for one in pending if one.attempt > 2}

        # Whoever looks sees what is stuck, how often it was tried, and why.
        attempts = await eventually(tried_again)
        assert attempts.keys() == {APPEND}
        described = await course.handle.describe()
        [append] = described.raw_description.pending_activities
        why = await in_history(client, workflow_id(course.id)).decode_failure(append.last_failure)
        assert "record is unavailable" in str(why)

        assert "alarm" not in log.read_text()
        await course.send(AT_RISK, by=Role.CLINICIAN)

        async def said() -> list[str] | None:
            """The ids of the alarms in the log, once they are those that were raised, each once."""
            raised, logged = await _raised(course), _alarms(log)
            return logged if raised and sorted(logged) == sorted(raised) else None

        assert await eventually(said)
        status = await course.status()
        assert status.recorded == before
        assert status.version > before

        async def tried_to_deliver() -> bool:
            described = await course.handle.describe()
            pending = described.raw_description.pending_activities
            return any(one.activity_type.name == ALARM and one.attempt > 3 for one in pending)

        # However often it is tried, it is logged, and so pages, once.
        assert await eventually(tried_to_deliver)
        assert await eventually(said)
        [history] = await course.runs()
        scheduled = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in history
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        ]
        # It waits for none of the attempts to record. Who asks for support is looked up, once each.
        later = scheduled[len(scheduled) - scheduled[::-1].index(APPEND) :]
        assert later.count(LOOK_UP) <= len(receipts)
        assert {*later} - {LOOK_UP} == {ALARM}

        await stack.postgres.start()
        await course.checked()
        journey = await course.play(lambda journey: bool(journey.crises["crisis-1"].reached))
        assert journey.crises["crisis-1"].level == "high"
        await course.checked()

        async def delivered() -> list[str] | None:
            kinds = [str(notice["kind"]) for notice in await _notices(stack, course)]
            return kinds if "crisis" in kinds and "crisis_contacts" in kinds else None

        # Logged at once; that they were is recorded when the next attempt finds the database again.
        kinds = await eventually(delivered)
        assert kinds.count("crisis") == kinds.count("crisis_contacts") == 1
        assert await eventually(said)


def _alarms(log: Path) -> list[str]:
    """The ids of the alarms in a worker's log."""
    return re.findall(r"\] alarm .*notice_id=(\S+)", log.read_text())


async def _raised(course: Course) -> list[str]:
    """The ids of the alarms that a journey raised, as Temporal has them."""
    return [
        str(course.record.patients.of_notice(notice)) for alarm in await _alarms_of(course) for notice in alarm.notices
    ]


async def _alarms_of(course: Course) -> list[Alarm]:
    """What the activities that raise alarms were given, as Temporal has it."""
    given: list[Alarm] = []
    for history in await course.runs():
        for event in history:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name == ALARM:
                converter = in_history(course.client, workflow_id(course.id))
                given += await converter.decode(scheduled.input.payloads, [Alarm])
    return given


async def _notices(stack: Stack, course: Course) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(everything(stack.postgres))
    try:
        return await connection.fetch("SELECT * FROM record.notice WHERE journey_id = $1", course.id)
    finally:
        await connection.close()


@pytest.mark.faults
async def test_more_is_accepted_in_an_outage_than_one_append_takes(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Large texts, and hundreds of events: what one statement or one Temporal payload could not carry."""
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await stack.postgres.stop("immediate")
        crowd = asyncio.Semaphore(8)

        async def ask(number: int) -> None:
            async with crowd:
                await course.send(support(f"invented {number}: " + "\u6d4b" * 3900))

        await asyncio.gather(*(ask(number) for number in range(190)))
        await stack.postgres.start()
        journey = await course.checked()
        assert len(journey.support) == 190
        # More than a run can hand to the next one, or an activity answer with: it goes on all the same.
        before = await course.rows()
        await reset(course, task=-1)
        await course.send(support("invented: and one more"))
        await course.checked()
        assert (await course.rows())[: len(before)] == before


async def test_postgres_is_killed_and_comes_back(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    async def interrupt() -> None:
        await stack.postgres.kill()
        await stack.postgres.start()

    await _disturbed(Course(client, record, signers, task_queue), record, interrupt)


@pytest.mark.faults
async def test_temporal_is_killed_and_comes_back(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """With its database in a file: what it acknowledged is there, and the worker goes on by itself."""

    async def interrupt() -> None:
        await stack.temporal.kill()
        await stack.temporal.start()

    await _disturbed(Course(client, record, signers, task_queue), record, interrupt)


async def _disturbed(course: Course, record: Record, interrupt: Callable[[], Awaitable[None]]) -> None:
    """Play into the stage of education while a server goes and comes back, twice."""

    async def disturb() -> int:
        versions = (3, 10)
        for version in versions:
            await _waited(record, course, version)
            await interrupt()
        return len(versions)

    async with at_work(course.client, record, course.signers, course.task_queue):
        await course.begin()
        async with asyncio.TaskGroup() as group:
            disturbing = group.create_task(disturb())
            for number in range(10):
                group.create_task(course.submit(command(support(f"invented: {number}"))))
            await course.play(lambda journey: journey.stage == Stage.EDUCATION)
        assert disturbing.result() == 2
        journey = await course.checked()
    assert len(journey.support) == 10


async def _waited(record: Record, course: Course, version: int) -> bool:
    async def reached() -> bool:
        try:
            await record.wait_for(course.id, version, timedelta(seconds=1))
        except (NotYetRecorded, RecordUnavailable):
            return False
        return True

    return bool(await eventually(reached, within=timedelta(seconds=60)))


@pytest.mark.faults
async def test_an_alarm_of_a_long_outage_is_logged_once(
    stack: Stack,
    client: Client,
    record: Record,
    signers: Signers,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the run asks for it by a new activity: whoever reads the log is paged once."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await course.play(lambda journey: journey.version >= 6)
        with capture_logs() as said:
            monkeypatch.setattr(messages, "PATIENCE", timedelta(seconds=1))
            monkeypatch.setattr(messages, "MOMENT", timedelta(milliseconds=100))
            await stack.postgres.stop("immediate")
            await course.send(AT_RISK, by=Role.CLINICIAN)

            async def asked_again() -> bool:
                asked = Counter(alarm.notices[0].model_dump_json() for alarm in await _alarms_of(course))
                return bool(asked) and min(asked.values()) > 2

            await eventually(asked_again)
            await stack.postgres.start()
            await course.checked()
        alarms = [line for line in said if line["event"] == "alarm"]
        logged = [line["notice_id"] for line in alarms if line["journey_id"] == str(course.id)]
        assert sorted(logged) == sorted(set(await _raised(course)))


@pytest.mark.faults
async def test_a_decision_that_expires_in_an_outage_is_kept_opens_nothing_and_is_asked_for_again(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """In a log of patients, by the clock of the database."""
    admin = await asyncpg.connect(stack.postgres.admin_url)
    course = Course(client, record, signers, task_queue)
    try:
        async with log_of_patients(admin), at_work(client, record, signers, task_queue):
            await course.begin()
            before = await held(course)
            now = await clock(course)
            key = signers.keys[PEOPLE[Role.CLINICIAN].id]
            seal = new_seal(key.key_id, now, timedelta(seconds=4))
            async with blocked(stack, LOG_LOCK):
                late = with_seal(signers, course.id, decision(before, asked(before)), seal)
                assert (await course.submit(late)).refusal is None
                del course.receipts[late.command_id]  # It is undone.

                async def expired() -> bool:
                    return bool(await admin.fetchval("SELECT clock_timestamp() > $1", seal.expires_at))

                await eventually(expired)

            async def kept() -> e.CommandRefused | None:
                bodies = [event.body for event in await load_events(record, course.id)]
                return next((body for body in bodies if isinstance(body, e.CommandRefused)), None)

            refused = await eventually(kept)
            assert (refused.command_kind, refused.code) == ("signoff.sign", "signature")
            journey = await course.checked()
            assert journey.held
            assert asked(journey).id == asked(before).id
            assert (await course.submit(await signed(course, decision(journey, asked(journey))))).refusal is None
            assert not (await course.checked()).held
            assert (await verify_record(record, derive=True, journey_id=course.id)).findings == ()
    finally:
        await admin.close()
