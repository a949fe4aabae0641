"""The whole door: every command in the group of its noun."""

import typer

from door import (
    acting,
    approving,
    clinicians,
    comparing,
    exporting,
    past,
    proof,
    protocols,
    reading,
    reconciling,
    signing,
    upkeep,
    working,
)
from door.kinds import NOUNS
from door.scoring import score_command
from door.services import Services
from door.starting import start_command


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
    acting.add_commands(groups)
    for noun, group in groups.items():
        app.add_typer(group, name=noun)
    app.add_typer(_work(), name="work")
    app.add_typer(_protocols(), name="protocol")
    app.add_typer(_clinicians(), name="clinician")
    app.add_typer(_record(), name="record")
    app.command("score")(score_command)
    app.callback()(_begin)
    return app


def _work() -> typer.Typer:
    group = typer.Typer(help="What is to be done: lists, claims, and how promptly it is.", no_args_is_help=True)
    working.add_commands(group)
    return group


def _protocols() -> typer.Typer:
    group = typer.Typer(help="Protocol files: a clinic's clinical numbers, lists and deadlines.", no_args_is_help=True)
    protocols.add_commands(group)
    approving.add_commands(group)
    comparing.add_commands(group)
    return group


def _clinicians() -> typer.Typer:
    group = typer.Typer(help="Who may sign: keys, and the register of them.", no_args_is_help=True)
    clinicians.add_commands(group)
    return group


def _record() -> typer.Typer:
    group = typer.Typer(help="The record: proof that it holds, and that Temporal agrees with it.", no_args_is_help=True)
    proof.add_commands(group)
    exporting.add_commands(group)
    reconciling.add_commands(group)
    upkeep.add_commands(group)
    return group


def _begin(context: typer.Context) -> None:
    if context.obj is None:
        context.obj = Services()


app = build()
