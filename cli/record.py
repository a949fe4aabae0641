"""`record`: verify the record, export from it, compare Temporal with it, and manage the read models."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from application.errors import InvalidInput
from application.record.databases import migrate_databases
from application.record.export import VERIFIER, anchor_record, export_journey, make_anchor_key
from application.record.passes import is_late, is_silent, last_passes, reconcile_now, watchdog_look
from application.record.projections import Projections, rebuild_projections, retry_projection, show_projections
from application.record.recover import recover
from application.record.verification_report import content, report_key, write_report
from application.record.verify import VerificationPart, verify
from application.words.codes import say
from cli import runtime
from cli.errors import ExitCode
from cli.input import journey_id
from cli.output import Output, add_row, facts_box, short_time, table, your_time
from cli.render_record import show_reconciliation, show_recovery, show_verification
from cli.runtime import Call, NewFileArgument, command

TOLD_EVERY = 2.0
"""Seconds between two lines about progress."""

NewestRegisterOption = Annotated[
    Path | None,
    typer.Option("--register", metavar="FILE", help="The newest register. Otherwise CAREPATH_REGISTER_FILE."),
]
Without = Annotated[
    list[VerificationPart] | None,
    typer.Option(
        "--without",
        metavar="PART",
        help=f"Leave a part out on purpose ({', '.join(VerificationPart)}); may be given more than once.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since-anchor",
        metavar="newest|POSITION",
        help="Check only what came after an anchor, and trust what it was signed for.",
        show_default=False,
    ),
]
Builds = Annotated[
    list[str] | None,
    typer.Option(
        "--build",
        metavar="COMMAND",
        help="How another build is started, to derive what its rules decided; may be given more than once.",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FILE", help="Write a signed report to a new file, whether or not something is found."
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The key to sign it with, as `record anchor-key` makes.")
]

ExportKeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The key to sign it with. Otherwise CAREPATH_ANCHOR_KEY_FILE."),
]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("migrate")(command(migrate_))
    group.command("verify")(command(verify_, to_look=True))
    group.command("export")(command(export, to_look=True))
    group.command("anchor-key")(command(anchor_key))
    group.command("anchor")(command(anchor))
    group.command("reconcile")(command(reconcile_, to_look=True))
    group.command("recover")(command(recover_, to_look=True))
    group.command("models")(command(models, to_look=True))
    group.command("retry")(command(retry, to_look=True))
    group.command("rebuild")(command(rebuild))


async def migrate_(call: Call) -> None:
    """Make the record and the key store in new databases, or bring them up to date, as their owners.

    Run it before the processes of a new version start; it may be run again at any time.
    """
    applied = await migrate_databases(call.context)
    if call.output.json_only:
        call.output.data(applied)
    else:
        for which, files in applied.items():
            call.output.text(f"{say(which)}: {', '.join(files) or 'up to date'}")


async def verify_(
    call: Call,
    journey: runtime.AnyJourney = None,
    since_anchor: SinceOption = None,
    without: Without = None,
    register: NewestRegisterOption = None,
    report: Report = None,
    key: KeyOption = None,
    build: Builds = None,
) -> ExitCode:
    """Check the whole record, or one journey of it, again: its chains, the signature of every decision, the lists that
    people work from, and the open workflows.

    It changes nothing; when it was done is kept, and who saw it. All of it is for ops and the medical director, one
    journey also for whoever may look at it. Exit code 0 says that everything asked for was checked and nothing
    found; 7 that something was found, or could not be checked. Years later, without Temporal: --without workflows.
    """
    wanted = None if journey is None else journey_id(journey)
    left_out = frozenset(without or ())
    if since_anchor is not None and (wanted is not None or VerificationPart.ANCHORS in left_out):
        raise InvalidInput("--since-anchor goes with neither JOURNEY nor --without anchors", "Leave one of them out")
    if build and VerificationPart.DERIVATION in left_out:
        raise InvalidInput("--build does not go with --without derivation", "Leave one of them out")
    if (report is None) != (key is None):
        raise InvalidInput("a report has a file and a key", "Give both --report FILE and --key FILE")
    signing_key = None if report is None or key is None else report_key(report, key)
    found = await verify(call.context, wanted, since_anchor, left_out, register, _progress(call.output), build or ())
    if report is not None and signing_key is not None:
        write_report(report, found, signing_key)
    if call.output.json_only:
        call.output.data(content(found))
    else:
        show_verification(call.output, found)
    return ExitCode.OK if found.holds else ExitCode.UNVERIFIED


def _progress(output: Output) -> Callable[[int], None]:
    """Writes a line about progress from time to time, for people only."""
    told_at = time.monotonic()

    def tell(judged: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY:
            told_at = time.monotonic()
            output.note(f"{judged} events judged")

    return tell


async def export(call: Call, journey: runtime.JourneyId, file: NewFileArgument, key: ExportKeyOption = None) -> None:
    """Write one journey to a ZIP that a stranger can verify with the program in it.

    Whoever has the file can read all of the journey: what happened, and word for word what people sent, also what was
    refused. Nothing is left out, or it could not be verified. On this machine only you can read it.
    """
    wanted = journey_id(journey)
    size = await export_journey(call.context, wanted, file, key)
    if call.output.json_only:
        call.output.data({"journey_id": str(wanted), "file": str(file), "bytes": size})
    else:
        told = {
            "file": file,
            "size": f"{size} bytes",
            "holds": "the whole journey, in clear to whoever has the file: give it only to who may read all of it",
            "check it": f"python {VERIFIER} {file.name} ORGANISATION_KEY ANCHOR_KEY",
        }
        call.output.show(facts_box(told, "record export: done"))


async def anchor_key(call: Call, file: NewFileArgument) -> None:
    """Make a key: for workers to sign anchors of the record with, or for `record verify --report`."""
    public = make_anchor_key(file).hex()
    if call.output.json_only:
        call.output.data({"file": str(file), "public_key": public})
    else:
        call.output.show(facts_box({"CAREPATH_ANCHOR_KEY_FILE": file}, "for workers"))
        call.output.text(f"CAREPATH_ANCHOR_PUBLIC_KEY={public}")


async def anchor(call: Call) -> None:
    """Write an anchor of the record now. Workers do so by themselves, on a schedule."""
    position = await anchor_record(call.context)
    if call.output.json_only:
        call.output.data({"position": position})
    else:
        call.output.note(f"Anchored at position {position}." if position else "Nothing is recorded yet.")


async def reconcile_(
    call: Call,
    repair: Annotated[
        bool, typer.Option("--repair", help="Start from the record what Temporal has lost, ended or set back.")
    ] = False,
) -> ExitCode | None:
    """Compare every journey that waits with what Temporal runs, and show the last passes of the workers, which do it by
    themselves. Exit code 7 while something is left that differs, when no worker has done it lately, or when the
    watchdog is silent.

    With --repair, what needs nobody's decision is mended, as workers do; it waits while one of them does. What is
    recorded does not happen again: no notice is sent twice and nothing is released twice. It may be run again at any
    time.
    """
    found = await reconcile_now(call.context, repair=repair)
    passes = await last_passes(call.context)
    late = is_late(passes, call.context.now())
    watchdog = await watchdog_look(call.context)
    silent = is_silent(watchdog)
    show_reconciliation(call.output, found, passes, watchdog, late=late, silent=silent)
    return ExitCode.UNVERIFIED if late or silent or any(not each.repaired for each in found.found) else None


async def recover_(
    call: Call,
    apply: Annotated[bool, typer.Option("--apply", help="Record it. Otherwise it is only shown.")] = False,
) -> ExitCode | None:
    """After the record was put back to an older copy: show what Temporal's histories hold that the record lacks.

    With --apply it is recorded again, and proved as always. It may be run again at any time. Exit code 7 while
    something is missing. Stop nothing for it, but let nobody start or sign before it is done.
    """
    found = await recover(call.context, apply=apply)
    show_recovery(call.output, found, apply=apply)
    return ExitCode.UNVERIFIED if any(each.problem or not apply for each in found) else None


async def models(call: Call) -> None:
    """Show the read models: their builds, how far each is behind the record, and the journeys that are stale."""
    output = call.output
    found = await show_projections(call.context)
    if output.json_only:
        output.data(_projections_as_json(found))
        return
    status, stuck = found
    builds = table("build", "status", "position", "behind by", your_time("since"), "note")
    for build in status.builds:
        told = "" if build.ours else "not of this version or log: nothing is projected into it"
        behind, since = status.head - build.position, short_time(build.since)
        add_row(builds, build.id, build.status, build.position, behind, since, told)
    output.show(builds)
    if stuck:
        waiting = table("journey", "version", "position", "reason", "tried", your_time("last"), title="Stale")
        for each in stuck:
            tried = (each.code, each.attempts, short_time(each.at))
            add_row(waiting, each.journey_id, each.version, each.position, *tried)
        output.show(waiting)
        output.note("An event could not be applied. Once that is mended: `record retry JOURNEY`.")
    if not any(build.ours and build.status == "live" for build in status.builds):
        output.note("The live build is of another version. If it is older, a worker of this version builds a new one.")


def _projections_as_json(found: Projections) -> dict[str, Any]:
    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, datetime) else value

    status, stuck = found
    return {
        "record": status.head,
        "builds": [
            {**{name: plain(value) for name, value in build._asdict().items()}, "behind": status.head - build.position}
            for build in status.builds
        ],
        "stale": [each.model_dump(mode="json") for each in stuck],
    }


async def retry(call: Call, journey: runtime.JourneyId) -> None:
    """Apply a stale journey anew from its first event, so that its rows go on. It may be run at any time."""
    wanted = journey_id(journey)
    await retry_projection(call.context, wanted)
    if call.output.json_only:
        call.output.data({"journey_id": str(wanted), "stale": False})
    else:
        call.output.text("The journey is not stale.")


async def rebuild(call: Call) -> None:
    """Build all read models anew from the record while people work, and show them instead of the live ones."""
    build = await rebuild_projections(call.context)
    if call.output.json_only:
        call.output.data({"live": build})
    else:
        call.output.text(f"Build {build} is live.")
