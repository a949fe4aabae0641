"""Shows a list and keeps it up to date, until Ctrl-C."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from activities.record import RecordUnavailable
from application.reading.freshness import TrueUpTo
from application.words.viewer import spell
from cli.output import ILLUSTRATIVE, Output, plain

EVERY = 1.0
"""Seconds between two updates. Not only events change a list, but also claims and the clock."""


class View(NamedTuple):
    """What is shown at a moment: a table, or None where nothing is awaited."""

    drawn: RenderableType | None
    at: datetime
    illustrative: bool
    true: TrueUpTo
    more: bool


async def watch(output: Output, look: Callable[[], Awaitable[View]], scope: str) -> None:
    """Show a list, and update it until it is interrupted."""
    # The first query comes before the view opens, so that its errors are shown as for any other command.
    first = await look()
    with suppress(asyncio.CancelledError), output.live() as show:
        await follow(show, look, scope, first)


async def follow(
    show: Callable[[RenderableType], None],
    look: Callable[[], Awaitable[View]],
    scope: str,
    seen: View,
    *,
    every: float = EVERY,
) -> None:
    """Show a list and update it without end. While the record cannot be reached, the last view stays and says so."""
    trouble: str | None = None
    while True:
        show(render(seen, scope, trouble))
        await asyncio.sleep(every)
        try:
            seen, trouble = await look(), None
        except RecordUnavailable as outage:
            trouble = f"The record cannot be reached ({outage.code}): this is what was seen last."


def render(view: View, scope: str, trouble: str | None) -> RenderableType:
    """Render what the terminal shows."""
    at = spell(view.at, "%H:%M:%S")
    more = " There is more; narrow the list, or raise --limit." if view.more else ""
    said = [Text(plain(f"{at}  {scope} {view.true}{more} Ctrl-C ends."), style="dim")]
    if trouble is not None:
        said.append(Text(plain(trouble), style="bold red"))
    if view.illustrative:
        said.append(Text(ILLUSTRATIVE, style="bold black on yellow"))
    return Group(*said, Text("Nothing is awaited.") if view.drawn is None else view.drawn)
