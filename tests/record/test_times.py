"""In a log of patients times are held against the database's own clock: nothing lies ahead of it, and what was signed
counts only while its signature does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.append_outcomes import ATTEMPTS, CLOCK_WAIT
from activities.record import Record
from activities.record.errors import AheadOfClock
from activities.record.reconciliation import Pass, keep_pass, last_complete_pass, list_passes, seconds_since_pass
from activities.record.verification.record import verify_record
from activities.record_activities import RecordActivities
from activities.signatures.register_changes import revoke
from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register
from tests.journey.play import JOURNEY, Decision, course, started
from tests.record.handed import batch, signed
from tests.record.helpers import Connection, event, log_of_patients
from tests.signatures.recorded import EARLY
from tests.signatures.room import KEYS, ORGANISATION, published
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.messages import AHEAD

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
async def strict(record: Record, admin: Connection) -> AsyncIterator[Record]:
    """A log of patients."""
    async with log_of_patients(admin):
        yield record


async def clock(admin: Connection) -> datetime:
    now = await admin.fetchval("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return now


def recording_by(whole: Register, record: Record, directory: Path) -> RecordActivities:
    path = directory / "register.json"
    path.write_bytes(published(whole))
    return RecordActivities(record, RegisterFile(path, ORGANISATION.public_key), demonstrations=True)


def first_decision(now: datetime, at: datetime) -> tuple[list[Decision], Decision]:
    """What was recorded of a journey that began long ago, and its first decision, signed and made at a moment."""
    decisions = course("PTSD", now - 90 * DAY).decisions
    number = next(n for n, each in enumerate(decisions) if isinstance(each.decided.command.body, c.SIGNED))
    asked = decisions[number]
    moved = Decision(asked.decided.model_copy(update={"at": at}), asked.events)
    *before, made = signed([*decisions[:number], moved])
    return before, made


async def test_a_decision_that_is_recorded_after_its_signature_expired_opens_nothing(
    strict: Record, admin: Connection, tmp_path: Path
) -> None:
    """The answer has the run decide it again: it is refused then, kept, and asked for again."""
    now = await clock(admin)
    recording = recording_by(EARLY, strict, tmp_path)
    before, late = first_decision(now, now - 11 * MINUTE)
    await recording.append(batch(before))
    standing = before[-1].events[-1].version
    for worker in (recording, recording_by(EARLY, strict, tmp_path)):
        assert (await worker.append(batch([late]))).version == standing
    assert len(await strict.load(JOURNEY)) == standing

    _, in_time = first_decision(now, now - 6 * MINUTE)
    assert (await recording.append(batch([in_time]))).version == in_time.events[-1].version
    assert (await verify_record(strict, derive=True)).findings == ()


async def test_a_decision_that_is_recorded_after_its_key_was_revoked_opens_nothing(
    strict: Record, admin: Connection, tmp_path: Path
) -> None:
    now = await clock(admin)
    before, made = first_decision(now, now - 6 * MINUTE)
    role = made.decided.command.actor.role
    whole = revoke(EARLY, KEYS[role].key_id, at=now - MINUTE, because="invented: lost", by="demo-security")
    recording = recording_by(whole, strict, tmp_path)
    await recording.append(batch(before))
    assert (await recording.append(batch([made]))).version == before[-1].events[-1].version


async def test_what_is_recorded_late_is_marked(strict: Record, admin: Connection, tmp_path: Path) -> None:
    now = await clock(admin)
    play = started("PTSD", at=now - 6 * MINUTE)
    play.at = now - 2 * MINUTE
    play.do(c.RequestSupport(urgency="routine", text="invented"), Role.PATIENT)
    await recording_by(EARLY, strict, tmp_path).append(batch(play.decisions))
    first, last = play.decisions
    late = [stored.version for stored in await strict.load(JOURNEY) if stored.late]
    assert late == [each.version for each in first.events]
    assert last.events
    for derive in (True, False):
        assert (await verify_record(strict, derive=derive)).late == len(late)


async def test_what_was_held_back_on_its_way_is_marked(strict: Record, admin: Connection, tmp_path: Path) -> None:
    """By when it was sent: it may have been decided at once when it came."""
    now = await clock(admin)
    play = started("PTSD", at=now - 4 * MINUTE)
    for ago in (3, 6):
        called = play.command(c.RequestSupport(urgency="routine", text=f"invented {ago}"), Role.PATIENT)
        play.take(called.model_copy(update={"sent_at": now - ago * MINUTE}))
    await recording_by(EARLY, strict, tmp_path).append(batch(play.decisions))
    late = [stored.version for stored in await strict.load(JOURNEY) if stored.late]
    assert late == [play.decisions[-1].events[0].version]


def ahead(now: datetime, by: timedelta) -> list[Decision]:
    return started("PTSD", at=now + by).decisions


@pytest.mark.parametrize("by", [timedelta(seconds=5), timedelta(hours=3)])
async def test_nothing_is_dated_ahead_of_the_databases_clock(
    strict: Record, admin: Connection, tmp_path: Path, by: timedelta
) -> None:
    """A host's clock that is a little ahead delays an append so long, and nobody is quarantined for it."""
    recording, handed = recording_by(EARLY, strict, tmp_path), batch(ahead(await clock(admin), by))
    environment = ActivityEnvironment()
    with pytest.raises(ApplicationError) as told:
        await environment.run(recording.append, handed)
    assert (told.value.type, told.value.non_retryable) == (AHEAD, False)
    assert told.value.next_retry_delay is not None
    assert told.value.next_retry_delay <= min(by, CLOCK_WAIT) + timedelta(milliseconds=1)
    # After some minutes the run decides again, by what its clock says then.
    environment.info = replace(environment.info, attempt=ATTEMPTS)
    assert (await environment.run(recording.append, handed)).version == 0
    assert await strict.load(JOURNEY) == ()


async def test_in_a_demonstration_times_may_be_invented(record: Record, admin: Connection, tmp_path: Path) -> None:
    now = await clock(admin)
    recording = recording_by(EARLY, record, tmp_path)
    await recording.append(batch(ahead(now, 300 * DAY)))
    found = await verify_record(record)
    assert (found.findings, found.demonstration, found.late) == ((), True, None)


async def test_the_database_itself_holds_times_against_its_clock(strict: Record, admin: Connection) -> None:
    now = await clock(admin)
    with pytest.raises(AheadOfClock) as told:
        await strict.append(JOURNEY, 0, [event(occurred_at=now + DAY)])
    assert DAY - MINUTE < told.value.by <= DAY
    await strict.append(JOURNEY, 0, [event(occurred_at=now)])


async def test_what_a_superuser_dates_otherwise_is_found(strict: Record, admin: Connection, tmp_path: Path) -> None:
    now = await clock(admin)
    recording = recording_by(EARLY, strict, tmp_path)
    before, made = first_decision(now, now - MINUTE)
    await recording.append(batch([*before, made]))
    row = made.events[0].version
    for changed, reason in (
        ("recorded_at = recorded_at + interval '1 hour'", "recorded_after_expiry"),
        ("occurred_at = recorded_at + interval '1 second'", "ahead_of_clock"),
    ):
        await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
        await admin.execute(f"UPDATE record.journey_event SET {changed} WHERE version = {row}")
        found = (await verify_record(strict, derive=True)).findings
        assert (row, reason) in [(each.version, each.reason) for each in found]


async def test_a_clock_that_was_ahead_keeps_nobody_from_reconciling(record: Record, admin: Connection) -> None:
    """The database's clock was an hour ahead while a pass ended, and was put right."""
    before = Pass(now := await clock(admin), now, "invented", 1, 0, 0, 0, 0, None)
    for each in (before, before._replace(build="ahead")):
        await keep_pass(record, each)
    await admin.execute("UPDATE record.reconciliation SET ended = ended + interval '1 hour' WHERE build = 'ahead'")
    ago, last = await seconds_since_pass(record), await last_complete_pass(record)
    assert ago is not None
    assert ago >= 0
    assert last is not None
    assert last.build == "invented"
    assert [each.build for each in await list_passes(record)] == ["invented"]
