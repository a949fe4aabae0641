"""Worse is never answered with less: pairs of findings, through `decide`, with nobody acting for days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist, observation, vitals
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import SAID_HERE, Play, after, before, standing
from tests.journey.properties.test_observing import worsened
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.severity import SEVERITIES

LONG = timedelta(days=6)
"""Longer than any escalation policy of a finding takes to its last step."""
LEVELS = ("nn---n-", "yn---n-", "yyynnn-", "yyyynn-")
"""C-SSRS answers of no, low, moderate and high risk."""

RUNNING = after("session.dose")
RUNNING.later(minutes=40)
RELEASED = before("session.dose")
SETTLED = after("session.end")
ASKED = before("check-in.complete")


@dataclass(frozen=True)
class Telling:
    """When somebody in a role is told of a finding, and whether by an alarm."""

    to: Role
    alarm: bool
    at: datetime


@dataclass(frozen=True)
class Response:
    """All that a finding brings about while nobody acts: whom it tells when, when care is held, and how often what is
    left of it rings."""

    told: tuple[Telling, ...]
    held: bool
    severe: bool
    rings: int | None

    def first(self, role: Role, *, alarm: bool) -> datetime | None:
        """When this role is told first, or alarmed first."""
        return min((each.at for each in self.told if each.to == role and (each.alarm or not alarm)), default=None)


def respond(start: Play, command: c.CommandBody, by: Role) -> Response:
    """What a finding brings about. What was awaited before it is left out, for it would hide a difference."""
    play = standing(start.journey, start.at, "PTSD")
    known, holds = dict(play.journey.waiting), dict(play.journey.holds)
    play.do(command, by)
    told = [
        Telling(n.to, n.alarm, play.at) for event in play.events for n in notices(event) if n.kind != "crisis_contacts"
    ]
    new = [name for name in play.journey.waiting if name not in known]
    placed = [hold for hold in play.journey.holds.values() if hold.id not in holds]
    steps = play.later(days=LONG.days).clock()
    told += [
        Telling(body.to, body.alarm, body.due)
        for body in steps
        if isinstance(body, e.ObligationEscalated) and body.obligation in new
    ]
    ringing = [waiting.repeat_minutes for waiting in play.journey.waiting.values() if waiting.id in new]
    return Response(
        tuple(told),
        bool(placed),
        any(hold.severe for hold in placed),
        min((minutes for minutes in ringing if minutes), default=None),
    )


@cache
def notified() -> Response:
    """What a reading brings about that somebody must be notified of."""
    return respond(RUNNING, NOTIFIED, Role.OBSERVER)


def assert_at_least(milder: Response, worse: Response) -> None:
    """Whoever hears of the milder hears of the worse, at the latest at that time, by alarm where the milder alarms."""
    for alarm in (False, True):
        for role in Role:
            hears, must_hear = worse.first(role, alarm=alarm), milder.first(role, alarm=alarm)
            if must_hear is not None:
                assert hears is not None, f"{role} hears nothing of the worse ({alarm=})"
                assert hears <= must_hear, f"{role} hears of the worse {hears - must_hear} later ({alarm=})"
    assert worse.held >= milder.held
    assert worse.severe >= milder.severe
    if milder.rings is not None:
        assert worse.rings is not None, "the worse falls silent"
        assert worse.rings <= milder.rings, "the worse rings less often"


@given(worsened())
def test_observations(pair: tuple[c.Observe, c.Observe]) -> None:
    at = RUNNING.at
    milder, worse = (
        command.model_copy(update={"vitals": vitals(at).model_copy(update=_values(command))}) for command in pair
    )
    assert_at_least(respond(RUNNING, milder, Role.SESSION_MONITOR), respond(RUNNING, worse, Role.SESSION_MONITOR))


def _values(command: c.Observe) -> dict[str, object]:
    assert command.vitals is not None
    return {name: value for name, value in command.vitals if name != "measured_at"}


@st.composite
def _doses(draw: st.DrawFn) -> tuple[tuple[bool, c.RecordDose], tuple[bool, c.RecordDose]]:
    """Two doses of which the second is of at least as much, and not released if the first was not."""
    plan = RELEASED.journey.plan
    assert plan is not None
    # A smaller dose than planned is another finding, and not a milder one.
    times = sorted(draw(st.sampled_from([1.0, 1.05, 1.1, 2.0]) | st.floats(1, 20)) for _ in range(2))
    released = sorted((draw(st.booleans()), draw(st.booleans())), reverse=True)
    other = sorted((draw(st.booleans()), draw(st.booleans())))
    doses = [
        c.RecordDose(
            session=1, dose_mg=plan.dose_mg * much, route="oral" if by_another else plan.route, taken_at=RELEASED.at
        )
        for much, by_another in zip(times, other, strict=True)
    ]
    return (released[0], doses[0]), (released[1], doses[1])


def _released(released: bool) -> Play:
    session = RELEASED.journey.sessions[1]
    return RELEASED.changed(sessions={1: session if released else session.model_copy(update={"released_at": None})})


@given(st.tuples(st.floats(0.25, 20), st.floats(0.25, 20)).map(sorted), st.sampled_from([None, 1, 9]))
def test_doses_outside_a_session(times: Sequence[float], session: int | None) -> None:
    """Between sessions, in one that is over, or in one that nobody planned: any amount, or one that nobody knows."""
    plan = SETTLED.journey.plan
    assert plan is not None
    taken = c.RecordDose(session=session, route=plan.route, taken_at=SETTLED.at - timedelta(minutes=5))
    milder, worse = (
        respond(SETTLED, taken.model_copy(update={"dose_mg": plan.dose_mg * much}), Role.PATIENT) for much in times
    )
    assert_at_least(milder, worse)
    assert_at_least(respond(SETTLED, taken, Role.PATIENT), worse)


@given(st.tuples(st.floats(0.25, 20), st.floats(0.25, 20)).map(sorted))
def test_a_second_dose_in_a_session(times: Sequence[float]) -> None:
    plan = RUNNING.journey.plan
    assert plan is not None
    dose = c.RecordDose(session=1, route=plan.route, taken_at=RUNNING.at)
    milder, worse = (
        respond(RUNNING, dose.model_copy(update={"dose_mg": plan.dose_mg * much}), Role.OBSERVER) for much in times
    )
    assert_at_least(milder, worse)
    assert_at_least(notified(), milder)


@given(_doses())
def test_doses(pair: tuple[tuple[bool, c.RecordDose], tuple[bool, c.RecordDose]]) -> None:
    milder, worse = (respond(_released(released), dose, Role.SESSION_MONITOR) for released, dose in pair)
    assert_at_least(milder, worse)


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)).map(sorted),
    st.tuples(st.booleans(), st.booleans()).map(sorted),
    st.booleans(),
)
def test_adverse_events(grades: Sequence[int], serious: Sequence[bool], said: bool) -> None:
    """Whoever says why an event is serious says that it is, also where they answered that it is not (``said``)."""
    milder, worse = (
        respond(
            SETTLED,
            c.ReportAdverseEvent(
                what="x",
                grade=grade,
                serious=is_serious and said,
                serious_because=("hospitalization",) if is_serious else (),
                onset=SETTLED.at,
            ),
            Role.PATIENT,
        )
        for grade, is_serious in zip(grades, serious, strict=True)
    )
    assert_at_least(milder, worse)


@pytest.mark.parametrize(("milder", "worse"), [(a, b) for n, a in enumerate(LEVELS) for b in LEVELS[n:]])
def test_suicide_risk(milder: str, worse: str) -> None:
    found = [
        respond(
            SETTLED,
            c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs(marks)),
            Role.CLINICIAN,
        )
        for marks in (milder, worse)
    ]
    assert_at_least(*found)


def item_9(answer: int | None) -> Response:
    asked = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="self", answers=[0] * 8 + [answer])
    return respond(SETTLED, asked, Role.PATIENT)


@pytest.mark.parametrize("answer", [1, 2, 3, None])
def test_item_9(answer: int | None) -> None:
    assert_at_least(item_9(0), item_9(answer))


ANSWERS = [(how, rating) for how in ("well", "unwell") for rating in (0, 8, 9, 10)]
"""How a patient feels at a check-in, and how high they rate their symptoms; each half rising."""


@pytest.mark.parametrize(
    ("milder", "worse"), [(a, b) for a, b in product(ANSWERS, ANSWERS) if a != b and a[0] >= b[0] and a[1] <= b[1]]
)
def test_the_answers_to_a_check_in(milder: tuple[str, int], worse: tuple[str, int]) -> None:
    assert_at_least(answered(*milder), answered(*worse))


@cache
def answered(how: str, rating: int) -> Response:
    return respond(
        ASKED,
        c.CompleteCheckIn.model_validate(
            {
                "check_in": "check-in-1-4h",
                "feeling": how,
                "side_effects": "x",
                "symptoms": dict.fromkeys(ASKED.journey.protocol.symptoms.names, rating),
                "location": SAID_HERE,
            }
        ),
        Role.PATIENT,
    )


@given(st.tuples(st.sampled_from(SEVERITIES), st.sampled_from(SEVERITIES)))
def test_calls_for_help(urgencies: Sequence[str]) -> None:
    milder, worse = (
        respond(SETTLED, c.RequestSupport.model_validate({"urgency": urgency, "text": "x"}), Role.PATIENT)
        for urgency in sorted(urgencies, key=SEVERITIES.index)
    )
    assert_at_least(milder, worse)


# Findings of different kinds

NOTIFIED = observation(RUNNING.journey, 1, 40, RUNNING.at).model_copy(
    update={"vitals": vitals(RUNNING.at, 161, 85), "cadss": None}
)
GRADE_4 = c.ReportAdverseEvent(what="x", grade=4, serious=False, onset=RUNNING.at)
HIGH = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("yyyynn-"))


@pytest.mark.parametrize(
    ("worse", "by"),
    [
        (NOTIFIED.model_copy(update={"consciousness": "unresponsive"}), Role.OBSERVER),
        (NOTIFIED.model_copy(update={"red_flags": ("seizure",), "vitals": None}), Role.OBSERVER),
        (GRADE_4, Role.OBSERVER),
        (HIGH, Role.CLINICIAN),
    ],
)
def test_what_is_about_life_reaches_everybody_whom_a_reading_reaches(worse: c.CommandBody, by: Role) -> None:
    assert_at_least(notified(), respond(RUNNING, worse, by))


def test_a_tenfold_dose_reaches_everybody_whom_a_reading_reaches() -> None:
    plan = RELEASED.journey.plan
    assert plan is not None
    tenfold = c.RecordDose(session=1, dose_mg=plan.dose_mg * 10, route=plan.route, taken_at=RELEASED.at)
    reading, overdose = notified(), respond(RELEASED, tenfold, Role.OBSERVER)
    shifted = tuple(Telling(t.to, t.alarm, t.at + (RUNNING.at - RELEASED.at)) for t in overdose.told)
    assert_at_least(reading, Response(shifted, overdose.held, overdose.severe, overdose.rings))


CHECKED = before("session.check", 2)


@given(st.integers(60, 220), st.integers(30, 140), st.none() | st.integers(35, 160), st.none() | st.integers(85, 100))
def test_vital_signs_before_a_dose_are_told_as_an_observation_of_them(
    systolic: int, diastolic: int, heart_rate: int | None, oxygen: int | None
) -> None:
    """Nobody is less ill for being measured before a dose. What may be measured again holds nothing, and no dose is
    released before somebody has answered."""
    measured = {"systolic": systolic, "diastolic": diastolic, "heart_rate": heart_rate, "oxygen": oxygen}
    signs = vitals(CHECKED.at).model_copy(update=measured)
    form = checklist(CHECKED.journey, 2, CHECKED.at).model_copy(update={"vitals": signs})
    seen = c.RecordObservation(seen_at=CHECKED.at, vitals=signs)
    told, before_dose = (respond(CHECKED, body, Role.SESSION_MONITOR) for body in (seen, form))
    again = replace(told, held=told.held and before_dose.held)
    assert_at_least(again, before_dose)
    if told.held:
        play = standing(CHECKED.journey, CHECKED.at, "PTSD")
        play.do(form, Role.SESSION_MONITOR)
        assert dose_gate(play.journey, 2, play.at)


# It goes on until it is settled

EMERGENCIES: list[tuple[Play, c.CommandBody, str]] = [
    (RUNNING, NOTIFIED.model_copy(update={"consciousness": "unresponsive"}), "alarm:adverse-event-1"),
    (RUNNING, GRADE_4, "alarm:adverse-event-1"),
    (RUNNING, HIGH, "crisis:crisis-1"),
    (RUNNING, c.RequestSupport(urgency="emergency", text="x"), "support:support-1"),
]


MOVES = ("wait", "outage", "acknowledge", "hold", "fail", "return", "withdraw", "hand")


@given(st.integers(0, len(EMERGENCIES) - 1), st.data())
def test_an_emergency_rings_until_it_is_acknowledged_and_settled(number: int, data: st.DataObject) -> None:
    """Whatever is done short of settling it, a next step is near, and never in the past."""
    start, command, name = EMERGENCIES[number]
    play = standing(start.journey, start.at, "PTSD")
    play.do(command, Role.CLINICIAN)
    for _ in range(data.draw(st.integers(1, 8))):
        match data.draw(st.sampled_from(MOVES)):
            case "wait":
                play.wait(minutes=data.draw(st.integers(0, 90)))
            case "outage":
                play.later(hours=data.draw(st.integers(1, 200))).clock()
            case "acknowledge":
                play.do(c.AcknowledgeAlarm(obligation=name, doing="x"), Role.ON_CALL_CLINICIAN)
            case "hold":
                play.do(c.PlaceHold(reason="x"), Role.PATIENT)
            case "fail" if "crisis-1" in play.journey.crises:
                tried = c.RecordCrisisContact(crisis="crisis-1", reached=False, assessment="x", safety_plan=False)
                play.do(tried, Role.ON_CALL_CLINICIAN)
            case "return" if play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1"):
                review = SignOffKind.SERIOUS_ADVERSE_EVENT
                play.sign(review, "adverse-event-1", by=Role.ON_CALL_CLINICIAN, decision="return")
            case "withdraw" if play.journey.closing is None:
                play.do(c.Withdraw(), Role.PATIENT)
            case "hand":
                play.do(c.Reassign(duty="clinician", to=f"clinician-{len(play.events)}", reason="x"), Role.COORDINATOR)
        waiting = play.journey.waiting[name]
        slowest = play.journey.protocol.escalation_policies["emergency"].acknowledged[-1].repeat_minutes
        assert waiting.repeat_minutes is not None
        assert waiting.next_step is not None
        assert slowest is not None
        assert play.at <= waiting.next_step <= play.at + timedelta(minutes=slowest)
