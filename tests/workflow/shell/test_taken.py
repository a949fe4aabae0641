"""When a command was taken in goes with it, so that an outage makes none too old that came in time."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from simulation.player import at_once
from tests.journey.play import Play
from tests.workflow.shell.run_parts import Over, Run, asks, recorded
from workflows.authenticity import mark_authentic
from workflows.journey import commands as c
from workflows.journey.decided import Decided
from workflows.signals import HANDED_IN, Signal, Signals, take_signal

HOURS = timedelta(hours=3)


def checked(run: Run) -> list[Decided]:
    for coroutine in (run.read_signals, run.check_signals):
        with pytest.raises(Over):
            at_once(coroutine())
    return run.waiting


def sent(play: Play) -> c.Command:
    return asks(play).model_copy(update={"sent_at": play.at})


def test_what_was_accepted_in_time_is_decided_again_however_late(run: Run, play: Play) -> None:
    state, took = recorded(play), play.at
    run.decider.decide(sent(play), authentic=True)
    for _ in range(2):
        play.at += HOURS
        run.decider.restart(state)
        [again] = checked(run)
        assert (again.refusal, again.taken_at, again.at) == (None, took, play.at)


@pytest.mark.parametrize("authentic", [True, False])
def test_the_service_hands_in_again_what_was_taken_and_nobody_else_does(run: Run, play: Play, authentic: bool) -> None:
    """When it was taken stands in the same payload as the command: without the keys nobody can put them together."""
    content = sent(play).model_dump_json().encode()
    taken = Signal(name="command", contents=(content,), size=len(content), authentic=True, taken_at=play.at)
    play.at += HOURS
    payload = Payload(data=taken.model_dump_json().encode())
    run.inbox.receive(HANDED_IN, [RawValue(mark_authentic(payload) if authentic else payload)])
    [decided] = checked(run)
    if authentic:
        assert decided.command.command_id == sent_id(content)
        assert (decided.refusal, decided.taken_at) == (None, taken.taken_at)
    else:
        assert isinstance(decided.command.body, c.KeepUnreadable)


def sent_id(content: bytes) -> object:
    return c.Command.model_validate_json(content).command_id


def test_what_is_handed_in_as_it_was_sent_is_too_old(run: Run, play: Play) -> None:
    content = sent(play).model_dump_json().encode()
    play.at += HOURS
    run.inbox.receive("command", [RawValue(mark_authentic(Payload(data=content)))])
    refusals = run.ledger.journey.refusals
    [decided] = checked(run)
    assert decided.command.command_id == sent_id(content)
    assert run.ledger.journey.refusals == refusals + 1
    assert decided.command.command_id not in run.ledger.receipts, "whoever sent it can send it again"


def test_what_is_taken_in_no_form_is_kept_as_it_is() -> None:
    odd = take_signal(HANDED_IN, (b"{}",), authentic=True, waiting=Signals())
    assert (odd.name, odd.contents) == (HANDED_IN, (b"{}",))
