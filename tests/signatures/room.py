"""What the tests of signatures share: people with keys, a register, and a decision to sign."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.signatures.keys import PrivateKey, key_id_of, new_seal, sign
from activities.signatures.register_changes import enrol, enter, revoke
from activities.signatures.register_file import publish
from activities.signatures.signer_registry import Register, SignerEntry, StaffEntry
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC, STAFF, member_of, scope_of
from simulation.people import ORGANISATION as INVENTED
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Role
from workflows.journey.vocabulary.signed_statement import (
    Approval,
    Meaning,
    ProtocolApproval,
    ProtocolStatement,
    Signature,
    Statement,
    signer_of,
)

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
ENROLLED = NOW - timedelta(days=30)
JOURNEY = UUID("11111111-1111-4111-8111-111111111111")
SCOPE = scope_of(JOURNEY).model_copy(update={"demonstration": False})
EVIDENCE = "e" * 64
CLIO = PEOPLE[Role.CLINICIAN]


def key_of(person: str, seed: int) -> PrivateKey:
    """An invented key that is the same in every run."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return PrivateKey(person, key_id_of(key.public_key().public_bytes_raw()), key)


ORGANISATION = key_of("demo-clinic", 200)
KEYS = {role: key_of(PEOPLE[role].id, seed) for seed, role in enumerate(CLINICAL, start=1)}
CLIO_KEY = KEYS[Role.CLINICIAN]


def entry(actor: Actor, key: PrivateKey, **changed: Any) -> SignerEntry:
    signer = signer_of(actor)
    fields: dict[str, Any] = {
        "person": signer.id,
        "role": signer.role,
        "printed_name": signer.name,
        "licence": signer.licence,
        "key_id": key.key_id,
        "public_key": key.public_key.hex(),
        "enrolled_at": ENROLLED,
        "enrolled_by": ("demo-security", "demo-practice-manager"),
    }
    return SignerEntry.model_validate(fields | changed)


def empty() -> Register:
    return Register(organisation=INVENTED, version=1, issued_at=ENROLLED)


def register(**changed: Any) -> Register:
    """All staff are entered, and everybody who decides is enrolled; ``changed`` is what differs for Clio."""
    by = ("demo-security", "demo-practice-manager")
    staff = [StaffEntry(member=member_of(each), printed_name=each.name or "x", entered_by=by) for each in STAFF]
    whole = enter(empty(), ENROLLED, clinics=(CLINIC, SECOND_CLINIC), staff=staff)
    for role, key in KEYS.items():
        whole = enrol(whole, entry(PEOPLE[role], key, **(changed if role == Role.CLINICIAN else {})))
    return whole


def revoked(at: datetime) -> Register:
    """The register in which Clio's key is revoked at a moment."""
    return revoke(register(), CLIO_KEY.key_id, at=at, because="computer lost", by="demo-security")


def published(whole: Register) -> bytes:
    return publish(whole, ORGANISATION)


def statement(**changed: Any) -> Statement:
    fields: dict[str, Any] = {
        "journey": JOURNEY,
        "scope": SCOPE,
        "request": "plan:1:abc",
        "decision": "approve",
        "meaning": Meaning.PLAN_APPROVED,
        "evidence": EVIDENCE,
        "choice": None,
        "rationale": "because “it” fits\n",
        "referral": None,
        "signer": signer_of(CLIO),
        "seal": new_seal(CLIO_KEY.key_id, NOW),
    }
    return Statement.model_validate(fields | changed)


def signed(**changed: Any) -> tuple[Statement, Signature]:
    """A decision of Clio's and her signature."""
    decided = statement(**changed)
    return decided, sign(CLIO_KEY, decided)


def approval(
    *roles: Role,
    digest: str = "d" * 64,
    at: datetime = NOW,
    days: int = 365,
    protocol: str = "ptsd-at-home",
    version: int = 3,
    clinics: tuple[str, ...] = (CLINIC,),
    organisation: str = INVENTED,
) -> ProtocolApproval:
    """A protocol approved by these two for these clinics."""
    approvals = []
    for role in roles:
        seal = new_seal(KEYS[role].key_id, at, timedelta(days=days))
        stated = ProtocolStatement(
            organisation=organisation,
            protocol=protocol,
            version=version,
            digest=digest,
            clinics=clinics,
            signer=signer_of(PEOPLE[role]),
            seal=seal,
        )
        approvals.append(Approval(signer=stated.signer, signature=sign(KEYS[role], stated)))
    return ProtocolApproval(
        organisation=organisation,
        protocol=protocol,
        version=version,
        digest=digest,
        clinics=clinics,
        approvals=tuple(approvals),
    )


LAST_DAY = date(2026, 11, 23)
