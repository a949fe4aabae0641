"""`pathway list`, `show`, `timeline` and `why`. All but the list read the record, with Temporal up or down."""

from typing import Annotated

import typer

from door import forms, past, shell, views
from door.outcomes import ExitCode, FieldProblem, Problem
from door.screen import Screen, row, table
from door.services import load, no_such_journey
from workflows.journey.journey import fold
from workflows.journey.model import Code as Word
from workflows.journey.model import Form
from workflows.journey.people import Role
from workflows.journey.protocol import Condition
from workflows.journey.stage import Stage

MOST = 1000


class Filters(Form):
    """What a list may be narrowed to. Coded words only, for they become part of a query."""

    stage: Stage | None = None
    pathway: Condition | None = None
    awaits: Role | None = None
    clinic: Word | None = None


def query(filters: Filters, *, now: str, overdue: bool, closed: bool) -> str:
    """The list filter in Temporal's words."""
    terms = ["WorkflowType = 'CareJourney'"]
    if not closed:
        terms.append("ExecutionStatus = 'Running'")
    for attribute, value in (
        ("JourneyStage", filters.stage),
        ("JourneyPathway", filters.pathway),
        ("JourneyAwaits", filters.awaits),
        ("JourneyClinic", filters.clinic),
    ):
        if value is not None:
            terms.append(f"{attribute} = '{value}'")
    if overdue:
        terms.append(f"JourneyDue < '{now}'")
    return " AND ".join(terms)


def add_commands(group: typer.Typer) -> None:
    """Give the reading commands to their group."""
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("timeline")(timeline_command)
    group.command("why")(why_command)


def list_command(
    context: typer.Context,
    stage: Annotated[str | None, typer.Option(help=f"One of: {', '.join(Stage)}.")] = None,
    pathway: Annotated[str | None, typer.Option(help=f"One of: {', '.join(Condition)}.")] = None,
    awaits: Annotated[str | None, typer.Option(metavar="ROLE", help="Who is awaited first.")] = None,
    clinic: Annotated[str | None, typer.Option(metavar="CLINIC", help="The clinic's code.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past due.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Closed journeys too, while Temporal keeps them.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 50,
    json: shell.Json = False,
) -> None:
    """List journeys: where each stands, who is awaited first, and until when."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        given = {"stage": stage, "pathway": pathway and pathway.upper(), "awaits": awaits, "clinic": clinic}
        try:
            filters = forms.check(Filters, {name: value for name, value in given.items() if value is not None})
        except Problem as problem:
            fields = tuple(FieldProblem(field=f"--{f.field}", problem=f.problem) for f in problem.fields)
            raise Problem(ExitCode.USAGE, "a filter does not fit", "See --help", fields=fields) from None
        now = services.now()
        asked = query(filters, now=f"{now:%Y-%m-%dT%H:%M:%SZ}", overdue=overdue, closed=closed)
        demonstration = services.settings_without_servers().demonstration
        async with services.gateway() as gateway:
            found = [listed async for listed in gateway.journeys(asked, limit + 1)]
        if screen.json_only:
            screen.data(
                [{**listed._asdict(), "due": listed.due and listed.due.isoformat()} for listed in found[:limit]]
            )
        else:
            # A list knows no protocols; where demonstrations are allowed, any journey may be one.
            screen.illustrative(demonstration)
            shown = table("journey", "clinic", "pathway", "stage", "awaits", "due (your time)", "health")
            for listed in found[:limit]:
                due = None if listed.due is None else f"{listed.due.astimezone():%a %Y-%m-%d %H:%M %Z}"
                late = " overdue" if listed.due is not None and listed.due < now else ""
                row(
                    shown,
                    listed.journey_id,
                    listed.clinic,
                    listed.pathway,
                    listed.stage,
                    listed.awaits,
                    f"{due or ''}{late}",
                    listed.health,
                )
            screen.show(shown)
        if len(found) > limit:
            screen.note(f"There are more than {limit}; narrow the filters or raise --limit.")

    shell.run(act, json_only=json)


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
