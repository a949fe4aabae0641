"""Look up in the organisation's register whom a command names, before it is sent."""

from uuid import UUID

from activities.signatures.staff import members
from application.context import Context
from application.history import load_journey
from application.sign_offs.keyring import verified_register
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import looked_up_for
from workflows.journey.commands import Command, ReleaseSession


async def looked_up(context: Context, journey_id: UUID, command: Command) -> Command:
    """Return the command with what the register says of the people it names; for a release, of everybody of the
    session.

    Raises:
        InvalidInput, NotVerified: it names somebody, and the register is missing or cannot be believed.
    """
    journey = await load_journey(context, journey_id) if isinstance(command.body, ReleaseSession) else None
    return with_register(context, journey, command)


def with_register(context: Context, journey: Journey | None, command: Command) -> Command:
    """Return the command with what the register says of the people it names. No register is read where it names
    nobody.

    Raises:
        InvalidInput, NotVerified: as `looked_up`.
    """
    named = looked_up_for(journey, command.body)
    if not named:
        return command
    found = members(verified_register(context.settings), named)
    return command.model_copy(update={"named": found[:20]})
