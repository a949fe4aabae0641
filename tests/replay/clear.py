"""The codec of recorded histories: they are in clear, so that a person can read what changed.

What a journey does never depends on how its payloads are encrypted; that is shown by histories of tests that are.
"""

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload

from workflows.authenticity import mark_authentic, unmark
from workflows.compression import Compression
from workflows.temporal_plugin import PathwayCodec


class ClearCodec(PathwayCodec):
    """Takes everything for authentic. Nowhere but in tests."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await Compression().encode([unmark(payload) for payload in payloads])

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [mark_authentic(payload) for payload in await Compression().decode(payloads)]

    async def stand_in(self, said: bytes) -> str:
        return said.decode()
