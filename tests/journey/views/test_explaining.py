"""Every event of a course says who asked for it and which rule made it."""

import pytest

from simulation.people import PEOPLE, member_of
from tests.journey.play import after, course, started
from workflows.journey import commands as c
from workflows.journey.events import ObligationsUpdated
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway
from workflows.journey.views.provenance import explain
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.protocols import list_pathways


@pytest.mark.long
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pathway", list_pathways())
def test_the_events_of_a_course_are_explained(pathway: Pathway, every: int) -> None:
    """Before a merge some of them, and of each kind one."""
    events = course(pathway).events
    of_each_kind = {event.body.kind: event for event in events}
    for event in [*of_each_kind.values(), *events[::every]]:
        explained = explain(events, event.version)
        first, *rest = explained.chain
        assert explained.chain[-1].version == event.version
        assert first.rule in ("what was asked for", "obligations.reconcile")
        asked = next(known for known in events if known.version == first.version)
        assert (asked.command_id, asked.actor_id) == (event.command_id, event.actor_id)
        for because in rest:
            assert because.rule != "what was asked for", (because, explained.kind)
        assert (explained.chain[-1].rule == "obligations.reconcile") == isinstance(event.body, ObligationsUpdated)


def test_a_hold_is_traced_to_the_answer_that_made_it() -> None:
    play = started()
    answered = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="baseline", answers=[1] * 9)
    play.do(answered, Role.PATIENT)
    hold = next(event for event in play.events if event.body.kind == "hold.placed")
    explained = explain(play.events, hold.version)
    assert [because.kind for because in explained.chain] == ["instrument.recorded", "hold.placed"]
    assert explained.chain[-1].rule == "suicide_risk.react_risk"
    assert explained.actor_role == Role.PATIENT


def test_whoever_leaves_and_a_session_that_is_stopped_are_traced_to_the_rule() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    gone = member_of(PEOPLE[Role.CLINICIAN]).model_copy(update={"until": play.at})
    play.do(c.TakeInStaff(members=(gone,)), CLOCK)
    events = [*(event for event in course("PTSD").events if event.version < play.events[0].version), *play.events]
    rules = {event.body.kind: explain(events, event.version).chain[-1].rule for event in play.events}
    assert rules["care-team.left"] == "care_team.advance"
    assert rules["session.stopped"] == "readiness.advance"


def test_a_version_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no such version"):
        explain(started().events, 99)
