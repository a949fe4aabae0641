"""Doses and limits that other journeys of the patient know count here."""

from datetime import datetime, timedelta

import pytest

from simulation.people import referral
from tests.journey.elsewhere import ELSEWHERE, MEDICINE, dose, gate, ready, tell_the_other, told
from tests.journey.play import PROTOCOLS, Play, after, before, course, kinds, one
from tests.journey.settings import with_clinic
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import Elsewhere, ReleasedSession
from workflows.journey.always.supply.rules import balance
from workflows.journey.decide import decide
from workflows.journey.patient_limits import limit_of, limits
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import limit_obstacles
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.clinical import Setting
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

WHETHER_TAKEN = "another session of this patient was released, and whether its dose was taken is not known"


def test_nobody_but_the_record_tells_what_is_elsewhere() -> None:
    for role in Role:
        if role != Role.SYSTEM:
            after("evaluation.record").refused(
                c.TakeInHistory(elsewhere=Elsewhere(), position=1), role, code=RefusalCode.NOT_ALLOWED
            )


@pytest.mark.requirement("B27")
@pytest.mark.parametrize(
    ("hours", "released"), [(1, False), (71.9, False), (72, True)], ids=["an hour", "just too soon", "72 hours"]
)
def test_a_dose_of_another_journey_counts_for_the_interval(hours: float, released: bool) -> None:
    play = before("session.release").loosely_spaced()
    # Known when the session was planned, so that nothing is new at the release.
    play.journey = play.journey.model_copy(
        update={"elsewhere": Elsewhere(doses=(dose(play.at - timedelta(hours=hours)),))}
    )
    found = gate(play)
    assert ("hours after the last dose" in found) != released
    assert "clearance" in found, "what was cleared did not know of it"


@pytest.mark.requirement("B27")
def test_doses_of_other_journeys_count_for_seven_days_and_for_the_course() -> None:
    play = before("session.release").loosely_spaced()

    def days(number: float) -> datetime:
        return play.at - timedelta(days=number)

    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(doses=(dose(days(4)), dose(days(5))))})
    assert "more than 2 in 7 days" in gate(play)
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(doses=(dose(days(6), 350),))})
    assert "dose above 400.0 mg in 7 days" in gate(play)
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(doses=(dose(days(40), 1950),))})
    assert "dose above 2000.0 mg in the course" in gate(play)
    longer_ago = play.journey.protocol.sessions.course_max_days + 1
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(doses=(dose(days(longer_ago), 1950),))})
    assert "in the course" not in gate(play)


def test_a_dose_that_becomes_known_holds_care_before_the_release() -> None:
    play = before("session.release")
    followed = told(play, doses=[dose(play.at - timedelta(hours=1))])
    assert kinds(followed)[:2] == ["history.taken-in", "hold.placed"]
    assert [hold.cause for hold in play.journey.holds.values()] == ["patient_limits"]
    play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.HELD)


def test_a_dose_that_forbids_nothing_here_holds_nothing() -> None:
    play = before("session.release")
    assert kinds(told(play, doses=[dose(play.at - timedelta(days=30))])) == ["history.taken-in"]
    assert play.asks_for(SignOffKind.CLEARANCE, "1"), "but the clearance is asked for anew, with that dose in it"
    play.sign(SignOffKind.CLEARANCE, "1")
    play.do(c.ReleaseSession(session=1), Role.SESSION_MONITOR)


@pytest.mark.parametrize("undone", [True, False])
def test_a_plan_that_was_undone_by_a_dose_elsewhere_holds_care(undone: bool) -> None:
    play = before("session.schedule")
    seen = Elsewhere(doses=(dose(play.at - timedelta(hours=1)),))
    followed = play.do(c.TakeInHistory(elsewhere=seen, position=7, undone=undone), CLOCK)
    assert ("hold.placed" in kinds(followed)) == undone


def test_what_is_known_is_not_taken_in_again() -> None:
    play = before("session.release")
    doses = [dose(play.at - timedelta(days=30))]
    told(play, doses=doses)
    assert told(play, doses=doses) == []


def test_no_session_is_planned_inside_the_interval_after_a_dose_elsewhere() -> None:
    play = before("session.schedule").loosely_spaced()
    planned = course("PTSD").journey.sessions[1]
    session = c.ScheduleSession(
        session=1,
        starts_at=planned.starts_at,
        supervising_clinician=planned.supervising_clinician,
        session_monitor=planned.session_monitor,
        live_clinician="demo-clinician",
    )
    told(play, doses=[dose(planned.starts_at - timedelta(hours=71))])
    coordinator, code = Role.COORDINATOR, RefusalCode.OUT_OF_LIMITS
    play.refused(session, coordinator, code=code, field="starts_at", says="hours after the last dose")
    told(play, doses=[dose(planned.starts_at - timedelta(hours=72))])
    play.do(session, coordinator)


@pytest.mark.parametrize("open_there", [True, False])
def test_a_session_released_elsewhere_may_be_a_dose(open_there: bool) -> None:
    play = before("session.release")
    released = ReleasedSession(source=ELSEWHERE, released_at=play.at - timedelta(hours=1), open=open_there)
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(released=(released,))})
    assert "another session of this patient was released" in gate(play)
    play.journey = play.journey.model_copy(
        update={
            "elsewhere": Elsewhere(released=(released.model_copy(update={"released_at": play.at - timedelta(days=9)}),))
        }
    )
    assert ("another session of this patient was released" in gate(play)) == open_there


@pytest.mark.parametrize("setting", ["at_home", "in_clinic"])
def test_a_session_that_one_person_cancelled_after_its_release_may_be_a_dose_elsewhere(setting: Setting) -> None:
    """Their word that none was taken opens the dose of no other journey: somebody else finds it out there first."""
    there, here = ready(), before("session.release")
    if setting == "in_clinic":
        session = there.journey.sessions[1].model_copy(update={"setting": setting})
        there = there.changed(protocol=with_clinic(there.journey.protocol), sessions={1: session})
    there.do(c.CancelSession(session=1, reason="none was taken, they say (invented)"), Role.COORDINATOR)
    tell_the_other(there, here)
    assert WHETHER_TAKEN in limit_obstacles(here.journey, here.at)
    there.later(minutes=1)
    if setting == "in_clinic":
        there.do(c.AnswerSupport(support="support-1", text="none was taken (invented)"))
    else:
        there.do(c.CountSupply(doses=balance(there.journey), counted_at=there.at), Role.SESSION_MONITOR)
    tell_the_other(there, here)
    assert WHETHER_TAKEN not in limit_obstacles(here.journey, here.at)


def test_nothing_is_released_while_another_journey_with_the_medicine_is_open() -> None:
    play = before("session.release")
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(same_medicine_open=True)})
    assert "another journey of this patient with this medicine is open" in gate(play)


@pytest.mark.requirement("B27")
def test_enrolling_anew_brings_the_doses_along() -> None:
    first = after("session.dose")
    first.do(c.Withdraw(), Role.PATIENT)
    seen = see_elsewhere([first.journey], MEDICINE)
    assert [known.taken_at for known in seen.doses] == [first.dosed_at()]
    assert seen.same_medicine_open, "its observation still runs"
    again = decide(None, referral(PROTOCOLS["ANXIETY"], ELSEWHERE), first.at)
    assert not isinstance(again, Refusal)
    play = Play(fold(again), first.at)
    told(play, **seen.model_dump())
    assert [known.taken_at for known in play.journey.known_doses] == [first.dosed_at()]
    assert play.journey.own_doses == ()


@pytest.mark.requirement("A35")
def test_what_is_seen_elsewhere_names_no_journey_and_no_clinic() -> None:
    play = after("session.dose")
    play.do(c.ReportAdverseEvent(grade=3, serious=False, what="invented", onset=play.at))
    seen = see_elsewhere([play.journey], MEDICINE)
    assert {(risk.type, risk.what, risk.open) for risk in seen.risks} >= {("adverse_event", "grade 3", True)}
    text = seen.model_dump_json()
    assert str(play.journey.id) not in text
    assert play.journey.clinic not in text
    assert see_elsewhere([], MEDICINE) == Elsewhere()


def test_a_dose_that_becomes_known_stops_a_session_that_is_released() -> None:
    play = ready()
    followed = told(play, doses=[dose(play.at - timedelta(hours=1))])
    assert one(followed, e.HoldPlaced).cause == "patient_limits"
    assert one(followed, e.SessionStopped).session == 1
    dosed = one(play.do(c.RecordDose(dose_mg=100, route="sublingual", taken_at=play.at), Role.OBSERVER), e.DoseRecorded)
    assert "the journey is held" in dosed.deviations


@pytest.mark.parametrize("hours", [-71, -30, -1, 0, 1, 71])
def test_two_doses_too_close_are_seen_to_whichever_became_known_first(hours: float) -> None:
    play = after("session.dose")
    play.at = play.dosed_at() + timedelta(hours=80)
    followed = told(play, doses=[dose(play.dosed_at() + timedelta(hours=hours))])
    together = abs(hours) <= 2
    assert ("adverse-event.reported" in kinds(followed)) == together
    assert ("support.requested" in kinds(followed)) == (not together)
    assert play.journey.held
    assert not {"adverse-event.reported", "support.requested"} & {*kinds(told(play, doses=[]))}


@pytest.mark.parametrize("hours", [-73, 73])
def test_doses_far_enough_apart_are_not(hours: float) -> None:
    play = after("session.dose")
    play.at = play.dosed_at() + timedelta(hours=80)
    assert kinds(told(play, doses=[dose(play.dosed_at() + timedelta(hours=hours))])) == ["history.taken-in"]


def tightened(name: DoseLimit, value: float) -> Play:
    there = after("session.end")
    there.do(c.SetLimits(limits={name: value}, reason="faint after the dose (invented)"))
    return there


@pytest.mark.parametrize(
    ("name", "value", "any_medicine"),
    [
        (DoseLimit.MAX_SINGLE_DOSE, 40, False),
        (DoseLimit.MAX_MG_PER_KG, 0.5, False),
        (DoseLimit.MAX_7_DAY, 100, False),
        (DoseLimit.MAX_COURSE, 500, False),
        (DoseLimit.STARTING_DOSE, 25, False),
        (DoseLimit.MIN_INTERVAL_HOURS, 200, True),
        (DoseLimit.MAX_IN_ROLLING_7_DAYS, 1, True),
    ],
)
def test_a_patients_own_limit_comes_along_when_they_enrol_anew(
    name: DoseLimit, value: float, any_medicine: bool
) -> None:
    there, here = tightened(name, value), before("plan.record")
    there.do(c.Withdraw(), Role.PATIENT)
    told(here, **see_elsewhere([there.journey], MEDICINE).model_dump())
    assert limit_of(here.journey, name) == value
    told(here, **see_elsewhere([there.journey], "another").model_dump())
    assert (limit_of(here.journey, name) == value) == any_medicine
    assert limits(here.journey)[name] == limit_of(here.journey, name)


def test_the_tightest_of_several_holds_until_a_wider_one_is_signed_here() -> None:
    name = DoseLimit.MAX_SINGLE_DOSE
    here = before("plan.record")
    protocols = limit_of(here.journey, name)
    told(here, **see_elsewhere([tightened(name, 60).journey, tightened(name, 40).journey], MEDICINE).model_dump())
    here.refused(c.SetLimits(limits={name: 40}, reason="x"), code=RefusalCode.ALREADY_DONE, field="limits")
    here.do(c.SetLimits(limits={name: 50}, reason="x"))
    assert limit_of(here.journey, name) == 40, "nothing is wider before it is signed"
    here.sign(SignOffKind.LIMIT_OVERRIDE)
    assert limit_of(here.journey, name) == 50
    assert protocols is not None
    assert protocols > 50
    told(here, **see_elsewhere([tightened(name, 30).journey], MEDICINE).model_dump())
    assert limit_of(here.journey, name) == 30, "nobody signed over this one"
