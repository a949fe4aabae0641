"""Proves from the record and the register alone that what takes effect by a signature had it: that a session was
released, a hold ended, a stage entered, patients merged, a journey started on an approved protocol.

Whether the signatures themselves are right is found by `activities.record.verification.sign_offs`. No code is shared
with what checks while a journey runs, so that a mistake there is not repeated here; the journey's own rules are used
for what only they can tell: whose decision stands, and what a release needs.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from activities.record.stored import Log, StoredEvent
from activities.record.verification.verify_export import (
    Keys,
    canonical,
    is_elsewhere,
    licence_over,
    moment,
    signature_faults,
    signed_bytes,
)
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.evidence import is_approved, is_approved_by
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import list_exclusions
from workflows.journey.stages.sessions.dose_gate import dose_gate

EffectFault: TypeAlias = Literal[
    "unreadable",
    "wrong_scope",
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
EFFECTS = ("pathway.started", *_RELEASES, *_STEPS, *_MERGED)
"""Events that need that something was signed before."""
_ENTERED_BY = {
    "screening": SignOffKind.EVALUATION,
    "education": SignOffKind.ELIGIBILITY,
    "sessions": SignOffKind.PLAN,
    "follow_up": SignOffKind.PLAN,
}


def find_unsigned(
    journey: Journey | None, stored: StoredEvent, payload: dict[str, Any], keys: Keys, log: Log | None
) -> Iterator[EffectFault]:
    """Yield what one of EFFECTS lacks, given the journey as it was just before."""
    body = payload["body"]
    if body["kind"] == "pathway.started":
        yield from _start(stored, payload, keys, log)
    elif journey is None:
        yield "unreadable"
    elif body["kind"] in _RELEASES:
        yield from _release(journey, stored, body)
    elif body["kind"] in _MERGED and not _may_merge(journey, body):
        yield "merged_unsigned"
    elif body["kind"] in _STEPS and not _may_step(journey, body):
        yield "effect_unsigned"


def _for_risk(journey: Journey, body: dict[str, Any]) -> bool:
    """Whether what is released was held because of suicide risk."""
    hold = journey.holds.get(body.get("hold", ""))
    return hold is not None and hold.cause in RISK_CAUSES


def _release(journey: Journey, stored: StoredEvent, body: dict[str, Any]) -> Iterator[EffectFault]:
    """Yield what a release lacks: a signed decision it needs, or the one it names."""
    if body["kind"] in _SIGNED_FOR:
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


def _start(stored: StoredEvent, payload: dict[str, Any], keys: Keys, log: Log | None) -> Iterator[EffectFault]:
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
