"""Approve a protocol for clinics: a medical director of each and a second licensed person sign the same text of it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from activities.signatures.keys import new_seal, sign
from activities.signatures.signer_registry import Register
from application.context import Context
from application.errors import NOTHING_WRITTEN, Conflict, InvalidInput
from application.identity import keyring
from application.input.files import content_of, replace
from application.protocols.approvals import (
    ANEW,
    ApprovalStatus,
    approval_path,
    check_approval,
    lacking_of,
    read_approval,
    review_by,
    signers,
    status_of,
)
from application.protocols.files import find_protocol
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import local, zone_info
from workflows.journey.vocabulary.signed_statement import (
    Approval,
    Clinics,
    ProtocolApproval,
    ProtocolStatement,
    Signature,
    SignatureHeader,
    Signer,
)

REVIEW_AFTER = timedelta(days=365)
"""After how long a protocol is reviewed, unless the first signer says otherwise."""
LATEST_REVIEW = timedelta(days=10 * 365)
"""A review date later than this was mistyped."""


class ToApprove(NamedTuple):
    """A protocol that somebody may sign: earlier signatures, and until when journeys may be started.

    ``clinics`` are those whose patients it is for, and ``known`` is the content of the approval file.
    """

    protocol: Protocol
    file: Path
    signer: Signer
    clinics: tuple[str, ...]
    begun: ProtocolApproval | None
    known: bytes | None
    until: datetime
    status: ApprovalStatus
    register: Register


def read_to_approve(
    context: Context, name: str, review: date | None, *, clinics: Sequence[str] = (), anew: bool
) -> ToApprove:
    """Read a protocol for the person to sign, if their signature is missing.

    ``clinics`` are those whose patients it is for: as signed before, or else the signer's own. ``review`` is the last
    day on which journeys may be started; ``anew`` discards earlier signatures.

    Raises:
        UseCaseError: their role does not sign, this protocol does not need their signature now, or there is no register
            to check it by.
    """
    signer = keyring.require_signer(context.actor)
    protocol, file = find_protocol(context, name)
    _require_fit(protocol)
    known = content_of(approval_path(file))
    begun = None if known is None or anew else read_approval(known)
    if begun is not None:
        _require_open(begun, protocol, signer, context.now())
    return ToApprove(
        protocol=protocol,
        file=file,
        signer=signer,
        clinics=_clinics(clinics, begun, context),
        begun=begun,
        known=known,
        register=keyring.verified_register(context),
        until=_until(review, begun, protocol, context.now()),
        status=status_of(context, protocol, file),
    )


def approve_protocol(context: Context, asked: ToApprove) -> ProtocolApproval:
    """Sign the protocol with the person's own key or passkey, and write the approval beside its file.

    Raises:
        UseCaseError: they did not identify themselves, their key cannot be used, or the approval would not be valid.
            Nothing is written then.
    """
    at = context.now()
    approval = _with(asked, _sign(context, asked, at))
    _require_holding(approval, asked.protocol, asked.register, at)
    replace(approval_path(asked.file), approval.model_dump_json(indent=2).encode() + b"\n", asked.known)
    return approval


def _require_fit(protocol: Protocol) -> None:
    if obstacles := protocol.obstacles():
        raise Conflict(
            f"this protocol cannot be approved: {'; '.join(obstacles)}",
            "Complete its file, set `status: approved` and `illustrative: false`, then sign that text",
            state=NOTHING_WRITTEN,
        )


def _require_open(begun: ProtocolApproval, protocol: Protocol, signer: Signer, now: datetime) -> None:
    """Require that a signature is missing, and that this signer may give it."""
    lacking = lacking_of(begun, protocol)
    if lacking is None:
        reason = f"two people have signed this protocol: {signers(begun)}"
        remedy = "Nothing is missing. To sign it again, at its review, start over with --anew"
    elif lacking.state == "edited":
        reason, remedy = f"this protocol was {lacking.text}", f"Read what changed: `protocol diff`. {ANEW}"
    elif review_by(begun) <= now:
        reason, remedy = f"the review date of {signers(begun)} has passed", ANEW
    elif begun.approvals[0].signer.id == signer.id:
        reason, remedy = "you have signed this protocol", "Now another licensed person has to sign it"
    elif Role.MEDICAL_DIRECTOR not in (begun.approvals[0].signer.role, signer.role):
        reason, remedy = "the medical director has not signed, and there are two signatures", "Have them sign it"
    else:
        return
    raise Conflict(reason, remedy, state=NOTHING_WRITTEN)


def _until(day: date | None, begun: ProtocolApproval | None, protocol: Protocol, now: datetime) -> datetime:
    """Return the end of the review day in the clinic's zone."""
    if day is None and begun is not None:
        return review_by(begun)
    zone = protocol.working_time.zone
    today = local(now, zone).date()
    day = day or today + REVIEW_AFTER
    if not today <= day <= today + LATEST_REVIEW:
        raise InvalidInput(
            "the review date is in the past, or more than ten years away",
            "Give --review-by the last day on which journeys may be started",
            state=NOTHING_WRITTEN,
        )
    return datetime.combine(day, time(23, 59, 59), zone_info(zone)).astimezone(UTC)


def _clinics(asked: Sequence[str], begun: ProtocolApproval | None, context: Context) -> tuple[str, ...]:
    """Return for which clinics the protocol is signed, in one order.

    Raises:
        UseCaseError: none, one that is no id, or others than those that the first signature is for.
    """
    clinics = tuple(sorted({*asked})) or (tuple(sorted({*context.actor.clinics})) if begun is None else begun.clinics)
    try:
        TypeAdapter(Clinics).validate_python(clinics)
    except ValidationError:
        raise InvalidInput(
            "it is not said for which clinics the protocol is to be approved",
            "Give --clinic with the id of a clinic, as in the register, once for each",
            state=NOTHING_WRITTEN,
        ) from None
    if begun is not None and clinics != begun.clinics:
        raise Conflict(
            f"the first signature is for {', '.join(begun.clinics)}, and both are for the same clinics",
            "Leave --clinic out to sign for those, or start over with --anew",
            state=NOTHING_WRITTEN,
        )
    return clinics


def _sign(context: Context, asked: ToApprove, at: datetime) -> Signature:
    def stated(header: SignatureHeader) -> ProtocolStatement:
        return ProtocolStatement(
            organisation=asked.register.organisation,
            protocol=asked.protocol.id,
            version=asked.protocol.version,
            digest=asked.protocol.digest,
            clinics=asked.clinics,
            signer=asked.signer,
            seal=header,
        )

    if context.sign_with is not None:
        signature = context.sign_with(stated, at, asked.until)
        keyring.require_enrolled(asked.register, signature.key_id, asked.signer, at)
        return signature
    # Always both components: a protocol is not signed in a series (21 CFR 11.200(a)(1)).
    keyring.require_same(context, asked.signer)
    key = keyring.unlock_own(context, asked.signer)
    keyring.require_enrolled(asked.register, key.key_id, asked.signer, at)
    return sign(key, stated(new_seal(key.key_id, at, asked.until - at)))


def _with(asked: ToApprove, signature: Signature) -> ProtocolApproval:
    return ProtocolApproval(
        organisation=asked.register.organisation,
        protocol=asked.protocol.id,
        version=asked.protocol.version,
        digest=asked.protocol.digest,
        clinics=asked.clinics,
        approvals=(
            *(asked.begun.approvals if asked.begun else ()),
            Approval(signer=asked.signer, signature=signature),
        ),
    )


def _require_holding(approval: ProtocolApproval, protocol: Protocol, register: Register, at: datetime) -> None:
    """Require that the protocol may be used with this signature, once there are two."""
    if len(approval.approvals) == 2:
        found = check_approval(approval, protocol, register, at)
        if found.approval is None:
            raise found.error(f"with your signature, {found.text}", found.remedy, state=NOTHING_WRITTEN)
