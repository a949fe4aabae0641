"""What a run does with what the record, the register and other journeys answer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from simulation.people import PEOPLE, member_of, person_of
from simulation.player import at_once
from tests.journey.play import Play
from tests.workflow.shell.run_parts import HOLD, ONE, OTHER, Answers, Over, Run, asks, failure, follow, recorded
from workflows import messages
from workflows.authenticity import Foreign, mark_authentic
from workflows.care_journey import CareJourney
from workflows.journey import commands as c
from workflows.journey.decided import Batch, DecidedCommand
from workflows.journey.envelopes import CommandBody
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.messages import JourneyInput, Others, Recorded, RecordedState
from workflows.shell.activity_calls import try_to_ask
from workflows.shell.alarms import Alarms
from workflows.signals import keep_unreadable


async def test_of_one_position_two_things_may_be_said(run: Run) -> None:
    """By a worker of another build, or by one that cannot read a row: the later one counts."""
    run.decider.take_in(Others(elsewhere=ONE, position=7))
    run.decider.take_in(Others(elsewhere=OTHER, position=7))
    assert run.ledger.journey.elsewhere == OTHER


def test_who_has_left_by_the_register_is_taken_in_with_a_look(run: Run, play: Play) -> None:
    clinician = PEOPLE[Role.CLINICIAN]
    gone = member_of(clinician).model_copy(update={"until": play.at})
    run.decider.take_in(Others(elsewhere=play.journey.elsewhere, position=7, staff=(gone,)))
    assert run.ledger.journey.has_left(clinician.id, Role.CLINICIAN)
    assert run.waiting[-1].own, "the record decides it again"


def test_what_a_look_took_in_is_looked_up_again_where_it_was_undone(run: Run, play: Play) -> None:
    run.decider.take_in(Others(elsewhere=ONE, position=7))
    run.decider.restart(recorded(play))
    assert (run.waiting, run.inbox.look) == ([], True)


@pytest.mark.parametrize(
    "body", [c.RequestSupport(urgency="urgent", text="invented: call me"), HOLD], ids=lambda one: one.kind
)
def test_what_is_signalled_in_a_quarantine_is_decided_after_it(run: Run, play: Play, body: CommandBody) -> None:
    """Nobody is told anything of a signal, so it is not refused for a fault of the record."""
    command = play.command(body, Role.COORDINATOR)
    run.inbox.receive("command", [RawValue(mark_authentic(Payload(data=command.model_dump_json().encode())))])
    for quarantined in (True, False):
        run.ledger.diverged = quarantined
        for coroutine in (run.read_signals, run.check_signals):
            with pytest.raises(Over):
                at_once(coroutine())
        run.decider.restart(recorded(play))
    [decided] = run.waiting
    assert (decided.command.command_id, decided.refusal) == (command.command_id, None)


@pytest.mark.parametrize("decided", [True, False])
def test_only_what_was_decided_without_it_is_undone(run: Run, play: Play, answers: Answers, decided: bool) -> None:
    told = [Recorded(version=play.journey.version, position=9, elsewhere=OTHER)]

    def append(_: Batch) -> Recorded:
        if not told:
            raise Over
        return told.pop()

    answers["append_to_record"] = append
    answers["catch_up_with_record"] = lambda _: RecordedState(state=recorded(play), run_id="run")
    run.decider.take_in(Others(elsewhere=ONE, position=7))
    if decided:
        run.decider.decide(asks(play), authentic=True)
    with pytest.raises(Over):
        at_once(run.recorder.follow_record())
    taken_in = run.waiting[0].command.body
    assert isinstance(taken_in, c.TakeInHistory)
    assert (taken_in.elsewhere, taken_in.undone) == (OTHER, decided)


def test_an_answer_of_before_does_not_replace_a_newer_one(run: Run, answers: Answers) -> None:
    def late(_: UUID) -> Others:
        run.decider.take_in(Recorded(version=run.ledger.journey.version, position=9, elsewhere=OTHER))
        return Others(elsewhere=ONE, position=7)

    answers["look_at_others"] = late
    run.inbox.look = True
    with pytest.raises(Over):
        at_once(run.others.look_when_asked())
    assert (run.ledger.journey.elsewhere, run.inbox.look) == (OTHER, True)


def test_nobody_becomes_the_clock_by_a_restart(run: Run, play: Play) -> None:
    body = c.KeepUnreadable(name="invented", content="invented")
    forged = c.Command(command_id=own_id(play.journey.id, "invented"), actor=CLOCK, body=body)
    run.decider.decide(forged, authentic=True, unanswered=True)
    [refused] = run.waiting
    run.decider.restart(recorded(play))
    [again] = run.waiting
    assert (refused.own, again.own) == (False, False)
    assert again.refusal is not None


def refuse(command: c.Command, answers: Answers, play: Play) -> None:
    """The record takes everything but this command, and what comes after it in its batch."""

    def append(batch: Batch) -> Recorded:
        version = batch.expected_version
        for each in batch.commands:
            if each.decided.command.command_id == command.command_id and each.decided.refusal is None:
                break
            version += each.events
        if version == batch.expected_version:
            raise failure(messages.NOT_TAKEN)
        follow(play, batch.commands, version)
        return Recorded(version=version, position=version)

    answers["catch_up_with_record"] = lambda _: RecordedState(state=recorded(play), run_id="run")
    answers["append_to_record"] = append


@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_command_that_is_not_taken_takes_no_other_with_it(
    run: Run, play: Play, answers: Answers, place: int
) -> None:
    play = Play(play.journey, play.at, receipts=dict(play.receipts))
    patient = person_of(play.journey.id, Role.PATIENT)
    sent = [c.Command(command_id=uuid4(), actor=patient, body=c.AskQuestion(text=f"invented: {n}")) for n in range(4)]
    for each in sent:
        run.decider.decide(each, authentic=True)
    refuse(sent[place], answers, play)
    run.follow_record()

    assert not run.ledger.outbox
    assert not run.ledger.diverged
    receipts = run.ledger.receipts
    assert all(receipts[each.command_id].refused is None for n, each in enumerate(sent) if n != place)
    left_out = receipts[sent[place].command_id].refused
    assert left_out is not None, "its sender finds that it was refused"
    journey = run.ledger.journey
    assert journey.held
    assert [kept.name for kept in journey.unhandled] == ["not recorded: question.ask"], "people look at it"
    assert sent[place].body.text in journey.unhandled[0].content  # type: ignore[union-attr]


def test_what_the_record_does_not_take_of_the_services_own_quarantines(run: Run, play: Play, answers: Answers) -> None:
    play = Play(play.journey, play.at, receipts=dict(play.receipts))
    run.decider.keep(keep_unreadable("invented", "invented"))
    refuse(run.waiting[0].command, answers, play)
    run.follow_record()
    assert run.ledger.diverged


URGENT: dict[str, Callable[[Play], c.AnyBody]] = {
    "a hold": lambda _: HOLD,
    "a call for help": lambda _: c.RequestSupport(urgency="urgent", text="invented: I feel unwell"),
    "a report of harm": lambda play: c.ReportAdverseEvent(
        what="invented: chest pain", grade=3, serious=False, onset=play.at
    ),
}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("what", URGENT)
@pytest.mark.parametrize("behind", ["a decision", "what is due"])
@pytest.mark.parametrize("lacks", ["a proof", "the register"])
def test_nothing_urgent_waits_behind_what_would_move_care_on_an_unproven_record(
    run: Run,
    play: Play,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    behind: str,
    what: str,
    times: int,
    lacks: str,
) -> None:
    """Nor behind what cannot be proven without the register. It is accepted while that is being recorded, as often as
    it comes."""
    monkeypatch.setattr(Alarms, "send", lambda *_, **__: None)
    sent: list[c.Command] = []
    if behind == "what is due":
        play.later(days=60)
    play = Play(play.journey, play.at, receipts=dict(play.receipts))
    patient = person_of(play.journey.id, Role.PATIENT)

    def moves(each: DecidedCommand) -> bool:
        """Stands in for what moves care on."""
        body = each.decided.command.body
        return isinstance(body, c.PassDeadline if behind == "what is due" else c.AskQuestion)

    def append(batch: Batch) -> Recorded:
        if len(sent) < times and moves(batch.commands[0]):
            sent.append(c.Command(command_id=uuid4(), actor=patient, body=URGENT[what](play)))
            assert run.decider.decide(sent[-1], authentic=True).refusal is None
        version = batch.expected_version
        for each in batch.commands:
            if moves(each):
                break
            version += each.events
        if version == batch.expected_version and lacks == "a proof":
            raise failure(messages.UNPROVEN_RECORD if all(map(moves, batch.commands)) else messages.NOT_TAKEN)
        if all(map(moves, batch.commands)):
            raise Over  # It is tried again until the register can be read.
        follow(play, batch.commands, version)
        return Recorded(version=version, position=version)

    answers["catch_up_with_record"] = lambda _: RecordedState(state=recorded(play), run_id="run")
    answers["append_to_record"] = append
    if behind == "what is due":
        run.decider.pass_deadlines(1)
    else:
        run.decider.decide(asks(play), authentic=True)
    assert run.ledger.outbox
    run.follow_record()

    assert {each.command_id for each in sent} <= play.receipts.keys(), "all of it is recorded"
    # A hold may leave nothing that is due. Otherwise people look at the record, or the register comes back.
    assert run.ledger.diverged == (bool(run.ledger.outbox) and lacks == "a proof")
    assert len(sent) == times or not run.ledger.outbox


def test_what_waits_for_the_register_makes_no_long_history(run: Run, play: Play, answers: Answers) -> None:
    """It is asked again after pauses, also where something urgent that cannot be recorded either is behind it."""
    play.later(days=60)
    run.decider.pass_deadlines(1)
    run.decider.decide(play.command(HOLD, Role.PATIENT), authentic=True)
    asked = list[Batch]()

    def append(batch: Batch) -> Recorded:
        asked.append(batch)
        assert len(asked) < 20, "it goes on for ever"
        return Recorded(version=batch.expected_version, position=0)

    answers["catch_up_with_record"] = lambda _: RecordedState(run_id="run")
    answers["append_to_record"] = append
    with pytest.raises(Over):
        at_once(run.recorder.follow_record())
    assert len(asked) == 2, "what is urgent is let pass once, and then there is a pause"


def test_however_long_the_register_is_away_the_pauses_stay_short(
    run: Run, play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of them, and more: a pause that doubled without end would be more than a time can say."""
    run.decider.decide(asks(play), authentic=True)
    paused = list[timedelta]()

    async def wait_for(condition: Callable[[], bool], timeout: timedelta | None = None, **_: object) -> None:
        if not condition() and timeout is not None:
            paused.append(timeout)
            raise TimeoutError

    def append(batch: Batch) -> Recorded:
        if len(paused) == 100:
            raise Over
        return Recorded(version=batch.expected_version, position=0)

    monkeypatch.setattr(workflow, "wait_condition", wait_for)
    answers["append_to_record"] = append
    with pytest.raises(Over):
        at_once(run.recorder.follow_record())
    assert paused == sorted(paused)
    assert paused[-1] == messages.TRIED_AGAIN


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("what", ["unreadable", "history"])
def test_the_shells_own_ids_let_nobody_try_what_they_are_about(play: Play, what: str) -> None:
    def own(key: str) -> UUID:
        run = Run(play.changed(code_key=key))
        if what == "unreadable":
            run.decider.keep(keep_unreadable("invented", "invented: I feel unwell"))
        else:
            run.decider.take_in(Others(elsewhere=ONE, position=7))
        return run.waiting[0].command.command_id

    assert own("a" * 64) == own("a" * 64) != own("b" * 64)


def test_what_a_stranger_was_told_is_done_stays_done(run: Run, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others wait by then."""
    run.decider.read(play.command(HOLD, Role.COORDINATOR), authentic=False)
    monkeypatch.setattr(messages, "STRANGERS_OPEN", 0)
    run.decider.restart(recorded(play))
    assert [each.command.body for each in run.waiting] == [HOLD]


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("contents", [(), ("invented",), (Foreign(b"?"), {}, None)], ids=["nothing", "one", "three"])
def test_whatever_comes_with_a_signal_is_taken(play: Play, contents: tuple[object, ...]) -> None:
    """Anybody can send one: a handler that raises fails every task of the run."""
    journey = CareJourney(JourneyInput(journey=play.journey, receipts=play.receipts))
    for handler in (journey.show, journey.look):
        handler(*contents)


def test_what_fails_for_good_ends_no_journey(run: Run, play: Play, answers: Answers) -> None:
    """It is asked again later, and a new run may begin meanwhile: by a worker that has been mended, perhaps."""

    def fail(_: Any) -> None:
        raise failure("Invented")

    answers["look_at_others"] = answers["verify_signature"] = fail
    run.inbox.look = True
    with pytest.raises(Over):
        at_once(run.others.look_when_asked())
    assert (run.inbox.look, run.others.looking) == (True, False)
    run.inbox.add_unchecked(asks(play), 100, authentic=True, accepted=True)
    with pytest.raises(Over):
        at_once(run.check_signals())
    assert [waits.command.body.kind for waits in run.inbox.unchecked] == ["question.ask"]
    assert run.waiting == []


@pytest.mark.usefixtures("answers")
async def test_the_pauses_grow_after_answers_that_are_not_believed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one makes the history longer, and nothing lets the run leave meanwhile. So does each that is waited for in
    vain."""
    said, pauses = [*[Foreign(b"")] * 8, Others(elsewhere=OTHER, position=7)], list[timedelta]()
    waits = list[timedelta]()

    async def answer(*_: Any, schedule_to_close_timeout: timedelta, **__: Any) -> Any:
        waits.append(schedule_to_close_timeout)
        return said.pop(0)

    async def sleep(pause: timedelta, **_: Any) -> None:
        pauses.append(pause)

    monkeypatch.setattr(workflow, "execute_activity", answer)
    monkeypatch.setattr(workflow, "sleep", sleep)
    await try_to_ask(messages.look_at_others, run.ledger.journey.id)
    assert [pause.total_seconds() for pause in pauses] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert [wait.total_seconds() / 60 for wait in waits] == [5, 10, 20, 40, 60, 60, 60, 60, 60]
