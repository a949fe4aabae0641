"""An authenticator without hardware: it makes passkeys, and signs with them as a browser and a phone do together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url, encode_cbor

from activities.signatures.keys import key_id_of
from activities.signatures.passkeys import challenge_of
from activities.signatures.signer_registry import SignerEntry
from tests.signatures.room import ENROLLED
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.signed_statement import Assertion, SignatureValue

RP, ORIGIN = "care.example.org", "https://care.example.org"
PRESENT, VERIFIED, ENROLS, EXTENDED = 0x01, 0x04, 0x40, 0x80


@dataclass(frozen=True)
class SoftPasskey:
    """A passkey of an invented person."""

    key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey
    credential_id: bytes
    rp_id: str = RP

    @property
    def cose(self) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return bytes.fromhex("a4010103272006215820") + self.key.public_key().public_bytes_raw()
        point = self.key.public_key().public_numbers()
        x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y

    @property
    def key_id(self) -> str:
        return key_id_of(self.cose)

    def entry(self, person: Actor, **changed: Any) -> SignerEntry:
        """The entry of this passkey in the register."""
        fields: dict[str, Any] = {
            "person": person.id,
            "role": person.role,
            "printed_name": person.name,
            "licence": person.licence,
            "key_id": self.key_id,
            "public_key": self.cose.hex(),
            "passkey": {"rp_id": self.rp_id, "credential_id": self.credential_id.hex()},
            "enrolled_at": ENROLLED,
            "enrolled_by": ("demo-security", "demo-practice-manager"),
        }
        return SignerEntry.model_validate(fields | changed)

    def sign(
        self,
        signed: bytes,
        *,
        page: dict[str, Any] | None = None,
        rp_id: str | None = None,
        flags: int = PRESENT | VERIFIED,
        more: bytes = b"",
    ) -> SignatureValue:
        """Sign something, on a page that says of itself what is in ``page`` beside what is usual."""
        usual = {"type": "webauthn.get", "challenge": challenge_of(signed), "origin": ORIGIN, "crossOrigin": False}
        client_data = json.dumps(usual | (page or {}), separators=(",", ":")).encode()
        seen = sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) + (7).to_bytes(4, "big") + more
        made_over = seen + sha256(client_data).digest()
        if isinstance(self.key, Ed25519PrivateKey):
            value = self.key.sign(made_over)
        else:
            value = self.key.sign(made_over, ec.ECDSA(SHA256()))
        return SignatureValue(
            value=value.hex(),
            assertion=Assertion(authenticator_data=seen.hex(), client_data=client_data.hex()),
        )

    def made(self, challenge: bytes, origin: str, *, flags: int = PRESENT | VERIFIED) -> dict[str, str]:
        """What a browser sends when the passkey was made: in the controls of the form, in hex."""
        page = {"type": "webauthn.create", "challenge": bytes_to_base64url(challenge), "origin": origin}
        head = sha256(self.rp_id.encode()).digest() + bytes([flags | ENROLS]) + bytes(4)
        whole = head + bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.cose
        return {
            "passkey.credential_id": self.credential_id.hex(),
            "passkey.client_data": json.dumps(page).encode().hex(),
            "passkey.attestation": encode_cbor({"fmt": "none", "attStmt": {}, "authData": whole}).hex(),
        }

    def answer(self, challenge: bytes, origin: str, **how: Any) -> dict[str, str]:
        """What a browser sends when the passkey signed a challenge: in the controls of the form, in hex."""
        page = {"challenge": bytes_to_base64url(challenge), "origin": origin} | how.pop("page", {})
        signed = self.sign(b"", page=page, **how)
        assert signed.assertion is not None
        return {
            "passkey.value": signed.value,
            "passkey.client_data": signed.assertion.client_data,
            "passkey.authenticator_data": signed.assertion.authenticator_data,
        }


def es256(seed: int, rp_id: str = RP) -> SoftPasskey:
    return SoftPasskey(ec.derive_private_key(seed, ec.SECP256R1()), bytes([seed]) * 32, rp_id)


def eddsa(seed: int, rp_id: str = RP) -> SoftPasskey:
    return SoftPasskey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), bytes([seed]) * 32, rp_id)
