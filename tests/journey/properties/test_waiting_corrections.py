"""A correction that waits for a second person takes nothing away: whatever is owed by then stays owed, and whatever
shuts the dose gate keeps it shut."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.corrections import FORMS
from simulation.people import checklist, vitals
from tests.journey.play import Play, course, standing_at
from tests.journey.properties.journeys import moments
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.instruments import Instrument
from workflows.journey.needs import needs
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

REVIEWS = (SignOffKind.EXCLUSION_REVIEW, SignOffKind.RESPONSE_REVIEW)
RENAMED = ("pregnancy_test", "risk_level")
"""What is named after what is to be tested or signed: another answer gives it another name."""


def owed(journey: Journey) -> set[str]:
    """What is owed for safety, and the reviews. Steps of care that wait behind these come back once they are done."""
    return {
        need.kind if need.kind in RENAMED else need.key
        for need in needs(journey)
        if not need.care or need.sign_off in REVIEWS
    }


def as_recorded(body: e.EventBody) -> c.CommandBody:
    """The form that a fact was recorded with."""
    form = FORMS[type(body)]
    said = {name: getattr(body, name) for name in form.model_fields if name != "kind" and hasattr(body, name)}
    made: c.CommandBody = form.model_validate(
        {name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in said.items()}
    )
    return made


def changed(data: st.DataObject, form: Any) -> dict[str, Any]:
    """Another answer to one part of a form."""
    match form:
        case c.RecordEvaluation():
            rating = data.draw(st.sampled_from([0, 4, 9]))
            return {"symptoms": dict.fromkeys(form.symptoms, rating), "treatment_exception": "x"}
        case c.RecordInstrument() if isinstance(form.answers, list):
            return {"answers": [data.draw(st.sampled_from([0, 1, 3]))] * len(form.answers)}
        case c.RecordInstrument():
            worse = data.draw(st.booleans())
            return {
                "answers": {"q1": worse, "q2": worse, "q6": False}
                | (dict.fromkeys(("q3", "q4", "q5"), True) if worse else {})
            }
        case c.RecordScreening():
            answer = data.draw(st.sampled_from(["no", "no", "yes", "unknown"]))
            return {"exclusions": {code: {"answer": answer, "note": "x"} for code in form.exclusions}}
        case c.CheckSession():
            good = data.draw(st.booleans())
            return {"items": dict.fromkeys(form.items, good), "vitals": {**form.vitals.model_dump(), "systolic": 120}}
        case c.RecordDose():
            minutes = data.draw(st.sampled_from([-600, -60, -5, 0]))
            return {
                "taken_at": form.taken_at + timedelta(minutes=minutes),
                "dose_mg": data.draw(st.sampled_from([form.dose_mg, 1.0, None])),
                "deviation": "misread",
                "told_by": None,
            }
        case c.Observe():
            return {"consciousness": "alert", "red_flags": (), "breathing_normal": True, "vomiting": False}
    return {
        "outcome": data.draw(st.sampled_from(["responding", "partial", "worsening"])),
        "symptoms": dict.fromkeys(form.symptoms, data.draw(st.sampled_from([0, 9]))),
    }


def spoil(play: Play, how: str) -> None:
    """Tell what is owed something for, if it can be told here."""
    journey = play.journey
    by = Role.CLINICIAN
    body: c.CommandBody
    match how:
        case "exclusion":
            review = [x.code for x in journey.protocol.exclusions if x.known_from is None]
            body = c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes") for code in review})
        case "item 9":
            body = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="asked", answers=[0] * 8 + [1])
        case "risk":
            answers = dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), True) | {"q6": False}
            body = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=answers)
        case "visit":
            said = {
                "assessments": dict.fromkeys(journey.protocol.follow_up.assessments, "x"),
                "symptoms": dict.fromkeys(journey.protocol.symptoms.names, 9),
            }
            here = {"state": "CA", "confirmed": True}
            body = c.RecordVisit.model_validate(
                {**said, "outcome": "worsening", "concurrent_care": "x", "location": here}
            )
        case "dose":
            taken_at = play.at - timedelta(minutes=10)
            body = c.RecordDose(dose_mg=500, route="oral", taken_at=taken_at, deviation="x")
        case _:
            if journey.next_session not in journey.sessions:
                return
            form = checklist(journey, journey.next_session, play.at)
            body, by = form.model_copy(update={"vitals": vitals(play.at, 205, 132)}), Role.SESSION_MONITOR
    play.take(play.command(body, by))


@pytest.mark.requirement("A45")
@given(st.data(), moments(), st.sampled_from(["exclusion", "item 9", "risk", "visit", "dose", "checklist", ""]))
def test_what_waits_for_a_second_person_takes_nothing_away(
    data: st.DataObject, moment: tuple[Pathway, int], how: str
) -> None:
    play = standing_at(*moment)
    known = [event for event in course(moment[0]).events if event.version <= play.journey.version]
    spoil(play, how)
    facts = [event for event in (*known, *play.events) if type(event.body) in FORMS]
    for _ in range(data.draw(st.integers(1, 3))):
        if not facts:
            return
        before, shut = owed(play.journey), bool(dose_gate(play.journey, play.journey.next_session, play.at))
        fact = data.draw(st.sampled_from([*facts, *facts[-2:] * 4]))
        form = as_recorded(fact.body)
        correction = {**form.model_dump(), **changed(data, form)}
        body = c.Amend.model_validate({"version": fact.version, "reason": "x", "correction": correction})
        if isinstance(play.take(play.command(body, Role.CLINICIAN)), Refusal):
            continue
        assert before <= owed(play.journey)
        assert not shut or dose_gate(play.journey, play.journey.next_session, play.at)
