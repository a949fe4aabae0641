"""What is asked and measured before a dose, and what a dose is checked against."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from simulation.people import checklist
from tests.journey.correcting import amend, redose
from tests.journey.play import after, before, one
from tests.journey.stages.sessions.helpers import dose
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.supply.rules import balance
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


@pytest.mark.parametrize(
    ("systolic", "diastolic", "heart_rate", "oxygen", "verdict"),
    [
        (120, 80, 72, 98, "go"),
        (140, 90, 100, 95, "go"),
        (90, 50, 50, 95, "go"),
        (141, 80, 72, 98, "recheck"),
        (130, 95, 80, 98, "recheck"),
        (159, 99, 110, 92, "recheck"),
        (130, 80, 101, 98, "recheck"),
        (130, 80, 80, 94, "recheck"),
        (160, 80, 70, 98, "no_go"),
        (130, 100, 70, 98, "no_go"),
        (118, 76, 115, 98, "no_go"),
        (118, 76, 111, 98, "no_go"),
        (118, 76, 49, 98, "no_go"),
        (88, 60, 70, 98, "no_go"),
        (118, 49, 70, 98, "no_go"),
        (118, 76, 70, 91, "no_go"),
        (120, 80, None, None, "go"),
    ],
)
def test_vitals_before_the_dose(
    systolic: int, diastolic: int, heart_rate: int | None, oxygen: int | None, verdict: str
) -> None:
    play = before("session.check")
    measured = c.Vitals(
        systolic=systolic, diastolic=diastolic, heart_rate=heart_rate, oxygen=oxygen, measured_at=play.at
    )
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": measured})
    followed = play.do(form, Role.SESSION_MONITOR)
    assert one(followed, e.SessionChecked).verdict == verdict
    assert (play.waits_for("clearance") is not None) is (verdict == "go")
    assert (play.waits_for("checklist") is not None) is (verdict == "recheck")
    assert play.journey.held is (verdict == "no_go")


def test_blood_pressure_cannot_be_left_out() -> None:
    with pytest.raises(ValidationError, match="diastolic"):
        c.Vitals.model_validate({"systolic": 120, "measured_at": "2026-11-24T17:00:00Z"})


@pytest.mark.parametrize(("minutes", "accepted"), [(0, True), (30, True), (30.5, False), (-1, False)])
def test_vitals_are_fresh_when_recorded(minutes: float, accepted: bool) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at - timedelta(minutes=minutes))
    if accepted:
        play.do(form, Role.SESSION_MONITOR)
    else:
        play.refused(form, Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="vitals.measured_at")


def test_every_item_of_the_checklist_is_answered() -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at)
    items = {name: done for name, done in form.items.items() if name != "time_out_done"}
    play.refused(
        form.model_copy(update={"items": items}), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="items"
    )
    dosed = after("session.dose")
    dosed.refused(checklist(dosed.journey, 1, dosed.at), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)


@pytest.mark.parametrize(("hours", "asked"), [(0, False), (2, True)])
def test_suicide_risk_is_asked_about_in_time_for_the_dose_of_a_session_that_starts_late(
    hours: int, asked: bool
) -> None:
    play = before("session.check")
    rules, begins = play.journey.protocol, play.journey.sessions[1].starts_at
    lasts = timedelta(minutes=rules.sessions.release_minutes, days=-rules.instruments.suicide_risk_valid_days)
    risk = play.journey.asked_risk
    assert risk is not None
    then = (m.model_copy(update={"at": begins + lasts}) if m is risk else m for m in play.journey.measurements)
    play = play.changed(measurements=tuple(then)).later(hours=hours)
    play.do(checklist(play.journey, 1, play.at), Role.SESSION_MONITOR)
    assert bool(play.waits_for("suicide_risk", "1")) is asked


def test_dose_schedules_observations_check_ins_and_the_visit() -> None:
    play = after("session.release")
    dosed, owed = play.do(dose(play), Role.SESSION_MONITOR)
    assert isinstance(dosed, e.DoseRecorded)
    assert isinstance(owed, e.ContactsScheduled)
    assert [(moment - play.at).total_seconds() / 60 for moment in dosed.observe_at] == [15, 40, 120]
    assert {contact.id: (contact.due - play.at).total_seconds() / 3600 for contact in owed.contacts} == {
        "check-in-1-4h": 4,
        "check-in-1-24h": 24,
        "check-in-1-72h": 72,
        "visit-1": 48,
    }
    assert {contact.zone for contact in owed.contacts} == {"America/Los_Angeles"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dose_mg": 101.0}, "not the planned dose"),
        ({"route": "oral"}, "not the planned route"),
        ({"doses_left": 0}, "the doses left do not add up"),
    ],
)
def test_dose_other_than_released_is_recorded_as_a_deviation_and_holds_care(changed: dict[str, Any], says: str) -> None:
    play = after("session.release")
    bodies = play.do(dose(play, **changed, deviation="two tablets by mistake"), Role.SESSION_MONITOR)
    assert one(bodies, e.DoseRecorded).deviations == (says,)
    assert one(bodies, e.HoldPlaced).cause == "dose_deviation"
    assert play.journey.sessions[1].running
    assert play.waits_for("observation") is not None


def test_dose_without_release_is_a_deviation() -> None:
    play = before("session.release")
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert (dosed.deviations, dosed.released) == (("the session was not released",), False)
    assert play.journey.held


def test_dose_under_a_hold_is_recorded_as_a_deviation() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="worried"), Role.OBSERVER)
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the journey is held", "care was held after the release", "the session was stopped")
    assert play.waits_for("observation", "1-15") is not None


def test_release_does_not_outlive_a_hold_or_its_vitals() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="worried"), Role.OBSERVER)
    play.later(minutes=10)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("care was held after the release", "the session was stopped")
    stale = after("session.release").later(minutes=31)
    dosed = one(stale.do(dose(stale), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the vitals were too old by then",)
    fresh = after("session.release").later(minutes=30)
    assert one(fresh.do(dose(fresh), Role.SESSION_MONITOR), e.DoseRecorded).released


def test_a_dose_is_not_recorded_before_it_is_taken_nor_twice() -> None:
    play = after("session.release")
    early = dose(play, taken_at=play.at + timedelta(seconds=1))
    play.refused(early, Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="taken_at")
    play.do(dose(play), Role.SESSION_MONITOR)
    play.refused(dose(play), Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="taken_at")


def test_supply_is_counted_from_dose_to_dose() -> None:
    second = before("session.dose", 2)
    wrong = before("session.dose", 2)
    dosed = one(wrong.do(dose(wrong, 2, doses_left=1), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the doses left do not add up",)
    assert one(second.do(dose(second, 2, doses_left=0), Role.SESSION_MONITOR), e.DoseRecorded).released


@pytest.mark.requirement("B27", "B49")
@pytest.mark.parametrize("days", [0.2, 2, 365])
def test_no_dose_of_a_session_was_taken_before_its_release_however_long_ago_that_was(days: float) -> None:
    """The year was mistyped: the dose that was taken just now set no interval, and nobody looked."""
    play = after("session.release").later(minutes=5)
    known = balance(play.journey)
    bodies = play.do(dose(play, taken_at=play.at - timedelta(days=days)), Role.SESSION_MONITOR)
    dosed = one(bodies, e.DoseRecorded)
    assert not dosed.released
    assert "the session was not released" in dosed.deviations
    assert one(bodies, e.AdverseEventReported).what == "a dose that was not released"
    assert play.journey.held
    assert balance(play.journey) == known - 1
    right = after("session.end")
    earlier = right.journey.started_at - timedelta(days=days)
    unsaid = redose(right, taken_at=earlier, deviation=None)
    body = c.Amend(version=right.version_of("session.dosed"), reason="x", correction=unsaid)
    right.refused(body, code=RefusalCode.OUT_OF_LIMITS, field="deviation", says="not the one released")
    amend(right, "session.dosed", redose(right, taken_at=earlier))
    assert right.journey.held
