"""`record verify`: proves again, from the record and the register alone, that nothing was changed and all was signed.

Temporal is not asked. What reads the chains and the signatures shares no code with what wrote them.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

import typer

from door import keyring, shell
from door.outcomes import ExitCode, Problem
from door.screen import Screen, facts, row, table
from door.services import Services, no_such_journey

if TYPE_CHECKING:
    from activities.record import Record
    from activities.record.anchors import AnchorFinding
    from activities.record.verify import Connection, Examined
    from activities.sign_offs.offline import Checked
    from deploy.settings import Settings

TOLD_EVERY = 2.0
"""Seconds between two words about how far it is."""
MEANINGS: Mapping[str, str] = {
    "position": "There is a gap in the log before this event: events were removed, or this one was put in.",
    "version": "There is a gap in the journey before this event: events were removed, or this one was put in.",
    "clock": "It says it was recorded before the event that precedes it.",
    "content": "The event is not what was recorded: something in this row was changed.",
    "journey_chain": "The event does not follow from the one before it in its journey.",
    "log_chain": "The event does not follow from the one before it in the log.",
    "head": "The journey's last event is not the one its head names: its end was cut off or added to.",
    "unreadable": "The event cannot be read, or the journey's opening cannot. It counts as not having happened.",
    "mislabelled": "The event says it is of another kind than what it holds.",
    "unsigned": "A decision or delegation without a signature. Nobody made it.",
    "unknown_key": "The register has no such key, or not two people enrolled it.",
    "bad_signature": "The signature was not made with this key over this decision: one of them was changed or copied.",
    "wrong_person": "The key is somebody else's.",
    "wrong_role": "The key is enrolled for another role, or neither role nor delegation let this person decide it.",
    "wrong_name": "The printed name is not the one the key is enrolled under.",
    "wrong_licence": "The licence is not the one the key is enrolled with.",
    "wrong_meaning": "It says it means something else than the protocol gives it.",
    "wrong_state": "The licence does not cover the state the patient was in.",
    "wrong_evidence": "What was signed is not what the record says was there to decide on.",
    "wrong_count": "It counts as the decision of more, or fewer, people than the protocol asks for.",
    "not_theirs": "They wrote it or signed it first themselves, or had their right from who did.",
    "not_yet_valid": "It was signed before the key was enrolled, or after it was decided.",
    "expired": "It was decided after the signature had expired.",
    "valid_too_long": "The signature let itself be valid for more than an hour.",
    "licence_expired": "The licence was over when it was decided.",
    "revoked": "The key had been revoked.",
    "recorded_after_revocation": "It says it was decided before the key was revoked, and was recorded after.",
    "nonce_reused": "The same signature number stands under an earlier decision.",
    "released_unsigned": "A hold or a session was released without the signed decision that needs.",
    "gate_shut": "A session was released though something else than a signature stood in its way.",
    "effect_unsigned": "The journey went on, or ended, without the signed decision that takes.",
    "protocol_not_approved": "The journey began under a protocol that two people had not approved for that day.",
    "wrong_protocol": "The protocol in the record is not the one the journey says it is under.",
    "anchor_unreadable": "An anchor of this position cannot be read.",
    "anchor_forged": "An anchor of this position is not signed with the key of the anchors.",
    "log_cut": "An anchor says that the log had come this far, and it has not: its end was cut off.",
    "log_rewritten": "The log up to this position is not the one an anchor was signed for.",
}
"""Every reason a finding can have, and what it means."""

Register = Annotated[
    Path | None,
    typer.Option("--register", metavar="FILE", help="The newest register. Otherwise CAREPATH_REGISTER_FILE."),
]


class Line(NamedTuple):
    """A finding as it is shown."""

    position: int
    journey_id: UUID | None
    version: int | None
    reason: str


class Proof(NamedTuple):
    """What was looked at and found; ``unchecked`` is why the sign-offs could not be judged. ``anchored`` is the newest
    position that was noted outside the database, 0 without any good note, None where none were looked for."""

    chains: "Examined"
    anchored: int | None
    cut: "Sequence[AnchorFinding]"
    checked: "Checked | None"
    unchecked: Problem | None

    @property
    def findings(self) -> tuple[Line, ...]:
        found = [
            Line(finding.position, finding.journey_id, version, finding.kind.replace(" ", "_"))
            for finding, version in self.chains.found
        ]
        signed = () if self.checked is None else self.checked.findings
        found += [Line(each.position, each.journey_id, each.version, each.reason) for each in signed]
        found += [Line(each.position, None, None, each.reason) for each in self.cut]
        return tuple(sorted(found, key=lambda line: (line.position, line.version or 0)))

    @property
    def holds(self) -> bool:
        """Whether everything was checked and nothing found. What could not be checked is not a pass."""
        return self.checked is not None and not self.findings


def add_commands(group: typer.Typer) -> None:
    """Give the command to its group."""
    group.command("verify")(verify_command)


def verify_command(
    context: typer.Context,
    journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
    register: Register = None,
    json: shell.Json = False,
) -> None:
    """Check the whole record, or one journey of it, again: its chains, and the signature of every decision.

    It needs the record and the register of who may sign, and no Temporal. It changes nothing. Exit code 0 says that
    everything was checked and nothing found; 7 that something was found, or could not be checked.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode:
        journey_id = None if journey is None else shell.journey_id(journey)
        proof = await prove(services, journey_id, register, _progress(screen))
        if screen.json_only:
            screen.data(_for_scripts(proof, journey_id))
        else:
            _show(screen, proof, journey_id)
        return ExitCode.OK if proof.holds else ExitCode.UNVERIFIED

    shell.run(act, json_only=json)


async def prove(
    services: Services, journey_id: UUID | None, register: Path | None, progress: Callable[[str, int], None]
) -> Proof:
    """Check the chains, then the sign-offs, of one journey or of all.

    Raises:
        Problem: there is no such journey, or the record cannot be read.
    """
    from activities.record.verify import examine

    settings = services.settings()
    if settings.anchors_dir is not None and settings.anchor_public_key is None:
        raise Problem(
            ExitCode.USAGE,
            "it is not known by which key anchors are to be believed",
            "Set CAREPATH_ANCHOR_PUBLIC_KEY, or leave CAREPATH_ANCHORS_DIR out",
        )
    async with services.record() as record:
        async with _connection(settings.database_url.get_secret_value()) as connection:
            chains = await examine(
                connection, journey_id=journey_id, progress=lambda count: progress("events read", count)
            )
        if journey_id is not None and not chains.events and not chains.found:
            raise no_such_journey(journey_id)
        anchored, cut = (None, ()) if journey_id is not None else await _anchors(record, settings)
        try:
            checked = await _sign_offs(
                record, settings, journey_id, register, lambda count: progress("events judged", count)
            )
        except Problem as problem:
            return Proof(chains, anchored, cut, None, problem)
    return Proof(chains, anchored, cut, checked, None)


async def _anchors(record: "Record", settings: "Settings") -> "tuple[int | None, Sequence[AnchorFinding]]":
    """The newest good anchor's position, and what is wrong with anchors or with the log by them."""
    if settings.anchors_dir is None or settings.anchor_public_key is None:
        return None, ()
    from activities.record.anchors import check_anchors

    found, newest = await check_anchors(record, settings.anchors_dir, bytes.fromhex(settings.anchor_public_key))
    return newest, found


async def _sign_offs(
    record: "Record",
    settings: "Settings",
    journey_id: UUID | None,
    given: Path | None,
    progress: Callable[[int], None],
) -> "Checked":
    """The check of the sign-offs.

    Raises:
        Problem: it cannot be made.
    """
    from activities.sign_offs.offline import RegisterNotVerified, examine_sign_offs

    path = keyring.register_path(given, settings)
    if settings.organisation_key is None:
        raise Problem(
            ExitCode.UNVERIFIED,
            "it is not known by which key the register is to be believed",
            "Set CAREPATH_ORGANISATION_KEY to the public key that `clinician register` printed",
        )
    content = keyring.content_of(path)
    if content is None:
        raise Problem(
            ExitCode.UNVERIFIED,
            "there is no register where it should be",
            "Name it with --register, or check CAREPATH_REGISTER_FILE",
        )
    organisation_key = bytes.fromhex(settings.organisation_key)
    try:
        return await examine_sign_offs(record, content, organisation_key, journey_id=journey_id, progress=progress)
    except RegisterNotVerified as error:
        reason = str(error).rstrip(".")
        raise Problem(
            ExitCode.UNVERIFIED,
            reason[:1].lower() + reason[1:],
            "Take the newest register from the offline copy, and the public key from where it was first printed",
        ) from None


@asynccontextmanager
async def _connection(url: str) -> "AsyncIterator[Connection]":
    """A connection of its own: reading all of a log takes longer than any other question may.

    Raises:
        RecordUnavailable, RecordFault: without values, which the driver's own errors quote.
    """
    import asyncpg

    from activities.record import RecordFault, RecordUnavailable

    try:
        connection = await asyncpg.connect(url, timeout=5, server_settings={"application_name": "carepath-verify"})
        try:
            yield connection
        finally:
            await connection.close(timeout=5)
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError, asyncpg.SyntaxOrAccessError) as error:
        raise RecordFault(error.sqlstate) from None
    except asyncpg.PostgresError as error:
        raise RecordUnavailable(error.sqlstate or type(error).__name__) from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise RecordUnavailable(type(error).__name__) from None


def _progress(screen: Screen) -> Callable[[str, int], None]:
    """Says now and then how far it is; to people only."""
    told_at = time.monotonic()

    def tell(what: str, count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY:
            told_at = time.monotonic()
            screen.note(f"{count} {what}")

    return tell


def _for_scripts(proof: Proof, journey_id: UUID | None) -> dict[str, Any]:
    checked, unchecked = proof.checked, proof.unchecked
    return {
        "verified": proof.holds,
        "journey_id": None if journey_id is None else str(journey_id),
        "position": proof.chains.position,
        "anchored": proof.anchored,
        "events": proof.chains.events,
        "journeys": None if checked is None else checked.journeys,
        "illustrative": None if checked is None else checked.illustrative,
        "sign_offs": None if checked is None else checked.sign_offs,
        "not_checked": None if unchecked is None else {"reason": unchecked.reason, "remedy": unchecked.remedy},
        "findings": [
            {
                "position": line.position,
                "journey_id": None if line.journey_id is None else str(line.journey_id),
                "version": line.version,
                "reason": line.reason,
                "meaning": MEANINGS[line.reason],
            }
            for line in proof.findings
        ],
    }


def _show(screen: Screen, proof: Proof, journey_id: UUID | None) -> None:
    checked, unchecked, findings = proof.checked, proof.unchecked, proof.findings
    illustrative = 0 if checked is None else checked.illustrative
    screen.illustrative(bool(illustrative))
    said = "everything that was checked is right"
    if findings:
        said = f"NOT VERIFIED: {len(findings)} {'finding' if len(findings) == 1 else 'findings'}"
    elif unchecked is not None:
        said = "NOT VERIFIED: the sign-offs were not checked"
    unsure = None if unchecked is None else f"not checked: {unchecked.reason}"
    screen.show(
        facts(
            {
                "result": said,
                "events": proof.chains.events,
                "sign-offs": unsure if checked is None else str(checked.sign_offs),
                "journeys": None if checked is None else checked.journeys,
                "illustrative": f"{illustrative} of them" if illustrative else None,
                "up to position": proof.chains.position,
                "newest anchor": None if not proof.anchored else f"position {proof.anchored}",
            },
            "The record" if journey_id is None else f"The record of journey {journey_id}",
        )
    )
    if findings:
        shown = table("position", "journey", "version", "reason", "what it means", title="Findings")
        for line in findings:
            row(shown, line.position, line.journey_id, line.version, line.reason, MEANINGS[line.reason])
        screen.show(shown)
        screen.note("Nothing was changed by looking. Keep the record as it is; docs/operations.md says what to do.")
    if unchecked is not None:
        screen.note(f"The sign-offs were not checked: {unchecked.reason}. {unchecked.remedy}.")
    if journey_id is not None:
        screen.note("Only this journey was looked at. Its place in the log is checked when JOURNEY is left out.")
    elif not proof.anchored:
        screen.note("There was no anchor: newest events that were cut off together with their heads would not show.")
