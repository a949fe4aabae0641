"""What came to a run by signal, or waits until it is checked. What is left when a new run begins goes with it."""

from collections.abc import Sequence
from datetime import datetime

from temporalio.common import RawValue

from workflows import messages as m
from workflows.authenticity import contents_of
from workflows.fairness import Rank, drop_taken, sort_by_turn
from workflows.journey.commands import Command
from workflows.signals import Signal, Signals, Unchecked, is_crowded, keep_in_short, take_signal

MESSAGES_AT_ONCE = 20
"""How many signals are read in one workflow task. Temporal ends a task after two seconds and starts it again. What is
larger than `COMMAND_LIMIT` waits in short, so that all of them have 1.3 MB at most."""


class Inbox:
    """What is not decided yet. Beyond a bound it is only counted, and never dropped."""

    def __init__(self, given: m.JourneyInput) -> None:
        self.signals = Signals(given.signals)
        self.unchecked: list[Unchecked] = list(given.unchecked)
        """Commands that came as signals, until their signatures, or their senders, are checked."""
        self.further = given.further
        """What found no more room, counted."""
        self.untold = False
        """Whether more was counted than ops were told."""
        self.look = given.look
        """Whether somebody asked to look at the patient's other journeys."""
        self.news = False
        """Whether something came since the run looked last whether a reset hands messages in again."""
        self.show = False
        """Whether somebody asked to show anew how the run stands."""

    @property
    def empty(self) -> bool:
        """Whether nobody asks anything of the journey any more."""
        return not (self.signals.waiting or self.unchecked or self.look)

    def receive(self, name: str, payload: Sequence[RawValue]) -> None:
        """Keep a signal, as it came, until it is read."""
        self.news = True
        contents, authentic = contents_of(payload)
        signal = take_signal(name, contents, authentic=authentic, waiting=self.signals)
        if self.signals.is_crowded(signal):
            # Decided on later: the record may have to be read first.
            self.further, self.untold = self.further.and_one(keep_in_short(signal), signal.size), True
        else:
            self.signals.add(signal)

    def readable(self, *, urgent: bool) -> list[Signal]:
        """Return the signals that may be read now: all of them, or only what is ``urgent``."""
        waiting = self.signals.waiting
        return [signal for signal in waiting if signal.rank == Rank.URGENT] if urgent else waiting

    def take(self, *, urgent: bool) -> list[Signal]:
        """Take out the signals to be read next: the urgent ones first, and each sender in turn."""
        signals = sort_by_turn(self.readable(urgent=urgent))[:MESSAGES_AT_ONCE]
        self.signals.remove(signals)
        return signals

    def add_unchecked(
        self, command: Command, size: int, *, authentic: bool, accepted: bool, taken_at: datetime | None = None
    ) -> bool:
        """Let a command wait until it is checked. False if so much of its sender waits that one more is only counted,
        unless it was ``accepted`` before."""
        one = Unchecked(command=command, authentic=authentic, size=size, taken_at=taken_at)
        if is_crowded(self.unchecked, one) and not accepted:
            return False
        self.unchecked.append(one)
        return True

    def next_unchecked(self) -> Unchecked:
        """Return the command to be checked next. It waits on until it is removed."""
        return sort_by_turn(self.unchecked)[0]

    def remove_unchecked(self, checked: Unchecked) -> None:
        """Take out a command that was checked."""
        self.unchecked = drop_taken(self.unchecked, [checked])
