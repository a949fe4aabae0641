"""To tell what happened takes no licence; to decide does."""

import pytest

from tests.journey.play import before, course, kinds, person
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

ABROAD = person("abroad", Role.CLINICIAN, states=("NY",))
"""A clinician of the clinic whose licence does not cover where the patient is."""


@pytest.mark.requirement("A64")
def test_who_is_not_licensed_there_tells_that_a_visit_was_held_and_decides_nothing() -> None:
    play = before("visit.record")
    told = next(move.body for _, move, at in course("PTSD").moves if at == play.at and move.body.kind == "visit.record")
    assert isinstance(told, c.RecordVisit)
    assert "visit.recorded" in kinds(play.do(told, ABROAD))
    right = told.model_copy(update={"concurrent_care": "Invented: also a group"})
    play.do(c.Amend(version=play.version_of("visit.recorded"), reason="x", correction=right), ABROAD)

    play.do(c.ReportCrisis(what="invented"), Role.PATIENT)
    reached = c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="invented", safety_plan=True)
    play.do(reached, ABROAD)
    assert play.waits_for("crisis"), "it counts once somebody signs it who may"
    signed = play.signature(SignOffKind.CRISIS_REACHED, "crisis-1")
    play.refused(signed, ABROAD, code=RefusalCode.NOT_ALLOWED, says="licence")
    screened = c.Amend(version=play.version_of("screening.recorded"), reason="x", correction=c.RecordScreening())
    play.refused(screened, ABROAD, code=RefusalCode.NOT_ALLOWED, says="licence")
