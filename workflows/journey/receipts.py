"""What became of each command of a journey, so that none happens twice, however often it arrives.

The journey itself does not know: it would carry an entry for every command it was ever sent, into every state and
copy. Whoever decides commands keeps the receipts beside it, and asks them first. They follow from the events alone.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from uuid import UUID

from workflows.journey.base import ImmutableModel, digest
from workflows.journey.commands import Command
from workflows.journey.events import CommandRefused, Event
from workflows.journey.refusals import Refusal, RefusalCode


class CommandReceipt(ImmutableModel):
    """What became of a command: its digest, the version of the journey after it, and a refusal that was kept."""

    digest: str
    version: int
    refused: CommandRefused | None = None


def command_digest(command: Command) -> str:
    """What tells a repeated command from another one under the same id."""
    return digest(command.model_dump(mode="json"))[:32]


def receipts_of(events: Iterable[Event]) -> dict[UUID, CommandReceipt]:
    """The receipts of all commands that these events of one journey came from."""
    receipts: dict[UUID, CommandReceipt] = {}
    add_receipts(receipts, events)
    return receipts


def add_receipts(receipts: MutableMapping[UUID, CommandReceipt], events: Iterable[Event]) -> None:
    """Add those of further events, in their order."""
    for event in events:
        known = receipts.get(event.command_id)
        refused = event.body if isinstance(event.body, CommandRefused) else None
        receipts[event.command_id] = CommandReceipt(
            digest=event.command_digest,
            version=event.version,
            refused=refused or (None if known is None else known.refused),
        )


def answer_repeated(receipts: Mapping[UUID, CommandReceipt], command: Command) -> CommandReceipt | Refusal | None:
    """The answer to a command that was decided before, which is not decided anew: its receipt where it was accepted,
    a refusal where it was refused or its id stands for something else. None: this is a new command."""
    known = receipts.get(command.command_id)
    if known is None:
        return None
    if known.digest != command_digest(command):
        return Refusal(
            code=RefusalCode.COMMAND_ID_REUSED,
            reason="this command id was used for something else",
            remedy="Send a new command under a new id; the earlier one stands",
            field="command_id",
        )
    if known.refused is not None:
        return Refusal(
            code=RefusalCode(known.refused.code),
            reason=f"this command was refused before: {known.refused.reason.rstrip('.')}",
            remedy="Send it again under a new id once that is settled",
            field="command_id",
        )
    return known
