"""What waits for a signature at the clinics of a person, from the read models."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from activities.record.read_models import ListPage, NotACursor, Signing, SignOffRequest, sign_off_requests
from application.context import Context
from application.errors import InvalidInput
from application.reading.access_log import Query, clinics_to_list, keep_look
from application.reading.freshness import TrueUpTo, true_up_to, wait_for_read_models


class ListQueue(Query):
    """Signatures that are asked for at the person's clinics. ``mine`` are those that they may give by their role, or
    that were delegated to them, and that they neither wrote nor signed first. Whether they may, licence and all, is
    asked again before they read one."""

    name: ClassVar[str] = "signoff queue"

    mine: bool = False
    limit: int = 50
    after: str | None = None


class QueuePage(NamedTuple):
    """A page of what waits for a signature, at a moment (UTC)."""

    answer: ListPage[SignOffRequest]
    true: TrueUpTo
    at: datetime

    def is_overdue(self, asked: SignOffRequest) -> bool:
        return asked.due < self.at


async def list_queue(context: Context, query: ListQueue) -> QueuePage:
    """Record the look, and return what waits for a signature, the one due first on top.

    Raises:
        NotAllowed: the person works for no clinic.
        InvalidInput: ``after`` does not continue the list.
    """
    clinics, person = clinics_to_list(context, None), context.person
    head, now = await wait_for_read_models(context), context.now()
    by = Signing(person.id, person.role, now) if query.mine else None
    record = await context.record()
    try:
        answer = await sign_off_requests(record, clinics=clinics, by=by, limit=query.limit, after=query.after)
    except NotACursor as error:
        raise InvalidInput(str(error), "Leave --after out") from None
    journeys = [*dict.fromkeys(asked.journey_id for asked in answer.rows)]
    rows = tuple(f"{asked.journey_id}/{asked.opened_version}/{asked.obligation}" for asked in answer.rows)
    await keep_look(context, query, journeys, answer.position, rows=rows, definition=answer.definition)
    return QueuePage(answer, true_up_to(answer, head), now)
