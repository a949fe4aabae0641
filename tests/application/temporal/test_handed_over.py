"""With what a run begins that another one had accepted: nothing is left for later, when somebody may be killed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.temporal.journeys import Taken
from application.temporal.run_history import handed_over
from tests.faults.helpers import command, support
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.commands import Command, KeepUnreadable
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.signals import SENDER_BYTES, SENDER_WAITING, Signal, Signals, read_signal, take_signal

TAKEN = st.lists(
    st.tuples(st.sampled_from(("command", "noise")), st.booleans(), st.integers(1, COMMAND_LIMIT)), max_size=80
)


def taken(kind: str, number: int, *, authentic: bool, size: int) -> Taken:
    """One that Temporal had acknowledged."""
    content = f"{number}".encode().ljust(size, b"x")
    if kind == "command":
        content = command(support(f"invented: {number} {'x' * min(size, 3_900)}")).model_dump_json().encode()
    signal = take_signal(kind, (content,), authentic=authentic, waiting=Signals())
    return Taken(read_signal(signal), signal)


def is_let_in(one: Taken) -> bool:
    """Whether it is a command of somebody who has the keys."""
    return one.signal.authentic and isinstance(one.read, Command)


def require_all(sent: list[Taken], handed: tuple[Signal, ...]) -> None:
    assert len(handed) == len(sent)
    for one, signal in zip(sent, handed, strict=True):
        assert (signal.name, signal.size, signal.authentic) == (
            one.signal.name,
            one.signal.size,
            one.signal.authentic,
        )
        if is_let_in(one):
            assert signal == one.signal
        elif signal != one.signal:
            assert len(signal.sha256) == 64
            assert not signal.contents
    others = Signals(
        [signal for one, signal in zip(sent, handed, strict=True) if not is_let_in(one)],
    )
    assert others.bytes <= SENDER_BYTES * len({(one.signal.rank, one.signal.sender) for one in sent})


@given(TAKEN)
def test_every_command_let_in_is_there_in_full_and_everything_else_at_least_in_short(
    many: list[tuple[str, bool, int]],
) -> None:
    sent = [taken(kind, n, authentic=authentic, size=size) for n, (kind, authentic, size) in enumerate(many)]
    require_all(sent, handed_over(sent))


def test_a_flood_and_more_commands_than_one_sender_may_have_waiting_are_all_there() -> None:
    flood = [taken("noise", n, authentic=False, size=5_000) for n in range(400)]
    commands = [taken("command", n, authentic=True, size=1_500) for n in range(SENDER_WAITING + 100)]
    sent = [each for pair in zip(commands, flood + commands, strict=False) for each in pair]
    require_all(sent, handed_over(sent))


def test_a_flood_of_strangers_commands_takes_no_more_room_than_one_sender_may() -> None:
    """As in a run: what finds no room is there with its size and digest. What the service let in is there in full."""
    strangers = [taken("command", n, authentic=False, size=3_900) for n in range(400)]
    genuine = [taken("command", 1_000 + n, authentic=True, size=3_900) for n in range(20)]
    sent = [*strangers, *genuine]
    handed = handed_over(sent)
    require_all(sent, handed)
    whole = [signal for signal in handed if not signal.authentic and signal.contents]
    assert 0 < sum(signal.size for signal in whole) <= SENDER_BYTES
    assert len(whole) < len(strangers)


@pytest.mark.parametrize("size", [1, 40])
def test_many_small_ones_are_counted_beyond_what_one_sender_may_have_waiting(size: int) -> None:
    """However often a run is ended, the next one begins with no more than may wait in a run, and none is dropped."""
    strangers = [taken("noise", n, authentic=False, size=size) for n in range(SENDER_WAITING + 500)]
    genuine = [taken("command", n, authentic=True, size=1_500) for n in range(3)]
    first, *handed = handed_over([*strangers, *genuine])
    assert len(handed) == SENDER_WAITING + 3
    assert handed[-3:] == [each.signal for each in genuine]
    told = read_signal(first)
    assert isinstance(told, KeepUnreadable)
    assert told.name == FURTHER
    assert told.content.startswith("500 more messages")

    again = [Taken(read_signal(signal), signal) for signal in (first, *handed)]
    anew, *rest = handed_over(again)
    assert len(rest) == SENDER_WAITING + 3
    assert first in rest, "what was counted before is there"
    counted = read_signal(anew)
    assert isinstance(counted, KeepUnreadable)
    assert counted.content.startswith("1 more messages")
