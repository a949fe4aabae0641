"""Doses that are told late, twice, or corrected: the course, its limits and the watch follow what was taken."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import Play, after, before
from tests.journey.stages.sessions.helpers import at, dose, ending, see
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


def taken(play: Play, at: datetime) -> str:
    """Record a dose outside a session; its id."""
    [told] = [b for b in play.do(c.RecordDose(dose_mg=20, route="oral", taken_at=at), Role.PATIENT)
              if isinstance(b, e.DoseRecorded)]  # fmt: skip
    return told.dose


def first_dose(play: Play) -> datetime | None:
    return min((d.taken_at for d in play.journey.doses.values() if d.taken_at >= play.journey.started_at), default=None)


@given(st.integers(0, 30 * 365))
def test_a_session_ends_however_long_ago_its_dose_is_said_to_be(days: int) -> None:
    play = after("session.release")
    play.do(dose(play, taken_at=play.at - timedelta(days=days), deviation="told late"), Role.SESSION_MONITOR)
    play.later(hours=3)
    see(play)
    for minute in play.journey.protocol.sessions.observe_minutes:
        if play.waits_for("observation", f"1-{minute}"):
            play.do(c.MissObservation(session=1, minute=minute, reason="told late"), Role.SESSION_MONITOR)
    play.do(ending(play), Role.SESSION_MONITOR)
    assert play.journey.sessions[1].ended_at == play.at


@pytest.mark.requirement("B27")
def test_the_course_began_with_the_earliest_dose_however_late_it_is_told() -> None:
    play = after("session.end")
    earlier = play.dosed_at() - timedelta(hours=20)
    taken(play, earlier)
    assert play.journey.course_started_at == earlier


@given(
    st.lists(st.tuples(st.sampled_from(["tell", "amend", "mark"]), st.integers(1, 2000), st.integers(0, 9)), max_size=6)
)
def test_the_course_began_with_the_earliest_dose_whatever_is_told_corrected_and_taken_back(
    moves: list[tuple[str, int, int]],
) -> None:
    play = after("session.end")
    for what, minutes, which in moves:
        at, known = play.at - timedelta(minutes=minutes), [*play.journey.doses.values()]
        if what == "tell" or not known:
            if all(each.taken_at != at for each in known):
                taken(play, at)
            continue
        chosen = known[which % len(known)]
        if what == "amend":
            body: c.CommandBody = c.Amend(
                version=chosen.version, reason="x", correction=c.RecordDose(
                    dose_mg=chosen.dose_mg, route=chosen.route, taken_at=at, doses_left=chosen.doses_left,
                    deviation="invented",
                ),
            )  # fmt: skip
        else:
            body = c.MarkInError(version=chosen.version, reason="x")
        play.take(play.command(body, Role.CLINICIAN))
        for correction in play.journey.unconfirmed:
            play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
        assert play.journey.course_started_at == first_dose(play)
    assert play.journey.course_started_at == first_dose(play)


@pytest.mark.requirement("A29")
def test_a_session_whose_dose_was_entered_twice_is_watched_on_by_the_other_one() -> None:
    """Somebody records the dose again instead of correcting it, and the wrong one is taken back."""
    play = before("session.dose")
    play.do(dose(play, dose_mg=10.0, deviation="a slip of the pen"), Role.SESSION_MONITOR)
    play.at += timedelta(minutes=1)
    play.do(dose(play, taken_at=play.at - timedelta(minutes=1), doses_left=0), Role.SESSION_MONITOR)
    play.do(c.MarkInError(version=play.version_of("session.dosed", 0), reason="it is dose-2"), Role.SESSION_MONITOR)
    [correction] = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.CLINICIAN)
    session = play.journey.sessions[1]
    assert session.running
    assert (session.dose, session.dose_mg) == ("dose-2", 100.0)
    assert session.observe_at == play.journey.doses["dose-2"].observe_at
    play.refused(c.CancelSession(session=1, reason="x"), code=RefusalCode.ALREADY_DONE, field="session")
    assert [w.subject for w in play.journey.waiting.values() if w.kind == "observation"], "and the watch goes on"
    assert not play.asks_for(SignOffKind.CLEARANCE, "1")


@given(st.lists(st.integers(0, 90), min_size=1, max_size=4), st.data())
def test_a_session_runs_as_long_as_it_has_a_dose(minutes: list[int], data: st.DataObject) -> None:
    play = before("session.dose")
    released = play.at
    play.at += timedelta(minutes=91)
    for number, minute in enumerate(minutes):
        form = dose(play, dose_mg=10.0 + number, taken_at=released + timedelta(minutes=minute), deviation="invented")
        play.do(form, Role.SESSION_MONITOR)
    while play.journey.doses:
        gone = data.draw(st.sampled_from(sorted(play.journey.doses)))
        play.do(c.MarkInError(version=play.journey.doses[gone].version, reason="x"), Role.COORDINATOR)
        for correction in play.journey.unconfirmed:
            play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.CLINICIAN)
        session = play.journey.sessions[1]
        assert session.running == bool(play.journey.doses)
        assert session.dose is None or session.dose in play.journey.doses


def test_a_session_in_which_a_dose_was_taken_is_not_moved_though_it_was_never_released() -> None:
    """Its watch goes on to its end, also once a clinician has let care go on."""
    play = before("session.release")
    play.do(dose(play), Role.PATIENT)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    later = at(play, play.at + timedelta(days=7), session=1, live_clinician=play.journey.clinician)
    play.refused(later, Role.COORDINATOR, code=RefusalCode.ALREADY_DONE, field="session")
    assert play.journey.sessions[1].running
    assert play.waits_for("observation", "1-15") is not None
