"""Risk that is told hastens the contacts that are owed already, as it does those that are planned under it."""

from collections.abc import Callable
from datetime import UTC, timedelta

import pytest

from simulation.people import observation
from tests.journey.contacts import answer
from tests.journey.instruments.vectors import c_ssrs_since
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import obligations
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import after_quiet_hours, local


def asks_c_ssrs(play: Play) -> None:
    answers = c_ssrs_since("yyyyyn")
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=answers))


def tells_item_9(play: Play) -> None:
    answers = [0] * 8 + [2]
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=answers), Role.PATIENT)


def reports_crisis(play: Play) -> None:
    play.do(c.ReportCrisis(what="they want to die (invented)"), Role.OBSERVER)


def reports_event(play: Play) -> None:
    said = {"what": "fell (invented)", "grade": 2, "serious": False, "onset": play.at, "causality": "possible"}
    play.do(c.ReportAdverseEvent.model_validate(said), Role.OBSERVER)


def feels_unwell(play: Play) -> None:
    play.do(answer("check-in-1-72h", "unwell"), Role.PATIENT)


def asks_for_help(play: Play) -> None:
    play.do(c.RequestSupport(urgency="urgent", text="unwell (invented)"), Role.PATIENT)


def sees_harm(play: Play) -> None:
    minute = round((play.at - play.dosed_at()) / timedelta(minutes=1))
    seen = observation(play.journey, 1, minute, play.at).model_copy(update={"consciousness": "unresponsive"})
    play.do(seen, Role.OBSERVER)


def tells_unreadably(play: Play) -> None:
    said = c.KeepReport(about="crisis.report", said="they want to die (invented)", fields=("what",))
    play.do(said, Role.OBSERVER)


TOLD = (
    asks_c_ssrs,
    tells_item_9,
    reports_crisis,
    reports_event,
    feels_unwell,
    asks_for_help,
    sees_harm,
    tells_unreadably,
)


def contacts(play: Play) -> dict[str, Obligation]:
    return {each.id: each for each in obligations(play.journey) if each.kind in ("check_in", "visit")}


def minutes_after_due(owed: Obligation) -> tuple[float, ...]:
    return tuple((step - owed.deadline) / timedelta(minutes=1) for step in owed.steps)


@pytest.mark.parametrize("tell", TOLD)
def test_risk_that_is_told_hastens_the_check_ins_that_are_open(tell: Callable[[Play], None]) -> None:
    play = after("session.end")
    before = contacts(play)
    tell(play)
    now = contacts(play)
    assert list(now) == list(before), "the same contacts are owed"
    owed = now["check_in:check-in-1-24h"]
    assert minutes_after_due(before[owed.id])[1:] == (120, 240, 720, 1440)
    assert minutes_after_due(owed) == (0, 60, 120, 360, 720)
    for name, each in now.items():
        assert each.deadline == before[name].deadline
        assert each.since == before[name].since
        assert all(new <= old for new, old in zip(each.steps, before[name].steps, strict=True))


def test_steps_whose_hastened_time_has_passed_are_taken_at_once_and_none_twice() -> None:
    play = after("session.end")
    play.wait(hours=24 + 1.9 - (play.at - play.dosed_at()) / timedelta(hours=1))
    before = contacts(play)["check_in:check-in-1-24h"]
    asks_c_ssrs(play)
    owed = contacts(play)[before.id]
    assert (owed.taken, owed.steps[: owed.taken]) == (before.taken, before.steps[: before.taken])
    assert owed.next_step == play.at, "no step is planned for a time that has passed"
    taken = [
        each.step for each in play.wait() if isinstance(each, e.ObligationEscalated) and each.obligation == owed.id
    ]
    assert taken == [before.taken]


def test_no_step_is_hastened_into_the_quiet_hours_that_its_policy_keeps() -> None:
    play = after("session.end")
    zone, quiet = play.journey.patient.zone, play.journey.protocol.quiet_hours
    before = contacts(play)["check_in:check-in-1-72h"]
    night = local(before.deadline + timedelta(days=2), zone).replace(hour=2).astimezone(UTC)
    play.wait(seconds=(night - play.at).total_seconds())
    asks_c_ssrs(play)
    owed = contacts(play)[before.id]
    morning = after_quiet_hours(play.at, zone, quiet)
    assert owed.next_step == morning
    assert play.at < morning < before.steps[owed.taken]


def test_an_alarm_that_is_taken_goes_on_as_it_was_acknowledged() -> None:
    play = after("session.end")
    play.wait(hours=4 + 2 - (play.at - play.dosed_at()) / timedelta(hours=1))
    alarm = contacts(play)["check_in:check-in-1-4h"]
    play.do(c.AcknowledgeAlarm(obligation=alarm.id, doing="calls (invented)"))
    taken = contacts(play)[alarm.id]
    asks_c_ssrs(play)
    assert contacts(play)[alarm.id] == taken


def test_contacts_are_hastened_once_and_stay_so() -> None:
    play = after("session.end")
    reports_event(play)
    hastened = contacts(play)
    play.later(hours=1)
    asks_c_ssrs(play)
    assert contacts(play) == hastened


def test_what_is_planned_once_the_harm_is_seen_to_is_hastened_no_more() -> None:
    play = after("session.end")
    asks_for_help(play)
    play.do(c.AnswerSupport(support="support-1", text="seen (invented)"))
    for hours in (4, 24, 72):
        play.at = play.dosed_at() + timedelta(hours=hours)
        play.do(answer(f"check-in-1-{hours}h"), Role.PATIENT)
    [routine] = [each for name, each in contacts(play).items() if name.startswith("check_in:")]
    assert not routine.hastened
    assert minutes_after_due(routine)[1:4] == (1440, 2880, 4320)
