"""`pathway show`, `timeline` and `why`: one journey as recorded, with Temporal up or down."""

import typer

from door import past, shell, views
from door.access.looking import reader
from door.lists import caseload
from door.screen import Screen
from workflows.journey.aggregate import fold


def add_commands(group: typer.Typer) -> None:
    """Give the reading commands to their group."""
    group.command("list")(caseload.list_command)
    group.command("show")(show_command)
    group.command("timeline")(timeline_command)
    group.command("why")(why_command)


def show_command(
    context: typer.Context,
    journey: shell.JourneyId,
    at: past.At = None,
    corrected: past.Corrected = False,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show where a journey stands, as recorded; with --at, as it was known at a version or a time."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        found = fold(events) if at is None else past.as_known(events, at, corrected=corrected)
        if screen.json_only:
            screen.data(views.summary(found))
            return
        screen.illustrative(found.illustrative)
        screen.show(*views.overview(found, services.now()))

    shell.run(act, json_only=json)


def timeline_command(
    context: typer.Context,
    journey: shell.JourneyId,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show what happened in a journey, oldest first, as recorded."""

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        if screen.json_only:
            screen.data([event.model_dump(mode="json") for event in events])
            return
        screen.illustrative(events[0].illustrative)
        screen.show(views.history(events, fold(events).patient.zone))

    shell.run(act, json_only=json)


def why_command(
    context: typer.Context,
    journey: shell.JourneyId,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Say why this patient is waiting: what is awaited, of whom, since, until when, and what comes next."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        found, now = fold(events), services.now()
        if screen.json_only:
            summary = views.summary(found)
            screen.data(
                {
                    "illustrative": found.illustrative,
                    "sentences": list(views.sentences(found, now)),
                    "obligations": summary["obligations"],
                }
            )
            return
        screen.illustrative(found.illustrative)
        for said in views.sentences(found, now):
            screen.text(f"• {said}")

    shell.run(act, json_only=json)
