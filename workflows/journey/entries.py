"""A dictionary of the state that may grow without end: it never changes, and another one with a few entries changed
shares the rest with it.

The entries stand in pages, in the order in which they came. A change copies one page, and what was worked out about a
page is worked out again only once the page has changed. So neither costs more when very much is open or over.
"""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from itertools import islice
from operator import is_
from types import GenericAlias
from typing import Any, Generic, TypeVar, get_args, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V = TypeVar("V")
Found = TypeVar("Found")
Other = TypeVar("Other")

PAGE = 32
"""How many entries stand on one page."""


class Page(Generic[K, V]):
    """Some entries, which never change, and what was worked out about them."""

    __slots__ = ("entries", "known")

    def __init__(self, entries: dict[K, V]) -> None:
        self.entries = entries
        self.known: dict[Callable[..., Any], tuple[tuple[Any, ...], Any]] = {}

    def recall(self, work_out: Callable[..., Found], *given: Any) -> Found:
        """Return what a pure function finds in these entries, given the same further arguments as before or others."""
        known = self.known.get(work_out)
        if known is not None and all(map(is_, known[0], given)):
            found: Found = known[1]
            return found
        found = work_out(self.entries, *given)
        self.known[work_out] = given, found
        return found


class Entries(Mapping[K, V]):
    """An ordered dictionary in pages. It is read like any other; JSON has it as an object."""

    __slots__ = ("_length", "_where", "pages")

    def __init__(self, entries: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        items = dict(entries)
        left = iter(items.items())
        self.pages = tuple(Page(dict(islice(left, PAGE))) for _ in range(0, len(items), PAGE))
        self._where: dict[object, int] = {key: number for number, page in enumerate(self.pages) for key in page.entries}
        """On which page each key stands, or stood: all that came from one another share it, so it is only a hint."""
        self._length = len(items)

    def put(self, entries: Mapping[K, V]) -> "Entries[K, V]":
        """Return these entries with some added or changed."""
        changed: dict[int, dict[K, V]] = {}
        pages, length = [*self.pages], self._length
        for key, value in entries.items():
            number = self._page_of(key)
            if number is None:
                length += 1
                number = len(pages) - 1
                if not pages or len(changed.get(number, pages[number].entries)) >= PAGE:
                    number = len(pages)
                    pages.append(Page({}))
                self._where[key] = number
            page = changed.setdefault(number, {**pages[number].entries})
            page[key] = value
        return self._with(pages, changed, length)

    def without(self, keys: Iterable[K]) -> "Entries[K, V]":
        """Return these entries without some, where there are such."""
        changed: dict[int, dict[K, V]] = {}
        length = self._length
        for key in dict.fromkeys(keys):
            number = self._page_of(key)
            if number is not None:
                length -= 1
                page = changed.setdefault(number, {**self.pages[number].entries})
                del page[key]
        # A page that is empty keeps its place. When most of them are, all entries move together.
        left = self._with([*self.pages], changed, length)
        return Entries(left) if len(left.pages) > 8 + 4 * length // PAGE else left

    def _with(self, pages: list[Page[K, V]], changed: Mapping[int, dict[K, V]], length: int) -> "Entries[K, V]":
        for number, entries in changed.items():
            pages[number] = Page(entries)
        other: Entries[K, V] = Entries.__new__(Entries)
        other.pages, other._where, other._length = tuple(pages), self._where, length
        return other

    def _page_of(self, key: object) -> int | None:
        hint = self._where.get(key)
        if hint is None or (hint < len(self.pages) and key in self.pages[hint].entries):
            return hint
        return next((number for number, page in enumerate(self.pages) if key in page.entries), None)

    def __getitem__(self, key: K) -> V:
        number = self._page_of(key)
        if number is None:
            raise KeyError(key)
        return self.pages[number].entries[key]

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | Other) -> V | Other: ...
    def get(self, key: K, /, default: V | Other | None = None) -> V | Other | None:
        """The value of a key, or the default."""
        number = self._page_of(key)
        return default if number is None else self.pages[number].entries[key]

    def __contains__(self, key: object) -> bool:
        return self._page_of(key) is not None

    def __iter__(self) -> Iterator[K]:
        for page in self.pages:
            yield from page.entries

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return repr(dict(self))

    def __deepcopy__(self, _memo: object) -> "Entries[K, V]":
        """Values never change, so only the entries are copied."""
        return Entries(self)

    def values(self) -> ValuesView[V]:
        """The values, in the order in which their keys came."""
        return _Values(self)

    def items(self) -> ItemsView[K, V]:
        """The keys and their values, in the order in which the keys came."""
        return _Items(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        entries = handler.generate_schema(GenericAlias(dict, get_args(source) or (Any, Any)))
        return core_schema.no_info_after_validator_function(
            cls, entries, serialization=core_schema.plain_serializer_function_ser_schema(dict, return_schema=entries)
        )


class _Items(ItemsView[K, V]):
    _mapping: Entries[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        for page in self._mapping.pages:
            yield from page.entries.items()


class _Values(ValuesView[V]):
    _mapping: Entries[Any, V]

    def __iter__(self) -> Iterator[V]:
        for page in self._mapping.pages:
            yield from page.entries.values()


def find(entries: Mapping[K, V], work_out: Callable[..., Iterable[Found]], *given: Any) -> Iterator[Found]:
    """Return all that a pure function finds on any page of these entries, in order."""
    for page in as_entries(entries).pages:
        yield from page.recall(work_out, *given)


def put(entries: Mapping[K, V], key: K, value: V) -> Entries[K, V]:
    """Return these entries with one added or changed."""
    return as_entries(entries).put({key: value})


def put_all(entries: Mapping[K, V], changed: Mapping[K, V]) -> Entries[K, V]:
    """Return these entries with some added or changed."""
    return as_entries(entries).put(changed)


def as_entries(entries: Mapping[K, V]) -> Entries[K, V]:
    """Return these entries in pages."""
    return entries if isinstance(entries, Entries) else Entries(entries)
