"""Every dose that was taken is recorded, in whatever stage and under whatever hold, and has a watch of its own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.journey.play import Play, after, before, course, one, standing, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.stages.sessions.dose_gate import dose_gate


def dose(play: Play, **changed: Any) -> c.RecordDose:
    return c.RecordDose.model_validate({"dose_mg": 50.0, "route": "oral", "taken_at": play.at} | changed)


def closed() -> Play:
    play = course("PTSD")
    return standing(play.journey, play.at, "PTSD")


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


def test_of_contacts_whose_time_has_passed_the_latest_is_owed_at_once() -> None:
    play = before("session.schedule", 2)
    play.do(dose(play, taken_at=play.at - timedelta(hours=30)), Role.PATIENT)
    owed = {k.id: k.due - play.at for k in play.journey.contacts.values() if k.dose == "dose-2"}
    assert owed == {
        "check-in-dose-2-24h": timedelta(),
        "check-in-dose-2-72h": timedelta(hours=42),
        "visit-dose-2": timedelta(hours=18),
    }
