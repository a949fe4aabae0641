"""Turns commands, as they were decided, into what the record keeps of them, and back."""

from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import from_json

from activities.record.source_digest import CORE, source_digest, zone_digest
from workflows.journey.commands import Command, StartPathway
from workflows.journey.decided import Decided, DecidedBy
from workflows.journey.events import PathwayStarted
from workflows.journey.vocabulary.base import ImmutableModel, canonical

WITHOUT_PROTOCOL: dict[str, Any] = {"decided": {"command": {"body": {"protocol": True}}}}


class KeptCommand(ImmutableModel):
    """A command as it was decided, and by which rules."""

    decided: Decided
    by: DecidedBy


class EncodedCommand(NamedTuple):
    """What is kept of a command, in canonical JSON, and the digest by which its events name it (SHA-256, hex)."""

    payload: bytes
    digest: str


@cache
def decided_by() -> DecidedBy:
    """Return which rules this process decides by."""
    return DecidedBy(core=source_digest(CORE).hex(), zones=zone_digest().hex())


def to_kept(decided: Decided, by: DecidedBy) -> EncodedCommand:
    """Return what is kept of a command. A protocol stands in it by its digest: the opening event has all of it."""
    kept = KeptCommand(decided=decided, by=by)
    content: dict[str, Any] = kept.model_dump(mode="json", exclude=WITHOUT_PROTOCOL)
    if isinstance(decided.command.body, StartPathway):
        content["decided"]["command"]["body"]["protocol"] = decided.command.body.protocol.digest
    payload = canonical(content)
    return EncodedCommand(payload, digest_of(payload))


def digest_of(payload: bytes) -> str:
    """Return the digest by which events name what is kept of their command."""
    return sha256(payload).hexdigest()


def from_kept(payload: bytes, opening: PathwayStarted | None = None) -> KeptCommand:
    """Return the command in what was kept. ``opening`` has the protocol, for the command that started the journey.

    Raises:
        ValueError: it is nothing that this build can read, or the opening has another protocol.
    """
    if opening is None:
        return KeptCommand.model_validate_json(payload)
    content = from_json(payload)
    try:
        decided = content["decided"]
        command = decided["command"]
        body = command["body"]
        if body["protocol"] != opening.protocol.digest:
            raise ValueError("the opening has another protocol")
        read = Command.model_validate({**command, "body": {**body, "protocol": opening.protocol}})
    except (KeyError, TypeError):
        raise ValueError("it is no start") from None
    return KeptCommand.model_validate({**content, "decided": {**decided, "command": read}})
