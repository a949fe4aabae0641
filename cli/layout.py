"""Tables and boxes that cut nothing: where a terminal is too narrow for them, they are lines below each other."""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_IDS = ("journey", "request", "id", "contact", "version")
"""Columns with values that people copy. They are never wrapped."""
_BOXED = 60
"""The width below which there are no boxes."""


class Rows:
    """A table whose words are never cut. Where they do not fit side by side, each row is a block of lines."""

    def __init__(self, columns: Sequence[str], title: str | None) -> None:
        self.columns, self.title = columns, title
        self.rows: list[list[str]] = []
        self.show_lines = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title is not None:
            yield whole_words(self.title, "bold")
        widths = self._widths(options.max_width)
        if widths is None:
            yield from self._blocks(options.max_width)
            return
        drawn = Table(header_style="bold", show_lines=self.show_lines)
        for column, width in zip(self.columns, widths, strict=True):
            drawn.add_column(column, width=width)
        for row in self.rows:
            drawn.add_row(*map(Text, row))
        yield drawn

    def _widths(self, available: int) -> list[int] | None:
        """Return how wide each column is, so that no word is broken; None if they do not fit."""
        cells = [[column, *(row[n] for row in self.rows)] for n, column in enumerate(self.columns)]
        least = [max(_longest(text, lines=texts[0] in _IDS) for text in texts) for texts in cells]
        wanted = [max(_longest(text, lines=True) for text in texts) for texts in cells]
        room = available - (3 * len(self.columns) + 1)
        if sum(least) > room:
            return None
        widths, left = least, room - sum(least)
        while left and (short := [n for n, width in enumerate(widths) if width < wanted[n]]):
            share = max(1, left // len(short))
            for n in short:
                more = min(share, wanted[n] - widths[n], left)
                widths[n], left = widths[n] + more, left - more
        return widths

    def _blocks(self, width: int) -> Iterator[RenderableType]:
        for row in self.rows:
            yield Text("-" * width, style="dim")
            for name, text in zip(self.columns, row, strict=True):
                if text:
                    yield whole_words(f"{name}: {text}" if name else text)


class Boxed:
    """Lines in a box with a title; without the box where the terminal is narrow."""

    def __init__(self, lines: Sequence[Text], title: str, style: str = "none") -> None:
        self.lines, self.title, self.style = lines, title, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        longest = max((_longest(line.plain) for line in self.lines), default=0)
        if options.max_width >= max(_BOXED, longest + 4):
            yield Panel(
                Text("\n").join(self.lines), title=Text(self.title), title_align="left", border_style=self.style
            )
            return
        yield whole_words(self.title, f"bold {self.style}" if self.style != "none" else "bold")
        for line in self.lines:
            line.overflow = "ignore"
            yield line


class Facts:
    """Names and values in a box; below each other, without the box, where the terminal is narrow."""

    def __init__(self, pairs: Mapping[str, str], title: str) -> None:
        self.pairs, self.title = pairs, title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = max(map(len, self.pairs), default=0)
        words = max((_longest(text) for text in self.pairs.values()), default=0)
        if options.max_width >= max(_BOXED, names + 2 + words + 4):
            grid = Table.grid(padding=(0, 2))
            grid.add_column(style="bold", no_wrap=True, min_width=names)
            grid.add_column()
            for name, text in self.pairs.items():
                grid.add_row(name, Text(text))
            yield Panel(grid, title=Text(self.title), title_align="left")
            return
        yield whole_words(self.title, "bold")
        for name, text in self.pairs.items():
            yield whole_words(f"{name}: {text}")


def _longest(text: str, *, lines: bool = False) -> int:
    """Return the width of the longest line of a text, or of its longest word."""
    return max(map(cell_len, text.split("\n") if lines else text.split()), default=0)


def whole_words(text: str, style: str = "") -> Text:
    """Make a text that wraps between words. A word that is longer than a line is not cut."""
    return Text(text, style=style, overflow="ignore")
