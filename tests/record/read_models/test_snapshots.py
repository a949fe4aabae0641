"""Snapshots spare folding, and never change what is shown: whatever stands in them."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import asyncpg
import pytest

from activities.record import Record, StoredEvent
from activities.record.read_models.projector import StateCache, advance
from activities.record.read_models.rebuild import rebuild
from activities.record.read_models.rows import ProjectionState, apply, trim
from activities.record.read_models.snapshots import EVERY, StateSnapshot, is_due, snapshot_of, unpack
from activities.record.source_digest import source_digest
from deploy.local.postgres import Database
from tests.fixtures.clear import Clear, open_clear
from tests.fixtures.everything import everything
from tests.record.connections import Through
from tests.record.helpers import Connection, follow_log
from tests.record.read_models.courses import course_of, differing, put, renamed

PROTOCOLS = {course[0].body.protocol.digest: course[0].body.protocol for course in (course_of(), course_of("ANXIETY"))}  # type: ignore[union-attr]


@pytest.mark.long
@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pathway", ["PTSD", "ANXIETY"])
def test_a_state_is_unpacked_as_it_was_packed(pathway: str, every: int) -> None:
    state: ProjectionState | None = None
    for event in course_of("PTSD" if pathway == "PTSD" else "ANXIETY"):
        state = apply(state, event, event.version, event.at)
        if event.version % every:
            continue
        snapshot = snapshot_of(state, b"hash")
        again = unpack(snapshot, PROTOCOLS)
        assert again == trim(state)
        assert again is not None
        assert type(again.journey) is type(state.journey)
        assert unpack(snapshot, {}) is None


def test_what_snapshots_cost_for_an_event_does_not_grow() -> None:
    state: ProjectionState | None = None
    for event in course_of()[:40]:
        state = apply(state, event, event.version, event.at)
    assert state is not None
    made, last = 0, 0
    for version in range(1, 50_001):
        longer = state._replace(journey=state.journey.model_copy(update={"version": version}))
        if is_due(longer, last):
            made, last = made + 1, version
    assert made < 70


class Counting(Record):
    """The record, and how many events were read from it."""

    events_read = 0

    async def decoder(
        self, rows: Sequence[asyncpg.Record], *, waits: bool = True
    ) -> Callable[[asyncpg.Record], StoredEvent]:
        self.events_read += len(rows)
        return await super().decoder(rows, waits=waits)


@pytest.fixture
def counting(record: Record) -> Counting:
    return Counting(Through(record), Clear())


async def catch_up(record: Record, cache: StateCache) -> None:
    while await advance(record, cache):
        pass


@pytest.fixture
async def gone_on(counting: Counting) -> Counting:
    """Three journeys that were projected, and have gone on since."""
    journeys = [uuid4() for _ in range(3)]
    for journey in journeys:
        await put(counting, renamed(course_of()[:40], journey))
    await catch_up(counting, StateCache())
    for journey in journeys:
        await put(counting, renamed(course_of()[40:44], journey))
    counting.events_read = 0
    return counting


async def test_a_journey_that_is_not_in_memory_is_not_folded_from_its_first_event(gone_on: Counting) -> None:
    await catch_up(gone_on, StateCache())
    # What is new, what followed the snapshot, and for their protocol one opening.
    assert gone_on.events_read < 3 * (4 + EVERY) + 2
    assert await differing(gone_on) == []


async def test_a_rebuild_leaves_snapshots(gone_on: Counting) -> None:
    await rebuild(gone_on)
    for journey in [row.journey_id for row in await follow_log(gone_on, 0) if row.version == 1]:
        await put(gone_on, renamed(course_of()[44:48], journey))
    gone_on.events_read = 0
    await catch_up(gone_on, StateCache())
    assert gone_on.events_read < 3 * 4 + 2
    assert await differing(gone_on) == []


SPOILED: dict[str, Callable[[StateSnapshot, StateSnapshot], StateSnapshot]] = {
    "nothing": lambda one, _: one._replace(state=b""),
    "no archive": lambda one, _: one._replace(state=b"\x00" * 100),
    "cut off": lambda one, _: one._replace(state=one.state[: len(one.state) // 2]),
    "no JSON": lambda one, _: one._replace(state=zlib.compress(b"\xff{")),
    "no state": lambda one, _: one._replace(state=zlib.compress(b"{}")),
    "another journey's": lambda one, other: one._replace(state=other.state),
    "of other code": lambda one, _: one._replace(made_by=bytes(32)),
    "of another history": lambda one, _: one._replace(journey_hash=bytes(32)),
    "of an earlier version": lambda one, _: one._replace(version=one.version - 1),
    "of a later version": lambda one, _: one._replace(version=one.version + 3),
    "of no version there is": lambda one, _: one._replace(version=1_000_000),
}


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_a_snapshot_that_does_not_fit_is_not_used(gone_on: Counting, owner: Connection, spoiled: str) -> None:
    kept = [StateSnapshot(*row) for row in await owner.fetch("SELECT * FROM read_model_1.snapshot")]
    assert len(kept) == 3
    for one, other in zip(kept, kept[1:] + kept[:1], strict=True):
        await owner.execute("DELETE FROM read_model_1.snapshot WHERE journey_id = $1", one.journey_id)
        await owner.execute(
            "INSERT INTO read_model_1.snapshot VALUES ($1, $2, $3, $4, $5)", *SPOILED[spoiled](one, other)
        )

    await catch_up(gone_on, StateCache())

    assert gone_on.events_read >= 3 * 44
    assert await differing(gone_on) == []


class Mirrored(Clear):
    """A codec of which anybody can see that it was used."""

    def encode(self, journey_id: UUID, part_id: UUID, clear: bytes) -> bytes:
        return (journey_id.bytes + part_id.bytes + clear)[::-1]

    def decode(self, journey_id: UUID, part_id: UUID, stored: bytes) -> bytes:
        assert stored[::-1].startswith(journey_id.bytes + part_id.bytes)
        return stored[::-1][32:]


async def test_a_snapshot_is_encoded_as_events_are(migrated: Database, owner: Connection) -> None:
    """It holds what patients said."""
    async with open_clear(everything(migrated), codec=Mirrored()) as record:
        counting = Counting(Through(record), Mirrored())
        journey = uuid4()
        await put(counting, renamed(course_of()[:100], journey))
        await catch_up(counting, StateCache())
        kept = await owner.fetchval("SELECT state FROM read_model_1.snapshot")
        assert kept[::-1].startswith(journey.bytes)
        with pytest.raises(zlib.error):
            zlib.decompress(kept)
        await put(counting, renamed(course_of()[100:104], journey))
        counting.events_read = 0
        await catch_up(counting, StateCache())
        assert counting.events_read < 100
        assert await differing(counting) == []


@pytest.mark.parametrize("events", [100, pytest.param(None, marks=pytest.mark.soak)])
async def test_whenever_memory_is_lost_the_same_is_shown(record: Record, events: int | None) -> None:
    random, cache = Random(7), StateCache()
    course = course_of()[:events]
    journeys = {uuid4(): 0 for _ in range(4)}
    while going_on := [each for each, version in journeys.items() if version < len(course)]:
        journey = random.choice(going_on)
        count = random.randint(1, 30)
        whole = [e.command_id for e in course]
        upto = min(journeys[journey] + count, len(whole))
        while upto < len(whole) and whole[upto] == whole[upto - 1]:
            upto += 1
        await put(record, renamed(course[journeys[journey] : upto], journey))
        journeys[journey] = upto
        if random.random() < 0.7:
            await catch_up(record, cache)
        if random.random() < 0.5:
            cache = StateCache(most=random.randint(1, 3))
    await catch_up(record, cache)
    assert await differing(record) == []


def test_other_source_has_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    digests = set()
    for name, places in {
        "digested_one": {"rules.py": "A = 1"},
        "digested_two": {"rules.py": "A = 2"},
        "digested_three": {"other.py": "A = 1"},
        "digested_four": {"inner/rules.py": "A = 1"},
    }.items():
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for place, source in places.items():
            (tmp_path / name / place).write_text(source)
        digests.add(source_digest(name))
    assert len(digests) == 4
