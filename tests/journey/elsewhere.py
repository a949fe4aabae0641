"""Two journeys of one patient, and what the record tells one of the other."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid5

from tests.journey.play import PROTOCOLS, Play, after
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.clinical import KnownDose
from workflows.journey.vocabulary.refusals import Refusal

ELSEWHERE = UUID("22222222-2222-4222-8222-222222222222")
MEDICINE = PROTOCOLS["PTSD"].dose.medicine


def dose(at: datetime, mg: float = 100) -> KnownDose:
    return KnownDose(source=uuid5(ELSEWHERE, at.isoformat()), taken_at=at, dose_mg=mg, route="oral")


def told(play: Play, **elsewhere: object) -> list[e.EventBody]:
    return play.do(c.TakeInHistory(elsewhere=Elsewhere.model_validate(elsewhere), position=7), CLOCK)


def gate(play: Play) -> str:
    refused = play.take(play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR))
    assert isinstance(refused, Refusal)
    return refused.reason


def ready() -> Play:
    """A journey whose session is released, and whose dose may be taken at any moment."""
    return after("session.release")


def event_of(grade: int, *, serious: bool = False) -> Callable[[Play], c.CommandBody]:
    because = ("hospitalization",) if serious else ()
    return lambda play: c.ReportAdverseEvent.model_validate(
        {"what": "x", "grade": grade, "serious": serious, "serious_because": because, "onset": play.at}
    )


def tell_the_other(there: Play, here: Play) -> list[e.EventBody]:
    return told(here, **see_elsewhere([there.journey], "another").model_dump())


def merged(play: Play, other: str) -> Play:
    play.do(c.ProposeMerge(other=other, reason="x"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_MERGE, f"merge-{len(play.journey.merges)}")
    return play
