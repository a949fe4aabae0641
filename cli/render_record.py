"""What `record verify`, `record reconcile` and `record recover` found, as a terminal shows it."""

from collections.abc import Mapping

from activities.record.reconciliation import Pass
from activities.record.watching import Look
from application.record.drift import MEANINGS, Drift
from application.record.passes import describe_clock
from application.record.reconcile import Reconciled, Reconciliation
from application.record.recover import Recovery
from application.record.verification_report import MEANINGS as FINDINGS
from application.record.verify import Verification, VerificationPart
from cli.output import Output, add_row, facts_box, short_time, table, your_time
from workflows.journey.decided import DecidedBy


def show_verification(output: Output, found: Verification) -> None:
    """Show a verification to people."""
    examined, findings = found.examined, found.findings
    output.illustrative(bool(examined.illustrative))

    def checked(part: VerificationPart, said: str) -> str:
        if part in found.left_out:
            return "left out"
        return said if part not in found.unchecked else f"not checked: {found.unchecked[part].reason}"

    live = examined.live
    output.show(
        facts_box(
            {
                "result": _result(found),
                "events": examined.events,
                "sign-offs": checked(VerificationPart.SIGN_OFFS, str(examined.sign_offs)),
                "derived again": checked(VerificationPart.DERIVATION, f"{examined.derived} events"),
                "of them by other builds": _by_builds(found.examined.by_builds),
                "not derived": _by_builds(found.examined.others),
                "times": "not checked: this log is a demonstration" if examined.demonstration else "checked",
                "recorded late": f"{examined.late} events" if examined.late else None,
                "lists": checked(
                    VerificationPart.READ_MODELS, "" if live is None else f"as of position {live.position}"
                ),
                "open workflows": checked(VerificationPart.WORKFLOWS, str(found.workflows)),
                "journeys": len(examined.journeys),
                "illustrative": f"{examined.illustrative} of them" if examined.illustrative else None,
                "behind position": None if found.since is None else found.since.position,
                "up to position": examined.position,
                "hash there": None if examined.log_hash is None else examined.log_hash.hex(),
                "newest anchor": None if found.anchored is None else f"position {found.anchored.position}",
            },
            "The record" if found.journey_id is None else f"The record of journey {found.journey_id}",
        )
    )
    if findings:
        shown = table("position", "journey", "version", "reason", "what it means", title="Findings")
        for line in findings:
            add_row(shown, line.position, line.journey_id, line.version, line.reason, FINDINGS[line.reason])
        output.show(shown)
        output.note("This check changed nothing. Keep the record as it is. See docs/how-to/when-something-is-wrong.md.")
    for different in found.schema:
        output.note(f"In the schema: {different}.")
    for part, error in found.unchecked.items():
        output.note(f"The {part} were not checked: {error.reason}. {error.remedy}.")
    if examined.others:
        output.note(
            "What other builds decided was counted and not judged. Have them derive it with --build. A build says "
            "which rules it has: `python -m activities.record.verification.builds < /dev/null`."
        )
    if any(not events for events in examined.by_builds.values()):
        output.note("A build that was given decided nothing of this: it is not the one that is named above.")
    if found.journey_id is not None:
        output.note("Only this journey was looked at. Its place in the log is checked when JOURNEY is left out.")
    elif found.since is not None:
        output.note(
            f"What lies before position {found.since.position} is taken as the anchor has it: a change there was not "
            "looked for, but in journeys in which something happened since."
        )
    elif found.anchored is None:
        output.note("There was no anchor: newest events that were cut off together with their heads would not show.")


def _by_builds(counted: Mapping[DecidedBy, int]) -> str:
    """Say how many events each build decided."""
    return "; ".join(
        f"{events or 'no'} events: build {by.core[:12]}, zones {by.zones[:12]}"
        for by, events in sorted(counted.items(), key=str)
    )


def _result(found: Verification) -> str:
    if found.findings:
        return f"NOT VERIFIED: {len(found.findings)} {'finding' if len(found.findings) == 1 else 'findings'}"
    if found.unchecked:
        return f"NOT VERIFIED: the {' and the '.join(found.unchecked)} were not checked"
    left_out = f"; left out: {', '.join(sorted(found.left_out))}" if found.left_out else ""
    others = sum(found.examined.others.values())
    underived = f"; {others} events were decided by other builds, and not derived" if others else ""
    return f"everything that was checked is right{left_out}{underived}"


def _now(reconciled: Reconciled) -> str:
    if not reconciled.repaired:
        return ""
    if reconciled.drift in (Drift.PAUSED, Drift.UNSHOWN, Drift.STRANDED, Drift.STOPPED):
        return "goes on"
    if reconciled.drift == Drift.UNPARTED:
        return "is two patients again"
    return "is to be reviewed" if reconciled.drift == Drift.UNREVIEWED else "runs on from its record"


def show_reconciliation(
    output: Output,
    reconciliation: Reconciliation,
    passes: tuple[Pass, ...],
    watchdog: Look | None,
    *,
    late: bool,
    silent: bool,
) -> None:
    """Show how Temporal and the record compare, the last passes of the workers, and when the watchdog looked."""
    looked_at, found, also, to_run = reconciliation
    if output.json_only:
        output.data(
            {
                "open_journeys": looked_at,
                "findings": [each._asdict() for each in found],
                "mended": also,
                "to_run": to_run,
                "passes": [
                    each._asdict() | {"began": each.began.isoformat(), "ended": each.ended.isoformat()}
                    for each in passes
                ],
                "late": late,
                "watchdog": None
                if watchdog is None
                else {
                    "looked_at": watchdog.looked_at.isoformat(),
                    "mute_since": None if watchdog.mute_since is None else watchdog.mute_since.isoformat(),
                    "silent": silent,
                },
            }
        )
        return
    if passes:
        columns = (your_time("ended"), "build", "looked at", "lost", "different", "mended", "left", "note")
        shown = table(*columns, title="Last passes of the workers")
        for last in passes:
            counted = (last.looked_at, last.lost, last.different, last.mended, last.failed)
            add_row(shown, short_time(last.ended), last.build, *counted, last.code or "")
        output.show(shown)
    else:
        output.note("No worker has reconciled yet.")
    if (clock := describe_clock(passes)) is not None:
        output.note(clock)
    if late:
        output.note("No worker has reconciled for a quarter of an hour: look whether workers run, and at their logs.")
    if watchdog is None:
        output.note("No watchdog has ever looked: nobody is paged when this service stands still.")
    elif silent:
        output.note("The watchdog is silent or cannot page: look whether it runs, and at its log.")
    else:
        output.note(f"The watchdog looked last at {short_time(watchdog.looked_at)}.")
    for what in also:
        output.note(f"Mended in Temporal: {what}.")
    if found:
        listed = table("journey", "difference", "now", title="Temporal and the record")
        for each in found:
            add_row(listed, each.journey_id, MEANINGS[each.drift], _now(each))
        output.show(listed)
    if to_run:
        output.note("The current build is none that runs here. Make one of yours the current one, and reconcile again:")
    for line in to_run:
        output.note(line)
    left = sum(not each.repaired for each in found)
    output.note(f"{looked_at} open journeys; {len(found)} differed, {left} still do.")


def show_recovery(output: Output, found: tuple[Recovery, ...], *, apply: bool) -> None:
    """Show what Temporal holds and the record lacks."""
    if output.json_only:
        output.data({"applied": apply, "journeys": [each._asdict() for each in found]})
        return
    if found:
        listed = table(
            "journey", "recorded", "can be", "events", "note", title="What Temporal holds and the record lacks"
        )
        for each in found:
            add_row(listed, each.journey_id, each.recorded, each.version, each.events, each.problem or "")
        output.show(listed)
    events = sum(each.events for each in found)
    if apply:
        left = sum(each.problem is not None for each in found)
        output.note(f"{len(found)} journeys, {events} events; {left} are not whole. Now run `record verify`.")
    else:
        output.note(f"{len(found)} journeys lack {events} events. Nothing was changed; --apply records them.")
