"""No command by somebody who is not of the journey changes care: they may hold, report harm and ask for help."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.signatures.staff import ANYBODYS
from simulation.people import PEOPLE
from tests.journey.play import standing_at
from tests.journey.properties.journeys import BODIES, moments, of_model
from workflows.journey import commands as c
from workflows.journey.protocol import Pathway
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import ANYONE, Actor
from workflows.journey.vocabulary.refusals import Refusal

ALLOWED = (
    c.PlaceHold,
    c.ReportAdverseEvent,
    c.KeepReport,
    c.RecordDeath,
    c.DoubtDeath,
    c.RecordDose,
    c.ReportCrisis,
    c.RequestSupport,
    c.BreakGlass,
)


@pytest.mark.requirement("A64")
def test_only_these_may_come_from_anybody() -> None:
    assert {body for body in BODIES if body.by_anybody} == {*ALLOWED}


@given(data=st.data(), moment=moments())
def test_no_stranger_changes_care(data: st.DataObject, moment: tuple[Pathway, int]) -> None:
    """Whatever they send: only what anybody may send is accepted, it is marked, and it opens no dose gate."""
    play = standing_at(*moment)
    role = data.draw(st.sampled_from(ANYONE))
    patient = data.draw(st.booleans())
    known = PEOPLE[role]
    clinics = known.clinics if patient else ("night-clinic",)
    stranger = Actor(
        id=play.journey.patient.ref if patient and known.clinics else "a-stranger",
        role=role,
        name="Somebody Invented",
        licence=known.licence,
        clinics=clinics if known.clinics else (),
    )
    # As likely what anybody may send as everything else together.
    kinds = data.draw(st.sampled_from([ALLOWED, tuple(body for body in BODIES if c.PassDeadline is not body)]))
    body = data.draw(of_model(data.draw(st.sampled_from(kinds)), play.journey, play.at))
    gates = {number: dose_gate(play.journey, number, play.at) for number in play.journey.sessions}
    decided = play.take(play.command(body, stranger))
    if isinstance(decided, Refusal):
        return
    assert isinstance(body, ALLOWED)
    assert "care-team.stranger-heard" in [event.body.kind for event in decided]
    roots = [event for event in decided if event.causation_id is None]
    assert all(isinstance(event.body, ANYBODYS) for event in roots), [event.body.kind for event in roots]
    for number, shut in gates.items():
        if shut:
            assert dose_gate(play.journey, number, play.at)
