"""What is due in a session, at any moment of it."""

from datetime import timedelta

import pytest

from application.errors import NotFound
from application.pathway.session_room import Room, room_of
from tests.journey.play import Play, after, before, course
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role


def _at(play: Play, minute: float) -> Room:
    return room_of(play.journey, None, play.dosed_at() + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("minute", "states", "next_minute", "entered"),
    [
        (0, ["to come", "to come", "to come"], 15, 0),
        (4.9, ["to come", "to come", "to come"], 15, 4),
        (5, ["now", "to come", "to come"], 15, 5),
        (15, ["now", "to come", "to come"], 15, 15),
        (24.5, ["now", "to come", "to come"], 15, 15),
        (25.1, ["late", "to come", "to come"], 40, 25),
        (41, ["late", "now", "to come"], 40, 40),
        (60, ["late", "late", "to come"], 120, 60),
        (131, ["late", "late", "late"], None, 131),
    ],
)
def test_what_is_due(minute: float, states: list[str], next_minute: int | None, entered: int) -> None:
    play = before("session.observe")
    room = _at(play, minute)
    assert room.moment == "running"
    assert [each.timeliness for each in room.scheduled] == states
    assert (None if room.next is None else room.next.minute) == next_minute
    assert room.minute == entered


def test_what_was_made_or_missed_is_not_due() -> None:
    play = before("session.observe").later(minutes=30)
    play.do(c.MissObservation(session=1, minute=15, reason="Invented: the line broke."))
    room = _at(play, 41)
    assert [(each.timeliness, each.reason) for each in room.scheduled][:2] == [
        ("missed", "Invented: the line broke."),
        ("now", None),
    ]


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("session.schedule", "not planned"),
        ("session.check", "to check"),
        ("session.release", "checked"),
        ("session.dose", "released"),
        ("session.observe", "running"),
    ],
)
def test_how_far_a_session_has_come(kind: str, moment: str) -> None:
    play = before(kind)
    assert room_of(play.journey, None, play.at).moment == moment


def test_a_session_that_was_stopped_is_not_shown_as_released() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="Invented."), Role.OBSERVER)
    assert room_of(play.journey, None, play.at).moment == "stopped"


def test_after_the_last_session_it_is_the_one_that_was() -> None:
    journey = course("PTSD").journey
    room = room_of(journey, None, course("PTSD").at)
    assert (room.number, room.moment) == (len(journey.sessions), "ended")
    with pytest.raises(NotFound):
        room_of(journey, 99, course("PTSD").at)


def test_who_may_not_see_the_journey_is_shown_no_obstacles() -> None:
    play = before("session.release").later(days=30)
    assert room_of(play.journey, None, play.at).obstacles
    assert not room_of(play.journey, None, play.at, whole=False).obstacles
