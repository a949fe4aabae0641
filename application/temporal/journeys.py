"""The interface by which use cases reach Temporal, without its client: `application.temporal.client` has that."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from workflows.journey.commands import Command
from workflows.journey.events import Event


class Running(NamedTuple):
    """What Temporal knows of a journey: whether it runs, and if it answers, its version and up to which it is
    recorded."""

    runs: bool
    version: int | None = None
    recorded: int | None = None
    health: str | None = None


class Journeys(Protocol):
    """The journeys that Temporal runs. Every method raises `Unavailable` when there is no answer."""

    async def start(self, command: Command) -> None:
        """Start a journey. Repeating it is safe."""

    async def submit(self, journey_id: UUID, command: Command) -> int:
        """Send a command; return the version of the journey after it, once it is accepted.

        Raises:
            Refused: the journey refused it.
            NotFound: nothing runs under this id.
        """

    async def reopen(self, recorded: Sequence[Event], command: Command) -> int:
        """Send a command to a journey that has ended. It runs again for as long as it then waits for something."""

    async def look(self, journey_id: UUID) -> Running | None:
        """Return what Temporal knows of a journey; None when it knows none with this id."""

    async def resume(self, recorded: Sequence[Event]) -> None:
        """Start a journey from its recorded events, and replace whatever runs under its id."""

    def running(self, limit: int) -> AsyncIterator[UUID]:
        """List the journeys that run, up to a number."""
