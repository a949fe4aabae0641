"""`access list`, `show` and `break-glass`: who looked at what, what they saw, and looking in an emergency."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from door import forms, shell
from door.access.looking import BROKEN, Reader, reader
from door.acting import allowed, send
from door.kinds import Kind
from door.outcomes import ExitCode, Problem
from door.profiles import profile_path, read_profile
from door.screen import Screen, facts, here, row, table
from door.services import Services, load
from workflows.journey.commands import BreakGlass, Command

if TYPE_CHECKING:
    from activities.record.access_log import AccessLogEntry
    from door.access.seeing import AsSeen

BREAK = Kind("access", "break-glass", BreakGlass)
REPEATABLE = (
    "pathway show", "pathway timeline", "pathway why", "pathway explain", "pathway diff", "signoff show",
    "signoff list", "signoff attempts",
)  # fmt: skip
"""What shows the same again from the same events at the same time."""
LISTS = ("work list", "pathway list")
"""What is of the read models, and is folded anew for the journeys that were on it."""


def add_commands(group: typer.Typer) -> None:
    """Give the commands to their group."""
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("break-glass", help=BREAK.help, short_help=BREAK.summary.split(". ")[0])(break_glass_command)


def list_command(
    context: typer.Context,
    journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
    by: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Only what this person looked at.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the latest.")] = 50,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show who looked at a journey, when and what for, the latest first; or what a person looked at.

    Without JOURNEY, of all journeys that you may look at.
    """

    async def act(screen: Screen) -> None:
        from activities.record.access_log import list_access

        who = reader(context, profile, purpose)
        journey_id = None if journey is None else shell.journey_id(journey)
        if journey_id is not None:
            await who.stored(journey_id)
        async with who.services.record() as record:
            found = await list_access(record, journey_id=journey_id, reader_id=by, limit=limit)
            if journey_id is None:
                asked = dict.fromkeys(each for reading in found for each in reading.journeys)
                theirs = {each.id for each in await who.journeys(record, asked)}
                found = tuple(reading for reading in found if theirs.issuperset(reading.journeys))
        if screen.json_only:
            screen.data([reading.model_dump(mode="json") for reading in found])
            return
        shown = table("reading", "when (your time)", "who", "purpose", "journeys")
        for reading in found:
            asked_for = " ".join(reading.command) + ("" if reading.shown else "\nREFUSED")
            by_whom = f"{reading.reader_role} {reading.reader_id}"
            why = reading.purpose if reading.reason is None else f"{reading.purpose}\n{reading.reason}"
            row(shown, f"{reading.entry_id}\n{asked_for}", here(reading.at), by_whom, why, len(reading.journeys))
        screen.show(shown)
        if len(found) == limit:
            screen.note(f"There may be more than {limit}; raise --limit.")

    shell.run(act, json_only=json)


def show_command(
    context: typer.Context,
    reading: Annotated[str, typer.Argument(metavar="READING", help="Its id; see `access list`.", show_default=False)],
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show again what somebody saw: the same command on what was recorded then, with the clock of then."""
    from door.access.seeing import AsSeen, show_list

    services = shell.services(context)
    found: list[AccessLogEntry] = []

    async def find(screen: Screen) -> None:
        who = reader(context, profile, purpose)
        seen = await _seen(who, shell.journey_id(reading))
        found.append(seen)
        if not screen.json_only:
            screen.show(
                facts(
                    {
                        "who": f"{seen.reader_role} {seen.reader_id}",
                        "when": here(seen.at),
                        "purpose": seen.purpose,
                        "asked for": " ".join(seen.command),
                        "true up to position": seen.position,
                    },
                    f"Reading {seen.entry_id}",
                )
            )
        if " ".join(seen.command[:2]) in LISTS and "--at" not in seen.command:
            await show_list(screen, services, seen)
            found.clear()

    shell.run(find, json_only=json)
    for seen in found:
        own = profile_path(profile, services.settings_without_servers().profile)
        _again(AsSeen(services, seen), seen, own, json=json)


async def _seen(who: Reader, entry_id: UUID) -> "AccessLogEntry":
    """A reading, once it is kept who looks at it.

    Raises:
        Problem: there is none that showed anything, or it is not theirs to look at.
    """
    from activities.record.access_log import find_access

    async with who.services.record() as record:
        found = await find_access(record, entry_id)
        if found is None or not found.shown or " ".join(found.command[:2]) not in (*REPEATABLE, *LISTS):
            raise Problem(
                ExitCode.NOT_FOUND, "there is no reading of this id that showed a journey", "See `access list`"
            )
        if len(found.journeys) != 1 and len(await who.journeys(record, found.journeys)) < len(found.journeys):
            raise Problem(
                ExitCode.NOT_ALLOWED, "this list is not of your clinics alone", "Somebody of all of them may look"
            )
    if len(found.journeys) == 1:
        await who.stored(found.journeys[0])
    return found


def _again(services: "AsSeen", reading: "AccessLogEntry", own: Path, *, json: bool) -> None:
    from door.app import app

    words = [*reading.command, "--profile", str(own), *(["--json"] if json else [])]
    code = typer.main.get_command(app).main(words, "starter.py", standalone_mode=False, obj=services)
    if code:
        raise typer.Exit(code)


def break_glass_command(
    context: typer.Context,
    journey: shell.JourneyId,
    file: shell.File = None,
    profile: shell.Profile = None,
    json: shell.Json = False,
) -> None:
    """See `BreakGlass`."""
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode | None:
        journey_id = shell.journey_id(journey)
        actor = allowed(read_profile(profile_path(profile, services.settings_without_servers().profile)), BREAK)
        body = forms.check(BreakGlass, _reason(services, file), {"kind": BREAK.name})
        who, found = reader(context, profile, None), await load(services, journey_id)
        if who.may_look(found):
            raise Problem(
                ExitCode.REFUSED, "you may look at this journey as it is", "`pathway show` and the others show it"
            )
        # One id for the reading and the command: by it, whoever reconciles sees that a journey was told.
        command = Command(command_id=uuid4(), actor=actor, body=body)
        until = services.now() + timedelta(minutes=found.protocol.break_glass_minutes)
        broken = {"entry_id": command.command_id, "purpose": BROKEN, "reason": body.reason, "until": until}
        async with services.record() as record:
            head = await record.head(journey_id)
            await who.keep(record, [journey_id], 0 if head is None else head.position, **broken)
        told = f"You may look until {here(until)}. What you look at is kept, and a medical director reviews it."
        try:
            await send(screen, services, journey_id, command)
        except Problem as problem:
            if screen.json_only:
                kept = {"outcome": "kept", "command_id": str(command.command_id), "until": until.isoformat()}
                screen.data({**kept, "reason": problem.reason, "remedy": "record reconcile --repair"})
            told += f" Nobody is asked to yet ({problem.reason}): `record reconcile --repair` does it."
        screen.note(told)
        return None

    shell.run(act, json_only=json)


def _reason(services: Services, file: str | None) -> forms.Content:
    if file is None and sys.stdin.isatty():
        return {"reason": services.ask("Why do you have to look? This is kept, and reviewed")}
    return forms.read_object(forms.read_input(file))
