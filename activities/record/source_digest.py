"""Tells states apart that different code has folded."""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import pydantic

CORE = "workflows.journey"
"""The package that decides and folds: the rules. What other code folded is left aside."""


@cache
def source_digest(*packages: str) -> bytes:
    """Return SHA-256 over the source of these packages, and the version of pydantic, which reads and writes states."""
    digest = sha256(pydantic.VERSION.encode())
    for package in packages:
        for name, content in sorted(_sources(files(package))):
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.digest()


def _sources(folder: Traversable) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from ((f"{entry.name}/{name}", content) for name, content in _sources(entry))
        elif entry.name.endswith(".py"):
            yield entry.name, entry.read_bytes()


@cache
def zone_digest() -> bytes:
    """Return SHA-256 over the zone data that local times are worked out with."""
    digest = sha256()
    for name, content in sorted(_data(files("tzdata") / "zoneinfo")):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.digest()


def _data(folder: Traversable) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from ((f"{entry.name}/{name}", content) for name, content in _data(entry))
        elif not entry.name.endswith((".py", ".pyc")):
            yield entry.name, entry.read_bytes()
