"""The result of each command of a journey, so that no command happens twice, however often it arrives.

Receipts are not part of the journey's state, which would then grow with every command. Whoever decides commands keeps
them beside the journey, and looks there first. They follow from the events alone.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from uuid import UUID

from workflows.journey.commands import Command, StartPathway
from workflows.journey.events import CommandRefused, Event
from workflows.journey.vocabulary.base import ImmutableModel, digest
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

NOT_TOLD_APART_BY: dict[str, Any] = {
    "named": True,
    "proof": True,
    "sent_at": True,
    "actor": {"clinics": True},
    "body": {"protocol": True},
}
"""What of a command its digest leaves out."""


class CommandReceipt(ImmutableModel):
    """The result of a command: its digest, the version of the journey after it, and a refusal that was recorded."""

    digest: str
    version: int
    refused: CommandRefused | None = None


def command_digest(command: Command) -> str:
    """Return the digest that tells a repeated command from another one with the same id. What the register says
    meanwhile of its sender and of the people it names makes it no other command, nor does another working session. A
    protocol stands in it by its own digest."""
    content = command.model_dump(mode="json", exclude=NOT_TOLD_APART_BY)
    if isinstance(command.body, StartPathway):
        content["body"]["protocol"] = command.body.protocol.digest
    return digest(content)[:32]


def receipts_of(events: Iterable[Event]) -> dict[UUID, CommandReceipt]:
    """Return the receipts of all commands that led to these events of one journey."""
    receipts: dict[UUID, CommandReceipt] = {}
    add_receipts(receipts, events)
    return receipts


def add_receipts(receipts: MutableMapping[UUID, CommandReceipt], events: Iterable[Event]) -> None:
    """Add the receipts of further events, given in their order."""
    for event in events:
        known = receipts.get(event.command_id)
        refused = event.body if isinstance(event.body, CommandRefused) else None
        receipts[event.command_id] = CommandReceipt(
            digest=event.command_digest,
            version=event.version,
            refused=refused or (None if known is None else known.refused),
        )


def answer_repeated(receipts: Mapping[UUID, CommandReceipt], command: Command) -> CommandReceipt | Refusal | None:
    """Answer a command that was decided before, without deciding it again: with its receipt if it was accepted, with a
    refusal if it was refused or its id belongs to another command. None for a new command."""
    known = receipts.get(command.command_id)
    if known is None:
        return None
    if known.digest != command_digest(command):
        return Refusal(
            code=RefusalCode.COMMAND_ID_REUSED,
            reason="this command id was used for something else",
            remedy="Send a new command under a new id; the earlier one remains valid",
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
