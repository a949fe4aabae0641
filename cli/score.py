"""`score`: one result for every line of answers. It needs neither a database nor Temporal."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from application.questionnaires.score import instrument_of, score_line, thresholds_of
from application.words.codes import say_all
from cli.input import lines_of
from cli.interrupts import at_once
from cli.output import add_row, table
from cli.runtime import Call, command
from workflows.journey.instruments import Instrument


def add_commands(group: typer.Typer) -> None:
    """Give the group its one command."""
    group.command("score")(command(score))


async def score(
    call: Call,
    instrument: Annotated[str, typer.Argument(metavar="INSTRUMENT", help=", ".join(Instrument), show_default=False)],
    previous: Annotated[
        list[int] | None,
        typer.Option(
            "--previous",
            metavar="N",
            help="An earlier total to judge the change from. Give it once for each, oldest first: the baseline first.",
        ),
    ] = None,
    protocol: Annotated[
        Path | None, typer.Option("--protocol", metavar="FILE", help="Take the thresholds from this protocol.")
    ] = None,
) -> None:
    """Score questionnaires from standard input: one JSON array of answers per line.

    For the C-SSRS each line is an object: {"q1": true, "q2": false, ..., "q6": false, "q6_recent": null}.

    There is always one result per line. An incomplete or invalid line has complete: false, no total, and a
    reason that names items and never answers.
    """
    output, known = call.output, instrument_of(instrument)
    thresholds = thresholds_of(known, protocol)
    if sys.stdin.isatty():
        output.note("One JSON array of answers per line; end with Ctrl-D.")
    shown = table("line", "result", "band", "complete", "flags", "change", "reason", title=known.value)
    for number, line in enumerate(_lines(), start=1):
        scored = score_line(line, known, thresholds, previous or ())
        if output.json_only:
            output.data(scored.as_line())
            continue
        result = scored.total if scored.level is None else scored.level.value
        change = None if scored.change is None else say_all(scored.change)
        complete = "yes" if scored.complete else "no"
        add_row(shown, number, result, scored.band, complete, say_all(scored.flags), change, scored.reason)
    if not output.json_only:
        output.show(shown)


def _lines() -> Iterator[bytes]:
    """Yield the lines of standard input. A line that is too long is cut."""
    with at_once():
        for line in lines_of(sys.stdin.buffer):
            yield line.rstrip(b"\r\n")
