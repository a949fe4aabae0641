"""The approval of a protocol: the file with its signatures, and whether they are valid now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import ValidationError

from activities.signatures import verifying
from activities.signatures.signer_registry import Register
from application.context import Context
from application.errors import NOTHING_WRITTEN, Conflict, FieldProblem, NotVerified, UseCaseError
from application.identity.keyring import verified_register
from application.input.files import content_of
from application.protocols.files import load_protocol, protocol_files
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.signed_statement import ProtocolApproval

ApprovalState: TypeAlias = Literal[
    "approved", "not_signed", "begun", "edited", "review_passed", "not_verified", "not_checked"
]

SIGN: Final = "Have it signed by the medical director and a second licensed person: `protocol approve`"
ANEW: Final = "Have it signed again by two people: `protocol approve --anew`"
_FAULTS: Final[Mapping[verifying.SignatureProblem, str]] = {
    verifying.SignatureProblem.UNKNOWN_KEY: "a signer's key is not in the register",
    verifying.SignatureProblem.REVOKED: "a signer's key had been revoked when it was signed",
    verifying.SignatureProblem.BAD_SIGNATURE: "a signature is not right: the approval was altered",
    verifying.SignatureProblem.NOT_TWO_PEOPLE: "one person signed twice",
    verifying.SignatureProblem.OTHER_CLINIC: "a clinic that it names had no medical director among those who signed",
    verifying.SignatureProblem.WRONG_SCOPE: "it is of another organisation than the register",
    verifying.SignatureProblem.WRONG_ROLE: "no medical director signed it, or a role is not as in the register",
    verifying.SignatureProblem.LICENCE_EXPIRED: "a signer's licence was over when it was signed",
    verifying.SignatureProblem.NOT_YET_VALID: "it is dated before a signer was enrolled, or in the future",
}


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """The status of a protocol's approval now, in words. Only ``approved`` lets it carry patients.

    ``error`` is raised when somebody uses the protocol without a valid approval.
    """

    state: ApprovalState
    text: str
    remedy: str = SIGN
    error: type[UseCaseError] = Conflict
    approval: ProtocolApproval | None = None


def approval_path(protocol_file: Path) -> Path:
    """Return the approval file of a protocol file. It is beside it."""
    return protocol_file.with_suffix(".approval.json")


def read_approval(content: bytes) -> ProtocolApproval:
    """Parse the content of an approval file.

    Raises:
        UseCaseError: it is not an approval.
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
    """Load the approval beside a protocol file, without checking it; None if there is none.

    Raises:
        UseCaseError: it cannot be read.
    """
    content = content_of(approval_path(protocol_file))
    return None if content is None else read_approval(content)


def review_by(approval: ProtocolApproval) -> datetime:
    """Return until when journeys may be started: the earlier of the two signed review dates."""
    return min(signed.signature.expires_at for signed in approval.approvals)


def review_day(approval: ProtocolApproval, protocol: Protocol) -> str:
    """Return the last day on which journeys may be started, in the clinic's zone."""
    return local(review_by(approval), protocol.working_time.zone).date().isoformat()


def signers(approval: ProtocolApproval) -> str:
    """Return who signed, by printed name and id: two people may have one name."""
    return " and ".join(f"{signed.signer.name} ({signed.signer.id})" for signed in approval.approvals)


def _clinics(approval: ProtocolApproval, register: Register) -> str:
    """Return for which clinics it is approved, by name and id; by id alone where the register has no name."""
    names = register.clinic_names
    return ", ".join(f"{names[each]} ({each})" if each in names else each for each in approval.clinics)


def status_of(context: Context, protocol: Protocol, protocol_file: Path) -> ApprovalStatus:
    """Return the status of the approval beside a protocol file now. It raises nothing: the status says what cannot be
    checked."""
    try:
        approval = load_approval(protocol_file)
    except UseCaseError as problem:
        return ApprovalStatus("not_verified", problem.reason, problem.remedy, type(problem))
    if approval is None:
        return ApprovalStatus("not_signed", "not signed")
    if (lacking := lacking_of(approval, protocol)) is not None:
        return lacking
    try:
        register = verified_register(context)
    except UseCaseError as problem:
        text = f"signed by {signers(approval)}, which cannot be checked: {problem.reason}"
        return ApprovalStatus("not_checked", text, problem.remedy, type(problem))
    return check_approval(approval, protocol, register, context.now())


def lacking_of(approval: ProtocolApproval, protocol: Protocol) -> ApprovalStatus | None:
    """Say what an approval lacks, without the register: another text was signed, or only one person signed."""
    if (approval.protocol, approval.version, approval.digest) != (protocol.id, protocol.version, protocol.digest):
        return ApprovalStatus("edited", f"edited since it was signed by {signers(approval)}", ANEW, NotVerified)
    if len(approval.approvals) < 2:
        return ApprovalStatus("begun", f"signed by {signers(approval)} only: one signature is missing")
    return None


def check_approval(approval: ProtocolApproval, protocol: Protocol, register: Register, now: datetime) -> ApprovalStatus:
    """Return the status of an approval with both signatures, checked against the register."""
    day = review_day(approval, protocol)
    match verifying.check_protocol(approval, protocol.digest, register, now):
        case None:
            return ApprovalStatus(
                "approved",
                f"approved for {_clinics(approval, register)} by {signers(approval)}, review by {day}",
                "",
                approval=approval,
            )
        case verifying.SignatureProblem.EXPIRED:
            return ApprovalStatus("review_passed", f"its review date, {day}, has passed", ANEW)
        case other:
            reason = _FAULTS.get(other, "a signer is not as the register says")
            return ApprovalStatus("not_verified", f"its approval does not hold: {reason}", ANEW, NotVerified)


def approval_of(protocol: Protocol, protocol_file: Path, context: Context, clinic: str) -> ProtocolApproval:
    """Return the approval that lets a protocol carry a clinic's patients now.

    Raises:
        UseCaseError: there is no valid one for this clinic. The error says why, and which protocols the clinic has.
    """
    found = status_of(context, protocol, protocol_file)
    which = f"protocol {protocol.id} version {protocol.version}"
    if found.approval is None:
        raise found.error(f"{which} may not carry patients: {found.text}", found.remedy)
    if clinic not in found.approval.clinics:
        theirs = ", ".join(approved_for(context, clinic)) or "none"
        raise Conflict(
            f"{which} is approved for {', '.join(found.approval.clinics)}, not for {clinic}. "
            f"Approved for {clinic}: {theirs}",
            "Choose one that is approved for this clinic, or have its medical director approve this one: "
            f"`protocol approve --clinic {clinic}`",
            fields=(FieldProblem("protocol", "is not this clinic's"),),
        )
    return found.approval


def approved_for(context: Context, clinic: str) -> tuple[str, ...]:
    """Return the names of the protocols that are approved for a clinic now."""
    names: list[str] = []
    for file in protocol_files(context):
        try:
            protocol = load_protocol(file)
        except UseCaseError:
            continue  # Nobody can be started on what cannot be read; `protocol list` says so.
        status = status_of(context, protocol, file)
        if status.approval is not None and not protocol.obstacles() and clinic in status.approval.clinics:
            names.append(file.stem)
    return tuple(names)
