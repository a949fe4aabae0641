"""The people of a journey, and which of them must not be one person."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.protocol.common import Count
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import InputModel, SortedDict


class Part(StrEnum):
    """What somebody is in a journey."""

    PATIENT = "patient"
    OBSERVER = "observer"
    COORDINATOR = "coordinator"
    CLINICIAN = "clinician"
    COVERING_CLINICIAN = "covering_clinician"
    EVALUATOR = "evaluator"
    DELEGATE = "delegate"
    SESSION_MONITOR = "session_monitor"
    SUPERVISING_CLINICIAN = "supervising_clinician"
    LIVE_CLINICIAN = "live_clinician"
    REACHABLE_CLINICIAN = "reachable_clinician"
    STAFF = "staff"
    """Everybody who works for the clinic, with another part or without."""


HOUSEHOLD = (Part.PATIENT, Part.OBSERVER)
"""Parts of people who are no staff."""
CLINICIANS = (
    Part.CLINICIAN, Part.COVERING_CLINICIAN, Part.EVALUATOR, Part.DELEGATE, Part.SUPERVISING_CLINICIAN,
    Part.LIVE_CLINICIAN, Part.REACHABLE_CLINICIAN,
)  # fmt: skip
"""Parts that only a clinician has, with a licence where the patient is."""


class CareTeam(InputModel):
    """Who may have which part in a journey. The patient is nobody else of their own journey, whatever stands here."""

    roles: SortedDict[Part, Annotated[tuple[Role, ...], Field(min_length=1)]]
    """The roles of which somebody has one to be given a part. For every part but patient and observer."""
    distinct: tuple[Annotated[tuple[Part, ...], Field(min_length=2, max_length=2)], ...]
    """Pairs of parts that one person does not have both. ``staff`` stands for all who work for the clinic."""
    smallest_clinic: SortedDict[Role, Count]
    """How many people of each role the smallest clinic has that this protocol is for. Nothing may wait there for
    somebody whom it does not have."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sorted(self.roles) != sorted(part for part in Part if part not in (*HOUSEHOLD, Part.STAFF)):
            raise ValueError("roles must say who may be each of the staff, and nobody else")
        unfit = [part.value for part in CLINICIANS if any(role not in CLINICAL for role in self.roles[part])]
        if unfit:
            raise ValueError(f"only {', '.join(CLINICAL)} may be: {', '.join(unfit)}")
        return self
