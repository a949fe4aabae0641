"""The one loop that plays invented people, with drivers of the core alone."""

import asyncio
from datetime import datetime

import pytest

from simulation.moves.next_move import ACTIONS
from simulation.player import Stuck, at_once, play
from tests.journey.play import Play, started
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command
from workflows.journey.obligation_types import OBLIGATION_TYPES


def test_it_hears_of_every_command_and_every_wait() -> None:
    journey, heard = started(), list[tuple[int, Command | None, datetime]]()

    ended = at_once(play(journey, on_event=lambda state, command, at: heard.append((state.version, command, at))))

    assert ended.closed
    assert [command for _, command, _ in heard if command is not None]
    assert [at for _, command, at in heard if command is None]
    assert [version for version, _, _ in heard] == sorted(version for version, _, _ in heard)
    assert [at for _, _, at in heard] == sorted(at for _, _, at in heard)


def test_somebody_does_something_about_every_kind_of_obligation() -> None:
    assert set(ACTIONS) >= set(OBLIGATION_TYPES)


def test_what_nobody_sees_is_left_to_the_clock() -> None:
    journey = started()
    at_once(play(journey, sees=lambda _: False, until=lambda state: any(w.taken for w in state.waiting.values())))
    assert {event.actor_id for event in journey.events[1:]} - {journey.events[0].actor_id} == {"clock"}


def test_it_says_so_when_it_does_not_get_there() -> None:
    with pytest.raises(Stuck, match="3 steps"):
        at_once(play(started(), most=3))


def test_it_says_so_when_nobody_has_anything_left_to_do() -> None:
    journey = started()
    at_once(play(journey))
    with pytest.raises(Stuck, match="nobody has anything left"):
        at_once(play(journey, until=lambda _: False))


def test_only_what_waits_for_nothing_outside_is_done_at_once() -> None:
    class Slow(Play):
        async def look(self) -> tuple[Journey, datetime]:
            await asyncio.sleep(0)
            return await super().look()

    here = started()
    with pytest.raises(RuntimeError, match="waits for something outside"):
        at_once(play(Slow(here.journey, here.at)))
