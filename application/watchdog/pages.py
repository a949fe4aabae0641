"""What is paged: a matter once when it is found, again at intervals while it stays, and once that it is over. Pure."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID, uuid5

from activities.record.watching import KeptMatter, Matter

_PAGES = UUID("3f6bb0f5-5c0a-4d0e-9a55-0f3cb9c9a6d1")
MOST = 100
"""How many matters a page names. It counts all it is about."""


class PagerMessage(NamedTuple):
    """A message to whoever is on duty. Its id and body follow from what it is about, so that whoever sends it again,
    or at the same time, sends the same."""

    id: str
    kind: str
    over: bool
    about: tuple[Matter, ...]
    body: bytes


class PagingPlan(NamedTuple):
    """What to page, and which matters to forget without a word."""

    pages: tuple[PagerMessage, ...]
    forget: tuple[Matter, ...]


def plan(
    kept: Sequence[KeptMatter], found: Collection[tuple[str, str]], at: datetime, repeat: timedelta, log_id: int
) -> PagingPlan:
    """Work out what to page at a moment (UTC), of the matters that are kept and those of them that were found again."""
    pages: list[PagerMessage] = []
    forget: list[Matter] = []
    by_kind = sorted(kept, key=lambda each: each.matter.kind)
    for kind, group in groupby(by_kind, key=lambda each: each.matter.kind):
        of_kind = sorted(group, key=lambda each: (each.since, each.matter.name))
        there = [each for each in of_kind if (kind, each.matter.name) in found]
        gone = [each for each in of_kind if (kind, each.matter.name) not in found]
        paged_gone = [each for each in gone if each.paged_at is not None]
        forget += [each.matter for each in gone if each.paged_at is None]
        if not there and paged_gone:
            pages.append(_page(kind, paged_gone, log_id, over=True))
        elif any(each.paged_at is not None for each in there):
            # Another one says that the kind is not over.
            forget += [each.matter for each in paged_gone]
        pages += _of_those_there(kind, there, at - repeat, log_id)
    return PagingPlan(tuple(pages), tuple(forget))


def _of_those_there(
    kind: str, there: Sequence[KeptMatter], again_if_by: datetime, log_id: int
) -> Iterator[PagerMessage]:
    new = [each for each in there if each.paged_at is None]
    last = max((each.paged_at for each in there if each.paged_at is not None), default=None)
    if new:
        yield _page(kind, new, log_id)
    elif last is not None and last <= again_if_by:
        yield _page(kind, there, log_id)


def _page(kind: str, about: Sequence[KeptMatter], log_id: int, *, over: bool = False) -> PagerMessage:
    state = "over" if over else "open"
    which = [[each.matter.name, each.since.isoformat(), each.times] for each in about]
    page_id = uuid5(_PAGES, json.dumps([log_id, kind, state, which]))
    body = {
        "type": f"watchdog.{kind}",
        "timestamp": about[0].since.isoformat(),
        "data": {
            "log": log_id,
            "state": state,
            "counted": len(about),
            "repeated": max(each.times for each in about),
            "matters": [each.matter.shown for each in about[:MOST]],
        },
    }
    matters = tuple(each.matter for each in about)
    return PagerMessage(f"msg_{page_id.hex}", kind, over, matters, json.dumps(body, separators=(",", ":")).encode())
