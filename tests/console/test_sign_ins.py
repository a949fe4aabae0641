"""How long somebody stays signed in who does nothing, and in the room of a session that runs."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from application.profiles import Profile
from console.sign_ins import IDLE, LONGEST, SESSION_IDLE, Passage, SignIns
from workflows.journey.vocabulary.actors import Role
from workflows.protocols import list_shipped, load

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MONITOR = Profile(id="monitor-1", role=Role.SESSION_MONITOR)
SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.mark.parametrize(("in_session", "idle"), [(False, IDLE), (True, SESSION_IDLE)])
def test_who_does_nothing_is_signed_out_and_later_in_a_session(in_session: bool, idle: timedelta) -> None:
    clock = Clock()
    sign_ins = SignIns(None, clock)
    opened = sign_ins.sign_in_to_look(MONITOR)
    opened.in_session = in_session
    clock.at += idle
    # To look whether they are there is nothing that they do.
    assert sign_ins.find(opened.token, does=False) is opened
    assert opened.idle_until == clock.at
    assert sign_ins.find(opened.token) is opened
    clock.at += idle
    assert sign_ins.find(opened.token, does=False) is opened
    clock.at += SECOND
    assert sign_ins.find(opened.token) is None


def test_nobody_stays_longer_than_a_day_of_work_in_a_session_either() -> None:
    clock = Clock()
    sign_ins = SignIns(None, clock)
    opened = sign_ins.sign_in_to_look(MONITOR)
    opened.in_session = True
    for _ in range(LONGEST // SESSION_IDLE):
        clock.at += SESSION_IDLE
        assert sign_ins.find(opened.token) is opened
    clock.at += SECOND
    assert sign_ins.find(opened.token) is None


@pytest.mark.parametrize("path", list_shipped(), ids=lambda path: path.stem)
def test_nobody_is_signed_out_between_two_observations(path: Path) -> None:
    rules = load(path).sessions
    apart = max(later - earlier for earlier, later in pairwise((0, *rules.observe_minutes)))
    assert timedelta(minutes=apart + 2 * rules.observe_window_minutes) < SESSION_IDLE


def test_a_link_of_somebody_else_on_the_same_phone_opens_nothing_of_the_one_before() -> None:
    """A patient and their observer share a phone, and a journey."""
    sign_ins = SignIns(None, Clock())
    journey, patient, observer = uuid4(), Profile(id="p-1", role=Role.PATIENT), Profile(id="o-1", role=Role.OBSERVER)

    def passage(kind: str) -> Passage:
        return Passage(journey, frozenset({kind}), frozenset({""}), "/", ())

    theirs = sign_ins.let_in(patient, passage("check-in.complete"))
    again = sign_ins.let_in(patient, passage("consent.give"), theirs.token)
    assert again.passage is not None
    assert again.passage.kinds == {"check-in.complete", "consent.give"}
    other = sign_ins.let_in(observer, passage("session.observe"), again.token)
    assert other.passage is not None
    assert other.passage.kinds == {"session.observe"}
