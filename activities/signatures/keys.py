"""A clinician's own key: made once, kept encrypted under a passphrase, unlocked for each signing.

The key file and the passphrase are two distinct components (21 CFR 11.200(a)(1)); only its owner has both, and no
server has either (11.200(a)(2)). The organisation's offline key is kept in the same kind of file. A passphrase is an
argument of a function: the caller asks a person for it, and never takes it from an environment or a command line.
Errors only say what to do.
"""

import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field, StringConstraints, ValidationError

from activities.private_files import NotPrivate, read_private, write_private
from workflows.journey.vocabulary.base import Identifier, InputModel, Whole, canonical
from workflows.journey.vocabulary.signed_statement import (
    DelegationStatement,
    ProtocolStatement,
    Signature,
    SignatureHeader,
    Statement,
)

FORMAT: Final = "care-pathway/key/1"
SESSION_MARK: Final = "care-pathway/signing-session/1"
COST = 17
"""scrypt's cost: N = 2^17 with r = 8 takes 128 MB and about half a second (OWASP Password Storage)."""
SHORTEST_PASSPHRASE = 12
VALID_FOR = timedelta(minutes=10)
"""How long a signature may take to arrive."""
KEY_FILE_LIMIT = 16 * 1024

Component: TypeAlias = Literal["person", "passphrase"]


class KeyFileError(Exception):
    """A key file cannot be made or used; ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason[:1].upper()}{reason[1:]}. {remedy}.")
        self.reason = reason
        self.remedy = remedy


class WrongPassphrase(Exception):
    """The passphrase does not open this key file, or the file was altered. It is not said which."""

    def __init__(self) -> None:
        super().__init__("the passphrase is wrong")


@dataclass(frozen=True)
class PrivateKey:
    """An unlocked key. It is never shown. Drop it once the signature is made."""

    person: str
    key_id: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that go into the register."""
        return self.key.public_key().public_bytes_raw()


def _hex(length: int) -> StringConstraints:
    return StringConstraints(pattern=rf"^[0-9a-f]{{{2 * length}}}$")


class _Scrypt(InputModel):
    """Parameters of scrypt. The upper bounds keep a file from asking for more memory than there is."""

    name: Literal["scrypt"] = "scrypt"
    n: Annotated[Whole, Field(ge=2**10, le=2**20)]
    r: Annotated[Whole, Field(ge=8, le=16)] = 8
    p: Annotated[Whole, Field(ge=1, le=4)] = 1
    salt: Annotated[str, _hex(16)]


class _KeyFile(InputModel):
    format: Literal["care-pathway/key/1"] = FORMAT
    person: Identifier
    key_id: Identifier
    public_key: Annotated[str, _hex(32)]
    kdf: _Scrypt
    cipher: Literal["chacha20-poly1305"] = "chacha20-poly1305"
    nonce: Annotated[str, _hex(12)]
    ciphertext: Annotated[str, _hex(32 + 16)]


def key_id_of(public_key: bytes) -> str:
    """The id of a key: 128 bits of the hash of its public half, so that an id stands for one key only."""
    return sha256(b"care-pathway/key-id/1\0" + public_key).hexdigest()[:32]


def generate(path: Path, person: str, passphrase: str, *, cost: int = COST) -> PrivateKey:
    """Make a new key for a person and write its encrypted file, which only they can read (mode 0600).

    Raises:
        KeyFileError: the passphrase is too short, the id unusable, or the file exists or cannot be written.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyFileError("the passphrase is too short", f"Use at least {SHORTEST_PASSPHRASE} characters")
    key = Ed25519PrivateKey.generate()
    unlocked = PrivateKey(person, key_id_of(key.public_key().public_bytes_raw()), key)
    try:
        kdf = _Scrypt(n=2**cost, salt=secrets.token_hex(16))
        nonce = secrets.token_bytes(12)
        sealed = _cipher(kdf, passphrase).encrypt(nonce, key.private_bytes_raw(), _binding(person, unlocked.key_id))
        content = _KeyFile(
            person=person,
            key_id=unlocked.key_id,
            public_key=unlocked.public_key.hex(),
            kdf=kdf,
            nonce=nonce.hex(),
            ciphertext=sealed.hex(),
        )
    except ValidationError:
        raise KeyFileError("this is no id of a person", "Use the id of their profile") from None
    try:
        write_private(path, f"{content.model_dump_json(indent=2)}\n".encode())
    except FileExistsError:
        raise KeyFileError("there is a file of this name already", "Choose another; no key is overwritten") from None
    except OSError as error:
        raise KeyFileError(f"the key file cannot be written ({error.strerror})", "Check its directory") from None
    return unlocked


def unlock(path: Path, passphrase: str) -> PrivateKey:
    """Open a key file.

    Raises:
        KeyFileError: it cannot be read, is not one, or is not private to its owner.
        WrongPassphrase: the passphrase is another, or the file was altered.
    """
    try:
        raw = read_private(path, KEY_FILE_LIMIT)
    except NotPrivate as shared:
        raise KeyFileError(f"the key file is not yours alone: {shared.reason}", shared.remedy) from None
    except OSError as error:
        raise KeyFileError(f"the key file cannot be read ({error.strerror})", "Check the path") from None
    try:
        content = _KeyFile.model_validate_json(raw)
    except ValidationError:
        raise KeyFileError("this is not a key file", "Give the one that enrolling wrote") from None
    try:
        clear = _cipher(content.kdf, passphrase).decrypt(
            bytes.fromhex(content.nonce),
            bytes.fromhex(content.ciphertext),
            _binding(content.person, content.key_id),
        )
    except InvalidTag:
        raise WrongPassphrase from None
    return PrivateKey(content.person, content.key_id, Ed25519PrivateKey.from_private_bytes(clear))


def components_asked_for(last_signed: datetime | None, now: datetime, window: timedelta) -> tuple[Component, ...]:
    """Return what a person is asked for at a signing: both at the first of a session, later the passphrase alone.

    A session lasts for ``window`` after its last signing (21 CFR 11.200(a)(1)(i)). The passphrase is always asked for.
    """
    if last_signed is None or not timedelta(0) <= now - last_signed <= window:
        return ("person", "passphrase")
    return ("passphrase",)


def session_mark(private_key: PrivateKey, at: datetime) -> str:
    """Return what says that a person signed with this key at a moment (UTC): nobody else can make it."""
    return private_key.key.sign(_session_mark(private_key, at)).hex()


def is_session_mark(private_key: PrivateKey, at: datetime, mark: str) -> bool:
    """Whether this says that the person signed with this key at a moment (UTC)."""
    try:
        private_key.key.public_key().verify(bytes.fromhex(mark), _session_mark(private_key, at))
    except (InvalidSignature, ValueError):
        return False
    return True


def _session_mark(private_key: PrivateKey, at: datetime) -> bytes:
    return canonical({"domain": SESSION_MARK, "person": private_key.person, "at": at.isoformat()})


def new_seal(key_id: str, at: datetime, valid_for: timedelta = VALID_FOR) -> SignatureHeader:
    """Make the header of one signature with this key, with a new nonce."""
    return SignatureHeader(key_id=key_id, nonce=secrets.token_hex(16), signed_at=at, expires_at=at + valid_for)


def sign(private_key: PrivateKey, statement: Statement | DelegationStatement | ProtocolStatement) -> Signature:
    """Sign a statement.

    Raises:
        ValueError: the statement names another signer or another key.
    """
    if (statement.signer.id, statement.seal.key_id) != (private_key.person, private_key.key_id):
        raise ValueError("a key signs only for its owner")
    value = private_key.key.sign(statement.signed_bytes())
    return Signature(**statement.seal.model_dump(), value=value.hex())


def _cipher(kdf: _Scrypt, passphrase: str) -> ChaCha20Poly1305:
    # A passphrase must be the same on every keyboard (NIST SP 800-63B: normalise before hashing).
    spelled = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    return ChaCha20Poly1305(Scrypt(bytes.fromhex(kdf.salt), length=32, n=kdf.n, r=kdf.r, p=kdf.p).derive(spelled))


def _binding(person: str, key_id: str) -> bytes:
    """Return what the ciphertext is bound to. It does not open in a file that names another person or key."""
    return canonical({"format": FORMAT, "person": person, "key_id": key_id})
