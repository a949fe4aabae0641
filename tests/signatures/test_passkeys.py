"""A passkey signs the same decision as a key file: on a page of the organisation, by somebody who was verified there.

Each case is judged twice, where a decision is handed in and as it is verified offline: the two share no code.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.record.verification.verify_export import decision_faults, register_of, session_faults
from activities.signatures.keys import new_seal, sign
from activities.signatures.passkey_keys import covers
from activities.signatures.passkeys import challenge_of
from activities.signatures.register_changes import enrol, enter, revoke
from activities.signatures.sessions import SessionProblem, ThisLog, check_session, session_statement
from activities.signatures.signer_registry import Register, RegisterError
from activities.signatures.verifying import check
from simulation.people import CLINIC, PEOPLE
from tests.signatures.authenticator import ENROLS, EXTENDED, ORIGIN, PRESENT, RP, VERIFIED, SoftPasskey, eddsa, es256
from tests.signatures.room import CLIO, CLIO_KEY, ENROLLED, KEYS, NOW, ORGANISATION, key_of, published, register
from tests.signatures.room import statement as decision
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import SessionCertificate
from workflows.journey.vocabulary.signed_statement import Assertion, Signature, SignatureValue, Statement

DIRECTOR = PEOPLE[Role.MEDICAL_DIRECTOR]
CLIOS, HERS_TOO, DIRECTORS = es256(1), eddsa(102), es256(3)


def with_passkeys() -> Register:
    """The register in which Clio has two passkeys and the director one, beside their key files."""
    whole = enter(register(), ENROLLED, origins=[ORIGIN, "https://www.care.example.org"])
    for passkey, person in ((CLIOS, CLIO), (HERS_TOO, CLIO), (DIRECTORS, DIRECTOR)):
        whole = enrol(whole, passkey.entry(person))
    return whole


REGISTER = with_passkeys()


def deciding(passkey: SoftPasskey, **changed: Any) -> Statement:
    return decision(seal=new_seal(passkey.key_id, NOW), **changed)


def sealed(stated: Statement, made: SignatureValue) -> Signature:
    return Signature(**dict(stated.seal), **dict(made))


def judged(stated: Statement, signature: Signature, known: Register = REGISTER) -> str | None:
    """What is wrong, as both see it: they must agree."""
    online = check(stated, signature, known, at=NOW, scope=stated.scope)
    keys = register_of(published(known), ORGANISATION.public_key.hex())
    assert keys is not None
    signer = stated.signer.model_dump(mode="json")
    faults = decision_faults(stated.signed_bytes(), signer, signature.model_dump(mode="json"), NOW, keys)
    offline = next(faults, None)
    assert offline == online
    return None if online is None else online.value


@pytest.mark.parametrize("passkey", [CLIOS, HERS_TOO], ids=["ES256", "EdDSA"])
def test_a_passkey_signs_what_a_key_file_signs(passkey: SoftPasskey) -> None:
    stated = deciding(passkey)
    assert judged(stated, sealed(stated, passkey.sign(stated.signed_bytes()))) is None
    with_a_file = decision()
    assert judged(with_a_file, sign(CLIO_KEY, with_a_file)) is None


class Wrong(NamedTuple):
    """How a signature is made wrong, and what is then said."""

    says: str
    made: Callable[[Statement], Signature]


def page(says: str = "bad_signature", **said: Any) -> Wrong:
    return Wrong(says, lambda stated: sealed(stated, CLIOS.sign(stated.signed_bytes(), page=said)))


def made(says: str = "bad_signature", **how: Any) -> Wrong:
    return Wrong(says, lambda stated: sealed(stated, CLIOS.sign(stated.signed_bytes(), **how)))


def changed(alter: Callable[[SignatureValue], dict[str, Any]], says: str = "bad_signature") -> Wrong:
    def altered(stated: Statement) -> Signature:
        signed = CLIOS.sign(stated.signed_bytes())
        return sealed(stated, signed).model_copy(update=alter(signed))

    return Wrong(says, altered)


def with_client_data(text: str | bytes) -> Wrong:
    raw = text if isinstance(text, bytes) else text.encode()

    def altered(signed: SignatureValue) -> dict[str, Any]:
        assert signed.assertion is not None
        return {"assertion": signed.assertion.model_copy(update={"client_data": raw.hex()})}

    return changed(altered)


def seen(signed: SignatureValue) -> str:
    assert signed.assertion is not None
    return signed.assertion.authenticator_data


WRONG: dict[str, Wrong] = {
    "another challenge": page(challenge=challenge_of(b"something else")),
    "the challenge, padded": Wrong(
        "bad_signature",
        lambda s: sealed(s, CLIOS.sign(s.signed_bytes(), page={"challenge": challenge_of(s.signed_bytes()) + "="})),
    ),
    "the challenge in a list": page(challenge=["x"]),
    "another origin": page("wrong_origin", origin="https://care.example.org.evil.example"),
    "another port": page("wrong_origin", origin="https://care.example.org:8443"),
    "without encryption": page("wrong_origin", origin="http://care.example.org"),
    "no origin": page("wrong_origin", origin=""),
    "an origin that is none": page("wrong_origin", origin="https://["),
    "a list of origins": page("wrong_origin", origin=[ORIGIN]),
    "within the page of another": page(crossOrigin=True),
    "something for whether within another": page(crossOrigin="false"),
    "an enrolment": page(type="webauthn.create"),
    "a payment": page(type="payment.get"),
    "another name": made("wrong_origin", rp_id="example.org"),
    "nobody verified": made("user_not_verified", flags=PRESENT),
    "nobody there": made("user_not_verified", flags=VERIFIED),
    "nothing said of the person": made("user_not_verified", flags=0),
    "what only enrolling brings": made(flags=PRESENT | VERIFIED | ENROLS, more=bytes(60)),
    "more than it says": made(more=b"\xa0"),
    "another person's passkey": Wrong("bad_signature", lambda s: sealed(s, DIRECTORS.sign(s.signed_bytes()))),
    "another passkey of hers": Wrong("bad_signature", lambda s: sealed(s, HERS_TOO.sign(s.signed_bytes()))),
    "replayed from another decision": Wrong(
        "bad_signature", lambda s: sealed(s, CLIOS.sign(deciding(CLIOS, request="plan:2:abc").signed_bytes()))
    ),
    "truncated": changed(lambda signed: {"value": signed.value[:-2]}),
    "with something behind it": changed(lambda signed: {"value": signed.value + "00"}),
    "no signature": changed(lambda _: {"value": ""}),
    "no text": changed(lambda _: {"value": "zz"}),
    "authenticator data cut": changed(
        lambda signed: {"assertion": Assertion.model_construct(
            authenticator_data=seen(signed)[:72], client_data=signed.assertion.client_data)}  # type: ignore[union-attr]
    ),
    "without its assertion": changed(lambda _: {"assertion": None}),
    "no words of a page": with_client_data(b"\xff\xfe{}"),
    "words of a page that are no object": with_client_data("[]"),
    "very deep words of a page": with_client_data("[" * 1000),
    "an Ed25519 signature over the decision itself": Wrong(
        "bad_signature", lambda s: sealed(s, SignatureValue(value=CLIO_KEY.key.sign(s.signed_bytes()).hex()))
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", WRONG, ids=str)
def test_what_is_wrong_does_not_count(how: str) -> None:
    stated = deciding(CLIOS)
    assert judged(stated, WRONG[how].made(stated)) == WRONG[how].says


def test_no_algorithm_is_taken_for_another() -> None:
    """A passkey's signature under the id of a key file, a key file's under that of a passkey, and EdDSA as ES256."""
    stated = decision()
    borrowed = sealed(stated, HERS_TOO.sign(stated.signed_bytes()))
    assert judged(stated, borrowed) == "bad_signature"
    same = SoftPasskey(CLIO_KEY.key, b"x" * 32)  # the very key of the key file, used as a passkey
    assert judged(stated, sealed(stated, same.sign(stated.signed_bytes()))) == "bad_signature"
    raw = deciding(HERS_TOO)
    assert isinstance(HERS_TOO.key, type(CLIO_KEY.key))
    value = HERS_TOO.key.sign(raw.signed_bytes()).hex()
    assert judged(raw, sealed(raw, SignatureValue(value=value))) == "bad_signature"


def test_what_an_authenticator_adds_by_itself_is_no_fault() -> None:
    stated = deciding(CLIOS)
    extended = CLIOS.sign(stated.signed_bytes(), flags=PRESENT | VERIFIED | EXTENDED, more=bytes.fromhex("a1617801"))
    assert judged(stated, sealed(stated, extended)) is None
    told = CLIOS.sign(stated.signed_bytes(), page={"other_keys_can_be_added_here": "do not compare with a template"})
    assert judged(stated, sealed(stated, told)) is None
    www = CLIOS.sign(stated.signed_bytes(), page={"origin": "https://www.care.example.org"})
    assert judged(stated, sealed(stated, www)) is None


def test_a_revoked_passkey_signs_nothing_more() -> None:
    stated = deciding(CLIOS)
    signature = sealed(stated, CLIOS.sign(stated.signed_bytes()))
    gone = revoke(REGISTER, CLIOS.key_id, at=NOW, because="phone lost", by="demo-security")
    assert judged(stated, signature, gone) == "revoked"
    later = revoke(REGISTER, CLIOS.key_id, at=NOW + timedelta(minutes=1), because="phone lost", by="demo-security")
    assert judged(stated, signature, later) is None


def test_a_passkey_nobody_enrolled_signs_nothing() -> None:
    strange = es256(9)
    stated = deciding(strange)
    assert judged(stated, sealed(stated, strange.sign(stated.signed_bytes()))) == "unknown_key"


@given(
    st.sampled_from(["value", "authenticator_data", "client_data"]),
    st.integers(0, 10_000),
    st.integers(1, 255),
    st.sampled_from([CLIOS, HERS_TOO]),
)
def test_no_bit_of_it_can_be_changed(part: str, place: int, flipped: int, passkey: SoftPasskey) -> None:
    stated = deciding(passkey)
    whole = sealed(stated, passkey.sign(stated.signed_bytes()))
    assert whole.assertion is not None
    raw = bytearray.fromhex(whole.value if part == "value" else getattr(whole.assertion, part))
    raw[place % len(raw)] ^= flipped
    if part == "value":
        altered = whole.model_copy(update={"value": raw.hex()})
    else:
        altered = whole.model_copy(update={"assertion": whole.assertion.model_copy(update={part: raw.hex()})})
    assert judged(stated, altered) in ("bad_signature", "wrong_origin", "user_not_verified")


# The register


def test_a_passkey_is_enrolled_once_and_for_a_place_that_is_listed() -> None:
    with pytest.raises(RegisterError):
        enrol(REGISTER, CLIOS.entry(CLIO))
    same_credential = SoftPasskey(es256(8).key, CLIOS.credential_id)
    with pytest.raises(RegisterError):
        enrol(REGISTER, same_credential.entry(CLIO))
    with pytest.raises(RegisterError):
        enrol(REGISTER, es256(8, "elsewhere.example").entry(CLIO))
    with pytest.raises(RegisterError):
        enrol(register(), es256(8).entry(CLIO))  # no origin is listed
    as_file = SoftPasskey(KEYS[Role.CLINICIAN].key, b"x" * 32)
    with pytest.raises(RegisterError):
        enrol(REGISTER, as_file.entry(CLIO))
    assert enrol(REGISTER, es256(8, "example.org").entry(CLIO)).version == REGISTER.version + 1


ON_NO_CURVE = bytes.fromhex("a5010203262001215820") + b"\x01" * 32 + bytes.fromhex("225820") + b"\x02" * 32


@pytest.mark.parametrize(
    "public_key",
    [
        ON_NO_CURVE,
        CLIOS.cose[:-1],
        CLIOS.cose + b"\x00",
        b"\xa5\x03" + CLIOS.cose[2:],
        CLIOS.cose[45:],
        bytes.fromhex("a4010103272006215820") + b"\x01" + bytes(31),  # a point of small order
        CLIO_KEY.public_key,
        bytes(77),
    ],
    ids=["no point", "cut", "longer", "another spelling", "half", "weak", "of a key file", "zeros"],
)
def test_only_a_sound_public_key_is_enrolled(public_key: bytes) -> None:
    content = CLIOS.entry(CLIO).model_dump()
    with pytest.raises(ValidationError):
        type(CLIOS.entry(CLIO)).model_validate(content | {"public_key": public_key.hex()})


@pytest.mark.parametrize(
    "origin",
    ["http://care.example.org", "https://127.0.0.1", "https://[::1]", "https://care.example.org/", "https://Care.org",
     "https://user@care.example.org", "care.example.org", "https://care.example.org:0", "", "null"],
)  # fmt: skip
def test_an_origin_is_an_address_that_browsers_protect(origin: str) -> None:
    with pytest.raises(RegisterError):
        enter(register(), ENROLLED, origins=[origin])


def test_a_passkey_is_for_a_name_and_what_is_under_it() -> None:
    assert covers(RP, ORIGIN)
    assert covers("example.org", ORIGIN)
    assert not covers(RP, "https://example.org")
    assert not covers(RP, "https://notcare.example.org")
    assert not covers("ample.org", ORIGIN)


# Working sessions

LOG = ThisLog("test-log")


def opened(by: SoftPasskey, signs: SoftPasskey | None = None, **how: Any) -> SessionCertificate:
    stated = session_statement(
        CLIO,
        organisation=REGISTER.organisation,
        log=LOG.name,
        clinics=[CLINIC],
        purpose="TREAT",
        begins=NOW,
        lasts=timedelta(hours=1),
        session_key=key_of("session", 77).key,
        key_id=by.key_id,
    )
    return SessionCertificate(**dict(stated), **dict((signs or by).sign(stated.signed_bytes(), **how)))


def session_problem(certificate: SessionCertificate) -> str | None:
    """What is wrong with a session, as it is judged where a command comes in, and offline."""
    online = check_session(certificate, REGISTER, LOG, NOW)
    keys = register_of(published(REGISTER), ORGANISATION.public_key.hex())
    assert keys is not None
    event = {
        "journey_id": "11111111-1111-4111-8111-111111111111",
        "event_id": "x",
        "command_id": "c",
        "actor_id": CLIO.id,
        "actor_role": CLIO.role.value,
        "occurred_at": NOW.isoformat(),
        "causation_id": None,
    }
    proof = {"session": json.loads(certificate.model_dump_json()), "value": "00" * 64}
    payload = {"proof": proof, "command_digest": "d", "body": {"kind": "x"}}
    found = {*session_faults(event, payload, keys, set(), log=LOG.name, clinic=CLINIC, illustrative=False)}
    assert ("session_forged" in found) == (online == SessionProblem.BAD_SESSION)
    return None if online is None else online.value


@pytest.mark.parametrize("passkey", [CLIOS, HERS_TOO], ids=["ES256", "EdDSA"])
def test_a_passkey_opens_a_working_session(passkey: SoftPasskey) -> None:
    assert session_problem(opened(passkey)) is None


@pytest.mark.parametrize(
    "how",
    [{"signs": DIRECTORS}, {"page": {"origin": "https://evil.example"}}, {"flags": PRESENT}, {"rp_id": "example.org"}],
    ids=["another's", "elsewhere", "nobody verified", "another name"],
)
def test_a_session_that_a_passkey_did_not_open_does_not_count(how: dict[str, Any]) -> None:
    assert session_problem(opened(CLIOS, **how)) == "bad_session"
