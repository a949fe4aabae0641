"""Whether a protocol is signed: the approval that stands beside its file, and what it is worth now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from activities.signatures import verifying
from activities.signatures.signer_registry import Register
from application.errors import NOTHING_WRITTEN, Conflict, NotVerified, UseCaseError
from application.files import content_of
from application.keyring import verified_register
from application.settings import Settings
from workflows.journey.calendars import local
from workflows.journey.protocol import Protocol
from workflows.journey.signed_statement import ProtocolApproval

State: TypeAlias = Literal["approved", "not_signed", "begun", "edited", "review_passed", "not_verified", "not_checked"]

SIGN: Final = "Have it signed by the medical director and a second licensed person: `protocol approve`"
ANEW: Final = "Have it signed again by two people: `protocol approve --anew`"
_FAULTS: Final[Mapping[verifying.SignatureProblem, str]] = {
    verifying.SignatureProblem.UNKNOWN_KEY: "a signer's key is not in the register",
    verifying.SignatureProblem.REVOKED: "a signer's key had been revoked when it was signed",
    verifying.SignatureProblem.BAD_SIGNATURE: "a signature is not right: the approval was altered",
    verifying.SignatureProblem.NOT_TWO_PEOPLE: "one person signed twice",
    verifying.SignatureProblem.WRONG_ROLE: "no medical director signed it, or a role is not as in the register",
    verifying.SignatureProblem.LICENCE_EXPIRED: "a signer's licence was over when it was signed",
    verifying.SignatureProblem.NOT_YET_VALID: "it is dated before a signer was enrolled, or in the future",
}


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """What the approval of a protocol is worth now, in words; all but ``approved`` keep it from patients.

    ``error`` is that of whoever uses it all the same.
    """

    state: State
    text: str
    remedy: str = SIGN
    error: type[UseCaseError] = Conflict
    approval: ProtocolApproval | None = None


def approval_path(protocol_file: Path) -> Path:
    """Where the approval of a protocol file stands: beside it."""
    return protocol_file.with_suffix(".approval.json")


def read_approval(content: bytes) -> ProtocolApproval:
    """The approval in the content of its file.

    Raises:
        UseCaseError: it is none.
    """
    try:
        return ProtocolApproval.model_validate_json(content)
    except ValidationError:
        raise NotVerified(
            "the file with the approval is not readable",
            f"Put it back as it was. {ANEW}",
            state=NOTHING_WRITTEN,
        ) from None


def load_approval(protocol_file: Path) -> ProtocolApproval | None:
    """The approval beside a protocol file, as it says of itself; None if there is none.

    Raises:
        UseCaseError: it cannot be read.
    """
    content = content_of(approval_path(protocol_file))
    return None if content is None else read_approval(content)


def review_by(approval: ProtocolApproval) -> datetime:
    """Until when journeys may be started: the earlier of the two reviews that were signed."""
    return min(signed.signature.expires_at for signed in approval.approvals)


def review_day(approval: ProtocolApproval, protocol: Protocol) -> str:
    """The last day on which journeys may be started, as the clinic counts its days."""
    return local(review_by(approval), protocol.working_time.zone).date().isoformat()


def signers(approval: ProtocolApproval) -> str:
    """Who signed, by their printed names."""
    return " and ".join(signed.signer.name for signed in approval.approvals)


def status_of(protocol: Protocol, protocol_file: Path, settings: Settings, now: datetime) -> ApprovalStatus:
    """What the approval beside a protocol file is worth now. It raises nothing: what cannot be checked is told."""
    try:
        approval = load_approval(protocol_file)
    except UseCaseError as problem:
        return ApprovalStatus("not_verified", problem.reason, problem.remedy, type(problem))
    if approval is None:
        return ApprovalStatus("not_signed", "not signed")
    if (lacking := lacking_of(approval, protocol)) is not None:
        return lacking
    try:
        register = verified_register(settings)
    except UseCaseError as problem:
        text = f"signed by {signers(approval)}, which cannot be checked: {problem.reason}"
        return ApprovalStatus("not_checked", text, problem.remedy, type(problem))
    return check_approval(approval, protocol, register, now)


def lacking_of(approval: ProtocolApproval, protocol: Protocol) -> ApprovalStatus | None:
    """What an approval lacks by itself: another text was signed, or by one person only."""
    if (approval.protocol, approval.version, approval.digest) != (protocol.id, protocol.version, protocol.digest):
        return ApprovalStatus("edited", f"edited since it was signed by {signers(approval)}", ANEW, NotVerified)
    if len(approval.approvals) < 2:
        return ApprovalStatus("begun", f"signed by {signers(approval)} only: one signature is missing")
    return None


def check_approval(approval: ProtocolApproval, protocol: Protocol, register: Register, now: datetime) -> ApprovalStatus:
    """What an approval with both signatures is worth by the register."""
    day = review_day(approval, protocol)
    match verifying.check_protocol(approval, protocol.digest, register, now):
        case None:
            return ApprovalStatus(
                "approved", f"approved by {signers(approval)}, review by {day}", "", approval=approval
            )
        case verifying.SignatureProblem.EXPIRED:
            return ApprovalStatus("review_passed", f"its review date, {day}, has passed", ANEW)
        case other:
            reason = _FAULTS.get(other, "a signer is not as the register says")
            return ApprovalStatus("not_verified", f"its approval does not hold: {reason}", ANEW, NotVerified)


def approval_of(protocol: Protocol, protocol_file: Path, settings: Settings, now: datetime) -> ProtocolApproval:
    """The approval that lets a protocol carry patients now.

    Raises:
        UseCaseError: there is none that holds. It says why, and what to do.
    """
    found = status_of(protocol, protocol_file, settings, now)
    if found.approval is None:
        raise found.error(
            f"protocol {protocol.id} version {protocol.version} may not carry patients: {found.text}",
            found.remedy,
        )
    return found.approval
