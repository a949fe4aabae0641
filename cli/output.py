"""Writes what people and scripts see: data to standard output, everything else to standard error."""

import csv
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from application.errors import UseCaseError
from application.freshness import TrueUpTo
from cli.errors import ExitCode, as_json, exit_code_of
from workflows.journey.calendars import local

ILLUSTRATIVE = "ILLUSTRATIVE: this protocol is an example. Not for the care of patients."
_IDS = ("journey", "request", "id", "contact", "version")
"""Columns with values that people copy. They are never wrapped."""
_WIDE = 140
"""The width when the output is no terminal, so that files and pipes get whole lines."""


def plain(text: object) -> str:
    """Escape characters that could control a terminal or change the reading order."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else f"\\u{ord(char):04x}"
        for char in str(text)
    )


def spell_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)


class Output:
    """The output of one command. ``json_only``: one JSON document per answer and per error, nothing else."""

    def __init__(self, *, json_only: bool) -> None:
        self.json_only = json_only
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def data(self, value: object) -> None:
        """Write one JSON document on one line."""
        sys.stdout.write(spell_json(value) + "\n")

    def csv(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write rows as CSV, under a line with the names of the columns. Missing values are empty."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in values] for values in rows)

    def form(self, value: object) -> None:
        """Write a JSON document for people to edit or read."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def show(self, *shown: RenderableType) -> None:
        """Write data for people."""
        for each in shown:
            if isinstance(each, Table) and each.title is not None:
                # Rich would wrap a title to the width of its table.
                self._out.print(Text(str(each.title), style="bold"))
                each.title = None
            self._out.print(each)

    @property
    def at_terminal(self) -> bool:
        """Whether data goes to a terminal, and so to a person."""
        return self._out.is_terminal and not self._out.is_dumb_terminal

    @contextmanager
    def live(self) -> Iterator[Callable[[RenderableType], None]]:
        """Open a view over the whole terminal. Each call of what it yields shows new content."""
        with Live(console=self._out, screen=True, auto_refresh=False) as view:
            yield lambda shown: view.update(Fitted(shown), refresh=True)

    def text(self, text: str) -> None:
        """Write a line of data for people."""
        self._out.print(Text(plain(text)), soft_wrap=not self._out.is_terminal)

    def document(self, content: object) -> None:
        """Write JSON for people. Only characters that could deceive a reader are escaped."""
        whole = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
        self._out.print(Text(plain(whole)), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write progress and hints, which are not data."""
        if not self.json_only:
            self._err.print(Text(plain(text), style="dim"), soft_wrap=True)

    def more(self, cursor: str | None) -> None:
        """Say how to get the next page of a list, if there is one."""
        if cursor is not None:
            self.note(f"There is more: the same again with --after {cursor}")

    def illustrative(self, shown: bool) -> None:
        """Mark a screen that shows something of an illustrative journey or protocol."""
        if shown and not self.json_only:
            self._out.print(Text(ILLUSTRATIVE, style="bold black on yellow"))

    def freshness(self, true: TrueUpTo) -> None:
        """Say up to which position the answer is true."""
        self.note(str(true))

    def error(self, error: UseCaseError) -> None:
        """Write an error: what is wrong, whether anything is recorded or lost, and what to do."""
        if self.json_only:
            sys.stderr.write(spell_json(as_json(error)) + "\n")
            return
        lines = [Text(plain(_sentence(error.reason)), style="bold")]
        lines += [
            Text(plain(f"  {field.field}" + ("" if field.problem == error.reason else f": {field.problem}")))
            for field in error.fields
        ]
        lines += [Text(plain(error.state)), Text(plain(_sentence(error.remedy)))]
        lines += [Text(f"{name}: {value}", style="dim") for name, value in error.ids.items()]
        code = exit_code_of(error)
        title = f"{code.name.lower().replace('_', ' ')} (exit {int(code)})"
        style = "yellow" if code == ExitCode.UNAVAILABLE else "red"
        self._err.print(Panel(Text("\n").join(lines), title=title, title_align="left", border_style=style))


class Fitted:
    """Shows as much of its content as fits the terminal. If that is not all, the last line says so."""

    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._whole, options.update(height=None), pad=False)
        if len(lines) > options.max_height:
            more = Text("… there is more than fits here; narrow the list, or make the window higher", style="dim")
            lines = [*lines[: options.max_height - 1], console.render_lines(more, options.update(height=None))[0]]
        for line in lines:
            yield from line
            yield Segment.line()


def _cell(value: object) -> str:
    return "" if value is None else plain(value) if isinstance(value, str) else spell_json(value)


def _sentence(text: str) -> str:
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def table(*columns: str, title: str | None = None) -> Table:
    """Make a table whose cells wrap and are never cut."""
    drawn = Table(title=title, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column in _IDS)
    return drawn


def add_row(drawn: Table, *cells: object) -> None:
    drawn.add_row(*(Text("" if cell is None else plain(cell)) for cell in cells))


def facts_box(pairs: Mapping[str, object], title: str) -> Panel:
    """Make a box of names and values."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        if value not in (None, "", (), [], {}):
            grid.add_row(name, Text(plain(value)))
    return Panel(grid, title=Text(plain(title)), title_align="left")


def shown_at(moment: datetime | None, zone: str) -> str:
    """Format a moment in the patient's zone, and also in the viewer's where that differs."""
    if moment is None:
        return ""
    theirs, ours = local(moment, zone), moment.astimezone()
    patient = f"{theirs:%a %Y-%m-%d %H:%M} {zone}"
    return patient if theirs.utcoffset() == ours.utcoffset() else f"{patient} ({ours:%a %Y-%m-%d %H:%M %Z} for you)"


def local_time(moment: datetime) -> str:
    """Format a moment in the user's zone."""
    return f"{moment.astimezone():%a %Y-%m-%d %H:%M %Z}"


def duration(seconds: float | None) -> str:
    """Format a duration in its two largest units, rounded down; empty for None."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    first = next((n for n, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return f"{int(seconds)} s"
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def elapsed(seconds: float) -> str:
    """Format a duration in its largest unit, rounded down."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
