"""Verify an exported journey, `python verify_export.py journey.zip ORGANISATION_KEY ANCHOR_KEY`, or a report of
`record verify`, `python verify_export.py report.json REPORT_KEY`.

For whoever was handed the file and trusts neither the service nor the clinic that sent it. It needs Python 3.11 and the
package `cryptography`, and shares no code with the service: what it checks is written down in the service's FORMAT.md
and docs/reference/signatures.md. It is one file on purpose: it travels with what it verifies. Take this program from
the service's source, too, if you do not trust the one in the file.

ORGANISATION_KEY and ANCHOR_KEY are public keys of the organisation (64 hex digits): the one its register of signers is
signed with, and the one its service signs exports and anchors of the record with. Get them from the organisation
itself, not from where you got the file: everything rests on them.

Of a report it checks that it is signed with that key, which whoever made the report has published, and prints it. What
the report says is theirs to answer for: it can be made again from the record.

Of a journey it checks that the file is, to the letter, what the service exported: which log it is of, up to which
event, with which register; that the events are in order and unchanged, each by its hash and the chain; that every
decision and delegation was signed by who it names, with a key the organisation's register knows, in time, and where
that is a passkey, at an address of the organisation, by somebody who was verified there; that what was decided on is
the evidence in the file, word for word; that whoever else acted had a working session; that each event names the
command it followed from, which is in the file, of the same person and the same time; and that no signature had expired
when its decision was recorded. It cannot see what was recorded after the export. Nor does it know the rules by which an
event follows from its command: it says which build decided that, and that build can derive it again.
Exit code 0: all of it holds. 1: it does not, and each thing that is wrong is printed; or a report is signed and says
that something was found or not checked. 2: it could not be checked, or not all of it. Nothing is printed as the file
has it: what could not be seen, or would move the text around it, is spelled as \\u{…}.
"""

import sys

try:
    import base64
    import json
    import zipfile
    import zlib
    from collections.abc import Iterator, Mapping
    from datetime import UTC, date, datetime, timedelta
    from hashlib import sha256
    from io import BytesIO
    from pathlib import Path
    from typing import Any, Literal, TypeAlias
    from urllib.parse import urlsplit
    from uuid import UUID, uuid5

    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    from cryptography.hazmat.primitives.hashes import SHA256
except ImportError as missing:  # Python would exit with 1, which means that something is wrong with the file
    if __name__ != "__main__":
        raise
    print(f"This cannot be checked here: {missing.name} is missing. Use Python 3.11, with the package cryptography.")
    sys.exit(2)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DECISION = ("request", "decision", "meaning", "evidence", "choice", "rationale", "referral")
SIGNED = ("signoff.signed", "signoff.delegated")
SKEW, LONGEST, SESSION = timedelta(minutes=2), timedelta(hours=1), timedelta(hours=12)
LATE = COUNTS_FOR = timedelta(minutes=5)
SCOPE = ("organisation", "log", "demonstration", "clinic", "patient", "state")
"""Where and for whom a signature counts."""
ENTRY = ("person", "role", "printed_name", "licence", "key_id", "public_key", "enrolled_at", "enrolled_by")
SERVICE = ("service", "ways", "key_id", "public_key", "enrolled_at", "enrolled_by")

Keys: TypeAlias = Mapping[str, dict[str, Any]]
"""The entries of a register that may be believed, by key id."""
SignatureFault: TypeAlias = Literal[
    "unknown_key",
    "bad_signature",
    "wrong_origin",
    "user_not_verified",
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
    "wrong_origin": "the passkey was used on a page of an address that is not the organisation's",
    "user_not_verified": "the passkey did not verify that its owner was there",
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

SessionFault: TypeAlias = Literal[
    "unproven",
    "session_unknown_key",
    "session_forged",
    "session_of_another",
    "session_elsewhere",
    "session_not_let_in",
    "session_at_another_time",
    "session_revoked",
    "proof_forged",
    "proof_copied",
    "proof_at_another_time",
]
SESSIONS: Mapping[SessionFault, str] = {
    "unproven": "nothing proves who sent the command",
    "session_unknown_key": "the register does not have the key that opened the session, or not two others enrolled it",
    "session_forged": "the session was not signed with the key it names",
    "session_of_another": "the session is another person's, or for another role",
    "session_elsewhere": "the session is for another organisation, log or clinic",
    "session_not_let_in": "the register has no service that lets in this person in this way",
    "session_at_another_time": "the session was not open then, or lasted longer than one may",
    "session_revoked": "the key that opened the session had been revoked",
    "proof_forged": "the command was not signed by the key of the session",
    "proof_copied": "the proof does not stand in the first event of its command",
    "proof_at_another_time": "the command says that it was sent in the future, or before or after its session",
}
WITHOUT_SESSION = (
    "hold.placed", "adverse-event.reported", "support.requested", "session.dosed", "death.reported",
    "death.doubted", "access.glass-broken", "crisis.opened", "care-team.stranger-heard", "command.refused",
    "signoff.signed", "signoff.delegated", "care-team.updated", "report.kept", "report.repeated",
)  # fmt: skip
"""Kinds of events that need no session: what anybody may report, what is signed by itself, what the register says."""
LET_IN = ("patient", "observer")

FORMAT = "care-pathway/export/3"
FILES = ("journey.json", "register.json")
FILE_LIMIT, CONTENT_LIMIT = 128 * 1024 * 1024, 512 * 1024 * 1024
"""Bytes of a file, and of what is packed in it."""
PAYLOAD_LIMIT = 1024 * 1024
"""Bytes of what one event holds."""
MEMORY_LIMIT = 4 * 1024 * 1024 * 1024
"""Bytes that this program takes at most, where the system can be told so: what is packed small may unfold large."""
MOST_ENTRIES, MOST_EVENTS, MOST_TOLD, LONGEST_SHOWN = 16, 500_000, 1000, 200
_BLANK = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufffc\U00016fe4\U0001d159"
"""What cannot be seen, although Unicode counts it among letters, marks and symbols."""


class NotCheckable(Exception):
    """The file, or a part of it, cannot be checked; the text says why, and holds nothing of the file."""


class NotOpened(Exception):
    """An event does not open with the key beside it."""


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


def passkey_fault(
    entry: Mapping[str, Any], value: str, assertion: Mapping[str, Any], signed: bytes
) -> Literal["bad_signature", "wrong_origin", "user_not_verified"] | None:
    """Why a passkey did not sign this; None when it did (WebAuthn, 7.2)."""
    rp_id = entry["passkey"]["rp_id"]
    seen, said = bytes.fromhex(assertion["authenticator_data"]), bytes.fromhex(assertion["client_data"])
    page = json.loads(said.decode())
    challenge = base64.urlsafe_b64encode(sha256(signed).digest()).rstrip(b"=").decode()
    if page["type"] != "webauthn.get" or page["challenge"] != challenge or page.get("crossOrigin", False) is not False:
        return "bad_signature"
    if page["origin"] not in entry["origins"]:
        return "wrong_origin"
    host = urlsplit(page["origin"]).hostname or ""
    if not (host == rp_id or host.endswith(f".{rp_id}")):
        return "wrong_origin"
    if seen[:32] != sha256(rp_id.encode()).digest():
        return "wrong_origin"
    present, verified_there, enrolls, extended = (seen[32] & bit for bit in (0x01, 0x04, 0x40, 0x80))
    if not present or not verified_there:
        return "user_not_verified"
    if enrolls or len(seen) < 37 or (len(seen) > 37 and not extended):
        return "bad_signature"
    made_over = seen + sha256(said).digest()
    try:
        key = cose_key(bytes.fromhex(entry["public_key"]))
        if isinstance(key, Ed25519PublicKey):
            key.verify(bytes.fromhex(value), made_over)
        else:
            key.verify(bytes.fromhex(value), made_over, ECDSA(SHA256()))
    except InvalidSignature:
        return "bad_signature"
    return None


def cose_key(cose: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    """A public key in COSE, spelled in the one way of docs/reference/signatures.md.

    Raises:
        ValueError: it is none.
    """
    if len(cose) == 42 and cose[:10] == bytes.fromhex("a4010103272006215820"):
        return Ed25519PublicKey.from_public_bytes(cose[10:])
    if len(cose) == 77 and cose[:10] == bytes.fromhex("a5010203262001215820") and cose[42:45] == b"\x22\x58\x20":
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + cose[10:42] + cose[45:])
    raise ValueError("no public key")


def value_fault(
    entry: Mapping[str, Any], signature: Mapping[str, Any], signed: bytes
) -> Literal["bad_signature", "wrong_origin", "user_not_verified"] | None:
    """Why the key of an entry did not sign this, whichever kind of key it is; None when it did."""
    assertion, passkey = signature.get("assertion"), entry.get("passkey")
    if (assertion is None) != (passkey is None):
        return "bad_signature"
    if assertion is None:
        return None if verified(entry["public_key"], signature["value"], signed) else "bad_signature"
    try:
        return passkey_fault(entry, signature["value"], assertion, signed)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return "bad_signature"


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
    for entry in file["register"].get("services", ()):
        if any(field not in entry for field in SERVICE) or entry["key_id"] in keys:
            raise ValueError("not a register")
        if len({entry["service"], *entry["enrolled_by"]}) == 3:
            keys[entry["key_id"]] = entry
    of_all = {"organisation": file["register"]["organisation"], "origins": file["register"].get("origins", ())}
    return {key_id: {**entry, **of_all} for key_id, entry in keys.items()}


def age_of(content: bytes) -> str:
    """Which register it is: one that is older than the organisation's newest may lack that a key was revoked."""
    register = json.loads(content)["register"]
    version, issued = shown(register["version"]), shown(register["issued_at"])
    return f"Keys are those of the organisation's register version {version}, issued at {issued}."


def signed_bytes(what: str, content: dict[str, Any], signer: dict[str, Any], signature: dict[str, Any]) -> bytes:
    """What must have been signed, as docs/reference/signatures.md spells it."""
    licence = signer["licence"]
    return canonical(
        {
            "domain": f"care-pathway/{what}",
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
    if entry is None or "service" in entry:
        yield "unknown_key"
        return
    fault = value_fault(entry, signature, signed)
    if fault is not None:
        yield fault
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
    if entry is None or "service" in entry:
        return
    signed_at = moment(signature["signed_at"])
    if moment(signature["expires_at"]) - signed_at > LONGEST:
        yield "valid_too_long"
    if entry["licence"] is not None and licence_over(entry["licence"], at):
        yield "licence_expired"
    if entry.get("revoked_at") is not None and moment(entry["revoked_at"]) <= max(signed_at, at):
        yield "revoked"


def session_faults(
    event: Mapping[str, Any],
    payload: Mapping[str, Any],
    keys: Keys,
    proven: set[str],
    *,
    log: str | None,
    clinic: str | None,
    illustrative: bool,
) -> Iterator[SessionFault]:
    """What is wrong with the proof of who sent the command that an event came of, in a journey of this clinic. The log
    is not compared where it is None. ``proven`` are the commands of the journey that had a proof before; this one is
    added."""
    proof, command = payload.get("proof"), event["command_id"]
    if proof is None:
        by_person = event["actor_role"] != "system" and event["causation_id"] is None
        needed = by_person and not illustrative and payload["body"]["kind"] not in WITHOUT_SESSION
        if needed and command not in proven:
            yield "unproven"
        return
    proven.add(command)
    session, at, sent_at = proof["session"], moment(event["occurred_at"]), payload.get("sent_at")
    said = {name: session[name] for name in ("organisation", "log", "person", "role", "purpose", "session_key")}
    said |= {"clinics": list(session["clinics"]), "key_id": session["key_id"], "let_in_by": session["let_in_by"]}
    said |= {name: spelled(session[name]) for name in ("begins", "ends")}
    signed = canonical(
        {
            "domain": "care-pathway/command/2",
            "session": sha256(canonical({**said, "value": session["value"]})).hexdigest(),
            "journey": event["journey_id"],
            "command": command,
            "digest": payload["command_digest"],
            "sent_at": None if sent_at is None else spelled(sent_at),
        }
    )
    if not verified(session["session_key"], proof["value"], signed):
        yield "proof_forged"
    if event["event_id"] != str(uuid5(UUID(event["journey_id"]), f"{command}:0")):
        yield "proof_copied"
    if (session["person"], session["role"]) != (acting(event, payload), event["actor_role"]):
        yield "session_of_another"
    entry = keys.get(session["key_id"])
    if entry is None:
        yield "session_unknown_key"
        return
    if value_fault(entry, session, canonical({"domain": "care-pathway/session/1", **said})) is not None:
        yield "session_forged"
    way = session["let_in_by"]
    if "service" not in entry:
        if way is not None:
            yield "session_not_let_in"
        if (session["person"], session["role"]) != (entry["person"], entry["role"]):
            yield "session_of_another"
    elif way not in entry["ways"] or not (illustrative if way == "demonstration" else session["role"] in LET_IN):
        yield "session_not_let_in"
    here = session["role"] in LET_IN or clinic in session["clinics"]
    if session["organisation"] != entry["organisation"] or log not in (None, session["log"]) or not here:
        yield "session_elsewhere"
    begins, ends = moment(session["begins"]), moment(session["ends"])
    if begins - at > SKEW or begins < moment(entry["enrolled_at"]) or at - ends >= SKEW or ends - begins > SESSION:
        yield "session_at_another_time"
    if sent_at is not None and (not begins - SKEW <= moment(sent_at) < ends or moment(sent_at) - at > SKEW):
        yield "proof_at_another_time"
    if entry.get("revoked_at") is not None:
        revoked_at = moment(entry["revoked_at"])
        if revoked_at <= begins or at - revoked_at >= SKEW:
            yield "session_revoked"


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


def command_faults(
    commands: list[dict[str, Any]],
    events: list[dict[str, Any]],
    contents: list[dict[str, Any]],
    builds: dict[tuple[str, str], int],
) -> Iterator[tuple[int, str]]:
    """What is wrong with the commands that the events followed from. ``builds`` gets of each build that decided any how
    many events came of that."""
    unnamed = {event["version"]: (event, content) for event, content in zip(events, contents, strict=True)}
    for command in commands:
        first, payload = command["version"], base64.b64decode(command["payload"])
        named = sha256(payload).hexdigest()
        kept = json.loads(payload)
        sent, by = kept["decided"]["command"], kept["by"]
        said = (sent["actor"]["id"], sent["actor"]["role"], moment(kept["decided"]["at"]))
        gave = [unnamed.pop(version, None) for version in range(first, first + min(command["events"], MOST_EVENTS))]
        if not gave or None in gave:
            yield first, "a command is here that did not give these events"
            return
        for event, content in (each for each in gave if each is not None):
            if content.get("decision") != named:
                yield event["version"], "the command is not the one that the event names"
            elif (acting(event, content), event["actor_role"], moment(event["occurred_at"])) != said:
                yield event["version"], "the command is of another person or another time than the event"
        if gave[0] is not None and is_untimely(kept["decided"], gave[0][1]):
            yield first, "the command was sent much earlier than it was taken, or later"
        builds[by["core"], by["zones"]] = builds.get((by["core"], by["zones"]), 0) + len(gave)
    yield from ((version, "the command that the event followed from is missing") for version in unnamed)


def is_untimely(decided: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether the first event of a command stands although the command came long after it was sent, or names another
    time than the command. What anybody may send counts all the same."""
    sent_at, at = decided["command"].get("sent_at"), moment(decided["at"])
    said = content.get("sent_at")
    if (sent_at and moment(sent_at)) != (said and moment(said)):
        return True
    if sent_at is None or content["body"]["kind"] in WITHOUT_SESSION:
        return False
    taken_at = at if decided.get("taken_at") is None else moment(decided["taken_at"])
    return taken_at > at or not -SKEW <= taken_at - moment(sent_at) <= COUNTS_FOR


def acting(event: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Who did it: a patient and an observer are named in what the event holds."""
    named: str = content.get("actor", event["actor_id"])
    return named


def sent_or_decided(event: Mapping[str, Any], content: Mapping[str, Any]) -> datetime:
    """When the command was sent that an event came of, if it says so; otherwise when it was decided."""
    at = moment(event["occurred_at"])
    try:
        return min(at, moment(content["sent_at"]))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        return at


def time_faults(event: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the times of an event in a log that is no demonstration."""
    if moment(event["occurred_at"]) > moment(event["recorded_at"]):
        yield "the event is dated after it was recorded"
    if event["event_type"] in SIGNED:
        signature = content["body"]["signature"]
        if moment(event["recorded_at"]) > moment(signature["expires_at"]):
            yield "it was recorded after its signature had expired"


def opened(journey_id: UUID, event: Mapping[str, Any]) -> bytes:
    """What an event holds, decrypted with the key beside it. A hash of the key stands with what is stored, and the
    chain covers that: so no other key opens it, and it says nothing else.

    Raises:
        NotOpened: this is not the key, or something was altered.
    """
    sealed, key = base64.b64decode(event["payload"]), bytes.fromhex(event["key"])
    place = int(event["log_id"]).to_bytes(2, "big") + journey_id.bytes + UUID(event["event_id"]).bytes
    try:
        if sealed[:1] != b"\x01" or sealed[17:49] != sha256(b"carepath/part-key-hash/1\0" + key).digest():
            raise ValueError
        unpacking = zlib.decompressobj()
        clear = unpacking.decompress(AESSIV(key).decrypt(sealed[49:], [sealed[:49], place]), PAYLOAD_LIMIT)
        if not unpacking.eof:
            raise ValueError
    except (InvalidTag, ValueError, zlib.error):
        raise NotOpened from None
    return clear


def signed_faults(
    journey_id: UUID, event: dict[str, Any], body: dict[str, Any], evidence: str | None, keys: Keys
) -> Iterator[str]:
    """What is wrong with one decision or delegation."""
    signature = body["signature"]
    signer = {"id": event["actor_id"], "role": event["actor_role"], "name": body["name"], "licence": body["licence"]}
    decision = body["kind"] == "signoff.signed"
    content = {name: body.get(name) for name in DECISION} if decision else delegated(body)
    what = "sign-off/2" if decision else "delegation/2"
    signed = signed_bytes(what, {"journey": str(journey_id), **scope_of(body), **content}, signer, signature)
    for fault in decision_faults(signed, signer, signature, moment(event["occurred_at"]), keys):
        yield MEANINGS[fault]
    if decision and (evidence is None or sha256(evidence.encode()).hexdigest() != body["evidence"]):
        yield "the evidence in this file is not what was signed"


def scope_of(body: dict[str, Any]) -> dict[str, Any]:
    """Where and for whom a decision or delegation was signed."""
    return {name: body["scope"][name] for name in SCOPE}


def is_elsewhere(opening: Mapping[str, Any], keys: Keys, log: str | None) -> bool:
    """Whether a journey that opens like this is of another organisation than the register's, or of another log, where
    one is given."""
    return log not in (None, opening["log"]) or any(e["organisation"] != opening["organisation"] for e in keys.values())


def is_out_of_scope(body: Mapping[str, Any], opening: Mapping[str, Any], illustrative: bool) -> bool:
    """Whether a decision or delegation was signed for another journey than one that opens like this, or where its
    signer has no licence."""
    here = {name: opening[name] for name in ("organisation", "log", "clinic")}
    here |= {"demonstration": illustrative, "patient": opening["patient"]["ref"]}
    scope = body["scope"]
    return {**scope, **here} != scope or scope["state"] not in body["licence"]["states"]


def delegated(body: dict[str, Any]) -> dict[str, Any]:
    """What of a delegation is signed."""
    lent = {"to": body["to"], "sign_offs": body["sign_offs"], "reason": body["reason"]}
    return {**lent, "until": spelled(body["until"])}


def shown(value: object) -> str:
    """A value of the file as it is printed: in one line, not too long, and with nothing in it that a terminal obeys,
    that hides, or that turns the direction of writing."""
    text = str(value)
    cut = f"{text[:LONGEST_SHOWN]}…" if len(text) > LONGEST_SHOWN else text
    return "".join(f"\\u{{{ord(letter):04x}}}" if _hides(letter) else letter for letter in cut)


def _hides(letter: str) -> bool:
    """Whether a terminal does not show this as a letter of its own."""
    selects = any(first <= letter <= last for first, last in ("\u180b\u180f", "\ufe00\ufe0f", "\U000e0000\U000e0fff"))
    return selects or letter in _BLANK or not letter.isprintable()


def head_faults(files: Mapping[str, bytes], signed: Mapping[str, Any] | None, anchor_key: str) -> Iterator[str]:
    """What is wrong with the signature over the whole file."""
    if signed is None:
        yield "nobody signed this file: its events may have been made anew, or some left out"
        return
    head = signed["head"]
    if not verified(anchor_key, signed["signature"], canonical({"domain": FORMAT, "head": head})):
        yield "the file is not signed with this anchor key: its events may have been made anew, or some left out"
    for name, content in files.items():
        if head["files"].get(name) != sha256(content).hexdigest():
            yield f"{name} is not what was exported"


def last_faults(journey: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[str]:
    """What of the events is not what the signed head says."""
    last = journey["events"][-1]
    named = (journey["journey_id"], last["version"], last["journey_hash"], last["position"])
    if (head["journey_id"], head["version"], head["journey_hash"], head["position"]) != named:
        yield "the last event is not the one that the signature names"


def read(path: str) -> bytes:
    """The content of a file of a size that an export can have."""
    with Path(path).open("rb") as file:
        content = file.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise NotCheckable("it is larger than an export or a report can be")
    return content


def bound_memory() -> None:
    """Have a file that unfolds into more than `MEMORY_LIMIT` be one that could not be checked."""
    try:
        import resource  # noqa: PLC0415 - not on every system

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = min(each for each in (MEMORY_LIMIT, soft, hard) if each != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    except (ImportError, AttributeError, ValueError, OSError):
        return  # This system cannot be told so, and the file is checked without it.


def unpacked(content: bytes) -> dict[str, bytes]:
    """The files in an export, each named once and of a size that it can have."""
    with zipfile.ZipFile(BytesIO(content)) as bundle:
        names = bundle.namelist()
        if len(names) > MOST_ENTRIES or len({*names}) != len(names):
            raise NotCheckable("it holds other files than an export has, or two of one name")
        found = {}
        for name in (*FILES, "signature.json"):
            if name not in names:
                continue
            with bundle.open(name) as file:
                found[name] = file.read(CONTENT_LIMIT + 1)
            if len(found[name]) > CONTENT_LIMIT:
                raise NotCheckable(f"{name} is larger than it can be")
    if any(name not in found for name in FILES):
        raise NotCheckable("it is no export: files are missing")
    return found


def verify_report(content: bytes, report_key: str) -> int:
    """Print a report and whether it is signed. Return the exit code."""
    file = json.loads(content)
    report = file["report"]
    if report["format"] != "care-pathway/report/1":
        raise NotCheckable("it is no report of this format")
    for line in json.dumps(report, indent=1, sort_keys=True).split("\n")[:MOST_TOLD]:
        print(shown(line))
    if not verified(report_key, file["signature"], canonical({"domain": report["format"], "report": report})):
        print("NOT SIGNED with this key: do not rely on it.")
        return 1
    print(f"SIGNED with this key. It says: {'verified' if report['verified'] is True else 'NOT VERIFIED'}.")
    return 0 if report["verified"] is True else 1


def verify(content: bytes, organisation_key: str, anchor_key: str | None) -> int:
    """Print what the file says and what is wrong with it. Return the exit code."""
    files = unpacked(content)
    signed = json.loads(files.pop("signature.json")) if "signature.json" in files else None
    journey = json.loads(files["journey.json"])
    if journey["format"] != FORMAT:
        raise NotCheckable("it is no export of this format")
    journey_id, events = UUID(journey["journey_id"]), journey["events"]
    if not events or len(events) > MOST_EVENTS:
        raise NotCheckable("it has no events, or more than a journey can have")
    print(f"Journey {shown(journey_id)} of log {shown(journey['log'])}, exported at {shown(journey['exported_at'])}.")
    faults: list[tuple[object, str]] = []
    if anchor_key is not None:
        faults += ((None, fault) for fault in head_faults(files, signed, anchor_key))
    if signed is not None:
        faults += ((None, fault) for fault in last_faults(journey, signed["head"]))
    faults += chain_faults(journey_id, events)
    keys = register_of(files["register.json"], organisation_key)
    if keys is None:
        faults.append((None, "the register is not signed by this organisation; no decision can be believed"))
    else:
        print(age_of(files["register.json"]))
    contents, unopened = contents_of(journey_id, events)
    faults += unopened
    opening = contents[0]
    if keys and not opening["illustrative"] and is_elsewhere(opening["body"], keys, journey["log"]):
        faults.append((1, "the journey was begun for another organisation or log"))
    if not isinstance(journey["log"], str):
        faults.append((None, "it does not say of which log it is"))
    if opening["illustrative"] is not False and journey["demonstration"] is not True and not unopened:
        faults.append((1, "a demonstration stands in a log of patients"))
    clinic, illustrative = opening["body"].get("clinic"), opening["illustrative"] is True
    place = {"log": journey["log"], "clinic": clinic, "illustrative": illustrative}
    builds: dict[tuple[str, str], int] = {}
    try:
        faults += command_faults(journey["commands"], events, contents, builds)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        faults.append((None, "the commands cannot be read"))
    decisions, late, nonces = 0, 0, set()
    proven: set[str] = set()
    for event, payload in zip(events, contents, strict=True):
        body = payload["body"]
        late += moment(event["recorded_at"]) - sent_or_decided(event, payload) > LATE
        try:
            of_times = [] if journey["demonstration"] is True else [*time_faults(event, payload)]
            faults += ((event["version"], fault) for fault in of_times)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            faults.append((event["version"], "its times cannot be read"))
        try:
            acted = {**event, "journey_id": str(journey_id)}
            of_session = [] if keys is None else [*session_faults(acted, payload, keys, proven, **place)]
            faults += ((event["version"], SESSIONS[fault]) for fault in of_session)
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            faults.append((event["version"], "the proof of who acted cannot be read"))
        if body["kind"] != event["event_type"]:
            faults.append((event["version"], "the event says that it is of another kind than what it holds"))
        if not {body["kind"], event["event_type"]} & {*SIGNED}:
            continue
        try:
            evidence = journey["evidence"].get(str(event["version"]))
            found = [] if keys is None else [*signed_faults(journey_id, event, body, evidence, keys)]
            if is_out_of_scope(body, opening["body"], opening["illustrative"]):
                found.append("it was signed for another organisation, log, clinic, patient or state")
            nonce = body["signature"]["nonce"]
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            found, nonce = ["the decision cannot be read, or nobody signed it"], None
        if nonce is not None and nonce in nonces:
            found.append("its signature was used before")
        nonces.add(nonce)
        decisions += 1
        faults += ((event["version"], fault) for fault in found)
        if decisions <= MOST_TOLD:
            print(f"{'HOLDS' if keys and not found else 'DOES NOT HOLD'}: {told(event, body)}")
    for version, fault in faults[:MOST_TOLD]:
        print(fault if version is None else f"version {shown(version)}: {fault}")
    print(
        f"{len(events)} events, {len(proven)} commands with the proof of who sent them, "
        f"{decisions} decisions and delegations, {late} recorded late, {len(faults)} faults."
    )
    if journey["demonstration"] is True:
        print("The log is a demonstration: its times may be invented.")
    for (core, zones), count in sorted(builds.items())[:MOST_TOLD]:
        print(
            f"NOT DERIVED here: {count} events, decided by build {shown(core)} with zone data {shown(zones)}. "
            "That build derives them again from the commands in this file."
        )
    if faults:
        print("It DOES NOT HOLD.")
        return 1
    if anchor_key is None:
        raise NotCheckable("without ANCHOR_KEY it is not known whether the service exported this. All else holds")
    print("All of it HOLDS.")
    return 0


def contents_of(
    journey_id: UUID, events: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[object, str]]]:
    """What the events hold, and which of them cannot be opened: of those nothing more can be said."""
    contents: list[dict[str, Any]] = []
    faults: list[tuple[object, str]] = []
    for event in events:
        try:
            contents.append(json.loads(opened(journey_id, event)))
        except NotOpened:
            faults.append((event["version"], "what it holds does not open with the key beside it"))
            contents.append({"body": {"kind": event["event_type"]}, "illustrative": True})
    return contents, faults


def told(event: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """One decision or delegation in a line."""
    done = f"{body.get('decision')} ({body.get('meaning')})" if body["kind"] == "signoff.signed" else "delegates"
    by = f"{shown(body.get('name'))}, {shown(event['actor_role'])}, {shown(event['occurred_at'])}"
    return f"version {shown(event['version'])}: {shown(done)} by {by}"


def main(arguments: list[str]) -> int:
    """Check one file. Return the exit code."""
    if len(arguments) not in (2, 3):
        print(__doc__)
        return 2
    try:
        content = read(arguments[0])
        if not zipfile.is_zipfile(BytesIO(content)):
            return verify_report(content, arguments[1])
        return verify(content, arguments[1], arguments[2] if len(arguments) == 3 else None)
    except NotCheckable as reason:
        print(f"This could NOT BE CHECKED: {reason}.")
    except Exception as error:  # whatever a file holds, that it cannot be read is not that it does not hold
        print(f"This could NOT BE CHECKED: it cannot be read ({type(error).__name__}).")
    return 2


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    bound_memory()
    sys.exit(main(sys.argv[1:]))
