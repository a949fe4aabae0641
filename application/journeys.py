"""What use cases ask of Temporal. `application.temporal` answers it; nothing here needs Temporal to be imported."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from workflows.journey.commands import Command
from workflows.journey.events import Event


class Running(NamedTuple):
    """What Temporal knows of a journey: whether it runs, and if it answers, its version and what it knows recorded."""

    runs: bool
    version: int | None = None
    recorded: int | None = None
    health: str | None = None


class Journeys(Protocol):
    """The journeys that Temporal runs. Every method raises `Unavailable` when there is no answer."""

    async def start(self, command: Command) -> None:
        """Start a journey; again is safe."""

    async def submit(self, journey_id: UUID, command: Command) -> int:
        """Send a command; answer the version of the journey after it, once it is accepted.

        Raises:
            Refused: the journey refused it.
            NotFound: nothing runs under this id.
        """

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        """The same to a journey that has ended, which runs on for as long as it waits then."""

    async def look(self, journey_id: UUID) -> Running | None:
        """A journey as Temporal has it; None when it knows none of this id."""

    async def resume(self, recorded: Sequence[Event]) -> None:
        """Run a journey on from its recorded events, in the place of whatever runs under its id."""

    def running(self, limit: int) -> AsyncIterator[UUID]:
        """The journeys that run, at most so many."""
