"""Types that the parts of a protocol share."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.vocabulary.base import InputModel, Number, Whole

Count = Annotated[Whole, Field(ge=1)]
Minutes = Annotated[Whole, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]


class Range(InputModel):
    """Closed interval of a vital sign; outside ``recheck`` is a no-go, outside ``go`` a recheck."""

    go: tuple[Number, Number]
    """Lowest and highest value with which a session may start."""
    recheck: tuple[Number, Number]
    """Lowest and highest value that is measured again after rest. Beyond it no session starts that day."""

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not self.recheck[0] <= self.go[0] <= self.go[1] <= self.recheck[1]:
            raise ValueError("`go` must lie inside `recheck`, each as [lowest, highest]")
        return self
