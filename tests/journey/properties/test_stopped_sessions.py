"""A released session that something stops, whatever it is and whenever: everybody hears of it, it is never dosed on, a
dose that is taken all the same is an emergency, and the watch goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.play import Play, after
from tests.journey.stages.sessions.test_after_release import FOUND
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.obligations import obligations
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.severity import Severity

MINUTES = st.integers(0, 90)


def taken(play: Play, by: Role) -> list[e.Event]:
    """A dose that somebody took, as it was planned; what followed."""
    known, plan = len(play.events), play.journey.plan
    dose = 100.0 if plan is None else plan.dose_mg
    play.do(c.RecordDose(session=1, dose_mg=dose, route="sublingual", taken_at=play.at), by)
    return play.events[known:]


@pytest.mark.requirement("A16")
@examples(0.7)
@given(
    st.sampled_from(sorted(FOUND)),
    MINUTES,
    st.none() | MINUTES,
    st.sampled_from([Role.OBSERVER, Role.SESSION_MONITOR, Role.PATIENT]),
)
def test_a_session_that_is_stopped_is_told_and_never_dosed_on_and_the_watch_goes_on(
    what: str, minutes: int, later: int | None, by: Role
) -> None:
    play = after("session.release")
    play.wait(minutes=minutes)
    fact, sender = FOUND[what]
    play.do(fact(play), sender)
    [stopped] = [event for event in play.events if isinstance(event.body, e.SessionStopped)]
    told = {notice.to for notice in notices(stopped) if notice.alarm}
    assert told == {Role.SESSION_MONITOR, Role.PATIENT, Role.ON_CALL_CLINICIAN}
    assert play.journey.held or play.journey.closing is not None
    play.wait(minutes=later or 0)
    again = play.take(play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR))
    assert isinstance(again, Refusal), "never dosed on"
    if later is None:
        return
    followed = [event.body for event in taken(play, by)]
    [dose] = [body for body in followed if isinstance(body, e.DoseRecorded)]
    assert not dose.released
    assert "the session was stopped" in dose.deviations
    [opened] = [body for body in followed if isinstance(body, e.AdverseEventReported)]
    assert opened.finding is not None
    calls = [waiting for waiting in obligations(play.journey) if waiting.kind == "alarm"]
    assert any(waiting.escalation_policy == Severity.EMERGENCY.value for waiting in calls)
    watched = {waiting.kind for waiting in obligations(play.journey)}
    assert watched >= {"observation", "check_in"}, "the watch goes on"
    assert play.journey.held or play.journey.closing is not None
