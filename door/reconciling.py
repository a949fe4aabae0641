"""`record reconcile`: what Temporal runs, compared with what is recorded; and with --repair, put right from the record.

The record is what a journey is. Temporal only carries it on, and what it has lost is carried on again from there.
"""

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

import typer

from door import shell
from door.outcomes import ExitCode, Problem
from door.screen import Screen, row, table
from door.services import Gateway

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.record import Head
    from workflows.client import Running

AT_ONCE = 8
"""Journeys looked at at the same time."""
OPEN = "WorkflowType = 'CareJourney' AND ExecutionStatus = 'Running'"


class Drift(StrEnum):
    """How Temporal and the record can disagree about an open journey."""

    LOST = "lost"
    ENDED = "ended"
    BEHIND = "behind"
    AHEAD = "ahead"
    QUARANTINED = "quarantined"
    SILENT = "silent"
    UNSTARTED = "unstarted"
    UNRECORDED = "unrecorded"


TOLD = {
    Drift.LOST: "Temporal does not know it",
    Drift.ENDED: "Temporal has ended its run: terminated, failed, or completed by something else than the journey",
    Drift.BEHIND: "Temporal runs an older state of it: its database was put back",
    Drift.AHEAD: "it says that more is recorded than there is: the record was put back. Do not repair; find the record",
    Drift.QUARANTINED: "it is quarantined: the record says something else. See docs/operations.md",
    Drift.SILENT: "it runs and does not answer: look at its workflow tasks, and whether a worker runs",
    Drift.UNSTARTED: "its patient is enrolled and it never began: send its referral again, unchanged",
    Drift.UNRECORDED: "Temporal runs it, and nothing of it is recorded yet: look whether the record can be reached",
}
REPAIRED = (Drift.LOST, Drift.ENDED, Drift.BEHIND)


class Finding(NamedTuple):
    """A journey that drifted, and whether it was put right."""

    journey_id: UUID
    drift: Drift
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"journey_id": str(self.journey_id), "drift": self.drift, "repaired": self.repaired}


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
    """Compare every open journey with what Temporal runs. Exit code 7 while something is left that differs.

    With --repair, journeys go on from their recorded state. What is recorded does not happen again: no notice
    leaves twice and nothing is released twice. It may be run again at any time.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode | None:
        async with services.record() as record, services.gateway() as gateway:
            looked_at = 0
            findings = []
            async for heads in _pages(record):
                looked_at += len(heads)
                at_once = asyncio.Semaphore(AT_ONCE)

                async def judged(head: "Head", at_once: asyncio.Semaphore = at_once) -> Finding | None:
                    async with at_once:
                        return await _judged(record, gateway, head, repair=repair)

                found = await asyncio.gather(*map(judged, heads))
                findings += [finding for finding in found if finding is not None]
            findings += [
                Finding(journey_id, Drift.UNRECORDED)
                async for journey_id in gateway.journeys(OPEN, 100_000)
                if await record.head(journey_id) is None
            ]
        _show(screen, looked_at, findings)
        return ExitCode.UNVERIFIED if any(not finding.repaired for finding in findings) else None

    shell.run(act, json_only=json)


async def _pages(record: "Record") -> AsyncIterator[tuple["Head", ...]]:
    after: UUID | None = None
    while heads := await record.open_heads(after):
        after = heads[-1].journey_id
        yield heads


async def _judged(record: "Record", gateway: Gateway, head: "Head", *, repair: bool) -> Finding | None:
    running = await gateway.look(head.journey_id)
    # Whatever was recorded while Temporal was asked is not a difference.
    now = await record.head(head.journey_id)
    if now is None or now.status != "open":
        return None
    drift = drifted(head.version, now.version, running)
    if drift is None or not repair or drift not in REPAIRED:
        return None if drift is None else Finding(head.journey_id, drift)
    return Finding(head.journey_id, drift, await _resumed(record, gateway, head.journey_id))


def drifted(before: int, now: int, running: "Running | None") -> Drift | None:
    """How a journey at these recorded versions, before and after Temporal was asked, differs from what it answered."""
    if before == 0:
        return Drift.UNSTARTED if running is None or not running.runs else None
    if running is None:
        return Drift.LOST
    if not running.runs:
        return Drift.ENDED
    if running.version is None or running.recorded is None:
        return Drift.SILENT
    if running.health == "diverged":
        return Drift.QUARANTINED
    if running.version < before:
        return Drift.BEHIND
    return Drift.AHEAD if running.recorded > now else None


async def _resumed(record: "Record", gateway: Gateway, journey_id: UUID) -> bool:
    from activities.notices import deliver
    from activities.record.events import load_events
    from workflows.journey.journey import fold
    from workflows.journey.notices import notices

    events = await load_events(record, journey_id)
    # The run that was lost may have recorded these and not yet told anybody. Each is delivered once in all.
    await deliver(record, [notice for event in events for notice in notices(event)])
    try:
        await gateway.resume(fold(events))
    except Problem:
        return False
    return True


def _show(screen: Screen, looked_at: int, findings: list[Finding]) -> None:
    if screen.json_only:
        screen.data({"open_journeys": looked_at, "findings": [finding.as_json() for finding in findings]})
        return
    if findings:
        listed = table("journey", "difference", "now", title="Temporal and the record")
        for finding in findings:
            row(listed, finding.journey_id, TOLD[finding.drift], "runs on from its record" if finding.repaired else "")
        screen.show(listed)
    left = sum(not finding.repaired for finding in findings)
    screen.note(f"{looked_at} open journeys; {len(findings)} differed, {left} still do.")
