"""What a run does with what it is told, without Temporal: its time and its answers are given by the test."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from simulation.keys import Signers
from simulation.people import person_of
from simulation.player import at_once
from tests.journey.play import Play, before
from workflows import care_journey, messages
from workflows.authenticity import Foreign
from workflows.care_journey import CareJourney
from workflows.journey import commands as c
from workflows.journey.actors import CLOCK, Role
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.command_ids import own_id
from workflows.journey.decided import Decided, DecidedBy, DecidedCommand, derive
from workflows.journey.folded import JourneyState
from workflows.journey.protocol import SignOffKind
from workflows.messages import JourneyInput, Others, Recorded, RecordedState, SignatureResult

ONE, OTHER = (Elsewhere(also_known_as=(ref,)) for ref in ("invented-1", "invented-2"))
"""What the patient's other journeys say, and what they say later."""


class Over(Exception):
    """A coroutine of the shell has nothing left to do."""


@pytest.fixture
def play() -> Play:
    return before("signoff.sign")


@pytest.fixture
def answers(play: Play, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
    """What each activity answers, by its name. An alarm is delivered."""
    given: dict[str, Callable[[], Any]] = {"raise_alarm": lambda: True, "verify_signature": SignatureResult}

    async def answer(activity: Any, *_: Any, **__: Any) -> Any:
        return given[activity.__name__]()

    async def wait_for(condition: Callable[[], bool], **_: Any) -> None:
        if not condition():
            raise Over

    async def sleep(*_: Any, **__: Any) -> None:
        raise Over

    info = SimpleNamespace(
        run_id="run",
        original_execution_run_id="run",
        get_current_history_length=lambda: 1,
        get_current_history_size=lambda: 1,
        is_continue_as_new_suggested=lambda: False,
        is_target_worker_deployment_version_changed=lambda: False,
    )
    monkeypatch.setattr(care_journey, "_ask", answer)
    for name, stands_in in {
        "execute_activity": answer,
        "wait_condition": wait_for,
        "sleep": sleep,
        "now": lambda: play.at,
        "info": lambda: info,
        "logger": logging.getLogger(__name__),
        "uuid4": lambda: UUID(int=1),
        "extern_functions": dict,
        "all_handlers_finished": lambda: True,
        "register_random_seed_callback": lambda _: None,
    }.items():
        monkeypatch.setattr(workflow, name, stands_in)
    return given


@pytest.fixture
def shell(play: Play, answers: dict[str, Callable[[], Any]]) -> CareJourney:
    """A run that has caught up with its record."""
    begun = CareJourney(JourneyInput(journey=play.journey, receipts=play.receipts))
    begun._caught_up = True
    return begun


def waiting(shell: CareJourney) -> list[Decided]:
    """What is decided and not recorded."""
    return [kept.command.decided for kept in shell._ledger.outbox._kept]


def restart(shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]]) -> None:
    """The record has nothing of what waits, and all of it is decided again."""
    recorded = JourneyState(journey=play.journey, receipts=play.receipts)
    answers["catch_up_with_record"] = lambda: RecordedState(state=recorded, run_id="run")
    at_once(shell._catch_up())


def asks(play: Play) -> c.Command:
    return play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)


async def test_of_one_position_two_things_may_be_said(shell: CareJourney) -> None:
    """By a worker of another build, or by one that cannot read a row: the later one counts."""
    shell._take_in(Others(elsewhere=ONE, position=7))
    shell._take_in(Others(elsewhere=OTHER, position=7))
    assert shell._ledger.journey.elsewhere == OTHER


def test_what_a_look_took_in_is_looked_up_again_where_it_was_undone(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]]
) -> None:
    shell._take_in(Others(elsewhere=ONE, position=7))
    restart(shell, play, answers)
    assert (waiting(shell), shell._asked_to_look) == ([], True)


@pytest.mark.parametrize("decided", [True, False])
def test_only_what_was_decided_without_it_is_undone(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]], decided: bool
) -> None:
    shell._take_in(Others(elsewhere=ONE, position=7))
    if decided:
        shell._decide(asks(play), authentic=True)
    shell._told = Recorded(version=play.journey.version, position=9, elsewhere=OTHER)
    restart(shell, play, answers)
    taken_in = waiting(shell)[0].command.body
    assert isinstance(taken_in, c.TakeInHistory)
    assert taken_in.undone is decided


def test_an_answer_of_before_does_not_replace_a_newer_one(
    shell: CareJourney, answers: dict[str, Callable[[], Any]]
) -> None:
    def late() -> Others:
        shell._take_in(Recorded(version=shell._ledger.journey.version, position=9, elsewhere=OTHER))
        return Others(elsewhere=ONE, position=7)

    answers["look_at_others"] = late
    shell.look()
    with pytest.raises(Over):
        at_once(shell._look_at_others())
    assert (shell._ledger.journey.elsewhere, shell._asked_to_look) == (OTHER, True)


def test_nobody_becomes_the_clock_by_a_restart(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]]
) -> None:
    body = c.KeepUnreadable(name="invented", content="invented")
    forged = c.Command(command_id=own_id(play.journey.id, "invented"), actor=CLOCK, body=body)
    shell._decide(forged, authentic=True, unanswered=True)
    [refused] = waiting(shell)
    restart(shell, play, answers)
    [again] = waiting(shell)
    assert (refused.own, again.own) == (False, False)
    assert again.refusal is not None


def refuse(command: c.Command, answers: dict[str, Callable[[], Any]], shell: CareJourney, play: Play) -> None:
    """The record takes everything but this command, and what comes after it in its batch."""

    def append() -> Recorded:
        [*commands] = shell._ledger.outbox.next_batch(play.journey.id, DecidedBy()).commands
        version = shell._ledger.outbox.recorded
        for each in commands:
            if each.decided.command.command_id == command.command_id and each.decided.refusal is None:
                break
            version += each.events
        if version == shell._ledger.outbox.recorded:
            failed = {"scheduled_event_id": 1, "started_event_id": 1, "retry_state": None}
            named = {"identity": "", "activity_type": "", "activity_id": ""}
            cause = ApplicationError("not recorded", type=messages.NOT_TAKEN)
            raise ActivityError("x", **failed, **named) from cause  # type: ignore[arg-type]
        recorded = derived(play, commands, version)
        answers["catch_up_with_record"] = lambda: RecordedState(state=recorded, run_id="run")
        return Recorded(version=version, position=version)

    recorded = JourneyState(journey=play.journey, receipts=play.receipts)
    answers["catch_up_with_record"] = lambda: RecordedState(state=recorded, run_id="run")
    answers["append_to_record"] = append


def derived(play: Play, commands: list[DecidedCommand], until: int) -> JourneyState:
    """What the record derives from these commands, up to a version. The play goes on to there."""
    for each in commands:
        if play.journey.version < until:
            play.follow(each.decided, derive(play.journey, play.receipts, each.decided))
    assert play.journey.version == until
    return JourneyState(journey=play.journey, receipts=dict(play.receipts))


def follow_record(shell: CareJourney) -> None:
    """Record, and check what is decided again, until nothing is left or the journey is quarantined."""
    for coroutine in (shell._follow_record, shell._check_signals) * 10:
        with pytest.raises(Over):
            at_once(coroutine())


@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_command_that_is_not_taken_takes_no_other_with_it(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]], place: int
) -> None:
    play = Play(play.journey, play.at, receipts=dict(play.receipts))
    patient = person_of(play.journey.id, Role.PATIENT)
    sent = [c.Command(command_id=uuid4(), actor=patient, body=c.AskQuestion(text=f"invented: {n}")) for n in range(4)]
    for each in sent:
        shell._decide(each, authentic=True)
    refuse(sent[place], answers, shell, play)
    follow_record(shell)

    assert not shell._ledger.outbox
    assert not shell._ledger.diverged
    receipts = shell._ledger.receipts
    assert all(receipts[each.command_id].refused is None for n, each in enumerate(sent) if n != place)
    left_out = receipts[sent[place].command_id].refused
    assert left_out is not None, "its sender finds that it was refused"
    journey = shell._ledger.journey
    assert journey.held
    assert [kept.name for kept in journey.unhandled] == ["not recorded: question.ask"], "people look at it"
    assert sent[place].body.text in journey.unhandled[0].content  # type: ignore[union-attr]


def test_what_the_record_does_not_take_of_the_services_own_quarantines(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]]
) -> None:
    play = Play(play.journey, play.at, receipts=dict(play.receipts))
    shell._keep(messages.unreadable("invented", "invented"))
    refuse(waiting(shell)[0].command, answers, shell, play)
    follow_record(shell)
    assert shell._ledger.diverged


@pytest.mark.parametrize("what", ["unreadable", "history"])
def test_the_shells_own_ids_let_nobody_try_what_they_are_about(play: Play, shell: CareJourney, what: str) -> None:
    def own(key: str) -> UUID:
        run = CareJourney(JourneyInput(journey=play.changed(code_key=key).journey, receipts=play.receipts))
        if what == "unreadable":
            run._keep(messages.unreadable("invented", "invented: I feel unwell"))
        else:
            run._take_in(Others(elsewhere=ONE, position=7))
        return waiting(run)[0].command.command_id

    assert own("a" * 64) == own("a" * 64) != own("b" * 64)


HOLD = c.PlaceHold(reason="invented: stop")


@pytest.mark.parametrize("authentic", [True, False])
@pytest.mark.parametrize("way", ["signal", "update"])
@pytest.mark.parametrize("what", ["a hold", "a signed decision"])
def test_what_came_by_hand_is_recorded_as_that(
    shell: CareJourney,
    play: Play,
    answers: dict[str, Callable[[], Any]],
    signers: Signers,
    what: str,
    way: str,
    authentic: bool,
) -> None:
    command = play.command(HOLD, Role.COORDINATOR)
    if what == "a signed decision":
        unsigned = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
        bare = unsigned.model_copy(update={"body": unsigned.body.model_copy(update={"signature": None})})
        command = signers.signed(play.journey.id, bare, play.at)

    def checked() -> None:
        if shell._unchecked:
            with pytest.raises(Over):
                at_once(shell._check_signals())

    if way == "signal":
        shell._read(command, authentic=authentic)
        checked()
    else:
        submit: Any = shell.submit
        at_once(submit(command if authentic else Foreign(command.model_dump_json().encode())))
    [first] = waiting(shell)
    restart(shell, play, answers)
    checked()
    [again] = waiting(shell)
    assert (first.authentic, again.authentic) == (authentic, authentic)
    for decided in (first, again):
        assert derive(play.journey, play.receipts, decided)


def test_what_a_stranger_was_told_is_done_stays_done(
    shell: CareJourney, play: Play, answers: dict[str, Callable[[], Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others wait by then."""
    shell._read(play.command(HOLD, Role.COORDINATOR), authentic=False)
    monkeypatch.setattr(messages, "STRANGERS_OPEN", 0)
    restart(shell, play, answers)
    assert [each.command.body for each in waiting(shell)] == [HOLD]


def test_whoever_wakes_a_run_again_and_again_does_not_keep_it_from_leaving(
    shell: CareJourney, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[JourneyInput] = []
    monkeypatch.setattr(workflow, "continue_as_new", lambda given, **_: handed.append(given))
    for _ in range(messages.SIGNALS_IN_RUN // 2):
        assert not shell._may_leave
        shell.show()
        shell.look()
    assert shell._may_leave
    shell._begin_new_run()
    assert CareJourney(handed[0])._asked_to_look, "the next run looks"
