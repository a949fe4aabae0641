"""What other journeys of the patient say: their doses count here, and what is unsettled there holds care here."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import pytest

from simulation.people import checklist, referral
from tests.journey.play import PROTOCOLS, START, Play, after, before, course, kinds, one, person, standing
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import CLOCK, Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.patient.model import Elsewhere, KnownRisk, ReleasedSession
from workflows.journey.always.patient.rules import see_elsewhere
from workflows.journey.decide import decide
from workflows.journey.notices import notices
from workflows.journey.patient_limits import limit_of, limits
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.severity import Severity, at_least, worst
from workflows.journey.vocabulary import KnownDose

ELSEWHERE = UUID("22222222-2222-4222-8222-222222222222")
MEDICINE = PROTOCOLS["PTSD"].dose.medicine


def dose(at: datetime, mg: float = 100) -> KnownDose:
    return KnownDose(source=uuid5(ELSEWHERE, at.isoformat()), taken_at=at, dose_mg=mg, route="oral")


def told(play: Play, **elsewhere: object) -> list[e.EventBody]:
    return play.do(c.TakeInHistory(elsewhere=Elsewhere.model_validate(elsewhere), position=7), CLOCK)


def gate(play: Play) -> str:
    refused = play.take(play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR))
    assert isinstance(refused, Refusal)
    return refused.reason


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


def test_nothing_is_released_while_another_journey_with_the_medicine_is_open() -> None:
    play = before("session.release")
    play.journey = play.journey.model_copy(update={"elsewhere": Elsewhere(same_medicine_open=True)})
    assert "another journey of this patient with this medicine is open" in gate(play)


@pytest.mark.requirement("A35")
def test_a_risk_that_is_unsettled_elsewhere_holds_care_once() -> None:
    play = after("evaluation.record")
    risk = KnownRisk(source=ELSEWHERE, type="crisis", what="high", since=play.at, open=True)
    told(play, risks=[risk])
    assert [(hold.cause, hold.released) for hold in play.journey.holds.values()] == [("patient_history", False)]
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1", rationale="I have spoken with the patient (invented)")
    assert not play.journey.held
    told(play, risks=[risk], doses=[dose(play.at - timedelta(days=200))])
    assert not play.journey.held, "a clinician has looked at this one"
    told(play, risks=[risk, risk.model_copy(update={"source": uuid5(ELSEWHERE, "2"), "type": "adverse_event"})])
    assert play.journey.held


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


def ready() -> Play:
    """A journey whose session is released, and whose dose may be taken at any moment."""
    return after("session.release")


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


def there_closed() -> Play:
    return standing(course("PTSD").journey, course("PTSD").at, "PTSD")


def event_of(grade: int, *, serious: bool = False) -> Callable[[Play], c.CommandBody]:
    because = ("hospitalization",) if serious else ()
    return lambda play: c.ReportAdverseEvent.model_validate(
        {"what": "x", "grade": grade, "serious": serious, "serious_because": because, "onset": play.at}
    )


def tell_the_other(there: Play, here: Play) -> list[e.EventBody]:
    return told(here, **see_elsewhere([there.journey], "another").model_dump())


REPORTED: dict[str, tuple[Callable[[Play], c.CommandBody], Role]] = {
    **{f"an adverse event of grade {grade}": (event_of(grade), Role.PATIENT) for grade in (1, 2, 3, 4, 5)},
    "a serious one of grade 1": (event_of(1, serious=True), Role.PATIENT),
    "an urgent call": (lambda _: c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT),
    "an emergency call": (lambda _: c.RequestSupport(urgency="emergency", text="x"), Role.PATIENT),
    "a dose": (lambda play: c.RecordDose(dose_mg=10, route="oral", taken_at=play.at), Role.OBSERVER),
    "an unknown dose": (lambda play: c.RecordDose(dose_mg=None, route="oral", taken_at=play.at), Role.OBSERVER),
    "a crisis": (lambda _: c.ReportCrisis(what="wants to die"), Role.COORDINATOR),
    "unresponsive": (lambda play: c.RecordObservation(seen_at=play.at, consciousness="unresponsive"), Role.OBSERVER),
    "a death": (lambda _: c.RecordDeath(related="no", reason="x"), Role.COORDINATOR),
}


def severity_seen_to(journey: Journey) -> Severity:
    """How bad the worst is that somebody is called for about the patient."""
    policies = [w.escalation_policy for w in journey.waiting.values() if w.kind in ("alarm", "support", "crisis")]
    return worst(*(Severity(policy) for policy in policies if policy in list(Severity)))


@pytest.mark.requirement("A35")
@pytest.mark.parametrize("what", REPORTED)
def test_what_a_closed_journey_is_told_is_watched_in_the_open_one(what: str) -> None:
    there, here = there_closed(), after("evaluation.record")
    fact, by = REPORTED[what]
    tell_the_other(there, here)
    assert not any(here.journey.standing_holds)
    there.do(fact(there), by)
    here.at = max(here.at, there.at)
    followed = tell_the_other(there, here)
    assert here.journey.held
    assert at_least(severity_seen_to(here.journey), severity_seen_to(there.journey))
    assert one(followed, e.SupportRequested).text.startswith("from another journey")
    assert tell_the_other(there, here) == [], "once"
    back = see_elsewhere([here.journey], "another")
    assert not [risk for risk in back.risks if risk.open], "what came from elsewhere goes to nobody from here"


def test_what_a_closed_journey_is_told_anew_as_worse_is_news() -> None:
    there, here = there_closed(), after("evaluation.record")
    there.do(c.ReportAdverseEvent(what="x", grade=2, serious=False, onset=there.at), Role.PATIENT)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    [name] = [name for name, event in there.journey.adverse_events.items() if event.report.what == "x"]
    there.do(c.RegradeAdverseEvent(adverse_event=name, grade=4, serious=False, reason="x"))
    assert one(tell_the_other(there, here), e.SupportRequested).urgency == "emergency"


def test_an_urgent_call_in_any_words_is_known_elsewhere() -> None:
    there = before("plan.record")
    there.do(c.RequestSupport(urgency="urgent", text="from another journey of this patient: help"), Role.PATIENT)
    assert [risk.type for risk in see_elsewhere([there.journey], "another").risks] == ["support"]


def test_an_urgent_matter_of_an_open_journey_holds_the_other_and_is_seen_to_there() -> None:
    there, here = after("session.end"), after("evaluation.record")
    there.do(c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT)
    here.at = max(here.at, there.at)
    assert kinds(tell_the_other(there, here)) == ["history.taken-in", "hold.placed"]


# What else belongs to the patient


def test_a_no_go_stands_in_every_journey_of_the_patient() -> None:
    there, here = before("session.check"), before("session.release")
    made = checklist(there.journey, 1, there.at)
    there.do(made.model_copy(update={"vitals": made.vitals.model_copy(update={"systolic": 205})}), Role.SESSION_MONITOR)
    until = there.journey.no_go_until
    assert until is not None
    tell_the_other(there, here)
    for hold in [hold.id for hold in here.journey.standing_holds]:
        here.sign(SignOffKind.HOLD_RELEASE, hold)
    assert f"a no-go stands until {until.isoformat(timespec='minutes')}" in gate(here)


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


def merged(play: Play, other: str) -> Play:
    play.do(c.ProposeMerge(other=other, reason="x"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_MERGE, f"merge-{len(play.journey.merges)}")
    return play


SELF = "another-reference"


@pytest.mark.parametrize("known_by", ["own events", "another journey's"])
def test_the_patient_is_nobody_else_of_their_journey_under_another_reference_either(known_by: str) -> None:
    play = before("session.check")
    if known_by == "own events":
        merged(play, SELF)
    else:
        there = merged(after("evaluation.record"), SELF)
        tell_the_other(there, play)
    assert play.journey.is_patient(SELF)
    made = checklist(play.journey, 1, play.at)
    assert made.observer is not None
    alone = made.model_copy(update={"observer": made.observer.model_copy(update={"ref": SELF})})
    monitor, code = Role.SESSION_MONITOR, RefusalCode.NOT_ALLOWED
    play.refused(alone, monitor, code=code, field="observer.ref", says="is the patient")
    play.refused(
        c.UpdatePatient(emergency_contact_ref=SELF, reason="x"),
        Role.COORDINATOR,
        code=RefusalCode.CONTRADICTS,
        field="emergency_contact_ref",
    )
    themselves = person(SELF, Role.MEDICAL_DIRECTOR)
    play.refused(c.Reassign(duty="clinician", to=SELF, reason="x"), Role.COORDINATOR, code=code, field="to")
    for command in (
        c.CancelSession(session=1, reason="x"),
        c.RecordMonitoringCheck(checked_at=play.at, state="CA", concern=False, found="x"),
    ):
        assert isinstance(play.take(play.command(command, themselves)), Refusal)


def test_an_observer_and_an_emergency_contact_who_turn_out_to_be_the_patient_let_nothing_be_released() -> None:
    play = before("session.release")
    made = play.journey.sessions[1].check
    assert made is not None
    assert made.observer is not None
    merged(play, made.observer.ref)
    assert "the observer is the patient" in gate(play)
    play = before("session.release")
    merged(play, play.journey.patient.emergency_contact_ref)
    assert "nobody but the patient is named as their emergency contact" in gate(play)


def test_nobody_is_their_own_emergency_contact_from_the_beginning() -> None:
    opening = referral(PROTOCOLS["PTSD"], ELSEWHERE)
    assert isinstance(opening.body, c.StartPathway)
    patient = opening.body.patient
    own = patient.model_copy(update={"emergency_contact_ref": patient.ref})
    decided = decide(None, opening.model_copy(update={"body": opening.body.model_copy(update={"patient": own})}), START)
    assert isinstance(decided, Refusal)
    assert decided.field == "patient.emergency_contact_ref"


MERGE = c.ProposeMerge(other="demo-patient-other", reason="the same birth date and address (invented)")


def test_two_people_sign_that_two_patients_are_one() -> None:
    play = after("evaluation.record")
    assert kinds(play.do(MERGE, Role.COORDINATOR)) == ["patient.merge-proposed"]
    assert kinds(play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1")) == ["signoff.signed"]
    followed = play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1")
    assert kinds(followed) == ["signoff.signed", "patient.merged"]
    assert followed[-1].other == MERGE.other
    play.refused(MERGE, Role.COORDINATOR, code=RefusalCode.ALREADY_DONE, field="other")
    assert not play.asks_for(SignOffKind.PATIENT_MERGE, "merge-1")


def test_no_dose_before_it_is_decided_whether_two_patients_are_one() -> None:
    play = before("session.release")
    play.do(MERGE, Role.COORDINATOR)
    assert "whether another patient is this one is not decided" in gate(play)
    play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1", decision="decline")
    play.do(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    play.do(MERGE, Role.COORDINATOR)


def test_a_patient_is_not_merged_with_themselves() -> None:
    play = after("evaluation.record")
    own = MERGE.model_copy(update={"other": play.journey.patient.ref})
    play.refused(own, Role.COORDINATOR, code=RefusalCode.CONTRADICTS, field="other")


# A merge that was wrong


def doubted(play: Play, reason: str = "two people with one name (invented)") -> Play:
    play.do(c.ProposeUnmerge(merge="merge-1", reason=reason), Role.COORDINATOR)
    return play


def two_taken_for_one() -> tuple[Play, Play]:
    """A journey in which a dose was given and a limit made tighter, and another patient's, merged into it; each has
    taken in what the other says."""
    there, here = merged(after("session.end"), OTHER), before("session.schedule")
    there.do(c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 40}, reason="faint after the dose (invented)"))
    here.at = max(here.at, there.at)
    there.at = here.at
    here.journey = here.journey.model_copy(update={"patient": here.journey.patient.model_copy(update={"ref": OTHER})})
    told(here, **see_elsewhere([there.journey], MEDICINE).model_dump())
    told(there, **see_elsewhere([here.journey], MEDICINE).model_dump())
    release_all(here)
    release_all(there)
    return there, here


def release_all(play: Play) -> None:
    for hold in tuple(play.journey.standing_holds):
        play.sign(SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE, hold.id)


OTHER = "demo-patient-other"


def test_two_people_sign_that_a_merge_was_wrong_and_nothing_is_removed() -> None:
    there, _ = two_taken_for_one()
    doses, taken_in = there.journey.own_doses, there.journey.elsewhere
    assert there.journey.is_patient(OTHER)
    doubted(there)
    assert there.journey.is_patient(OTHER), "nobody has signed it"
    assert kinds(there.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")) == ["signoff.signed"]
    assert there.journey.merges["merge-1"].merged
    followed = there.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert one(followed, e.PatientUnmerged).other == OTHER
    assert not there.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert there.journey.own_doses == doses
    assert there.journey.elsewhere == taken_in, "until the record says what counts now"
    there.refused(c.ProposeUnmerge(merge="merge-1", reason="x"), code=RefusalCode.ALREADY_DONE, field="merge")
    told(there)
    assert not there.journey.is_patient(OTHER)
    assert there.journey.known_doses == doses
    there.do(c.ProposeMerge(other=OTHER, reason="they are one after all (invented)"), Role.COORDINATOR)
    assert there.asks_for(SignOffKind.PATIENT_MERGE, "merge-2")


def test_both_patients_are_held_and_told_and_what_became_looser_waits_for_two_signatures() -> None:
    there, here = two_taken_for_one()
    assert limit_of(here.journey, DoseLimit.MAX_SINGLE_DOSE) == 40
    for play in (there, here):
        known = len(play.events)
        if play is there:
            followed = doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1") + told(play)
        else:
            followed = told(play)
            assert one(followed, e.HistoryTakenIn).parted == (there.journey.patient.ref,)
        assert one(followed, e.HoldPlaced).severe
        [hold] = play.journey.standing_holds
        assert {notice.to for event in play.events[known:] for notice in notices(event)} >= {
            Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN, Role.ON_CALL_CLINICIAN,
        }  # fmt: skip
        play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
        assert play.journey.held, "one of two"
        play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
        assert not play.journey.held
    assert limit_of(here.journey, DoseLimit.MAX_SINGLE_DOSE) != 40
    assert here.journey.known_doses == ()
    assert told(here) == [], "once"


def test_no_dose_while_it_is_not_decided_whether_a_merge_was_wrong() -> None:
    play = before("session.release")
    merged(play, OTHER)
    told(play, also_known_as=[OTHER])
    play.sign(SignOffKind.CLEARANCE, "1")
    doubted(play)
    assert "decide whether a merge was wrong" in gate(play)
    play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1", decision="decline")
    assert play.journey.is_patient(OTHER)
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play, also_known_as=[OTHER], doses=[dose(play.at - timedelta(days=300))])
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1"), "what was declined is not asked again by itself"
    doubted(play)
    assert play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")


@pytest.mark.parametrize("signed_before", [0, 1], ids=["by the first", "by the second"])
def test_a_doubt_that_was_declined_is_decided_on_anew_also_in_the_same_words(signed_before: int) -> None:
    """It was taken, and nobody was asked."""
    play = doubted(merged(after("evaluation.record"), OTHER))
    for _ in range(signed_before):
        play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")
    play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1", decision="decline")
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    doubted(play)
    play.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert play.journey.merges["merge-1"].undone


@pytest.mark.parametrize("state", ["nothing", "proposed", "declined"])
def test_what_was_never_merged_is_not_taken_apart(state: str) -> None:
    play = after("evaluation.record")
    if state != "nothing":
        play.do(MERGE, Role.COORDINATOR)
    if state == "declined":
        play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1", decision="decline")
    code = RefusalCode.UNKNOWN if state == "nothing" else RefusalCode.ALREADY_DONE
    play.refused(c.ProposeUnmerge(merge="merge-1", reason="x"), Role.COORDINATOR, code=code, field="merge")


def test_a_merge_can_be_undone_after_the_journey_has_closed() -> None:
    play = merged(after("evaluation.record"), OTHER)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closed
    doubted(play)
    play.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert play.journey.merges["merge-1"].undone


def test_who_is_still_one_by_another_merge_parts_from_one_only() -> None:
    play = after("evaluation.record")
    own = play.journey.patient.ref
    told(play, also_known_as=["a", "b", own])
    followed = told(play, also_known_as=["b", own])
    assert one(followed, e.HistoryTakenIn).parted == ("a",)
    assert one(followed, e.HoldPlaced).severe
    assert one(told(play), e.HoldPlaced).severe, "another parting is another fact"
    merged(play, "c")
    told(play, also_known_as=["c", "d"])
    assert one(told(play), e.HistoryTakenIn).parted == ("d",), "c is theirs by this journey's own merge"


@pytest.mark.parametrize("unreadable", [False, True], ids=["not read yet", "unreadable"])
def test_a_parting_that_is_told_after_the_release_holds_again(unreadable: bool) -> None:
    """Known here alone, with no reference to part from: the other one's doses vanished, and nothing was held."""
    play, long_ago = merged(after("evaluation.record"), OTHER), [dose(START - timedelta(days=300))]
    told(play, doses=long_ago)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    if unreadable:
        told(play, doses=long_ago, unreadable=True)
    release_all(play)
    assert not play.journey.held
    assert play.journey.known_doses
    followed = told(play)
    assert one(followed, e.HoldPlaced).cause == "patients_parted"
    assert one(followed, e.HoldPlaced).severe
    release_all(play)
    assert not play.journey.held
    told(play, doses=long_ago)
    assert kinds(told(play)) == ["history.taken-in"], "a dose that was taken back there is another fact"


def test_a_parting_that_is_told_while_it_is_held_holds_once() -> None:
    play = merged(after("evaluation.record"), OTHER)
    told(play, doses=[dose(START - timedelta(days=300))])
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play)
    assert [hold.source for hold in play.journey.standing_holds] == ["merge-1"]
    release_all(play)
    told(play, doses=[dose(START - timedelta(days=200))])
    assert kinds(told(play)) == ["history.taken-in"]


def patients_told(play: Play, known: int) -> int:
    told_of = [notice for event in play.events[known:] for notice in notices(event)]
    return sum(notice.kind == "patients_parted" and notice.to == Role.PATIENT for notice in told_of)


@pytest.mark.parametrize("chain", [[], ["c"], ["c", "d"]], ids=["two", "three", "four"])
def test_of_a_parting_the_patient_is_told_once_also_in_a_chain(chain: list[str]) -> None:
    """Whoever is one with the other is somebody else too, and that is the same news."""
    play = merged(after("evaluation.record"), OTHER)
    told(play, also_known_as=[OTHER, *chain, play.journey.patient.ref])
    known = len(play.events)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play)
    assert [hold.cause for hold in play.journey.standing_holds] == ["patients_parted"]
    assert patients_told(play, known) == 1
    merged(play, "e")
    told(play, also_known_as=["f", "e", play.journey.patient.ref])
    told(play, also_known_as=["e", play.journey.patient.ref])
    assert patients_told(play, known) == 2, "that somebody else parted is news"


@pytest.mark.parametrize("named", [True, False], ids=["known by both", "known here alone"])
@pytest.mark.parametrize("where", ["here", "elsewhere", "with the other"])
def test_nobody_writes_to_a_patient_who_died_and_a_living_one_is_told(where: str, named: bool) -> None:
    play = merged(after("evaluation.record"), OTHER)
    names = [OTHER, play.journey.patient.ref] if named else []
    died = KnownRisk(source=ELSEWHERE, type="death", what="confirmed", since=play.at, open=True)
    elsewhere = [] if where == "here" else [died]
    told(play, also_known_as=names, risks=elsewhere)
    if where == "here":
        play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
        play.sign(SignOffKind.DEATH, "death-1")
        assert play.journey.died
    known = len(play.events)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play, risks=elsewhere if where == "elsewhere" else [])
    told(play, doses=[dose(play.at - timedelta(days=300))], risks=elsewhere if where == "elsewhere" else [])
    assert patients_told(play, known) == (where == "with the other")


def test_who_cannot_be_read_now_parts_from_nobody() -> None:
    """The patient was told that somebody else had been taken for them, and two people had to release care."""
    play = after("evaluation.record")
    own = play.journey.patient.ref
    told(play, also_known_as=["a", own])
    known = len(play.events)
    for _ in range(2):
        assert one(told(play, unreadable=True), e.HistoryTakenIn).parted == ()
        assert play.journey.is_patient("a")
        assert one(told(play, also_known_as=["a", own]), e.HistoryTakenIn).parted == ()
    assert [hold.cause for hold in play.journey.standing_holds] == []
    assert patients_told(play, known) == 0
    told(play, unreadable=True)
    assert one(told(play), e.HistoryTakenIn).parted == ("a",), "two people signed it meanwhile"
    assert play.journey.held
    assert patients_told(play, known) == 1


@pytest.mark.requirement("A35")
def test_a_death_and_an_open_crisis_are_known_elsewhere() -> None:
    play = after("session.dose")
    play.do(c.RecordDeath(related="unknown", reason="invented"), Role.OBSERVER)
    seen = see_elsewhere([play.journey], MEDICINE)
    assert ("death", "reported", True) in {(risk.type, risk.what, risk.open) for risk in seen.risks}


@pytest.mark.requirement("B27")
@pytest.mark.parametrize("changed", [{"dose_mg": 1.0}, {"taken_at": None}])
@pytest.mark.parametrize("ended", [False, True])
def test_a_correction_there_that_nobody_confirmed_opens_nothing_here(changed: dict[str, object], ended: bool) -> None:
    """One person moved a dose of another journey a month back, released the hold here, and gave the next one."""
    there = after("session.end")
    taken = there.dosed_at()
    told = {"session": 1, "dose_mg": 100, "route": "sublingual", "taken_at": taken, "deviation": "misread"}
    earlier = {"taken_at": taken - timedelta(days=30)} if "taken_at" in changed else changed
    fact = c.RecordDose.model_validate({**told, **earlier})
    version = next(number for number, known in there.journey.facts.items() if known.kind == "session.dosed")
    there.do(c.Amend(version=version, reason="x", correction=fact))
    if ended:
        there.do(c.Withdraw(), Role.PATIENT)
    play = before("session.release")
    play.journey = play.journey.model_copy(update={"elsewhere": see_elsewhere([there.journey], "another")})
    says = "a correction of a dose of this patient elsewhere waits for a second person"
    assert says in gate(play)
    [correction] = there.journey.unconfirmed
    there.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
    play.journey = play.journey.model_copy(update={"elsewhere": see_elsewhere([there.journey], "another")})
    assert says not in gate(play)
