"""Corrections by one person, in any order: the dose gate never becomes looser by them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist, observation, vitals
from tests.journey.play import Play, before, course, standing
from workflows.journey import commands as c
from workflows.journey.always.corrections.markable import MARKABLE
from workflows.journey.instruments import Instrument
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols import list_pathways

SECOND = 2
READY = before("session.release", SECOND)


def spoiled(how: str) -> Play:
    """The second session at its release, with one thing that shuts the gate."""
    play = standing(READY.journey, READY.at, "PTSD")
    match how:
        case "dose time":
            return play.redosed(taken_at=play.at - timedelta(hours=100))
        case "dose amount":
            return play.redosed(dose_mg=1950.0)
        case "vitals":
            form = checklist(play.journey, SECOND, play.at).model_copy(update={"vitals": vitals(play.at, 205, 132)})
            play.do(form, Role.SESSION_MONITOR)
        case "risk":
            answers = {"q1": True, "q2": True, "q3": True, "q4": True, "q5": True, "q6": False}
            play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=answers))
        case "exclusion":
            play.do(c.RecordScreening(exclusions={"X02": c.ScreeningAnswer(answer="yes")}))
        case "adverse event":
            report = c.ReportAdverseEvent(what="fell (invented)", grade=3, serious=False, onset=play.at)
            play.do(report, Role.PATIENT)
        case _:
            play.do(c.RequestSupport(urgency="urgent", text="help (invented)"), Role.PATIENT)
    return play


SPOILED = ("dose time", "dose amount", "vitals", "risk", "exclusion", "adverse event", "support")


def drawn(data: st.DataObject, play: Play) -> c.CommandBody:
    """A correction that somebody may try: to what opens the gate most, or away with the fact."""
    journey = play.journey
    marks = [version for version, fact in journey.facts.items() if fact.kind in MARKABLE]
    if data.draw(st.booleans()):
        return c.MarkInError(version=data.draw(st.sampled_from(marks)), reason="x")
    earlier = play.at - timedelta(days=data.draw(st.sampled_from([1, 8, 20])))
    dose: dict[str, Any] = {"session": 1, "route": "sublingual", "taken_at": earlier, "deviation": "misread"}
    none = {"q1": False, "q2": False, "q6": False}
    facts: list[tuple[str, Any]] = [
        ("session.dosed", c.RecordDose.model_validate({**dose, "dose_mg": 1.0, "doses_left": 1})),
        ("session.checked", checklist(journey, SECOND, play.at)),
        ("instrument.recorded", c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=none)),
        ("screening.recorded", c.RecordScreening(exclusions={"X02": c.ScreeningAnswer(answer="no")})),
        ("session.observed", observation(journey, 1, 120, play.at)),
    ]
    kind, fact = data.draw(st.sampled_from(facts))
    versions = [version for version, known in journey.facts.items() if known.kind == kind]
    # Whoever corrects one thing may name any other one, or a correction of it.
    versions = data.draw(st.sampled_from([versions, [*journey.facts], [*journey.unconfirmed] or versions]))
    return c.Amend(version=data.draw(st.sampled_from(versions)), reason="x", correction=fact)


@given(st.data())
@pytest.mark.requirement("B27")
def test_no_correction_by_one_person_opens_the_dose_gate(data: st.DataObject) -> None:
    play = spoiled(data.draw(st.sampled_from(SPOILED)))
    assert dose_gate(play.journey, SECOND, play.at)
    for _ in range(data.draw(st.integers(1, 5))):
        body = drawn(data, play)
        play.take(play.command(body, Role.CLINICIAN))
        for correction in play.journey.unconfirmed:
            said = c.ConfirmCorrection(correction=correction, reason="x")
            assert isinstance(play.take(play.command(said, Role.CLINICIAN)), Refusal)
        for correction in [*play.journey.unconfirmed] * data.draw(st.booleans()):
            play.take(play.command(c.RejectCorrection(correction=correction, reason="x"), Role.CLINICIAN))
        assert dose_gate(play.journey, SECOND, play.at)


@given(st.data())
def test_any_event_is_marked_or_refused_with_what_to_do_instead(data: st.DataObject) -> None:
    done = course(data.draw(st.sampled_from(list_pathways())))
    play = Play(done.journey, done.at)
    version = data.draw(st.integers(1, done.journey.version))
    taken = play.take(play.command(c.MarkInError(version=version, reason="x"), Role.CLINICIAN))
    if isinstance(taken, Refusal):
        assert taken.remedy
    else:
        assert done.journey.facts[version].kind in MARKABLE
