"""A journey as it was known at a moment, and what is true of it as far as is known today."""

import asyncio
import re
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar
from unittest.mock import create_autospec

import pytest

from activities.connection_pool import ConnectionSource
from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.store import PORTION as DECODED_AT_ONCE
from application.caches.histories import PORTION, read_events
from application.errors import InvalidInput, NotFound
from application.pathway.show import differences
from application.reading.history import as_known
from application.words.changes import compare
from application.words.lines import describe_change
from application.words.terms import NO_TERMS, terms_of_journey
from tests.fixtures.clear import Clear
from tests.journey.play import Play, before, course
from tests.signatures.recorded import history
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Role

T = TypeVar("T")
FIRST, MISHEARD = "Invented: bad on most days", "Invented: worse than first said"


@pytest.fixture
def lived() -> tuple[Play, list[Event]]:
    """An evaluation that was recorded, and corrected two days later; with all events from the beginning."""
    play = before("evaluation.record")
    known = [event for event in history() if event.version <= play.journey.version]
    play.do(c.RecordEvaluation(function={"sleep": FIRST}), Role.CLINICIAN)
    recorded = next(event.version for event in play.events if event.body.kind == "evaluation.recorded")
    play.later(days=2)
    correction = c.RecordEvaluation(function={"sleep": MISHEARD})
    play.do(c.Amend(version=recorded, reason="Invented: misheard", correction=correction), Role.CLINICIAN)
    return play, known + play.events


def test_a_correction_is_true_of_what_was_recorded_before_it(lived: tuple[Play, list[Event]]) -> None:
    play, events = lived
    day = (play.at - timedelta(days=1)).isoformat()
    assert as_known(events, day, now=play.at).evaluation.function["sleep"] == FIRST
    assert as_known(events, day, now=play.at, corrected=True).evaluation.function["sleep"] == MISHEARD
    first = as_known(events, "1", now=play.at, corrected=True)
    assert first.evaluation.function == {}, "nothing was recorded yet to be corrected"
    assert as_known(events, str(events[-1].version), now=play.at) == play.journey


def test_what_changed_between_two_moments(lived: tuple[Play, list[Event]]) -> None:
    play, events = lived
    then = as_known(events, (play.at - timedelta(days=1)).isoformat(), now=play.at)
    [changed] = [each for each in differences(then, play.journey) if each.place == "evaluation.function.sleep"]
    assert (changed.then, changed.now) == (FIRST, MISHEARD)
    assert differences(then, then) == ()


@pytest.mark.parametrize(
    ("moment", "error"),
    [("0", NotFound), ("2020-01-01T00:00:00Z", NotFound), ("2026-11-23T17:00:00", InvalidInput), ("x", InvalidInput)],
)
def test_what_is_no_moment_of_it(lived: tuple[Play, list[Event]], moment: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_known(lived[1], moment, now=lived[0].at)


@pytest.mark.parametrize("corrected", [False, True])
def test_a_moment_still_to_come_is_refused(lived: tuple[Play, list[Event]], corrected: bool) -> None:
    """Otherwise today's state would be shown as that of then. A day in short is taken for a version, too."""
    play, events = lived
    for now in (play.at, play.at + timedelta(days=300)):
        assert as_known(events, now.isoformat(), now=now, corrected=corrected) == play.journey
        later = (now + timedelta(microseconds=1)).isoformat()
        for moment in (str(events[-1].version + 1), "20261125", later, "2199-01-01T00:00:00Z"):
            with pytest.raises(InvalidInput, match="still to come"):
                as_known(events, moment, now=now, corrected=corrected)


async def _turns_of_others(reading: Coroutine[Any, Any, T]) -> tuple[T, int]:
    """Return what was read, and how often others had their turn meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    read = await reading
    waiting.cancel()
    return read, turns


async def test_while_a_journey_is_read_others_have_their_turn() -> None:
    """A journey of thousands of events would keep everybody else from their pages."""
    recorded = history()
    rows: list[Any] = [
        {
            **to_new(event).model_dump(),
            "journey_id": event.journey_id,
            "version": event.version,
            "position": event.version,
            "recorded_at": event.at,
            "log_id": 1,
            **dict.fromkeys(("content_hash", "journey_hash", "log_hash"), bytes(32)),
        }
        for event in recorded
    ]
    stored, turns = await _turns_of_others(Record(create_autospec(ConnectionSource), Clear()).decoded(rows))
    assert turns >= len(recorded) // DECODED_AT_ONCE > 3
    read, turns = await _turns_of_others(read_events(stored))
    assert read.events == tuple(recorded)
    assert turns >= len(recorded) // PORTION > 3


def test_changes_are_told_place_by_place() -> None:
    like_a_time = "2026-13-45T17:00:00Z"
    then = {"dose": {"mg": 50}, "topics": ["a"], "scores": [{"total": 3}], "same": 1}
    now = {"dose": {"mg": 75}, "topics": ["a", "b"], "scores": [{"total": 3}, {"total": 4}], "same": 1,
           "new": "x", "at": "2026-11-23T17:00:00Z", "said": like_a_time}  # fmt: skip
    told = {change.place: describe_change(change, NO_TERMS) for change in compare(then, now)}
    assert told == {
        "dose.mg": "dose › mg: now 75; it was 50",
        "topics": "topics: now “a”, “b”; it was “a”",
        "scores[2]": "scores › no. 2: now total: 4; there was nothing",
        "new": "new: now “x”; there was nothing",
        "at": "when: now Mon 2026-11-23 17:00 UTC; there was nothing",
        "said": f"said: now “{like_a_time}”; there was nothing",
    }


def test_what_changed_is_told_without_ids_and_with_times_that_people_read() -> None:
    events = course("ANXIETY").events
    told = []
    for version in range(20, len(events), 40):
        then, now = fold(events[: version - 19]), fold(events[:version])
        terms = terms_of_journey(now)._replace(with_ids=False)
        told += [describe_change(change, terms) for change in differences(then, now)]
    assert len(told) > 20
    assert [line for line in told if re.search(r"[0-9a-f]{16}|\d\dT\d\d:", line)] == []
