"""Folds of long journeys that are kept, and bytes that are kept for runs."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from activities.record import Record
from activities.record import snapshots as kept
from activities.record.blobs import drop_blobs, has_blobs, keep_blob, load_blob
from activities.record.event_codec import apply_stored, to_new
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.snapshots import Folded, keep_snapshot, load_current, load_folded
from activities.record.stored import StoredEvent
from tests.journey.play import Play, course
from tests.record.helpers import Connection, event
from workflows.journey.aggregate import Journey, fold
from workflows.journey.events import Event
from workflows.journey.folded import JourneyState
from workflows.journey.receipts import receipts_of


@pytest.fixture(scope="module")
def play() -> Play:
    return course("PTSD")


async def append(record: Record, play: Play, first: int, last: int) -> None:
    events = [to_new(event) for event in play.events if first <= event.version <= last]
    for start in range(0, len(events), 400):
        await record.append(play.journey.id, first - 1 + start, events[start : start + 400])


def spelled(play: Play, last: int) -> bytes:
    events = [event for event in play.events if event.version <= last]
    return JourneyState(journey=fold(events), receipts=receipts_of(events)).spelled


async def folded(record: Record, play: Play) -> Folded:
    found = await load_folded(record, play.journey.id)
    assert found is not None
    return found


async def test_only_what_came_after_a_snapshot_is_folded(
    record: Record, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERY", 20)
    end, half = play.journey.version, play.journey.version // 2
    await append(record, play, 1, half)
    first = await folded(record, play)
    assert (first.state.spelled, len(first.since)) == (spelled(play, half), half)
    await keep_snapshot(record, first)

    again = await folded(record, play)
    assert (again.state.spelled, again.since) == (spelled(play, half), ())
    await append(record, play, half + 1, end)
    later = await folded(record, play)
    assert (later.state.spelled, len(later.since)) == (spelled(play, end), end - half)


async def test_a_journey_that_is_kept_is_read_on_from_there(
    record: Record, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    journeys, read = RecordedJourneys(), 0

    def counted(row: StoredEvent, journey: Journey | None) -> tuple[Event, Journey]:
        nonlocal read
        read += 1
        return apply_stored(row, journey)

    monkeypatch.setattr(kept, "apply_stored", counted)
    assert await load_current(record, play.journey.id, journeys) is None
    for first, last, expected in ((1, 20, 20), (21, 20, 0), (21, 50, 30), (51, 51, 1)):
        await append(record, play, first, last)
        read = 0
        assert await load_current(record, play.journey.id, journeys) == fold(play.events[:last])
        assert read == expected, (first, last)


async def test_what_an_append_keeps_meanwhile_stays(
    record: Record, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has receipts and a proof, without which the next append would read the journey from its beginning."""
    await append(record, play, 1, 40)
    journeys, state = RecordedJourneys(), fold(play.events[:40])
    appended = RecordedJourney(state, (await folded(record, play)).journey_hash, {}, proven=True)

    def overtaken(row: StoredEvent, journey: Journey | None) -> tuple[Event, Journey]:
        journeys.keep(appended)
        return apply_stored(row, journey)

    monkeypatch.setattr(kept, "apply_stored", overtaken)
    for _ in ("read from its beginning", "nothing new"):
        assert await load_current(record, play.journey.id, journeys) == state
        assert journeys.latest(play.journey.id) is appended


@pytest.mark.parametrize("further", [0, 20])
async def test_a_journey_that_was_kept_of_other_events_is_read_anew(record: Record, play: Play, further: int) -> None:
    """The record was put back, or another one in its place."""
    await append(record, play, 1, 40)
    journeys = RecordedJourneys()
    journeys.keep(RecordedJourney(fold(play.events[: 40 + further]), hashlib.sha256(b"other").digest()))
    assert await load_current(record, play.journey.id, journeys) == fold(play.events[:40])


async def test_a_snapshot_keeps_the_order_in_which_the_state_came_about(
    record: Record, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people sign is listed in it, so another order would be other evidence."""
    monkeypatch.setattr(kept, "EVERY", 20)
    await append(record, play, 1, play.journey.version)
    first = await folded(record, play)
    await keep_snapshot(record, first)
    again = await folded(record, play)
    assert again.since == ()
    assert again.state.model_dump_json() == first.state.model_dump_json()


async def test_a_snapshot_of_other_code_or_other_events_is_not_used(
    record: Record, play: Play, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERY", 1)
    await append(record, play, 1, 30)
    await keep_snapshot(record, await folded(record, play))
    assert (await folded(record, play)).since == ()
    for change in (
        "journey_hash = sha256('other')",
        "code = sha256('other')",
        "content = 'no snapshot'",
        "version = version + 1000",
    ):
        before = await owner.fetchrow("SELECT * FROM record.snapshot")
        assert before is not None
        await owner.execute(f"UPDATE record.snapshot SET {change}")
        assert len((await folded(record, play)).since) == 30, change
        await owner.execute(
            "UPDATE record.snapshot SET version = $1, journey_hash = $2, code = $3, content = $4",
            *(before[name] for name in ("version", "journey_hash", "code", "content")),
        )


async def test_a_short_journey_leaves_no_snapshot(record: Record, play: Play, owner: Connection) -> None:
    await append(record, play, 1, 10)
    await keep_snapshot(record, await folded(record, play))
    assert await owner.fetchval("SELECT count(*) FROM record.snapshot") == 0
    assert await load_folded(record, uuid4()) is None


async def test_a_blob_is_kept_once_under_its_digest(record: Record, owner: Connection) -> None:
    digest = await keep_blob(record, b"invented", "journey/1")
    assert digest == hashlib.sha256(b"invented").digest()
    assert await keep_blob(record, b"invented", "journey/1") == digest
    assert await owner.fetchval("SELECT count(*) FROM record.blob") == 1
    assert await load_blob(record, digest.hex()) == b"invented"
    for unknown in ("", "x", "00", hashlib.sha256(b"other").hexdigest()):
        assert await load_blob(record, unknown) is None


async def test_what_an_open_run_may_need_is_not_dropped(record: Record, owner: Connection) -> None:
    now = datetime.now(UTC)
    new, running, superseded, over, stranger = (uuid4() for _ in range(5))
    for journey, days in ((new, 0), (running, 200), (superseded, 200), (over, 200), (stranger, 200)):
        if journey != stranger:
            await record.append(journey, 0, [event()])
        await keep_blob(record, journey.bytes, f"journey/{journey}")
        await owner.execute(
            "UPDATE record.blob SET used_at = $1 WHERE workflow_id = $2",
            now - timedelta(days=days),
            f"journey/{journey}",
        )
    began = {running: now - timedelta(days=200), superseded: now - timedelta(days=100)}

    assert await has_blobs(record, before=now - timedelta(days=90))
    assert await drop_blobs(record, before=now - timedelta(days=90), began=began) == 2
    left = {row["workflow_id"] for row in await owner.fetch("SELECT workflow_id FROM record.blob")}
    # What belongs to no journey of this log may be another log's.
    assert left == {f"journey/{journey}" for journey in (new, running, stranger)}
    # Not even by mistake what was handed over today.
    assert await drop_blobs(record, before=now + timedelta(days=1), began={}) == 1
    assert await load_blob(record, hashlib.sha256(new.bytes).hexdigest()) == new.bytes


async def test_nobody_changes_a_blob(record: Record, app: Connection) -> None:
    await keep_blob(record, b"invented", "journey/1")
    for statement in (
        "UPDATE record.blob SET content = 'other'",
        "DELETE FROM record.blob",
        "INSERT INTO record.snapshot SELECT 1, gen_random_uuid(), 1, '', '', ''",
    ):
        with pytest.raises(Exception, match="permission denied"):
            await app.execute(statement)
    async with record.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM record.blob") == 1
