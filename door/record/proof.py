"""`record verify`: proves again that nothing recorded was changed, that all was signed, and that lists and Temporal
say the same as the record.

What reads the chains and the signatures shares no code with what wrote them. Nothing is changed by it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from door import shell
from door.outcomes import ExitCode, Problem
from door.record.drift import compare
from door.record.exporting import write_new
from door.record.reports import Part, Proof, content, show
from door.screen import Screen
from door.services import Services, no_such_journey
from door.signatures import keyring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from activities.record import Record
    from activities.record.verification.anchors import Anchor
    from activities.record.verification.chains import Finding
    from activities.record.verification.sign_offs import Keys
    from application.settings import Settings

TOLD_EVERY = 2.0
"""Seconds between two words about how far it is."""

Register = Annotated[
    Path | None,
    typer.Option("--register", metavar="FILE", help="The newest register. Otherwise CAREPATH_REGISTER_FILE."),
]
Without = Annotated[
    list[Part] | None, typer.Option("--without", help="Leave a part out on purpose; may be given more than once.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since-anchor",
        metavar="newest|POSITION",
        help="Read only what came behind an anchor, and trust what it was signed for.",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a signed report to a new file, whatever it says.")
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The key to sign it with, as `record anchor-key` makes.")
]


def add_commands(group: typer.Typer) -> None:
    """Give the command to its group."""
    group.command("verify")(verify_command)


def verify_command(
    context: typer.Context,
    journey: Annotated[str | None, typer.Argument(metavar="JOURNEY", show_default=False)] = None,
    since_anchor: Since = None,
    without: Without = None,
    register: Register = None,
    report: Report = None,
    key: Key = None,
    json: shell.Json = False,
) -> None:
    """Check the whole record, or one journey of it, again: its chains, the signature of every decision, the lists that
    people work from, and the open workflows.

    It changes nothing. Exit code 0 says that everything asked for was checked and nothing found; 7 that something was
    found, or could not be checked. Years later, without Temporal: --without workflows.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> ExitCode:
        journey_id = None if journey is None else shell.journey_id(journey)
        left_out = frozenset(without or ())
        if since_anchor is not None and (journey_id is not None or Part.ANCHORS in left_out):
            raise Problem(
                ExitCode.USAGE,
                "--since-anchor goes with neither JOURNEY nor --without anchors",
                "Leave one of them out",
            )
        signing_key = _signing_key(report, key)
        proof = await prove(services, journey_id, since_anchor, left_out, register, _progress(screen))
        if report is not None and signing_key is not None:
            from activities.record.verification.reports import signed_report

            write_new(report, signed_report(content(proof), signing_key))
        if screen.json_only:
            screen.data(content(proof))
        else:
            show(screen, proof)
        return ExitCode.OK if proof.holds else ExitCode.UNVERIFIED

    shell.run(act, json_only=json)


async def prove(
    services: Services,
    journey_id: UUID | None,
    since_anchor: str | None,
    left_out: frozenset[Part],
    register: Path | None,
    progress: Callable[[int], None],
) -> Proof:
    """Check everything but what is left out, of one journey, of what came since an anchor, or of all.

    Raises:
        Problem: there is no such journey or anchor, or what is asked for contradicts the settings.
        RecordUnavailable, RecordFault: the record cannot be read.
    """
    from activities.record.verification.chains import by_place
    from activities.record.verification.journeys import verify_record

    settings = services.settings()
    unchecked: dict[Part, Problem] = {}
    found: list[Finding] = []
    async with services.record() as record:
        agreed: Sequence[Anchor] = ()
        if journey_id is None and Part.ANCHORS not in left_out:
            cut, agreed = await _anchors(record, settings)
            found += cut
        since = None if since_anchor is None else _chosen(agreed, since_anchor)
        keys: Keys | None = None
        content_of_register: bytes | None = None
        if Part.SIGN_OFFS not in left_out:
            try:
                content_of_register, keys = _keys(settings, register)
            except Problem as problem:
                unchecked[Part.SIGN_OFFS] = problem
        examined = await verify_record(
            record,
            keys=keys,
            read_models=Part.READ_MODELS not in left_out,
            journey_id=journey_id,
            after=None if since is None else since.position,
            progress=progress,
        )
        found += examined.findings
        if journey_id is not None and not examined.events and not found:
            raise no_such_journey(journey_id)
        if examined.live is None and Part.READ_MODELS not in left_out:
            unchecked[Part.READ_MODELS] = Problem(
                ExitCode.UNVERIFIED,
                "the lists are of another version of this program",
                "Run `record rebuild`, or leave them out with --without read-models",
            )
        workflows: int | None = None
        if Part.WORKFLOWS not in left_out:
            among = None if journey_id is None and since is None else examined.journeys
            try:
                workflows, differing = await _workflows(services, record, among)
                found += differing
            except Problem as problem:
                unchecked[Part.WORKFLOWS] = problem
    return Proof(
        at=services.now(),
        journey_id=journey_id,
        since=since,
        examined=examined,
        anchored=agreed[-1] if agreed else None,
        register=content_of_register,
        workflows=workflows,
        findings=tuple(sorted(found, key=by_place)),
        unchecked=unchecked,
        left_out=left_out,
    )


def _signing_key(report: Path | None, key: Path | None) -> "Ed25519PrivateKey | None":
    """The key of the report; None when none is asked for.

    Raises:
        Problem: one was given without the other, the file is there already, or the key cannot be used.
    """
    if report is None and key is None:
        return None
    if report is None or key is None:
        raise Problem(ExitCode.USAGE, "a report has a file and a key", "Give both --report FILE and --key FILE")
    from activities.record.verification.anchors import AnchorKeyError, read_key

    keyring.refuse_existing(report, "nothing is overwritten")
    try:
        return read_key(key)
    except AnchorKeyError as error:
        raise keyring.told(error, ExitCode.USAGE) from None


async def _anchors(record: "Record", settings: "Settings") -> "tuple[Sequence[Finding], Sequence[Anchor]]":
    """What is wrong with anchors or with the log by them, and those it agrees with; nothing where none are kept.

    Raises:
        Problem: it is not known by which key they are to be believed.
    """
    if settings.anchors_dir is None:
        return (), ()
    if settings.anchor_public_key is None:
        raise Problem(
            ExitCode.USAGE,
            "it is not known by which key anchors are to be believed",
            "Set CAREPATH_ANCHOR_PUBLIC_KEY, or leave CAREPATH_ANCHORS_DIR out",
        )
    from activities.record.verification.anchors import check_anchors

    return await check_anchors(record, settings.anchors_dir, bytes.fromhex(settings.anchor_public_key))


def _chosen(agreed: "Sequence[Anchor]", wanted: str) -> "Anchor":
    """The newest anchor that the log agrees with, or the one of a position.

    Raises:
        Problem: there is none.
    """
    if wanted != "newest" and not wanted.isdecimal():
        raise Problem(ExitCode.USAGE, "--since-anchor takes a position, or the word newest", "See `record verify`")
    fitting = [anchor for anchor in agreed if wanted in ("newest", str(anchor.position))]
    if not fitting:
        raise Problem(
            ExitCode.UNVERIFIED,
            "there is no such anchor, or the log does not agree with it",
            "Leave --since-anchor out: the whole record is checked then, and every anchor",
        )
    return fitting[-1]


def _keys(settings: "Settings", given: Path | None) -> "tuple[bytes, Keys]":
    """The content of the register, and the keys in it.

    Raises:
        Problem: there is no register that can be believed.
    """
    from activities.record.verification.sign_offs import RegisterNotVerified, trusted_keys

    path = keyring.register_path(given, settings)
    if settings.organisation_key is None:
        raise Problem(
            ExitCode.UNVERIFIED,
            "it is not known by which key the register is to be believed",
            "Set CAREPATH_ORGANISATION_KEY to the public key that `clinician register` printed",
        )
    register = keyring.content_of(path)
    if register is None:
        raise Problem(
            ExitCode.UNVERIFIED,
            "there is no register where it should be",
            "Name it with --register, or check CAREPATH_REGISTER_FILE",
        )
    try:
        return register, trusted_keys(register, bytes.fromhex(settings.organisation_key))
    except RegisterNotVerified as error:
        reason = str(error).rstrip(".")
        raise Problem(
            ExitCode.UNVERIFIED,
            reason[:1].lower() + reason[1:],
            "Take the newest register from the offline copy, and the public key from where it was first printed",
        ) from None


async def _workflows(
    services: Services, record: "Record", among: "Sequence[UUID] | None"
) -> "tuple[int, list[Finding]]":
    """How many open journeys were compared with what Temporal runs, and what differs.

    Raises:
        Problem: Temporal cannot be asked.
    """
    from activities.record.verification.chains import Finding
    from application.settings import SettingsError

    try:
        async with services.gateway() as gateway:
            looked_at, drifted = await compare(record, gateway, among)
    except SettingsError:
        raise Problem(
            ExitCode.USAGE, "Temporal's settings cannot be used", "docs/settings.md has them; see `record reconcile`"
        ) from None
    return looked_at, [Finding(d.position, d.journey_id, d.version, f"workflow_{d.drift}") for d in drifted]


def _progress(screen: Screen) -> Callable[[int], None]:
    """Says now and then how far it is; to people only."""
    told_at = time.monotonic()

    def tell(judged: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY:
            told_at = time.monotonic()
            screen.note(f"{judged} events judged")

    return tell
