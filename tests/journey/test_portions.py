"""However much is open, one command gives few events and each has room in the record: what is left goes on in further
commands of the clock, until what is awaited is exactly what is needed."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from simulation.moves.signing import signer
from simulation.people import person_of
from tests.journey.crowds import CROWDS, ask, crowd
from tests.journey.play import Play, before, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.clock.rules import STEPS_AT_ONCE, pass_deadline
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import KnownRisk, ReleasedSession
from workflows.journey.entries import as_entries
from workflows.journey.needs import wanted_now
from workflows.journey.obligations import CHANGES_AT_ONCE, next_deadline, obligations
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.limits import EVENT_LIMIT
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Outcome

EVENTS_AT_ONCE = 100
"""How many events one command may give, whatever is open."""
EVENT_BYTES = EVENT_LIMIT // 2
"""How large an event of the core may be: encryption and JSON within JSON make it larger."""
MANY = 2 * CHANGES_AT_ONCE + 1
"""More than two portions."""


def take(play: Play, command: c.Command) -> list[e.Event]:
    """Decide a command within the bounds."""
    decided = play.take(command)
    assert not isinstance(decided, Refusal), str(decided)
    assert len(decided) <= EVENTS_AT_ONCE, len(decided)
    for event in decided:
        assert len(event.model_dump_json().encode()) <= EVENT_BYTES
    return [*decided]


def settle(play: Play) -> list[e.Event]:
    """Let the clock bring about what is left, and look whether it is exactly what is needed."""
    events = []
    for _ in range(1000):
        deadline = next_deadline(play.journey)
        if deadline is None or deadline > play.at:
            break
        events += take(play, play.command(c.PassDeadline(), CLOCK))
    else:
        raise AssertionError("the clock never comes to rest")
    wanted, waiting = wanted_now(play.journey), play.journey.waiting
    assert waiting.keys() == wanted.keys()
    assert [waiting[name].person for name in wanted] == [need.person for need in wanted.values()]
    assert play.journey.behind is None
    if not play.journey.held:
        assert not play.journey.paused
    return events


def send(body: c.CommandBody, by: Role = Role.COORDINATOR) -> Callable[[Play], list[e.Event]]:
    return lambda play: take(play, play.command(body, by))


def pass_time(**time: float) -> Callable[[Play], list[e.Event]]:
    return lambda play: settle(play.later(**time))


@cache
def _settled(kind: str) -> Play:
    play = crowd(kind, MANY)
    settle(play)
    return play


def settled(kind: str) -> Play:
    """A journey with so many open things of a kind, all of which are awaited. Each test goes its own way from there."""
    play = _settled(kind)
    return Play(play.journey, play.at, receipts=dict(play.receipts))


def chequered(kinds: Iterable[str], acts: Iterable[str]) -> list[Any]:
    """Each act on each kind of crowd. Before a merge, every other one: none of either is left out."""
    pairs = [(kind, act, row + column) for row, kind in enumerate(kinds) for column, act in enumerate(acts)]
    return [pytest.param(kind, act, marks=[pytest.mark.soak] if place % 2 else []) for kind, act, place in pairs]


ACTS: dict[str, Callable[[Play], list[e.Event]]] = {
    "hold": send(c.PlaceHold(reason="x"), Role.PATIENT),
    "reassign the clinician": send(c.Reassign(duty="clinician", to="dr-other", reason="x")),
    "reassign the coordinator": send(c.Reassign(duty="coordinator", to="co-other", reason="x")),
    "withdraw": send(c.Withdraw(), Role.PATIENT),
    "transfer": send(c.Transfer(reason="x", referral="x"), Role.CLINICIAN),
    "death": send(c.RecordDeath(related="unknown", reason="x"), Role.COORDINATOR),
    "move": send(c.Move(zone="America/New_York", state="NY")),
    "ask": send(c.AskQuestion(text="x"), Role.PATIENT),
    "call for help": send(c.RequestSupport(urgency="emergency", text="x"), Role.PATIENT),
    "break the glass": send(c.BreakGlass(reason="x"), Role.ON_CALL_CLINICIAN),
    "a quarter of an hour": pass_time(minutes=15),
    "a day": pass_time(days=1),
    "a year": pass_time(days=365),
}


@pytest.mark.parametrize(("kind", "act"), chequered(CROWDS, ACTS))
def test_every_command_gives_little_and_the_clock_the_rest(kind: str, act: str) -> None:
    play = settled(kind)
    ACTS[act](play)
    settle(play)


@pytest.mark.parametrize(("kind", "act"), chequered(CROWDS, ("reassign the clinician", "withdraw", "death", "a day")))
def test_a_command_that_comes_while_much_is_left_loses_nothing(kind: str, act: str) -> None:
    play = crowd(kind, MANY)
    ACTS["hold"](play)
    ACTS[act](play)
    settle(play)


def test_overdue_alarms_are_taken_in_portions() -> None:
    play = crowd("urgent requests", 260)
    settle(play)
    play.later(minutes=15)
    taken = [event.body for event in settle(play) if isinstance(event.body, e.ObligationEscalated)]
    assert len({body.obligation for body in taken}) == 260
    assert len({(body.obligation, body.step, body.repetition) for body in taken}) == len(taken)


@pytest.mark.long
@pytest.mark.parametrize("many", [40, 400])
def test_a_portion_makes_events_of_what_it_takes_and_not_of_all_that_is_due(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each portion would make all of them anew: after an outage that is the square of what is open."""
    play = crowd("urgent requests", many)
    settle(play)
    play.later(minutes=15)
    made, make = 0, e.ObligationEscalated

    def counted(**fields: Any) -> e.ObligationEscalated:
        nonlocal made
        made += 1
        return make(**fields)

    monkeypatch.setattr(e, "ObligationEscalated", counted)
    taken = [*pass_deadline(play.journey, c.PassDeadline(), CLOCK, play.at)]
    assert made == len(taken) == STEPS_AT_ONCE


def test_a_duty_is_handed_over_with_all_that_is_open() -> None:
    play = crowd("clinical requests", 260)
    settle(play)
    since = {waiting.subject: waiting.since for waiting in obligations(play.journey)}
    play.later(hours=1)
    first = ACTS["reassign the clinician"](play)
    assert max(len(event.body.opened) for event in first if isinstance(event.body, e.ObligationsUpdated)) < 260
    settle(play)
    asked = [waiting for waiting in obligations(play.journey) if waiting.kind == "support"]
    assert {waiting.person for waiting in asked} == {"dr-other"}
    assert all(waiting.since == since[waiting.subject] for waiting in asked), "a handover gives no extra time"


def test_alarms_come_first() -> None:
    play = crowd("routine requests", 300)
    settle(play)
    play.journey = play.journey.model_copy(update={"waiting": {}, "behind": play.at})
    [changed] = [event.body for event in ACTS["call for help"](play) if isinstance(event.body, e.ObligationsUpdated)]
    assert changed.more
    assert changed.opened[0].escalation_policy == "emergency"


def test_what_is_awaited_no_more_is_not_escalated_while_its_closing_is_left() -> None:
    play = crowd("questions", 300)
    settle(play)
    play.do(c.RequestSupport(urgency="emergency", text="x"), Role.PATIENT)
    play.later(days=30)
    settle(play)
    play.do(c.RecordDeath(related="no", reason="x"), Role.COORDINATOR)
    play.sign(SignOffKind.DEATH, "death-1")
    assert play.journey.behind is not None
    play.later(days=30)
    taken = [event.body for event in settle(play) if isinstance(event.body, e.ObligationEscalated)]
    assert not [body for body in taken if body.obligation.startswith("question:")]


def test_no_session_is_released_while_something_is_left() -> None:
    play = before("session.release", 2)
    assert not isinstance(play.decide(play.command(c.ReleaseSession(session=2), Role.SESSION_MONITOR)), Refusal)
    play.journey = play.journey.model_copy(update={"behind": play.at})
    play.refused(
        c.ReleaseSession(session=2), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, says="brought up to date"
    )


SIGNED = [move[1].body for move in course("PTSD").moves if isinstance(move[1].body, c.Sign)]
CHANGES: dict[str, Callable[[Play], c.CommandBody]] = {
    "screening": lambda _: c.RecordScreening(factors={"personal_circumstances": "changed (invented)"}),
    "evaluation": lambda play: c.RecordEvaluation(
        sections=dict.fromkeys([*play.journey.evaluation.sections][:1], "changed (invented)")
    ),
    "hold": lambda _: c.PlaceHold(reason="x"),
    "withdrawal": lambda _: c.Withdraw(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("nth", range(1, len(SIGNED) + 1))
def test_nothing_is_signed_that_is_asked_for_no_more_while_its_closing_is_left(nth: int, change: str) -> None:
    """Its evidence changed, or it paused, and the request stood there until the clock's next command."""
    play, body = before("signoff.sign", nth), SIGNED[nth - 1]
    play.do(c.AskQuestion(text="x"), Role.PATIENT)
    asked = play.journey.questions["question-1"]
    many = {f"question-{n}": asked.model_copy(update={"id": f"question-{n}"}) for n in range(2, 260)}
    play.journey = play.journey.model_copy(update={"questions": play.journey.questions.put(many), "behind": play.at})
    play.take(play.command(CHANGES[change](play), Role.CLINICIAN))
    if body.request in wanted_now(play.journey):
        play.do(body, signer(play.journey, play.journey.waiting[body.request]))
        return
    signing = play.command(body, person_of(play.journey.id, Role.CLINICIAN))
    if body.request in play.journey.waiting:
        signing = play.command(body, signer(play.journey, play.journey.waiting[body.request]))
    decided = play.take(signing)
    assert isinstance(decided, Refusal)
    assert decided.remedy


def test_a_decision_is_made_once_while_its_closing_is_left() -> None:
    play = started()
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    asked, body = play.request(SignOffKind.HOLD_RELEASE, "hold-1"), play.signature(SignOffKind.HOLD_RELEASE, "hold-1")
    play.do(body, signer(play.journey, asked))
    waiting = as_entries(play.journey.waiting).put({asked.id: asked})
    play.journey = play.journey.model_copy(update={"waiting": waiting, "behind": play.at})
    play.refused(body, Role.MEDICAL_DIRECTOR, code=RefusalCode.ALREADY_DONE, field="request")


def test_a_hold_stops_all_clocks_and_its_release_lets_them_go_on() -> None:
    play = crowd("questions before a dose", 120)
    settle(play)
    play.journey = play.journey.model_copy(update={"holds": {}})
    care = {waiting.key: waiting for waiting in obligations(play.journey) if waiting.care}
    ACTS["hold"](play)
    assert play.journey.held, "at once"
    settle(play)
    assert not [waiting for waiting in obligations(play.journey) if waiting.care]
    play.later(hours=3)
    settle(play)
    hold = next(name for name, hold in play.journey.holds.items() if not hold.released)
    play.sign(SignOffKind.HOLD_RELEASE, hold)
    settle(play)
    back = {waiting.key: waiting for waiting in obligations(play.journey)}
    assert care.keys() - back.keys() == {"release:2"}, "a clearance does not outlive what happened after it"
    assert all(back[key].since == kept.since for key, kept in care.items() if key in back and kept.sign_off is None)
    play.sign(SignOffKind.CLEARANCE, "2")
    settle(play)
    assert care.keys() <= {waiting.key for waiting in obligations(play.journey)}


def test_a_refusal_stays_short() -> None:
    for kind in ("holds", "questions before a dose"):
        play = crowd(kind, 400)
        settle(play)
        decided = play.decide(play.command(c.ReleaseSession(session=2), Role.SESSION_MONITOR))
        assert isinstance(decided, Refusal)
        assert len(str(decided)) < 3000


@pytest.mark.parametrize("many", [3, 299, 300, 301, 2000])
def test_what_other_journeys_say_has_room_in_an_event(many: int) -> None:
    play = crowd("holds", many)
    dosed = before("session.release", 3)
    known = next(iter(dosed.journey.doses.values()))
    doses = {
        f"dose-{n}": known.model_copy(update={"id": f"dose-{n}", "taken_at": known.taken_at + timedelta(days=n)})
        for n in range(many)
    }
    there = dosed.journey.model_copy(update={"doses": doses, "holds": play.journey.holds})
    seen = see_elsewhere([there], "other")
    assert sum(dose.dose_mg or 0 for dose in seen.doses) == many * (known.dose_mg or 0)
    assert {(risk.type, risk.what) for risk in seen.risks if risk.open} >= {("hold", "placed_by_hand")}
    here = started()
    taken = take(here, here.command(c.TakeInHistory(elsewhere=seen, position=1), CLOCK))
    assert any(isinstance(event.body, e.HistoryTakenIn) for event in taken)
    assert here.journey.held
    assert all(isinstance(risk, KnownRisk) for risk in seen.risks)
    assert all(isinstance(session, ReleasedSession) for session in seen.released)


def test_an_open_risk_of_a_journey_that_has_ended_is_told_beside_those_of_one_that_runs() -> None:
    """Where there are too many to tell one by one, somebody sees to the one that nobody sees to there."""
    running = crowd("urgent requests", 301).journey
    ended = crowd("urgent requests", 1).journey.model_copy(update={"outcome": Outcome.WITHDRAWN})
    seen = see_elsewhere([running, ended], "other")
    assert {risk.ended for risk in seen.risks} == {True, False}


@pytest.mark.parametrize("urgency", ["emergency", "urgent", "clinical", "routine"])
def test_a_flood_of_requests_is_answered_one_by_one(urgency: str) -> None:
    play = started()
    for _ in range(60):
        ask(urgency)(play)
    assert len([waiting for waiting in obligations(play.journey) if waiting.kind == "support"]) == 60
