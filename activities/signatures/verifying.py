"""Says whether a signature counts: by the register, the time and the signature itself. No I/O; raises nothing.

It is called where a sign-off is handed in, and again where it takes effect. The journey decides whether the sign-off is
asked for, whether its evidence is current, and whether this role may sign it. This module only says whether this person
made the decision.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from activities.signatures.passkey_keys import PasskeyProblem
from activities.signatures.signer_registry import Register, ServiceEntry, SignerEntry
from workflows.journey.vocabulary.actors import Role, is_one_licence
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.signed_statement import (
    DelegationStatement,
    ProtocolApproval,
    ProtocolStatement,
    Scope,
    Signature,
    SignatureValue,
    Signer,
    Statement,
)

SKEW = timedelta(minutes=2)
"""How far a signer's clock may be ahead."""
LONGEST = timedelta(hours=1)
"""How long a sign-off may be valid at most, so that none is signed in advance."""


class SignatureProblem(StrEnum):
    """Why a signature does not count. The codes say nothing about a person, and may be logged."""

    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ORIGIN = "wrong_origin"
    USER_NOT_VERIFIED = "user_not_verified"
    WRONG_PERSON = "wrong_person"
    WRONG_ROLE = "wrong_role"
    WRONG_NAME = "wrong_name"
    WRONG_LICENCE = "wrong_licence"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    VALID_TOO_LONG = "valid_too_long"
    REVOKED = "revoked"
    LICENCE_EXPIRED = "licence_expired"
    WRONG_STATE = "wrong_state"
    WRONG_PROTOCOL = "wrong_protocol"
    NOT_TWO_PEOPLE = "not_two_people"
    OTHER_CLINIC = "other_clinic"
    NOT_LENT = "not_lent"
    WRONG_SCOPE = "wrong_scope"


_WORDS: Mapping[SignatureProblem, tuple[str, str]] = {
    SignatureProblem.UNKNOWN_KEY: (
        "this key is not enrolled",
        "Have it enrolled (`clinician enrol`), or use the one that is",
    ),
    SignatureProblem.BAD_SIGNATURE: (
        "the signature was not made with this key over this decision",
        "Sign it with your own key; if you did, tell ops: somebody changed it",
    ),
    SignatureProblem.WRONG_ORIGIN: (
        "the passkey was used on a page that is not of this organisation",
        "Sign at the address you were given, and tell ops what you saw",
    ),
    SignatureProblem.USER_NOT_VERIFIED: (
        "your passkey did not ask who you are",
        "Set it to ask for a fingerprint, your face or its PIN, and sign anew",
    ),
    SignatureProblem.WRONG_PERSON: ("the key is somebody else's", "Use your own profile and key"),
    SignatureProblem.WRONG_ROLE: ("the key is enrolled for another role", "Act in the role you are enrolled in"),
    SignatureProblem.WRONG_NAME: ("the key is enrolled under another name", "Correct your profile to what is enrolled"),
    SignatureProblem.WRONG_LICENCE: (
        "the key is enrolled with another licence",
        "Correct your profile to what is enrolled",
    ),
    SignatureProblem.NOT_YET_VALID: (
        "it is signed in the future, or before the key was enrolled",
        "Check the clock of your computer, and sign anew",
    ),
    SignatureProblem.EXPIRED: ("this signature came too late", "Read the evidence again and sign anew"),
    SignatureProblem.VALID_TOO_LONG: ("the signature lets itself be valid for too long", "Sign it anew"),
    SignatureProblem.REVOKED: (
        "this key has been revoked",
        "Have a new key enrolled; nothing else can be signed with this one",
    ),
    SignatureProblem.LICENCE_EXPIRED: ("the licence has expired", "Have the renewed one enrolled, with a new key"),
    SignatureProblem.WRONG_STATE: (
        "the licence does not cover the state the patient is in",
        "Hand this to a colleague licensed there",
    ),
    SignatureProblem.NOT_LENT: (
        "whoever delegated this to you may not decide it any more: their key, licence or entry has ended",
        "Have somebody decide who may, or delegate it to you",
    ),
    SignatureProblem.WRONG_SCOPE: (
        "it was signed for another organisation, record, clinic, patient or state",
        "Read the evidence again and sign anew",
    ),
    SignatureProblem.WRONG_PROTOCOL: (
        "the protocol is not as it was signed",
        "Put the signed one back, or have it signed anew",
    ),
    SignatureProblem.NOT_TWO_PEOPLE: (
        "the protocol lacks a second signature",
        "Have a second person sign (`protocol approve`)",
    ),
    SignatureProblem.OTHER_CLINIC: (
        "the protocol is not approved for this clinic by a medical director of it",
        "Have the clinic's medical director approve it (`protocol approve`)",
    ),
}


def refusal_of(problem: SignatureProblem) -> Refusal:
    """Say a problem in words for the person who signed."""
    reason, remedy = _WORDS[problem]
    return Refusal(code=RefusalCode.SIGNATURE, reason=reason, remedy=remedy, field="signature")


def check(
    statement: Statement | DelegationStatement,
    signature: Signature,
    register: Register,
    *,
    at: datetime,
    scope: Scope,
    log: str | None = None,
    skew: timedelta = SKEW,
) -> SignatureProblem | None:
    """Say why this signature does not count at a moment for a journey of this scope; None when it does.

    ``log`` is the name of the log in which it is to count, where it is known.

    ``at`` is when the sign-off is decided: now, or the time of its event. A key revoked by then does not count
    even if it signed before; one revoked later still does.
    """
    entry = register.entry(statement.seal.key_id)
    if entry is None:
        return SignatureProblem.UNKNOWN_KEY
    if entry.licence is None:
        return SignatureProblem.WRONG_ROLE
    seal, state = statement.seal, scope.state
    faults = {
        SignatureProblem.WRONG_SCOPE: statement.scope != scope or not is_ours(scope, register.organisation, log),
        SignatureProblem.VALID_TOO_LONG: seal.expires_at - seal.signed_at > LONGEST,
        SignatureProblem.REVOKED: "revoked" in (entry.state_at(seal.signed_at), entry.state_at(at)),
        SignatureProblem.LICENCE_EXPIRED: entry.licence.ends(state) <= at,
        SignatureProblem.WRONG_STATE: state not in entry.licence.states,
    }
    return next(_faults(statement, signature, register, entry, at, skew, faults), None)


def may_lend(register: Register, key_id: str, *, clinic: str, state: str, at: datetime) -> bool:
    """Whether whoever signed a delegation with this key may still decide at a moment, for a patient of this clinic in
    this state: a right that was lent ends with its giver's key, licence and entry."""
    entry = register.entry(key_id)
    if entry is None or entry.licence is None or entry.state_at(at) != "active" or not entry.licence.covers(state, at):
        return False
    own = (each.member for each in register.staff if (each.member.id, each.member.role) == (entry.person, entry.role))
    return any(member.works_at(clinic, at) for member in own)


def is_ours(scope: Scope, organisation: str, log: str | None = None) -> bool:
    """Whether a journey is of this organisation, and of this log where one is given. A demonstration, which counts as
    nothing else, may be anybody's."""
    return scope.demonstration or (scope.organisation == organisation and log in (None, scope.log))


def check_protocol(
    approval: ProtocolApproval,
    digest: str,
    register: Register,
    at: datetime,
    *,
    clinic: str | None = None,
    skew: timedelta = SKEW,
) -> SignatureProblem | None:
    """Say why the protocol of this digest may not be used for patients at a moment; None when it may.

    Each clinic that it names has a medical director among those who signed: its own, or one of several clinics.
    ``clinic`` is whose patients they are, and must be named; None asks whether it holds for those that are.

    The approval stands until it expires, also when a signer's key is revoked, a licence ends or the director leaves
    after they signed.
    """
    if approval.digest != digest:
        return SignatureProblem.WRONG_PROTOCOL
    if approval.organisation != register.organisation:
        return SignatureProblem.WRONG_SCOPE
    signed_by = {signed.signer.id for signed in approval.approvals}
    if len(signed_by) < 2 or len({signed.signature.key_id for signed in approval.approvals}) < 2:
        return SignatureProblem.NOT_TWO_PEOPLE
    first, second = approval.approvals
    if is_one_licence(first.signer.licence, second.signer.licence):
        return SignatureProblem.NOT_TWO_PEOPLE
    if all(signed.signer.role != Role.MEDICAL_DIRECTOR for signed in approval.approvals):
        return SignatureProblem.WRONG_ROLE
    if clinic is not None and clinic not in approval.clinics:
        return SignatureProblem.OTHER_CLINIC
    for signed in approval.approvals:
        entry = register.entry(signed.signature.key_id)
        if entry is None:
            return SignatureProblem.UNKNOWN_KEY
        if entry.licence is None:
            return SignatureProblem.WRONG_ROLE
        signed_at = signed.signature.signed_at
        faults = {
            SignatureProblem.REVOKED: entry.state_at(signed_at) == "revoked",
            SignatureProblem.LICENCE_EXPIRED: entry.licence.ends() <= signed_at,
        }
        problem = next(_faults(approval.statement(signed), signed.signature, register, entry, at, skew, faults), None)
        if problem is not None:
            return problem
    if not all(_directed(approval, each, register) for each in approval.clinics):
        return SignatureProblem.OTHER_CLINIC
    return None


def _directed(approval: ProtocolApproval, clinic: str, register: Register) -> bool:
    """Whether one who signed was medical director of a clinic by the register when they signed."""
    return any(
        entry.member.id == signed.signer.id
        and entry.member.role == signed.signer.role == Role.MEDICAL_DIRECTOR
        and entry.member.works_at(clinic, signed.signature.signed_at)
        for signed in approval.approvals
        for entry in register.staff
    )


def _faults(
    statement: Statement | DelegationStatement | ProtocolStatement,
    signature: Signature,
    register: Register,
    entry: SignerEntry,
    at: datetime,
    skew: timedelta,
    further: dict[SignatureProblem, bool],
) -> Iterator[SignatureProblem]:
    """Yield what is wrong, the signature first: without a valid one nothing else in the statement can be believed."""
    seal, signer = statement.seal, statement.signer
    if signature.seal != seal:
        yield SignatureProblem.BAD_SIGNATURE
    if (problem := _problem_of(register, entry, signature, statement)) is not None:
        yield problem
    yield from _mismatches(signer, entry)
    # Differences, because sums of the times people send may leave the calendar.
    early = seal.signed_at - at > skew or entry.state_at(seal.signed_at) == "not_enrolled"
    if early or seal.expires_at <= seal.signed_at:
        yield SignatureProblem.NOT_YET_VALID
    if at > seal.expires_at:
        yield SignatureProblem.EXPIRED
    yield from (problem for problem, found in further.items() if found)


def _mismatches(signer: Signer, entry: SignerEntry) -> Iterator[SignatureProblem]:
    """Yield what the statement says about its signer otherwise than the register."""
    if signer.id != entry.person:
        yield SignatureProblem.WRONG_PERSON
    if signer.role != entry.role:
        yield SignatureProblem.WRONG_ROLE
    if signer.name != entry.printed_name:
        yield SignatureProblem.WRONG_NAME
    if signer.licence != entry.licence:
        yield SignatureProblem.WRONG_LICENCE


def _problem_of(
    register: Register,
    entry: SignerEntry,
    signature: Signature,
    statement: Statement | DelegationStatement | ProtocolStatement,
) -> SignatureProblem | None:
    try:
        signed = statement.signed_bytes()
    except ValueError:
        return SignatureProblem.BAD_SIGNATURE
    problem = problem_with(entry, signature, signed, register.origins)
    return None if problem is None else SignatureProblem(problem)


def problem_with(
    entry: SignerEntry | ServiceEntry, signature: SignatureValue, signed: bytes, origins: tuple[str, ...]
) -> PasskeyProblem | None:
    """Say why a signature over these bytes is not of this key; None when it is."""
    passkey = entry.as_passkey if isinstance(entry, SignerEntry) else None
    if passkey is not None and signature.assertion is not None:
        # Few signatures are of passkeys, and what checks them takes long to import. So it is imported when one is.
        from activities.signatures.passkeys import find_problem  # noqa: PLC0415 - as said

        return find_problem(passkey, signature.value, signature.assertion, signed, origins)
    if passkey is not None or signature.assertion is not None:
        return "bad_signature"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry.public_key))
        key.verify(bytes.fromhex(signature.value), signed)
    except (InvalidSignature, ValueError):
        return "bad_signature"
    return None
