"""A list as it is now, until Ctrl-C."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

from rich.console import Group, RenderableType
from rich.text import Text

from activities.record import RecordUnavailable
from application.freshness import TrueUpTo
from cli.output import ILLUSTRATIVE, Output, plain

EVERY = 1.0
"""Seconds between two looks. Claims and the clock change a list as well as the record does, so it is asked anew."""

T = TypeVar("T")


class View(NamedTuple):
    """What is seen at a moment: a table, or None where nothing is awaited."""

    drawn: RenderableType | None
    at: datetime
    illustrative: bool
    true: TrueUpTo
    more: bool


async def watch(output: Output, look: Callable[[], Awaitable[T]], draw: Callable[[T], View], scope: str) -> None:
    """Show a list again and again, until it is interrupted."""
    # The first look is taken before: what does not work is told as for any other command.
    first = await look()
    with suppress(asyncio.CancelledError), output.live() as show:
        await follow(show, look, draw, scope, first)


async def follow(
    show: Callable[[RenderableType], None],
    look: Callable[[], Awaitable[T]],
    draw: Callable[[T], View],
    scope: str,
    seen: T,
    *,
    every: float = EVERY,
) -> None:
    """Show a list, then look again: without end. While the record cannot be reached, what was seen last stays and
    says so."""
    trouble: str | None = None
    while True:
        show(render(draw(seen), scope, trouble))
        await asyncio.sleep(every)
        try:
            seen, trouble = await look(), None
        except RecordUnavailable as outage:
            trouble = f"The record cannot be reached ({outage.code}): this is what was seen last."


def render(view: View, scope: str, trouble: str | None) -> RenderableType:
    """What the terminal shows."""
    at = f"{view.at.astimezone():%a %Y-%m-%d %H:%M:%S %Z}"
    more = " There is more; narrow the list, or raise --limit." if view.more else ""
    said = [Text(plain(f"{at}  {scope} {view.true}{more} Ctrl-C ends."), style="dim")]
    if trouble is not None:
        said.append(Text(plain(trouble), style="bold red"))
    if view.illustrative:
        said.append(Text(ILLUSTRATIVE, style="bold black on yellow"))
    return Group(*said, Text("Nothing is awaited.") if view.drawn is None else view.drawn)
