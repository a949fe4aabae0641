"""Commands that are made from the core's models: a form in, a decision out."""

from typing import Annotated, cast
from uuid import UUID, uuid4

import typer

from application.errors import InvalidInput, Refused
from application.input import forms
from application.pathway.as_said import NOT_KEPT, keep_as_said
from application.pathway.command_catalog import KINDS, CommandKind, require_role
from application.pathway.commands import RecordedCommand, asked_words, prepare, submit, try_out, wait_until_recorded
from application.pathway.wording import describe_stage, route_of
from application.words.events import title_of_event
from cli import runtime
from cli.errors import ExitCode, exit_code_of_refusal
from cli.input import journey_id, read_beginning
from cli.output import Output, add_row, facts_box, say_error, table
from cli.runtime import Act, Call
from workflows.journey.aggregate import Journey
from workflows.journey.commands import (
    AnyBody,
    Command,
)
from workflows.journey.events import Event
from workflows.journey.obligations import most_urgent
from workflows.journey.views.summary import describe_wait
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

Template = Annotated[
    bool, typer.Option("--template", help="Print the form to fill in; with JOURNEY, as its protocol asks for it.")
]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the form.")]


def add_commands(noun: str, group: typer.Typer) -> None:
    """Add every kind of command of a noun to the noun's group."""
    for kind in KINDS:
        if kind.noun == noun:
            made = runtime.command(_act_of(kind), to_act=True, json_if=("template", "schema"))
            group.command(kind.verb, help=kind.help)(made)


def _act_of(kind: CommandKind) -> Act[...]:
    async def act(
        call: Call,
        journey: runtime.AnyJourney = None,
        file: runtime.File = None,
        command_id: runtime.CommandId = None,
        dry_run: runtime.DryRun = False,
        template: Template = False,
        schema: Schema = False,
    ) -> ExitCode | None:
        if schema:
            call.output.form(forms.schema(kind.model))
            return None
        if template:
            names = {}
            if journey is not None:
                names = await asked_words(call.context, kind, journey_id(journey))
            call.output.form(forms.template(kind.model, names))
            return None
        if journey is None:
            raise InvalidInput("JOURNEY is missing", "Give the id of a journey; see `pathway list`")
        wanted = journey_id(journey)
        require_role(call.context.actor, kind)
        raw = read_beginning(file, optional=not kind.needs_content)
        try:
            form = forms.read(kind.model, raw, {"kind": kind.name}, optional=not kind.needs_content)
        except InvalidInput as problem:
            if dry_run:
                raise
            raise await _kept(call, kind, wanted, raw, problem, command_id or uuid4()) from None
        body = cast("AnyBody", form)
        if dry_run:
            return show_trial(call.output, await try_out(call.context, kind, wanted, body, command_id))
        command, known = await prepare(call.context, kind, wanted, body, command_id)
        await send(call, wanted, command, known)
        return None

    return act


async def _kept(
    call: Call, kind: CommandKind, wanted: UUID, raw: bytes, problem: InvalidInput, once: UUID
) -> InvalidInput:
    """Keep a report of harm that does not fit as it was said, and return the problem with how that ended."""
    state = await keep_as_said(call.context, kind, wanted, raw, problem, once)
    if state is None:
        return problem
    if state == NOT_KEPT:
        remedy = f"{problem.remedy}. If that takes long, hold care (`pathway hold`) or call the clinic"
    else:
        remedy = f"{problem.remedy}. Send it again with --command-id {once}"
    return InvalidInput(problem.reason, remedy, state=state, fields=problem.fields, ids={"command_id": str(once)})


async def send(call: Call, wanted: UUID, command: Command, known: Journey | None = None) -> None:
    """Send a command, wait until it is recorded, and show the result. ``known`` is the journey as it was read before.

    Raises:
        Refused, Unavailable: it was refused, or is not recorded yet.
    """
    accepted = await submit(call.context, wanted, command, known)
    call.output.note(f"Accepted as version {accepted.version}.")
    show_recorded(call.output, await wait_until_recorded(call.context, accepted, known))


def show_recorded(output: Output, recorded: RecordedCommand) -> None:
    """Show the events of a command, and what is awaited since."""
    (_, command, version), position, journey, theirs = recorded
    if output.json_only:
        output.data(
            {
                "outcome": "recorded",
                "journey_id": str(recorded.accepted.journey_id),
                "illustrative": None if journey is None else journey.illustrative,
                "version": version,
                "position": position,
                "command_id": str(command.command_id),
                "whom_to_reach": None if journey is None else route_of(journey, command),
            }
        )
        return
    output.illustrative(journey is not None and journey.illustrative)
    said: dict[str, object] = {
        "durability": f"recorded at position {position}",
        "version": version,
        "command": command.command_id,
    }
    route = None if journey is None else route_of(journey, command)
    if route is not None:
        said["whom to reach"] = route
    if journey is not None and theirs:
        said["journey"] = journey.id
        said["stage"] = describe_stage(journey)
        waiting = most_urgent(journey, 1)
        said["next"] = describe_wait(waiting[0], journey) if waiting else "nothing is awaited"
        if command.actor.role == Role.PATIENT:
            texts = journey.protocol.patient_texts
            said["from"], said["please note"] = texts.organisation, texts.disclaimer
    output.show(facts_box(said, f"{command.body.kind.replace('.', ' ')}: done"))


def show_trial(output: Output, decided: tuple[Event, ...] | Refusal) -> ExitCode | None:
    """Show the events that a command would have. Nothing was sent."""
    if isinstance(decided, Refusal):
        if output.json_only:
            output.data({"dry_run": True, "refusal": decided.model_dump(mode="json")})
        else:
            reason, remedy = say_error(Refused(decided))
            said = {"reason": reason, "field": decided.field, "what to do": remedy}
            output.show(facts_box(said, "dry run: it would be refused"))
        return exit_code_of_refusal(decided)
    if output.json_only:
        output.data({"dry_run": True, "events": [event.body.model_dump(mode="json") for event in decided]})
        return None
    output.illustrative(any(event.illustrative for event in decided))
    events = table("version", "event", title="dry run: these events would be recorded; nothing was sent")
    for event in decided:
        add_row(events, event.version, title_of_event(event.body.kind))
    if not decided:
        output.note("This command was accepted before; sending it again changes nothing.")
    output.show(events)
    return None
