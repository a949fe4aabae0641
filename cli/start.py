"""`pathway start`: one journey from a referral, or many from a file."""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from application.errors import InvalidInput, SteppedBack, UseCaseError, translate
from application.input import forms
from application.pathway import referral_files
from application.pathway.start import (
    Referral,
    Started,
    Starter,
    start_one,
)
from application.pathway.start_batch import (
    RowOutcome,
    SameAs,
    start_batch,
)
from cli import interrupts, runtime
from cli.commands import Schema, show_trial
from cli.errors import ExitCode, as_json, exit_code_of, interrupted
from cli.input import one_of, read_form
from cli.output import facts_box
from cli.runtime import Call
from cli.streams import OutputLost

BATCH_LIMIT = 100 * 2**20
"""How many bytes a batch has at most: some hundred thousand referrals."""


async def start(
    call: Call,
    referral: Annotated[
        str | None, typer.Argument(metavar="REFERRAL.json", help="The referral; - for standard input.")
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            "--batch", metavar="FILE", help="Many referrals: a table with their fields as columns (CSV), or JSON lines."
        ),
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", min=1, max=64, help="With --batch: referrals under way at a time.")
    ] = 16,
    protocol: Annotated[
        str | None, typer.Option("--protocol", metavar="NAME|FILE", help="Instead of the one the referral names.")
    ] = None,
    command_id: runtime.CommandId = None,
    dry_run: runtime.DryRun = False,
    template: Annotated[bool, typer.Option("--template", help="Print a referral to fill in.")] = False,
    table_template: Annotated[
        bool, typer.Option("--table-template", help="Print a table to fill in for --batch (CSV).")
    ] = False,
    schema: Schema = False,
) -> ExitCode | None:
    """Start a patient's journey from a referral. For: coordinator.

    A patient has one open journey with a medicine, at whatever clinic. The same referral again starts nothing and
    names the journey it started before, so a start or a whole batch can be run again after any interruption.
    """
    if schema:
        call.output.form(forms.schema(Referral))
        return None
    if template:
        call.output.form(forms.template(Referral))
        return None
    if table_template:
        one_of(**{"--table-template": table_template, "--json": call.output.json_only})
        columns, sample = referral_files.template()
        call.output.csv(columns, [sample])
        return None
    if (referral is None) == (batch is None):
        raise InvalidInput("either REFERRAL.json or --batch FILE is needed", "Give one of them; see --help")
    starter = Starter(call.context, protocol)
    if batch is not None:
        if command_id is not None:
            raise InvalidInput("--command-id is for one referral", "Leave it out with --batch")
        return await _start_batch(call, starter, batch, at_once=at_once, dry_run=dry_run)
    given = await starter.identified(read_form(Referral, referral))
    made = await starter.command(given, command_id)
    if dry_run:
        tried = await starter.try_out(given, made)
        return show_trial(call.output, () if isinstance(tried, Started) else tried)
    _show_started(call, await start_one(starter, given, made))
    return None


def _show_started(call: Call, started: Started) -> None:
    illustrative = call.context.settings.demonstration
    if call.output.json_only:
        call.output.data(_line(started) | {"illustrative": illustrative})
        return
    call.output.illustrative(illustrative)
    title = "pathway start: done" if started.outcome == "started" else "pathway start: this referral was sent before"
    said = {
        "journey": started.journey_id,
        "durability": f"recorded at position {started.position}",
        "version": started.version,
        "request": started.request_id,
        "next": f"pathway why {started.journey_id}",
    }
    call.output.show(facts_box(said, title))


def _line(started: Started) -> dict[str, object]:
    return {
        "outcome": started.outcome,
        "journey_id": str(started.journey_id),
        "request_id": str(started.request_id),
        "version": started.version,
        "position": started.position,
    }


async def _start_batch(call: Call, starter: Starter, path: Path, *, at_once: int, dry_run: bool) -> ExitCode | None:
    """Start every row. A row that fails is named by its number alone. Exit code 5 if any row did not start a journey.

    Whatever ends it early, each row is either not enrolled or started, and the end says how many are done.

    Raises:
        UseCaseError: it ended early, with how far it came.
    """
    output, this, stopping = call.output, asyncio.current_task(), asyncio.Event()
    assert this is not None
    rows = _read_rows(path)
    counted: Counter[str] = Counter()
    last, lost, problem = 0, None, None
    try:
        with interrupts.on_interrupt(stopping.set, this.cancel):
            starting = start_batch(
                call.context, starter, rows, at_once=at_once, dry_run=dry_run, stopped=stopping.is_set
            )
            async for number, outcome in starting:
                line = _as_line(outcome)
                counted[str(line["outcome"])] += 1
                last = max(last, number)
                if isinstance(outcome, UseCaseError):
                    output.note(f"row {number}: {_clauses(outcome)}")
                if isinstance(outcome, SameAs):
                    output.note(f"row {number}: same as row {outcome.row}")
                if counted.total() % 100 == 0:
                    output.note(f"{counted.total()} rows done")
                if output.json_only and lost is None:
                    try:
                        output.data({"row": number, **line})
                    except OutputLost as gone:
                        lost = gone
                        stopping.set()
    except asyncio.CancelledError:
        this.uncancel()
        problem = interrupted()
    except Exception as raised:
        problem = translate(raised)
        if not counted:
            raise problem from None
    left = len(rows) - counted.total()
    if not output.json_only:
        said: dict[str, object] = {"rows": len(rows), **counted}
        if left:
            said["not tried"] = left
        if left or counted["unavailable"] or counted["accepted"]:
            said["next"] = "run the same batch again: what was started stays as it is"
        output.show(facts_box(said, "dry run: nothing was sent" if dry_run else "batch"))
    if left and (problem is not None or lost is not None or stopping.is_set()):
        because = "interrupted" if lost is None else f"the answers cannot be written ({lost.reason})"
        raise _ended_early(problem, because, counted.total(), len(rows), last)
    if lost is not None:
        raise lost
    failed = counted.total() - sum(counted[outcome] for outcome in ("started", "already_started", "valid", "same"))
    return ExitCode.REFUSED if failed or left else None


def _ended_early(problem: UseCaseError | None, because: str, done: int, rows: int, last: int) -> UseCaseError:
    """Return how far a batch came. Without a ``problem`` it stopped in good order: what was begun is done."""
    kind = SteppedBack if problem is None else type(problem)
    reason = because if problem is None else problem.reason
    begun = "every row up to it is" if problem is None else "some after it may have been begun, and are"
    return kind(
        f"{reason}; {done} of {rows} rows are done, the last one is row {last}",
        "Run the same batch again: it is safe, and what was started stays as it is",
        state=f"Of the rows, {begun} done or not enrolled; the others were not begun.",
    )


def _as_line(outcome: RowOutcome) -> dict[str, object]:
    match outcome:
        case UseCaseError():
            return {"outcome": exit_code_of(outcome).name.lower(), **as_json(outcome)}
        case Referral():
            ids = {"journey_id": str(outcome.journey_id), "request_id": str(outcome.request)}
            return {"outcome": "valid", **ids}
        case SameAs():
            ids = {"journey_id": str(outcome.journey_id), "request_id": str(outcome.request_id)}
            return {"outcome": "same", "same_as_row": outcome.row, **ids}
        case Started():
            return _line(outcome)


def _clauses(error: UseCaseError) -> str:
    fields = "; ".join(field if said == error.reason else f"{field} {said}" for field, said in error.fields)
    return f"{error.reason}{f' ({fields})' if fields else ''}. {error.remedy}"


def _read_rows(path: Path) -> tuple[tuple[int, bytes], ...]:
    """Return each referral of a file as JSON, with the number of its row.

    Raises:
        InvalidInput: the file cannot be read, is larger than a batch may be, or is a table of other columns.
    """
    try:
        with interrupts.at_once(), path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > BATCH_LIMIT:
                raise _too_large()
            raw = file.read(BATCH_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such name"
        raise InvalidInput(f"the file cannot be read ({why})", "Give a file that can") from None
    if len(raw) > BATCH_LIMIT:
        raise _too_large()
    return referral_files.read_rows(raw)


def _too_large() -> InvalidInput:
    return InvalidInput(
        f"the file is larger than a batch may be ({BATCH_LIMIT // 2**20} MiB)",
        "Split it; whatever part is sent twice starts nothing twice",
    )
