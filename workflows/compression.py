"""Compresses what goes through Temporal: histories last for months, and each counts against their size."""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from importlib.resources import files

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from workflows.messages import STATE_BYTES

COMPRESSED_FROM = 96
"""From this size (bytes) on a payload is compressed."""
DICTIONARY = files("workflows").joinpath("payload_words.txt").read_bytes() + b"\n\x16\n\x08encoding\x12\njson/plain\x12"
"""What payloads have in common: by it also a short one becomes half as long. What was compressed with it is read with
it, so it never changes: histories last for months. zlib itself says of a payload whether it needs it."""
PAYLOAD_LIMIT = 2 * STATE_BYTES
"""How large a payload may become when it is decompressed."""
ASIDE_FROM = 64 * 1024
"""From this size (bytes) on compressing is left to a thread."""
COMPRESSED = b"binary/zlib"


class Compression(PayloadCodec):
    """Compresses payloads before they are encrypted.

    What it cannot decompress it leaves as it is, and raises nothing: an error here would fail every task of a run that
    somebody has sent such a payload.
    """

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Compress what is large."""
        return [await self._encoded(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decompress what was compressed."""
        return [await self._decoded(payload) for payload in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        if payload.ByteSize() < COMPRESSED_FROM:
            return payload
        clear = payload.SerializeToString(deterministic=True)
        compressed = Payload(metadata={"encoding": COMPRESSED}, data=await _aside(clear, lambda: _compress(clear)))
        return compressed if compressed.ByteSize() < len(clear) else payload

    async def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != COMPRESSED:
            return payload
        try:
            return Payload.FromString(await _aside(payload.data, lambda: _decompress(payload.data)))
        except (zlib.error, DecodeError, ValueError):
            return payload


def _compress(clear: bytes) -> bytes:
    # Of a large one the last few bytes are not worth the time.
    stream = zlib.compressobj(6 if len(clear) <= ASIDE_FROM else 3, zdict=DICTIONARY)
    return stream.compress(clear) + stream.flush()


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj(zdict=DICTIONARY)
    clear = stream.decompress(data, PAYLOAD_LIMIT)
    if not stream.eof:
        raise ValueError("not complete, or more than a payload may be")
    return clear


async def _aside(content: bytes, work: Callable[[], bytes]) -> bytes:
    """Do what is long in a thread, so that the other journeys of this worker go on."""
    return await asyncio.to_thread(work) if len(content) > ASIDE_FROM else work()
