"""`pathway show`, `timeline` and `why`: one journey as recorded, with Temporal up or down."""

import typer

from door import caseload, past, shell, views
from door.screen import Screen
from door.services import load, no_such_journey
from workflows.journey.journey import fold


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
    json: shell.Json = False,
) -> None:
    """Show where a journey stands, as recorded; with --at, as it was known at a version or a time."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        journey_id = shell.journey_id(journey)
        if at is None:
            found = await load(services, journey_id)
        else:
            found = past.as_known(await past.recorded(services, journey_id), at, corrected=corrected)
        if screen.json_only:
            screen.data(views.summary(found))
            return
        screen.illustrative(found.illustrative)
        screen.show(*views.overview(found, services.now()))

    shell.run(act, json_only=json)


def timeline_command(context: typer.Context, journey: shell.JourneyId, json: shell.Json = False) -> None:
    """Show what happened in a journey, oldest first, as recorded."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.events import load_events

        journey_id = shell.journey_id(journey)
        async with services.record() as record:
            events = await load_events(record, journey_id)
        if not events:
            raise no_such_journey(journey_id)
        if screen.json_only:
            screen.data([event.model_dump(mode="json") for event in events])
            return
        screen.illustrative(events[0].illustrative)
        screen.show(views.history(events, fold(events).patient.zone))

    shell.run(act, json_only=json)


def why_command(context: typer.Context, journey: shell.JourneyId, json: shell.Json = False) -> None:
    """Say why this patient is waiting: what is awaited, of whom, since, until when, and what comes next."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        found, now = await load(services, shell.journey_id(journey)), services.now()
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
