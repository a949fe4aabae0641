"""A journey together with the receipts of its commands: all that follows from its events, as runs hand it on."""

from collections.abc import Mapping
from uuid import UUID

from pydantic_core import from_json

from workflows.journey.aggregate import Journey
from workflows.journey.receipts import CommandReceipt
from workflows.journey.vocabulary.base import ImmutableModel, canonical


class JourneyState(ImmutableModel):
    """A journey, and the receipts of its commands."""

    journey: Journey
    receipts: Mapping[UUID, CommandReceipt]

    @property
    def spelled(self) -> bytes:
        """All of it in canonical JSON: the same bytes whoever folded it, from events as decided or as recorded."""
        return canonical(from_json(self.model_dump_json(exclude_none=True)))
