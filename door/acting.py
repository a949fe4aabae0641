"""Every command of the core that needs nothing special: form in, decision out. Generated from its models."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, cast
from uuid import UUID, uuid4

import typer

from door import forms, shell
from door.access.looking import reader
from door.kinds import KINDS, Kind, names_asked_for
from door.outcomes import ExitCode, Problem, exit_code_of
from door.profiles import profile_path, read_profile
from door.screen import Screen, facts, row, table
from door.services import RECORDED_WITHIN, Gateway, Services, load, load_recorded
from door.signatures import sealing
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import SIGNED, AnyBody, Command
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.obligations import obligations
from workflows.journey.receipts import CommandReceipt, answer_repeated, receipts_of
from workflows.journey.refusals import Refusal
from workflows.journey.stage import Stage
from workflows.journey.summary import why

Template = Annotated[
    bool, typer.Option("--template", help="Print the form to fill in; with JOURNEY, as its protocol asks for it.")
]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON schema of the form.")]


def add_commands(groups: dict[str, typer.Typer]) -> None:
    """Give every kind its command, in the group of its noun."""
    for kind in KINDS:
        groups[kind.noun].command(kind.verb, help=kind.help, short_help=kind.summary.split(". ")[0])(_command(kind))


def _command(kind: Kind) -> Callable[..., None]:
    def act_on(
        context: typer.Context,
        journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
        file: shell.File = None,
        profile: shell.Profile = None,
        command_id: shell.CommandId = None,
        dry_run: shell.DryRun = False,
        template: Template = False,
        schema: Schema = False,
        json: shell.Json = False,
    ) -> None:
        services = shell.services(context)

        async def act(screen: Screen) -> ExitCode | None:
            if schema:
                screen.form(forms.schema(kind.model))
                return None
            if template:
                names = {}
                if journey is not None:
                    names = names_asked_for(kind, await load(services, shell.journey_id(journey)))
                screen.form(forms.template(kind.model, names))
                return None
            if journey is None:
                raise Problem(ExitCode.USAGE, "JOURNEY is missing", "Give the id of a journey; see `pathway list`")
            journey_id = shell.journey_id(journey)
            own = profile_path(profile, services.settings_without_servers().profile)
            actor = allowed(read_profile(own), kind)
            content = forms.read_object(
                forms.read_input(file, optional=not kind.needs_content), optional=not kind.needs_content
            )
            body = forms.check(kind.model, content, {"kind": kind.name})
            command = Command.model_construct(command_id=command_id or uuid4(), actor=actor, body=cast("AnyBody", body))
            if isinstance(body, SIGNED) and dry_run:
                command = sealing.tried(services, actor, command.command_id, body)
            elif isinstance(body, SIGNED):
                found = await load(services, journey_id)
                command = sealing.sealed(services, own, actor, found, command.command_id, body)
            if dry_run:
                shown = await reader(context, profile, None).events(journey_id)
                return try_out(screen, shown, command, services.now())
            await send(screen, services, journey_id, command)
            return None

        shell.run(act, json_only=json or template or schema)

    return act_on


def allowed(actor: Actor, kind: Kind) -> Actor:
    """The actor, if their role may send this.

    Raises:
        Problem: it may not; who may.
    """
    if actor.role in kind.roles:
        return actor
    raise Problem(
        ExitCode.NOT_ALLOWED,
        f"a {actor.role.value} may not send {kind.noun} {kind.verb}",
        f"It is for: {', '.join(kind.roles)}. Choose another profile with --profile",
    )


async def send(screen: Screen, services: Services, journey_id: UUID, command: Command) -> None:
    """Send a command, and show what became of it once it is recorded.

    Raises:
        Problem: it was refused, or is not recorded yet.
    """
    _refuse_too_large(command)
    async with services.gateway() as gateway:
        version = await submitted(services, gateway, journey_id, command)
    screen.note(f"Accepted as version {version}.")
    position, journey = await recorded(services, journey_id, version, command)
    show_recorded(screen, journey, version, position, command)


def try_out(screen: Screen, recorded: Sequence[Event], command: Command, at: datetime) -> ExitCode | None:
    """Show what a command would bring about at a moment (UTC). Nothing is sent.

    Raises:
        Problem: it is larger than a command may be.
    """
    _refuse_too_large(command)
    repeated = answer_repeated(receipts_of(recorded), command)
    if isinstance(repeated, CommandReceipt):
        return show_trial(screen, ())
    return show_trial(screen, repeated or decide(fold(recorded), command, at))


def _refuse_too_large(command: Command) -> None:
    if command.too_large:
        raise forms.too_large()


async def submitted(services: Services, gateway: Gateway, journey_id: UUID, command: Command) -> int:
    """The version of a journey after a command, once it is accepted.

    Raises:
        Problem: it was refused, or whether it arrived is not known.
    """
    try:
        return await gateway.submit(journey_id, command)
    except Problem as problem:
        if problem.code != ExitCode.NOT_FOUND:
            raise
    events = await load_recorded(services, journey_id)
    journey = fold(events)
    if journey.closed and Stage.CLOSED in command.body.stages:
        return await gateway.reopen(events, command)
    raise _not_running(journey)


def _not_running(journey: Journey) -> Problem:
    """Why a journey takes no commands: it has ended, or Temporal has lost it."""
    if journey.outcome is not None:
        return Problem(
            ExitCode.REFUSED,
            f"this pathway is closed ({journey.outcome.value})",
            "A new referral starts a new journey",
            ids={"journey_id": str(journey.id)},
        )
    return Problem(
        ExitCode.UNAVAILABLE,
        "this journey is recorded, but Temporal does not run it",
        "Tell ops at once; it can be taken up again from the record",
        ids={"journey_id": str(journey.id)},
    )


async def recorded(services: Services, journey_id: UUID, version: int, command: Command) -> tuple[int, Journey | None]:
    """Wait until the record has what was accepted; its position, and the journey then.

    Raises:
        Problem: it has not yet; nothing is lost.
    """
    from activities.record import NotYetRecorded, RecordFault, RecordUnavailable
    from activities.record.event_codec import load_journey

    try:
        async with services.record() as record:
            position = await record.wait_for(journey_id, version, RECORDED_WITHIN)
            try:
                return position, await load_journey(record, journey_id)
            except RecordUnavailable:
                return position, None
    except (NotYetRecorded, RecordUnavailable, RecordFault):
        pass
    raise Problem(
        ExitCode.UNAVAILABLE,
        f"accepted as version {version}, not yet recorded",
        "Do not send it again; look with `pathway show`",
        state="Nothing is lost: it is held by Temporal and is recorded as soon as the record can be reached.",
        ids={"journey_id": str(journey_id), "command_id": str(command.command_id)},
    )


def show_recorded(screen: Screen, journey: Journey | None, version: int, position: int, command: Command) -> None:
    """What became of a command, and what is awaited since."""
    if screen.json_only:
        screen.data(
            {
                "outcome": "recorded",
                "journey_id": None if journey is None else str(journey.id),
                "illustrative": None if journey is None else journey.illustrative,
                "version": version,
                "position": position,
                "command_id": str(command.command_id),
            }
        )
        return
    screen.illustrative(journey is not None and journey.illustrative)
    said: dict[str, object] = {
        "durability": f"recorded at position {position}",
        "version": version,
        "command": command.command_id,
    }
    if journey is not None:
        said["journey"] = journey.id
        said["stage"] = journey.stage.value if journey.outcome is None else f"closed: {journey.outcome.value}"
        waiting = obligations(journey)
        said["next"] = why(waiting[0], journey) if waiting else "nothing is awaited"
    screen.show(facts(said, f"{command.body.kind.replace('.', ' ')}: done"))


def show_trial(screen: Screen, decided: tuple[Event, ...] | Refusal) -> ExitCode | None:
    """What a command would bring about. Nothing was sent."""
    if isinstance(decided, Refusal):
        if screen.json_only:
            screen.data({"dry_run": True, "refusal": decided.model_dump(mode="json")})
        else:
            screen.show(facts({"reason": decided, "field": decided.field}, "dry run: it would be refused"))
        return exit_code_of(decided)
    if screen.json_only:
        screen.data({"dry_run": True, "events": [event.body.model_dump(mode="json") for event in decided]})
        return None
    screen.illustrative(any(event.illustrative for event in decided))
    events = table("version", "event", title="dry run: these events would be recorded; nothing was sent")
    for event in decided:
        row(events, event.version, event.body.kind)
    if not decided:
        screen.note("This command was accepted before; sending it again changes nothing.")
    screen.show(events)
    return None
