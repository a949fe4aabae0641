"""Passkeys in a browser: making one, opening a working session with one, signing with one.

A browser is asked with a challenge, the SHA-256 of what is signed, and its answer comes back with the same form. So all
that signs happens twice: the first time it comes as far as the signature, raises `PasskeyAsked`, and nothing has
happened; the second time it has the answer. Bytes are in hex, in both directions.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from activities.record.access_log import Purpose
from activities.signatures.keys import key_id_of, new_seal
from activities.signatures.passkey_keys import PublicKey, covers
from activities.signatures.passkeys import ALGORITHMS, made_passkey
from activities.signatures.sessions import SessionProblem, ThisLog, check_session, refusal_of, session_statement
from activities.signatures.signer_registry import Passkey, Register, SignerEntry
from activities.signatures.verifying import SignatureProblem, problem_with
from activities.signatures.verifying import refusal_of as signature_refusal
from application.context import PURPOSES, Context, KeptSession, SignWith, Stated
from application.errors import NOTHING_HAPPENED, InvalidInput, NotAllowed
from application.identity import keyring
from application.identity.signers import Applicant, EnrolmentRequest
from application.profiles import Profile, profiles_in
from workflows.journey.vocabulary.actors import CLINICAL
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.proof import LONGEST_SESSION, SessionCertificate, SessionStatement
from workflows.journey.vocabulary.signed_statement import Signature, SignatureHeader, SignatureValue

WAITS = timedelta(minutes=5)
"""How long a browser waits for somebody to use their passkey."""
ANSWER = "passkey."
SEAL, VALUE, CLIENT_DATA, AUTHENTICATOR_DATA = (
    f"{ANSWER}{part}" for part in ("seal", "value", "client_data", "authenticator_data")
)
CREDENTIAL_ID, ATTESTATION = f"{ANSWER}credential_id", f"{ANSWER}attestation"
"""The fields of a form in which a browser's answer comes."""
_SEED = secrets.token_bytes(32)
"""What makes the passkeys that are invented for people who have none. It is of this process."""


class PasskeyAsked(Exception):
    """Somebody's passkey is needed to go on, and nothing has happened yet. ``options`` is what their browser is asked,
    ``fields`` are sent back beside its answer."""

    def __init__(self, options: dict[str, Any], fields: Mapping[str, str]) -> None:
        super().__init__("a passkey is needed to go on")
        self.options = options
        self.fields = fields


class Offered(NamedTuple):
    """A working session that waits for somebody's passkey. ``statement`` is None where there is nobody who could open
    it; what their browser is asked does not tell."""

    options: dict[str, Any]
    key_id: str
    label: str
    person: Profile | None = None
    statement: SessionStatement | None = None
    session_key: Ed25519PrivateKey | None = None


class SignedIn(NamedTuple):
    """Somebody who opened a working session with their passkey."""

    person: Profile
    session: KeptSession


# Making one


def ask_to_make(context: Context, applicant: Applicant, origin: str) -> PasskeyAsked:
    """Return what a browser is asked so that somebody's passkey is made for pages of this origin.

    Raises:
        InvalidInput, NotVerified: passkeys are not used there, or the register cannot be believed.
    """
    _require_listed(keyring.verified_register(context), origin)
    options = {
        "challenge": _enrolling(applicant).hex(),
        "rp": {"id": _host_of(origin), "name": "Care pathways"},
        "user": {"id": secrets.token_hex(16), "name": applicant.person, "displayName": applicant.printed_name},
        "pubKeyCredParams": [{"type": "public-key", "alg": int(each)} for each in ALGORITHMS],
        "authenticatorSelection": {"userVerification": "required", "residentKey": "preferred"},
        "attestation": "none",
        "timeout": WAITS // timedelta(milliseconds=1),
    }
    return PasskeyAsked({"create": options}, {})


def request_for(context: Context, applicant: Applicant, sent: Mapping[str, str], origin: str) -> EnrolmentRequest:
    """Return the request to enrol a passkey that a browser has made.

    Raises:
        InvalidInput: it was not made for this person here.
        NotVerified: the register cannot be believed.
    """
    _require_listed(keyring.verified_register(context), origin)
    try:
        key = made_passkey(
            bytes.fromhex(sent[CREDENTIAL_ID]),
            bytes.fromhex(sent[CLIENT_DATA]),
            bytes.fromhex(sent[ATTESTATION]),
            _enrolling(applicant),
            _host_of(origin),
            [origin],
        )
        passkey = Passkey(rp_id=key.rp_id, credential_id=key.credential_id.hex())
    except (KeyError, ValueError):
        raise InvalidInput(
            "this is no passkey that was made for what is entered here, by somebody whom it verified",
            "Make it anew; use one that asks for a PIN, a fingerprint or your face",
            state=NOTHING_HAPPENED,
        ) from None
    return EnrolmentRequest(**dict(applicant), public_key=key.cose.hex(), key_id=key_id_of(key.cose), passkey=passkey)


def _enrolling(applicant: Applicant) -> bytes:
    """The challenge that goes with who asks to be enrolled: a passkey made for other words is none for these."""
    return sha256(canonical({"domain": "care-pathway/enrolment/1", **applicant.model_dump(mode="json")})).digest()


# Opening a working session


async def offer(context: Context, person: str, origin: str, key_id: str | None = None) -> tuple[Offered, ...]:
    """Return the working sessions that somebody can open with a passkey at this origin: one for each passkey, or for
    the one that is named. For whom nobody knows, one is invented.

    Raises:
        InvalidInput, NotVerified: passkeys are not used there, or the register cannot be believed.
        RecordUnavailable, RecordFault: as the record does.
    """
    register, now = keyring.verified_register(context), context.now()
    _require_listed(register, origin)
    await keyring.require_newest(context)
    log = await (await context.record()).log_name()
    found = []
    for entry in register.entries:
        known = person_of(register, entry.key_id, now) if entry.person == person else None
        if known is None or key_id not in (None, entry.key_id):
            continue
        session_key = Ed25519PrivateKey.generate()
        stated = session_statement(
            known,
            organisation=register.organisation,
            log=log,
            clinics=known.clinics,
            purpose=PURPOSES.get(known.role, Purpose.TREATMENT).value,
            begins=now,
            lasts=LONGEST_SESSION,
            session_key=session_key,
            key_id=entry.key_id,
        )
        passkey = entry.as_passkey
        if passkey is None or not covers(passkey.rp_id, origin):
            continue
        found.append(
            Offered(_question(passkey, stated.signed_bytes()), entry.key_id, _label(entry), known, stated, session_key)
        )
    return tuple(found) or (_nobodys(person, origin),)


async def accept(context: Context, offered: Offered, sent: Mapping[str, str]) -> SignedIn:
    """Open a working session with what a passkey answered.

    Raises:
        NotAllowed: it is not the answer of that passkey, or the session does not count.
        UseCaseError: the register or the record cannot be used.
    """
    answer = _answer(sent)
    if offered.statement is None or offered.person is None or offered.session_key is None or answer is None:
        raise _not_let_in()
    register = keyring.verified_register(context)
    certificate = SessionCertificate(**dict(offered.statement), **dict(answer))
    log = ThisLog(await (await context.record()).log_name(), context.settings.demonstration)
    problem = check_session(certificate, register, log, context.now())
    if problem == SessionProblem.BAD_SESSION:
        raise _not_let_in()
    if problem is not None:
        refusal = refusal_of(problem)
        raise NotAllowed(refusal.reason, refusal.remedy, state=NOTHING_HAPPENED)
    return SignedIn(offered.person, KeptSession(session=certificate, key=offered.session_key.private_bytes_raw().hex()))


def person_of(register: Register, key_id: str, at: datetime) -> Profile | None:
    """Return whose passkey this is, as the register says at a moment (UTC); None when nobody may use it then."""
    entry, at = register.entry(key_id), register.no_earlier(at)
    if entry is None or entry.passkey is None or entry.state_at(at) != "active":
        return None
    known = next((each for each in profiles_in(register, entry.person, at) if each.role == entry.role), None)
    if known is None:
        return None
    licence = entry.licence if entry.role in CLINICAL else known.licence
    return known.model_copy(update={"name": entry.printed_name, "licence": licence})


def _not_let_in() -> NotAllowed:
    return NotAllowed(
        "you are not signed in: this was not the passkey that was asked for, or it did not verify you",
        "Try again. If it stays so, ask whoever enrols keys whether yours is enrolled and not revoked",
        state=NOTHING_HAPPENED,
    )


def _nobodys(person: str, origin: str) -> Offered:
    """Return what looks like the session of somebody who has a passkey; the same passkey each time."""
    credential_id = hmac.digest(_SEED, person.encode("utf-8", "surrogatepass"), "sha256")
    return Offered(_question(PublicKey(b"", credential_id, _host_of(origin)), secrets.token_bytes(32)), "", "")


# Signing


def signing_with(context: Context, key_id: str, sent: Mapping[str, str]) -> SignWith:
    """Return what signs with somebody's passkey, when a form brings its answer; without one it raises `PasskeyAsked`.

    The signature is checked here too, so that what does not count is told at once and sent nowhere.
    """

    def sign(stated: Stated, at: datetime, until: datetime | None = None) -> Signature:
        register = keyring.verified_register(context)
        entry = register.entry(key_id)
        passkey = None if entry is None else entry.as_passkey
        if entry is None or passkey is None or entry.state_at(at) != "active":
            raise _refused(SignatureProblem.REVOKED)
        answer = _answer(sent)
        if answer is None:
            seal = new_seal(key_id, at) if until is None else new_seal(key_id, at, until - at)
            question = _question(passkey, stated(seal).signed_bytes())
            raise PasskeyAsked(question, {SEAL: seal.model_dump_json()})
        seal = _seal(sent)
        if until is not None and (seal.expires_at != until or not at - WAITS <= seal.signed_at <= at):
            raise _refused(SignatureProblem.EXPIRED)
        problem = problem_with(entry, answer, stated(seal).signed_bytes(), register.origins)
        if problem is not None:
            raise _refused(SignatureProblem(problem))
        return Signature(**dict(seal), **dict(answer))

    return sign


def _refused(problem: SignatureProblem) -> NotAllowed:
    refusal = signature_refusal(problem)
    return NotAllowed(refusal.reason, refusal.remedy, state=NOTHING_HAPPENED)


def _seal(sent: Mapping[str, str]) -> SignatureHeader:
    try:
        return SignatureHeader.model_validate(json.loads(sent.get(SEAL, "")))
    except ValueError:
        raise _refused(SignatureProblem.BAD_SIGNATURE) from None


# Of all of them


def _answer(sent: Mapping[str, str]) -> SignatureValue | None:
    """Return what a passkey answered; None when the form brings no answer.

    Raises:
        NotAllowed: it is none that a passkey gives.
    """
    parts = [sent.get(name, "") for name in (VALUE, AUTHENTICATOR_DATA, CLIENT_DATA)]
    if not any(parts):
        return None
    value, authenticator_data, client_data = parts
    assertion = {"authenticator_data": authenticator_data, "client_data": client_data}
    try:
        return SignatureValue.model_validate({"value": value, "assertion": assertion})
    except ValidationError:
        raise _refused(SignatureProblem.BAD_SIGNATURE) from None


def _question(passkey: PublicKey, signed: bytes) -> dict[str, Any]:
    options = {
        "challenge": sha256(signed).hexdigest(),
        "rpId": passkey.rp_id,
        "allowCredentials": [{"type": "public-key", "id": passkey.credential_id.hex()}],
        "userVerification": "required",
        "timeout": WAITS // timedelta(milliseconds=1),
    }
    return {"get": options}


def _label(entry: SignerEntry) -> str:
    return f"{entry.key_id[:8]}, enrolled {entry.enrolled_at:%Y-%m-%d}"


def _host_of(origin: str) -> str:
    return urlsplit(origin).hostname or ""


def _require_listed(register: Register, origin: str) -> None:
    """Require that passkeys are used at this origin.

    Raises:
        InvalidInput: they are not.
    """
    if origin not in register.origins:
        raise InvalidInput(
            "passkeys are not used at this address: the register does not list it",
            "Open the console at its own address, or have this one entered (`origins` in `clinician enter`)",
            state=NOTHING_HAPPENED,
        )
