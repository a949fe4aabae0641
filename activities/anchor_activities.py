"""The activity that writes anchors of the record."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import activity

from activities.record.access_log import seal_access
from activities.record.store import Record
from activities.record.verification.anchors import write_anchor
from workflows.messages import anchor_record


class AnchorActivities:
    """Writes anchors for one record to one directory."""

    def __init__(self, record: Record, directory: Path, key: Ed25519PrivateKey) -> None:
        self._record, self._directory, self._key = record, directory, key

    @activity.defn(name=anchor_record.__name__)
    async def anchor(self) -> int:
        """Write an anchor, and return its position."""
        await seal_access(self._record)
        written = await write_anchor(self._record, self._directory, self._key)
        return 0 if written is None else written.position
