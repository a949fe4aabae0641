"""Proves from the record and the register alone that every recorded sign-off was signed by who it names.

Written from docs/signatures.md; no code is shared with the signing, the register or the checking while a journey
runs, so that a mistake there is not repeated here. The journey's own fold is used for one thing: to compute again
what evidence a decision was about. Needs no clock, no Temporal and no private key.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from activities.record.events import from_stored
from activities.record.record import Record, StoredEvent
from workflows.journey.journey import Journey, begin, evolve
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evidence import evidence_of

Reason: TypeAlias = Literal[
    "unreadable",
    "unsigned",
    "unknown_key",
    "bad_signature",
    "wrong_person",
    "wrong_role",
    "wrong_name",
    "wrong_licence",
    "wrong_meaning",
    "wrong_state",
    "wrong_evidence",
    "not_yet_valid",
    "expired",
    "valid_too_long",
    "licence_expired",
    "revoked",
    "recorded_after_revocation",
    "nonce_reused",
]

_SKEW = timedelta(minutes=2)
_LONGEST = timedelta(hours=1)
_DECISION = ("request", "decision", "meaning", "evidence", "choice", "rationale", "referral")
_ENTRY = ("person", "role", "printed_name", "licence", "key_id", "public_key", "enrolled_at", "enrolled_by")


class RegisterNotVerified(Exception):
    """The register is not the organisation's, or not readable: no sign-off can be judged by it."""


class Finding(NamedTuple):
    """One thing that is wrong with one recorded sign-off, or with an event that keeps one from being checked."""

    journey_id: UUID
    version: int
    position: int
    reason: Reason


async def verify_sign_offs(record: Record, register: bytes, organisation_public_key: bytes) -> tuple[Finding, ...]:
    """Check every sign-off in the record again, oldest first; nothing is found when all is well.

    ``register`` is the content of the newest register file: a revocation is a fact in time, and sign-offs made
    before it stay valid. Reads the log twice. It does not judge whether the record is whole (`record.verify` does).

    Raises:
        RegisterNotVerified: the register cannot be used.
        RecordUnavailable, RecordFault: as the record does.
    """
    keys = _keys(register, organisation_public_key)
    journeys: dict[UUID, None] = {}
    position = 0
    while page := await record.tail(position):
        position = page[-1].position
        journeys.update(dict.fromkeys(stored.journey_id for stored in page))
    found: list[Finding] = []
    nonces: list[tuple[int, UUID, int, str]] = []
    for journey_id in journeys:
        for stored, reason, nonce in _judge(await record.load(journey_id), keys):
            if reason is not None:
                found.append(Finding(journey_id, stored.version, stored.position, reason))
            if nonce is not None:
                nonces.append((stored.position, journey_id, stored.version, nonce))
    seen: set[str] = set()
    for at, journey_id, version, nonce in sorted(nonces):
        if nonce in seen:
            found.append(Finding(journey_id, version, at, "nonce_reused"))
        seen.add(nonce)
    return tuple(sorted(set(found), key=lambda finding: (finding.position, finding.reason)))


def _keys(register: bytes, organisation_public_key: bytes) -> dict[str, dict[str, Any]]:
    """The entries of the register by key id, once the organisation's signature over them has proved right."""
    try:
        file = json.loads(register)
        signed = _canonical({"domain": "care-pathway/register/1", "register": file["register"]})
        Ed25519PublicKey.from_public_bytes(organisation_public_key).verify(bytes.fromhex(file["signature"]), signed)
        entries = file["register"]["entries"]
        keys: dict[str, dict[str, Any]] = {}
        for entry in entries:
            if any(field not in entry for field in _ENTRY) or entry["key_id"] in keys:
                raise ValueError
            if len({entry["person"], *entry["enrolled_by"]}) == 3:
                keys[entry["key_id"]] = entry
    except InvalidSignature:
        raise RegisterNotVerified("The register is not signed by this organisation's key.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegisterNotVerified("The register is not readable.") from None
    return keys


def _judge(
    history: tuple[StoredEvent, ...], keys: dict[str, dict[str, Any]]
) -> Iterator[tuple[StoredEvent, Reason | None, str | None]]:
    """Go through one journey: each fault with its event, and the nonce of each signature."""
    journey: Journey | None = None
    for number, stored in enumerate(history):
        if stored.event_type == "signoff.signed":
            try:
                body = json.loads(stored.payload)["body"]
                signature = body.get("signature")
                if signature is None:
                    yield stored, "unsigned", None
                else:
                    faults = list(_faults(stored, body, signature, keys))
                    yield stored, None, str(signature["nonce"])
                    for fault in faults:
                        yield stored, fault, None
                for fault in _misfits(journey, stored, body):
                    yield stored, fault, None
            except Exception:  # a forged row can be wrong in any way, and must not end the check of the others
                yield stored, "unreadable", None
        try:
            event = from_stored(stored)
            if number == 0:
                journey = begin(event)
            elif journey is not None:
                journey = evolve(journey, event)
        except Exception:
            # What follows cannot be folded: no later sign-off of this journey can be told to rest on its evidence.
            journey = None
            yield stored, "unreadable", None


def _faults(
    stored: StoredEvent, body: dict[str, Any], signature: dict[str, Any], keys: dict[str, dict[str, Any]]
) -> Iterator[Reason]:
    """What is wrong with the signature, the signer or the times."""
    entry = keys.get(signature["key_id"])
    if entry is None:
        yield "unknown_key"
        return
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry["public_key"]))
        key.verify(bytes.fromhex(signature["value"]), _statement(stored, body, signature))
    except InvalidSignature:
        yield "bad_signature"
    printed: dict[Reason, bool] = {
        "wrong_person": stored.actor_id == entry["person"],
        "wrong_role": stored.actor_role == entry["role"],
        "wrong_name": body["name"] == entry["printed_name"],
        "wrong_licence": body["licence"] == entry["licence"],
    }
    yield from (reason for reason, holds in printed.items() if not holds)
    signed_at, expires_at = _time(signature["signed_at"]), _time(signature["expires_at"])
    decided_at = stored.occurred_at
    if signed_at - decided_at > _SKEW or signed_at < _time(entry["enrolled_at"]) or expires_at <= signed_at:
        yield "not_yet_valid"
    if decided_at > expires_at:
        yield "expired"
    if expires_at - signed_at > _LONGEST:
        yield "valid_too_long"
    last_day = datetime.combine(date.fromisoformat(entry["licence"]["expires"]), datetime.max.time(), tzinfo=UTC)
    if decided_at - last_day > timedelta(hours=12):
        yield "licence_expired"
    if entry.get("revoked_at") is not None:
        revoked_at = _time(entry["revoked_at"])
        if revoked_at <= max(signed_at, decided_at):
            yield "revoked"
        elif revoked_at <= stored.recorded_at:
            # The signer's and the worker's clocks can be made to lie; the record's own was after the revocation.
            yield "recorded_after_revocation"


def _misfits(journey: Journey | None, stored: StoredEvent, body: dict[str, Any]) -> Iterator[Reason]:
    """What does not agree with the journey as it was just before the decision."""
    if journey is None:
        yield "unreadable"
        return
    kind = SignOffKind(body["sign_off"])
    rule = journey.protocol.sign_offs[kind]
    fits: dict[Reason, bool] = {
        "wrong_evidence": body["evidence"] == evidence_of(journey, kind, body.get("subject")),
        "wrong_meaning": body["meaning"] == rule.meaning,
        "wrong_role": stored.actor_role in rule.roles,
        "wrong_state": journey.patient.state in body["licence"]["states"],
    }
    yield from (reason for reason, holds in fits.items() if not holds)


def _statement(stored: StoredEvent, body: dict[str, Any], signature: dict[str, Any]) -> bytes:
    """What must have been signed, as docs/signatures.md spells it."""
    licence = body["licence"]
    return _canonical(
        {
            "domain": "care-pathway/sign-off/1",
            "journey": str(stored.journey_id),
            **{name: body.get(name) for name in _DECISION},
            "signer": {
                "id": stored.actor_id,
                "role": stored.actor_role,
                "name": body["name"],
                "licence": {name: licence[name] for name in ("number", "states", "expires")},
            },
            "key_id": signature["key_id"],
            "nonce": signature["nonce"],
            "signed_at": _spelled(signature["signed_at"]),
            "expires_at": _spelled(signature["expires_at"]),
        }
    )


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _time(spelled: str) -> datetime:
    """A time as the record or the register spells it; one without an offset is none."""
    moment = datetime.fromisoformat(spelled)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)


def _spelled(spelled: str) -> str:
    return _time(spelled).isoformat(timespec="microseconds")
