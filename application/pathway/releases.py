"""A release is derived again where it is shown: whoever writes into the database behind the record lets nobody take a
dose."""

import asyncio
from collections.abc import Sequence

from activities.record import StoredEvent, UnreadableEvent
from activities.record.event_codec import from_stored
from activities.record.store import StoredCommand
from activities.record.verification.batches import Unproven, prove_recorded
from activities.signatures.sessions import ThisLog, unproven_events
from activities.signatures.signer_registry import Register
from application.context import Context
from application.errors import UseCaseError
from application.history import History
from application.sign_offs.keyring import verified_register
from workflows.journey.events import SessionReleased


async def is_proven(context: Context, history: History, session: int) -> bool:
    """Whether the release of a session follows from what people sent and signed, and that can be shown now. In a
    demonstration people are invented and nobody takes anything, so it is taken as it is."""
    if context.settings.demonstration:
        return True
    record, journey = await context.record(), history.journey
    stored = [each for each in await record.load(journey.id) if each.version <= journey.version]
    commands = await record.commands(journey.id, until_version=journey.version)
    log = ThisLog(await record.log_name())
    try:
        register = verified_register(context.settings)
    except UseCaseError:
        return False
    return await asyncio.to_thread(follows, stored, commands, register, log, session)


def follows(
    stored: Sequence[StoredEvent], commands: Sequence[StoredCommand], register: Register, log: ThisLog, session: int
) -> bool:
    """Whether the release of a session follows from the commands of its journey and everything signed in it counts, and
    who released it is proven."""
    try:
        rows = [(each, from_stored(each)) for each in stored]
        prove_recorded(rows, commands, register)
    except (Unproven, UnreadableEvent):
        return False
    events = [event for _, event in rows]
    by = {each.command_id for each in events if isinstance(each.body, SessionReleased) and each.body.session == session}
    clinic = getattr(events[0].body, "clinic", "")
    together = [each for each in events if each.command_id in by]
    return bool(together) and next(unproven_events(register, log, clinic, together), None) is None
