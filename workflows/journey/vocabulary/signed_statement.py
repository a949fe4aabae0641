"""The content that a signature covers: every word of a decision, who signs it and until when, spelled in one way.

There is no cryptography here, only the content; docs/reference/signatures.md describes the format. The same statement
is built from the command a clinician sends and from the event it became (`always.sign_offs.statements`), so what was
signed can be computed again from the record alone.

Sources: 21 CFR 11.50 (printed name, time and meaning are part of what is signed) and 11.70 (a signature cannot
be moved to another record: organisation, log, clinic, patient, journey, request and evidence are part of it too).
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from workflows.journey.vocabulary.actors import Actor, Licence, Role
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel, Short, Text, Whole, canonical
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import UsState

SIGN_OFF = "care-pathway/sign-off/2"
DELEGATION = "care-pathway/delegation/2"
PROTOCOL = "care-pathway/protocol/2"
"""The domains. They keep a signature of one kind, or of one version of the format, from passing for another."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Meaning(StrEnum):
    """What a signature can mean (21 CFR 11.50(a)(3)). A protocol chooses among these."""

    EVALUATION_AUTHORED = "evaluation_authored"
    ELIGIBILITY_APPROVED = "eligibility_approved"
    SETTING_DECIDED = "setting_decided"
    PLAN_APPROVED = "plan_approved"
    SESSION_CLEARED = "session_cleared"
    SESSION_END_DECIDED = "session_end_decided"
    SESSION_ATTESTED = "session_attested"
    AMENDMENT_AUTHORED = "amendment_authored"
    HOLD_RELEASED = "hold_released"
    RISK_LEVEL_FOUND = "risk_level_found"
    PATIENT_REACHED = "patient_reached"
    RISK_DECIDED = "risk_decided"
    AE_REVIEWED = "ae_reviewed"
    DISCHARGE_APPROVED = "discharge_approved"
    IDENTITY_CONFIRMED = "identity_confirmed"
    DEATH_CONFIRMED = "death_confirmed"
    DEATH_CORRECTED = "death_corrected"
    WATCH_HANDED_OVER = "watch_handed_over"
    LIMITS_SET = "limits_set"


class SignatureHeader(InputModel):
    """The key of a signature, when it was made, until when it may be handed in, and a nonce that makes it unique."""

    key_id: Identifier
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    signed_at: Instant
    expires_at: Instant


def _bytes(least: int, most: int) -> StringConstraints:
    return StringConstraints(pattern=r"^([0-9a-f]{2})+$", min_length=2 * least, max_length=2 * most)


class Assertion(InputModel):
    """What stands around a signature that a passkey made (WebAuthn, `AuthenticatorAssertionResponse`), in hex: what the
    authenticator says of itself, and what the browser says of the page."""

    authenticator_data: Annotated[str, _bytes(37, 512)]
    client_data: Annotated[str, _bytes(2, 1024)]


class SignatureValue(InputModel):
    """A signature, in hex: of a key file, Ed25519, 64 bytes; or of a passkey, then with its assertion, over which it is
    made."""

    value: Annotated[str, _bytes(8, 72)]
    assertion: Assertion | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.assertion is None and len(self.value) != 128:
            raise ValueError("a signature without an assertion has 64 bytes")
        return self


class Signature(SignatureHeader, SignatureValue):
    """A signature header with its signature."""

    @property
    def seal(self) -> SignatureHeader:
        """The signature without its value: the part that is itself signed."""
        return SignatureHeader(
            key_id=self.key_id, nonce=self.nonce, signed_at=self.signed_at, expires_at=self.expires_at
        )


class Signer(InputModel):
    """Who signs, as printed beside the signature. No field may be missing."""

    id: Identifier
    role: Role
    name: Short
    licence: Licence


class Scope(InputModel):
    """Where and for whom a signature counts, and nowhere else: the organisation, the log of its record, whether it is a
    demonstration, the clinic, the patient, and the state where they live."""

    organisation: Short
    log: Identifier
    demonstration: Flag
    clinic: Identifier
    patient: Identifier
    state: UsState


class Statement(InputModel):
    """A decision, where and for whom it is, its signer and its seal."""

    journey: UUID
    scope: Scope
    request: Identifier
    decision: Literal["approve", "decline", "return"]
    meaning: Meaning
    evidence: Sha256
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    signer: Signer
    seal: SignatureHeader

    def signed_bytes(self) -> bytes:
        """The bytes the signature is made over."""
        return _spell(
            SIGN_OFF,
            {
                "journey": str(self.journey),
                **self.scope.model_dump(mode="json"),
                "request": self.request,
                "decision": self.decision,
                "meaning": self.meaning.value,
                "evidence": self.evidence,
                "choice": self.choice,
                "rationale": self.rationale,
                "referral": self.referral,
            },
            self.signer,
            self.seal,
        )


class DelegationStatement(InputModel):
    """A statement that a named colleague may decide in the signer's place on these kinds of sign-off, until a time."""

    journey: UUID
    scope: Scope
    to: Identifier
    sign_offs: tuple[Identifier, ...]
    until: Instant
    reason: Text
    signer: Signer
    seal: SignatureHeader

    def signed_bytes(self) -> bytes:
        """The bytes the signature is made over."""
        content = {
            "journey": str(self.journey),
            **self.scope.model_dump(mode="json"),
            "to": self.to,
            "sign_offs": list(self.sign_offs),
            "until": self.until.isoformat(timespec="microseconds"),
            "reason": self.reason,
        }
        return _spell(DELEGATION, content, self.signer, self.seal)


Clinics = Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=100)]


class ProtocolStatement(InputModel):
    """The approval of exactly one version of a protocol for these clinics of an organisation by one person. It means
    `protocol_approved`."""

    organisation: Short
    protocol: Identifier
    version: Annotated[Whole, Field(ge=1)]
    digest: Sha256
    clinics: Clinics
    signer: Signer
    seal: SignatureHeader

    def signed_bytes(self) -> bytes:
        """The bytes the signature is made over."""
        content = {
            "organisation": self.organisation,
            "protocol": self.protocol,
            "version": self.version,
            "digest": self.digest,
            "clinics": list(self.clinics),
            "meaning": "protocol_approved",
        }
        return _spell(PROTOCOL, content, self.signer, self.seal)


class Approval(InputModel):
    """One person's signature under a protocol."""

    signer: Signer
    signature: Signature


class ProtocolApproval(InputModel):
    """The approval that lets a protocol carry the patients of these clinics: a medical director of each of them and a
    second licensed person signed it.

    With one signature it is begun and not valid yet. ``expires_at`` of the signatures is the review day, until which
    journeys may be started under it.
    """

    organisation: Short
    protocol: Identifier
    version: Annotated[Whole, Field(ge=1)]
    digest: Sha256
    clinics: Clinics
    approvals: Annotated[tuple[Approval, ...], Field(min_length=1, max_length=2)]

    def statement(self, approval: Approval) -> ProtocolStatement:
        """Return what one of the two signed."""
        return ProtocolStatement(
            organisation=self.organisation,
            protocol=self.protocol,
            version=self.version,
            digest=self.digest,
            clinics=self.clinics,
            signer=approval.signer,
            seal=approval.signature.seal,
        )


def signer_of(actor: Actor) -> Signer:
    """Return the actor as a signer.

    Raises:
        ValueError: they have no printed name or no licence.
    """
    if actor.name is None or actor.licence is None:
        raise ValueError("a signature shows a printed name and a licence")
    return Signer(id=actor.id, role=actor.role, name=actor.name, licence=actor.licence)


def _spell(domain: str, content: dict[str, Any], signer: Signer, seal: SignatureHeader) -> bytes:
    """Spell as canonical JSON. Times have microseconds and the offset +00:00; what is absent is null."""
    licence = signer.licence
    return canonical(
        {
            "domain": domain,
            **content,
            "signer": {
                "id": signer.id,
                "role": signer.role.value,
                "name": signer.name,
                "licence": {
                    "number": licence.number,
                    "states": list(licence.states),
                    "expires": licence.expires.isoformat(),
                },
            },
            "key_id": seal.key_id,
            "nonce": seal.nonce,
            "signed_at": seal.signed_at.isoformat(timespec="microseconds"),
            "expires_at": seal.expires_at.isoformat(timespec="microseconds"),
        }
    )
