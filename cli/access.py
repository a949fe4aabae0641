"""`access`: who looked at what, what they saw, and emergency access."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from activities.record.access_log import AccessLogEntry
from application.access.break_glass import BREAK, AccessOpened, break_glass
from application.access.looks import ListLooks
from application.access.show_again import list_looks, show_again
from application.errors import NotFound
from application.input.forms import check, read_object
from application.pathway.patient import ShowPatient
from application.pathway.show import (
    CompareMoments,
    ExplainEvent,
    ShowJourney,
    ShowPatientView,
    ShowReasons,
    ShowRecord,
    ShowTimeline,
)
from application.reading.access_log import Query
from application.sign_offs.queue import ListQueue
from application.sign_offs.refused_attempts import ListAttempts
from application.sign_offs.requests import ListRequests, ShowRequest
from application.work.caseload import ListJourneys
from application.work.hold_together import FindConcerned, PrepareReleases
from application.work.permissions import ListPermissions
from application.work.worklist import ListWork
from cli import pathway, patient, runtime, signoff, work, work_together
from cli.commands import show_recorded
from cli.input import journey_id, read_input
from cli.output import Output, add_row, facts_box, local_time, short_time, table, your_time
from cli.runtime import Call, command
from workflows.journey.commands import BreakGlass

RENDERERS: Mapping[type[Query], Callable[[Output, Any], None]] = {
    ShowJourney: pathway.render_journey,
    ShowTimeline: pathway.render_timeline,
    ShowRecord: pathway.render_record,
    ShowReasons: pathway.render_reasons,
    ShowPatientView: pathway.render_patient_view,
    ExplainEvent: pathway.render_explanation,
    CompareMoments: pathway.render_comparison,
    ListJourneys: pathway.render_journeys,
    ShowPatient: patient.render_patient,
    ListQueue: signoff.render_queue,
    ListRequests: signoff.render_requests,
    ShowRequest: signoff.render_request,
    ListAttempts: signoff.render_attempts,
    FindConcerned: pathway.render_journeys,
    PrepareReleases: work_together.render_releases,
    ListPermissions: work_together.render_permissions,
    ListWork: lambda output, page: work.render_work(output, page, ""),
}
"""The function that shows the answer to each question, also when it is shown again."""


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("list")(command(list_, to_look=True))
    group.command("show")(command(show, to_look=True))
    made = command(break_glass_command, to_act=True)
    group.command("break-glass", help=BREAK.help)(made)


async def list_(
    call: Call,
    journey: runtime.AnyJourney = None,
    by: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Only what this person looked at.", show_default=False)
    ] = None,
    before: Annotated[
        UUID | None,
        typer.Option(metavar="READING", help="Only what came before this look.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the latest.")] = 50,
) -> None:
    """Show who looked at a journey, when and what for, the latest first; or what a person looked at.

    Without JOURNEY, of all journeys that you may look at.
    """
    wanted = None if journey is None else journey_id(journey)
    found, more, left = await list_looks(call.context, ListLooks(journey_id=wanted, by=by, before=before, limit=limit))
    if call.output.json_only:
        nothing: dict[str, object] = dict.fromkeys(AccessLogEntry.model_fields)
        nothing |= {"journeys": [], "not_readable": True}
        rows = [{**entry.model_dump(mode="json"), "not_readable": False} for entry in found]
        call.output.data([*rows, *({**nothing, "entry_id": str(each)} for each in left)])
        return
    shown = table("reading", your_time("when"), "who", "purpose", "journeys")
    for entry in found:
        asked_for = _spell(entry) + ("" if entry.shown else "\nREFUSED")
        by_whom = f"{entry.reader_role} {call.named(entry.reader_id)}"
        why = entry.purpose if entry.reason is None else f"{entry.purpose}\n{entry.reason}"
        add_row(shown, f"{entry.entry_id}\n{asked_for}", short_time(entry.at), by_whom, why, len(entry.journeys))
    call.output.show(shown)
    if left:
        call.output.note(
            f"Not shown: {len(left)} more, at journeys of your clinics that cannot be read now, because a key of "
            "theirs is away. Nothing is lost. Tell ops; then look again."
        )
    if more is not None:
        call.output.note(f"There may be more; go on with --before {more}")


def _spell(entry: AccessLogEntry) -> str:
    """Return what somebody asked for, in words."""
    name, *rest = entry.command
    given = json.loads(rest[0]) if rest else {}
    return " ".join([name, *(f"{key}={value}" for key, value in given.items())])


async def show(
    call: Call,
    reading: Annotated[UUID, typer.Argument(metavar="READING", help="Its id; see `access list`.", show_default=False)],
) -> None:
    """Show again what somebody saw: the same question, on what was recorded then, at the time of that look.

    The console shows more looks again than a terminal: session rooms, messages, who had looked, and forms.
    """
    entry, answer = await show_again(call.context, reading)
    if not call.output.json_only:
        said = {
            "who": f"{entry.reader_role} {call.named(entry.reader_id)}",
            "when": local_time(entry.at),
            "purpose": entry.purpose,
            "asked for": _spell(entry),
            "true up to position": entry.position,
        }
        call.output.show(facts_box(said, f"Reading {entry.entry_id}"))
    renderers = {query.name: render for query, render in RENDERERS.items()}
    if entry.command[0] not in renderers:
        raise NotFound("no command shows this look again", f"The console does: open /looks/{reading} there")
    renderers[entry.command[0]](call.output, answer)


async def break_glass_command(call: Call, journey: runtime.JourneyId, file: runtime.File = None) -> None:
    """See `BreakGlass`."""
    wanted = journey_id(journey)
    if file is None and sys.stdin.isatty():
        content = {"reason": call.context.ask("Why must you look? Your answer is recorded and reviewed")}
    else:
        content = read_object(read_input(file))
    _show_broken(call.output, await break_glass(call.context, wanted, check(BreakGlass, content, {"kind": BREAK.name})))


def _show_broken(output: Output, broken: AccessOpened) -> None:
    told = (
        f"You may look until {local_time(broken.until)}. What you look at is kept, and a medical director reviews it."
    )
    if broken.recorded is not None:
        output.note(f"Accepted as version {broken.recorded.accepted.version}.")
        show_recorded(output, broken.recorded)
    elif broken.untold is not None:
        if output.json_only:
            kept = {
                "outcome": "kept",
                "command_id": str(broken.command.command_id),
                "until": broken.until.isoformat(),
            }
            output.data({**kept, "reason": broken.untold.reason, "remedy": "record reconcile --repair"})
        told += f" Nobody is asked to yet ({broken.untold.reason}): `record reconcile --repair` does it."
    output.note(told)
