"""Keeps what is too large for Temporal's histories in the record's database, under its SHA-256.

A history then holds a reference of some hundred bytes. Worker and command line resolve it before a run sees anything:
while the record cannot be reached, the task fails and is tried again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from activities.record.blobs import keep_blob, load_blob
from activities.record.store import Record

DRIVER = "record"
"""The name under which histories refer to this storage."""

log = structlog.get_logger("record")


class BlobStorage(StorageDriver):
    """Keeps payloads in the database of a record, which is opened when it is first needed."""

    def __init__(self, record: Callable[[], Awaitable[Record]]) -> None:
        self._record = record

    def name(self) -> str:
        """Return the name in references."""
        return DRIVER

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Keep payloads, each once.

        Raises:
            RecordUnavailable, RecordFault: they are not kept; the task is tried again.
        """
        workflow_id = (None if context.target is None else context.target.id) or ""
        record = await self._record()
        claims = []
        for payload in payloads:
            digest = await keep_blob(record, payload.SerializeToString(deterministic=True), workflow_id)
            claims.append(StorageDriverClaim(claim_data={"sha256": digest.hex()}))
        return claims

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - the SDK's signature
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Return payloads. One that is not there is empty, and read as nothing: whoever forges a reference stops no
        journey with it, and a state that is lost begins no run.

        Raises:
            RecordUnavailable, RecordFault: the task is tried again.
        """
        record = await self._record()
        return [await self._retrieved(record, claim.claim_data) for claim in claims]

    async def _retrieved(self, record: Record, claim: Mapping[str, str]) -> Payload:
        digest = claim.get("sha256", "")
        content = await load_blob(record, digest)
        if content is None:
            log.error("blob.missing", sha256=digest[:64])
            return Payload()
        try:
            return Payload.FromString(content)
        except DecodeError:
            return Payload()


def storage_of(record: Record) -> BlobStorage:
    """Return the storage of a record that is open."""

    async def opened() -> Record:
        return record

    return BlobStorage(opened)
