"""That a patient lives can be said as long as a report of a death stands, and no longer."""

from collections.abc import Callable

import pytest

from console.names import standing_death
from console.views.journeys import offered
from simulation.people import PEOPLE
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role

REPORT = c.RecordDeath(related="no", reason="invented: the sister called")
LIVES = c.DoubtDeath(death="death-1", reason="invented: spoke with them")


def reported(play: Play) -> Play:
    play.do(REPORT, Role.OBSERVER)
    return play


def refuted(play: Play) -> Play:
    reported(play).sign(SignOffKind.DEATH, "death-1", decision="decline", rationale="spoke with the patient")
    return play


def confirmed(play: Play) -> Play:
    reported(play).sign(SignOffKind.DEATH, "death-1", by=Role.ON_CALL_CLINICIAN)
    return play


def corrected(play: Play) -> Play:
    confirmed(play).do(LIVES, Role.THERAPIST)
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1", by=Role.ON_CALL_CLINICIAN)
    return play


def reported_again(play: Play) -> Play:
    return reported(corrected(play))


@pytest.mark.parametrize(
    ("course", "standing"),
    [
        (lambda play: play, "none"),
        (reported, "death-1"),
        (refuted, "none"),
        (confirmed, "death-1"),
        (corrected, "none"),
        (reported_again, "death-2"),
    ],
    ids=["nobody said so", "reported", "refuted", "confirmed", "an error", "reported again"],
)
@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.COORDINATOR, Role.MEDICAL_DIRECTOR])
def test_what_is_offered(course: Callable[[Play], Play], standing: str, role: Role) -> None:
    journey = course(after("consent.give")).journey
    assert standing_death(journey) == standing
    names = {kind.name for kind in offered(journey, PEOPLE[role])[""]}
    assert ("pathway.doubt-death" in names) == (standing != "none")
    assert "pathway.record-death" in names
