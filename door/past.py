"""`pathway explain` and `pathway diff`, and a journey as it was: time travel, by folding what was recorded up to then.

Two times are kept apart. What was *known* at a moment is what the journey had decided by then: `pathway list --at` goes
by the same time, and for neither does it matter when the record had it. What was *true* of it, as far as is known
today, takes in the corrections that were made later of what was known then.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Annotated

import typer

from door import shell
from door.access.looking import reader
from door.outcomes import ExitCode, Problem
from door.screen import Screen, facts, row, shown_at, table
from door.signatures.decisions import Change, changes
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.provenance import explain

MOMENT = "A version of the journey, or a time with its offset (2026-11-23T17:00:00Z)."
At = Annotated[str | None, typer.Option("--at", metavar="VERSION|TIME", help=MOMENT, show_default=False)]
Corrected = Annotated[
    bool, typer.Option("--corrected", help="With --at: with later corrections of what was recorded by then.")
]
LEFT_OUT = ("version", "protocol", "waiting", "paused", "refusals", "spent")
"""What a diff of two moments leaves out: what is awaited has screens of its own, the rest is bookkeeping."""


def add_commands(group: typer.Typer) -> None:
    """Give the commands to their group."""
    group.command("explain")(explain_command)
    group.command("diff")(diff_command)


def explain_command(
    context: typer.Context,
    journey: shell.JourneyId,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The event; see `pathway timeline`.")],
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Say why an event is in the record: who asked for what, and which rule made what followed."""

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        try:
            explained = explain(events, version)
        except ValueError:
            raise Problem(
                ExitCode.NOT_FOUND, "the journey has no such version", f"See `pathway timeline {journey}`"
            ) from None
        if screen.json_only:
            screen.data(explained.model_dump(mode="json"))
            return
        zone = fold(events).patient.zone
        screen.illustrative(events[0].illustrative)
        screen.show(
            facts(
                {
                    "event": explained.kind,
                    "at": shown_at(explained.at, zone),
                    "asked by": f"{explained.actor_role.value} {explained.actor_id}",
                    "command": explained.command_id,
                },
                f"Version {version} of journey {journey}",
            )
        )
        chain = table("version", "event", "because of", title="How it came about")
        for because in explained.chain:
            row(chain, because.version, because.kind, because.rule)
        screen.show(chain)

    shell.run(act, json_only=json)


def diff_command(
    context: typer.Context,
    journey: shell.JourneyId,
    earlier: Annotated[str, typer.Argument(metavar="FROM", help=MOMENT)],
    later: Annotated[str | None, typer.Argument(metavar="TO", help="The same; otherwise now.")] = None,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Show what changed in a journey between two moments, as was known at each."""

    async def act(screen: Screen) -> None:
        events = await reader(context, profile, purpose).events(shell.journey_id(journey))
        before = as_known(events, earlier)
        after = fold(events) if later is None else as_known(events, later)
        found = differences(before, after)
        if screen.json_only:
            screen.data([{"path": change.place, "then": change.then, "now": change.now} for change in found])
            return
        screen.illustrative(events[0].illustrative)
        screen.text(f"version {before.version} → version {after.version}")
        for change in found:
            screen.text(change.sentence)
        if not found:
            screen.note("Nothing changed but what is awaited.")

    shell.run(act, json_only=json)


def differences(before: Journey, after: Journey) -> tuple[Change, ...]:
    """What differs between two states of a journey."""
    then, now = (state.model_dump(mode="json", exclude=dict.fromkeys(LEFT_OUT, True)) for state in (before, after))
    return changes(then, now)


def as_known(events: Sequence[e.Event], moment: str, *, corrected: bool = False) -> Journey:
    """A journey as it was known at a moment, or, ``corrected``, with what was found out later about that.

    Raises:
        Problem: it is no moment, or the journey had not begun.
    """
    version = _version_at(events, moment)
    known = [event for event in events if event.version <= version]
    if not known:
        raise Problem(ExitCode.NOT_FOUND, "the journey had not begun then", "Give a later moment")
    journey = fold(known)
    if not corrected:
        return journey
    for event in events:
        if event.version > version and isinstance(event.body, e.FactAmended) and event.body.version <= version:
            journey = evolve(journey, event)
    return journey.model_copy(update={"version": version})


def _version_at(events: Sequence[e.Event], moment: str) -> int:
    if moment.isdigit():
        return int(moment)
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise Problem(
            ExitCode.USAGE, "this is neither a version nor a time with its offset", f"Give one: {MOMENT}"
        ) from None
    # Up to the first event that was decided later: one that says it is older still came after it.
    return max((event.version for event in takewhile(lambda event: event.at <= at, events)), default=0)
