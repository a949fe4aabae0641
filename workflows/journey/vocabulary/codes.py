"""Codes: what stands for secret content where the content is not: in ids, addresses and command lines.

With a plain hash whoever reads it can check a guess at the content. A code is made under a key of the journey, which
only its opening holds. So whoever may read the journey derives its codes again, also offline, and nobody else can.
"""

import hmac
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from workflows.journey.vocabulary.base import canonical

CodeKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(repr=False)]
"""The key of a journey's codes, in hex."""


def code_of(key: str, content: Any) -> str:
    """Return the code of a JSON value, in hex: HMAC-SHA256 of its canonical spelling."""
    return hmac.digest(bytes.fromhex(key), canonical(content), "sha256").hex()


def code_in(request_id: str) -> str:
    """Return the code of the evidence that the id of a request for a signature ends with."""
    return request_id.rpartition(":")[2]
