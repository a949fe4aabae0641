"""One winner, and nothing left of a claim when there is nothing left to do."""

import asyncio
from uuid import UUID, uuid4

import pytest

from activities.record import Record
from activities.record.read_models.claims import Claim, claim, release
from activities.record.read_models.listed import Task, WorklistFilter
from activities.record.read_models.queries import worklist
from activities.record.read_models.rebuild import rebuild
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, course_of, put, renamed
from workflows.journey import events as e
from workflows.journey.requirements import Closed


@pytest.fixture
async def task(record: Record) -> Task:
    """Something that is open, and done before the tenth event."""
    journey = uuid4()
    await put(record, renamed(course_of()[:4], journey))
    await catch_up(record)
    return (await worklist(record, WorklistFilter(journey_id=journey))).rows[0]


async def test_one_of_fifty_wins(record: Record, task: Task, owner: Connection) -> None:
    people = [f"coordinator-{n}" for n in range(50)]
    claims = await asyncio.gather(*(claim(record, task.journey_id, task.obligation, by) for by in people))
    [winner] = set(claims)
    assert winner is not None
    assert winner.by in people
    [kept] = await owner.fetch("SELECT claimed_by FROM read_model.claim")
    assert kept["claimed_by"] == winner.by
    [shown] = (await worklist(record, WorklistFilter(mine=winner.by))).rows
    assert (shown.obligation, shown.claimed_by, shown.claimed_at) == (task.obligation, winner.by, winner.at)
    loser = next(by for by in people if by != winner.by)
    assert (await worklist(record, WorklistFilter(mine=loser))).rows == ()


async def test_only_ones_own_claim_is_given_up(record: Record, task: Task) -> None:
    assert (await _by(record, task, "one")) == "one"
    assert not await release(record, task.journey_id, task.obligation, "two")
    assert (await _by(record, task, "two")) == "one"
    given_up = await release(record, task.journey_id, task.obligation, "one")
    assert given_up is not None
    assert given_up.by == "one"
    assert not await release(record, task.journey_id, task.obligation, "one")
    assert (await _by(record, task, "two")) == "two"
    assert (await release(record, task.journey_id, task.obligation, "one", of_anybody=True)) is not None
    assert not await release(record, task.journey_id, task.obligation, "one", of_anybody=True)


async def test_a_race_of_claims_and_releases_ends(record: Record, task: Task) -> None:
    async def now_and_then(by: str) -> None:
        for _ in range(10):
            found = await claim(record, task.journey_id, task.obligation, by)
            assert found is not None
            if found.by == by:
                assert await release(record, task.journey_id, task.obligation, by)

    await asyncio.gather(*(now_and_then(f"coordinator-{n}") for n in range(6)))


async def test_what_is_not_open_is_not_claimed(record: Record, task: Task) -> None:
    assert await claim(record, task.journey_id, "nonsense", "one") is None
    assert await claim(record, UUID(int=7), task.obligation, "one") is None


async def test_a_claim_ends_with_its_obligation(record: Record, task: Task, owner: Connection) -> None:
    await claim(record, task.journey_id, task.obligation, "one")
    events = renamed(course_of(), task.journey_id)
    closing = next(
        n
        for n, event in enumerate(events)
        if isinstance(event.body, e.ObligationsUpdated) and task.obligation in [c.id for c in event.body.closed]
    )
    await put(record, events[4:closing])
    await catch_up(record)
    assert await owner.fetchval("SELECT count(*) FROM read_model.claim") == 1
    await put(record, events[closing : closing + 1])
    await catch_up(record)
    assert await owner.fetchval("SELECT count(*) FROM read_model.claim") == 0
    assert await claim(record, task.journey_id, task.obligation, "two") is None


async def test_a_claim_does_not_pass_to_what_opens_under_the_same_id(
    record: Record, task: Task, owner: Connection
) -> None:
    events = renamed(course_of(), task.journey_id)
    opened = next(
        o for event in events if isinstance(event.body, e.ObligationsUpdated) for o in event.body.opened
        if o.id == task.obligation
    )  # fmt: skip
    await claim(record, task.journey_id, task.obligation, "one")
    again = e.ObligationsUpdated(opened=(opened,), closed=(Closed(id=opened.id, because="superseded"),))
    await put(record, [events[4].model_copy(update={"body": again})])
    await catch_up(record)
    # One that came just when the earlier obligation closed, and found it open still.
    await owner.execute(
        "INSERT INTO read_model.claim (journey_id, opened_version, obligation, claimed_by) VALUES ($1, $2, $3, 'late')",
        task.journey_id,
        task.opened_version,
        task.obligation,
    )
    [reopened] = [
        each
        for each in (await worklist(record, WorklistFilter(journey_id=task.journey_id))).rows
        if each.obligation == opened.id
    ]
    assert (reopened.opened_version, reopened.claimed_by) == (5, None)
    assert (await worklist(record, WorklistFilter(mine="late"))).rows == ()
    assert not await release(record, task.journey_id, task.obligation, "late")
    assert (await _by(record, task, "two")) == "two"


async def test_claims_outlive_a_rebuild(record: Record, task: Task) -> None:
    await claim(record, task.journey_id, task.obligation, "one")
    await rebuild(record)
    [shown] = (await worklist(record, WorklistFilter(mine="one"))).rows
    assert shown.obligation == task.obligation
    assert await claim(record, task.journey_id, task.obligation, "two") == Claim("one", shown.claimed_at)  # type: ignore[arg-type]


async def _by(record: Record, task: Task, by: str) -> str | None:
    found = await claim(record, task.journey_id, task.obligation, by)
    return None if found is None else found.by
