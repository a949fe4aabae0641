"""By what the clinic knows the patients of a list: the reference that is in their referral."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

from activities.record import RecordUnavailable, StoredEvent, UnreadableEvent
from activities.record.event_codec import reference_in
from application.context import Context
from workflows.journey.actors import STAFF_ROLES

KEPT: Final = 20_000
"""How many references stay in memory: those of all journeys of a large clinic."""
LIFETIME: Final = timedelta(minutes=5)
"""How long each does: as long as the key it is encrypted with."""


class Listed(Protocol):
    """A row of a list, about a journey of a clinic."""

    @property
    def journey_id(self) -> UUID: ...

    @property
    def clinic(self) -> str: ...


class References:
    """The references of patients that lists showed lately. Lists hold none: each is in the opening of its journey, and
    never changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[float, str]] = OrderedDict()

    async def of(self, context: Context, rows: Iterable[Listed]) -> Mapping[UUID, str]:
        """Return the references of the patients of these rows, by journey: of those at clinics the person works for,
        who may look at the journeys themselves. That they look at these rows is recorded with the list. Whose opening
        cannot be read is left out, and so are all that are not known while keys are away: the list itself needs none.

        Raises:
            RecordFault: as the record does.
        """
        if context.person.role not in STAFF_ROLES:
            return {}
        journeys = dict.fromkeys(row.journey_id for row in rows if row.clinic in context.person.clinics)
        fresh = monotonic() - LIFETIME.total_seconds()
        known = {each: kept[1] for each in journeys if (kept := self._kept.get(each)) is not None and kept[0] > fresh}
        lacking = [each for each in journeys if each not in known]
        if lacking:
            read: Sequence[StoredEvent] = ()
            with suppress(RecordUnavailable):
                read = await (await context.record()).load_openings(lacking)
            for opening in read:
                with suppress(UnreadableEvent):
                    known[opening.journey_id] = reference_in(opening)
                await asyncio.sleep(0)  # It takes the processor: others have their turn.
            self._keep({each: known[each] for each in lacking if each in known})
        return known

    def _keep(self, found: Mapping[UUID, str]) -> None:
        at = monotonic()
        for journey_id, ref in found.items():
            self._kept[journey_id] = at, ref
            self._kept.move_to_end(journey_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
