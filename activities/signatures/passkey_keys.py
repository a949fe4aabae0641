"""The public keys of passkeys, as the register holds them, and for which pages they sign. No I/O.

What checks their signatures is apart (`passkeys`), because it takes long to import.
"""

from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

ES256: Final = (bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820"))
EDDSA: Final = bytes.fromhex("a4010103272006215820")
"""How the public keys of the two algorithms begin in COSE (RFC 9053), in the one spelling that authenticators use
(CTAP2 canonical CBOR): what follows are the 32 bytes of each coordinate. So the key says its algorithm, and nothing
else can."""

PasskeyProblem: TypeAlias = Literal["bad_signature", "wrong_origin", "user_not_verified"]


def ed25519_in(public_key: bytes) -> bytes | None:
    """Return the 32 bytes of an Ed25519 key in COSE; None for a key of P-256.

    Raises:
        ValueError: it is neither, is spelled in another way, or is no point of the curve.
    """
    if public_key.startswith(EDDSA) and len(public_key) == len(EDDSA) + 32:
        return public_key[len(EDDSA) :]
    (before, between), size = ES256, len(public_key)
    x, y = public_key[len(before) : len(before) + 32], public_key[-32:]
    if size != 77 or public_key != before + x + between + y:
        raise ValueError("it is no ES256 or EdDSA key in COSE")
    EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)
    return None


def covers(rp_id: str, origin: str) -> bool:
    """Whether pages of an origin may use the passkeys of a relying party: its host is that name, or under it."""
    host = urlsplit(origin).hostname or ""
    return host == rp_id or host.endswith(f".{rp_id}")


class PublicKey(NamedTuple):
    """The public half of a passkey, in COSE, its id, and the name that it signs for."""

    cose: bytes
    credential_id: bytes
    rp_id: str
