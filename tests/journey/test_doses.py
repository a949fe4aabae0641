"""Every dose that was taken is recorded, in whatever stage and under whatever hold, and has a watch of its own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulation.people import checklist, plan, revision, vitals
from tests.journey.contacts import answer
from tests.journey.correcting import amend, redose
from tests.journey.play import Play, after, before, one, started
from tests.journey.stages.sessions.helpers import ending, observed_until, see
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


def dose(play: Play, **changed: Any) -> c.RecordDose:
    return c.RecordDose.model_validate({"dose_mg": 50.0, "route": "oral", "taken_at": play.at} | changed)


def withdrawn_with_the_dose_in_hand() -> Play:
    play = after("session.release")
    play.do(c.Withdraw(), Role.PATIENT)
    return play


def held() -> Play:
    play = before("session.schedule", 2)
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    return play


MOMENTS: dict[str, Callable[[], Play]] = {
    "before anything is signed": started,
    "between sessions": lambda: before("session.schedule", 2),
    "under a hold": held,
    "in a running session": lambda: after("session.dose").later(minutes=50),
    "after a withdrawal with the dose in hand": withdrawn_with_the_dose_in_hand,
    "after a session": lambda: after("session.end"),
    "in follow-up": lambda: before("visit.record", 4),
}


@pytest.mark.parametrize("by", [Role.PATIENT, Role.OBSERVER, Role.COORDINATOR, Role.CLINICIAN])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_dose_is_recorded_whenever_it_was_taken_and_whoever_tells_it(moment: str, by: Role) -> None:
    play = MOMENTS[moment]()
    known = len(play.journey.doses)
    dosed = one(play.do(dose(play), by), e.DoseRecorded)
    taken = play.journey.doses[dosed.dose]
    assert (taken.taken_at, taken.dose_mg, taken.told_by) == (play.at, 50.0, by)
    assert len(play.journey.doses) == known + 1
    assert play.journey.last_dose_at == play.at
    assert play.journey.held
    owed = [contact for contact in play.journey.contacts.values() if contact.dose == dosed.dose and contact.open]
    assert [round((contact.due - play.at) / timedelta(hours=1)) for contact in owed] == [4, 24, 72, 48]
    assert all(play.waits_for(contact.type, contact.id) for contact in owed)


@pytest.mark.parametrize(
    ("told_by", "by", "by_report"),
    [(None, Role.PATIENT, False), (Role.PATIENT, Role.PATIENT, False), (Role.PATIENT, Role.CLINICIAN, True)],
)
def test_what_somebody_else_is_said_to_have_told_of_a_dose_is_marked_as_by_report(
    told_by: Role | None, by: Role, by_report: bool
) -> None:
    play = before("session.schedule", 2)
    dosed = one(play.do(dose(play, told_by=told_by), by), e.DoseRecorded)
    assert (dosed.told_by, dosed.by_report) == (Role.PATIENT, by_report)
    assert play.journey.doses[dosed.dose].by_report == by_report
    retold = c.RecordDose(dose_mg=25.0, route="oral", taken_at=play.at)
    play.do(c.Amend(version=play.journey.doses[dosed.dose].version, reason="counted", correction=retold))
    assert play.journey.doses[dosed.dose].by_report, "a clinician corrected it"


def test_a_second_dose_does_not_replace_the_first_and_both_count() -> None:
    play = after("session.dose").later(minutes=30)
    first = play.journey.sessions[1]
    second = one(play.do(dose(play, dose_mg=350.0), Role.OBSERVER), e.DoseRecorded)
    assert second.session == 1
    assert second.deviations[-4:] == (
        "another dose in session 1", "not the planned dose", "not the planned route", "the doses left do not add up",
    )  # fmt: skip
    assert play.journey.sessions[1] == first
    later = before("session.check", 2).journey.model_copy(update={"doses": play.journey.doses})
    assert "dose above 400.0 mg in 7 days" in dose_gate(later, 2, play.at + timedelta(hours=80))


def test_a_dose_without_a_session_belongs_to_the_one_that_waits_for_it() -> None:
    play = after("session.release")
    taken = dose(play, dose_mg=100.0, route="sublingual", doses_left=1)
    dosed = one(play.do(taken, Role.SESSION_MONITOR), e.DoseRecorded)
    assert (dosed.session, dosed.released, play.journey.sessions[1].running) == (1, True, True)


@pytest.mark.parametrize(("amount", "other"), [(100.0, False), (80.0, True)])
def test_a_dose_is_compared_with_what_its_session_was_released_with(amount: float, other: bool) -> None:
    """It was compared with the plan that stood when it was told, though the alarm compared it with the release."""
    play = after("session.end")
    lower = plan(play.journey.protocol, play.at).model_copy(update={"dose_mg": 80.0})
    play.do(revision(play.journey, lower))
    told = dose(play, session=1, dose_mg=amount, route="sublingual", taken_at=play.dosed_at() + timedelta(minutes=1))
    assert ("not the planned dose" in one(play.do(told, Role.OBSERVER), e.DoseRecorded).deviations) == other


def test_a_dose_of_an_unknown_amount_lets_no_other_follow_until_somebody_finds_out() -> None:
    play = before("session.check", 2)
    dosed = one(play.do(dose(play, dose_mg=None), Role.PATIENT), e.DoseRecorded)
    assert f"nobody knows how much was taken at {play.at:%Y-%m-%d %H:%M} UTC" in dose_gate(
        play.journey, 2, play.at + timedelta(hours=100)
    )
    found = c.RecordDose(dose_mg=25.0, route="oral", taken_at=play.at)
    play.do(c.Amend(version=play.journey.doses[dosed.dose].version, reason="counted", correction=found))
    assert play.journey.doses[dosed.dose].dose_mg == 25.0
    assert not [found for found in dose_gate(play.journey, 2, play.at) if "nobody knows" in found]


def test_a_known_dose_from_before_the_journey_counts_and_holds_nothing() -> None:
    play = before("session.schedule")
    taken = play.journey.started_at - timedelta(days=9)
    play.do(dose(play, taken_at=taken, told_by=Role.PATIENT), Role.CLINICIAN)
    assert not play.journey.held
    assert play.journey.last_dose_at == taken
    assert play.journey.course_started_at is None
    assert not [contact for contact in play.journey.contacts.values() if contact.dose == "dose-1"]


@pytest.mark.parametrize("session", [None, 7])
def test_no_correction_makes_a_dose_of_the_journey_one_of_before_it(session: int | None) -> None:
    """Nothing differed any more, and nothing was held, once somebody had corrected its time to a year ago."""
    play = before("session.check", 2)
    told = dose(play, session=session, route="sublingual", dose_mg=100.0)
    dosed = one(play.do(told), e.DoseRecorded)
    long_ago = told.model_copy(update={"taken_at": play.journey.started_at - timedelta(days=300), "session": None})
    play.do(c.Amend(version=play.journey.doses[dosed.dose].version, reason="mistyped", correction=long_ago))
    assert play.journey.doses[dosed.dose].deviations == dosed.deviations
    assert "dose_deviation" in [hold.cause for hold in play.journey.standing_holds]


@pytest.mark.parametrize("hours", [0.1, 72])
def test_a_dose_shortly_before_the_journey_is_seen_to_like_one_shortly_after(hours: float) -> None:
    play = started().later(minutes=10)
    bodies = play.do(dose(play, dose_mg=2000.0, taken_at=play.at - timedelta(hours=hours)), Role.PATIENT)
    assert one(bodies, e.AdverseEventReported).finding == "unreleased_dose"
    assert play.journey.held
    assert play.waits_for("alarm")


def test_of_contacts_whose_time_has_passed_the_latest_is_owed_at_once() -> None:
    play = before("session.schedule", 2)
    play.do(dose(play, taken_at=play.at - timedelta(hours=30)), Role.PATIENT)
    owed = {k.id: k.due - play.at for k in play.journey.contacts.values() if k.dose == "dose-2"}
    assert owed == {
        "check-in-dose-2-24h": timedelta(),
        "check-in-dose-2-72h": timedelta(hours=42),
        "visit-dose-2": timedelta(hours=18),
    }


def test_a_dose_outside_a_session_has_its_observations() -> None:
    play = before("session.schedule", 2)
    play.do(dose(play, taken_at=play.at - timedelta(minutes=20)), Role.PATIENT)
    owed = {w.subject: w.due for w in play.journey.waiting.values() if w.kind == "observation"}
    taken = play.journey.doses["dose-2"].taken_at
    assert owed == {f"dose-2-{minute}": taken + timedelta(minutes=minute) for minute in (40, 120)}
    play.later(minutes=22)
    seen = c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True, vitals=vitals(play.at))
    play.do(seen, Role.OBSERVER)
    assert play.waits_for("observation", "dose-2-40") is None
    missed = c.GiveUpObservation(dose="dose-2", minute=120, reason="did not answer")
    play.refused(missed, code=RefusalCode.WRONG_TIME, field="minute")
    assert play.waits_for("observation", "dose-2-120") is not None, "one observation makes no other"
    play.later(hours=3).do(missed)
    assert play.waits_for("observation") is None


LOOKED: dict[str, Any] = {"consciousness": "alert", "breathing_normal": True}


@pytest.mark.requirement("A29")
@pytest.mark.parametrize(
    ("minute", "seen", "measured", "later", "made"),
    [
        (15, LOOKED, None, 0, True),
        (15, LOOKED, None, 30, True),
        (15, LOOKED, None, 31, False),
        (15, {"consciousness": "alert"}, None, 0, False),
        (15, {"breathing_normal": True}, None, 0, False),
        (15, {"note": "they are fine"}, None, 0, False),
        (40, LOOKED, 0, 0, True),
        (40, LOOKED, None, 0, False),
        (40, LOOKED, -11, 0, False),
        (40, LOOKED, 0, 31, False),
    ],
)
def test_an_observation_outside_a_session_is_made_by_a_look_in_time_with_what_is_measured_then(
    minute: int, seen: dict[str, Any], measured: int | None, later: int, made: bool
) -> None:
    """An empty form made it, and so did one that was filled in hours later."""
    play = before("session.schedule", 2)
    play.do(dose(play), Role.PATIENT)
    seen_at = play.later(minutes=minute).at
    taken = None if measured is None else vitals(seen_at + timedelta(minutes=measured))
    play.later(minutes=later)
    play.do(c.RecordObservation.model_validate({"seen_at": seen_at, "vitals": taken, **seen}), Role.OBSERVER)
    assert (play.waits_for("observation", f"dose-2-{minute}") is None) == made


@pytest.mark.requirement("A29")
@pytest.mark.parametrize(("minute", "left"), [(35, [40]), (36, [30]), (40, [30])])
def test_one_look_makes_the_nearest_observation_alone_in_a_session_or_outside(minute: int, left: list[int]) -> None:
    """Outside a session, one look between two of them made both."""
    outside, inside = before("session.schedule", 2), before("session.dose")
    for play in (outside, inside):
        rules = play.journey.protocol.sessions.model_copy(update={"observe_minutes": (30, 40), "vitals_minutes": ()})
        changed = play.changed(protocol=play.journey.protocol.model_copy(update={"sessions": rules}))
        changed.do(dose(changed), Role.PATIENT)
        changed.later(minutes=minute)
        if play is outside:
            looked = c.RecordObservation.model_validate({"seen_at": changed.at, **LOOKED})
            changed.do(looked, Role.OBSERVER)
            assert [due for _, due, _ in changed.journey.unobserved()] == left
        else:
            see(changed)
            assert [*changed.journey.sessions[1].awaited((30, 40))] == left


@pytest.mark.requirement("A29")
def test_nobody_observes_themselves_after_a_dose() -> None:
    """The patient wrote that they were well, and nobody else was asked to look."""
    play = before("session.schedule", 2)
    play.do(dose(play), Role.PATIENT)
    play.later(minutes=15)
    well = c.RecordObservation.model_validate({"seen_at": play.at, **LOOKED})
    play.do(well, Role.PATIENT)
    assert play.waits_for("observation", "dose-2-15") is not None
    play.do(well, Role.OBSERVER)
    assert play.waits_for("observation", "dose-2-15") is None


@pytest.mark.requirement("A29")
def test_no_session_ends_before_a_second_dose_in_it_was_observed_too() -> None:
    play = observed_until(120)
    play.do(dose(play, dose_mg=50), Role.OBSERVER)
    play.later(minutes=131)
    see(play)
    end = ending(play)
    for minute in (15, 40, 120):
        play.refused(end, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says=f"{minute} minutes")
        play.do(c.GiveUpObservation(dose="dose-2", minute=minute, reason="x"), Role.SESSION_MONITOR)
    play.do(end, Role.SESSION_MONITOR)


@pytest.mark.parametrize(
    ("seen", "follows"),
    [
        ({"consciousness": "unresponsive"}, e.AdverseEventReported),
        ({"breathing_normal": False}, e.AdverseEventReported),
        ({"red_flags": ("never heard of",)}, e.AdverseEventReported),
        ({"vitals": {"systolic": 190, "diastolic": 90}}, e.AdverseEventReported),
        ({"vitals": {"systolic": 165, "diastolic": 90}}, e.SupportRequested),
    ],
)
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_is_seen_acts_wherever_it_is_seen(moment: str, seen: dict[str, Any], follows: type[e.EventBody]) -> None:
    play = MOMENTS[moment]()
    if "vitals" in seen:
        seen = {"vitals": {**seen["vitals"], "measured_at": play.at}}
    if "red_flags" in seen:
        seen = {"red_flags": ("never_heard_of",)}
    bodies = play.do(c.RecordObservation.model_validate({"seen_at": play.at} | seen), Role.PATIENT)
    recorded = one(bodies, e.ObservationRecorded)
    one(bodies, follows)
    assert play.journey.held
    assert bool(recorded.not_understood) == ("red_flags" in seen)
    play.refused(
        c.RecordObservation(seen_at=play.at + timedelta(minutes=1)),
        Role.PATIENT,
        code=RefusalCode.WRONG_TIME,
        field="seen_at",
    )


def test_an_observation_of_a_session_that_is_over_is_added_and_acts() -> None:
    play = after("session.end")
    seen = c.Observe(session=1, minute=120, consciousness="unresponsive", breathing_normal=True, vomiting=False)
    bodies = play.do(seen, Role.OBSERVER)
    one(bodies, e.AdverseEventReported)
    assert play.journey.sessions[1].ended_at is not None
    assert play.journey.sessions[1].observations[-1].consciousness == "unresponsive"


@pytest.mark.parametrize("odd", [{"location_state": "ZZ"}, {"items": {"no_such_item": True}}])
def test_what_is_odd_in_a_checklist_is_kept_allows_no_dose_and_costs_no_measurement(odd: dict[str, Any]) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at).model_dump()
    changed = {**form, **odd} if "location_state" in odd else {**form, "items": {**form["items"], **odd["items"]}}
    bodies = play.do(c.CheckSession.model_validate(changed), Role.SESSION_MONITOR)
    kept = one(bodies, e.SessionChecked)
    assert kept.vitals == checklist(play.journey, 1, play.at).vitals
    assert len(kept.not_understood) == 1
    assert ("location" in kept.no_go) == ("location_state" in odd)


def test_a_check_in_from_nowhere_is_answered_all_the_same() -> None:
    play = after("session.end").later(hours=4)
    said = {"check_in": "check-in-1-4h", "feeling": "unwell", "side_effects": "x"}
    answer = c.CompleteCheckIn.model_validate({**said, "location": {"state": "at my sister's", "confirmed": False}})
    bodies = play.do(answer, Role.PATIENT)
    assert len(one(bodies, e.CheckInCompleted).not_understood) == 1
    assert [body.urgency for body in bodies if isinstance(body, e.SupportRequested)] == ["urgent", "clinical"]


def test_a_dose_told_again_after_one_in_error_has_its_contacts_again() -> None:
    play = after("session.dose")
    version = play.journey.doses["dose-1"].version
    play.do(c.MarkInError(version=version, reason="spat out"))
    [correction] = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=correction, reason="asked again"), Role.MEDICAL_DIRECTOR)
    assert play.journey.doses == {}
    assert play.waits_for("check_in") is None
    again = one(play.later(minutes=5).do(dose(play, session=1), Role.PATIENT), e.DoseRecorded)
    owed = [k.id for k in play.journey.contacts.values() if k.open and k.dose == again.dose]
    assert {"check-in-1-4h", "check-in-1-24h", "check-in-1-72h"} <= set(owed)
    assert all(play.waits_for(play.journey.contacts[name].type, name) for name in owed)


@pytest.mark.parametrize(("minutes_before_end", "owed"), [(5, (40, 120)), (30, (120,)), (200, ())])
def test_a_dose_that_turns_out_to_be_of_just_before_the_end_of_its_session_is_observed_still(
    minutes_before_end: int, owed: tuple[int, ...]
) -> None:
    """The last look of the session counts as what it was near to."""
    play = after("session.end")
    ended_at = play.journey.sessions[1].ended_at
    assert ended_at is not None
    amend(play, "session.dosed", redose(play, taken_at=ended_at - timedelta(minutes=minutes_before_end)))
    assert tuple(minute for _, minute, _ in play.journey.unobserved()) == owed
    assert [w.kind for w in play.journey.waiting.values()].count("observation") == len(owed)


def test_a_time_of_a_dose_that_is_corrected_long_after_asks_for_no_observation() -> None:
    play = after("session.end").later(days=1)
    ended_at = play.journey.sessions[1].ended_at
    assert ended_at is not None
    amend(play, "session.dosed", redose(play, taken_at=ended_at - timedelta(minutes=5)))
    assert play.journey.unobserved() == ()


def test_nobody_alone_takes_the_contacts_after_a_dose_away_once_the_pathway_ends() -> None:
    play = after("session.end").later(days=1)
    taken = {"dose_mg": 50, "route": "sublingual", "taken_at": play.at}
    play.do(c.RecordDose.model_validate(taken), Role.PATIENT)
    play.do(c.Withdraw(), Role.PATIENT)
    owed = [w.id for w in play.journey.waiting.values() if w.kind in ("check_in", "visit")]
    assert len(owed) > 1
    long_ago = c.RecordDose.model_validate({**taken, "taken_at": play.at - timedelta(days=10)})
    amend(play, "session.dosed", long_ago)
    assert [w.id for w in play.journey.waiting.values() if w.kind in ("check_in", "visit")] == owed


@pytest.mark.long
@pytest.mark.parametrize("moment", ["before the sessions", "after closing"])
def test_a_check_in_that_was_made_too_late_is_decided_on_wherever_its_dose_was_told(moment: str) -> None:
    play = before("screening.record")
    if moment == "after closing":
        play.do(c.Withdraw(), Role.PATIENT)
        play.go_on(lambda journey: journey.closed)
    play.do(c.RecordDose(dose_mg=100.0, route="sublingual", taken_at=play.at), Role.PATIENT)
    play.wait(days=2)
    name = "check-in-dose-1-4h"
    play.do(answer(name), Role.PATIENT)
    assert play.waits_for("missed_contact", name)
    play.do(c.SettleContact(contact=name, reason="invented"))
    assert play.waits_for("missed_contact", name) is None
