"""`work list`, `claim`, `release`, `stats` and `filters`: what people work from, as the read models have it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from door import filters, levels, shell, watching
from door.filters import Filters
from door.listing import Listing, words
from door.outcomes import ExitCode, Problem
from door.profiles import load_profile
from door.screen import Screen, facts, here, row, table
from door.services import Services
from door.standing import at_head, not_a_cursor, true_up_to
from workflows.journey.people import Actor

if TYPE_CHECKING:
    from activities.read_models import Claim, Task
    from activities.record import Record

MOST = 1000

Obligation = Annotated[
    str,
    typer.Argument(
        metavar="OBLIGATION", help="The id that `work list` shows below that of the journey.", show_default=False
    ),
]


def add_commands(group: typer.Typer) -> None:
    """Give the worklist its commands."""
    group.command("list")(list_command)
    group.command("claim")(claim_command)
    group.command("release")(release_command)
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
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many on a page.")] = 50,
    after: shell.After = None,
    csv: shell.Csv = False,
    json: shell.Json = False,
) -> None:
    """List what is awaited: that of held journeys first, then what is due first.

    Without --mine, --role, --all or --journey it is what is awaited of your profile's role, whoever it falls to.
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
        person = _person(services, profile, wanted) if wanted.needs_person else None
        if save is not None:
            filters.keep(save, wanted)
            screen.note(f"Kept: `work list --use {save}`.")

        async with services.record() as record:

            async def look() -> Listing:
                return await _listing(services, record, wanted, person, limit, after)

            if watch:
                await watching.watch(screen, look, _scope(wanted, person))
                return
            listing = await look()
        _show(screen, listing, _scope(wanted, person), csv=csv)

    shell.run(act, json_only=json)


def _person(services: Services, profile: str | None, wanted: Filters) -> Actor:
    try:
        return load_profile(profile, services.settings_without_servers().profile)
    except Problem as problem:
        if profile is None and wanted.of_own_role and problem.code == ExitCode.USAGE:
            problem.remedy += "; or say whose work it is to be with --all, --role or --journey"
        raise


async def _listing(
    services: Services, record: "Record", wanted: Filters, person: Actor | None, limit: int, after: str | None
) -> Listing:
    from activities.read_models import worklist

    head, now = await at_head(record), services.now()
    with not_a_cursor():
        answer = await worklist(record, filters.work_of(wanted, person, now), limit=limit, after=after)
    return Listing(answer, await true_up_to(record, answer.position, head), now)


def _scope(wanted: Filters, person: Actor | None) -> str:
    """Whose work is shown, for people: a list that leaves something out says so."""
    if wanted.of_own_role and person is not None:
        whose = f"Of every {words(person.role)}; --all shows everybody's"
    elif wanted.mine and person is not None:
        whose = f"Of {person.id}"
    else:
        whose = f"Of {', '.join(map(words, wanted.role))}" if wanted.role else "Of everybody"
    narrowed = wanted.model_copy(update={"mine": False, "role": (), "all": False}).options
    return f"{whose}{f' ({narrowed})' if narrowed else ''}."


def _show(screen: Screen, listing: Listing, scope: str, *, csv: bool) -> None:
    from activities.read_models import Task

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


def claim_command(
    context: typer.Context,
    journey: shell.JourneyId,
    obligation: Obligation,
    profile: shell.Profile = None,
    json: shell.Json = False,
) -> None:
    """Say that you will see to something, so that two people do not. It ends when the thing is done.

    It stops nobody, and nothing waits for it: what is overdue is followed up all the same.
    """

    async def claimed(record: "Record", journey_id: UUID, person: Actor) -> "Claim | None":
        from activities.read_models import claim

        taken = await claim(record, journey_id, obligation, person.id)
        if taken is not None and taken.by != person.id:
            _refuse_taken(journey_id, obligation, taken.by, taken.at)
        return taken

    _on_one(context, journey, obligation, profile, claimed, "claimed", json=json)


def release_command(
    context: typer.Context,
    journey: shell.JourneyId,
    obligation: Obligation,
    profile: shell.Profile = None,
    json: shell.Json = False,
) -> None:
    """Give up what you claimed: it is anybody's again."""

    async def released(record: "Record", journey_id: UUID, person: Actor) -> None:
        from activities.read_models import release

        if await release(record, journey_id, obligation, person.id):
            return
        standing = await _find(record, journey_id, obligation)
        if standing is not None and standing.claimed_by is not None and standing.claimed_at is not None:
            _refuse_taken(journey_id, obligation, standing.claimed_by, standing.claimed_at)

    _on_one(context, journey, obligation, profile, released, "nobody's", json=json)


def _on_one(
    context: typer.Context,
    journey: str,
    obligation: str,
    profile: str | None,
    act_on: "Callable[[Record, UUID, Actor], Awaitable[Claim | None]]",
    outcome: str,
    *,
    json: bool,
) -> None:
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        journey_id = shell.journey_id(journey)
        person = load_profile(profile, services.settings_without_servers().profile)
        async with services.record() as record:
            await at_head(record)
            task = await _find(record, journey_id, obligation)
            if task is None:
                raise Problem(
                    ExitCode.NOT_FOUND,
                    "nothing of this id is awaited in this journey",
                    f"See `work list --journey {journey_id}`; what was done or overtaken is not there any more",
                    ids={"journey_id": str(journey_id)},
                )
            taken = await act_on(record, journey_id, person)
        shown: dict[str, object] = {
            "journey_id": str(journey_id),
            "obligation": task.obligation,
            "what": task.what,
            "due": task.due.isoformat() if screen.json_only else here(task.due),
            "claimed_by": None if taken is None else taken.by,
            "claimed_at": None if taken is None else taken.at.isoformat() if screen.json_only else here(taken.at),
        }
        if screen.json_only:
            screen.data({"outcome": outcome, "illustrative": task.illustrative, **shown})
            return
        screen.illustrative(task.illustrative)
        screen.show(facts({name.replace("_", " "): value for name, value in shown.items()}, f"It is {outcome}"))

    shell.run(act, json_only=json)


async def _find(record: "Record", journey_id: UUID, obligation: str) -> "Task | None":
    from activities.read_models import Work, worklist

    found = await worklist(record, Work(journey_id=journey_id), limit=MOST)
    return next((task for task in found.rows if task.obligation == obligation), None)


def _refuse_taken(journey_id: UUID, obligation: str, by: str, at: datetime) -> NoReturn:
    raise Problem(
        ExitCode.REFUSED,
        f"{by} has claimed it, on {here(at)}",
        "Ask them; only who claimed it gives it up. Whoever does it first has done it, claimed or not",
        state="Nothing was changed.",
        ids={"journey_id": str(journey_id), "obligation": obligation, "claimed_by": by},
    )


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
