"""Who looked: kept once, found by journey and by person, and what was broken into and nobody was told of."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from activities.record import Record
from activities.record.access_log import (
    AccessLogEntry,
    Purpose,
    find_access,
    find_broken_glass,
    find_unannounced_access,
    list_access,
    record_access,
)
from tests.record.helpers import an_access, event

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)


async def test_a_reading_is_kept_once_as_it_was(record: Record) -> None:
    journey = uuid4()
    new = an_access(journey, rows=("1", "2"), definition=2, reason="Invented", until=NOW)
    await record_access(record, new)
    await record_access(record, new.model_copy(update={"reader_id": "somebody-else"}))
    kept = await find_access(record, new.entry_id)
    assert kept is not None
    assert kept.model_dump(exclude={"at"}) == new.model_dump()
    assert await find_access(record, uuid4()) is None


async def test_found_by_journey_and_by_person_the_latest_first(record: Record) -> None:
    one, other = uuid4(), uuid4()
    kept = [an_access(one), an_access(one, other, reader_id="another"), an_access(other)]
    for new in kept:
        await record_access(record, new)
    first, second, third = (new.entry_id for new in kept)

    async def ids(**of: object) -> list[object]:
        return [found.entry_id for found in await list_access(record, **of)]  # type: ignore[arg-type]

    assert await ids(journey_id=one) == [second, first]
    assert await ids(journey_id=other) == [third, second]
    assert await ids(reader_id="somebody") == [third, first]
    assert await ids(journey_id=one, reader_id="another") == [second]
    assert (await ids())[:2] == [third, second]
    assert await ids(journey_id=other, limit=1) == [third]


async def test_the_glass_is_broken_by_one_person_for_one_journey_until_a_time(record: Record) -> None:
    journey = uuid4()
    new = an_access(journey, purpose=Purpose.BREAK_THE_GLASS, until=NOW, reason="Invented")
    await record_access(record, an_access(journey))
    await record_access(record, new)
    before = NOW - timedelta(microseconds=1)
    found = await find_broken_glass(record, journey, "somebody", before)
    assert found is not None
    assert found.entry_id == new.entry_id
    assert await find_broken_glass(record, journey, "somebody", NOW) is None
    assert await find_broken_glass(record, journey, "another", before) is None
    assert await find_broken_glass(record, uuid4(), "somebody", before) is None


async def test_what_no_journey_was_told_of(record: Record) -> None:
    told, untold = uuid4(), uuid4()
    kept = [an_access(journey, until=NOW, reason="Invented") for journey in (told, untold)]
    for new in (*kept, an_access(untold)):
        await record_access(record, new)
    said = {"event_type": "access.glass-broken", "actor_id": "somebody"}
    await record.append(told, 0, [event(command_id=kept[0].entry_id, **said)])
    # Neither another command under the id of the access, nor somebody else's access, is what it should be told of.
    others = [an_access(uuid4(), until=NOW, reason="Invented") for _ in range(2)]
    for new, other in zip(others, ({"event_type": "hold.placed"}, {"actor_id": "another"}), strict=True):
        await record_access(record, new)
        await record.append(new.journeys[0], 0, [event(**{"command_id": new.entry_id, **said, **other})])
    waiting = {found.entry_id for found in await find_unannounced_access(record)}
    assert {kept[1].entry_id, *(new.entry_id for new in others)} <= waiting
    assert kept[0].entry_id not in waiting


async def test_page_by_page_no_look_is_left_out(record: Record) -> None:
    journey = uuid4()
    new = [an_access(journey) for _ in range(7)]
    for each in new:
        await record_access(record, each)
    found: list[AccessLogEntry] = []
    while page := await list_access(record, journey_id=journey, before=found[-1].entry_id if found else None, limit=3):
        found += page
    assert [each.entry_id for each in found] == [each.entry_id for each in reversed(new)]
    assert await list_access(record, journey_id=journey, before=uuid4()) == ()
