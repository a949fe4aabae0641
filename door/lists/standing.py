"""How far what is shown is true: said wherever something comes from the read models, which follow the record."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from door.outcomes import ExitCode, Problem
from door.screen import Screen

if TYPE_CHECKING:
    from activities.record import Record

ABREAST_WITHIN = timedelta(seconds=1)
"""How long a read waits for the read models to be where the record was when it was asked."""


class TrueUpTo(NamedTuple):
    """The position an answer is true up to, where the record was when it was asked for, and how many journeys are
    stale: what they wait for may not be in any list."""

    position: int
    record: int
    stale: int

    def as_json(self) -> dict[str, Any]:
        return {"position": self.position, "record": max(self.record, self.position), "stale_journeys": self.stale}

    def __str__(self) -> str:
        said = f"True up to position {self.position}"
        if self.position < self.record:
            said += f"; the record is at {self.record}, and what is newer is not in it yet: run it again"
        if self.stale:
            journeys = "1 journey is" if self.stale == 1 else f"{self.stale} journeys are"
            said += f"; {journeys} STALE, and what it waits for may be missing: tell ops (`record models`)"
        return f"{said}."

    def tell(self, screen: Screen) -> None:
        """Say it to people."""
        screen.note(str(self))


async def at_head(record: "Record") -> int:
    """Wait a moment until the read models have what is recorded, so that people find what they just did; and
    return where the record was. They need not have got there."""
    from activities.record.read_models import wait_until_caught_up

    return await wait_until_caught_up(record, ABREAST_WITHIN)


async def true_up_to(record: "Record", position: int, head: int) -> TrueUpTo:
    """How far an answer at this position is true, asked for when the record was at ``head``."""
    from activities.record.read_models import stale

    return TrueUpTo(position, head, len((await stale(record)).rows))


@contextmanager
def not_a_cursor() -> Iterator[None]:
    """Tell of an ``--after`` that does not continue the list.

    Raises:
        Problem: it does not.
    """
    from activities.record.read_models import NotACursor

    try:
        yield
    except NotACursor as error:
        raise Problem(ExitCode.USAGE, str(error), "Leave --after out") from None
