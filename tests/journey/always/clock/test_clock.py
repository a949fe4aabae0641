"""The clock: each step of an escalation policy once, never early, and never an approval; local times by local rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tests.journey.play import PROTOCOLS, Play, after, before, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import next_deadline, obligations
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.calendars import QuietHours, after_quiet_hours, age_on, is_quiet, local
from workflows.protocols import list_pathways

NIGHT = QuietHours.model_validate({"start": "21:00", "end": "08:00"})
HOME = ZoneInfo("America/Los_Angeles")


def escalated(bodies: list[e.EventBody]) -> list[tuple[str, int]]:
    return [(body.obligation, body.step) for body in bodies if isinstance(body, e.ObligationEscalated)]


def test_no_step_is_taken_early() -> None:
    play = started()
    deadline = next_deadline(play.journey)
    assert deadline is not None
    play.at = deadline - timedelta(microseconds=1)
    assert play.clock() == []
    play.at = deadline
    assert len(escalated(play.clock())) == 1


def test_each_step_is_taken_once_however_often_the_clock_looks() -> None:
    play = started()
    taken: list[tuple[str, int]] = []
    for _ in range(400):
        play.at += timedelta(hours=1)
        taken += escalated(play.clock()) + escalated(play.clock())
    assert taken == [("evaluation", step) for step in range(4)]
    assert next_deadline(play.journey) is None
    assert obligations(play.journey), "an obligation at the top of its escalation policy still waits"


def test_clock_that_comes_late_takes_every_step_that_was_missed_in_order() -> None:
    play = started().later(days=365)
    bodies = play.clock()
    assert escalated(bodies) == [("evaluation", step) for step in range(4)]
    dues = [body.due for body in bodies if isinstance(body, e.ObligationEscalated)]
    assert dues == sorted(dues)


def test_repeated_deadline_command_changes_nothing() -> None:
    play = started()
    play.at = next_deadline(play.journey) or play.at
    command = play.command(c.PassDeadline(), CLOCK)
    assert play.take(command)
    assert play.take(command) == ()


def test_due_times_are_written_down_and_not_worked_out_again() -> None:
    play = started()
    before_it = play.waits_for("evaluation")
    assert before_it is not None
    play.do(c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR)
    play.wait(days=1)
    after_it = play.waits_for("evaluation")
    assert after_it is not None
    assert (after_it.since, after_it.deadline, after_it.steps) == (
        before_it.since,
        before_it.deadline,
        before_it.steps,
    )


@pytest.mark.requirement("A45")
@pytest.mark.parametrize("moment", ["signoff.sign", "screening.record", "consent.give", "session.schedule"])
def test_time_alone_approves_nothing(moment: str) -> None:
    play = before(moment)
    stage, sign_offs = play.journey.stage, play.journey.sign_offs
    passed = play.wait(days=200)
    assert {body.kind for body in passed} <= {"obligation.escalated", "hold.placed"}  # type: ignore[attr-defined]
    assert (play.journey.stage, play.journey.sign_offs) == (stage, sign_offs)
    assert obligations(play.journey)


def test_hold_at_the_top_of_an_escalation_policy_is_placed_once() -> None:
    play = after("session.end")
    play.wait(hours=3)
    assert not play.journey.held
    passed = play.wait(hours=4)
    assert [body.source for body in passed if isinstance(body, e.HoldPlaced)] == ["check_in:check-in-1-4h"]
    assert not [body for body in play.wait(hours=12) if isinstance(body, e.HoldPlaced)]


def test_obligations_are_sorted_by_what_is_due_first() -> None:
    play = after("session.end")
    dues = [waiting.deadline for waiting in obligations(play.journey)]
    assert dues == sorted(dues)
    assert len(dues) > 3


# Local time


@pytest.mark.parametrize(
    ("clock", "quiet"), [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True),
                         ("08:00", False), ("12:00", False)]
)  # fmt: skip
def test_quiet_hours_pass_midnight_and_end_exclusively(clock: str, quiet: bool) -> None:
    hour, minute = (int(part) for part in clock.split(":"))
    moment = datetime(2026, 11, 23, hour, minute, tzinfo=HOME).astimezone(UTC)
    assert is_quiet(moment, "America/Los_Angeles", NIGHT) is quiet
    later = after_quiet_hours(moment, "America/Los_Angeles", NIGHT)
    assert (later == moment) is not quiet
    assert not is_quiet(later, "America/Los_Angeles", NIGHT)
    if quiet:
        assert local(later, "America/Los_Angeles").strftime("%H:%M") == "08:00"
        assert timedelta() < later - moment <= timedelta(hours=11)


@pytest.mark.parametrize(
    ("evening", "hours"),
    [("2027-03-13", 9), ("2026-10-31", 11), ("2026-11-22", 10)],
)
def test_nights_with_a_clock_change_are_shorter_or_longer(evening: str, hours: int) -> None:
    moment = datetime.fromisoformat(f"{evening}T22:00").replace(tzinfo=HOME).astimezone(UTC)
    assert after_quiet_hours(moment, "America/Los_Angeles", NIGHT) - moment == timedelta(hours=hours)


def test_quiet_hours_that_end_in_a_skipped_hour_end_after_the_gap() -> None:
    early = QuietHours.model_validate({"start": "21:00", "end": "02:30"})
    moment = datetime(2027, 3, 13, 23, tzinfo=HOME).astimezone(UTC)
    later = after_quiet_hours(moment, "America/Los_Angeles", early)
    assert local(later, "America/Los_Angeles").strftime("%d %H:%M") == "14 03:00"


def test_quiet_hours_that_end_in_a_repeated_hour_end_the_first_time_it_comes() -> None:
    early = QuietHours.model_validate({"start": "21:00", "end": "01:30"})
    moment = datetime(2026, 10, 31, 23, tzinfo=HOME).astimezone(UTC)
    assert after_quiet_hours(moment, "America/Los_Angeles", early) - moment == timedelta(hours=2, minutes=30)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [("2008-02-29", "2026-02-28", 17), ("2008-02-29", "2026-03-01", 18), ("2008-11-23", "2026-11-23", 18)],
)
def test_age_in_full_years_on_the_local_day(born: str, day: str, age: int) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=HOME)
    assert age_on(date.fromisoformat(born), noon, "America/Los_Angeles") == age


@pytest.mark.parametrize("zone", ["", "UTC", "Etc/UTC", "Etc/Nowhere", "PST", "+01:00", "../etc/passwd"])
def test_zone_is_a_place(zone: str) -> None:
    with pytest.raises(ValidationError):
        c.Move.model_validate({"zone": zone, "state": "CA"})


@pytest.mark.parametrize("moment", ["2026-11-23T10:00:00", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_moment_has_an_offset_and_exists(moment: str) -> None:
    with pytest.raises(ValidationError):
        c.RecordDose.model_validate({"session": 1, "dose_mg": 1, "route": "oral", "taken_at": moment, "doses_left": 0})


def test_answers_are_json() -> None:
    for wrong in (float("nan"), [float("inf")], {1, 2}, object()):
        with pytest.raises(ValidationError):
            c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=wrong)
    given = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=(1, 2))
    assert given.answers == [1, 2]


@pytest.mark.parametrize("pathway", list_pathways())
def test_every_escalation_policy_of_the_protocol_climbs(pathway: Pathway) -> None:
    """Steps of an opened obligation follow each other in time: none would be passed over."""
    play: Play = after("session.dose", pathway=pathway)
    assert PROTOCOLS[pathway].escalation_policies
    for waiting in obligations(play.journey):
        assert list(waiting.steps) == sorted(waiting.steps)
