"""How a run is judged against the record: every kind of difference, and what is none."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.record.reconciliation import RecordedHead
from application.record.drift import DAY, MEANINGS, SETTLED, Drift, commands_to_move, has_its_turn, judge
from application.temporal.journeys import PolledBuilds, Run

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
AGO, JUST, SOON = NOW - timedelta(hours=1), NOW - timedelta(seconds=5), NOW + timedelta(seconds=5)
ID = UUID(int=1)
SHOWN = ("clinic", "PTSD", "evaluation")
HEAD = RecordedHead(ID, 5, 50, "open", "5:aa", AGO, True, NOW + timedelta(days=1), SHOWN)
TWO = PolledBuilds(frozenset({"care-pathway:2"}), "care-pathway:2")
RUN = Run(ID, "run", "running", AGO, "5:aa", "open", SHOWN)
CLOSED = {"status": "closed", "awaits": False}
NOTHING: dict[str, Any] = {"version": 0, "mark": "0:", "clock": None, "shown": None}
"""A journey of which nothing is recorded."""
BARE: dict[str, Any] = {"mark": "", "shown": None}
"""Its run."""


@pytest.mark.parametrize(
    ("head", "run", "recorded", "told"),
    [
        ({}, {}, "5:aa", None),
        ({}, None, None, Drift.LOST),
        ({"since": JUST}, None, None, Drift.LOST),
        ({}, {"state": "ended"}, "5:aa", Drift.ENDED),
        ({}, {"state": "completed"}, "5:aa", Drift.ENDED),
        (CLOSED, {"state": "completed"}, "5:aa", None),
        (CLOSED, None, None, None),
        ({"status": "closed", "awaits": True}, None, None, Drift.LOST),
        ({"status": "closed", "awaits": None}, {"state": "ended"}, "5:aa", Drift.ENDED),
        (CLOSED, {}, "5:aa", Drift.LINGERING),
        ({**CLOSED, "since": JUST}, {}, "5:aa", None),
        ({}, {"mark": "3:bb"}, "3:bb", Drift.BEHIND),
        ({"since": JUST}, {"mark": "3:bb"}, "3:bb", None),
        ({}, {"mark": "3:cc"}, "3:bb", Drift.CONTRADICTED),
        ({}, {"mark": "5:bb"}, "5:aa", Drift.CONTRADICTED),
        ({"since": JUST}, {"mark": "5:bb"}, "5:aa", Drift.CONTRADICTED),
        ({}, {"mark": "6:aa"}, None, Drift.AHEAD),
        ({}, {"mark": "6:aa", "health": "diverged"}, None, Drift.AHEAD),
        ({}, {"mark": "6:aa", "state": "completed"}, None, Drift.AHEAD),
        ({}, {"health": "diverged"}, "5:aa", Drift.QUARANTINED),
        ({}, {"health": "diverged", "mark": "3:bb"}, "3:bb", Drift.QUARANTINED),
        ({}, {"state": "paused"}, "5:aa", Drift.PAUSED),
        ({}, {"activity_paused": True}, "5:aa", Drift.PAUSED),
        (NOTHING, {**BARE, "activity_paused": True}, None, Drift.PAUSED),
        (NOTHING, {**BARE, "state": "paused"}, None, Drift.PAUSED),
        (NOTHING, {**BARE, "stuck": True}, None, Drift.SILENT),
        (NOTHING, {**BARE, "build": "care-pathway:1"}, None, Drift.STRANDED),
        (NOTHING, {**BARE, "health": "diverged"}, None, Drift.QUARANTINED),
        ({}, {"build": "care-pathway:1"}, "5:aa", Drift.STRANDED),
        ({}, {"build": "care-pathway:2"}, "5:aa", None),
        ({}, {"shown": None, "mark": ""}, None, Drift.UNSHOWN),
        ({}, {"shown": ("clinic", "ANXIETY", "evaluation")}, "5:aa", Drift.UNSHOWN),
        ({"shown": None}, {"shown": ("clinic", "ANXIETY", "evaluation")}, "5:aa", None),
        ({}, {"shown": None, "mark": "", "began": JUST}, None, None),
        ({}, {"stuck": True}, "5:aa", Drift.SILENT),
        ({"clock": AGO}, {}, "5:aa", Drift.STOPPED),
        ({"clock": JUST}, {}, "5:aa", None),
        ({}, {"squatter": "foreign"}, "5:aa", Drift.SQUATTED),
        ({}, {"squatter": "elsewhere"}, "5:aa", Drift.SQUATTED),
        ({}, {"squatter": "asleep", "began": SOON}, "5:aa", Drift.SQUATTED),
        ({}, {"squatter": "asleep"}, "5:aa", None),
        ({}, {"squatter": "foreign", "state": "ended"}, "5:aa", Drift.ENDED),
        (NOTHING, {**BARE, "squatter": "foreign"}, None, Drift.SQUATTED),
        (NOTHING, {**BARE, "squatter": "elsewhere"}, None, Drift.SQUATTED),
        (NOTHING, {**BARE, "squatter": "asleep", "began": SOON}, None, None),
        (NOTHING, {**BARE, "squatter": "asleep"}, None, Drift.UNRECORDED),
        (NOTHING, None, None, Drift.UNSTARTED),
        (NOTHING, {**BARE, "state": "ended"}, None, Drift.UNSTARTED),
        (NOTHING, {"state": "ended"}, None, Drift.AHEAD),
        ({**NOTHING, "since": JUST}, None, None, None),
        (NOTHING, BARE, None, Drift.UNRECORDED),
        (NOTHING, {**BARE, "began": JUST}, None, None),
        ({**NOTHING, "since": JUST}, BARE, None, None),
    ],
)
def test_each_difference_is_told_as_what_it_is(
    head: dict[str, Any], run: dict[str, Any] | None, recorded: str | None, told: Drift | None
) -> None:
    found = None if run is None else RUN._replace(**run)
    assert judge(HEAD._replace(**head), found, recorded, builds=TWO, now=NOW) == told


@pytest.mark.parametrize(
    ("build", "builds", "stranded"),
    [
        (None, TWO, False),
        ("care-pathway:2", TWO, False),
        ("care-pathway:theirs", TWO, True),
        (None, TWO._replace(current="care-pathway:theirs"), True),
        (None, TWO._replace(current="theirs:2"), True),
        (None, TWO._replace(ramping="theirs:2"), True),
        (None, TWO._replace(ramping=""), True),
        (None, TWO._replace(current=""), True),
        ("care-pathway:2", TWO._replace(current="care-pathway:theirs"), False),
        (None, PolledBuilds(frozenset({""})), False),
        (None, PolledBuilds(frozenset({""}), "theirs:2"), True),
        # While no worker of ours polls at all, that is told, and not of each journey.
        (None, PolledBuilds(current="theirs:2"), False),
        ("care-pathway:1", PolledBuilds(), False),
    ],
)
def test_a_run_is_stranded_whose_tasks_no_worker_of_ours_has(
    build: str | None, builds: PolledBuilds, *, stranded: bool
) -> None:
    told = judge(HEAD, RUN._replace(build=build), "5:aa", builds=builds, now=NOW)
    assert told == (Drift.STRANDED if stranded else None)


SET = "temporal worker deployment set-current-version --deployment-name care-pathway"
ANY = "--ignore-missing-task-queues --yes"
UNSET = f"temporal worker deployment set-current-version --deployment-name theirs --unversioned {ANY}"
RAMP = "temporal worker deployment set-ramping-version --deployment-name care-pathway"
UNRAMP = f"{RAMP} --build-id x --delete --yes"
UNRAMP_TO_NONE = f"{RAMP} --unversioned --delete --yes"


@pytest.mark.parametrize(
    ("ours", "current", "ramping", "own", "told"),
    [
        ({"care-pathway:2"}, "care-pathway:theirs", None, "2", [f"{SET} --build-id 2 {ANY}"]),
        ({"care-pathway:2"}, "care-pathway:theirs", None, "3", [f"{SET} --build-id 2 {ANY}"]),
        (
            {"care-pathway:2", "care-pathway:1"},
            "theirs:1",
            None,
            None,
            [UNSET, f"{SET} --build-id 1 {ANY}", f"{SET} --build-id 2 {ANY}"],
        ),
        ({"care-pathway:2"}, "care-pathway:2", "care-pathway:x", "2", [UNRAMP, f"{SET} --build-id 2 {ANY}"]),
        ({"care-pathway:2"}, "care-pathway:2", "", "2", [UNRAMP_TO_NONE, f"{SET} --build-id 2 {ANY}"]),
        ({""}, "care-pathway:x", None, None, [f"{SET} --unversioned {ANY}"]),
        ({"care-pathway:x; rm -r ."}, "", None, None, [f"{SET} --build-id 'x; rm -r .' {ANY}"]),
        (set(), "theirs:1", None, "2", []),
    ],
)
def test_ops_are_told_how_to_take_back_what_a_strangers_current_build_has(
    ours: set[str], current: str, ramping: str | None, own: str | None, told: list[str]
) -> None:
    assert [*commands_to_move(PolledBuilds(frozenset(ours), current, ramping), own)] == told


def test_every_difference_says_what_to_do() -> None:
    assert MEANINGS.keys() == set(Drift)


@given(st.integers(1, 99), st.integers(0, 99), st.integers(0, 600))
def test_an_older_run_is_behind_once_it_had_time_to_say_more(version: int, shown: int, seconds: int) -> None:
    """Whatever the versions: what was recorded a moment ago is no difference, and never is one overlooked later."""
    since = NOW - timedelta(seconds=seconds)
    head = HEAD._replace(version=version, mark=f"{version}:aa", since=since)
    run = RUN._replace(mark=f"{shown}:aa" if shown else "", shown=SHOWN if shown else None)
    told = judge(head, run, f"{shown}:aa", builds=PolledBuilds(), now=NOW)
    if shown > version:
        assert told == Drift.AHEAD
    elif shown == version or NOW - since <= SETTLED:
        assert told is None
    else:
        assert told == (Drift.BEHIND if shown else Drift.UNSHOWN)


@given(
    st.uuids(),
    st.integers(0, 10**9).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    st.lists(st.timedeltas(timedelta(), DAY), max_size=9),
)
def test_each_journey_has_its_turn_once_a_day_however_far_apart_passes_are(
    journey_id: UUID, began: datetime, pauses: list[timedelta]
) -> None:
    moments = sorted({began, began + DAY, *(began + pause for pause in pauses)})
    assert sum(has_its_turn(journey_id, *pair) for pair in pairwise(moments)) == 1
    assert not has_its_turn(journey_id, None, began)
