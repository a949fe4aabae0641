"""Proves from the record and the register alone that every recorded sign-off was signed by who it names.

Written from docs/reference/signatures.md, as the program that goes with an export, from which it takes what both
need; no code is shared with the signing, the register or the checking while a journey runs, so that a mistake there is
not repeated here. The journey's own rules are used for what only they can
tell: what evidence a decision was about, whose it was to make, and what a release needs. Needs no clock, no Temporal
and no private key.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from activities.record.stored import Log, StoredEvent
from activities.record.verification.verify_export import (
    DECISION,
    SIGNED,
    Keys,
    SessionFault,
    SignatureFault,
    canonical,
    decision_faults,
    delegated,
    is_elsewhere,
    licence_over,
    moment,
    register_of,
    scope_of,
    session_faults,
    signature_faults,
    signed_bytes,
)
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.events import Event
from workflows.journey.evidence import evidence_of, first_approval, is_approved, is_approved_by
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import list_exclusions
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Actor, Licence, Role
from workflows.journey.vocabulary.calendars import LAST_DAY

Reason: TypeAlias = Literal[
    SignatureFault,
    SessionFault,
    "unreadable",
    "mislabelled",
    "unsigned",
    "wrong_meaning",
    "wrong_state",
    "wrong_evidence",
    "wrong_scope",
    "wrong_count",
    "not_theirs",
    "recorded_after_revocation",
    "nonce_reused",
    "released_unsigned",
    "gate_shut",
    "effect_unsigned",
    "merged_unsigned",
    "protocol_not_approved",
    "wrong_protocol",
]

_SIGNED_FOR = {
    "crisis.reached": (SignOffKind.CRISIS_REACHED,),
    "suicide-risk.signed": (SignOffKind.RISK_LEVEL, SignOffKind.RISK_DECISION),
    "death.entered-in-error": (SignOffKind.DEATH_CORRECTION,),
}
"""What counts by the approval it names, of one of these kinds."""
_RELEASES = ("hold.released", "crisis.closed", "session.released", *_SIGNED_FOR)
_MERGED = {"patient.merged": SignOffKind.PATIENT_MERGE, "patient.unmerged": SignOffKind.PATIENT_UNMERGE}
"""What two people sign about who is who."""
_STEPS = (
    "stage.entered", "session.ended", "death.confirmed", "watch.handed-over", "pathway.ending", "pathway.closed",
)  # fmt: skip
_JUDGED = ("pathway.started", *SIGNED, *_RELEASES, *_STEPS, *_MERGED)
_ENTERED_BY = {
    "screening": SignOffKind.EVALUATION,
    "education": SignOffKind.ELIGIBILITY,
    "sessions": SignOffKind.PLAN,
    "follow_up": SignOffKind.PLAN,
}


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
    if event is not None and event.body.kind == stored.event_type and event.body.kind not in _JUDGED:
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
    if body["kind"] == "pathway.started":
        yield from _start(stored, payload, keys, log)
    elif body["kind"] in SIGNED and body.get("signature") is None:
        yield "unsigned"
    elif body["kind"] == "signoff.signed":
        yield from _find_faults("sign-off/2", {name: body.get(name) for name in DECISION}, stored, body, keys)
        yield from _find_misfits(journey, stored, body)
    elif body["kind"] == "signoff.delegated":
        yield from _find_faults("delegation/2", delegated(body), stored, body, keys)
        yield from _exceeds_right(journey, stored, body)
    elif body["kind"] in _RELEASES:
        yield from _release(journey, stored, body)
    elif body["kind"] in _MERGED:
        if journey is None or not _may_merge(journey, body):
            yield "unreadable" if journey is None else "merged_unsigned"
    elif body["kind"] in _STEPS and (journey is None or not _may_step(journey, body)):
        yield "unreadable" if journey is None else "effect_unsigned"


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


def _for_risk(journey: Journey, body: dict[str, Any]) -> bool:
    """Whether what is released was held because of suicide risk."""
    hold = journey.holds.get(body.get("hold", ""))
    return hold is not None and hold.cause in RISK_CAUSES


def _release(journey: Journey | None, stored: StoredEvent, body: dict[str, Any]) -> Iterator[Reason]:
    """Yield what a release lacks: a signed decision it needs, or the one it names."""
    if journey is None:
        yield "unreadable"
    elif body["kind"] in _SIGNED_FOR:
        made = [s for s in journey.sign_offs if s.request == body["sign_off"] and not s.first_of_two]
        if not any(s.decision == "approve" and s.kind in _SIGNED_FOR[body["kind"]] for s in made[-1:]):
            yield "released_unsigned"
    elif body["kind"] == "crisis.closed" or _for_risk(journey, body):
        # Closing one crisis after the other changes what the decision was about: it is found by its request.
        signed = next((s for s in reversed(journey.sign_offs) if s.request == body["sign_off"]), None)
        choices = ("settled",) if body["kind"] == "hold.released" else ("settled", "handed_over")
        if (
            signed is None
            or (signed.kind, signed.decision, signed.first_of_two) != (SignOffKind.RISK_DECISION, "approve", False)
            or signed.choice not in choices
        ):
            yield "released_unsigned"
    elif body["kind"] == "hold.released":
        hold = journey.holds.get(body["hold"])
        severe = hold is not None and hold.severe
        kind = SignOffKind.SEVERE_HOLD_RELEASE if severe else SignOffKind.HOLD_RELEASE
        if not is_approved_by(journey, kind, body["hold"], body["sign_off"]):
            yield "released_unsigned"
    else:
        needed = [SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN]
        if list_exclusions(journey, "review"):
            needed.append(SignOffKind.EXCLUSION_REVIEW)
        cleared = is_approved_by(journey, SignOffKind.CLEARANCE, str(body["session"]), body["clearance"])
        if not cleared or not all(is_approved(journey, kind) for kind in needed):
            yield "released_unsigned"
        elif dose_gate(journey, body["session"], stored.occurred_at):
            yield "gate_shut"


def _may_merge(journey: Journey, body: dict[str, Any]) -> bool:
    """Whether two people signed that exactly this other reference is the patient too, or is not."""
    merge = journey.merges.get(body["merge"])
    signed = is_approved_by(journey, _MERGED[body["kind"]], body["merge"], body["sign_off"])
    return signed and merge is not None and merge.other == body["other"]


def _may_step(journey: Journey, body: dict[str, Any]) -> bool:
    """Whether a journey had the signed decision that is needed to go on, or to end this way."""
    last = journey.sign_offs[-1] if journey.sign_offs else None
    made = last is not None and not last.first_of_two and not last.withdrawn
    kind, choice = (last.kind, last.choice) if last is not None and made else (None, None)
    approves, declines = (made and last is not None and last.decision == word for word in ("approve", "decline"))
    match body:
        case {"kind": "stage.entered", "stage": "follow_up"} if approves and choice == "stop":
            return kind == SignOffKind.RESPONSE_REVIEW
        case {"kind": "stage.entered", "stage": stage}:
            return stage in _ENTERED_BY and is_approved(journey, _ENTERED_BY[stage])
        case {"kind": "pathway.closed", "outcome": outcome}:
            return journey.closing is not None and journey.closing.outcome == outcome
        case {"outcome": "completed"}:
            return approves and kind == SignOffKind.DISCHARGE
        case {"kind": "death.confirmed", "death": death}:
            return is_approved(journey, SignOffKind.DEATH, death)
        case {"kind": "session.ended", "criteria": criteria} if not criteria or not all(criteria.values()):
            return approves and kind in (SignOffKind.END_DECISION, SignOffKind.HANDOVER)
        case {"kind": "session.ended"}:
            return True
        case {"kind": "watch.handed-over"}:
            return approves and kind in (SignOffKind.HANDOVER, SignOffKind.LOST_TO_FOLLOW_UP)
        case {"outcome": "deceased"}:
            return approves and kind == SignOffKind.DEATH
        case {"outcome": "lost_to_follow_up"}:
            return approves and kind == SignOffKind.LOST_TO_FOLLOW_UP
        case {"outcome": "in_clinic"}:
            return approves and choice in ("in_clinic", "switch_to_in_clinic")
        case {"outcome": "ineligible"}:
            of_patient = kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY)
            return (approves and choice == "neither") or (declines and of_patient)
    return True  # ended by a person's command: it needs no signature


def _start(stored: StoredEvent, payload: dict[str, Any], keys: Keys, log: Log | None) -> Iterator[Reason]:
    """Yield what is wrong with a start: another protocol than it names, one not approved for patients, or another
    organisation or log; or a demonstration where there are none."""
    body = payload["body"]
    digest = sha256(canonical(body["protocol"])).hexdigest()
    if body["protocol_digest"] != digest:
        yield "wrong_protocol"
    if payload["illustrative"] is True:
        if log is not None and not log.demonstration:
            yield "wrong_scope"
        return
    if is_elsewhere(body, keys, log and log.name):
        yield "wrong_scope"
    try:
        fit = body["clinic"] in body["approval"]["clinics"] and _is_approved(
            body["approval"], body["protocol"], digest, stored.occurred_at, keys
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        fit = False
    if not fit:
        yield "protocol_not_approved"


def _is_approved(approval: dict[str, Any], protocol: dict[str, Any], digest: str, at: datetime, keys: Keys) -> bool:
    """Whether two people, one of them a medical director, had approved exactly this protocol for this moment. Of which
    clinic they are director is judged when the start is recorded."""
    content = {name: approval[name] for name in ("protocol", "version", "digest")}
    organisation = approval["organisation"]
    signers = [signed["signer"] for signed in approval["approvals"]]
    signatures = [signed["signature"] for signed in approval["approvals"]]
    if content != {"protocol": protocol["id"], "version": protocol["version"], "digest": digest}:
        return False
    if not len(signers) == len({s["id"] for s in signers}) == len({s["key_id"] for s in signatures}) == 2:
        return False
    if all(signer["role"] != "medical_director" for signer in signers):
        return False
    for signer, signature in zip(signers, signatures, strict=True):
        what = {**content, "organisation": organisation, "clinics": approval["clinics"], "meaning": "protocol_approved"}
        signed = signed_bytes("protocol/2", what, signer, signature)
        if any(signature_faults(signed, signer, signature, at, keys)):
            return False
        # An approval is valid until it expires, even if a key is revoked or a licence ends after it was given.
        entry, signed_at = keys[signature["key_id"]], moment(signature["signed_at"])
        revoked_at = entry.get("revoked_at")
        if (
            entry["organisation"] != organisation
            or entry["licence"] is None
            or licence_over(entry["licence"], signed_at)
            or (revoked_at is not None and moment(revoked_at) <= signed_at)
        ):
            return False
    return True
