"""Bytes that are too large for Temporal's histories, kept under their SHA-256 until no run needs them."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from activities.record.store import Record


async def keep_blob(record: Record, content: bytes, workflow_id: str) -> bytes:
    """Keep bytes for a workflow, and return their SHA-256."""
    async with record.connection() as connection:
        digest: bytes = await connection.fetchval("SELECT record.keep_blob($1, $2)", content, workflow_id)
    return digest


async def load_blob(record: Record, digest: str) -> bytes | None:
    """Return the bytes with this SHA-256 in hex; None when they are not there."""
    try:
        wanted = bytes.fromhex(digest)
    except ValueError:
        return None
    async with record.connection() as connection:
        content: bytes | None = await connection.fetchval(
            "SELECT content FROM record.blob WHERE digest = $1 LIMIT 1", wanted
        )
    return content if content is not None and sha256(content).digest() == wanted else None


async def has_blobs(record: Record, *, before: datetime) -> bool:
    """Whether anything was last used before a moment (UTC)."""
    async with record.connection() as connection:
        found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM record.blob WHERE used_at < $1)", before)
    return found


async def drop_blobs(record: Record, *, before: datetime, began: Mapping[UUID, datetime]) -> int:
    """Drop what was last used before a moment (UTC) of this log's journeys, except what the open runs may need, which
    ``began`` then. Return how many were dropped."""
    async with record.connection() as connection:
        dropped: int = await connection.fetchval(
            "SELECT record.drop_blobs($1, $2, $3, $4)", record.log_id, before, list(began), list(began.values())
        )
    return dropped
