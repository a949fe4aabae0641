"""Between Typer, which is synchronous, and the commands, which are not; and the options they share."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from door.outcomes import ExitCode, Problem
from door.screen import Screen
from door.services import Services

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON; errors too, on standard error.")]
Csv = Annotated[bool, typer.Option("--csv", help="Answer in CSV.")]
Clinic = Annotated[str | None, typer.Option(metavar="CLINIC", help="The clinic's code.", show_default=False)]
After = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="The page after the one that ended with this.", show_default=False)
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME|FILE", help="Who acts. Otherwise CAREPATH_PROFILE.", show_default=False),
]
Purpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="CODE", help="What you look for. Otherwise by your role.", show_default=False),
]
File = Annotated[
    str | None,
    typer.Option("--file", metavar="FILE|-", help="The form, in JSON. Otherwise standard input.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; send and record nothing.")]
CommandId = Annotated[
    UUID | None,
    typer.Option("--command-id", metavar="UUID", help="Repeat a command: one id happens once.", show_default=False),
]
JourneyId = Annotated[str, typer.Argument(metavar="JOURNEY", help="The id of the journey.", show_default=False)]


def journey_id(given: str) -> UUID:
    """The id in an argument; Temporal's own spelling of it will do.

    Raises:
        Problem: it is no id.
    """
    try:
        return UUID(given.removeprefix("journey/"))
    except ValueError:
        raise Problem(
            ExitCode.USAGE,
            "JOURNEY is not the id of a journey",
            "Ids look like 00000000-0000-0000-0000-000000000000; see `pathway list`",
        ) from None


def moment(option: str, given: str) -> datetime:
    """The moment in an option: a day is its beginning, and without an offset it is the user's own time.

    Raises:
        Problem: it is none.
    """
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError, OSError):
        raise Problem(
            ExitCode.USAGE,
            f"{option} is no moment",
            "Write 2026-03-02, 2026-03-02T09:30 (your time) or 2026-03-02T09:30-08:00",
        ) from None


def one_of(**options: bool) -> None:
    """Refuse options that exclude each other.

    Raises:
        Problem: more than one was given.
    """
    given = [option for option, is_given in options.items() if is_given]
    if len(given) > 1:
        raise Problem(ExitCode.USAGE, f"{' and '.join(given)} do not go together", "Leave all but one out")


def services(context: typer.Context) -> Services:
    """The services the application was called with."""
    return context.find_object(Services) or Services()


def run(action: Callable[[Screen], Awaitable[ExitCode | None]], *, json_only: bool) -> None:
    """Run one command to its end, and leave with its exit code. Nothing else handles its errors.

    Raises:
        typer.Exit: always, unless all went well.
    """
    screen = Screen(json_only=json_only)
    problem: Problem | None = None
    code: ExitCode | None = None
    try:
        code = asyncio.run(_awaited(action, screen))
    except Problem as known:
        problem = known
    except (BrokenPipeError, typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        problem = Problem(
            ExitCode.FAULT,
            "interrupted",
            "Look with `pathway show` before sending it again",
            state="Whether a command that was being sent arrived is not known. Nothing that was accepted is lost.",
        )
    except Exception as error:
        problem = _translated(error)
    if problem is not None:
        screen.problem(problem)
        code = problem.code
    if code:
        raise typer.Exit(int(code))


async def _awaited(action: Callable[[Screen], Awaitable[ExitCode | None]], screen: Screen) -> ExitCode | None:
    return await action(screen)


def _translated(error: Exception) -> Problem:
    """The problem behind an error of another room. Texts of errors we do not know may hold values: never shown."""
    from activities.record import RecordFault, RecordUnavailable
    from application.settings import SettingsError

    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case Problem():
            return error
        case RecordUnavailable():
            return Problem(ExitCode.UNAVAILABLE, f"the record cannot be reached ({error.code})", "Run it again")
        case RecordFault():
            return Problem(ExitCode.FAULT, str(error), "Tell ops: the database is not set up as this version needs")
        case SettingsError():
            return Problem(ExitCode.USAGE, str(error), "docs/settings.md has all settings")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Problem(
        ExitCode.FAULT,
        f"a defect in this program: {type(error).__name__} at {Path(last.filename).name}:{last.lineno}",
        "Tell ops these words. Look with `pathway show` before sending a command again",
        state="Whether a command that was being sent arrived is not known. Nothing that was accepted is lost.",
    )
