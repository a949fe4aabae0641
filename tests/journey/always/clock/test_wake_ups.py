"""The clock may wake a journey as often as it likes: each step of an escalation policy is taken once."""

from collections import Counter

import pytest

from tests.journey.play import JOURNEY, Play, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.obligations import next_deadline
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import CLOCK
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal

WAKE_UPS = 1000


def wake_up(play: Play, number: int) -> tuple[e.Event, ...]:
    """The clock wakes the journey at this very moment, under the id it derives from where the journey stands."""
    command = c.Command(command_id=own_id(JOURNEY, f"wake-up:{number}"), actor=CLOCK, body=c.PassDeadline())
    decided = decide(play.journey, command, play.at)
    assert not isinstance(decided, Refusal), str(decided)
    if decided:
        play.journey = fold(decided, play.journey)
        play.events += decided
    return decided


@pytest.mark.long
def test_a_thousand_wake_ups_at_each_deadline_take_each_step_once() -> None:
    """Of a request nobody answers, up to the top of its escalation policy."""
    play = started("PTSD").go_on(lambda journey: any(o.sign_off for o in journey.waiting.values()))
    [request] = [waiting for waiting in play.journey.waiting.values() if waiting.sign_off]
    steps = play.journey.protocol.escalation_policies[request.escalation_policy].steps
    number = 0
    while (kept := play.journey.waiting[request.id]).next_step is not None:
        deadline = next_deadline(play.journey)
        assert deadline is not None
        play.at = deadline
        came_of_it = Counter(bool(wake_up(play, number + again)) for again in range(WAKE_UPS))
        assert came_of_it == {True: 1, False: WAKE_UPS - 1}
        # The same command, brought again, is the same step.
        again = [wake_up(play, number) for _ in range(WAKE_UPS)]
        assert not any(again)
        number += WAKE_UPS
        assert play.journey.waiting[request.id].taken >= kept.taken
    taken = [event for event in play.events if isinstance(event.body, e.ObligationEscalated)]
    mine = [event for event in taken if event.body.obligation == request.id]  # type: ignore[union-attr]
    assert [event.body.step for event in mine] == list(range(len(steps)))  # type: ignore[union-attr]
    assert len(steps) > 2
    told = [notice for event in mine for notice in notices(event)]
    assert len(told) == len({notice.model_dump_json() for notice in told}) == len(steps)
