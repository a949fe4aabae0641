"""Who looks at what: it is kept before anything is shown, or nothing is (45 CFR 164.312(b)).

A question whose answer shows something of journeys is a `Query`. It is kept as it was asked, so that it can be asked
again (`application.show_again`).
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid4

from activities.record.access_log import NewAccessLogEntry, find_broken_glass, record_access
from application.context import Context
from application.errors import NotAllowed
from workflows.journey.aggregate import Journey
from workflows.journey.always.access.rules import may_look
from workflows.journey.base import InputModel


class Query(InputModel):
    """A question about journeys. ``name`` is that of its use case."""

    name: ClassVar[str]

    def as_kept(self) -> tuple[str, ...]:
        """The question as it stands in the access log: its name, and what was asked for in JSON."""
        return (self.name, json.dumps(self.model_dump(mode="json", exclude_defaults=True), sort_keys=True))


class ActOn(Query):
    """Somebody sees something of a journey while they act on it. ``action`` is what they do."""

    name: ClassVar[str] = "act"

    action: str
    journey_id: UUID


def may_see(context: Context, journey: Journey) -> bool:
    """Whether a journey is the person's to look at: it is of a clinic of theirs, or its plan of care names them."""
    return context.as_seen is not None or may_look(journey, context.person.id, context.person.clinics)


async def broke_glass(context: Context, journey_id: UUID) -> bool:
    """Whether the person broke the glass of a journey, and may look still."""
    found = await find_broken_glass(await context.record(), journey_id, context.person.id, context.now())
    return found is not None


async def keep_look(context: Context, query: Query, journeys: Sequence[UUID], position: int, **more: Any) -> None:
    """Keep that the person looks at these journeys, true up to a position; ``more`` as in `NewAccessLogEntry`.

    Raises:
        RecordUnavailable, RecordFault: it cannot be kept, and nothing may be shown.
    """
    if context.as_seen is not None:
        return
    entry = {
        "entry_id": uuid4(),
        "reader_id": context.person.id,
        "reader_role": context.person.role,
        "purpose": context.purpose,
        "clock": context.now(),
        "command": query.as_kept(),
        "journeys": journeys,
        "position": position,
    }
    await record_access(await context.record(), NewAccessLogEntry.model_validate(entry | more))


def clinics_to_list(context: Context, asked_for: str | None) -> tuple[str, ...]:
    """The clinics a list is to be of: the one that was asked for, or all this person works for.

    Raises:
        NotAllowed: they do not work for it, or for none.
    """
    theirs = context.person.clinics if asked_for is None else (asked_for,)
    if not theirs or not set(theirs) <= {*context.person.clinics}:
        raise NotAllowed(
            "this is not a clinic your profile names" if theirs else "your profile names no clinic",
            "`clinics` in your profile are those you work for; `work list --mine` shows what falls to you anywhere",
        )
    return theirs
