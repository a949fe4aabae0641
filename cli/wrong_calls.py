"""Tells of what ends a call before any command begins. `cli.app` imports it only then: it takes longer than help."""

from application.errors import InvalidInput
from cli.errors import ExitCode, unheard
from cli.output import Output
from cli.streams import OutputLost


def tell_usage(problem: str) -> ExitCode:
    """Tell in JSON that the arguments are wrong."""
    Output(json_only=True).error(InvalidInput(problem, "See --help"))
    return ExitCode.USAGE


def tell_lost(error: OSError) -> ExitCode:
    """Tell that what Typer writes itself, such as help, did not get out."""
    Output(json_only=False).error(unheard(OutputLost(error)))
    return ExitCode.FAULT
