"""What somebody has to do, and who does it."""

from dataclasses import dataclass
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role

PlayedMove = tuple[Role, c.CommandBody]


@dataclass(frozen=True)
class Situation:
    """An obligation of a journey at a moment."""

    journey: Journey
    waiting: Obligation
    at: datetime
    unwell: bool

    @property
    def subject(self) -> str:
        assert self.waiting.subject is not None
        return self.waiting.subject


def interpreter(journey: Journey) -> str | None:
    """Who interprets for the patient, where they need that."""
    return "demo-interpreter" if journey.patient.interpreter else None
