"""`work hold`, `releases` and `permissions`: what concerns many journeys at once."""

import asyncio
from collections import Counter
from typing import Annotated
from uuid import UUID, uuid4

import typer

from application.errors import InvalidInput, SteppedBack
from application.pathway.commands import CALL
from application.words.codes import say, say_within
from application.work.caseload import CasePage
from application.work.hold_together import (
    LOT_NOT_KNOWN,
    FindConcerned,
    HeldTogether,
    PreparedRelease,
    PreparedReleases,
    PrepareReleases,
    WhatToHold,
    digest_of,
    find_concerned,
    hold_together,
    prepare_releases,
)
from application.work.permissions import ListPermissions, list_permissions, stops
from application.work.references import ListedPatient
from application.work.worklist import MOST
from cli import render, runtime
from cli.errors import ExitCode, as_json
from cli.input import check_options, read_form
from cli.output import Output, add_row, facts_box, local_time, table
from cli.references import NONE_KNOWN, Known, name_journey, references_of
from cli.runtime import Call, command
from cli.streams import OutputLost
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.codes import code_in


def add_commands(group: typer.Typer) -> None:
    """Add these commands to the group of `work`."""
    group.command("hold")(command(hold, to_look=True))
    group.command("releases")(command(releases, to_look=True))
    group.command("permissions")(command(permissions, to_look=True))


async def hold(
    call: Call,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST|NAME",
            help="Journeys on this protocol: its digest, or a file as it is now.",
            show_default=False,
        ),
    ] = None,
    lot: Annotated[
        str | None,
        typer.Option(metavar="LOT", help="Journeys with doses that may be of this lot.", show_default=False),
    ] = None,
    clinician: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Journeys in which this clinician has, or had, a clinical part.", show_default=False
        ),
    ] = None,
    clinic: runtime.Clinic = None,
    file: runtime.File = None,
    request: Annotated[
        UUID | None,
        typer.Option(metavar="UUID", help="Go on with a request that was sent before.", show_default=False),
    ] = None,
    dry_run: runtime.DryRun = False,
) -> ExitCode | None:
    """Hold every journey that a protocol, a product lot or a clinician concerns.

    For: staff, in the clinics they work for; the medical director and ops, in the organisation. The form is JSON with:
    reason. Each journey gets a hold of its own, and is released by its own signed decision: `work releases REQUEST`.
    The same request may be sent again at any time, and holds nothing twice. Exit code 5 if any journey is not held.
    """
    digest = None if protocol is None else digest_of(call.context, protocol)
    if sum(given is not None for given in (digest, lot, clinician)) != 1:
        raise InvalidInput("exactly one of --protocol, --lot and --clinician is needed", "Give one of them; see --help")
    reason = read_form(WhatToHold, file).reason
    once = request or uuid4()
    asked = {
        "protocol": digest,
        "lot": lot,
        "clinician": clinician,
        "clinic": clinic,
        "request": None if dry_run else str(once),
    }
    query = check_options(FindConcerned, asked)
    page = await find_concerned(call.context, query)
    output = call.output
    if not dry_run:
        output.note(f"Request {once}: to go on after an interruption, send the same again with --request {once}")
    cases = page.answer.rows
    known = await references_of(call, cases)
    done: list[HeldTogether] = []
    try:
        async for each in hold_together(call.context, query, cases, reason, once, dry_run=dry_run):
            done.append(each)  # noqa: PERF401 - an interruption leaves what is done so far
    except asyncio.CancelledError:
        this = asyncio.current_task()
        if dry_run or this is None:
            raise
        this.uncancel()
        raise _unsaid("interrupted", done, len(cases), once) from None
    try:
        code = _show_held(output, page, done, once, dry_run=dry_run, known=known)
        output.flush()
    except OutputLost as lost:
        if dry_run:
            raise
        raise _unsaid(f"the answer is lost: {lost.reason}", done, len(cases), once) from None
    return code


def _unsaid(why: str, done: list[HeldTogether], concerned: int, request: UUID) -> SteppedBack:
    """Return how far a request came whose answer nobody has, and how to go on without holding anything twice."""
    held = sum(each.outcome in ("held", "already", "accepted") for each in done)
    return SteppedBack(
        f"{why}; {held} of {concerned} journeys are held under request {request}",
        f"Send the same again with --request {request}: it is safe, and what is held stays as it is",
        state="Of the other journeys some may be held too; nothing is lost.",
        ids={"request": str(request)},
    )


def _show_held(
    output: Output,
    page: CasePage,
    done: list[HeldTogether],
    request: UUID,
    *,
    dry_run: bool,
    known: Known,
) -> ExitCode | None:
    """Show what became of each journey. A problem is told with what to do."""
    counted = Counter(each.outcome for each in done)
    left = max(0, len(page.answer.rows) - len(done))  # Others may have begun since, and are held as well.
    rows = [
        {
            "journey_id": str(each.journey_id),
            "clinic": each.clinic,
            "outcome": each.outcome,
            "lot_known": each.lot_known,
            "problem": None if each.problem is None else as_json(each.problem),
        }
        for each in done
    ]
    whole = not (counted["failed"] or counted["accepted"] or left)
    if output.json_only:
        given = {"dry_run": dry_run, "request": None if dry_run else str(request), "not_tried": left}
        output.data({**render.freshness(page.true), **given, "counts": dict(counted), "rows": rows})
        return None if whole else ExitCode.REFUSED
    output.illustrative(any(case.illustrative for case in page.answer.rows))
    shown = table("journey", "clinic", "outcome", "why", title="dry run: nothing was sent" if dry_run else "work hold")
    for each in done:
        why = "" if each.problem is None else say_within(f"{each.problem.reason}. {each.problem.remedy}")
        if each.outcome == "accepted":
            why = CALL
        if each.outcome == "closed":
            why = "it has ended: nothing is left to hold. Reach the patient if doses may be left there"
        if not each.lot_known:
            why = f"{why}; {LOT_NOT_KNOWN}" if why else LOT_NOT_KNOWN
        add_row(shown, name_journey(each.journey_id, known), output.named(each.clinic), say(each.outcome), why)
    if done:
        output.show(shown)
    said: dict[str, object] = {say(name): count for name, count in counted.items()}
    if left:
        said["not tried"] = f"{left}, because of the outage"
    if not page.answer.rows:
        said["journeys"] = "none is concerned"
    if not dry_run:
        said["request"] = request
        again = f"the same again with --request {request}: what is held stays as it is"
        said["next"] = f"work releases {request}" if whole else again
    output.show(facts_box(said, "work hold"))
    output.freshness(page.true)
    return None if whole else ExitCode.REFUSED


async def releases(
    call: Call,
    request: Annotated[UUID, typer.Argument(metavar="REQUEST", help="The request of `work hold`.", show_default=False)],
) -> None:
    """Prepare the releases of one request of `work hold`: each with its evidence, and what stands before it.

    Nothing is signed here: each release is a decision on its own journey, by `signoff approve`.
    """
    render_releases(call.output, await prepare_releases(call.context, PrepareReleases(request=request)))


def render_releases(output: Output, found: PreparedReleases) -> None:
    """Show the releases of one request, each with the command that signs it."""
    prepared, not_readable = found
    if output.json_only:
        output.data([*map(_as_json, prepared), *map(_not_readable, not_readable)])
        return
    output.illustrative(any(each.journey.illustrative for each in prepared))
    shown = table("journey", "hold", "request", "evidence", "before it", title="Releases to sign, each on its own")
    shown.show_lines = True
    for each in prepared:
        row, patient = _as_json(each), each.journey.patient
        before = [*each.obstacles, *([] if each.refusal is None else [f"for you: {each.refusal.reason}"])]
        add_row(
            shown,
            name_journey(each.journey.id, {each.journey.id: ListedPatient(patient.ref, patient.zone)}),
            f"{each.hold.id}: {each.hold.reason}",
            row["request"] or _state(each),
            row["evidence"] or "",
            say_within("; ".join(before)),
        )
    for journey_id in not_readable:
        add_row(shown, str(journey_id), "cannot be read now", "", "", "")
    output.show(shown)
    if left := len(not_readable):
        output.note(f"Cannot be read now: {left} of them. Whether care there is still held is not known. Tell ops.")
    output.note("Read each: `signoff show JOURNEY REQUEST`; sign: `signoff approve JOURNEY REQUEST --evidence CODE`.")


def _as_json(prepared: PreparedRelease) -> dict[str, object]:
    journey, hold, asked, obstacles, refusal = prepared
    return {
        "journey_id": str(journey.id),
        "clinic": journey.clinic,
        "hold": hold.id,
        "state": _state(prepared),
        "request": None if asked is None else asked.request.id,
        "evidence": None if asked is None else short_code(code_in(asked.request.id)),
        "signed_by": [] if asked is None else [role.value for role in asked.roles],
        "obstacles": list(obstacles),
        "not_by_you": None if refusal is None else refusal.reason,
    }


def _not_readable(journey_id: UUID) -> dict[str, object]:
    unknown = dict.fromkeys(("clinic", "hold", "request", "evidence", "not_by_you"))
    return {"journey_id": str(journey_id), "state": "not_readable", "signed_by": [], "obstacles": [], **unknown}


def _state(prepared: PreparedRelease) -> str:
    if prepared.hold.released:
        return "released"
    return "closed" if prepared.journey.closed else "held" if prepared.asked is None else "to sign"


async def permissions(
    call: Call,
    within: Annotated[int, typer.Option(min=0, max=3650, metavar="DAYS", help="Ending within so many days.")] = 90,
    clinic: runtime.Clinic = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="At most so many journeys on a page.")] = 200,
    after: runtime.After = None,
) -> None:
    """List the journeys that a permission stops, and when: prescribing without a visit in person, and licences.

    What ends in 90, 60, 30 and 14 days, or has ended. From its end no session is planned or released.
    """
    asked = {"within": within, "clinic": clinic, "limit": limit, "after": after}
    found = await list_permissions(call.context, check_options(ListPermissions, asked))
    render_permissions(call.output, found, within, await references_of(call, found.answer.rows))


def render_permissions(output: Output, page: CasePage, within: int = MOST, known: Known = NONE_KNOWN) -> None:
    """Show what stops journeys, the first to end on top."""
    found = stops(page, within)
    if output.json_only:
        rows = [
            {
                "journey_id": str(stop.case.journey_id),
                "clinic": stop.case.clinic,
                "stage": stop.case.stage.value,
                "clinician": stop.case.clinician,
                "permission": stop.permission,
                "ends": stop.ends.isoformat(),
                "within_days": stop.days,
                "illustrative": stop.case.illustrative,
            }
            for stop in found
        ]
        output.data({**render.freshness(page.true), "next": page.answer.next, "rows": rows})
        return
    output.illustrative(any(case.illustrative for case in page.answer.rows))
    shown = table("journey", "clinic", "stage", "permission", "ends (your time)", "how soon")
    for stop in found:
        soon = "" if stop.days is None else "ENDED" if stop.days == 0 else f"within {stop.days} days"
        what = say(stop.permission)
        if stop.permission == "licence":
            what = f"licence of {output.named(stop.case.clinician)}"
        where = (name_journey(stop.case.journey_id, known), output.named(stop.case.clinic), say(stop.case.stage.value))
        add_row(shown, *where, what, local_time(stop.ends), soon)
    if found:
        output.show(shown)
    else:
        output.text("No permission ends in this time.")
    output.freshness(page.true)
    output.more(page.answer.next)
