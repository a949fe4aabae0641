"""`work stats`: how promptly things are done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from door import shell
from door.lists import filters
from door.lists.standing import at_head, true_up_to
from door.screen import Screen, duration, row, table

if TYPE_CHECKING:
    from activities.record.read_models import ServiceLevel

COUNTS = ("opened", "done", "late", "overdue")
SECONDS = ("seconds_median", "seconds_90", "seconds_most")


def stats_command(
    context: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE|TIME", help="Leave out what was closed before, your time.", show_default=False),
    ] = None,
    clinic: shell.Clinic = None,
    csv: shell.Csv = False,
    json: shell.Json = False,
) -> None:
    """Show how promptly things are done, by kind: how many, late and overdue, and how long they took.

    Time runs from the first asking to the deed, by the clock on the wall, nights and holds included.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.read_models import ServiceLevel, service_levels

        shell.one_of(**{"--csv": csv, "--json": json})
        from_then = None if since is None else shell.moment("--since", since)
        wanted = filters.checked({"clinic": clinic})
        demonstration = services.settings_without_servers().demonstration
        async with services.record() as record:
            head = await at_head(record)
            answer = await service_levels(record, services.now(), clinic=wanted.clinic, since=from_then)
            true = await true_up_to(record, answer.position, head)
        if screen.json_only:
            screen.data({**true.as_json(), "rows": [level.model_dump(mode="json") for level in answer.rows]})
            return
        if csv:
            columns = tuple(ServiceLevel.model_fields)
            screen.csv(columns, ([getattr(level, column) for column in columns] for level in answer.rows))
        else:
            # Figures know no protocols; where demonstrations are allowed, any journey may be one.
            screen.illustrative(demonstration)
            screen.show(_levels(answer.rows))
        true.tell(screen)

    shell.run(act, json_only=json)


def _levels(levels: "Sequence[ServiceLevel]") -> Table:
    shown = table("kind", *COUNTS, "median", "90 % within", "longest")
    for level in levels:
        counts = (getattr(level, column) for column in COUNTS)
        row(shown, level.kind, *counts, *(duration(getattr(level, column)) for column in SECONDS))
    return shown
