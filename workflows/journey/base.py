"""What every model of the core is built from: two bases, the words for text and ids, and canonical JSON."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$")]
"""An opaque id or a coded word: safe in ids, logs and search attributes."""


class InputModel(BaseModel):
    """What people hand in (commands, protocol files): an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class ImmutableModel(BaseModel):
    """What happened and what follows from it (events, state): later fields are ignored by older readers."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)


def canonical(content: Any) -> bytes:
    """The one spelling of a JSON value (sorted keys, no spaces, UTF-8; after RFC 8785) that hashes are taken over."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(content: Any) -> str:
    """SHA-256 of the canonical spelling, in hex."""
    return hashlib.sha256(canonical(content)).hexdigest()


def _as_json(content: Any) -> Any:
    try:
        return json.loads(canonical(content))
    except (TypeError, RecursionError):
        raise ValueError("not a JSON value") from None


Json = Annotated[Any, AfterValidator(_as_json)]
"""Any JSON value, as it reads after one trip through JSON (no tuples, no infinities)."""
