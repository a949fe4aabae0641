"""Verify that nothing recorded was changed, that everything was signed, and that lists and Temporal agree with the
record. It changes nothing, and the record only keeps when it was verified, and who saw it.

The code that checks chains and signatures shares nothing with the code that makes them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import structlog

from activities.record import Record, RecordFault, RecordUnavailable
from activities.record.schema_objects import SchemaDifference, find_schema_differences
from activities.record.verification.anchors import Anchor, check_anchors
from activities.record.verification.builds import Build, BuildError, open_build
from activities.record.verification.chains import RecordFinding, by_place, read_access, snapshot
from activities.record.verification.kept import keep_verification
from activities.record.verification.record import VerificationResult, verify_record
from activities.record.verification.sign_offs import RegisterNotVerified, is_put_back, trusted_keys
from activities.record.verification.verify_export import Keys
from application.context import Context
from application.errors import InvalidInput, NotVerified, SettingsError, Unavailable, UseCaseError
from application.identity import keyring
from application.input.files import content_of
from application.input.numbers import number_in
from application.reading.access_log import LOOK_AFTER_IT, LookAfter, keep_look_after, require_looks_after_it
from application.reading.history import no_such_journey, read_stored
from application.record.comparison import compare
from application.settings import Settings

log = structlog.get_logger("verify")


class VerificationPart(StrEnum):
    """What is checked besides the chains, and can be left out."""

    SIGN_OFFS = "sign-offs"
    DERIVATION = "derivation"
    READ_MODELS = "read-models"
    WORKFLOWS = "workflows"
    ANCHORS = "anchors"


class Verification(NamedTuple):
    """What was asked for, checked and found, the oldest first.

    ``anchored`` is the newest anchor that the log agrees with, and ``since`` the one from which it was read.
    ``looks`` is how many entries of the access log were checked, ``workflows`` how many open journeys were compared.
    ``schema`` is what differs in the schema; it is not looked at for one journey.
    ``unchecked`` says why a part could not be checked, ``left_out`` which parts were left out on purpose.
    """

    at: datetime
    journey_id: UUID | None
    since: Anchor | None
    examined: VerificationResult
    looks: int | None
    anchored: Anchor | None
    register: bytes | None
    schema: Sequence[SchemaDifference]
    workflows: int | None
    findings: tuple[RecordFinding, ...]
    unchecked: Mapping[VerificationPart, UseCaseError]
    left_out: frozenset[VerificationPart]

    @property
    def holds(self) -> bool:
        """Whether everything that was asked for was checked and nothing was found."""
        return not self.findings and not self.unchecked


async def verify(
    context: Context,
    journey_id: UUID | None,
    since_anchor: str | None,
    left_out: frozenset[VerificationPart],
    register: Path | None,
    progress: Callable[[int], None],
    builds: Sequence[str] = (),
) -> Verification:
    """Check one journey, what came since an anchor, or everything, without the parts that are left out. ``builds`` are
    the command lines of programs that derive what other rules decided, besides those that the settings name. The look
    is kept.

    Raises:
        NotAllowed: the person neither looks after the service nor, of one journey, may look at that.
        UseCaseError: there is no such journey or anchor, or what is asked for contradicts the settings.
        RecordUnavailable, RecordFault: the record cannot be read.
    """
    if context.person.role not in LOOK_AFTER_IT and journey_id is not None:
        # Whoever looks after the service has no other way to know what is wrong with one that cannot be read.
        await read_stored(context, LookAfter(action="record verify"), journey_id)
    else:
        require_looks_after_it(context)
    settings = context.settings
    unchecked: dict[VerificationPart, UseCaseError] = {}
    found: list[RecordFinding] = []
    record = await context.record()
    agreed: Sequence[Anchor] = ()
    if journey_id is None and VerificationPart.ANCHORS not in left_out:
        cut, agreed = await _anchors(record, settings)
        found += cut
    since = None if since_anchor is None else _chosen(agreed, since_anchor)
    keys: Keys | None = None
    content_of_register: bytes | None = None
    if VerificationPart.SIGN_OFFS not in left_out:
        try:
            content_of_register, keys = _keys(settings, register)
        except UseCaseError as problem:
            unchecked[VerificationPart.SIGN_OFFS] = problem
    newest = None if content_of_register is None else await record.seen_register()
    if content_of_register is not None and newest is not None and is_put_back(content_of_register, newest):
        found.append(RecordFinding(0, None, None, "register_put_back"))
    try:
        async with AsyncExitStack() as running:
            examined = await verify_record(
                record,
                keys=keys,
                read_models=VerificationPart.READ_MODELS not in left_out,
                derive=VerificationPart.DERIVATION not in left_out,
                builds=[
                    await _opened(running, place, each)
                    for place, each in enumerate(dict.fromkeys((*builds, *context.builds.listed())), 1)
                ],
                journey_id=journey_id,
                after=None if since is None else since.position,
                progress=progress,
            )
    except BuildError as problem:
        raise Unavailable(
            f"another build cannot be asked: {problem}",
            "Try its command line by itself in a shell: it says in one line of JSON which rules it has, and waits",
        ) from None
    found += examined.findings
    looks: int | None = None
    schema: Sequence[SchemaDifference] = ()
    if journey_id is None:
        schema = await find_schema_differences(record)
        found += [RecordFinding(0, None, None, "schema_differs")] if schema else []
        changed, looks = await _access(record, 0 if since is None else since.access)
        found += changed
    if journey_id is not None and not examined.events and not found:
        raise no_such_journey(journey_id)
    if examined.live is None and VerificationPart.READ_MODELS not in left_out:
        unchecked[VerificationPart.READ_MODELS] = NotVerified(
            "the lists are of another version of this program",
            "Run `record rebuild`, or leave them out with --without read-models",
        )
    workflows: int | None = None
    if VerificationPart.WORKFLOWS not in left_out:
        # Whether every journey has its run is of now, and is looked at whole whatever else is left to an anchor.
        among = None if journey_id is None else examined.journeys
        try:
            workflows, differing = await _workflows(context, record, among)
            found += differing
        except UseCaseError as problem:
            unchecked[VerificationPart.WORKFLOWS] = problem
    if journey_id is None:
        try:
            await keep_verification(
                record,
                settings.build_id or "unversioned",
                since=0 if since is None else since.position,
                position=examined.position,
                findings=len(found),
                unchecked=unchecked,
                left_out=left_out,
            )
        except (RecordUnavailable, RecordFault) as refused:
            # A copy that takes no change can be verified all the same.
            log.warning("verification.not_kept", code=type(refused).__name__)
    if context.person.role in LOOK_AFTER_IT:
        found = await _looked_at(context, journey_id, found)
    return Verification(
        at=context.now(),
        journey_id=journey_id,
        since=since,
        examined=examined,
        looks=looks,
        anchored=agreed[-1] if agreed else None,
        register=content_of_register,
        schema=schema,
        workflows=workflows,
        findings=tuple(sorted(found, key=by_place)),
        unchecked=unchecked,
        left_out=left_out,
    )


async def _looked_at(context: Context, journey_id: UUID | None, found: list[RecordFinding]) -> list[RecordFinding]:
    """Record the look of somebody who looks after the service, and return what they may be shown. A copy that takes no
    change can be verified all the same: of which journey and version a finding is, is not shown then."""
    one = () if journey_id is None else (journey_id,)
    shown = (*one, *(each.journey_id for each in found if each.journey_id is not None))
    try:
        await keep_look_after(context, "record verify", shown)
    except (RecordUnavailable, RecordFault) as refused:
        if journey_id is not None:
            raise
        log.warning("verification.look_not_kept", code=type(refused).__name__)
        return [each._replace(journey_id=None, version=None) for each in found]
    return found


async def _opened(running: AsyncExitStack, place: int, command: str) -> Build:
    """Start a build that was given, and say of one that cannot be asked which it is."""
    try:
        return await running.enter_async_context(open_build(command))
    except BuildError as problem:
        raise BuildError(f"{problem} (--build number {place})") from None


async def _access(record: Record, after: int) -> tuple[Sequence[RecordFinding], int]:
    """Check the chain of the access log from behind a number."""
    async with record.connection() as connection, snapshot(connection):
        return await read_access(connection, record.log_id, after)


async def _anchors(record: Record, settings: Settings) -> tuple[Sequence[RecordFinding], Sequence[Anchor]]:
    """Check anchors, and the log against them. Return findings, and the anchors it agrees with; nothing where none are
    kept.

        Raises:
            UseCaseError: the key that verifies them is not set.
    """
    if settings.anchors_dir is None:
        return (), ()
    if settings.anchor_public is None:
        raise InvalidInput(
            "it is not known by which key anchors are to be believed",
            "Set CAREPATH_ANCHOR_PUBLIC_KEY, or leave CAREPATH_ANCHORS_DIR out",
        )

    return await check_anchors(record, settings.anchors_dir, settings.anchor_public)


def _chosen(agreed: Sequence[Anchor], wanted: str) -> Anchor:
    """Return the newest anchor that the log agrees with, or the one at a position.

    Raises:
        UseCaseError: there is none.
    """
    if wanted != "newest" and number_in(wanted) is None:
        raise InvalidInput("--since-anchor takes a position, or the word newest", "See `record verify`")
    fitting = [anchor for anchor in agreed if wanted in ("newest", str(anchor.position))]
    if not fitting:
        raise NotVerified(
            "there is no such anchor, or the log does not agree with it",
            "Leave --since-anchor out: the whole record is checked then, and every anchor",
        )
    return fitting[-1]


def _keys(settings: Settings, given: Path | None) -> tuple[bytes, Keys]:
    """Return the content of the register, and the keys in it.

    Raises:
        UseCaseError: there is no valid register.
    """
    path = keyring.register_path(given, settings)
    if settings.organisation_key is None:
        raise NotVerified(
            "it is not known by which key the register is to be believed",
            "Set CAREPATH_ORGANISATION_KEY to the public key that `clinician register` printed",
        )
    register = content_of(path)
    if register is None:
        raise NotVerified(
            "there is no register where it should be",
            "Name it with --register, or check CAREPATH_REGISTER_FILE",
        )
    try:
        return register, trusted_keys(register, bytes.fromhex(settings.organisation_key))
    except RegisterNotVerified as error:
        reason = str(error).rstrip(".")
        raise NotVerified(
            reason[:1].lower() + reason[1:],
            "Take the newest register from the offline copy, and the public key from where it was first printed",
        ) from None


async def _workflows(context: Context, record: Record, among: Sequence[UUID] | None) -> tuple[int, list[RecordFinding]]:
    """Compare open journeys with what Temporal runs. Return how many there were, and what differs.

    Raises:
        UseCaseError: Temporal cannot be asked.
    """
    try:
        journeys = await context.journeys()
        await context.go_by_record()
        looked_at, drifted = await compare(record, journeys, among, now=context.now())
    except SettingsError:
        raise InvalidInput(
            "Temporal's settings cannot be used", "docs/reference/settings.md has them; see `record reconcile`"
        ) from None
    return looked_at, [RecordFinding(d.position, d.journey_id, d.version, f"workflow_{d.drift}") for d in drifted]
