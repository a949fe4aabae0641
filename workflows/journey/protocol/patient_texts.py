"""What a patient is to see, in the clinic's words."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.vocabulary.base import Identifier, InputModel, Short, SortedDict, Text
from workflows.journey.vocabulary.stage import Stage


class Balance(InputModel):
    """What a patient is told of one topic: what it may do for them, and its limits. Neither stands alone."""

    benefit: Text
    """What some people have of it."""
    limitation: Text
    """What it does not do, for whom it does not work, or what it costs or risks."""


class StageText(InputModel):
    """What a patient is told of one stage."""

    where: Text
    """Where they stand."""
    next: Text
    """What comes next."""


class PatientTexts(InputModel):
    """What a patient reads. It is signed with the protocol, so that each text was reviewed and has a version."""

    organisation: Short
    """The name of the organisation, as patients know it: on each text."""
    disclaimer: Text
    """What the texts are not: on each text. They are information, never advice."""
    part_of_care: Text
    """That this treatment is one part of care."""
    stages: SortedDict[Stage, StageText]
    """Where the patient stands and what comes next, for each stage and for a closed journey."""
    held: Text
    """What comes next while care is held, in place of the stage's own."""
    ending: Text
    """What comes next while care is coming to its end, in place of the stage's own."""
    topics: Annotated[SortedDict[Identifier, Balance], Field(min_length=1)]
    """Benefits and limitations side by side, by topic."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [stage.value for stage in Stage if stage not in self.stages]
        if missing:
            raise ValueError(f"stages must have a text for: {', '.join(missing)}")
        return self
