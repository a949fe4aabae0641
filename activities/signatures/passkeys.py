"""Passkeys: keys in a phone, a computer or a stick that sign only for one address, and only after their owner was
verified there (WebAuthn level 2). This says whether one signed something. No I/O; raises nothing.

What is signed is the same as with a key file: its SHA-256 is the challenge. So whoever has the record can tell what was
signed without asking the authenticator. A counter is not compared: passkeys that are kept in several places have none.
"""

import json
from collections.abc import Collection
from hashlib import sha256
from typing import Final

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url, decode_credential_public_key, parse_authenticator_data
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import DecodedEC2PublicKey, DecodedOKPPublicKey
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from activities.signatures.passkey_keys import EDDSA, ES256, PasskeyProblem, PublicKey, covers, ed25519_in
from workflows.journey.vocabulary.signed_statement import Assertion

ALGORITHMS: Final = (COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA)
"""The algorithms of passkeys, the one that all authenticators have first."""


def challenge_of(signed: bytes) -> str:
    """Return the challenge with which a passkey signs something, as a browser spells it."""
    return bytes_to_base64url(sha256(signed).digest())


def find_problem(
    key: PublicKey, value: str, assertion: Assertion, signed: bytes, origins: Collection[str]
) -> PasskeyProblem | None:
    """Say why a passkey did not sign this on a page of one of these origins; None when it did."""
    try:
        return _problem(
            key,
            bytes.fromhex(value),
            bytes.fromhex(assertion.client_data),
            bytes.fromhex(assertion.authenticator_data),
            signed,
            [*origins],
        )
    except Exception:  # what somebody sent can be wrong in any way; none of them is a signature
        return "bad_signature"


def _problem(
    key: PublicKey, value: bytes, client_data: bytes, authenticator_data: bytes, signed: bytes, origins: list[str]
) -> PasskeyProblem | None:
    page, seen = json.loads(client_data.decode()), parse_authenticator_data(authenticator_data)
    # The library takes other spellings of a challenge, pages within other pages, and what only enrolling brings.
    if page["challenge"] != challenge_of(signed) or page.get("crossOrigin", False) is not False or seen.flags.at:
        return "bad_signature"
    if page["origin"] not in origins or not covers(key.rp_id, page["origin"]):
        return "wrong_origin"
    if seen.rp_id_hash != sha256(key.rp_id.encode()).digest():
        return "wrong_origin"
    if not (seen.flags.up and seen.flags.uv):
        return "user_not_verified"
    verify_authentication_response(
        credential=AuthenticationCredential(
            id=bytes_to_base64url(key.credential_id),
            raw_id=key.credential_id,
            response=AuthenticatorAssertionResponse(
                client_data_json=client_data, authenticator_data=authenticator_data, signature=value
            ),
        ),
        expected_challenge=sha256(signed).digest(),
        expected_rp_id=key.rp_id,
        expected_origin=origins,
        credential_public_key=key.cose,
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return None


def made_passkey(
    credential_id: bytes, client_data: bytes, attestation: bytes, challenge: bytes, rp_id: str, origins: Collection[str]
) -> PublicKey:
    """Return the public half of a passkey that was made for this challenge, for a name, on a page of one of these
    origins. Whose authenticator made it is not asked: two people enrol the key, and compare its id.

    Raises:
        ValueError: it was not made so, or not by somebody who was verified.
    """
    try:
        made = verify_registration_response(
            credential=RegistrationCredential(
                id=bytes_to_base64url(credential_id),
                raw_id=credential_id,
                response=AuthenticatorAttestationResponse(client_data_json=client_data, attestation_object=attestation),
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=[*origins],
            require_user_verification=True,
            supported_pub_key_algs=[*ALGORITHMS],
        )
        decoded = decode_credential_public_key(made.credential_public_key)
    except Exception:  # what somebody sent can be wrong in any way
        raise ValueError("it is no new passkey for this") from None
    if made.credential_id != credential_id:
        raise ValueError("it has another id than it says")
    match decoded:
        case DecodedEC2PublicKey(x=x, y=y):
            cose = ES256[0] + x + ES256[1] + y
        case DecodedOKPPublicKey(x=x):
            cose = EDDSA + x
        case _:
            raise ValueError("it has an algorithm that is not used here")
    ed25519_in(cose)
    return PublicKey(cose, credential_id, rp_id)
