"""The ids of the service's own commands: of the clock and of the shell, and of attempts that nobody proved.

They follow from what they are about, so that each happens once. Anybody could work them out; so they are of a version
of UUID (8, RFC 9562) that no person's command may bear. Else a person could take the id of the next deadline first.
They are read by who may not read the content: what they are about names content by its code (`codes`).
"""

from hashlib import sha256
from uuid import UUID

from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

OWN_VERSION = 8


def own_id(of: UUID, what: str) -> UUID:
    """Return the id of the service's own command about this, of a journey or of somebody's command."""
    bits = int.from_bytes(sha256(of.bytes + what.encode()).digest()[:16], "big")
    bits &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=bits | OWN_VERSION << 76 | 0x2 << 62)


def is_own(command_id: UUID) -> bool:
    """Whether an id is one that only the service gives."""
    return command_id.version == OWN_VERSION


def id_objection(command_id: UUID, actor: Actor) -> Refusal | None:
    """Return why this sender may not use this id; None if they may."""
    own = actor.role == Role.SYSTEM
    if own == is_own(command_id):
        return None
    return Refusal(
        code=RefusalCode.NOT_ALLOWED,
        reason="the clock's commands bear ids of its own" if own else "ids of this kind are the service's own",
        remedy="Send it again under a new random id (UUID version 4); nothing happened",
        field="command_id",
    )
