"""Runs asynchronous commands for Typer, and defines the options that many of them take."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeAlias, get_args, get_origin
from uuid import UUID

import typer
from pydantic_core import PydanticCustomError

from application.context import Context
from application.errors import UseCaseError, translate
from application.identity.names import names_beside_ids
from application.process.logs import configure_logging
from application.settings import Settings, load_settings
from application.words.viewer import look_from, one_request, viewers_zone
from cli.errors import ExitCode, exit_code_of, interrupted, unheard
from cli.input import ask
from cli.interrupts import on_interrupt
from cli.output import Output
from cli.streams import OutputLost
from workflows.journey.vocabulary.numbers import read_whole

Csv = Annotated[bool, typer.Option("--csv", help="Answer in CSV.")]
Clinic = Annotated[str | None, typer.Option(metavar="CLINIC", help="The clinic's code.", show_default=False)]
After = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="The page after the one that ended with this.", show_default=False)
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
AnyJourney = Annotated[str | None, typer.Argument(metavar="JOURNEY", help="The id of the journey.", show_default=False)]
NewFileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.", show_default=False)
]
RegisterOption = Annotated[
    Path | None,
    typer.Option("--register", metavar="FILE", help="Otherwise CAREPATH_REGISTER_FILE.", show_default=False),
]

_PROFILE = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME|FILE", help="Who acts. Otherwise CAREPATH_PROFILE.", show_default=False),
]
_PURPOSE = Annotated[
    str | None,
    typer.Option("--purpose", metavar="CODE", help="Why you look. Otherwise by your role.", show_default=False),
]
_JSON = Annotated[bool, typer.Option("--json", help="Answer in JSON; errors too, on standard error.")]

P = ParamSpec("P")
Named: TypeAlias = Callable[[str], str]
"""What one of the staff, or a clinic, is called where people read of them: the name, and the id beside it."""


class Call:
    """One call of a command: its context and its output."""

    def __init__(self, context: Context, output: Output) -> None:
        self.context = context
        self.output = output
        output.named = lambda person: self.named(person)

    @cached_property
    def named(self) -> Named:
        """The names that the register has; of others the ids."""
        return names_beside_ids(self.context)


Act: TypeAlias = Callable[Concatenate[Call, P], Awaitable[ExitCode | None]]


def command(
    act: Act[P], *, to_act: bool = False, to_look: bool = False, json_if: tuple[str, ...] = ()
) -> Callable[..., None]:
    """Make a command for Typer, with the options of ``act`` and --json.

    It also has --profile if it is ``to_act`` or ``to_look``, and --purpose if it is to look. The options named in
    ``json_if`` make it answer in JSON too.
    """
    own = [_plainly(parameter) for name, parameter in inspect.signature(act).parameters.items() if name != "call"]
    shared: dict[str, tuple[Any, object]] = {"json": (_JSON, False)}
    if to_look:
        shared = {"purpose": (_PURPOSE, None)} | shared
    if to_act or to_look:
        shared = {"profile": (_PROFILE, None)} | shared

    def run(context: typer.Context, **given: Any) -> None:
        who = {name: given.pop(name) for name in ("profile", "purpose") if name in given and name in shared}
        json_only = given.pop("json") or any(given[name] for name in json_if)
        make: Callable[..., Context] = context.find_root().obj or partial(Context, ask=ask, load=load)
        _run(make(**who), Output(json_only=json_only), partial(act, **given), to_act=to_act, to_look=to_look)

    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = inspect.Parameter("context", positional, annotation=typer.Context)
    added = [inspect.Parameter(n, positional, annotation=a, default=d) for n, (a, d) in shared.items()]
    run.__signature__ = inspect.Signature([first, *own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (first, *own, *added)}
    run.__doc__ = inspect.getdoc(act)
    return run


def _plainly(parameter: inspect.Parameter) -> inspect.Parameter:
    """Have an option that takes whole numbers take them as every other way in does; Typer takes `1_6` for sixteen."""
    if get_origin(parameter.annotation) is Annotated:
        value, info = get_args(parameter.annotation)[:2]
        if int in (value, *get_args(value)) or list[int] in get_args(value):
            info.parser = partial(_whole_within, info.min, info.max)
    return parameter


def _whole_within(least: int | None, most: int | None, text: Any) -> int:
    try:
        number = text if isinstance(text, int) else read_whole(text)
    except ValueError as problem:
        raise PydanticCustomError("whole_number", str(problem)) from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise PydanticCustomError("out_of_range", f"must be from {least} to {most}")
    return number


def load() -> Settings:
    """The settings of a program, whose logs go where they say.

    Raises:
        SettingsError: they cannot be used.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    return settings


def _run(
    context: Context, output: Output, act: Callable[[Call], Awaitable[ExitCode | None]], *, to_act: bool, to_look: bool
) -> None:
    """Run one command, and exit with its exit code. This is the only place that handles its errors.

    Raises:
        typer.Exit: always, unless all went well.
    """

    async def whole() -> ExitCode | None:
        this = asyncio.current_task()
        assert this is not None
        with on_interrupt(this.cancel):
            async with context:
                code = await act(Call(context, output))
            output.flush()
            return code

    error: UseCaseError
    try:
        with one_request():
            if to_look:
                # Asked once, and not at each time that is shown.
                look_from(viewers_zone())
            code = asyncio.run(whole())
    except (typer.Exit, typer.Abort):
        raise
    except (KeyboardInterrupt, asyncio.CancelledError):
        error = interrupted()
    except OutputLost as lost:
        if lost.closed and not to_act:
            # As `| head` does: nothing is wrong.
            raise typer.Exit(int(ExitCode.FAULT)) from None
        error = unheard(lost)
    except Exception as raised:
        error = translate(raised)
    else:
        if code:
            raise typer.Exit(int(code))
        return
    output.error(error)
    raise typer.Exit(int(exit_code_of(error)))
