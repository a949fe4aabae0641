"""A correction by one person takes no watch away: what was awaited for safety is awaited until a second confirms."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import vitals
from tests.examples import examples
from tests.journey.contacts import SYMPTOMS, visit
from tests.journey.correcting import confirm, mark, reject
from tests.journey.instruments.vectors import c_ssrs_since
from tests.journey.play import Play, after, course, standing
from tests.journey.stages.sessions.helpers import observed_until
from workflows.journey import commands as c
from workflows.journey.always.corrections.markable import MARKABLE
from workflows.journey.evidence import evidence
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import obligations
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

SHIFTS = (-300, -100, -20, -4, -0.4, -0.1, 0.1, 0.4, 4, 20)
"""Hours by which somebody says that a dose was taken earlier or later."""


def watched(play: Play) -> dict[str, Obligation]:
    """What is awaited for safety, and the reviews that come before anything further. The end of a session waits for its
    observations, and the level of a C-SSRS for one asked after the alarm: what is awaited then stands in their place.
    Of pregnancy a test or a judgement is awaited, whichever counts."""
    counted = [w for w in obligations(play.journey) if not w.care or w.kind == "response_review"]
    awaited = [w for w in counted if w.kind not in ("session_end", "risk_level")]
    return {w.kind if w.kind == "pregnancy_test" else w.key: w for w in awaited}


def outside(play: Play, minutes: float = 0) -> None:
    """Record a dose outside a session, taken so many minutes ago."""
    taken_at = play.at - timedelta(minutes=minutes)
    play.do(c.RecordDose(dose_mg=20, route="oral", taken_at=taken_at, doses_left=1), Role.PATIENT)


def redosed(play: Play, dose: str, hours: float) -> c.Amend:
    told = play.journey.doses[dose]
    said = {"dose_mg": told.dose_mg, "route": told.route, "taken_at": told.taken_at + timedelta(hours=hours)}
    right = c.RecordDose.model_validate({**said, "doses_left": told.doses_left, "deviation": "misread"})
    return c.Amend(version=told.version, reason="misread (invented)", correction=right)


def rated(rating: int) -> dict[str, int]:
    return dict.fromkeys(SYMPTOMS, rating)


def rated_anew(play: Play, rating: int) -> c.Amend:
    """The ratings of the evaluation, as one person corrects them."""
    version = next(v for v, fact in play.journey.facts.items() if fact.kind == "evaluation.recorded")
    return c.Amend(version=version, reason="misread (invented)", correction=c.RecordEvaluation(symptoms=rated(rating)))


def happen(data: st.DataObject, play: Play) -> None:
    """Something that is to be watched afterwards, or some time in which nobody acts."""
    said: dict[str, tuple[c.CommandBody, Role]] = {
        "event": (
            c.ReportAdverseEvent(what="fell (invented)", grade=3, serious=False, onset=play.at),
            Role.PATIENT,
        ),
        "help": (c.RequestSupport(urgency="urgent", text="help (invented)"), Role.PATIENT),
        "risk": (
            c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=c_ssrs_since("yyyyyn")),
            Role.CLINICIAN,
        ),
        "crisis": (c.ReportCrisis(what="they want to die (invented)"), Role.OBSERVER),
        "worse": (visit("x", visit=None, outcome="worsening"), Role.CLINICIAN),
        "rated": (visit("x", visit=None, symptoms=rated(data.draw(st.integers(0, 10)))), Role.CLINICIAN),
    }
    what = data.draw(st.sampled_from(("dose", "time", *said)))
    if what == "dose":
        outside(play, data.draw(st.sampled_from((0, 5, 30, 1000))))
    elif what == "time":
        play.wait(minutes=data.draw(st.sampled_from((1, 10, 40, 200))))
    else:
        play.take(play.command(*said[what]))
    play.later(minutes=1)


def drawn(data: st.DataObject, play: Play) -> c.CommandBody:
    """A correction that somebody may try, of any fact."""
    facts, doses = play.journey.facts, [*play.journey.doses]
    visits = [version for version, fact in facts.items() if fact.kind == "visit.recorded"]
    what = data.draw(st.sampled_from(["mark", "evaluation", *["dose"] * bool(doses), *["visit"] * bool(visits)]))
    if what == "evaluation":
        return rated_anew(play, data.draw(st.integers(0, 10)))
    if what == "dose":
        return redosed(play, data.draw(st.sampled_from(doses)), data.draw(st.sampled_from(SHIFTS)))
    if what == "visit":
        version = data.draw(st.sampled_from(visits))
        name = facts[version].subject
        assert name is not None
        return c.Amend(version=version, reason="x", correction=visit(name))
    marks = [version for version, fact in facts.items() if fact.kind in MARKABLE]
    return c.MarkInError(version=data.draw(st.sampled_from(marks)), reason="x")


@pytest.mark.requirement("A15", "A29")
@examples(2)
@given(st.data())
def test_no_correction_by_one_person_takes_a_watch_away(data: st.DataObject) -> None:
    after_dose = [(journey, at) for journey, _, at in course("PTSD").moves if journey.doses]
    journey, at = after_dose[data.draw(st.integers(0, len(after_dose) - 1))]
    play = standing(journey, at, "PTSD")
    for _ in range(data.draw(st.integers(0, 3))):
        happen(data, play)
    for _ in range(data.draw(st.integers(1, 3))):
        body, before, held = drawn(data, play), watched(play), play.journey.standing_holds
        if isinstance(play.take(play.command(body, Role.CLINICIAN)), Refusal):
            continue
        now = watched(play)
        assert not [key for key in before if key not in now]
        assert not [hold for hold in held if hold not in play.journey.standing_holds]
        assert not [key for key, was in before.items() if now[key].deadline > was.deadline]


@pytest.mark.parametrize("hours", [-300, -4])
def test_a_dose_outside_a_session_keeps_its_observations_while_nobody_confirms_that_it_was_earlier(
    hours: float,
) -> None:
    play = after("session.end")
    outside(play)
    owed = play.journey.unobserved()
    play.do(redosed(play, "dose-2", hours))
    assert play.journey.unobserved() == owed
    late = c.GiveUpObservation(dose="dose-2", minute=40, reason="nobody was there (invented)")
    play.later(minutes=20).refused(late, code=RefusalCode.WRONG_TIME, field="minute")
    confirm(play)
    assert play.journey.unobserved() == ()


def test_a_look_makes_the_observations_of_both_times_where_it_is_near_both() -> None:
    play = after("session.end")
    outside(play)
    play.do(redosed(play, "dose-2", -0.1))
    play.later(minutes=15)
    seen: dict[str, Any] = {"consciousness": "alert", "breathing_normal": True, "seen_at": play.at}
    play.do(c.RecordObservation(**seen, vitals=vitals(play.at)), Role.OBSERVER)
    assert "observation:dose-2-15" not in watched(play)


def test_an_observation_of_a_session_is_owed_at_its_first_time_until_its_correction_is_confirmed() -> None:
    """A look at minute 15 becomes one of minute 39, and stands for no blood pressure that nobody has measured."""
    play = observed_until(15)
    play.do(redosed(play, "dose-1", -0.4))
    assert "observation:1-40" in watched(play)
    confirm(play)
    assert "observation:1-40" not in watched(play)


def test_check_ins_stay_due_and_open_until_the_correction_of_their_dose_is_confirmed() -> None:
    play = after("session.end")
    before = {k.id: k for k in play.journey.contacts.values() if k.dose}
    play.do(redosed(play, "dose-1", -300))
    for name, was in before.items():
        assert play.journey.contacts[name].closes == was.closes
    gone = c.SettleContact(contact="check-in-1-72h", reason="too long ago (invented)")
    play.refused(gone, code=RefusalCode.WRONG_TIME, field="contact")
    confirm(play)
    assert play.journey.contacts["check-in-1-72h"].closes < play.at


def test_check_ins_stay_due_when_they_were_while_one_person_says_that_the_dose_was_later() -> None:
    play = after("session.end")
    before = play.journey.contacts["check-in-1-4h"]
    play.do(redosed(play, "dose-1", 1))
    assert play.journey.contacts["check-in-1-4h"].due == before.due
    confirm(play)
    assert play.journey.contacts["check-in-1-4h"].due == before.due + timedelta(hours=1)


def test_a_visit_that_found_worsening_is_reviewed_until_its_correction_is_confirmed() -> None:
    play = after("session.end")
    play.do(visit("x", visit=None, outcome="worsening"))
    assert play.waits_for("response_review", "unscheduled-1")
    play.do(c.Amend(version=play.version_of("visit.recorded"), reason="x", correction=visit("unscheduled-1")))
    assert play.waits_for("response_review", "unscheduled-1")
    shown = evidence(play.journey, SignOffKind.RESPONSE_REVIEW, "unscheduled-1")["content"]["visits"]
    assert [each["outcome"] for each in shown] == ["worsening", "responding"], "who reviews it sees what is reviewed"
    confirm(play)
    assert not play.waits_for("response_review", "unscheduled-1")


def test_a_review_is_owed_by_the_ratings_of_the_evaluation_until_their_correction_is_confirmed() -> None:
    """The baseline told as higher made every later rating look no worse."""
    play = after("session.end")
    evaluated = play.journey.evaluation.model_copy(update={"symptoms": rated(3)})
    play = play.changed(evaluation=evaluated)
    for _ in range(play.journey.protocol.symptoms.times_in_a_row):
        play.later(hours=1).do(visit("x", visit=None, symptoms=rated(6)))
    owed = reviews_owed(play.journey)
    assert owed
    play.do(rated_anew(play, 10))
    assert reviews_owed(play.journey) == owed
    play.do(rated_anew(play, 9))
    play.do(c.ConfirmCorrection(correction=next(iter(play.journey.unconfirmed)), reason="x"), Role.MEDICAL_DIRECTOR)
    assert reviews_owed(play.journey) == owed, "another correction of it still waits"
    confirm(play)
    assert not reviews_owed(play.journey)


def test_a_visit_that_never_was_is_not_reviewed_by_what_was_told_of_it_before_its_correction() -> None:
    """Nor does its correction, which nobody could make again, stand before every dose."""
    play = after("session.end")
    play.do(visit("x", visit=None, outcome="worsening"))
    recorded = play.version_of("visit.recorded")
    play.do(c.Amend(version=recorded, reason="x", correction=visit("unscheduled-1")))
    [wrong] = play.journey.unconfirmed
    play.do(c.MarkInError(version=recorded, reason="another patient's (invented)"))
    [mark_made] = [version for version in play.journey.unconfirmed if version != wrong]
    assert play.waits_for("response_review", "unscheduled-1"), "until somebody else has confirmed it"
    play.do(c.ConfirmCorrection(correction=mark_made, reason="compared (invented)"), Role.MEDICAL_DIRECTOR)
    assert not play.waits_for("response_review", "unscheduled-1")
    reject(play, wrong)
    assert not play.journey.unconfirmed


def test_a_rejected_correction_leaves_what_was_owed_as_it_was() -> None:
    play = after("session.end")
    outside(play)
    owed, first = play.journey.unobserved(), play.journey.doses["dose-2"].taken_at
    play.do(redosed(play, "dose-2", -4))
    play.do(redosed(play, "dose-2", 4))
    wrong, back = play.journey.unconfirmed
    play.do(c.RejectCorrection(correction=wrong, reason="it was not (invented)"), Role.MEDICAL_DIRECTOR)
    play.do(c.ConfirmCorrection(correction=back, reason="compared (invented)"), Role.MEDICAL_DIRECTOR)
    dose = play.journey.doses["dose-2"]
    assert (dose.taken_at, dose.told_before) == (first, ())
    assert play.journey.unobserved() == owed


def test_marked_and_amended_doses_keep_their_watch_until_both_are_decided() -> None:
    play = after("session.end")
    outside(play)
    owed = play.journey.unobserved()
    mark(play, "session.dosed")
    play.do(redosed(play, "dose-2", -4))
    assert play.journey.unobserved() == owed
