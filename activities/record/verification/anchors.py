"""Anchors: signed notes, kept outside the database, of how far the log had come. They show when its end was cut off.

An anchor is a JSON file: ``anchor`` has the log, the position, the log's hash there, the number of events, the same of
the access log, the newest register of who may sign that was seen, and the time of the note (UTC); ``signature`` is
Ed25519 over the canonical JSON of ``{"domain": "care-pathway/anchor/1", "anchor": …}``. Keep the directory where
whoever runs the database cannot change it.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from activities.private_files import NotPrivate, read_private, write_private
from activities.record.access_log import access_seal
from activities.record.store import Record
from activities.record.stored import SeenRegister
from activities.record.verification.chains import RecordFinding
from workflows.journey.vocabulary.base import canonical

DOMAIN = "care-pathway/anchor/1"
FILE_LIMIT = 4096

Flaw: TypeAlias = Literal[
    "anchor_unreadable",
    "anchor_forged",
    "log_cut",
    "log_rewritten",
    "access_cut",
    "access_rewritten",
    "register_lowered",
]


KEY_LIMIT = 1024
"""How many bytes the file of a key has at most."""


class AnchorKeyError(Exception):
    """The key of anchors or reports cannot be made or used; ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason[:1].upper()}{reason[1:]}. {remedy}.")
        self.reason = reason
        self.remedy = remedy


class Anchor(BaseModel):
    """How far a log had come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_id: int
    position: int
    log_hash: str
    events: int
    access: int
    """How many entries of the access log were sealed, and the hash of the last one."""
    access_hash: str
    register_version: int
    """The newest register that was used with the log, 0 for none, and the hash of its content."""
    register_hash: str
    at: AwareDatetime

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.position:012d}-{self.access:012d}-{self.register_version:06d}"

    def signed_bytes(self) -> bytes:
        """Return the bytes that the signature covers."""
        return canonical({"domain": DOMAIN, "anchor": self.model_dump(mode="json")})


def make_key(path: Path) -> bytes:
    """Make a key for anchors or reports, readable by its owner only, and return its public half (32 bytes).

    Whoever has the key can claim that a log was longer than it is, but cannot hide that it became shorter.

    Raises:
        AnchorKeyError: there is a file, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    try:
        write_private(path, f"{key.private_bytes_raw().hex()}\n".encode())
    except OSError as error:
        raise AnchorKeyError(f"the key cannot be written ({error.strerror})", "Choose another place") from None
    return key.public_key().public_bytes_raw()


def read_key(path: Path, public_key: bytes | None = None) -> Ed25519PrivateKey:
    """Read the key for anchors or reports. Where its public half is known, that must be it: what is signed with another
    key nobody believes.

    Raises:
        AnchorKeyError: it cannot be read, is none, or is another one.
    """
    try:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(read_private(path, KEY_LIMIT).decode().strip()))
    except NotPrivate as shared:
        raise AnchorKeyError(f"the key is not its owner's alone: {shared.reason}", shared.remedy) from None
    except OSError as error:
        raise AnchorKeyError(f"the key cannot be read ({error.strerror})", "Check its path") from None
    except ValueError:
        raise AnchorKeyError("this is no key of this kind", "Give the file that `record anchor-key` wrote") from None
    if public_key not in (None, key.public_key().public_bytes_raw()):
        raise AnchorKeyError(
            "the key in the file is not the one of CAREPATH_ANCHOR_PUBLIC_KEY: nobody would believe what it signs",
            "Give the key of which that is the public half, or correct CAREPATH_ANCHOR_PUBLIC_KEY",
        )
    return key


async def write_anchor(record: Record, directory: Path, key: Ed25519PrivateKey) -> Anchor | None:
    """Write an anchor for the ends of the log and of the access log, and the newest register. Where none went on
    nothing changes. None while the log is empty.

    Raises:
        RecordUnavailable, OSError: the log cannot be read, or the directory not written; ask again.
    """
    head = await record.log_head()
    access, access_hash = await access_seal(record) or (0, bytes(32))
    register = await record.seen_register() or SeenRegister(0, bytes(32))
    if head is None:
        return None
    position, log_hash = head
    anchor = Anchor(
        log_id=record.log_id,
        position=position,
        log_hash=log_hash.hex(),
        events=position,
        access=access,
        access_hash=access_hash.hex(),
        register_version=register.version,
        register_hash=register.content_hash.hex(),
        at=datetime.now(UTC),
    )
    await asyncio.to_thread(_write, anchor, directory, key)
    return anchor


def _write(anchor: Anchor, directory: Path, key: Ed25519PrivateKey) -> None:
    path = directory / f"{anchor.name}.json"
    if path.exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    content = {"anchor": anchor.model_dump(mode="json"), "signature": key.sign(anchor.signed_bytes()).hex()}
    new = directory / f".{secrets.token_hex(8)}"
    with new.open("x") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


async def check_anchors(
    record: Record, directory: Path, public_key: bytes
) -> tuple[Sequence[RecordFinding], Sequence[Anchor]]:
    """Compare the log with every anchor. Return what is wrong, by the position in the anchor's name, and the anchors
    that the log agrees with, the newest last.

    It cannot see that anchors were removed: compare the newest one's age with how often they are written.

    Raises:
        RecordUnavailable: as the record does.
    """
    found: list[RecordFinding] = []
    agreed: list[Anchor] = []
    anchors = await asyncio.to_thread(lambda: [*_anchors(directory, Ed25519PublicKey.from_public_bytes(public_key))])
    for position, anchor in anchors:
        if not isinstance(anchor, Anchor):
            found.append(RecordFinding(position, None, None, anchor))
            continue
        flaws = [flaw async for flaw in _contradicted(record, anchor)]
        found += [RecordFinding(position, None, None, flaw) for flaw in flaws]
        if not flaws:
            agreed.append(anchor)
    return tuple(found), tuple(agreed)


async def newest_anchor(record: Record, directory: Path, public_key: bytes) -> Anchor | Flaw | None:
    """Return the newest anchor, or what is wrong with it; None where there is none. The others are not looked at.

    Raises:
        RecordUnavailable: as the record does.
    """
    key = Ed25519PublicKey.from_public_bytes(public_key)
    newest = await asyncio.to_thread(lambda: max(directory.glob("*.json"), default=None))
    if newest is None:
        return None
    anchor = await asyncio.to_thread(_read, newest, key)
    if isinstance(anchor, Anchor):
        async for flaw in _contradicted(record, anchor):
            return flaw
    return anchor


async def _contradicted(record: Record, anchor: Anchor) -> AsyncIterator[Flaw]:
    log_hash = await record.log_hash(anchor.position)
    if log_hash is None:
        yield "log_cut"
    elif log_hash.hex() != anchor.log_hash:
        yield "log_rewritten"
    sealed = await access_seal(record, anchor.access) if anchor.access else (0, bytes(32))
    if sealed is None:
        yield "access_cut"
    elif sealed[1].hex() != anchor.access_hash:
        yield "access_rewritten"
    if anchor.register_version:
        seen = await record.seen_register(anchor.register_version)
        if seen is None or seen.content_hash.hex() != anchor.register_hash:
            yield "register_lowered"


def _anchors(directory: Path, public_key: Ed25519PublicKey) -> Iterator[tuple[int, Anchor | Flaw]]:
    for path in sorted(directory.glob("*.json")):
        stem = path.stem.partition("-")[0]
        yield int(stem) if stem.isascii() and stem.isdecimal() else 0, _read(path, public_key)


def _read(path: Path, public_key: Ed25519PublicKey) -> Anchor | Flaw:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(FILE_LIMIT))
        anchor = Anchor.model_validate(content["anchor"])
        public_key.verify(bytes.fromhex(content["signature"]), anchor.signed_bytes())
    except InvalidSignature:
        return "anchor_forged"
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return "anchor_unreadable"
    return anchor if anchor.name == path.stem else "anchor_forged"
