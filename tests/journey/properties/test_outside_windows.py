"""Nothing is done before its time or after it: evidence, observations, visits and doses at any moment, inside their
windows and outside them, are refused, or kept as what they are, and never counted."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from simulation.people import observation
from tests.journey.play import Play, after, before, one
from tests.journey.properties.test_windows import FOLLOWING
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.pregnancy.model import PregnancyTest
from workflows.journey.instruments import C_SSRS_FORMS
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

READY = before("session.release")
RUNNING = after("session.dose")
RELEASED = after("session.release")
RULES = READY.journey.protocol
OLD: dict[str, tuple[timedelta, str, Callable[[Journey, timedelta], dict[str, object]]]] = {
    "screening": (
        timedelta(days=RULES.eligibility.screening_valid_days),
        "the screening has expired",
        lambda journey, age: {"screening": journey.screening.model_copy(update={"completed_at": READY.at - age})},
    ),
    "C-SSRS": (
        timedelta(days=RULES.instruments.suicide_risk_valid_days),
        "the C-SSRS is too old",
        lambda journey, age: {
            "measurements": tuple(
                m.model_copy(update={"at": READY.at - age}) if m.instrument in C_SSRS_FORMS else m
                for m in journey.measurements
            )
        },
    ),
    "checklist": (
        timedelta(hours=RULES.sessions.checklist_max_age_hours),
        "the checklist is too old",
        lambda journey, age: checked(journey, at=READY.at - age),
    ),
    "vital signs": (
        timedelta(minutes=RULES.sessions.vitals.max_age_minutes),
        "the vitals are too old",
        lambda journey, age: measured(journey, age),
    ),
    "monitoring program": (
        timedelta(days=RULES.permissions.monitoring_check_valid_days),
        "the check of the monitoring program is too old",
        lambda journey, age: {
            "monitoring_check": journey.monitoring_check
            and journey.monitoring_check.model_copy(update={"checked_at": READY.at - age})
        },
    ),
    "pregnancy test": (
        timedelta(days=RULES.pregnancy.tests_valid_days or 0),
        "the pregnancy test is too old",
        lambda _, age: {
            "pregnancy_possible": True,
            "pregnancy_tests": (PregnancyTest(taken_at=READY.at - age, result="negative"),),
        },
    ),
}
"""What a dose rests on: how long it counts, what the gate says then, and how a journey has it of some age."""


def checked(journey: Journey, **changed: object) -> dict[str, object]:
    session = journey.sessions[1]
    assert session.check is not None
    check = session.check.model_copy(update=changed)
    return {"sessions": {**journey.sessions, 1: session.model_copy(update={"check": check})}}


def measured(journey: Journey, age: timedelta) -> dict[str, object]:
    check = journey.sessions[1].check
    assert check is not None
    return checked(journey, vitals=check.vitals.model_copy(update={"measured_at": READY.at - age}))


PARTS_OF_ITS_TIME = st.sampled_from([0.0, 0.5, 0.999, 1.0, 1.001, 2.0]) | st.floats(0, 3, allow_nan=False)


@given(st.fixed_dictionaries(dict.fromkeys(OLD, PARTS_OF_ITS_TIME)))
def test_evidence_of_any_age_carries_a_dose_only_in_its_time(ages: dict[str, float]) -> None:
    journey = READY.journey
    for part, share in ages.items():
        lasts, _, aged = OLD[part]
        journey = journey.model_copy(update=aged(journey, lasts * share))
    found = dose_gate(journey, 1, READY.at)
    for part, share in ages.items():
        lasts, says, _ = OLD[part]
        assert (says in found) is (lasts * share > lasts), part


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_observation_makes_what_is_scheduled_only_near_its_minute_and_entered_in_time(now: int, minute: int) -> None:
    play = Play(RUNNING.journey, RUNNING.at, receipts=dict(RUNNING.receipts))
    dosed = play.dosed_at()
    play.at = dosed + timedelta(minutes=now)
    rules = play.journey.protocol.sessions
    body = observation(play.journey, 1, minute, dosed + timedelta(minutes=minute))
    decided = play.take(play.command(body, Role.SESSION_MONITOR))
    if minute > now:
        assert isinstance(decided, Refusal)
        return
    assert not isinstance(decided, Refusal), str(decided)
    seen = one([event.body for event in decided], e.SessionObserved)
    assert play.journey.sessions[1].observations[-1].minute == minute, "nothing that was said is lost"
    if seen.scheduled is not None:
        assert abs(seen.scheduled - minute) <= rules.observe_window_minutes
        assert now <= minute + rules.observe_entry_minutes
    near = [each for each in rules.observe_minutes if abs(each - minute) <= rules.observe_window_minutes]
    if near and now <= minute + rules.observe_entry_minutes:
        assert seen.scheduled in near


@given(st.integers(-60 * 24, 60 * 24 * 100), st.integers(-60 * 24 * 3, 60 * 24 * 100))
def test_a_visit_is_moved_only_inside_its_window_and_missed_only_once_it_opened(now: int, to: int) -> None:
    visits = [k for k in FOLLOWING.journey.contacts.values() if k.open and k.type == "follow_up_visit"]
    visit = visits[now % len(visits)]
    play = Play(FOLLOWING.journey, FOLLOWING.at + timedelta(minutes=max(0, now)), receipts=dict(FOLLOWING.receipts))
    moment = play.at + timedelta(minutes=to)
    moved = play.decide(play.command(c.MoveVisit(visit=visit.id, to=moment, reason="x"), Role.COORDINATOR))
    assert isinstance(moved, Refusal) is not (play.at <= moment and visit.opens <= moment <= visit.closes)
    absent = play.decide(play.command(c.RecordNoShow(visit=visit.id, tried="x"), Role.COORDINATOR))
    assert isinstance(absent, Refusal) is (play.at < visit.opens)


@given(st.integers(-120, 240), st.integers(0, 240))
def test_a_dose_counts_as_released_only_in_the_time_of_its_release(taken: int, told: int) -> None:
    """Taken before the release or long after it, or told when it is over: on record, and never as released."""
    play = Play(RELEASED.journey, RELEASED.at, receipts=dict(RELEASED.receipts))
    session, plan = play.journey.sessions[1], play.journey.plan
    assert session.released_at is not None
    assert plan is not None
    when = session.released_at + timedelta(minutes=taken)
    play.at = max(when, play.at) + timedelta(minutes=told)
    body = c.RecordDose(session=1, dose_mg=plan.dose_mg, route=plan.route, taken_at=when, doses_left=1)
    dose = one(play.do(body, Role.OBSERVER), e.DoseRecorded)
    lasts = timedelta(minutes=play.journey.protocol.sessions.release_minutes)
    if dose.released:
        assert session.released_at <= when <= play.at <= session.released_at + lasts
    assert dose.taken_at in [known.taken_at for known in play.journey.known_doses]
