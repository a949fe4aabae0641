"""Observations of a running session: what is worse is never answered with less."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulation.people import observation
from tests.journey.play import after
from workflows.journey import commands as c
from workflows.journey.stages.sessions.observing import observed

ALERTS = ("none", "notify", "emergency")
CONSCIOUSNESS = ("alert", "voice", "pain", "unresponsive")
DOSED = after("session.dose")
RULES = DOSED.journey.protocol.sessions.vitals
MIDDLE = {name: int(getattr(RULES, name).go[0]) for name in ("systolic", "diastolic", "heart_rate")}
"""Below these values a vital sign is worse the lower it is, above them the higher it is."""


@st.composite
def _worsened(draw: st.DrawFn) -> tuple[c.Observe, c.Observe]:
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


@given(_worsened())
def test_what_is_worse_is_never_answered_with_less(pair: tuple[c.Observe, c.Observe]) -> None:
    milder, worse = (observed(DOSED.journey, command) for command in pair)
    assert ALERTS.index(milder.alert) <= ALERTS.index(worse.alert)
