"""Lists of the read models, a page at a time, in a stable order, each page true of one moment."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from activities.record.store import Record

LIMIT = 50
"""How many rows a page has, unless another number is asked for."""
MOST_COUNTED = 1000
"""How many rows of a list are counted at most: nobody waits for a longer one to be counted."""


class NotACursor(ValueError):
    """The cursor does not come from a page of this list."""

    def __init__(self) -> None:
        super().__init__("this does not continue a list; begin at its first page")


class Answered(BaseModel):
    """What comes out of a query: columns that it does not name are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


_R = TypeVar("_R", bound=Answered)


class ListPage(Answered, Generic[_R]):
    """Rows, all true up to ``position`` unless marked stale; ``next`` continues the list, if there is more.

    ``definition`` is the number of their definition (`rows.DEFINITION`). ``stale_journeys`` is how many journeys are
    stuck, on this list or not. ``total`` is how many rows all pages have, but `MOST_COUNTED` and one where they have
    more; 0 where it is not known.
    """

    position: int
    definition: int
    rows: tuple[_R, ...]
    next: str | None = None
    stale_journeys: int = 0
    total: int = 0


class PageQuery:
    """Builds a statement: its order, its conditions with their arguments, and where its page begins and ends."""

    def __init__(self, order: Sequence[str], limit: int | None = None) -> None:
        self._order, self._limit = ", ".join(order), limit
        self._arguments: list[object] = []
        self.terms = ["true"]
        self._begin: list[str] = []

    def bind(self, value: object) -> str:
        """Add an argument, and return its placeholder."""
        self._arguments.append(value)
        return f"${len(self._arguments)}"

    def where(self, term: str, value: object | None) -> None:
        """Add a condition on a value, unless the value is None."""
        if value is not None:
            self.terms.append(term.format(self.bind(value)))

    def after(self, cursor: str | None, shape: Any) -> None:
        """Begin after the last row of an earlier page.

        Raises:
            NotACursor: it is not the last row of a page.
        """
        if cursor is None:
            return
        try:
            last = TypeAdapter(shape).validate_json(urlsafe_b64decode(cursor))
        except (ValueError, ValidationError):
            raise NotACursor from None
        self._begin = [f"({self._order}) > ({', '.join(self.bind(value) for value in last)})"]

    @property
    def condition(self) -> str:
        """Return all conditions so far, and where the page begins."""
        return " AND ".join((*self.terms, *self._begin))

    @property
    def wanted(self) -> str:
        """Return the conditions so far on rows of all pages."""
        return " AND ".join(self.terms)

    @property
    def page(self) -> str:
        """Return the order and the limit: one row more than a page has, which tells that there is more."""
        return f"ORDER BY {self._order} LIMIT {self._limit + 1:d}" if self._limit is not None else ""

    async def answer(
        self,
        record: Record,
        kind: type[_R],
        select: str,
        key: Callable[[_R], tuple[Any, ...]] = lambda _: (),
        *,
        every: str | None = None,
    ) -> ListPage[_R]:
        """Fetch rows and the position they are true up to, in one statement, so that both are of one moment. ``every``
        selects the rows of all pages, to be counted."""
        counted = (
            "0" if every is None else f"(SELECT count(*) FROM (SELECT FROM ({every}) e LIMIT {MOST_COUNTED + 1:d}) e)"
        )
        async with record.connection() as connection:
            found = await connection.fetch(
                f"SELECT g.position AS true_up_to, g.definition, s.journeys AS stale_journeys, {counted} AS total, o.* "
                "FROM read_model.generation g CROSS JOIN (SELECT count(*) AS journeys FROM read_model.poisoned) s "
                f"LEFT JOIN LATERAL (SELECT true AS found, o.* FROM ({select}) o) o ON true "
                f"WHERE g.status = 'live' ORDER BY {self._order}",
                *self._arguments,
            )
        rows = tuple(kind.model_validate(dict(row)) for row in found if row["found"])
        more = self._limit is not None and len(rows) > self._limit
        shown = rows[: self._limit]
        return ListPage(
            position=found[0]["true_up_to"],
            definition=found[0]["definition"],
            rows=shown,
            stale_journeys=found[0]["stale_journeys"],
            total=found[0]["total"],
            next=urlsafe_b64encode(TypeAdapter(Any).dump_json(key(shown[-1]))).decode() if more else None,
        )
