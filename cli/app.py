"""The whole command line: every command in the group of its noun.

A group's module is imported here, when one of its commands is called, and what tells of a wrong call when there is one:
so nothing waits for the start of what it does not need.
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from application.process.exit import begin, leave, loading
from application.words.sentences import first_sentence

NOUNS = {
    "pathway": "Start, find, follow, change and end a patient's pathway.",
    "evaluation": "The psychiatric evaluation.",
    "instrument": "Completed questionnaires.",
    "screening": "Exclusions, criteria, and the factors of eligibility and setting.",
    "plan": "The personalised plan.",
    "education": "What was explained, and what the patient acknowledges.",
    "question": "The patient's questions.",
    "consent": "The patient's consents.",
    "session": "Supervised sessions, from the appointment to the release home.",
    "observation": "How a patient is at a time: vital signs, and what was seen.",
    "check-in": "Check-ins with the patient.",
    "visit": "Clinician visits.",
    "permission": "What gives leave to prescribe, until when.",
    "pregnancy": "Pregnancy tests.",
    "therapy": "Psychotherapy beside the sessions.",
    "supply": "The doses at the patient's home: dispensed, returned, disposed of, lost and counted.",
    "patient": "A patient: doses and risks over all their journeys, particulars, and who is the same person.",
    "medicine": "The medicines a patient takes, their changes, and a clinician's review.",
    "contact": "Contacts owed to the patient, such as one that cannot be made any more.",
    "contact-point": "How patients and staff are reached: e-mail, and what passes on text messages or pages.",
    "message": "Messages to people, and what became of them.",
    "adverse-event": "Adverse events: reported, graded anew, followed up until they are over.",
    "escalation": "Alarms: say that you take one, and what you do about it.",
    "crisis": "A patient at risk.",
    "report": "Reports of harm that could not be taken in their form, and were kept as they were said.",
    "support": "Requests for support.",
    "signoff": "What a clinician is asked to sign.",
    "access": "Who looked at what, and emergency access.",
    "work": "What is to be done: lists, claims, and how promptly it is done.",
    "protocol": "Protocol files: a clinic's clinical numbers, lists and deadlines.",
    "questionnaire": "The words of questionnaires: FHIR files of the clinic.",
    "clinician": "Who may sign: keys, and the register of them.",
    "working-session": "The session in which you act: open it with your own key, and close it.",
    "record": "The record: verify it, export it, compare Temporal with it, and rebuild what is made of it.",
    "keys": "The keys that encrypt what lies in Temporal: make and rotate them.",
    "score": "Score questionnaires from standard input: one JSON array of answers per line.",
}
"""The groups, and the one command without a group, with their help texts."""
MODULES = (
    "pathway",
    "patient",
    "signoff",
    "access",
    "contact-point",
    "message",
    "work",
    "protocol",
    "questionnaire",
    "clinician",
    "working-session",
    "record",
    "keys",
    "score",
)
"""Nouns with a module of their own. All others have only the commands that `cli.commands` makes from the core."""


class Nouns(TyperGroup):
    """The groups, each built when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's own form
        return [*NOUNS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return build(cmd_name) if cmd_name in NOUNS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([*NOUNS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except TyperException as wrong:
            near = " or ".join(map(repr, get_close_matches(args[0], NOUNS)))
            if near:
                wrong.message = f"{wrong.message.removesuffix('.')}. Did you mean {near}?"
            raise

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run it. Where JSON is asked for, a wrong argument is told in JSON, as every other error is. A word after `--`
        asks for nothing. `--limit --json` does: its value is missing."""
        given = [*(sys.argv[1:] if args is None else args)]
        in_json = standalone_mode and "--json" in takewhile(lambda word: word != "--", given)
        try:
            code = super().main(
                given, prog_name, complete_var, standalone_mode and not in_json, windows_expand_args, **extra
            )
        except TyperException as wrong:
            if not in_json:
                raise
            code = import_module("cli.wrong_calls").tell_usage(wrong.format_message())
        if in_json:
            sys.exit(int(code or 0))
        return code


class Verbs(TyperGroup):
    """The commands of one noun, each listed with the first sentence of its help."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(verb, first_sentence(command.help or "")) for verb, command in self.commands.items()])


def _build_models_late() -> None:
    """Have models build what checks a value when they are first used. A command needs few of the hundreds, and all
    would take as long as everything else. Programs that serve for long build theirs as they start."""
    import_module("pydantic").BaseModel.model_config["defer_build"] = True


@cache
def build(noun: str) -> Any:
    """Build the group of a noun with its commands, or the one command without a group, once in a process."""
    group = typer.Typer(
        name=noun,
        cls=Verbs,
        help=NOUNS[noun],
        no_args_is_help=noun != "score",
        add_completion=False,
        rich_markup_mode=None,
    )
    with loading():
        _build_models_late()
        if noun in MODULES:
            import_module(f"cli.{noun.replace('-', '_')}").add_commands(group)
        import_module("cli.commands").add_commands(noun, group)
    return typer.main.get_command(group) if noun == "score" else typer.main.get_group(group)


app = typer.Typer(
    name="starter.py",
    cls=Nouns,
    help="Care pathways, for coordinators, clinicians and ops. docs/reference/command-line.md has all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _begin() -> None:
    """Care pathways, for coordinators, clinicians and ops. docs/reference/command-line.md has all."""


def main() -> None:
    """Run the command line as a program, and leave with its exit code."""
    begin(output=True)
    try:
        app(prog_name="starter.py" if sys.argv[0].endswith("starter.py") else "carepath")
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else int(end.code is not None))
    except OSError as error:
        # What Typer writes itself, such as help, did not get out.
        leave(import_module("cli.wrong_calls").tell_lost(error))
