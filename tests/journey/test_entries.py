"""The dictionaries of the state that may grow without end read like any other dictionary, and never change."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from workflows.journey.entries import PAGE, Entries, find

KEYS = st.integers(0, 3 * PAGE)
CHANGES = st.lists(
    st.tuples(st.just("put"), st.dictionaries(KEYS, st.integers(), max_size=2 * PAGE))
    | st.tuples(st.just("without"), st.lists(KEYS, max_size=2 * PAGE)),
    max_size=12,
)


class Holder(BaseModel):
    kept: Entries[int, int] = Entries()


def odd(entries: Mapping[int, int]) -> list[int]:
    return [value for value in entries.values() if value % 2]


@given(st.dictionaries(KEYS, st.integers()), CHANGES)
def test_entries_are_what_a_dictionary_would_be(first: dict[int, int], changes: list[tuple[str, object]]) -> None:
    plain, entries = dict(first), Entries(first)
    past: list[tuple[dict[int, int], Entries[int, int]]] = []
    for _, what in changes:
        past.append((dict(plain), entries))
        if isinstance(what, dict):
            plain |= what
            entries = entries.put(what)
        elif isinstance(what, list):
            for key in what:
                plain.pop(key, None)
            entries = entries.without(what)
        # Two ways may lead on from one state: what is decided to see what it would be is not always done.
        entries.put({-1: 0}).without([*plain])
    for expected, found in (*past, (plain, entries)):
        assert [*found.items()] == [*expected.items()]
        assert [*found.values()] == [*expected.values()]
        assert len(found) == len(expected)
        assert dict(found) == expected
        assert all(found[key] == value for key, value in expected.items())
        assert not any(key in found for key in range(3 * PAGE) if key not in expected)
        assert [*find(found, odd)] == odd(expected)
        assert Holder(kept=found).model_dump() == {"kept": expected}
        assert Holder.model_validate_json(Holder(kept=found).model_dump_json()).kept == expected


def test_pages_that_emptied_are_dropped() -> None:
    entries: Entries[int, int] = Entries()
    for number in range(200 * PAGE):
        entries = entries.put({number: number}).without([number - 5])
    assert len(entries) == 5
    assert len(entries.pages) < 20
