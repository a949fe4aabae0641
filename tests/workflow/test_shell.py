"""What a run does with what it is told, without Temporal: its time and its answers are given by the test."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError

from simulation.keys import Signers
from simulation.people import PEOPLE, member_of, person_of
from simulation.player import at_once
from tests.helpers import eventually
from tests.journey.play import Play, before
from workflows import care_journey, messages
from workflows.authenticity import Foreign, mark_authentic
from workflows.care_journey import CareJourney
from workflows.journey import commands as c
from workflows.journey.actors import CLOCK, Role
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.command_ids import own_id
from workflows.journey.decided import Decided, DecidedBy, DecidedCommand, derive
from workflows.journey.folded import JourneyState
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal
from workflows.messages import Batch, JourneyInput, Others, Recorded, RecordedState, SignatureResult
from workflows.shell.activity_calls import try_to_ask
from workflows.shell.alarms import Alarms
from workflows.shell.answers import UpdateRefused
from workflows.shell.decider import Decider
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.other_journeys import OtherJourneys
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits
from workflows.shell.signal_reader import check_signals
from workflows.signals import keep_unreadable

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


def failure(error_type: str) -> ActivityError:
    """How an activity fails that says so itself."""
    failed = {"scheduled_event_id": 1, "started_event_id": 1, "retry_state": None}
    named = {"identity": "", "activity_type": "", "activity_id": ""}
    error = ActivityError("x", **failed, **named)  # type: ignore[arg-type]
    error.__cause__ = ApplicationError("invented", type=error_type, non_retryable=True)
    return error


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


def follow(play: Play, commands: tuple[DecidedCommand, ...], until: int) -> None:
    """Let the play go on to what the record derives from these commands, up to a version."""
    for each in commands:
        if play.journey.version < until:
            play.follow(each.decided, derive(play.journey, play.receipts, each.decided))
    assert play.journey.version == until


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


@asynccontextmanager
async def running(play: Play, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[CareJourney, asyncio.Task[Any]]]:
    """A whole run, whose coroutines wait for each other, and never for time."""

    async def wait_for(condition: Callable[[], bool], **_: Any) -> None:
        while not condition():  # noqa: ASYNC110 - as Temporal does: it asks again whenever anything has happened
            await asyncio.sleep(0)

    async def sleep(duration: Any, **_: Any) -> None:
        await (asyncio.sleep(0) if duration == messages.MOMENTARY else asyncio.Event().wait())

    monkeypatch.setattr(workflow, "wait_condition", wait_for)
    monkeypatch.setattr(workflow, "sleep", sleep)
    others = asyncio.all_tasks()
    given = JourneyInput(journey=play.journey, receipts=play.receipts)
    journey = CareJourney(given)
    task = asyncio.create_task(journey.run(given))
    yield journey, task
    for each in asyncio.all_tasks() - others:
        each.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("authentic", [True, False])
@pytest.mark.parametrize("way", ["signal", "update"])
@pytest.mark.parametrize("what", ["a hold", "a signed decision"])
async def test_what_came_by_hand_is_recorded_as_that(
    play: Play,
    answers: Answers,
    signers: Signers,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    way: str,
    authentic: bool,
) -> None:
    """Also where it is decided again, after what the record has."""
    command = play.command(HOLD, Role.COORDINATOR)
    if what == "a signed decision":
        unsigned = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
        bare = unsigned.model_copy(update={"body": unsigned.body.model_copy(update={"signature": None})})
        command = signers.signed(play.journey.id, bare, play.at)
    batches: list[Batch] = []

    def append(batch: Batch) -> Recorded:
        batches.append(batch)
        if len(batches) == 2:
            follow(play, batch.commands, batch.last_version)
            return Recorded(version=batch.last_version, position=9)
        return Recorded(version=batch.expected_version, position=8)

    before_it = recorded(play)
    answers["append_to_record"] = append
    answers["catch_up_with_record"] = lambda _: RecordedState(state=before_it if batches else None, run_id="run")
    content = command.model_dump_json().encode()
    async with running(play, monkeypatch) as (journey, _):
        if way == "signal":
            payload = Payload(data=content)
            journey.receive("command", [RawValue(mark_authentic(payload) if authentic else payload)])
        else:
            submit: Any = journey.submit
            await submit(command if authentic else Foreign(content))

        async def all_recorded() -> bool:
            return journey.status().recorded > before_it.journey.version

        await eventually(all_recorded)
    first, again = ([each.decided for each in batch.commands] for batch in batches)
    assert [each.authentic for each in (*first, *again)] == [authentic, authentic]
    assert [each.command.command_id for each in (*first, *again)] == [command.command_id] * 2


async def test_whoever_wakes_a_run_again_and_again_does_not_keep_it_from_leaving(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers["look_at_others"] = lambda _: Others(elsewhere=play.journey.elsewhere, position=7)
    answers["append_to_record"] = lambda batch: Recorded(version=batch.last_version, position=9)
    async with running(play, monkeypatch) as (journey, task):
        for _ in range(messages.SIGNALS_IN_RUN // 2):
            await asyncio.sleep(0)
            assert not task.done()
            journey.show()
            journey.look()
        with pytest.raises(Left) as left:
            await task
    assert left.value.given.look, "the next run looks"


@pytest.mark.parametrize(
    ("escaped", "ends"),
    [
        (TimeoutError(), False),
        (failure("Invented"), False),
        (CancelledError("invented"), False),
        (ApplicationError("invented"), False),
        (ZeroDivisionError(), False),
        (UpdateRefused(messages.ALREADY_OPEN), True),
    ],
    ids=lambda given: type(given).__name__,
)
async def test_nothing_but_a_refusal_ends_a_journey(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, *, escaped: Exception, ends: bool
) -> None:
    """Temporal fails a run for any failure, or time-out, that escapes. Of anything else it fails the task."""

    async def escape(*_: Any) -> None:
        raise escaped

    monkeypatch.setattr(care_journey, "keep_time", escape)
    async with running(play, monkeypatch) as (_, task):
        await asyncio.wait([task])
        raised = task.exception()
    assert isinstance(raised, FailureError | TimeoutError) == ends
    assert escaped in (raised, raised and raised.__cause__)


@pytest.mark.parametrize("stranger", [True, False])
async def test_an_alarm_that_fails_is_told_and_tried_again_and_keeps_no_run_from_going_on(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, stranger: bool
) -> None:
    """It stays with the last run, after which nobody would deliver it."""
    tries, pauses, go_on = list[Any](), list[timedelta](), asyncio.Event()

    def fail_twice(alarm: Any) -> bool:
        tries.append(alarm)
        if len(tries) < 3:
            raise failure("Invented")
        return True

    async def sleep(pause: timedelta, **_: Any) -> None:
        pauses.append(pause)
        await go_on.wait()

    answers["raise_alarm"] = fail_twice
    monkeypatch.setattr(workflow, "sleep", sleep)
    alarms = Alarms()
    harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
    raised = play.take(play.command(harm, Role.CLINICIAN))
    assert not isinstance(raised, Refusal)
    alarms.send(play.journey.clinic, raised, stranger=stranger)

    def stands() -> tuple[bool, bool]:
        return alarms.delivered, alarms.failed

    assert stands() == (False, False), "it is on its way"

    async def is_paused() -> bool:
        return bool(pauses)

    await eventually(is_paused)
    assert stands() == (True, True)
    assert "journey.activity_failed" in caplog.text
    go_on.set()

    async def has_left() -> bool:
        return len(tries) == 3 and stands() == (True, False)

    await eventually(has_left)
    assert pauses == [messages.MOMENT, 2 * messages.MOMENT]
    assert len({alarm.notices for alarm in tries}) == 1


@pytest.mark.parametrize(("bound", "stranger"), [("ALARMS_AT_ONCE", False), ("STRANGERS_ALARMS", True)])
async def test_however_many_alarms_wait_few_are_on_their_way(
    play: Play, answers: Answers, monkeypatch: pytest.MonkeyPatch, bound: str, *, stranger: bool
) -> None:
    """More activities than Temporal allows would fail every task of the run."""
    under_way, most, delivered = list[Any](), list[int](), asyncio.Event()

    async def deliver(_: Any, alarm: Any, **__: Any) -> bool:
        under_way.append(alarm)
        most.append(len(under_way))
        await delivered.wait()
        under_way.remove(alarm)
        return True

    monkeypatch.setattr(workflow, "execute_activity", deliver)
    monkeypatch.setattr(messages, bound, 3)
    alarms = Alarms()
    for _ in range(8):
        harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
        raised = play.take(play.command(harm, Role.CLINICIAN))
        assert not isinstance(raised, Refusal)
        alarms.send(play.journey.clinic, raised, stranger=stranger)

    async def full() -> bool:
        return len(under_way) == 3

    async def left() -> bool:
        return alarms.delivered

    await eventually(full)
    assert not alarms.delivered
    delivered.set()
    await eventually(left)
    assert (len(most), max(most)) == (8, 3)


async def test_a_bug_on_the_way_of_an_alarm_is_no_delivery(play: Play, answers: Answers) -> None:
    """It fails the task, as any other bug does: the alarm leaves once that is mended."""

    def bug(_: Any) -> None:
        raise ZeroDivisionError

    answers["raise_alarm"] = bug
    harm = c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=play.at)
    raised = play.take(play.command(harm, Role.CLINICIAN))
    assert not isinstance(raised, Refusal)
    alarms = Alarms()
    alarms.send(play.journey.clinic, raised)
    await asyncio.sleep(0)
    for asked in (lambda: alarms.delivered, lambda: alarms.send(play.journey.clinic, raised)):
        with pytest.raises(ZeroDivisionError):
            asked()


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
    await try_to_ask(messages.look_at_others, run.ledger.journey.id, "invented")
    assert [pause.total_seconds() for pause in pauses] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert [wait.total_seconds() / 60 for wait in waits] == [5, 10, 20, 40, 60, 60, 60, 60, 60]


def test_whoever_asks_a_run_whose_start_was_refused_is_told_why(answers: Answers) -> None:
    refused = CareJourney(Foreign(b""))
    for query in (refused.status, refused.obligations, refused.timeline):
        with pytest.raises(ApplicationError, match="without the keys"):
            query()
