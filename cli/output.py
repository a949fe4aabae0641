"""Writes what people and scripts see: data to standard output, everything else to standard error."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from application.errors import Conflict, NotAllowed, NotVerified, Refused, UseCaseError
from application.reading.freshness import TrueUpTo
from application.words.codes import say, say_within
from application.words.viewer import place, spell, spell_with_place
from cli.errors import ExitCode, as_json, exit_code_of
from cli.layout import Boxed, Facts, Rows, whole_words
from cli.streams import Err, Out
from workflows.journey.vocabulary.texts import show_hidden

ILLUSTRATIVE = "ILLUSTRATIVE: this protocol is an example. Not for the care of patients."
_WIDE, _NARROWEST = 140, 20
"""The width of what goes to no terminal, so that files and pipes get whole lines, and the least one of a terminal."""


def plain(text: object) -> str:
    """Spell out what could control a terminal, hide, or change the reading order."""
    return show_hidden(str(text))


def spell_json(value: object, encoding: str | None = "utf-8") -> str:
    """Write JSON on one line. What hides, and what the encoding lacks, is escaped, so that nothing is lost."""
    return show_hidden(json.dumps(value, ensure_ascii=not _takes_all(encoding), separators=(", ", ": "), default=str))


def _takes_all(encoding: str | None) -> bool:
    return (encoding or "").lower().startswith("utf")


class Output:
    """The output of one command. ``json_only``: one JSON document per answer and per error, nothing else. ``named``
    gives what one of the staff, or a clinic, is called where people read of them.

    Raises:
        OutputLost: by any method that writes data, and by `flush`.
    """

    def __init__(self, *, json_only: bool) -> None:
        self.json_only = json_only
        self.named: Callable[[str], str] = str
        self._stdout, self._stderr = Out(sys.stdout), Err(sys.stderr)
        self._out = _console(self._stdout)
        self._err = _console(self._stderr)

    def flush(self) -> None:
        """See that all data has left."""
        self._stdout.flush()

    def data(self, value: object) -> None:
        """Write one JSON document on one line, at once."""
        self._stdout.write(spell_json(value, self._stdout.encoding) + "\n")
        self.flush()

    def csv(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write rows as CSV, under a line with the names of the columns. Missing values are empty."""
        writer = csv.writer(self._stdout, lineterminator="\n")
        writer.writerow(map(_cell, columns))
        writer.writerows([_cell(value) for value in values] for values in rows)

    def form(self, value: object) -> None:
        """Write a JSON document for people to edit or read. What hides is escaped: read again, it says the same."""
        whole = json.dumps(value, ensure_ascii=not _takes_all(self._stdout.encoding), indent=2)
        self._stdout.write(f"{show_hidden(whole)}\n")

    def show(self, *shown: RenderableType) -> None:
        """Write data for people."""
        for each in shown:
            # Where lines are too short for an id, it is the terminal that breaks it: nothing is cut.
            self._out.print(each, crop=False)

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
        if self._out.is_terminal:
            self._out.print(whole_words(plain(text)), crop=False)
        else:
            self._out.print(Text(plain(text)), soft_wrap=True)

    def document(self, content: object) -> None:
        """Write JSON for people. Only characters that could deceive a reader are escaped."""
        whole = json.dumps(content, ensure_ascii=not _takes_all(self._stdout.encoding), indent=2, sort_keys=True)
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
            self._stderr.write(spell_json(as_json(error), self._stderr.encoding) + "\n")
            return
        reason, remedy = say_error(error)
        lines = [Text(plain(_sentence(reason)), style="bold")]
        lines += [
            Text(plain(f"  {field.field}" + ("" if field.problem == error.reason else f": {field.problem}")))
            for field in error.fields
        ]
        lines += [Text(plain(error.state)), Text(plain(_sentence(remedy)))]
        lines += [Text(plain(f"{name}: {value}"), style="dim") for name, value in error.ids.items()]
        code = exit_code_of(error)
        title = f"{say(code.name.lower())} (exit {int(code)})"
        style = "yellow" if code == ExitCode.UNAVAILABLE else "red"
        self._err.print(Boxed(lines, title, style), crop=False)


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


def say_error(error: UseCaseError) -> tuple[str, str]:
    """Return what is wrong and what to do, with what codes are called. Where a field of a form is wrong, what may be
    entered there stands as it is entered."""
    if not isinstance(error, Refused | NotAllowed | Conflict | NotVerified):
        return error.reason, error.remedy
    typed = isinstance(error, Refused) and error.refusal.field is not None
    return say_within(error.reason), error.remedy if typed else say_within(error.remedy)


def _cell(value: object) -> str:
    return "" if value is None else plain(value) if isinstance(value, str) else spell_json(value)


def _sentence(text: str) -> str:
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def _console(stream: Out) -> Console:
    console = Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False)  # type: ignore[arg-type]
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = _WIDE
    if console.width < _NARROWEST:
        console.width = _NARROWEST
    return console


def table(*columns: str, title: str | None = None) -> Rows:
    """Make a table. Columns of ids are never wrapped."""
    return Rows(tuple(map(plain, columns)), None if title is None else plain(title))


def add_row(drawn: Rows, *cells: object) -> None:
    drawn.rows.append(["" if cell is None else plain(cell) for cell in cells])


def facts_box(pairs: Mapping[str, object], title: str) -> Facts:
    """Make a box of names and values. What has no value is left out."""
    told = {
        plain(name): plain(("no", "yes")[value] if isinstance(value, bool) else value)
        for name, value in pairs.items()
        if value not in (None, "", (), [], {})
    }
    return Facts(told, plain(title))


def local_time(moment: datetime) -> str:
    """Format a moment in the user's zone, and name the zone."""
    return spell_with_place(moment)


def short_time(moment: datetime) -> str:
    """Format a moment in the user's zone, below a heading that names the zone (`your_time`)."""
    return spell(moment)


def your_time(heading: str) -> str:
    """The heading of a column of times in the user's zone."""
    return f"{heading} (your time, {place()})"
