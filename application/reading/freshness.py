"""Says up to which position an answer is true. Every answer from the read models, which follow the record, has one."""

from datetime import timedelta
from typing import Any, NamedTuple

from activities.record.read_models import ListPage, wait_until_caught_up
from application.context import Context

CAUGHT_UP_WITHIN = timedelta(seconds=1)
"""How long a read waits for the read models to catch up with the record."""


class TrueUpTo(NamedTuple):
    """The position up to which an answer is true, the end of the record at the time of the question, and how many
    journeys are stale. What a stale journey waits for may be missing in lists."""

    position: int
    record: int
    stale: int

    def __str__(self) -> str:
        said = f"True up to position {self.position}"
        if self.position < self.record:
            said += f"; the record is at {self.record}, and what is newer is not in it yet: run it again"
        if self.stale:
            journeys = "1 journey is" if self.stale == 1 else f"{self.stale} journeys are"
            said += f"; {journeys} STALE, and what it waits for may be missing: tell ops (`record models`)"
        return f"{said}."


async def wait_for_read_models(context: Context) -> int:
    """Wait a moment until the read models have what is recorded, so that people find what they just did. Return the end
    of the record. The read models may still be behind it."""
    return await wait_until_caught_up(await context.record(), CAUGHT_UP_WITHIN)


def true_up_to(answer: ListPage[Any], head: int) -> TrueUpTo:
    """Describe how far an answer is true, when the record was at ``head``."""
    return TrueUpTo(answer.position, head, answer.stale_journeys)
