"""Steps of an escalation policy: each once however often its time is announced, in working time or at once."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.journey.play import JOURNEY, Play, after, before, ruled, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal

REPETITIONS = 1000


def tick(name: object) -> c.Command:
    return c.Command(command_id=own_id(JOURNEY, f"tick {name}"), actor=CLOCK, body=c.PassDeadline())


def escalations(play: Play) -> Counter[tuple[str, int]]:
    bodies = [event.body for event in play.events]
    return Counter((body.obligation, body.step) for body in bodies if isinstance(body, e.ObligationEscalated))


def told(play: Play) -> Counter[tuple[str, str | None]]:
    return Counter((notice.kind, notice.about) for event in play.events for notice in notices(event))


@pytest.mark.parametrize("ids", ["one id", "ids of their own", "both"])
def test_a_thousand_deliveries_of_a_deadline_take_each_step_once(ids: str) -> None:
    play = before("signoff.sign")
    request = play.request(SignOffKind.EVALUATION).id
    for step in range(4):
        due = next_deadline(play.journey)
        assert due is not None
        play.at = due
        for n in range(REPETITIONS // 4):
            same = ids == "one id" or (ids == "both" and n % 2)
            assert not isinstance(play.take(tick(f"{step}" if same else f"{step}-{n}")), Refusal)
    assert escalations(play) == {(request, step): 1 for step in range(4)}
    assert told(play) == {("remind", request): 2, ("reassign", request): 1, ("escalate", request): 1}
    assert next_deadline(play.journey) is None


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 5))])
def test_a_thousand_deliveries_among_other_commands_take_each_step_once(seed: int) -> None:
    """In any order, late and early, twice and again, while people work on other things."""
    chance, play = random.Random(seed), started()
    play.go_on(lambda journey: any(w.sign_off == SignOffKind.EVALUATION for w in journey.waiting.values()))
    request = play.request(SignOffKind.EVALUATION)
    sent: list[c.Command] = []
    for n in range(REPETITIONS):
        play.at += timedelta(minutes=chance.choice([0, 0, 0, 1, 10, 30]))
        command = tick(n) if not sent or chance.random() < 0.5 else chance.choice(sent)
        sent.append(command)
        assert not isinstance(play.take(command), Refusal)
        if chance.random() < 0.02:
            play.do(c.RequestSupport(urgency="routine", text="hello?"), Role.PATIENT)
        if chance.random() < 0.02:
            play.do(c.Reassign(duty="clinician", to=f"clinician-{n}", reason="x"), Role.COORDINATOR)
    assert play.at > request.steps[-1]
    steps = escalations(play)
    assert {taken for taken in steps if taken[0] == request.id} == {(request.id, step) for step in range(4)}
    assert set(steps.values()) == {1}
    assert told(play)["sign_off_requested", request.id] == 1, "the request itself is told once"
    said = [notice.model_dump_json() for event in play.events for notice in notices(event)]
    assert len(said) == len(set(said))


def test_a_hold_in_between_takes_no_step_again() -> None:
    play = before("signoff.sign")
    play.wait(hours=30)
    taken = escalations(play)
    assert taken
    for n in range(20):
        play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
        play.later(minutes=1)
        play.sign(SignOffKind.HOLD_RELEASE, f"hold-{n + 1}")
        play.clock()
    play.wait(days=10)
    assert set(escalations(play).values()) == {1}
    assert len(escalations(play)) == 4


# Urgent


@pytest.mark.parametrize(
    "reported",
    [
        datetime(2026, 11, 28, 2, 30, tzinfo=UTC),  # Friday evening in the clinic
        datetime(2026, 11, 29, 11, tzinfo=UTC),  # Sunday, at night
        datetime(2026, 12, 25, 20, tzinfo=UTC),  # a holiday
        datetime(2026, 11, 30, 18, tzinfo=UTC),  # a Monday morning
        datetime(2027, 3, 14, 9, 30, tzinfo=UTC),  # half an hour before the clocks go forward
    ],
)
@pytest.mark.parametrize(("grade", "serious"), [(3, False), (4, False), (1, True)])
def test_serious_adverse_event_waits_for_no_opening_hours(reported: datetime, grade: int, serious: bool) -> None:
    play = after("session.end")
    play.at = reported
    because = ("hospitalization",) if serious else ()
    report = c.ReportAdverseEvent(what="x", grade=grade, serious=serious, serious_because=because, onset=play.at)
    play.do(report, Role.PATIENT)
    review = play.request(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert review.deadline - reported == timedelta(hours=4)
    after_report = [(step - reported).total_seconds() / 60 for step in review.steps]
    assert after_report == [2.4, 14.4, 120, 120, 192, 240, 360]


def test_second_review_of_a_serious_event_is_as_urgent_as_the_first() -> None:
    play = started(protocol=ruled(serious_adverse_event={"cosigned_by": ["medical_director"]}))
    play.at = datetime(2026, 11, 29, 11, tzinfo=UTC)
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.PATIENT)
    play.later(minutes=50)
    play.sign_once(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    second = play.request(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert (second.owner, second.deadline) == (Role.MEDICAL_DIRECTOR, play.at + timedelta(hours=4))
    passed = [body for body in play.wait(hours=6) if isinstance(body, e.ObligationEscalated)]
    assert [body.action for body in passed if body.obligation == second.id] == [
        "page", "page", "remind", "remind", "remind", "reassign", "escalate",
    ]  # fmt: skip


# Percent of working time


@pytest.mark.parametrize(
    ("asked", "steps"),
    [
        # Monday at opening: two days of eight hours.
        ("2026-11-23 17:00", ["2026-11-24 01:00", "2026-11-24 21:48", "2026-11-25 01:00", "2026-11-26 01:00"]),
        # Wednesday at one, with a holiday on Thursday and the weekend after Friday.
        ("2026-11-25 21:00", ["2026-11-27 21:00", "2026-11-30 17:48", "2026-11-30 21:00", "2026-12-01 21:00"]),
        # Saturday: as if asked on Monday at opening.
        ("2026-11-28 20:00", ["2026-12-01 01:00", "2026-12-01 21:48", "2026-12-02 01:00", "2026-12-03 01:00"]),
    ],
)
def test_percents_are_of_the_clinics_working_time(asked: str, steps: list[str]) -> None:
    """50, 80, 100 and 150 % of 16 hours; the clinic works from nine to five, eight hours behind UTC."""
    play = started(at=datetime.fromisoformat(f"{asked}+00:00"))
    play.go_on(lambda journey: any(w.sign_off == SignOffKind.EVALUATION for w in journey.waiting.values()))
    request = play.request(SignOffKind.EVALUATION)
    assert request.since == play.at
    assert [f"{step:%Y-%m-%d %H:%M}" for step in request.steps] == steps
    assert f"{request.deadline:%Y-%m-%d %H:%M}" == steps[2]
    passed = [body for body in play.wait(days=20) if isinstance(body, e.ObligationEscalated)]
    assert [body.action for body in passed] == ["remind", "remind", "reassign", "escalate"]


def test_ids_of_repeated_steps_do_not_depend_on_who_delivers_them() -> None:
    """Two deliveries of the same command, on copies of the same state, are the same events: one record, one notice."""
    play = before("signoff.sign")
    play.at = next_deadline(play.journey) or play.at
    here, there = Play(play.journey, play.at), Play(play.journey, play.at)
    command = tick("once")
    assert here.take(command) == there.take(command)
    assert {type(event.event_id) for event in here.events} == {UUID}
