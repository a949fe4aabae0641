"""Proves from the record and the register alone that every recorded sign-off was signed by who it names.

Written from docs/reference/signatures.md, as the program that goes with an export, from which it takes what both
need; no code is shared with the signing, the register or the checking while a journey runs, so that a mistake there is
not repeated here. The journey's own rules are used for what only they can tell: what evidence a decision was about, and
whose it was to make. Needs no clock, no Temporal and no private key.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from activities.record.stored import Log, StoredEvent
from activities.record.verification.effects import EFFECTS, EffectFault, find_unsigned
from activities.record.verification.verify_export import (
    DECISION,
    SIGNED,
    Keys,
    SessionFault,
    SignatureFault,
    canonical,
    decision_faults,
    delegated,
    moment,
    register_of,
    scope_of,
    session_faults,
    signed_bytes,
)
from workflows.journey.aggregate import Journey
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.events import Event
from workflows.journey.evidence import evidence_of, first_approval
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Actor, Licence, Role
from workflows.journey.vocabulary.calendars import LAST_DAY

Reason: TypeAlias = Literal[
    SignatureFault,
    SessionFault,
    EffectFault,
    "mislabelled",
    "unsigned",
    "wrong_meaning",
    "wrong_state",
    "wrong_evidence",
    "wrong_count",
    "not_theirs",
    "recorded_after_revocation",
    "nonce_reused",
]


class RegisterNotVerified(Exception):
    """The register is not signed by the organisation, or not readable: no sign-off can be checked with it."""


def trusted_keys(register: bytes, organisation_public_key: bytes) -> Keys:
    """Return the keys of a register file, after verifying the organisation's signature over it.

    Take the newest register: a revocation is a fact in time, and sign-offs made before it stay valid.

    Raises:
        RegisterNotVerified: the register cannot be used.
    """
    try:
        keys = register_of(register, organisation_public_key.hex())
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegisterNotVerified("The register is not readable.") from None
    if keys is None:
        raise RegisterNotVerified("The register is not signed by this organisation's key.")
    return keys


def is_put_back(register: bytes, newest: tuple[int, bytes]) -> bool:
    """Whether a register that was verified is older than the newest one that the record has seen (its version and the
    SHA-256 of what is signed in it), or another one of that version."""
    claimed = json.loads(register)["register"]
    found = claimed["version"], sha256(canonical({"domain": "care-pathway/register/1", "register": claimed})).digest()
    return found[0] < newest[0] or (found[0] == newest[0] and found != newest)


def is_sign_off(stored: StoredEvent, event: Event | None) -> bool:
    """Whether a row is a decision, or claims to be one. ``event`` is its parsed event, None when it cannot be read."""
    kind = _body(stored).get("kind") if event is None else event.body.kind
    return "signoff.signed" in (stored.event_type, kind)


def nonce(stored: StoredEvent, event: Event | None = None) -> str | None:
    """Return the nonce of the signature in a row, which no other row may have; None where there is none."""
    if event is not None and event.body.kind not in SIGNED:
        return None
    signature = _body(stored).get("signature")
    number = signature.get("nonce") if isinstance(signature, dict) else None
    return number if isinstance(number, str) else None


def check_session(
    journey: Journey | None, stored: StoredEvent, keys: Keys, proven: set[str], log: str | None
) -> Sequence[Reason]:
    """Return what is wrong with the proof of who did what a row says, given the journey as it was just before.

    ``proven`` are the commands of the journey that had a proof before; that of this row is added. The log is not
    compared where it is None.
    """
    if journey is None and stored.event_type != "pathway.started":
        return ()  # nothing was started: found otherwise
    try:
        payload = json.loads(stored.payload)
        body = payload["body"]
        event = {
            "journey_id": str(stored.journey_id),
            "event_id": str(stored.event_id),
            "command_id": str(stored.command_id),
            "actor_id": stored.actor_id,
            "actor_role": stored.actor_role,
            "occurred_at": stored.occurred_at.isoformat(),
            "causation_id": stored.causation_id,
        }
        clinic = body["clinic"] if journey is None else journey.clinic
        illustrative = payload["illustrative"] is True if journey is None else journey.illustrative
        return tuple(session_faults(event, payload, keys, proven, log=log, clinic=clinic, illustrative=illustrative))
    except Exception:  # a forged row can be wrong in any way, and must not stop the check of the others
        return ("unreadable",)


def check_event(
    journey: Journey | None, stored: StoredEvent, event: Event | None, keys: Keys, log: Log | None = None
) -> Sequence[Reason]:
    """Return what is wrong with one row of this log, each reason once, given the journey as it was just before.

    ``event`` is the parsed event, and None when the row cannot be read. It then counts as not having happened: judge
    the rows after it without it. What depended on it no longer fits and is found as well, so no row can hide those
    after it.
    """
    if event is not None and event.body.kind == stored.event_type and event.body.kind not in (*SIGNED, *EFFECTS):
        return ()
    found: list[Reason] = []
    try:
        # One by one, so that the reasons found before the row turns out unreadable are kept.
        for reason in _reasons(journey, stored, keys, log):
            found.append(reason)  # noqa: PERF402
    except Exception:  # a forged row can be wrong in any way, and must not stop the check of the others
        found.append("unreadable")
    if event is None and "unsigned" not in found:
        found.append("unreadable")
    return tuple(dict.fromkeys(found))


def _body(stored: StoredEvent) -> dict[str, Any]:
    """Return the content of a row, or an empty one: a forged row may hold anything."""
    try:
        payload = json.loads(stored.payload)
    except (ValueError, RecursionError):
        return {}
    body = payload.get("body") if isinstance(payload, dict) else None
    return body if isinstance(body, dict) else {}


def _reasons(journey: Journey | None, stored: StoredEvent, keys: Keys, log: Log | None) -> Iterator[Reason]:
    """Yield what is wrong with one row, given the journey as it was just before."""
    payload = json.loads(stored.payload)
    body = payload["body"]
    if body["kind"] != stored.event_type:
        yield "mislabelled"
    if body["kind"] in SIGNED and body.get("signature") is None:
        yield "unsigned"
    elif body["kind"] == "signoff.signed":
        yield from _find_faults("sign-off/2", {name: body.get(name) for name in DECISION}, stored, body, keys)
        yield from _find_misfits(journey, stored, body)
    elif body["kind"] == "signoff.delegated":
        yield from _find_faults("delegation/2", delegated(body), stored, body, keys)
        yield from _exceeds_right(journey, stored, body)
    elif body["kind"] in EFFECTS:
        yield from find_unsigned(journey, stored, payload, keys, log)


def _find_faults(
    what: str, content: dict[str, Any], stored: StoredEvent, body: dict[str, Any], keys: Keys
) -> Iterator[Reason]:
    """Yield what is wrong with the signature, the signer or the times of a decision or a delegation."""
    signature = body["signature"]
    signer = {"id": stored.actor_id, "role": stored.actor_role, "name": body["name"], "licence": body["licence"]}
    signed = signed_bytes(what, {"journey": str(stored.journey_id), **scope_of(body), **content}, signer, signature)
    found = list(decision_faults(signed, signer, signature, stored.occurred_at, keys))
    yield from found
    revoked_at = keys.get(signature["key_id"], {}).get("revoked_at")
    if revoked_at is not None and "revoked" not in found and moment(revoked_at) <= stored.recorded_at:
        # The clocks of the signer and the worker can be set back. The record's own clock was past the revocation.
        yield "recorded_after_revocation"


def _find_misfits(journey: Journey | None, stored: StoredEvent, body: dict[str, Any]) -> Iterator[Reason]:
    """Yield what contradicts the journey as it was just before the decision."""
    if journey is None:
        yield "unreadable"
        return
    kind, subject = SignOffKind(body["sign_off"]), body.get("subject")
    rule, both = journey.protocol.sign_offs[kind], cosigners(journey, kind)
    first = first_approval(journey, kind, subject)
    waits = body["decision"] == "approve" and first is None and bool(both)
    fits: dict[Reason, bool] = {
        "wrong_evidence": body["evidence"] == evidence_of(journey, kind, subject, first),
        "wrong_scope": body["scope"] == journey.scope.model_dump(mode="json"),
        "wrong_meaning": body["meaning"] == rule.meaning,
        "wrong_state": journey.patient.state in body["licence"]["states"],
        "wrong_count": body.get("first_of_two", False) is waits,
    }
    yield from (reason for reason, holds in fits.items() if not holds)
    at, roles = stored.occurred_at, rule.roles if first is None else both
    lent = any(
        given.to == stored.actor_id and kind in given.sign_offs and at < given.until and given.role in roles
        for given in journey.delegations.values()
    )
    # The licence is checked above. With one that fits, the remaining question is whose decision this was.
    fitting = Licence(number="any", states=(journey.patient.state,), expires=LAST_DAY)
    by = Actor(id=stored.actor_id, role=Role(stored.actor_role), name="any", licence=fitting)
    if by.role not in roles and not lent:
        yield "wrong_role"
    elif may_decide(journey, kind, subject, by, at, first) is not None:
        yield "not_theirs"


def _exceeds_right(journey: Journey | None, stored: StoredEvent, body: dict[str, Any]) -> Iterator[Reason]:
    """Whether somebody delegated what their own role may not decide, or what they may not decide where the patient
    is."""
    if journey is None:
        yield "unreadable"
        return
    if body["scope"] != journey.scope.model_dump(mode="json"):
        yield "wrong_scope"
    rules = [journey.protocol.sign_offs[SignOffKind(kind)] for kind in body["sign_offs"]]
    if any(stored.actor_role not in rule.roles for rule in rules):
        yield "wrong_role"
    if journey.patient.state not in body["licence"]["states"]:
        yield "wrong_state"
