"""What is observed after a dose, how often, and what follows from it."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import checklist, observation, vitals
from tests.journey.correcting import confirm, mark
from tests.journey.play import after, before, one
from tests.journey.stages.sessions.helpers import ending
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


@pytest.mark.parametrize(
    ("baseline", "seen", "changed", "alert"),
    [
        ((120, 75), (158, 90), {}, "none"),
        ((120, 75), (159, 99), {}, "none"),
        ((120, 75), (161, 85), {}, "notify"),
        ((120, 75), (160, 85), {}, "notify"),
        ((110, 75), (150, 80), {}, "notify"),
        ((130, 70), (135, 95), {}, "notify"),
        ((140, 90), (150, 100), {}, "notify"),
        ((120, 75), (182, 95), {}, "emergency"),
        ((120, 75), (180, 95), {}, "emergency"),
        ((120, 75), (150, 120), {}, "emergency"),
        ((120, 75), (90, 50), {}, "none"),
        ((120, 75), (89, 60), {}, "notify"),
        ((120, 75), (95, 49), {}, "notify"),
        ((120, 75), (80, 40), {}, "notify"),
        ((120, 75), (79, 60), {}, "emergency"),
        ((120, 75), (90, 39), {}, "emergency"),
        ((120, 75), (68, 38), {}, "emergency"),
        ((130, 80), (130, 80), {"red_flags": ("chest_pain",)}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "unresponsive"}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "pain"}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "voice"}, "none"),
        ((130, 80), (130, 80), {"breathing_normal": False}, "emergency"),
        ((130, 80), (130, 80), {"cadss": (4, 4, 4, 4, 2, 2)}, "notify"),
        ((130, 80), (130, 80), {"cadss": (2, 2, 2, 2, 2, 2)}, "none"),
    ],
)
def test_observations_after_the_dose(
    baseline: tuple[int, int], seen: tuple[int, int], changed: dict[str, Any], alert: str
) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": vitals(play.at, *baseline)})
    play.do(form, Role.SESSION_MONITOR)
    play.go_on(lambda journey: journey.sessions[1].dosed_at is not None)
    play.later(minutes=40)
    observed = observation(play.journey, 1, 40, play.at).model_copy(
        update={"vitals": vitals(play.at, *seen), "cadss": None, **changed}
    )
    bodies = play.do(observed, Role.OBSERVER)
    assert one(bodies, e.SessionObserved).alert == alert
    if alert == "emergency":
        hold = one(bodies, e.HoldPlaced)
        assert (hold.cause, hold.severe, hold.source) == ("adverse_event", True, "adverse-event-1")
    else:
        assert [hold.cause for hold in play.journey.holds.values()] == ["session_alert"] * (alert == "notify")
    support = play.waits_for("support")
    assert (support is not None and support.owner == Role.ON_CALL_CLINICIAN) is (alert == "notify")


@pytest.mark.parametrize(
    ("heart_rate", "oxygen", "alert"),
    [
        (120, 98, "none"),
        (121, 98, "notify"),
        (50, 98, "none"),
        (49, 98, "notify"),
        (40, 98, "notify"),
        (39, 98, "emergency"),
        (34, 98, "emergency"),
        (80, 94, "none"),
        (80, 93, "notify"),
        (80, 91, "notify"),
        (80, 90, "notify"),
        (80, 89, "emergency"),
    ],
)
def test_heart_rate_and_oxygen_after_the_dose(heart_rate: int, oxygen: int, alert: str) -> None:
    play = after("session.dose").later(minutes=40)
    measured = vitals(play.at).model_copy(update={"heart_rate": heart_rate, "oxygen": oxygen})
    observed = observation(play.journey, 1, 40, play.at).model_copy(update={"vitals": measured})
    assert one(play.do(observed, Role.SESSION_MONITOR), e.SessionObserved).alert == alert


def test_observation_belongs_to_a_running_session_and_its_past() -> None:
    play = after("session.dose").later(minutes=15)
    seen = observation(play.journey, 1, 15, play.at)
    play.refused(
        seen.model_copy(update={"minute": 16}), Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="minute"
    )
    play.do(seen, Role.SESSION_MONITOR)
    odd = seen.model_copy(update={"red_flags": ("bad_mood",)})
    kept = one(play.do(odd, Role.SESSION_MONITOR), e.SessionObserved)
    assert (kept.alert, len(kept.not_understood)) == ("emergency", 1)
    not_yet = before("session.dose")
    not_yet.refused(
        observation(not_yet.journey, 1, 0, not_yet.at),
        Role.SESSION_MONITOR,
        code=RefusalCode.WRONG_TIME,
        field="session",
    )


@pytest.mark.parametrize("first", ["emergency", "ordinary"])
def test_observation_of_the_same_minute_is_added_and_the_worst_counts(first: str) -> None:
    play = after("session.dose").later(minutes=40)
    ordinary = observation(play.journey, 1, 40, play.at)
    worse = ordinary.model_copy(update={"consciousness": "unresponsive"})
    for seen in (worse, ordinary) if first == "emergency" else (ordinary, worse):
        play.do(seen, Role.OBSERVER)
    session = play.journey.sessions[1]
    assert sorted(seen.alert for seen in session.observations) == ["emergency", "none"]
    assert session.last_observations == session.observations
    assert play.journey.held


def test_corrected_observation_stays_beside_the_wrong_one() -> None:
    play = after("session.dose").later(minutes=40)
    right = observation(play.journey, 1, 40, play.at)
    play.do(right.model_copy(update={"breathing_normal": False}), Role.OBSERVER)
    play.do(c.Amend(version=play.version_of("session.observed"), reason="wrong box", correction=right))
    assert [seen.breathing_normal for seen in play.journey.sessions[1].observations] == [False, True]
    assert play.journey.held


@pytest.mark.requirement("A29")
def test_late_observation_covers_none_that_was_missed() -> None:
    play = after("session.dose")
    play.later(minutes=120)
    play.do(observation(play.journey, 1, 120, play.at), Role.SESSION_MONITOR)
    assert play.waits_for("observation", "1-15") is not None
    assert play.waits_for("observation", "1-40") is not None
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says="15, 40 min")
    missed = c.MissObservation(session=1, minute=15, reason="the connection was lost")
    play.do(missed, Role.SESSION_MONITOR)
    play.refused(missed, Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)
    play.do(missed.model_copy(update={"minute": 40}), Role.OBSERVER)
    assert dict(play.journey.sessions[1].missed) == {15: missed.reason, 40: missed.reason}
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize(
    ("minute", "entered", "changed", "makes"),
    [
        (40, 40, {}, 40),
        (30, 30, {}, 40),
        (50, 50, {}, 40),
        (51, 51, {}, None),
        (29, 29, {}, None),
        (40, 70, {}, 40),
        (40, 71, {}, None),
        (40, 120, {}, None),
        (40, 40, {"vitals": None}, None),
        (15, 15, {"vitals": None}, 15),
    ],
)
@pytest.mark.requirement("A29")
def test_observation_is_made_near_its_minute_in_time_and_with_what_is_measured_then(
    minute: int, entered: int, changed: dict[str, Any], makes: int | None
) -> None:
    play = after("session.dose")
    play.later(minutes=entered)
    then = {"vitals": vitals(play.dosed_at() + timedelta(minutes=minute))}
    seen = observation(play.journey, 1, minute, play.at).model_copy(update={**then, **changed})
    assert one(play.do(seen, Role.OBSERVER), e.SessionObserved).scheduled == makes
    left = play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes)
    assert makes is None or makes not in left


def test_observation_is_not_missed_before_its_time_nor_where_none_is_scheduled() -> None:
    play = after("session.dose")
    play.later(minutes=50)
    missed = c.MissObservation(session=1, minute=40, reason="why")
    play.refused(missed, Role.OBSERVER, code=RefusalCode.WRONG_TIME, field="minute")
    play.later(seconds=1)
    play.do(missed, Role.OBSERVER)
    play.refused(
        missed.model_copy(update={"minute": 41}), Role.OBSERVER, code=RefusalCode.UNKNOWN, field="minute", says="no obs"
    )


@pytest.mark.requirement("A29")
@pytest.mark.parametrize(
    ("by", "changed", "entered", "makes"),
    [
        (Role.OBSERVER, {}, 0, True),
        (Role.COORDINATOR, {}, 30, True),
        (Role.OBSERVER, {}, 31, False),
        (Role.PATIENT, {}, 0, False),
        (Role.OBSERVER, {"breathing_normal": None}, 0, False),
        (Role.OBSERVER, {"vitals": None}, 0, False),
    ],
)
def test_a_look_that_is_told_beside_the_session_makes_its_minute(
    by: Role, changed: dict[str, Any], entered: int, makes: bool
) -> None:
    play = after("session.dose").later(minutes=40)
    told = {
        "seen_at": play.at,
        "consciousness": "alert",
        "breathing_normal": True,
        "vitals": vitals(play.at),
        **changed,
    }
    play.later(minutes=entered)
    play.do(c.RecordObservation.model_validate(told), by)
    assert (play.waits_for("observation", "1-40") is None) is makes
    missed = c.MissObservation(session=1, minute=40, reason="x")
    play.at = max(play.at, play.dosed_at() + timedelta(minutes=71))
    if makes:
        play.refused(missed, Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)
        mark(play, "observation.recorded")
        confirm(play)
        assert play.waits_for("observation", "1-40"), "nobody looked"
    else:
        play.do(missed, Role.SESSION_MONITOR)
        looked = by != Role.PATIENT and "breathing_normal" not in changed
        assert (play.waits_for("observation", "1-40") is None) is looked, "to say why nobody looked is no look"


def test_fast_pulse_is_an_emergency() -> None:
    play = after("session.dose")
    play.later(minutes=15)
    seen = observation(play.journey, 1, 15, play.at)
    for rate, alert in ((120, "none"), (121, "notify"), (150, "notify"), (151, "emergency")):
        assert seen.vitals is not None
        faster = seen.model_copy(update={"vitals": seen.vitals.model_copy(update={"heart_rate": rate})})
        assert one(play.do(faster, Role.OBSERVER), e.SessionObserved).alert == alert


def test_missed_observation_climbs_to_emergency_services_and_holds() -> None:
    play = after("session.dose")
    taken = [
        (body.action, body.to, body.alarm)
        for body in play.wait(minutes=45)
        if isinstance(body, e.ObligationEscalated) and body.obligation == "observation:1-15"
    ]
    assert taken == [
        ("ask", Role.SESSION_MONITOR, False),
        ("call_observer", Role.SESSION_MONITOR, True),
        ("page", Role.ON_CALL_CLINICIAN, True),
        ("emergency_services", Role.ON_CALL_CLINICIAN, True),
    ]
    assert play.journey.held
    assert play.waits_for("observation", "1-15") is not None
