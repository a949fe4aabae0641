"""A run without Temporal, part by part, and what its activities answer."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest
from temporalio.exceptions import ActivityError, ApplicationError

from simulation.player import at_once
from tests.journey.play import Play
from workflows.journey import commands as c
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.decided import Decided, DecidedBy, DecidedCommand, derive
from workflows.journey.folded import JourneyState
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyInput
from workflows.shell.alarms import Alarms
from workflows.shell.decider import Decider
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.other_journeys import OtherJourneys
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits
from workflows.shell.signal_reader import check_signals, read_signals

Answers: TypeAlias = dict[str, Callable[[Any], Any]]
"""What each activity answers to what it is given, by its name."""
ONE, OTHER = (Elsewhere(also_known_as=(ref,)) for ref in ("invented-1", "invented-2"))
"""What the patient's other journeys say, and what they say later."""
HOLD = c.PlaceHold(reason="invented: stop")


class Over(Exception):
    """A coroutine of a run has nothing left to do."""


class Left(Exception):
    """A run goes on in a new one."""

    def __init__(self, given: JourneyInput) -> None:
        self.given = given


class Run:
    """The parts of a run that has caught up with its record."""

    def __init__(self, play: Play) -> None:
        given = JourneyInput(journey=play.journey, receipts=play.receipts)
        self.ledger, self.inbox = Ledger(play.journey, play.receipts, play.journey.version), Inbox(given)
        self.limits = RunLimits(0)
        self.decider = Decider(self.ledger, self.inbox, Alarms(), self.limits)
        self.recorder = Recorder(self.decider, None)
        self.others = OtherJourneys(self.decider, self.recorder)
        self.recorder.caught_up = True

    @property
    def waiting(self) -> list[Decided]:
        """What is decided and not recorded."""
        return [each.decided for each in self.ledger.outbox.next_batch(self.ledger.journey.id, DecidedBy()).commands]

    def read_signals(self) -> Coroutine[Any, Any, None]:
        return read_signals(self.decider, self.recorder, self.limits)

    def check_signals(self) -> Coroutine[Any, Any, None]:
        return check_signals(self.decider, self.recorder)

    def follow_record(self) -> None:
        """Record, and check what is decided again, until nothing is left or the journey is quarantined."""
        for coroutine in (self.recorder.follow_record, self.check_signals) * 10:
            with pytest.raises(Over):
                at_once(coroutine())


def recorded(play: Play) -> JourneyState:
    return JourneyState(journey=play.journey, receipts=dict(play.receipts))


def asks(play: Play) -> c.Command:
    return play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)


def failure(error_type: str) -> ActivityError:
    """How an activity fails that says so itself."""
    failed = {"scheduled_event_id": 1, "started_event_id": 1, "retry_state": None}
    named = {"identity": "", "activity_type": "", "activity_id": ""}
    error = ActivityError("x", **failed, **named)  # type: ignore[arg-type]
    error.__cause__ = ApplicationError("invented", type=error_type, non_retryable=True)
    return error


def follow(play: Play, commands: tuple[DecidedCommand, ...], until: int) -> None:
    """Let the play go on to what the record derives from these commands, up to a version."""
    for each in commands:
        if play.journey.version < until:
            play.follow(each.decided, derive(play.journey, play.receipts, each.decided))
    assert play.journey.version == until
