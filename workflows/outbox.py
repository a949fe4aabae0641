"""The events that a journey has decided and that are not recorded yet."""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from workflows.journey.commands import Command
from workflows.journey.events import Event, PathwayClosed
from workflows.messages import PAYLOAD_BYTES, Batch

BATCH_EVENTS = 200
"""How many events one append takes. The record takes more."""


class Outbox:
    """Events to be recorded, the oldest first, and the commands they came from."""

    def __init__(self, recorded: int) -> None:
        self.recorded = recorded
        """The version up to which the record is known to have the journey."""
        self._events: list[Event] = []
        self._commands: list[tuple[int, Command]] = []

    def __bool__(self) -> bool:
        return bool(self._events)

    def add(self, events: Sequence[Event], command: Command | None = None) -> None:
        """Add the events of one command, or those that open the journey."""
        self._events += events
        if command is not None:
            self._commands.append((events[-1].version, command))

    def next_batch(self, journey_id: UUID) -> Batch:
        """Return the oldest events, as many as one append takes. The events of one command stay together."""
        batch: list[Event] = []
        size = 0
        for _, group in groupby(self._events, key=lambda event: event.command_id):
            together = list(group)
            size += sum(len(event.model_dump_json().encode()) for event in together)
            if batch and (len(batch) + len(together) > BATCH_EVENTS or size > PAYLOAD_BYTES):
                break
            batch += together
        closes = isinstance(batch[-1].body, PathwayClosed)
        return Batch(journey_id=journey_id, expected_version=self.recorded, events=tuple(batch), closes=closes)

    def mark_recorded(self, version: int) -> None:
        """Drop what is recorded up to this version."""
        self.recorded = max(self.recorded, version)
        self._events = [event for event in self._events if event.version > self.recorded]
        self._commands = [(at, command) for at, command in self._commands if at > self.recorded]

    def restart(self, recorded: int) -> list[Command]:
        """Drop all events, and return the commands they came from, to be decided again after the recorded ones."""
        commands = [command for _, command in self._commands]
        self.recorded, self._events, self._commands = recorded, [], []
        return commands
