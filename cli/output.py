"""What people and scripts see: data on standard output, everything else on standard error."""

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
"""Columns with what people copy: never broken."""
_WIDE = 140
"""Columns when the output is no terminal, so that files and pipes get whole lines."""


def plain(text: object) -> str:
    """Text without what could steer a terminal or turn its reading order: such characters are spelt out."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else f"\\u{ord(char):04x}"
        for char in str(text)
    )


def spell_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)


class Output:
    """One command's output. ``json_only``: a JSON document per answer and per error, nothing else."""

    def __init__(self, *, json_only: bool) -> None:
        self.json_only = json_only
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def data(self, value: object) -> None:
        """One JSON document on one line."""
        sys.stdout.write(spell_json(value) + "\n")

    def csv(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Rows under a line with the names of their columns; what is not there is left empty."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in values] for values in rows)

    def form(self, value: object) -> None:
        """A JSON document to be edited or read by people."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def show(self, *shown: RenderableType) -> None:
        """Data for people."""
        for each in shown:
            if isinstance(each, Table) and each.title is not None:
                # Rich would break a title to the width of its table.
                self._out.print(Text(str(each.title), style="bold"))
                each.title = None
            self._out.print(each)

    @property
    def at_terminal(self) -> bool:
        """Whether data goes to a terminal that can be drawn on, and so to a person."""
        return self._out.is_terminal and not self._out.is_dumb_terminal

    @contextmanager
    def live(self) -> Iterator[Callable[[RenderableType], None]]:
        """A view that takes the whole terminal until this is left; each call shows something else in it."""
        with Live(console=self._out, screen=True, auto_refresh=False) as view:
            yield lambda shown: view.update(Fitted(shown), refresh=True)

    def text(self, text: str) -> None:
        """A line of data for people."""
        self._out.print(Text(plain(text)), soft_wrap=not self._out.is_terminal)

    def document(self, content: object) -> None:
        """JSON for people: every character as it is, but for those that could deceive a reader."""
        whole = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
        self._out.print(Text(plain(whole)), soft_wrap=True)

    def note(self, text: str) -> None:
        """Progress and hints; not data."""
        if not self.json_only:
            self._err.print(Text(plain(text), style="dim"), soft_wrap=True)

    def more(self, cursor: str | None) -> None:
        """How to get the next page of a list, if there is one."""
        if cursor is not None:
            self.note(f"There is more: the same again with --after {cursor}")

    def illustrative(self, shown: bool) -> None:
        """The mark on every screen that shows something of an illustrative journey or protocol."""
        if shown and not self.json_only:
            self._out.print(Text(ILLUSTRATIVE, style="bold black on yellow"))

    def freshness(self, true: TrueUpTo) -> None:
        """How far what was shown is true; not data."""
        self.note(str(true))

    def error(self, error: UseCaseError) -> None:
        """An error: what, whether anything is recorded or lost, the way out."""
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
    """As much of something as the terminal is high; if that is not all, the last line says so."""

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
    """A table whose cells wrap and are never cut."""
    drawn = Table(title=title, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column in _IDS)
    return drawn


def add_row(drawn: Table, *cells: object) -> None:
    drawn.add_row(*(Text("" if cell is None else plain(cell)) for cell in cells))


def facts_box(pairs: Mapping[str, object], title: str) -> Panel:
    """Names and values in a box."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        if value not in (None, "", (), [], {}):
            grid.add_row(name, Text(plain(value)))
    return Panel(grid, title=Text(plain(title)), title_align="left")


def shown_at(moment: datetime | None, zone: str) -> str:
    """A moment on the patient's wall clock, and on the viewer's where that shows something else."""
    if moment is None:
        return ""
    theirs, ours = local(moment, zone), moment.astimezone()
    patient = f"{theirs:%a %Y-%m-%d %H:%M} {zone}"
    return patient if theirs.utcoffset() == ours.utcoffset() else f"{patient} ({ours:%a %Y-%m-%d %H:%M %Z} for you)"


def local_time(moment: datetime) -> str:
    """A moment on the user's wall clock."""
    return f"{moment.astimezone():%a %Y-%m-%d %H:%M %Z}"


def duration(seconds: float | None) -> str:
    """A duration in its two largest units, rounded down; nothing for none."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    first = next((n for n, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return f"{int(seconds)} s"
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def elapsed(seconds: float) -> str:
    """A duration in its largest unit, rounded down."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
