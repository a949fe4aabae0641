"""By what a clinic knows the patients of a list: to its own staff, beside the ids of their journeys."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from application.work.references import Listed, ListedPatient, References
from cli.runtime import Call

Known: TypeAlias = Mapping[UUID, ListedPatient]
NONE_KNOWN: Final[Known] = MappingProxyType({})


async def references_of(call: Call, rows: Iterable[Listed]) -> Known:
    """Return the references of the patients of these rows, by journey; none for a script."""
    return NONE_KNOWN if call.output.json_only else await References().of(call.context, rows)


def name_journey(journey_id: UUID, known: Known) -> str:
    """Name a journey by its id, below the reference of its patient where that is known."""
    return f"{known[journey_id].ref}\n{journey_id}" if journey_id in known else str(journey_id)
