"""The register as a file, signed by the organisation's offline key. It is verified when it is read, and an older one is
refused."""

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from activities.signatures.keys import PrivateKey
from activities.signatures.signer_registry import Register, RegisterError
from workflows.journey.vocabulary.base import canonical

log = structlog.get_logger("register")

DOMAIN = "care-pathway/register/1"
REGISTER_LIMIT = 16 * 1024 * 1024


def publish(register: Register, organisation_private_key: PrivateKey) -> bytes:
    """Return the register file: the register and the organisation's signature."""
    content = register.model_dump(mode="json")
    value = organisation_private_key.key.sign(_signed_bytes(content))
    return json.dumps({"register": content, "signature": value.hex()}, indent=2, ensure_ascii=False).encode() + b"\n"


@lru_cache(maxsize=4)
def parse(content: bytes, organisation_public_key: bytes) -> Register:
    """Parse the content of a register file, and verify its signature. The same content is parsed once: every page of
    the console asks the register, as it is then, who somebody is.

    Raises:
        RegisterError: it is malformed, or not signed by this organisation.
    """
    try:
        file = json.loads(content)
        claimed, value = file["register"], bytes.fromhex(file["signature"])
        signed = _signed_bytes(claimed)
        Ed25519PublicKey.from_public_bytes(organisation_public_key).verify(value, signed)
    except InvalidSignature:
        raise RegisterError(
            "the register is not signed by this organisation's key: it was altered, or the key is another's",
            "Use nothing of it; publish it anew from the offline copy",
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegisterError("the register is not readable", "Publish it anew from the offline copy") from None
    try:
        register = Register.model_validate(claimed)
    except ValidationError:
        raise RegisterError("the register is signed but breaks its own rules", "Correct and publish it anew") from None
    return register


def read(path: Path, organisation_public_key: bytes) -> Register:
    """Read a register file, and verify its signature.

    Raises:
        RegisterError: as `parse`, or the file cannot be read.
    """
    return parse(_content(path), organisation_public_key)


def content_hash(content: bytes) -> bytes:
    """Return the SHA-256 of what is signed in the content of a register file."""
    return sha256(_signed_bytes(json.loads(content)["register"])).digest()


def require_newest(register: Register, content_hash: bytes, newest: tuple[int, bytes]) -> None:
    """Require that a register is the ``newest`` one that was seen anywhere, or newer than it.

    Raises:
        RegisterError: it is older, or another one of the same version.
    """
    version, expected = newest
    if register.version < version:
        raise RegisterError("the register is older than one seen before", "Put the newest one back")
    if register.version == version and content_hash != expected:
        raise RegisterError(
            "there are two registers of one version, and this is not the one seen before",
            "Find out who published it; put the newest one back, or publish the next version from the offline copy",
        )


class RegisterFile:
    """The register of a running process, always as the file is now, so that a revocation takes effect at once. That it
    cannot be read, or can again, is logged once.

    The file is read each time, and verified when its content has changed. An older register is refused. Replace the
    file by renaming a new one over it.
    """

    def __init__(self, path: Path, organisation_public_key: bytes) -> None:
        self._path = path
        self._organisation = organisation_public_key
        self._newest: tuple[int, bytes] = (0, b"")
        self._last: tuple[bytes, Register, bytes] | None = None
        self._problem: str | None = None

    def current(self) -> Register:
        """Return the register as it is now.

        Raises:
            RegisterError: it cannot be trusted now. An earlier one must not be used instead.
        """
        try:
            register = self.read()
        except RegisterError as error:
            # Once: everybody who sends something asks, and what waits asks again and again.
            if self._problem != error.reason:
                log.error("register.unreadable")
            self._problem = error.reason
            raise
        if self._problem is not None:
            log.warning("register.readable")
        self._problem = None
        return register

    def read(self) -> Register:
        """As `current`, but nothing is logged: for whoever tells the person who asks.

        Raises:
            RegisterError: as `current`.
        """
        content = _content(self._path)
        if self._last is None or self._last[0] != content:
            self._last = content, parse(content, self._organisation), content_hash(content)
        _, register, found = self._last
        require_newest(register, found, self._newest)
        self._newest = register.version, found
        return register

    def newest(self) -> tuple[int, bytes]:
        """Return the version and the content's hash of the newest register that is known here."""
        return self._newest

    def learn(self, newest: tuple[int, bytes]) -> None:
        """Take in what the newest register is that was seen anywhere."""
        if newest[0] >= self._newest[0]:
            self._newest = newest


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(REGISTER_LIMIT + 1)
    except OSError as error:
        raise RegisterError(f"the register cannot be read ({error.strerror})", "Put it back") from None
    if len(content) > REGISTER_LIMIT:
        raise RegisterError("the register is larger than a register can be", "Put the right file back")
    return content


def _signed_bytes(content: object) -> bytes:
    return canonical({"domain": DOMAIN, "register": content})
