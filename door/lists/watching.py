"""`work list --watch`: the worklist as it is now, until Ctrl-C."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.text import Text

from door.lists.listing import Listing
from door.screen import ILLUSTRATIVE, Screen, plain

EVERY = 1.0
"""Seconds between two looks. Claims and the clock change a list as well as the record does, so it is asked anew."""


async def watch(screen: Screen, look: Callable[[], Awaitable[Listing]], scope: str) -> None:
    """Show a list again and again, until it is interrupted."""
    # The first look is taken before: what does not work is told as for any other command.
    listing = await look()
    with suppress(asyncio.CancelledError), screen.live() as show:
        await follow(show, look, scope, listing)


async def follow(
    show: Callable[[RenderableType], None],
    look: Callable[[], Awaitable[Listing]],
    scope: str,
    listing: Listing,
    *,
    every: float = EVERY,
) -> None:
    """Show a list, then look again: without end. While the record cannot be reached, what was seen last stays and
    says so."""
    from activities.record import RecordUnavailable

    trouble: str | None = None
    while True:
        show(view(listing, scope, trouble))
        await asyncio.sleep(every)
        try:
            listing, trouble = await look(), None
        except RecordUnavailable as outage:
            trouble = f"The record cannot be reached ({outage.code}): this is what was seen last."


def view(listing: Listing, scope: str, trouble: str | None) -> RenderableType:
    """What the terminal shows."""
    seen = f"{listing.at.astimezone():%a %Y-%m-%d %H:%M:%S %Z}"
    more = " There is more; narrow the list, or raise --limit." if listing.answer.next is not None else ""
    said = [Text(plain(f"{seen}  {scope} {listing.true}{more} Ctrl-C ends."), style="dim")]
    if trouble is not None:
        said.append(Text(plain(trouble), style="bold red"))
    if listing.illustrative:
        said.append(Text(ILLUSTRATIVE, style="bold black on yellow"))
    return Group(*said, listing.drawn() if listing.answer.rows else Text("Nothing is awaited."))
