"""`work`: the worklist, claims, and how promptly things are done."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from activities.record.read_models import ServiceLevel, Task
from application.errors import InvalidInput
from application.messages.wording import say_unseen
from application.pathway.wording import ROTA_UNKNOWN, roster_lines
from application.words.codes import say
from application.words.quantities import format_duration, format_time_left
from application.work.claims import claim_task, release_task
from application.work.references import References
from application.work.service_levels import ShowServiceLevels, show_service_levels
from application.work.worklist import MOST, ListWork, WorkPage, list_work, roles_asked
from cli import render, runtime, saved_filters, watch, work_together
from cli.input import journey_id, moment, one_of
from cli.layout import Rows
from cli.output import Output, add_row, facts_box, local_time, short_time, table, your_time
from cli.references import NONE_KNOWN, Known, name_journey, references_of
from cli.render_roster import roster_as_json
from cli.runtime import Call, Named, command
from workflows.journey.views.summary import describe_action
from workflows.journey.vocabulary.actors import Actor

ObligationArgument = Annotated[
    str,
    typer.Argument(
        metavar="OBLIGATION", help="The id that `work list` shows below that of the journey.", show_default=False
    ),
]
COUNTS = ("opened", "done", "late", "overdue")
SECONDS = ("seconds_median", "seconds_90", "seconds_most")
_CLAIM = {"journey_id", "obligation", "illustrative", "stale", "due", "claimed_by", "claimed_at"}


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("list")(command(list_, to_look=True))
    group.command("claim")(command(claim, to_act=True))
    group.command("release")(command(release, to_act=True))
    group.command("stats")(command(stats, to_look=True))
    group.command("filters")(command(filters))
    work_together.add_commands(group)


async def list_(
    call: Call,
    mine: Annotated[
        bool, typer.Option("--mine", help="What you are responsible for, and what you claimed, of any role.")
    ] = False,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="What is awaited of this role; may be repeated.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="What is awaited of anybody.")] = False,
    unassigned: Annotated[
        bool, typer.Option("--unassigned", help="Only what no person is responsible for and nobody claimed.")
    ] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past due.")] = False,
    today: Annotated[
        bool, typer.Option("--today", help="Only what is due before midnight where you are, or overdue.")
    ] = False,
    clinic: runtime.Clinic = None,
    journey: Annotated[
        str | None, typer.Option(metavar="JOURNEY", help="Only this journey, of anybody.", show_default=False)
    ] = None,
    use: Annotated[
        str | None, typer.Option(metavar="NAME", help="Begin with the options saved as NAME.", show_default=False)
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Save these options as NAME.", show_default=False)
    ] = None,
    watching: Annotated[bool, typer.Option("--watch", help="Show it live, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="At most so many on a page.")] = 50,
    after: runtime.After = None,
    csv: runtime.Csv = False,
) -> None:
    """List what is awaited: in held journeys first, then by due time.

    Without --mine, --role, --all or --journey it is what is awaited of your profile's role. For a coordinator, who
    makes sure that nobody waits, it is what is awaited of anybody.
    """
    context, output = call.context, call.output
    one_of(**{"--watch": watching, "--csv": csv, "--json": output.json_only})
    if watching and not output.at_terminal:
        raise InvalidInput("--watch is for a person at a terminal", "For scripts: --json, as often as it is needed")
    given = {
        "mine": mine,
        "role": role,
        "all": everybody,
        "unassigned": unassigned,
        "overdue": overdue,
        "today": today,
        "clinic": clinic,
        "journey": None if journey is None else str(journey_id(journey)),
    }
    wanted = saved_filters.check_filters(given, None if use is None else saved_filters.find_filters(use))
    scope = _scope(wanted, context.person)
    if save is not None:
        saved_filters.save_filters(save, wanted)
        output.note(f"Kept: `work list --use {save}`.")
    query = wanted.model_copy(update={"limit": limit, "after": after})
    if not watching:
        found = await list_work(context, query)
        known = NONE_KNOWN if csv else await references_of(call, found.answer.rows)
        render_work(output, found, scope, csv=csv, known=known)
        return
    seen: list[WorkPage] = []
    references = References()

    async def look() -> watch.View:
        page = await list_work(context, query, seen=seen[-1] if seen else None)
        seen[:] = [page]
        return view_of(page, await references.of(context, page.answer.rows), call.named)

    await watch.watch(output, look, scope)


def render_work(output: Output, page: WorkPage, scope: str, *, csv: bool = False, known: Known = NONE_KNOWN) -> None:
    """Show a page of the worklist."""
    rows = [_as_json(page, task) for task in page.answer.rows]
    if output.json_only:
        output.data(
            {
                **render.freshness(page.true),
                "next": page.answer.next,
                "rows": rows,
                "undelivered": None if page.unseen is None else page.unseen._asdict(),
                "on_call": None if page.rosters is None else [roster_as_json(roster) for roster in page.rosters],
            }
        )
        return
    if csv:
        columns = (*Task.model_fields, "overdue")
        output.csv(columns, ([task[column] for column in columns] for task in rows))
    else:
        output.illustrative(page.illustrative)
        if rows:
            output.show(_table(page, known, output.named))
        else:
            output.text("Nothing is awaited.")
    if page.rosters is None:
        output.note(ROTA_UNKNOWN)
    for roster in page.rosters or ():
        for line in roster_lines(roster, output.named):
            output.note(line)
    if page.unseen is not None and page.unseen.waiting:
        output.note(f"{say_unseen(page.unseen)} See `message list --undelivered`.")
    output.note(f"{scope} {page.true}".strip())
    output.more(page.answer.next)


def _as_json(page: WorkPage, task: Task) -> dict[str, Any]:
    return {**task.model_dump(mode="json"), "overdue": page.is_overdue(task)}


def view_of(page: WorkPage, known: Known = NONE_KNOWN, named: Named = str) -> watch.View:
    """Return what is shown of a page of the worklist at a moment."""
    return watch.View(
        drawn=_table(page, known, named) if page.answer.rows else None,
        at=page.at,
        illustrative=page.illustrative,
        true=page.true,
        more=page.answer.next is not None,
    )


def _table(page: WorkPage, known: Known, named: Named) -> Rows:
    """One row for each thing that is awaited."""
    shown = table("journey", "what", your_time("due"), "otherwise")
    shown.show_lines = True
    for task in page.answer.rows:
        marks = [f"STALE: as of version {task.version}"] if task.stale else []
        marks += ["HELD"] if task.held else []
        claimed = [] if task.claimed_by is None else [f"claimed by {named(task.claimed_by)}"]
        late = [format_time_left(task.due, page.at)] if page.is_overdue(task) else []
        add_row(
            shown,
            "\n".join([name_journey(task.journey_id, known), task.obligation, *marks]),
            "\n".join([task.what, _whom(task, named), *claimed]),
            "\n".join([short_time(task.due), *late, f"since {short_time(task.since)}"]),
            _otherwise(task),
        )
    return shown


def _whom(task: Task, named: Named) -> str:
    """Say of whom it is awaited: a role, the person responsible by the plan of care, and the roles it was escalated
    to."""
    since = [say(role) for role in task.asked if role != task.owner]
    escalated = f", escalated to {', '.join(since)}" if since else ""
    return f"of {say(task.owner)}{f' {named(task.person)}' if task.person else ''}{escalated}"


def _otherwise(task: Task) -> str:
    """Say what happens if it does not come."""
    if task.next_step is None or task.next_action is None or task.next_to is None:
        return "every step was taken"
    held = "; care is held" if task.next_holds else ""
    return f"{describe_action(task.next_action, task.next_to)}\n{short_time(task.next_step)}{held}"


def _scope(wanted: ListWork, person: Actor) -> str:
    """Say whose work is shown, so that people see when a list leaves something out."""
    roles = ", ".join(f"every {say(role)}" for role in roles_asked(wanted, person))
    if wanted.of_own_role and roles:
        whose = f"{roles}; --all shows everybody's"
    elif wanted.mine:
        whose = f"{person.id}{f', only what is awaited of {roles}' if roles else ''}"
    else:
        whose = roles or "everybody"
    narrowed = saved_filters.spell_options(wanted.model_copy(update={"mine": False, "role": (), "all": False}))
    return f"Of {whose}{f' ({narrowed})' if narrowed else ''}."


async def claim(call: Call, journey: runtime.JourneyId, obligation: ObligationArgument) -> None:
    """Say that you will do something, so that two people do not. The claim ends when it is done.

    It stops nobody, and nothing waits for it: what is overdue is escalated all the same.
    """
    _show_claim(call, "claimed", await claim_task(call.context, journey_id(journey), obligation), {}, {})


async def release(call: Call, journey: runtime.JourneyId, obligation: ObligationArgument) -> None:
    """Release what you claimed, so that anybody may do it.

    A coordinator or a medical director may also release the claim of somebody who is away, and is told whose it was.
    """
    task, was = await release_task(call.context, journey_id(journey), obligation)
    by = None if was is None else was.by
    _show_claim(
        call, "released", task, {"was_claimed_by": by}, {} if by is None else {"was claimed by": call.named(by)}
    )


def _show_claim(call: Call, outcome: str, task: Task, for_scripts: dict[str, Any], for_people: dict[str, Any]) -> None:
    if call.output.json_only:
        call.output.data({"outcome": outcome, **task.model_dump(mode="json", include=_CLAIM), **for_scripts})
        return
    call.output.illustrative(task.illustrative)
    said = {"journey": task.journey_id, "obligation": task.obligation, "what": task.what, "due": local_time(task.due)}
    if task.claimed_at is not None:
        said |= {"by": call.named(call.context.person.id), "since": local_time(task.claimed_at)}
    said |= for_people
    said |= {} if task.stale is None else {"STALE": f"this is as of version {task.version}"}
    call.output.show(facts_box(said, f"It is {outcome}"))


async def stats(
    call: Call,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE|TIME", help="Leave out what was closed before, your time.", show_default=False),
    ] = None,
    clinic: runtime.Clinic = None,
    csv: runtime.Csv = False,
) -> None:
    """Show how promptly things are done, by kind: how many, late and overdue, and how long they took.

    In your clinics, or in one of them. Time runs from the request until it was done, nights and holds included.
    """
    output = call.output
    one_of(**{"--csv": csv, "--json": output.json_only})
    from_then = None if since is None else moment("--since", since)
    wanted = saved_filters.check_filters({"clinic": clinic})
    found = await show_service_levels(call.context, ShowServiceLevels(clinic=wanted.clinic, since=from_then))
    if output.json_only:
        rows = [level.model_dump(mode="json") for level in found.rows]
        output.data({**render.freshness(found.true), "rows": rows})
        return
    if csv:
        columns = tuple(ServiceLevel.model_fields)
        output.csv(columns, ([getattr(level, column) for column in columns] for level in found.rows))
    else:
        output.illustrative(found.illustrative)
        output.show(_levels(found.rows))
    output.freshness(found.true)


def _levels(levels: Sequence[ServiceLevel]) -> Rows:
    shown = table("kind", *COUNTS, "median", "90 % within", "longest")
    for level in levels:
        counts = (getattr(level, column) for column in COUNTS)
        add_row(shown, say(level.kind), *counts, *(format_duration(getattr(level, column)) for column in SECONDS))
    return shown


async def filters(
    call: Call,
    forget: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remove the filters saved under this name.", show_default=False)
    ] = None,
) -> None:
    """List your saved filters: `work list --save NAME` saves one, `--use NAME` lists by it."""
    if forget is not None:
        saved_filters.find_filters(forget)
        saved_filters.save_filters(forget, None)
    if call.output.json_only:
        call.output.data(saved_filters.as_json())
        return
    shown = table("name", "work list")
    for name, each in sorted(saved_filters.load_filters().items()):
        add_row(shown, name, saved_filters.spell_options(each))
    call.output.show(shown)
