"""The read models are what the record says, whatever happens to those who project it."""

from activities.read_models.queries import Work, worklist
from activities.read_models.rebuild import differences, rebuild
from activities.record import Record
from tests.read_models.courses import catch_up, put_course
from workflows.journey.protocol import Condition


async def test_live_equals_a_fresh_fold(record: Record) -> None:
    for count in (None, 150, 60, 7):
        await put_course(record, count)
    await put_course(record, None, Condition.ANXIETY)
    await catch_up(record, limit=64)
    assert await differences(record) == ()
    answer = await worklist(record, Work())
    assert answer.rows
    await rebuild(record)
    assert await differences(record) == ()
    assert await worklist(record, Work()) == answer
