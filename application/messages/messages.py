"""Messages and what became of them: of one journey, or those that reached nobody."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from activities.notices.listing import ListedMessage, claim, handle, list_messages, list_messages_then, release
from activities.notices.queue import requeue
from activities.record import Record
from application.context import Context
from application.errors import Conflict, NotFound
from application.identity.sessions import require_session
from application.reading.access_log import ActOn, Query, clinics_to_list, keep_look, require_staff
from application.reading.history import read_stored
from application.work.claims import IN_CHARGE
from workflows.journey.vocabulary.base import Flag, Whole


class ListMessages(Query):
    """The messages of a journey, or of the person's clinics, the latest first; or only those that reached nobody."""

    name: ClassVar[str] = "message list"

    journey_id: UUID | None = None
    undelivered: Flag = False
    limit: Whole = 50


class Messages(NamedTuple):
    """Messages, and when (UTC) they were looked at."""

    rows: tuple[ListedMessage, ...]
    at: datetime


async def show_messages(context: Context, query: ListMessages) -> Messages:
    """Return messages that the person may see. The look is recorded.

    Raises:
        NotAllowed: they are not of the staff.
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    require_staff(context, "what became of messages")
    record = await context.record()
    if (seen := context.as_seen) is not None:
        # Of messages of no journey nothing is kept: they are not on it any more.
        found = await list_messages_then(
            record, seen.journeys, seen.at, undelivered=query.undelivered, limit=query.limit
        )
        return Messages(found, context.now())
    clinics: tuple[str, ...] | None = None
    if query.journey_id is not None:
        await read_stored(context, query, query.journey_id)
    else:
        clinics = clinics_to_list(context, None)
    found = await list_messages(
        record, journey_id=query.journey_id, clinics=clinics, undelivered=query.undelivered, limit=query.limit
    )
    if query.journey_id is None:
        await _keep(context, query, found)
    return Messages(found, context.now())


async def handle_message(context: Context, notice_id: UUID) -> ListedMessage:
    """Keep that the person saw to a message that reached nobody: they told whom it was for, or know why they need not.

    Raises:
        NotAllowed: they are not of the staff, or in no working session.
        NotFound: there is no such message of their clinics that waits for somebody.
    """
    return await _settle(context, notice_id, handle, "message handle", "handled")


async def claim_message(context: Context, notice_id: UUID) -> ListedMessage:
    """Keep that the person will see to a message that reached nobody. It stops nobody, and moves no deadline.

    Raises:
        NotAllowed, NotFound: as `handle_message`.
        Conflict: somebody else has said so.
    """
    message = await _waiting(context, notice_id, "message claim")
    by = await claim(await context.record(), notice_id, context.person.id)
    if by is None:
        raise _gone()
    if by != context.person.id:
        raise Conflict(
            f"another person will see to it: {by}", "Ask them, or a coordinator if they are away",
            state="Nothing was changed.", ids={"claimed_by": by},
        )  # fmt: skip
    return message._replace(claimed_by=by)


async def release_message(context: Context, notice_id: UUID) -> ListedMessage:
    """Release the person's claim of a message. Coordinators and medical directors may also release that of others.

    Raises:
        NotAllowed, NotFound: as `handle_message`.
        Conflict: the claim is another person's.
    """
    message = await _waiting(context, notice_id, "message release")
    in_charge = context.person.role in IN_CHARGE
    if message.claimed_by not in (None, context.person.id) and not in_charge:
        raise Conflict(
            f"another person will see to it: {message.claimed_by}", "Ask them, or a coordinator if they are away",
            state="Nothing was changed.", ids={"claimed_by": message.claimed_by or ""},
        )  # fmt: skip
    await release(await context.record(), notice_id, context.person.id, of_anybody=in_charge)
    return message._replace(claimed_by=None)


async def send_again(context: Context, notice_id: UUID) -> ListedMessage:
    """Have a message that reached nobody sent again now, also to points that refused it. Who wants it is kept.

    Raises:
        NotAllowed: they are not of the staff, or in no working session.
        NotFound: there is no such message of their clinics that waits for somebody.
    """
    return await _settle(context, notice_id, requeue, "message send-again", "requeued")


async def _settle(
    context: Context, notice_id: UUID, settle: Callable[[Record, UUID, str], Awaitable[bool]], action: str, becomes: str
) -> ListedMessage:
    message = await _waiting(context, notice_id, action)
    if not await settle(await context.record(), notice_id, context.person.id):
        raise _gone()
    return message._replace(state=becomes, by=context.person.id)


async def _waiting(context: Context, notice_id: UUID, action: str) -> ListedMessage:
    """Return a message that somebody has to see to. The look at it is kept."""
    require_staff(context, "what became of messages")
    await require_session(context)
    found = await list_messages(
        await context.record(), notice_id=notice_id, clinics=clinics_to_list(context, None), undelivered=True, limit=1
    )
    if not found or not found[0].waits:
        raise _gone()
    await _keep(context, ActOn(action=action, journey_id=found[0].journey_id), found)
    return found[0]


def _gone() -> NotFound:
    return NotFound(
        "no message with this id waits for somebody to see to it", "See `message list --undelivered`",
        state="Nothing was changed.",
    )  # fmt: skip


async def _keep(context: Context, query: Query, messages: Sequence[ListedMessage]) -> None:
    """Keep that the person looks at the journeys of these messages; some messages are of none."""
    head = await (await context.record()).log_head()
    seen = tuple(dict.fromkeys(message.journey_id for message in messages if message.journey_id.int))
    await keep_look(context, query, seen, 0 if head is None else head[0])
