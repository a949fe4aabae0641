"""What a dose rests on is judged at the dose: what was signed or said long ago carries none until it is renewed."""

from datetime import timedelta

import pytest

from simulation.people import plan, revision
from tests.journey.play import PROTOCOLS, Play, before
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.sessions import validity
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.validity import find_lapsed, lapses
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

VALID = PROTOCOLS["PTSD"].validity
WEIGHT_DAYS = PROTOCOLS["PTSD"].dose.weight_max_age_days
DAYS = {
    "evaluation": VALID.evaluation_days,
    "plan": VALID.plan_days,
    "weight": WEIGHT_DAYS,
    "baseline-PCL-5": VALID.baseline_days,
    "baseline-PHQ-9": VALID.baseline_days,
    "education": VALID.education_days,
    "acknowledgements": VALID.education_days,
    "consents": VALID.consent_days,
}


def names(play: Play) -> set[str]:
    return {found.partition(" has lapsed")[0] for found in find_lapsed(play.journey, play.at)}


@pytest.mark.requirement("B44", "B49")
def test_evidence_of_301_days_carries_no_first_dose() -> None:
    play = before("session.release")
    assert dose_gate(play.journey, 1, play.at) == ()
    play.later(days=301)
    assert names(play) == set(DAYS)
    obstacles = dose_gate(play.journey, 1, play.at)
    assert all(any(found.startswith(f"{name} has lapsed") for found in obstacles) for name in DAYS)
    assert "PCL-5 before session 1 has lapsed: fill it in again" in obstacles


@pytest.mark.requirement("B49")
@pytest.mark.parametrize("name", DAYS)
def test_each_carries_a_dose_until_its_last_day(name: str) -> None:
    play = before("session.release")
    [lapse] = [lapse for lapse in lapses(play.journey) if lapse.name == name]
    days = DAYS[name]
    assert days is not None
    assert lapse.until - timedelta(days=days) <= play.at
    play.at = lapse.until
    assert name not in names(play)
    play.later(seconds=1)
    assert name in names(play)


def test_only_the_first_dose_of_a_course_rests_on_the_baseline() -> None:
    play = before("session.release", 2)
    play.later(days=301)
    assert names(play) == {name for name in DAYS if not name.startswith("baseline")}


@pytest.mark.requirement("B49")
def test_a_dose_that_no_session_was_released_for_is_no_first_one_of_the_course() -> None:
    """What was taken beside the sessions says nothing of how old the baseline is."""
    play = before("plan.record").later(hours=1)
    play.do(c.RecordDose(dose_mg=20, route="intranasal", taken_at=play.at, told_by=Role.PATIENT))
    assert play.journey.course_started_at == play.at
    play.later(days=VALID.baseline_days + 1)
    assert {"baseline-PCL-5", "baseline-PHQ-9"} <= names(play)


@pytest.mark.parametrize("number", [1, 3])
def test_the_questionnaire_before_a_session_counts_for_some_days(number: int) -> None:
    play = before("session.release", number)
    measured = play.journey.latest(Instrument.PCL_5, occasion=f"session-{number}")
    assert measured is not None
    last = measured.at + timedelta(days=VALID.before_session_days)
    stands = f"PCL-5 before session {number} has lapsed: fill it in again"
    assert stands not in dose_gate(play.journey, number, last)
    assert stands in dose_gate(play.journey, number, last + timedelta(seconds=1))
    without = tuple(m for m in play.journey.measurements if m is not measured)
    missing = play.changed(measurements=without)
    assert f"PCL-5 before session {number} is not filled in" in dose_gate(missing.journey, number, play.at)


def test_a_session_moved_further_away_asks_for_its_questionnaire_again_in_its_time() -> None:
    play = before("session.check")
    session = play.journey.sessions[1]
    starts = play.at + timedelta(days=20)
    again = c.ScheduleSession(
        session=1,
        starts_at=starts,
        supervising_clinician=session.supervising_clinician,
        session_monitor=session.session_monitor,
        live_clinician=session.live_clinician,
    )
    play.do(again, Role.COORDINATOR)
    asked = play.waits_for("measure", "session-1")
    assert asked is not None
    assert asked.deadline == starts - timedelta(days=VALID.before_session_days)
    play.go_on(lambda journey: bool(journey.doses))
    measured = play.journey.latest(Instrument.PCL_5, occasion="session-1")
    assert measured is not None
    assert play.dosed_at() - measured.at <= timedelta(days=VALID.before_session_days)


@pytest.mark.parametrize("pathway", ["PTSD", "ANXIETY"])
def test_who_took_their_dose_is_not_asked_any_more_what_comes_before_it(pathway: Pathway) -> None:
    play = before("session.dose", pathway=pathway)
    assert validity.is_measured_before(play.journey, 1)
    play.go_on(lambda journey: journey.sessions[1].running)
    assert [each.what for each in obligations(play.journey) if "before session 1" in each.what] == []


def test_what_lapses_first_is_asked_for_before_it_does_and_people_renew_all_of_it() -> None:
    """Nothing lapses into a dead end: after a long pause every part is renewed, and the session takes place."""
    play = before("session.check")
    asked = play.waits_for("renewal")
    assert asked is not None
    assert asked.deadline == min(lapse.until for lapse in lapses(play.journey))
    play.later(days=200)
    assert names(play) == set(DAYS)
    play.go_on(lambda journey: bool(journey.doses))
    assert play.journey.last_dose_at is not None
    assert find_lapsed(play.journey, play.journey.last_dose_at) == ()


def test_to_weigh_and_plan_again_renews_weight_and_plan() -> None:
    play = before("session.release", 2)
    play.later(days=100)
    assert {"plan", "weight"} <= names(play)
    play.do(revision(play.journey, plan(play.journey.protocol, play.at)))
    play.sign(SignOffKind.PLAN)
    assert not {"plan", "weight"} & names(play)


def test_statements_are_acknowledged_after_the_topics_were_explained() -> None:
    play = before("education.explain")
    statements = play.journey.protocol.acknowledgements
    play.refused(
        c.Acknowledge(statements=statements), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="not yet explained"
    )
    play.go_on(lambda journey: bool(journey.education.acknowledged))
    assert any(isinstance(event.body, e.StatementsAcknowledged) for event in play.events)


def test_answers_from_before_the_last_dose_are_not_those_before_the_next_session() -> None:
    play = before("session.check", 2)
    last = play.journey.last_dose_at
    assert last is not None
    schedule = play.journey.protocol.instrument_schedule.model_copy(update={"before_session": (1, 2)})
    protocol = play.journey.protocol.model_copy(update={"instrument_schedule": schedule})
    first = play.journey.latest(Instrument.PCL_5)
    assert first is not None
    for at, counts in ((last - timedelta(seconds=1), False), (last, True)):
        filled = first.model_copy(update={"occasion": "session-2", "at": at})
        journey = play.journey.model_copy(update={"protocol": protocol, "measurements": (filled,)})
        obstacles = dose_gate(journey, 2, play.at)
        assert ("PCL-5 before session 2 is not filled in" not in obstacles) is counts
