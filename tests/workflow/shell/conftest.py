"""A run without Temporal: its time and its answers are given by the test."""

import logging
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from temporalio import workflow
from temporalio.common import TypedSearchAttributes

from simulation.player import at_once
from tests.journey.play import Play, before
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.decided import Decided, DecidedBy
from workflows.journey.folded import JourneyState
from workflows.messages import JourneyInput, RecordedState, SignatureResult
from workflows.shell.alarms import Alarms
from workflows.shell.decider import Decider
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.other_journeys import OtherJourneys
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits
from workflows.shell.signal_reader import check_signals

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


@pytest.fixture
def play() -> Play:
    return before("signoff.sign")


@pytest.fixture
def answers(play: Play, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What is answered. An alarm is delivered, everybody is who they say, and the record has what the run began with.

    A coroutine of a run goes as far as it can without waiting."""
    given: Answers = {
        "raise_alarm": lambda _: True,
        "verify_signature": lambda _: SignatureResult(),
        "catch_up_with_record": lambda _: RecordedState(run_id="run"),
    }

    async def answer(activity: Any, asked: Any, **_: Any) -> Any:
        return given[activity.__name__](asked)

    async def wait_for(condition: Callable[[], bool], **_: Any) -> None:
        if not condition():
            raise Over

    async def sleep(*_: Any, **__: Any) -> None:
        raise Over

    def leave(given: JourneyInput, **_: Any) -> None:
        raise Left(given)

    info = SimpleNamespace(
        run_id="run",
        original_execution_run_id="run",
        typed_search_attributes=TypedSearchAttributes.empty,
        get_current_history_length=lambda: 1,
        get_current_history_size=lambda: 1,
        is_continue_as_new_suggested=lambda: False,
        is_target_worker_deployment_version_changed=lambda: False,
    )
    for name, stands_in in {
        "execute_activity": answer,
        "wait_condition": wait_for,
        "sleep": sleep,
        "continue_as_new": leave,
        "cancellation_reason": lambda: None,
        "now": lambda: play.at,
        "info": lambda: info,
        "logger": logging.getLogger(__name__),
        "uuid4": lambda: UUID(int=1),
        "extern_functions": dict,
        "all_handlers_finished": lambda: True,
        "register_random_seed_callback": lambda _: None,
        "set_current_details": lambda _: None,
        "upsert_search_attributes": lambda _: None,
    }.items():
        monkeypatch.setattr(workflow, name, stands_in)
    return given


class Run:
    """The parts of a run that has caught up with its record."""

    def __init__(self, play: Play) -> None:
        given = JourneyInput(journey=play.journey, receipts=play.receipts)
        self.ledger, self.inbox = Ledger(play.journey, play.receipts, play.journey.version), Inbox(given)
        self.decider = Decider(self.ledger, self.inbox, Alarms(), RunLimits(0))
        self.recorder = Recorder(self.decider, None)
        self.others = OtherJourneys(self.decider, self.recorder)
        self.recorder.caught_up = True

    @property
    def waiting(self) -> list[Decided]:
        """What is decided and not recorded."""
        return [each.decided for each in self.ledger.outbox.next_batch(self.ledger.journey.id, DecidedBy()).commands]

    def check_signals(self) -> Coroutine[Any, Any, None]:
        return check_signals(self.decider, self.recorder)

    def follow_record(self) -> None:
        """Record, and check what is decided again, until nothing is left or the journey is quarantined."""
        for coroutine in (self.recorder.follow_record, self.check_signals) * 10:
            with pytest.raises(Over):
                at_once(coroutine())


@pytest.fixture
def run(play: Play, answers: Answers) -> Run:
    return Run(play)


def recorded(play: Play) -> JourneyState:
    return JourneyState(journey=play.journey, receipts=dict(play.receipts))


def asks(play: Play) -> c.Command:
    return play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
