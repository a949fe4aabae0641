"""`record reconcile`: what Temporal runs, compared with the record; and with --repair, put right from it."""

from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import UUID

import typer

from door import shell
from door.acting import submitted
from door.outcomes import ExitCode, Problem
from door.record.drift import TOLD, Drift, Drifted, at_once, compare, drift_of
from door.screen import Screen, row, table
from door.services import Gateway, Services
from workflows.journey.actors import Actor, Role
from workflows.journey.commands import BreakGlass, Command

if TYPE_CHECKING:
    from activities.record import Record

REPAIRED = (Drift.LOST, Drift.ENDED, Drift.BEHIND)


class Reconciled(NamedTuple):
    """A journey that drifted, and whether it was put right."""

    journey_id: UUID
    drift: Drift
    repaired: bool


def add_commands(group: typer.Typer) -> None:
    """Give the command to its group."""
    group.command("reconcile")(reconcile_command)


def reconcile_command(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Run on from the record what Temporal has lost, ended or set back.")
    ] = False,
    json: shell.Json = False,
) -> None:
    """Compare every journey that waits with what Temporal runs. Exit code 7 while something is left that differs.

    With --repair, journeys go on from their recorded state. What is recorded does not happen again: no notice
    leaves twice and nothing is released twice. It may be run again at any time.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode | None:
        async with services.record() as record, services.gateway() as gateway:
            looked_at, found = await compare(record, gateway)

            async def seen_to(drifted: Drifted) -> Reconciled:
                put_right = repair and await _repaired(services, record, gateway, drifted)
                return Reconciled(drifted.journey_id, drifted.drift, put_right)

            reconciled = await at_once(seen_to, found)
        _show(screen, looked_at, reconciled)
        return ExitCode.UNVERIFIED if any(not each.repaired for each in reconciled) else None

    shell.run(act, json_only=json)


async def _repaired(services: Services, record: "Record", gateway: Gateway, drifted: Drifted) -> bool:
    if drifted.drift == Drift.UNREVIEWED:
        return await _announced(services, record, gateway, drifted.journey_id)
    head = await record.head(drifted.journey_id)
    if head is None or drifted.drift not in REPAIRED:
        return False
    # Others were looked at since. What runs is terminated below, so it has to be wrong still.
    drift = await drift_of(record, gateway, head)
    if drift not in REPAIRED:
        return drift is None
    return await _resumed(record, gateway, drifted.journey_id)


async def _announced(services: Services, record: "Record", gateway: Gateway, journey_id: UUID) -> bool:
    """Tell a journey of those who looked at it in an emergency while it could not be told."""
    from activities.record.access_log import find_unannounced_access

    for reading in await find_unannounced_access(record):
        if journey_id in reading.journeys and reading.reason is not None:
            who = Actor(id=reading.reader_id, role=Role(reading.reader_role))
            told = Command(command_id=reading.entry_id, actor=who, body=BreakGlass(reason=reading.reason))
            try:
                await submitted(services, gateway, journey_id, told)
            except Problem:
                return False
    return True


async def _resumed(record: "Record", gateway: Gateway, journey_id: UUID) -> bool:
    from activities.notices import deliver
    from activities.record.event_codec import load_events
    from workflows.journey.notices import notices

    events = await load_events(record, journey_id)
    # The run that was lost may have recorded these and not yet told anybody. Each is delivered once in all.
    await deliver(record, [notice for event in events for notice in notices(event)])
    try:
        await gateway.resume(events)
    except Problem:
        return False
    return True


def _now(reconciled: Reconciled) -> str:
    if not reconciled.repaired:
        return ""
    return "is to be reviewed" if reconciled.drift == Drift.UNREVIEWED else "runs on from its record"


def _show(screen: Screen, looked_at: int, reconciled: list[Reconciled]) -> None:
    if screen.json_only:
        screen.data({"open_journeys": looked_at, "findings": [each._asdict() for each in reconciled]})
        return
    if reconciled:
        listed = table("journey", "difference", "now", title="Temporal and the record")
        for each in reconciled:
            row(listed, each.journey_id, TOLD[each.drift], _now(each))
        screen.show(listed)
    left = sum(not each.repaired for each in reconciled)
    screen.note(f"{looked_at} open journeys; {len(reconciled)} differed, {left} still do.")
