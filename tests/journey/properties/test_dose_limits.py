"""Plans, revisions, own limits and doses in any order: no number bends."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import plan, revision
from tests.journey.play import before, course, standing
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import DoseLimit, SignOffKind, is_tighter
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

BEGUN = [before("plan.record"), before("session.schedule", 2), before("session.schedule", 3), before("session.release")]


@given(st.data())
@pytest.mark.requirement("A33", "A37", "A42", "B27")
def test_no_sequence_of_revisions_goes_beyond_a_step_above_the_last_dose_given(data: st.DataObject) -> None:
    """Whatever is written, signed, declined and set in whatever order: an accepted plan is at most one titration step
    above the dose last given and signed, at most the starting dose before any, and no limit became wider unsigned."""
    begun = data.draw(st.sampled_from(BEGUN))
    play = standing(begun.journey, begun.at, "PTSD")
    doses = [dose.dose_mg or 0 for dose in play.journey.doses.values()]
    most = doses[-1] * 1.5 if doses else 100.0
    for _ in range(data.draw(st.integers(1, 6))):
        held = dict(limits(play.journey))
        play.at += timedelta(minutes=data.draw(st.sampled_from([1, 60, 60 * 24])))
        written = plan(play.journey.protocol, play.at).model_copy(
            update={
                "dose_mg": data.draw(st.sampled_from([50.0, 100.0, 100.01, 140.0, 150.0, 150.01, 200.0, 225.0])),
                "spacing_hours": data.draw(st.sampled_from([24, 72, 168, 240])),
            }
        )
        first = play.journey.plan is None
        name = data.draw(st.sampled_from(list(DoseLimit)))
        number = held[name] * data.draw(st.sampled_from([0.5, 0.9, 1.1, 2]))
        body: c.CommandBody = data.draw(
            st.sampled_from(
                [
                    c.RecordPlan(plan=written) if first else revision(play.journey, written),
                    c.SetLimits(limits={name: number}, reason="as it seems right (invented)"),
                ]
            )
        )
        taken = play.take(play.command(body, data.draw(st.sampled_from([Role.CLINICIAN, Role.COORDINATOR]))))
        if not isinstance(taken, Refusal):
            for event in taken:
                if isinstance(event.body, e.PlanRecorded):
                    assert event.body.plan.dose_mg <= most
                    assert event.body.plan.dose_mg <= held[DoseLimit.MAX_SINGLE_DOSE]
                    assert event.body.plan.spacing_hours >= held[DoseLimit.MIN_INTERVAL_HOURS]
        now = limits(play.journey)
        assert all(now[each] == held[each] or is_tighter(each, now[each], held[each]) for each in DoseLimit)
        if play.asks_for(SignOffKind.PLAN) and data.draw(st.booleans()):
            play.sign(SignOffKind.PLAN, decision=data.draw(st.sampled_from(["approve", "decline"])))


def test_the_dose_of_a_course_is_what_was_signed_when_it_was_released() -> None:
    released = [event.body for event in course("PTSD").events if isinstance(event.body, e.SessionReleased)]
    assert [body.dose_mg for body in released] == [100.0] * len(released) != []
