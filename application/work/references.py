"""By what the clinic knows the patients of a list, and where they are."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from activities.record import RecordUnavailable, StoredEvent, UnreadableEvent
from activities.record.event_codec import OpeningFacts, facts_in, from_stored
from application.context import Context
from workflows.journey.events import PatientMoved
from workflows.journey.vocabulary.actors import STAFF_ROLES

KEPT: Final = 20_000
"""How many references stay in memory: those of all journeys of a large clinic."""
LIFETIME: Final = timedelta(minutes=5)
"""How long each does: as long as the key it is encrypted with."""


class Listed(Protocol):
    """A row of a list, about a journey."""

    @property
    def journey_id(self) -> UUID: ...


class ListedPatient(NamedTuple):
    """The patient of a journey: the reference that is in their referral, and the zone where they are."""

    ref: str
    zone: str


class References:
    """The patients that lists showed lately, with the clinics of their journeys. Lists hold no reference: it is in the
    opening of the journey, and so is the clinic; neither changes. The zone does, and is asked for each time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[float, OpeningFacts]] = OrderedDict()

    async def of(self, context: Context, rows: Iterable[Listed]) -> Mapping[UUID, ListedPatient]:
        """Return the patients of these rows, by journey: of those at clinics the person works for,
        who may look at the journeys themselves. Which clinic that is says the opening, not the row, which whoever
        writes into the database could change. That they look at these rows is recorded with the list. Whose opening
        cannot be read is left out, and so are all that are not known while keys are away: the list itself needs none.

        Raises:
            RecordFault: as the record does.
        """
        if context.person.role not in STAFF_ROLES:
            return {}
        journeys = dict.fromkeys(row.journey_id for row in rows)
        fresh = monotonic() - LIFETIME.total_seconds()
        known = {each: kept[1] for each in journeys if (kept := self._kept.get(each)) is not None and kept[0] > fresh}
        lacking = [each for each in journeys if each not in known]
        if lacking:
            read: Sequence[StoredEvent] = ()
            with suppress(RecordUnavailable):
                read = await (await context.record()).load_openings(lacking)
            for opening in read:
                with suppress(UnreadableEvent):
                    known[opening.journey_id] = facts_in(opening)
                await asyncio.sleep(0)  # It takes the processor: others have their turn.
            self._keep({each: known[each] for each in lacking if each in known})
        theirs = {each: facts for each, facts in known.items() if facts.clinic in context.person.clinics}
        zones = await self._zones(context, [*theirs])
        return {each: ListedPatient(facts.ref, zones.get(each, facts.zone)) for each, facts in theirs.items()}

    async def _zones(self, context: Context, journeys: Sequence[UUID]) -> Mapping[UUID, str]:
        """Return the zones of patients that moved, by journey."""
        moves: Sequence[StoredEvent] = ()
        with suppress(RecordUnavailable):
            moves = await (await context.record()).load_moves(journeys) if journeys else ()
        zones: dict[UUID, str] = {}
        for move in sorted(moves, key=lambda each: each.version):
            with suppress(UnreadableEvent):
                body = from_stored(move).body
                assert isinstance(body, PatientMoved)
                zones[move.journey_id] = body.zone
        return zones

    def _keep(self, found: Mapping[UUID, OpeningFacts]) -> None:
        at = monotonic()
        for journey_id, known in found.items():
            self._kept[journey_id] = at, known
            self._kept.move_to_end(journey_id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
