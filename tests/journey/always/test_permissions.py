"""Permissions end on a day that is data: they are warned of long before, and then nothing goes on without them."""

from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import Play, after, awaits, before, kinds, one, started
from tests.journey.settings import with_clinic
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.permissions.rules import last_day, permitted_before
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import LAST_DAY, local
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

ENDED = "the permission to prescribe without a visit in person has ended"


def lasting(play: Play, days: int, **rules: Any) -> Play:
    """The same moment of a journey of a patient, whose permission has its last day in so many days."""
    protocol = play.journey.protocol
    today = local(play.at, protocol.working_time.zone).date()
    changed = {"remote_prescribing_last_day": today + timedelta(days=days), **rules}
    permissions = protocol.permissions.model_copy(update=changed)
    return play.changed(illustrative=False, protocol=protocol.model_copy(update={"permissions": permissions}))


def refresh(play: Play) -> None:
    """Something that nobody minds, after which the journey asks for what it needs now."""
    play.do(c.UpdatePatient(language="en", reason="invented"), Role.COORDINATOR)


def signed_anew(play: Play) -> Play:
    """With the decisions that a demonstration had signed, and that count for no patient, signed for the patient."""
    refresh(play)
    play.sign(SignOffKind.EVALUATION)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.sign(SignOffKind.PLAN)
    return play


@pytest.mark.parametrize("days", [-1, -30])
def test_after_its_last_day_no_session_is_released(days: int) -> None:
    assert dose_gate(before("session.release").journey, 1, before("session.release").at) == ()
    play = lasting(before("session.release"), days)
    assert ENDED in dose_gate(play.journey, 1, play.at)
    refused = play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE)
    assert ENDED in refused.reason


@cache
def _ready_in_the_clinic() -> Play:
    play = started("PTSD")
    play = play.changed(protocol=with_clinic(play.journey.protocol)).go_on(awaits(SignOffKind.ELIGIBILITY))
    play.sign(SignOffKind.ELIGIBILITY, choice="in_clinic")
    return play.go_on(awaits("release"))


@pytest.mark.requirement("B32")
@pytest.mark.parametrize(("doses_from", "rests"), [("clinic", False), ("home", True)])
def test_it_stops_no_dose_of_the_clinics_own_stock_in_the_clinic(doses_from: str, rests: bool) -> None:
    """The patient is seen in person there, and nothing is prescribed to them at a distance."""
    play = _ready_in_the_clinic()
    play = play.changed(permission_until=local(play.at, play.journey.protocol.working_time.zone).date() - timedelta(1))
    sessions = play.journey.protocol.sessions
    there = sessions.settings["in_clinic"].model_copy(update={"doses_from": doses_from})
    sessions = sessions.model_copy(update={"settings": {**sessions.settings, "in_clinic": there}})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"sessions": sessions}))
    assert (ENDED in dose_gate(play.journey, 1, play.at)) is rests
    refresh(play)
    assert (play.waits_for("permission_end", "remote_prescribing") is not None) is rests


def test_on_its_last_day_it_still_covers() -> None:
    play = lasting(before("session.release"), 0)
    assert ENDED not in dose_gate(play.journey, 1, play.at)
    play.at = permitted_before(play.journey) - timedelta(seconds=1)
    assert ENDED not in dose_gate(play.journey, 1, play.at)
    assert ENDED in dose_gate(play.journey, 1, play.at + timedelta(seconds=1))


def test_no_session_is_planned_for_a_day_after_it() -> None:
    play = before("session.schedule")
    [form] = [move[1].body for move in after("session.schedule").moves]
    assert isinstance(form, c.ScheduleSession)
    planned = local(form.starts_at, play.journey.protocol.working_time.zone).date()
    today = local(play.at, play.journey.protocol.working_time.zone).date()
    short, enough = (signed_anew(lasting(play, (planned - today).days - less)) for less in (1, 0))
    short.refused(form, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says=ENDED)
    assert kinds(enough.do(form, Role.COORDINATOR)) == ["session.scheduled"]


def test_a_demonstration_has_a_last_day_of_its_own_counted_from_its_start() -> None:
    play = before("session.release")
    assert play.journey.illustrative
    days = play.journey.protocol.permissions.remote_prescribing_in_demonstrations_days
    began = local(play.journey.started_at, play.journey.protocol.working_time.zone).date()
    assert last_day(play.journey) == began + timedelta(days=days)


@pytest.mark.parametrize("days", [0, 1, 300])
def test_what_lasts_to_the_end_of_the_calendar_is_not_warned_of(days: int) -> None:
    """Also where the protocol escalates days after the end: such a step has no date, and nothing was decided."""
    play, last = before("education.explain"), LAST_DAY - timedelta(days=days)
    rules = play.journey.protocol.permissions.model_copy(update={"remote_prescribing_last_day": last})
    policies = play.journey.protocol.escalation_policies
    policy = policies["permission_end"]
    late = policy.steps[-1].model_copy(update={"minutes": 60 * 24 * 14})
    policies = {**policies, "permission_end": policy.model_copy(update={"steps": (*policy.steps[:-1], late)})}
    protocol = play.journey.protocol.model_copy(update={"permissions": rules, "escalation_policies": policies})
    lasting_long = [
        member.model_copy(update={"licence": member.licence and member.licence.model_copy(update={"expires": last})})
        for member in play.journey.members
    ]
    play = play.changed(illustrative=False, protocol=protocol, members=tuple(lasting_long))
    refresh(play)
    assert play.waits_for("permission_end") is None
    assert ENDED not in dose_gate(play.journey, 1, play.at)


def warnings(play: Play, days: int) -> list[int]:
    """How many days before its end each warning comes, in these days."""
    waiting = play.waits_for("permission_end", "remote_prescribing")
    assert waiting is not None
    passed = play.wait(days=days)
    steps = [b for b in passed if isinstance(b, e.ObligationEscalated) and b.obligation.startswith("permission_end")]
    assert all(step.to == Role.MEDICAL_DIRECTOR for step in steps)
    return [(waiting.deadline - step.due).days for step in steps]


@pytest.mark.parametrize(
    ("days", "warned"), [(120, [90, 60, 30, 14, 0]), (61, [90, 60, 30, 14, 0]), (45, [60, 30, 14, 0]), (5, [14, 0])]
)
def test_it_is_warned_of_90_60_30_and_14_days_before(days: int, warned: list[int]) -> None:
    """Of warnings whose day has passed when the wait begins, only the last is given."""
    play = lasting(before("education.explain"), days)
    play.journey = play.journey.model_copy(
        update={"waiting": {name: w for name, w in play.journey.waiting.items() if w.kind != "permission_end"}}
    )
    refresh(play)
    assert warnings(play, days + 1) == warned


@pytest.mark.parametrize("by", [Role.CLINICIAN, Role.MEDICAL_DIRECTOR])
def test_another_last_day_counts_once_a_second_person_has_signed_it(by: Role) -> None:
    play = lasting(before("session.release"), -1)
    later = local(play.at, play.journey.protocol.working_time.zone).date() + timedelta(days=30)
    play.do(c.ProposePermission(until=later, source="extended (invented)"), by)
    assert ENDED in dose_gate(play.journey, 1, play.at)
    own = play.command(play.signature(SignOffKind.PERMISSION), by)
    refused = play.take(own)
    assert isinstance(refused, Refusal)
    assert "who wrote this" in refused.reason
    play.sign(SignOffKind.PERMISSION)
    assert last_day(play.journey) == later
    assert ENDED not in dose_gate(play.journey, 1, play.at)
    same = c.ProposePermission(until=later, source="x")
    play.refused(same, code=RefusalCode.ALREADY_DONE, field="until")
    play.refused(same, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)


def test_a_proposal_that_is_declined_changes_nothing() -> None:
    play = lasting(before("session.release"), -1)
    play.do(c.ProposePermission(until=date(2036, 1, 1), source="wishful (invented)"))
    play.sign(SignOffKind.PERMISSION, decision="decline")
    assert ENDED in dose_gate(play.journey, 1, play.at)
    assert not play.asks_for(SignOffKind.PERMISSION)


def check(play: Play, **changed: Any) -> c.RecordMonitoringCheck:
    given_ = {"state": "CA", "checked_at": play.at, "concern": False, "found": "nothing (invented)"}
    return c.RecordMonitoringCheck.model_validate(given_ | changed)


@pytest.mark.parametrize("made", [{}, {"state": "NY"}])
def test_no_release_without_a_check_of_the_monitoring_program_where_the_patient_is(made: dict[str, str]) -> None:
    play = before("session.release").changed(monitoring_check=None)
    if made:
        play.do(check(play, **made))
    assert any("monitoring program" in found for found in dose_gate(play.journey, 1, play.at))
    assert play.waits_for("monitoring_check") or not made
    play.do(check(play))
    assert not any("monitoring program" in found for found in dose_gate(play.journey, 1, play.at))


def test_a_check_counts_for_the_days_of_the_protocol_and_is_renewed() -> None:
    play = before("session.release")
    days = play.journey.protocol.permissions.monitoring_check_valid_days
    play.do(check(play, checked_at=play.at))
    waiting = play.waits_for("monitoring_check", "renewal")
    assert waiting is not None
    assert waiting.deadline == play.at + timedelta(days=days)
    old = "the check of the monitoring program is too old"
    assert old not in dose_gate(play.journey, 1, play.at + timedelta(days=days))
    assert old in dose_gate(play.journey, 1, play.at + timedelta(days=days, seconds=1))
    latest = play.journey.monitoring_check
    play.do(check(play, checked_at=play.at - timedelta(days=1)))
    assert play.journey.monitoring_check == latest, "what is told late takes the place of nothing later"
    future = check(play, checked_at=play.at + timedelta(minutes=1))
    play.refused(future, code=RefusalCode.WRONG_TIME, field="checked_at")


def test_a_concern_holds_care_until_the_medical_director_has_looked() -> None:
    play = before("session.release")
    hold = one(play.do(check(play, concern=True)), e.HoldPlaced)
    assert (hold.cause, hold.severe) == ("monitoring_program", True)


@given(st.integers(-400, 400), st.integers(0, 72))
def test_nothing_is_released_after_the_last_day_whatever_it_is(days: int, hours: int) -> None:
    play = lasting(before("session.release"), days)
    moment = play.at + timedelta(hours=hours)
    today = local(moment, play.journey.protocol.working_time.zone).date()
    assert (ENDED in dose_gate(play.journey, 1, moment)) == (today > last_day(play.journey))
