"""Observations of a running session: what is worse is never answered with less."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import observation, vitals
from tests.journey.play import after, before, standing
from workflows.journey import commands as c
from workflows.journey.stages.sessions.observing import judge_observation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

ALERTS = ("none", "notify", "emergency")
CONSCIOUSNESS = ("alert", "voice", "pain", "unresponsive")
DOSED = after("session.dose")
WATCHED = before("session.end")
RULES = DOSED.journey.protocol.sessions.vitals
MIDDLE = {name: int(getattr(RULES, name).go[0]) for name in ("systolic", "diastolic", "heart_rate")}
"""Below these values a vital sign is worse the lower it is, above them the higher it is."""


@st.composite
def worsened(draw: st.DrawFn) -> tuple[c.Observe, c.Observe]:
    """Make two observations of which the second one is at least as bad in every respect."""
    milder: dict[str, Any] = {}
    worse: dict[str, Any] = {}
    for name, (lowest, highest) in {"systolic": (30, 300), "diastolic": (10, 250), "heart_rate": (10, 300)}.items():
        lower, higher = sorted((draw(st.integers(lowest, highest)), draw(st.integers(lowest, highest))))
        falls = higher <= MIDDLE[name]
        milder[name], worse[name] = (higher, lower) if falls else (max(lower, MIDDLE[name]), higher)
    worse["oxygen"], milder["oxygen"] = sorted((draw(st.integers(30, 100)), draw(st.integers(30, 100))))
    alertness = sorted((draw(st.integers(0, 3)), draw(st.integers(0, 3))))
    flags = draw(st.sets(st.sampled_from(DOSED.journey.protocol.sessions.red_flags), max_size=2))
    breathes = draw(st.booleans())
    ratings = [(draw(st.integers(0, 4)), draw(st.integers(0, 4))) for _ in range(6)]
    seen = observation(DOSED.journey, 1, 40, DOSED.at)
    assert seen.vitals is not None
    return (
        seen.model_copy(
            update={
                "vitals": seen.vitals.model_copy(update=milder),
                "consciousness": CONSCIOUSNESS[alertness[0]],
                "breathing_normal": breathes or draw(st.booleans()),
                "cadss": tuple(min(pair) for pair in ratings),
                "red_flags": tuple(sorted(flags))[:1] if draw(st.booleans()) else (),
            }
        ),
        seen.model_copy(
            update={
                "vitals": seen.vitals.model_copy(update=worse),
                "consciousness": CONSCIOUSNESS[alertness[1]],
                "breathing_normal": breathes,
                "cadss": tuple(max(pair) for pair in ratings),
                "red_flags": tuple(sorted(flags)),
            }
        ),
    )


@given(worsened())
def test_what_is_worse_is_never_answered_with_less(pair: tuple[c.Observe, c.Observe]) -> None:
    milder, worse = (judge_observation(DOSED.journey, command, DOSED.at) for command in pair)
    assert ALERTS.index(milder.alert) <= ALERTS.index(worse.alert)


@given(st.data())
@pytest.mark.requirement("A29")
def test_a_session_ends_with_every_scheduled_minute_made_or_missed(data: st.DataObject) -> None:
    """Whatever is observed, left out and answered, in whatever order: a session ends with each scheduled minute made or
    missed with why, nothing recorded is gone, and what was computed agrees with what was observed."""
    begun = data.draw(st.sampled_from([DOSED, WATCHED]))
    play = standing(begun.journey, begun.at, "PTSD")
    rules, recorded = play.journey.protocol.sessions, len(begun.journey.sessions[1].observations)
    for _ in range(data.draw(st.integers(1, 14))):
        play.at += timedelta(minutes=data.draw(st.sampled_from([0, 1, 9, 15, 25, 40, 80, 240])))
        now = int((play.at - play.dosed_at()) / timedelta(minutes=1))
        minute = data.draw(st.sampled_from([now, *rules.observe_minutes]))
        seen = observation(play.journey, 1, minute, play.at).model_copy(
            update={
                "consciousness": data.draw(st.sampled_from(["alert", "alert", "voice", "unresponsive"])),
                "vomiting": data.draw(st.sampled_from([False, False, True])),
                "vitals": data.draw(
                    st.sampled_from([None, vitals(play.at), vitals(play.at), vitals(play.at, 165, 95)])
                ),
                "cadss": data.draw(st.sampled_from([None, (1, 0, 0, 0, 0, 0), (4, 4, 0, 0, 0, 0)])),
            }
        )
        missed = c.MissObservation(session=1, minute=minute or 15, reason="the connection was lost")
        answers = data.draw(st.dictionaries(st.sampled_from(rules.release_criteria), st.booleans()))
        criteria = dict.fromkeys(rules.release_criteria, True) | answers
        decision = data.draw(st.sampled_from([None, "goes to the hospital"]))
        ending = c.EndSession(session=1, criteria=criteria, clinician_decision=decision)
        body: c.CommandBody = data.draw(st.sampled_from([seen, seen, missed, missed, ending]))
        taken = play.take(play.command(body, Role.CLINICIAN))
        session = play.journey.sessions[1]
        recorded += isinstance(body, c.Observe) and not isinstance(taken, Refusal)
        assert len(session.observations) == recorded
        if session.ended_at is None:
            continue
        assert not session.awaited(rules.observe_minutes)
        assert all(session.missed.values())
        last = session.last_observations
        if any(each.consciousness != "alert" for each in last):
            assert not session.criteria["oriented"]
        measured = [each.vitals for each in last if each.vitals is not None]
        if session.criteria["vitals_within_rule"] and measured:
            assert all(each.systolic <= rules.vitals.systolic.go[1] for each in measured)
        if decision is None:
            assert all(session.criteria.values())
            assert measured or len(session.observations) > 1
        break
