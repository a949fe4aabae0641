"""Whether a payload was made by somebody who has the keys, for this workflow. The codec finds out, and marks it.

Anybody who reaches Temporal can send a payload. What was not made with the key, or for another workflow, is recognized
and not thrown out: an error would fail every task of its run.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

_FIELD = "carepath-authentic"
_MARK = secrets.token_bytes(16)
"""Of this process alone, so that nobody can send it."""


@dataclass(frozen=True)
class Foreign:
    """What stands in place of a value whose payload is not authentic, where its type says that it may."""

    content: bytes = field(repr=False)


def mark_authentic(payload: Payload) -> Payload:
    """Mark a payload that was decrypted, and return it. Only for the codec."""
    payload.metadata[_FIELD] = _MARK
    return payload


def unmark(payload: Payload) -> Payload:
    """Return a payload without the mark."""
    if _FIELD not in payload.metadata:
        return payload
    clear = Payload()
    clear.CopyFrom(payload)
    del clear.metadata[_FIELD]
    return clear


def is_authentic(payload: Payload) -> bool:
    """Whether the codec has marked a payload."""
    return payload.metadata.get(_FIELD) == _MARK


def contents_of(payloads: Sequence[RawValue]) -> tuple[tuple[bytes, ...], bool]:
    """Return what payloads hold, and whether they are authentic: all of them, and there is one."""
    contents = tuple(raw.payload.data for raw in payloads)
    return contents, bool(payloads) and all(is_authentic(raw.payload) for raw in payloads)
