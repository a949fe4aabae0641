"""Whatever the ages of what a dose rests on: a session is released only if all of it is in its time."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import Play, before
from workflows.journey.evidence import evidence_of
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate

READY = before("session.release")
AGES = st.floats(0, 400, allow_nan=False) | st.sampled_from([10.0, 60.0, 90.0, 180.0])
PARTS = ("evaluation", "plan", "weight", "PCL-5", "PHQ-9", "session-1", "topic", "statement", "consent")


def aged(play: Play, days: dict[str, float]) -> Play:
    """The same moment, with each part of the evidence so many days old."""
    at = {part: play.at - timedelta(days=age) for part, age in days.items()}
    journey = play.journey
    assert journey.plan is not None
    kinds = {SignOffKind.EVALUATION: "evaluation", SignOffKind.PLAN: "plan"}
    signed = tuple(s.model_copy(update={"at": at[kinds[s.kind]]}) if s.kind in kinds else s for s in journey.sign_offs)
    measured = tuple(
        m.model_copy(update={"at": at["session-1" if m.occasion == "session-1" else m.instrument.value]})
        if m.instrument in (Instrument.PCL_5, Instrument.PHQ_9)
        else m
        for m in journey.measurements
    )
    told = journey.education
    topic, statement = next(iter(told.explained)), told.acknowledged[-1]
    education = told.model_copy(
        update={
            "explained_at": {**told.explained_at, topic: at["topic"]},
            "acknowledged_at": {**told.acknowledged_at, statement: at["statement"]},
        }
    )
    play = play.changed(
        sign_offs=signed,
        measurements=measured,
        education=education,
        plan=journey.plan.model_copy(update={"weighed_at": at["weight"]}),
        consented_at={**journey.consented_at, "privacy": at["consent"]},
    )
    # Whoever signed signed the evidence as it is here.
    for kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        now = {"evidence": evidence_of(play.journey, kind)}
        play = play.changed(
            sign_offs=tuple(s.model_copy(update=now) if s.kind == kind else s for s in play.journey.sign_offs)
        )
    return play


@given(st.fixed_dictionaries(dict.fromkeys(PARTS, AGES)))
def test_old_evidence_of_any_kind_carries_no_dose(days: dict[str, float]) -> None:
    play = aged(READY, days)
    valid, weight = READY.journey.protocol.validity, READY.journey.protocol.dose.weight_max_age_days
    assert weight is not None
    longest = {
        "evaluation": valid.evaluation_days,
        "plan": valid.plan_days,
        "weight": weight,
        "PHQ-9": min(valid.before_session_days, valid.baseline_days),
        "session-1": min(valid.before_session_days, valid.baseline_days),
        "topic": valid.education_days,
        "statement": valid.education_days,
        "consent": valid.consent_days,
    }
    old = {part for part, most in longest.items() if days[part] > most}
    found = [each for each in dose_gate(play.journey, 1, play.at) if "has lapsed" in each]
    assert bool(found) is bool(old)
