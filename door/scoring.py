"""`score`: answers in, one line out for every line in. It needs neither a database nor Temporal."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from door import forms, shell
from door.outcomes import ExitCode, Problem
from door.protocols.files import unusable
from door.screen import Screen, row, table
from workflows.journey.commands import COMMAND_LIMIT
from workflows.journey.instruments import Instrument, Score, Thresholds
from workflows.journey.instruments import score as score_answers
from workflows.protocols import ProtocolError, load, shipped

_NAMES = {"".join(filter(str.isalnum, name.casefold())): name for name in Instrument}


def instrument_of(name: str) -> Instrument:
    """The instrument somebody means: `PCL-5`, `pcl5` and `pcl_5` alike.

    Raises:
        Problem: it is none of ours.
    """
    found = _NAMES.get("".join(filter(str.isalnum, name.casefold())))
    if found is None:
        raise Problem(ExitCode.USAGE, "INSTRUMENT is not known", f"Use: {', '.join(Instrument)}")
    return found


def thresholds_of(instrument: Instrument, file: Path | None) -> Thresholds:
    """The thresholds of a protocol file, or of the shipped protocol that the instrument is primary in, or used in.

    Raises:
        Problem: the file cannot be used.
    """
    try:
        protocols = [load(path) for path in ((file,) if file is not None else shipped())]
    except ProtocolError as error:
        raise unusable(error) from None
    protocols.sort(key=lambda protocol: protocol.instruments.primary != instrument)
    found = (protocol.instruments.thresholds.get(instrument) for protocol in protocols)
    return next((thresholds for thresholds in found if thresholds is not None), Thresholds())


def score_line(raw: bytes, instrument: Instrument, thresholds: Thresholds, previous: int | None) -> Score:
    """The result of one line, whatever it holds."""
    problem: str | None = None
    answers: Any = None
    if len(raw) > COMMAND_LIMIT:
        problem = f"the line is larger than {COMMAND_LIMIT // 1024} KiB"
    elif not raw.strip():
        problem = "the line is empty"
    else:
        try:
            answers = forms.strict_json(raw)
        except forms.NotStrictJson as error:
            problem = f"the line cannot be read: {error}"
    scored = score_answers(instrument, answers, thresholds, previous)
    return scored if problem is None else scored.model_copy(update={"reason": problem})


def _lines() -> Iterator[bytes]:
    """The lines of standard input. Of one that is too long only the beginning is kept."""
    while line := sys.stdin.buffer.readline(COMMAND_LIMIT + 2):
        kept = line
        while not line.endswith(b"\n") and (line := sys.stdin.buffer.readline(COMMAND_LIMIT)):
            pass
        yield kept.rstrip(b"\r\n")


def score_command(
    instrument: Annotated[str, typer.Argument(metavar="INSTRUMENT", help=", ".join(Instrument), show_default=False)],
    previous: Annotated[
        int | None, typer.Option("--previous", metavar="N", help="An earlier total to judge the change from.")
    ] = None,
    protocol: Annotated[
        Path | None, typer.Option("--protocol", metavar="FILE", help="Take the thresholds from this protocol.")
    ] = None,
    json: shell.Json = False,
) -> None:
    """Score questionnaires from standard input: one JSON array of answers per line.

    For the C-SSRS each line is an object: {"q1": true, "q2": false, ..., "q6": false, "q6_recent": null}.

    There is always one result per line. An incomplete or invalid line has complete: false, no total, and a
    reason that names items and never answers.
    """

    async def act(screen: Screen) -> None:
        known = instrument_of(instrument)
        thresholds = thresholds_of(known, protocol)
        if sys.stdin.isatty():
            screen.note("One JSON array of answers per line; end with Ctrl-D.")
        shown = table("line", "result", "band", "complete", "flags", "change", "reason", title=known.value)
        for number, line in enumerate(_lines(), start=1):
            scored = score_line(line, known, thresholds, previous)
            if screen.json_only:
                screen.data(scored.as_line())
                continue
            result = scored.total if scored.level is None else scored.level.value
            change = None if scored.change is None else ", ".join(scored.change)
            complete = "yes" if scored.complete else "no"
            row(shown, number, result, scored.band, complete, ", ".join(scored.flags), change, scored.reason)
        if not screen.json_only:
            screen.show(shown)

    shell.run(act, json_only=json)
