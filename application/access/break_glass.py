"""Emergency access to a journey of another clinic: with a reason, for a limited time, and reviewed afterwards."""

from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple
from uuid import UUID, uuid4

from activities.record.access_log import Purpose, find_access, find_broken_glass
from application.context import Context
from application.errors import Conflict, Refused, UseCaseError
from application.pathway.command_catalog import CommandKind, require_role
from application.pathway.commands import RecordedCommand, submit, wait_until_recorded
from application.reading.access_log import Query, keep_look, may_see, reader_id
from application.reading.history import load_history, load_journey
from workflows.journey.commands import BreakGlass, Command
from workflows.journey.receipts import answer_repeated, receipts_of
from workflows.journey.vocabulary.command_ids import id_objection
from workflows.journey.vocabulary.refusals import Refusal

BREAK = CommandKind("access", "break-glass", BreakGlass)


class OpenInEmergency(Query):
    """Somebody breaks the glass."""

    name: ClassVar[str] = "access break-glass"

    journey_id: UUID


class AccessOpened(NamedTuple):
    """Until when (UTC) somebody may look. ``untold`` is why the journey could not be told yet; then nobody is asked to
    review it so far. What they look at is recorded all the same."""

    command: Command
    until: datetime
    recorded: RecordedCommand | None
    untold: UseCaseError | None


async def must_break(context: Context, journey_id: UUID) -> bool:
    """Whether the person may look at a journey only by breaking the glass. Nothing of it is shown.

    Raises:
        NotAllowed: it is not for this role.
        NotFound: there is no such journey.
    """
    require_role(context.actor, BREAK)
    return not may_see(context, await load_journey(context, journey_id))


async def break_glass(
    context: Context, journey_id: UUID, body: BreakGlass, command_id: UUID | None = None
) -> AccessOpened:
    """Let the person look at a journey for as long as its protocol says. This does not need Temporal. What is sent
    again under the same id happens once.

    Raises:
        NotAllowed: it is not for this role.
        NotFound: there is no such journey.
        Conflict: they may look at it anyway, or it was sent before and its time is over, or with another reason.
        Refused: the id is another command's, or none that they may give, so the journey would never be told.
    """
    actor = context.actor
    require_role(actor, BREAK)
    history = await load_history(context, journey_id)
    if may_see(context, history.journey):
        raise Conflict("you may look at this journey as it is", "`pathway show` and the others show it")
    # The look and the command share one id, so that `reconcile` sees that the journey was told.
    command = Command(command_id=command_id or uuid4(), actor=actor, body=body)
    refused = id_objection(command.command_id, actor) or answer_repeated(receipts_of(history.events), command)
    if isinstance(refused, Refusal):
        raise Refused(refused)
    until = context.now() + timedelta(minutes=history.journey.protocol.break_glass_minutes)
    await keep_look(
        context,
        OpenInEmergency(journey_id=journey_id),
        [journey_id],
        history.position,
        entry_id=command.command_id,
        purpose=Purpose.BREAK_THE_GLASS,
        reason=body.reason,
        until=until,
    )
    record = await context.record()
    reader = reader_id(context, record.patients)
    kept = await find_access(record, command.command_id)
    if kept is None or (kept.journeys, kept.reader_id, kept.reason) != ((journey_id,), reader, body.reason):
        raise Conflict("this id was used for something else", "Send it once more, under a new id; nobody may look yet")
    broken = await find_broken_glass(record, journey_id, reader, context.now())
    if broken is None or broken.until is None:
        raise Conflict("this was sent before, and its time is over", "To look again, send it once more")
    until = broken.until
    try:
        accepted = await submit(context, journey_id, command)
        recorded = await wait_until_recorded(context, accepted, history.journey, shown=False)
    except UseCaseError as untold:
        return AccessOpened(command, until, None, untold)
    return AccessOpened(command, until, recorded, None)
