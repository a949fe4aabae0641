"""Reading, waiting, and notices."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from activities.record import NewNotice, NotYetRecorded, Record
from tests.record.helpers import Connection, a_notice, events, follow_log


async def test_unknown_journeys(record: Record) -> None:
    assert await record.head(uuid4()) is None
    assert await record.load(uuid4()) == ()
    assert await follow_log(record, 0) == ()


async def test_pages(record: Record) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(3))
    await record.append(uuid4(), 0, events(2))
    assert [stored.version for stored in await record.load(journey, after_version=1)] == [2, 3]
    assert [stored.position for stored in await follow_log(record, 1, limit=3)] == [2, 3, 4]
    assert [stored.position for stored in await follow_log(record, 4)] == [5]


async def test_waiting_ends_when_the_version_is_there(record: Record) -> None:
    journey = uuid4()
    waiter = asyncio.create_task(record.wait_for(journey, 3, timedelta(seconds=20)))
    await record.append(journey, 0, events(2))
    with pytest.raises(NotYetRecorded):
        await record.wait_for(journey, 3, timedelta(0))
    assert not waiter.done()

    await record.append(journey, 2, events(2))

    assert await waiter == 4
    assert await record.wait_for(journey, 1, timedelta(0)) == 4


async def test_waiting_ends_in_time(record: Record) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    with pytest.raises(NotYetRecorded):
        await record.wait_for(uuid4(), 1, timedelta(milliseconds=80))
    assert 0.08 <= clock() - started < 5


async def test_a_notice_is_new_once(record: Record, owner: Connection) -> None:
    """However often, in whatever company and order, and by how many at once."""
    journey = uuid4()
    notices = [a_notice(journey, kind=f"reminder-{n}", recipients=("a, b", 'c"d')[: n % 3]) for n in range(12)]
    several = [notices, notices[::-1], notices[3:7], notices[5:] + notices[:5], [*notices[:2]] * 3, notices[:1], []]

    new = await asyncio.gather(*(record.deliver_notices(some) for some in 3 * several))

    assert sorted(each for some in new for each in some) == sorted(notice.notice_id for notice in notices)
    kept = await owner.fetch("SELECT * FROM record.notice ORDER BY length(kind), kind")
    assert [NewNotice.model_validate({name: row[name] for name in NewNotice.model_fields}) for row in kept] == notices
