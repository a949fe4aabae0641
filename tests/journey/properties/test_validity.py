"""Whatever the ages of what a dose rests on: a session is released, and its dose taken, only if all of it is in its
time."""

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.play import Play, after, before
from workflows.journey import commands as c
from workflows.journey.evidence import evidence_of
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.dosing import dose_deviations

READY = before("session.release")
RELEASED = after("session.release")
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


def _lapsing(part: str, minutes: int) -> Play:
    """The released session, with a part of what it rests on that counts for so many minutes more."""
    journey, at = RELEASED.journey, RELEASED.at + timedelta(minutes=minutes)
    protocol, check = journey.protocol, journey.monitoring_check
    valid, weight = protocol.validity, protocol.dose.weight_max_age_days
    assert weight is not None
    longest = {
        "evaluation": valid.evaluation_days,
        "plan": valid.plan_days,
        "weight": weight,
        "session-1": valid.before_session_days,
        "topic": valid.education_days,
        "consent": valid.consent_days,
    }
    if part in longest:
        days = {**dict.fromkeys(PARTS, 0.0), part: longest[part] - minutes / (24 * 60)}
        return aged(RELEASED, days)
    if part == "monitoring":
        assert check is not None
        checked_at = at - timedelta(days=protocol.permissions.monitoring_check_valid_days)
        return RELEASED.changed(monitoring_check=check.model_copy(update={"checked_at": checked_at}))
    if part == "C-SSRS":
        counts = timedelta(days=protocol.instruments.suicide_risk_valid_days)
        asked = (m.model_copy(update={"at": at - counts}) if m.by_staff else m for m in journey.measurements)
        return RELEASED.changed(measurements=tuple(asked))
    # The register has an end for the entry of the clinician.
    left = (m.model_copy(update={"until": at}) if m.id == journey.clinician else m for m in journey.members)
    return RELEASED.changed(members=tuple(left))


LAPSING = ("evaluation", "plan", "weight", "session-1", "topic", "consent", "monitoring", "entry", "C-SSRS")


@given(st.sampled_from(LAPSING), st.integers(0, 60), st.integers(0, 60))
@examples(0.5)
def test_what_lapses_between_the_release_and_the_dose_makes_it_another_one(part: str, lapses: int, taken: int) -> None:
    assume(lapses != taken)
    play = _lapsing(part, lapses).later(minutes=taken)
    dose = c.RecordDose(session=1, dose_mg=100, route="sublingual", taken_at=play.at, doses_left=1)
    found = dose_deviations(play.journey, play.journey.sessions[1], dose, play.at)
    too_old = [each for each in found if each != "the vitals were too old by then"]
    assert bool(too_old) is (taken > lapses), found
