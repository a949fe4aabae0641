"""Turns payloads into the bytes that are stored. Encryption belongs here, and nowhere else."""

from typing import Protocol
from uuid import UUID


class PayloadCodec(Protocol):
    """Turns clear payloads into stored ones and back.

    It must be deterministic: the same event always gives the same bytes. A retry is recognised by the hash
    of the stored bytes, so a codec that draws a random nonce would make every retry look like other content
    (`Diverged`). Encrypt with a misuse-resistant AEAD (AES-SIV, or AES-GCM-SIV with a nonce derived from the
    event id) and bind both ids as associated data.

    It is called on the event loop: no I/O.
    """

    def encode(self, journey_id: UUID, event_id: UUID, clear: bytes) -> bytes: ...

    def decode(self, journey_id: UUID, event_id: UUID, stored: bytes) -> bytes: ...


class Clear:
    """Stores payloads as they are."""

    def encode(self, journey_id: UUID, event_id: UUID, clear: bytes) -> bytes:  # noqa: ARG002
        return clear

    def decode(self, journey_id: UUID, event_id: UUID, stored: bytes) -> bytes:  # noqa: ARG002
        return stored
