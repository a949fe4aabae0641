"""Master keys: they encrypt the data keys, and nothing else. One is current; older ones still decrypt.

Where they are kept is behind `MasterKeys`: a file now, a key management service elsewhere.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from activities.privacy.errors import KeyringError, KeyUnusable
from activities.private_files import NotPrivate, read_private, replace_private, write_private

log = structlog.get_logger("privacy")

NONCE = 12
"""Bytes of a nonce, which comes before what is encrypted."""
FILE_LIMIT = 64 * 1024


class MasterKeys(Protocol):
    """Wraps data keys by a master key that never leaves it."""

    async def current(self) -> str:
        """Return the id of the master key that wraps new data keys."""

    async def wrap(self, clear: bytes, about: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the current master key, and return that one's id. ``about`` is needed again to
        decrypt it."""

    async def unwrap(self, master: str, wrapped: bytes, about: bytes) -> bytes:
        """Decrypt a data key.

        Raises:
            KeyUnusable: that master key is not here, or what is wrapped was altered.
            KeysUnavailable: it cannot be said now.
        """


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    current: str
    keys: dict[str, Base64Bytes] = Field(repr=False)


@dataclass(frozen=True)
class _Keys:
    current: str
    keys: dict[str, bytes] = field(repr=False)


class Keyring:
    """Master keys in a file that only its owner can read. A change of the file is seen at the next use."""

    def __init__(self, path: Path) -> None:
        """Read the file once.

        Raises:
            KeyringError: it cannot be used.
        """
        self._path = path
        self._seen, self._keys = _stamp(path), _read(path)
        self._told = False

    async def current(self) -> str:
        """Return the id of the current master key."""
        return self._fresh().current

    async def ids(self) -> tuple[str, ...]:
        """Return the ids of all master keys, the oldest first."""
        return tuple(self._fresh().keys)

    async def wrap(self, clear: bytes, about: bytes) -> tuple[str, bytes]:
        """Encrypt under the current master key; return its id and the rest."""
        keys = self._fresh()
        nonce = secrets.token_bytes(NONCE)
        sealed = AESGCM(keys.keys[keys.current]).encrypt(nonce, clear, about)
        return keys.current, nonce + sealed

    async def unwrap(self, master: str, wrapped: bytes, about: bytes) -> bytes:
        """Decrypt under the master key of this id.

        Raises:
            KeyUnusable: it is not here, or what is wrapped was altered.
        """
        key = self._fresh().keys.get(master)
        if key is None:
            raise KeyUnusable("its master key is not in the keyring")
        try:
            return AESGCM(key).decrypt(wrapped[:NONCE], wrapped[NONCE:], about)
        except (InvalidTag, ValueError):
            raise KeyUnusable("a wrapped key was altered") from None

    def _fresh(self) -> _Keys:
        """A file that cannot be read for a moment changes nothing: it is replaced as a whole. Ops are told once, since
        after the next start nothing could be read."""
        stamp, unreadable = _stamp(self._path), False
        if stamp is None or stamp != self._seen:
            try:
                self._keys, self._seen = _read(self._path), stamp
            except KeyringError:
                unreadable = True
        if unreadable and not self._told:
            log.error("keyring.unreadable")
        elif self._told and not unreadable:
            log.warning("keyring.readable")
        self._told = unreadable
        return self._keys


def make_keyring(path: Path) -> str:
    """Make a keyring of one master key in a new file (mode 0600), and return the key's id.

    Raises:
        KeyringError: there is a file already, or it cannot be written.
    """
    master, key = _new_key()
    try:
        write_private(path, _spelled(_Keys(master, {master: key})))
    except FileExistsError:
        raise KeyringError("there is a file of this name already", "Choose another; no key is overwritten") from None
    except OSError as error:
        raise KeyringError(f"the keyring cannot be written ({error.strerror})", "Check its directory") from None
    return master


def add_master_key(path: Path) -> str:
    """Add a master key that is not current yet, and return its id: copy the file everywhere, then use it.

    Raises:
        KeyringError: the file cannot be used.
    """
    master, key = _new_key()
    _replace(path, lambda keys: _Keys(keys.current, {**keys.keys, master: key}))
    return master


def use_master_key(path: Path, master: str) -> None:
    """Make a master key the current one. It then wraps new data keys.

    Raises:
        KeyringError: it is not in the file.
    """

    def use(keys: _Keys) -> _Keys:
        if master not in keys.keys:
            raise KeyringError(f"there is no master key {master}", "`keys list` shows those there are")
        return _Keys(master, keys.keys)

    _replace(path, use)


def drop_master_key(path: Path, master: str) -> None:
    """Drop a master key that wraps no data key any more. What it wrapped in old backups is then lost for good.

    Raises:
        KeyringError: it is not in the file, or current.
    """

    def drop(keys: _Keys) -> _Keys:
        if master not in keys.keys or master == keys.current:
            raise KeyringError(
                f"the master key {master} is not here, or is the current one", "`keys list` shows those there are"
            )
        return _Keys(keys.current, {name: key for name, key in keys.keys.items() if name != master})

    _replace(path, drop)


def _new_key() -> tuple[str, bytes]:
    return secrets.token_hex(4), AESGCM.generate_key(256)


def _spelled(keys: _Keys) -> bytes:
    spelled = {name: base64.b64encode(key).decode() for name, key in keys.keys.items()}
    return json.dumps({"current": keys.current, "keys": spelled}, indent=2).encode() + b"\n"


def _replace(path: Path, change: Callable[[_Keys], _Keys]) -> None:
    try:
        replace_private(path, lambda: _spelled(change(_read(path))))
    except OSError as error:
        raise KeyringError(f"the keyring cannot be written ({error.strerror})", "Check its directory") from None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> _Keys:
    try:
        raw = read_private(path, FILE_LIMIT)
    except NotPrivate as shared:
        raise KeyringError(f"the keyring is not its owner's alone: {shared.reason}", shared.remedy) from None
    except OSError as error:
        raise KeyringError(f"the keyring cannot be read ({error.strerror})", "Check its path") from None
    try:
        content = _File.model_validate_json(raw)
    except ValidationError:
        content = None
    if content is None or content.current not in content.keys or any(len(key) != 32 for key in content.keys.values()):
        raise KeyringError("this is not a keyring", "Give the file that `keys make` wrote")
    return _Keys(content.current, dict(content.keys))
