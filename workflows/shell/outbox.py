"""The commands that a journey has decided and that are not recorded yet, with the events they gave."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from workflows.journey.commands import KeepReport, StartPathway
from workflows.journey.decided import Batch, Decided, DecidedBy, DecidedCommand, events_digest, keep_again, refuse_again
from workflows.journey.events import CommandRefused, Event, ReportKept
from workflows.messages import PAYLOAD_BYTES

BATCH_EVENTS = 200
"""How many events one append takes. The record takes more."""
COMMANDS_KEPT = 1_000
"""So many commands may wait for the record. Beyond that a run takes only what is urgent, and what happened."""
BYTES_KEPT = 16 * 1024 * 1024
"""So many bytes they may be together, as they are in a batch."""


class _Kept(NamedTuple):
    """A command, the version after it, and how large it is in a batch (bytes)."""

    command: DecidedCommand
    version: int
    size: int
    refused: CommandRefused | ReportKept | None

    @property
    def decided(self) -> Decided:
        """The command, to be decided again."""
        decided = self.command.decided
        if self.refused is None or decided.refusal is not None:
            return decided
        again = keep_again(self.refused) if isinstance(self.refused, ReportKept) else refuse_again(self.refused)
        return decided.model_copy(update={"refusal": again})


def _refused(decided: Decided, first: Event) -> CommandRefused | ReportKept | None:
    """Return the event that keeps a refusal, if it is one. A report that was sent to be kept as it was said is none."""
    match first.body:
        case CommandRefused() as body:
            return body
        case ReportKept() as body if not isinstance(decided.command.body, KeepReport):
            return body
    return None


class Outbox:
    """What is to be recorded, the oldest first."""

    def __init__(self, recorded: int) -> None:
        self.recorded = recorded
        """The version up to which the record is known to have the journey."""
        self._kept: list[_Kept] = []

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def full(self) -> bool:
        """Whether so much waits that only what is urgent is added."""
        return len(self._kept) >= COMMANDS_KEPT or sum(kept.size for kept in self._kept) >= BYTES_KEPT

    def add(self, decided: Decided, events: Sequence[Event]) -> None:
        """Add a command and the events it gave."""
        command = DecidedCommand(decided=decided, events=len(events), digest=events_digest(events))
        size = len(command.model_dump_json().encode())
        self._kept.append(_Kept(command, events[-1].version, size, _refused(decided, events[0])))

    def next_batch(self, journey_id: UUID, by: DecidedBy) -> Batch:
        """Return the oldest commands, as many as one append takes."""
        batch: list[DecidedCommand] = []
        events = size = 0
        for kept in self._kept:
            events += kept.command.events
            size += kept.size
            if batch and (events > BATCH_EVENTS or size > PAYLOAD_BYTES):
                break
            batch.append(kept.command)
        return Batch(journey_id=journey_id, expected_version=self.recorded, commands=tuple(batch), by=by)

    def urgent_after_first(self) -> tuple[UUID, ...]:
        """Return the ids of the commands after the first that nobody may wait for: what anybody may send, and what
        happened."""
        commands = (kept.command.decided.command for kept in self._kept[1:])
        return tuple(each.command_id for each in commands if each.body.by_anybody or each.body.fact)

    def mark_recorded(self, version: int) -> None:
        """Drop what is recorded up to this version."""
        self.recorded = max(self.recorded, version)
        self._kept = [kept for kept in self._kept if kept.version > self.recorded]

    def restart(self, recorded: int) -> list[Decided]:
        """Drop everything, and return the commands, to be decided again after the recorded ones. One that was refused
        says so."""
        decided = [kept.decided for kept in self._kept]
        self.recorded, self._kept = recorded, []
        return [each for each in decided if not isinstance(each.command.body, StartPathway)]
