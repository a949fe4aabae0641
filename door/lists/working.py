"""`work list`, `claim`, `release`, `stats` and `filters`: what people work from, as the read models have it."""

from typing import TYPE_CHECKING, Annotated

import typer

from door import shell
from door.access.looking import Reader, reader
from door.lists import claiming, filters, levels, watching
from door.lists.filters import Filters
from door.lists.listing import Listing, words
from door.lists.standing import at_head, not_a_cursor, true_up_to
from door.outcomes import ExitCode, Problem
from door.screen import Screen, row, table
from workflows.journey.actors import Actor

if TYPE_CHECKING:
    from activities.record import Record

MOST = 1000


def add_commands(group: typer.Typer) -> None:
    """Give the worklist its commands."""
    group.command("list")(list_command)
    group.command("claim")(claiming.claim_command)
    group.command("release")(claiming.release_command)
    group.command("stats")(levels.stats_command)
    group.command("filters")(filters_command)


def list_command(
    context: typer.Context,
    mine: Annotated[bool, typer.Option("--mine", help="What falls to you, and what you claimed, of any role.")] = False,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="What is awaited of this role; may be repeated.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="What is awaited of anybody.")] = False,
    unassigned: Annotated[
        bool, typer.Option("--unassigned", help="Only what falls to nobody in particular and nobody claimed.")
    ] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past due.")] = False,
    today: Annotated[
        bool, typer.Option("--today", help="Only what is due before midnight where you are, or overdue.")
    ] = False,
    clinic: shell.Clinic = None,
    journey: Annotated[
        str | None, typer.Option(metavar="JOURNEY", help="Only this journey, of anybody.", show_default=False)
    ] = None,
    use: Annotated[
        str | None, typer.Option(metavar="NAME", help="Begin with the options kept as NAME.", show_default=False)
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep these options as NAME.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it live, until Ctrl-C.")] = False,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many on a page.")] = 50,
    after: shell.After = None,
    csv: shell.Csv = False,
    json: shell.Json = False,
) -> None:
    """List what is awaited: that of held journeys first, then what is due first.

    Without --mine, --role, --all or --journey it is what is awaited of your profile's role, whoever it falls to;
    and for a coordinator, who sees to it that nobody waits, what is awaited of anybody.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        shell.one_of(**{"--watch": watch, "--csv": csv, "--json": json})
        if watch and not screen.at_terminal:
            raise Problem(
                ExitCode.USAGE,
                "--watch is for a person at a terminal",
                "For scripts: --json, as often as it is needed",
            )
        given = {
            "mine": mine,
            "role": role,
            "all": everybody,
            "unassigned": unassigned,
            "overdue": overdue,
            "today": today,
            "clinic": clinic,
            "journey": None if journey is None else str(shell.journey_id(journey)),
        }
        wanted = filters.checked(given, None if use is None else filters.kept_as(use))
        who = reader(context, profile, purpose)
        if save is not None:
            filters.keep(save, wanted)
            screen.note(f"Kept: `work list --use {save}`.")

        async with services.record() as record:
            seen: list[str] = []

            async def look() -> Listing:
                listing = await _listing(who, record, wanted, limit, after)
                # Whoever watches looks anew when something else is shown.
                if not seen or seen != listing.shown:
                    await listing.kept(who, record)
                seen[:] = listing.shown
                return listing

            if watch:
                await watching.watch(screen, look, _scope(wanted, who.person))
                return
            listing = await look()
        _show(screen, listing, _scope(wanted, who.person), csv=csv)

    shell.run(act, json_only=json)


async def _listing(who: Reader, record: "Record", wanted: Filters, limit: int, after: str | None) -> Listing:
    from activities.record.read_models import worklist

    head, now = await at_head(record), who.services.now()
    with not_a_cursor():
        answer = await worklist(record, filters.work_of(wanted, who, now), limit=limit, after=after)
    return Listing(answer, await true_up_to(record, answer.position, head), now)


def _scope(wanted: Filters, person: Actor) -> str:
    """Whose work is shown, for people: a list that leaves something out says so."""
    roles = ", ".join(f"every {words(role)}" for role in filters.owners(wanted, person))
    if wanted.of_own_role and roles:
        whose = f"{roles}; --all shows everybody's"
    elif wanted.mine:
        whose = f"{person.id}{f', only what is awaited of {roles}' if roles else ''}"
    else:
        whose = roles or "everybody"
    narrowed = wanted.model_copy(update={"mine": False, "role": (), "all": False}).options
    return f"Of {whose}{f' ({narrowed})' if narrowed else ''}."


def _show(screen: Screen, listing: Listing, scope: str, *, csv: bool) -> None:
    from activities.record.read_models import Task

    answer = listing.answer
    rows = [listing.for_scripts(task) for task in answer.rows]
    if screen.json_only:
        screen.data({**listing.true.as_json(), "next": answer.next, "rows": rows})
        return
    if csv:
        columns = (*Task.model_fields, "overdue")
        screen.csv(columns, ([task[column] for column in columns] for task in rows))
    else:
        screen.illustrative(listing.illustrative)
        if rows:
            screen.show(listing.drawn())
        else:
            screen.text("Nothing is awaited.")
    screen.note(f"{scope} {listing.true}")
    screen.more(answer.next)


def filters_command(
    forget: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep the one of this name no longer.", show_default=False)
    ] = None,
    json: shell.Json = False,
) -> None:
    """List the filters you keep: `work list --save NAME` keeps one, `--use NAME` lists by it."""

    async def act(screen: Screen) -> None:
        if forget is not None:
            filters.kept_as(forget)
            filters.keep(forget, None)
        known = filters.kept()
        if screen.json_only:
            screen.data({name: each.model_dump(mode="json", exclude_defaults=True) for name, each in known.items()})
            return
        shown = table("name", "work list")
        for name, each in sorted(known.items()):
            row(shown, name, each.options)
        screen.show(shown)

    shell.run(act, json_only=json)
