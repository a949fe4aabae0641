"""Rows of a batch that may be about one patient take turns, in the order of the rows."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.pathway.requests import BatchRows

KEYS = (b"ref a", b"ref b", b"ref c", b"number 1", b"number 2")
ROWS = st.lists(
    st.tuples(st.sets(st.sampled_from(KEYS), min_size=1, max_size=2), st.integers(0, 9)), min_size=2, max_size=7
)


@given(ROWS)
def test_rows_about_one_patient_take_turns_however_they_are_connected(rows: list[tuple[set[bytes], int]]) -> None:
    turns, spans = BatchRows(), dict[int, tuple[int, int]]()

    async def row(number: int, keys: set[bytes], long: int) -> None:
        async with turns.turn(UUID(int=number), sorted(keys)):
            begun = len(began)
            began.append(number)
            for _ in range(long):
                await asyncio.sleep(0)
            spans[number] = (begun, len(began))

    async def all_rows() -> None:
        await asyncio.gather(*(row(number, *each) for number, each in enumerate(rows)))

    began: list[int] = []
    asyncio.run(all_rows())
    people: list[set[bytes]] = []
    for number, (keys, _) in enumerate(rows):
        person = keys.union(*(each for each in people if each & keys))
        people = [each for each in people if not each & keys] + [person]
        earlier = [other for other in range(number) if rows[other][0] <= person]
        assert all(spans[other][1] <= spans[number][0] for other in earlier)


@pytest.mark.long
def test_very_many_rows_about_one_patient_cost_no_more_each() -> None:
    """As where a column of a file has the same word in every row."""
    turns, done = BatchRows(), list[int]()

    async def all_rows() -> None:
        for number in range(50_000):
            async with turns.turn(UUID(int=number), [b"ref %d" % number, b"number n/a"]):
                done.append(number)

    # Where each row costs more than the one before, this takes hours.
    asyncio.run(all_rows())
    assert done == list(range(50_000))
