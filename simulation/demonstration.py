"""`make demo`: one PTSD and one anxiety journey, months long, on real servers, in seconds.

Invented people act through the same client as everybody; the server skips the time between their moves, so
that the Temporal UI shows the journeys over their true dates.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from temporalio.client import Client

from activities.record.errors import RecordUnavailable
from activities.record.event_codec import load_journey
from activities.record.store import Record
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import trusted_keys
from application.process.exit import begin, leave
from application.temporal.journey_client import handle_of
from application.words.codes import say, say_within
from application.words.quantities import format_elapsed
from application.words.terms import name_contact
from application.words.titles import title_of_command
from deploy.local.stack import StackError, run_worker
from deploy.local.web import run_console, run_mailbox
from simulation.contact_points import giving_contact_points
from simulation.keys import PASSPHRASE, Signers
from simulation.people import list_people, referral
from simulation.player import on_servers, play, start_at
from simulation.stack import StaffedStack, staffed_stack, write_environment
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway
from workflows.journey.views.summary import name_step, timeline
from workflows.journey.vocabulary.calendars import format_moment
from workflows.protocols.demonstration import load_demonstration
from workflows.temporal_plugin import CarePathwayPlugin

TASK_QUEUE = "care-pathway"
LATE = ("check-in-1-24h",)
"""What the patient of the PTSD journey answers too late, so that an escalation, a hold and its release are shown."""


class Disagreement(Exception):
    """The record and the workflow do not say the same."""


@dataclass
class Performance:
    """One journey as it is being played."""

    pathway: Pathway
    journey_id: UUID = field(default_factory=uuid4)
    journey: Journey | None = None
    doing: str = "starting"
    now: datetime | None = None
    commands: int = 0

    def on_event(self, journey: Journey, command: Command | None, at: datetime) -> None:
        self.journey, self.now = journey, at
        if command is not None:
            self.commands += 1
            self.doing = f"{say(command.actor.role.value)}: {title_of_command(command.body.kind)}"


def _board(performances: Sequence[Performance]) -> Group:
    tables = []
    for performance in performances:
        journey = performance.journey
        table = Table(title=f"{performance.pathway}  (illustrative, invented people)", title_justify="left", width=100)
        table.add_column("step", ratio=2)
        table.add_column("their time", ratio=2)
        table.add_column("now", ratio=4)
        if journey is None or performance.now is None:
            table.add_row("", "", performance.doing)
        else:
            first = next(iter(obligations(journey)), None)
            awaited = "" if first is None else f"waiting for the {say(first.owner.value)} to {first.what}"
            when = format_moment(performance.now, journey.patient.zone).rpartition(" ")[0]
            step = say(name_step(journey))
            table.add_row(step, when, f"{performance.doing}\n[dim]{awaited}[/dim]")
        tables.append(table)
    return Group(*tables)


async def _play(
    client: Client, record: Record, signers: Signers, performance: Performance, begins: datetime | None
) -> None:
    opening = referral(load_demonstration(performance.pathway), performance.journey_id)
    await start_at(client, opening, task_queue=TASK_QUEUE, begins=begins)
    handle = handle_of(client, performance.journey_id)
    late = LATE if performance.pathway == "PTSD" else ()
    driver = on_servers(client, record, signers, performance.journey_id)
    performance.journey = await play(driver, late=late, on_event=performance.on_event)
    ending = await handle.result()
    performance.doing = f"ended: {say(ending.outcome)}"
    recorded = await load_journey(record, performance.journey_id)
    if recorded is None or (recorded.version, recorded.outcome) != (ending.version, ending.outcome):
        raise Disagreement(f"journey {performance.journey_id}: the record and the workflow disagree")


async def _refresh(live: Live, performances: Sequence[Performance]) -> None:
    while True:
        live.update(_board(performances))
        await asyncio.sleep(0.1)


def timeline_table(journey: Journey) -> Table:
    """Return what was due in a journey, and when it was done."""
    zone = journey.patient.zone
    table = Table(title=f"{journey.protocol.title}: {say(journey.outcome or 'open')}", title_justify="left")
    for heading in ("what", f"due ({zone})", "done", "late"):
        table.add_column(heading)
    for entry in timeline(journey):
        due, done = (None if t is None else format_moment(t, zone).rpartition(" ")[0] for t in (entry.due, entry.done))
        late = (entry.done - entry.due).total_seconds() if entry.due and entry.done else 0
        shown = format_elapsed(late) if late > 60 else ""
        contact = journey.contacts.get(entry.what)
        what = say_within(entry.what) if contact is None else name_contact(contact)
        table.add_row(what, due or "", done or "", shown)
    return table


async def _verify(stack: StaffedStack, record: Record) -> Sequence[object]:
    """Return what is wrong with the chains or with any signature. Empty if all is well."""
    keys = trusted_keys(stack.signers.register_path.read_bytes(), stack.signers.organisation_key)
    return (await verify_record(record, keys=keys)).findings


async def _perform(stack: StaffedStack, console: Console, begins: datetime | None) -> None:
    """Play both journeys, while a worker runs."""
    performances = [Performance("PTSD"), Performance("ANXIETY")]
    async with (
        stack.codec() as codec,
        stack.open_record(stack.postgres.database.reader_url) as record,
    ):
        client = await Client.connect(
            stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
        )
        console.print(f"Temporal UI while this runs: {stack.ui_url}")
        began = monotonic()
        with Live(_board(performances), console=console, refresh_per_second=10) as live:
            refreshing = asyncio.create_task(_refresh(live, performances))
            try:
                await asyncio.gather(
                    *(_play(client, record, stack.signers, performance, begins) for performance in performances)
                )
            finally:
                refreshing.cancel()
                live.update(_board(performances))
        for performance in performances:
            assert performance.journey is not None
            console.print(timeline_table(performance.journey))
        findings = await _verify(stack, record)
        if findings:
            raise Disagreement(f"the record does not verify: {findings[0]}")
        versions = sum(performance.journey.version for performance in performances if performance.journey is not None)
        console.print(
            f"{sum(performance.commands for performance in performances)} commands and {versions} events in "
            f"{monotonic() - began:.1f} s. The record agrees with both workflows; chains and signatures verify."
        )


async def demo(*, keep: bool, begins: datetime | None = None) -> None:
    """Play both journeys on a stack of their own, from now on or from a moment to come (UTC).

    Raises:
        StackError, RecordUnavailable, Disagreement: what failed, and where the logs are.
    """
    console = Console()
    directory = Path(".local") / "demo"
    console.print("Starting PostgreSQL and Temporal ...")
    async with staffed_stack(directory, keep_data=False, time_skipping=True) as stack:
        if not keep:
            async with await run_worker(stack.worker_env, stack.logs / "worker.log"):
                await _perform(stack, console, begins)
            return
        environment = write_environment(stack, directory)
        async with (
            await run_mailbox(stack.logs / "mailbox.log") as mailbox,
            giving_contact_points(stack),
            await run_console(
                {**environment.variables, **stack.console_env, **mailbox.settings}, stack.logs / "console.log"
            ) as served,
            await run_worker(mailbox.sending(stack.worker_env, served.url), stack.logs / "worker.log"),
        ):
            await _perform(stack, console, begins)
            print(
                f"""
Kept up for you to look at. Ctrl-C ends it, and its data is gone at the next demonstration.

  console      {served.url}
  mailbox      {mailbox.url} (what was sent to people)
  Temporal UI  {stack.ui_url}
  logs         {stack.logs}/

In the console, sign in as an invented person:

{list_people()}

In another terminal:

  source {environment.path}
  .venv/bin/python starter.py pathway list --closed

Invented clinicians sign with the passphrase: {PASSPHRASE}
""",
                flush=True,
            )
            with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
                await asyncio.Event().wait()


def _moment(given: str) -> datetime:
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is None or moment < datetime.now(UTC):
        raise argparse.ArgumentTypeError("a moment to come, with its offset from UTC")
    return moment.astimezone(UTC)


def main() -> int:
    """Exit code 0 when both journeys completed, 1 when a step failed."""
    begin()
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack up to look at in the Temporal UI")
    parser.add_argument(
        "--begins", metavar="MOMENT", type=_moment, help="when the journeys begin, for example 2028-02-29T17:00+00:00"
    )
    given = parser.parse_args()
    keep = bool(given.keep)
    try:
        asyncio.run(demo(keep=keep, begins=given.begins))
    except KeyboardInterrupt:
        return 0 if keep else 1
    except (StackError, RecordUnavailable, Disagreement) as error:
        print(f"The demonstration failed: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        print(f"The demonstration failed: {error!r}. Logs are in .local/demo/logs/.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
