"""Reads files, standard input, the person's terminal, and values of options."""

import getpass
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from application.errors import FieldProblem, InvalidInput, SteppedBack
from application.input.forms import FILLABLE, check, read_object, require_small
from application.input.wall_clock import NoOneHour, read_moment
from application.words.viewer import viewers_zone
from cli.interrupts import at_once
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.journey.vocabulary.texts import show_hidden

M = TypeVar("M", bound=BaseModel)

TERMINAL = Path("/dev/tty")
"""The person's own terminal, which can be used even when standard input and output are files."""


def read_input(source: str | None, *, optional: bool = False) -> bytes:
    """Read a file, or standard input for ``-`` and by default. If ``optional``, a terminal gives nothing.

    Raises:
        InvalidInput: it cannot be read, or is larger than a command may be.
    """
    return require_small(read_beginning(source, optional=optional))


def read_beginning(source: str | None, *, optional: bool = False) -> bytes:
    """Read as `read_input`; of what is larger than a command may be, only so much that this can be seen.

    Raises:
        InvalidInput: it cannot be read.
    """
    if source is None and sys.stdin.isatty():
        if optional:
            return b""
        raise InvalidInput("nothing was given to send", f"Give --file FILE or standard input. {FILLABLE}")
    # It may be a pipe in which nothing comes.
    with at_once():
        try:
            if source is None or source == "-":
                return sys.stdin.buffer.read(COMMAND_LIMIT + 1)
            with Path(source).open("rb") as file:
                return file.read(COMMAND_LIMIT + 1)
        except OSError as error:
            raise InvalidInput(f"the file cannot be read ({error.strerror})", "Give a file that can") from None
        except ValueError:
            raise InvalidInput("the file cannot be read (no such name)", "Give a file that can") from None


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file. Of a line that is larger than a command may be, no more is read into memory at a time,
    and only so much is yielded that this can be seen."""
    while line := file.readline(COMMAND_LIMIT + 2):
        kept = line
        while not line.endswith(b"\n") and (line := file.readline(COMMAND_LIMIT)):
            pass
        yield kept


def read_form(model: type[M], source: str | None, given: dict[str, Any] | None = None, *, optional: bool = False) -> M:
    """Read the form in a file or standard input, with what was ``given`` by arguments.

    Raises:
        InvalidInput: it names every field that does not fit.
    """
    return check(model, read_object(read_input(source, optional=optional), optional=optional), given)


def check_options(model: type[M], given: dict[str, Any]) -> M:
    """Options of a command, checked as a form is. None counts as not given.

    Raises:
        InvalidInput: it names every option that does not fit.
    """
    try:
        return check(model, {name: value for name, value in given.items() if value is not None})
    except InvalidInput as problem:
        fields = [FieldProblem(f"--{field.partition('[')[0]}", said) for field, said in problem.fields]
    raise InvalidInput("an option does not fit", "See --help", fields=tuple(fields))


def journey_id(given: str) -> UUID:
    """Parse the journey id in an argument, also in the form of a workflow id.

    Raises:
        InvalidInput: it is no id.
    """
    try:
        return UUID(given.removeprefix("journey/"))
    except ValueError:
        raise InvalidInput(
            "JOURNEY is not the id of a journey",
            "Ids look like 00000000-0000-0000-0000-000000000000; see `pathway list`",
        ) from None


def moment(option: str, given: str) -> datetime:
    """Parse the moment (UTC) in an option. A day means its beginning; without an offset it is in the user's zone.

    Raises:
        InvalidInput: it is none.
        SettingsError: the user's zone is not known.
    """
    try:
        return read_moment(given, viewers_zone()).astimezone(UTC)
    except NoOneHour as problem:
        raise InvalidInput(f"{option} {problem}", "Write another time, or this one with its offset") from None
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(
            f"{option} is no moment", "Write 2026-03-02, 2026-03-02T09:30 (your time) or 2026-03-02T09:30-08:00"
        ) from None


def one_of(**options: bool) -> None:
    """Refuse options that exclude each other.

    Raises:
        InvalidInput: more than one was given.
    """
    given = [option for option, is_given in options.items() if is_given]
    if len(given) > 1:
        raise InvalidInput(f"{' and '.join(given)} do not go together", "Leave all but one out")


def at_terminal() -> bool:
    """Whether standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str, *, secret: bool = False) -> str:
    """Ask the person at the terminal. Standard input stays free for a form. A secret is not shown.

    Raises:
        InvalidInput: there is no terminal.
        SteppedBack: they stepped back.
    """
    try:
        with TERMINAL.open() as heard, TERMINAL.open("w") as said, at_once():
            shown = show_hidden(question)
            if secret:
                return getpass.getpass(f"{shown}: ")
            said.write(f"{shown}: ")
            said.flush()
            answer = heard.readline()
    except OSError:
        raise InvalidInput(
            "signing needs a person at a terminal, and there is none",
            "Run it in a terminal; a passphrase comes from nowhere else",
        ) from None
    except (KeyboardInterrupt, EOFError):
        answer = ""
    if not answer.endswith("\n"):
        raise SteppedBack("you stepped back", "Run it again when you want to go on")
    return answer.rstrip("\r\n")
