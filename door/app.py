"""The whole door: every command in the group of its noun."""

from collections.abc import Callable, Mapping

import typer

from door import acting, past, reading
from door.access import readings
from door.kinds import NOUNS
from door.lists import working
from door.protocols import approving, comparing, files
from door.record import exporting, proof, reconciling, upkeep
from door.scoring import score_command
from door.services import Services
from door.signatures import clinicians, signing
from door.starting import start_command

GROUPS: Mapping[str, tuple[str, tuple[Callable[[typer.Typer], None], ...]]] = {
    "work": ("What is to be done: lists, claims, and how promptly it is.", (working.add_commands,)),
    "protocol": (
        "Protocol files: a clinic's clinical numbers, lists and deadlines.",
        (files.add_commands, approving.add_commands, comparing.add_commands),
    ),
    "clinician": ("Who may sign: keys, and the register of them.", (clinicians.add_commands,)),
    "record": (
        "The record: proof that it holds, and that Temporal agrees with it.",
        (proof.add_commands, exporting.add_commands, reconciling.add_commands, upkeep.add_commands),
    ),
}
"""The groups whose commands are not those of a journey: what each is for, and who adds to it."""


def build() -> typer.Typer:
    """The application. Call it with ``obj`` to have it act through other services than the real ones."""
    app = typer.Typer(
        name="starter.py",
        help="Care pathways, for coordinators, clinicians and ops. docs/door.md has commands, profiles, exit codes.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    groups = {noun: typer.Typer(help=text, no_args_is_help=True) for noun, text in NOUNS.items()}
    groups["pathway"].command("start")(start_command)
    reading.add_commands(groups["pathway"])
    past.add_commands(groups["pathway"])
    signing.add_commands(groups["signoff"])
    readings.add_commands(groups["access"])
    acting.add_commands(groups)
    for noun, group in groups.items():
        app.add_typer(group, name=noun)
    for noun, (text, additions) in GROUPS.items():
        group = typer.Typer(help=text, no_args_is_help=True)
        for add_commands in additions:
            add_commands(group)
        app.add_typer(group, name=noun)
    app.command("score")(score_command)
    app.callback()(_begin)
    return app


def _begin(context: typer.Context) -> None:
    if context.obj is None:
        context.obj = Services()


app = build()
