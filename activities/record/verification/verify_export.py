"""Verify an exported journey, `python verify_export.py journey.zip ORGANISATION_KEY`, or a report of `record verify`,
`python verify_export.py report.json REPORT_KEY`.

For whoever was handed the file and trusts neither the service nor the clinic that sent it. It needs Python 3.11 and
the package `cryptography`, and shares no code with the service: what it checks is written down in the service's
FORMAT.md and docs/reference/signatures.md.

ORGANISATION_KEY is the public key of the organisation (64 hex digits). Get it from the organisation itself, not from
where you got the file: everything rests on it.

Of a report it checks that it is signed with that key, which whoever made the report has published, and prints it. What
the report says is theirs to answer for: it can be made again from the record.

Of a journey it checks that the events are in order and unchanged, each by its hash and the chain; that every decision
was signed by who it names, with a key the organisation's register knows, in time; and that what was signed is the
evidence in the file, word for word. It cannot see that newest events were left out, nor what the rules of the clinic
were.
Exit code 0: all of it holds. 1: it does not, and each thing that is wrong is printed; or a report is signed and says
that something was found or not checked. 2: it could not be checked.
"""

import base64
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DECISION = ("request", "decision", "meaning", "evidence", "choice", "rationale", "referral")
SKEW, LONGEST = timedelta(minutes=2), timedelta(hours=1)
ENTRY = ("person", "role", "printed_name", "licence", "key_id", "public_key", "enrolled_at", "enrolled_by")

Keys: TypeAlias = Mapping[str, dict[str, Any]]
"""The entries of a register that may be believed, by key id."""
SignatureFault: TypeAlias = Literal[
    "unknown_key",
    "bad_signature",
    "wrong_person",
    "wrong_role",
    "wrong_name",
    "wrong_licence",
    "not_yet_valid",
    "expired",
    "valid_too_long",
    "licence_expired",
    "revoked",
]
MEANINGS: Mapping[SignatureFault, str] = {
    "unknown_key": "the register does not have its key, or not two others enrolled it",
    "bad_signature": "the signature was not made with this key over this decision",
    "wrong_person": "the register has another person for this key",
    "wrong_role": "the register has another role for this key",
    "wrong_name": "the register has another name for this key",
    "wrong_licence": "the register has another licence for this key",
    "not_yet_valid": "it was signed before the key was enrolled, or after it was decided",
    "expired": "it was decided after the signature had expired",
    "valid_too_long": "the signature let itself be valid for more than an hour",
    "licence_expired": "the licence was over",
    "revoked": "the key had been revoked",
}


def canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def moment(spelled: str) -> datetime:
    found = datetime.fromisoformat(spelled)
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found.astimezone(UTC)


def integer(number: int) -> bytes:
    return number.to_bytes(8, signed=True, byteorder="big")


def instant(at: datetime) -> bytes:
    return integer((at - EPOCH) // timedelta(microseconds=1))


def hashed(*fields: bytes | None) -> bytes:
    digest = sha256()
    for field in fields:
        digest.update((-1 if field is None else len(field)).to_bytes(4, signed=True, byteorder="big"))
        digest.update(field or b"")
    return digest.digest()


def verified(public_key: str, value: str, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(value), signed)
    except InvalidSignature:
        return False
    return True


def spelled(moment_of: str) -> str:
    """A time as it is signed."""
    return moment(moment_of).isoformat(timespec="microseconds")


def register_of(content: bytes, organisation_key: str) -> Keys | None:
    """The keys of the register that two others enrolled, or None when the organisation did not sign it.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is no register.
    """
    file = json.loads(content)
    signed = canonical({"domain": "care-pathway/register/1", "register": file["register"]})
    if not verified(organisation_key, file["signature"], signed):
        return None
    keys: dict[str, dict[str, Any]] = {}
    for entry in file["register"]["entries"]:
        if any(field not in entry for field in ENTRY) or entry["key_id"] in keys:
            raise ValueError("not a register")
        if len({entry["person"], *entry["enrolled_by"]}) == 3:
            keys[entry["key_id"]] = entry
    return keys


def signed_bytes(what: str, content: dict[str, Any], signer: dict[str, Any], signature: dict[str, Any]) -> bytes:
    """What must have been signed, as docs/reference/signatures.md spells it."""
    licence = signer["licence"]
    return canonical(
        {
            "domain": f"care-pathway/{what}/1",
            **content,
            "signer": {
                "id": signer["id"],
                "role": signer["role"],
                "name": signer["name"],
                "licence": {name: licence[name] for name in ("number", "states", "expires")},
            },
            "key_id": signature["key_id"],
            "nonce": signature["nonce"],
            "signed_at": spelled(signature["signed_at"]),
            "expires_at": spelled(signature["expires_at"]),
        }
    )


def signature_faults(
    signed: bytes, signer: dict[str, Any], signature: dict[str, Any], at: datetime, keys: Keys
) -> Iterator[SignatureFault]:
    """What is wrong with any signature, by the entry of its key, for what took place at a moment."""
    entry = keys.get(signature["key_id"])
    if entry is None:
        yield "unknown_key"
        return
    if not verified(entry["public_key"], signature["value"], signed):
        yield "bad_signature"
    if signer["id"] != entry["person"]:
        yield "wrong_person"
    if signer["role"] != entry["role"]:
        yield "wrong_role"
    if signer["name"] != entry["printed_name"]:
        yield "wrong_name"
    if signer["licence"] != entry["licence"]:
        yield "wrong_licence"
    signed_at, expires_at = moment(signature["signed_at"]), moment(signature["expires_at"])
    if signed_at - at > SKEW or signed_at < moment(entry["enrolled_at"]) or expires_at <= signed_at:
        yield "not_yet_valid"
    if at > expires_at:
        yield "expired"


def decision_faults(
    signed: bytes, signer: dict[str, Any], signature: dict[str, Any], at: datetime, keys: Keys
) -> Iterator[SignatureFault]:
    """What is wrong with the signature, the signer or the times of a decision or a delegation."""
    yield from signature_faults(signed, signer, signature, at, keys)
    entry = keys.get(signature["key_id"])
    if entry is None:
        return
    signed_at = moment(signature["signed_at"])
    if moment(signature["expires_at"]) - signed_at > LONGEST:
        yield "valid_too_long"
    if entry["licence"] is not None and licence_over(entry["licence"], at):
        yield "licence_expired"
    if entry.get("revoked_at") is not None and moment(entry["revoked_at"]) <= max(signed_at, at):
        yield "revoked"


def licence_over(licence: dict[str, Any], at: datetime) -> bool:
    """Whether the last day of a licence was over everywhere."""
    last_day = datetime.combine(date.fromisoformat(licence["expires"]), datetime.max.time(), tzinfo=UTC)
    return at - last_day > timedelta(hours=12)


def chain_faults(journey_id: UUID, events: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """What is wrong with the events and the chain that binds them."""
    before, version = bytes(32), 0
    for event in events:
        version += 1
        payload = base64.b64decode(event["payload"])
        cause = event["causation_id"]
        content = hashed(
            b"carepath/event/1",
            journey_id.bytes,
            UUID(event["event_id"]).bytes,
            event["event_type"].encode(),
            integer(event["schema_version"]),
            instant(moment(event["occurred_at"])),
            event["actor_id"].encode(),
            event["actor_role"].encode(),
            UUID(event["command_id"]).bytes,
            None if cause is None else UUID(cause).bytes,
            payload,
        )
        before = hashed(b"carepath/journey/1", before, integer(version), content)
        if event["version"] != version:
            yield event["version"], "events are missing before it, or not in their order"
            version = event["version"]
        if content.hex() != event["content_hash"]:
            yield version, "the event is not what was recorded"
        if before.hex() != event["journey_hash"]:
            yield version, "the event does not follow from the one before it"
        before = bytes.fromhex(event["journey_hash"])


def sign_off_faults(
    journey_id: UUID, event: dict[str, Any], body: dict[str, Any], evidence: str | None, keys: Keys
) -> Iterator[str]:
    """What is wrong with one decision."""
    signature = body["signature"]
    signer = {"id": event["actor_id"], "role": event["actor_role"], "name": body["name"], "licence": body["licence"]}
    content = {"journey": str(journey_id), **{name: body.get(name) for name in DECISION}}
    signed = signed_bytes("sign-off", content, signer, signature)
    for fault in decision_faults(signed, signer, signature, moment(event["occurred_at"]), keys):
        yield MEANINGS[fault]
    if evidence is None or sha256(evidence.encode()).hexdigest() != body["evidence"]:
        yield "the evidence in this file is not what was signed"


def verify_report(path: str, report_key: str) -> int:
    """Print a report and whether it is signed; how many faults there are."""
    file = json.loads(Path(path).read_bytes())
    report = file["report"]
    if report["format"] != "care-pathway/report/1":
        raise ValueError("not a report of this format")
    print(json.dumps(report, indent=1, sort_keys=True))
    if not verified(report_key, file["signature"], canonical({"domain": report["format"], "report": report})):
        print("NOT SIGNED with this key: do not rely on it.")
        return 1
    print(f"SIGNED with this key. It says: {'verified' if report['verified'] else 'NOT VERIFIED'}.")
    return 0 if report["verified"] is True else 1


def verify(path: str, organisation_key: str) -> int:
    """Print what the file says and what is wrong with it; how many faults there are."""
    with zipfile.ZipFile(path) as bundle:
        journey = json.loads(bundle.read("journey.json"))
        register = bundle.read("register.json")
    if journey["format"] != "care-pathway/export/1":
        raise ValueError("not an export of this format")
    journey_id, events = UUID(journey["journey_id"]), journey["events"]
    faults = list(chain_faults(journey_id, events))
    keys = register_of(register, organisation_key)
    if keys is None:
        faults.append((0, "the register is not signed by this organisation; no decision can be believed"))
    decisions = 0
    nonces: list[str] = []
    for event in events:
        if event["event_type"] != "signoff.signed":
            continue
        body = json.loads(base64.b64decode(event["payload"]))["body"]
        evidence = journey["evidence"].get(str(event["version"]))
        found = [] if keys is None else list(sign_off_faults(journey_id, event, body, evidence, keys))
        if body["signature"]["nonce"] in nonces:
            found.append("its signature was used before")
        nonces.append(body["signature"]["nonce"])
        decisions += 1
        faults += [(event["version"], fault) for fault in found]
        print(
            f"version {event['version']}: {body['decision']} ({body['meaning']}) by {body['name']}, "
            f"{event['actor_role']}, {event['occurred_at']}: {'HOLDS' if keys and not found else 'DOES NOT HOLD'}"
        )
    for version, fault in faults:
        print(f"version {version}: {fault}" if version else fault)
    print(f"{len(events)} events, {decisions} decisions, {len(faults)} faults.")
    return len(faults)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__)
        sys.exit(2)
    try:
        check = verify if zipfile.is_zipfile(sys.argv[1]) else verify_report
        sys.exit(1 if check(sys.argv[1], sys.argv[2]) else 0)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        print(f"This cannot be checked: {type(error).__name__}.")
        sys.exit(2)
