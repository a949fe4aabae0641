"""What every model of the core is built from: two bases, the words for text, ids and numbers, and canonical JSON.

People and other programs hand in JSON. What they hand in is taken as what it is: "5" is no number, 1 is no yes, and
digits are no time (`calendars`). So no field of an `InputModel` is a bare `str`, `int`, `float` or `bool`.
"""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from workflows.journey.vocabulary.texts import clean_text

K = TypeVar("K", bound=str)
V = TypeVar("V")
Made = TypeVar("Made", bound=BaseModel)

_LONG, _SHORT = 4000, 200
LARGEST = 10**9


def _long(text: str) -> str:
    return _fitting(clean_text(text), _LONG)


def _short(text: str) -> str:
    return _fitting(clean_text(text, lines=False), _SHORT)


def _fitting(text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"must have at most {limit} characters")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONG), AfterValidator(_long)]
"""What somebody writes, in one or more lines; see `texts` for what it may hold."""
Short = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_SHORT), AfterValidator(_short)
]
"""A few words in one line; see `texts` for what they may hold."""
Raw = Annotated[str, StringConstraints(max_length=16_000)]
"""What came from somebody, whatever it holds: kept as it is, shown by nobody as an instruction."""
Flag = Annotated[bool, Strict()]
"""True or false, and nothing that could be read as one."""
Whole = Annotated[int, Strict(), Field(ge=-LARGEST, le=LARGEST)]
"""A whole number of a size that times and amounts have."""
Position = Annotated[int, Strict(), Field(ge=0, le=2**63 - 1)]
"""A place in the record's order."""
Number = Annotated[float, Strict(), Field(ge=-LARGEST, le=LARGEST)]
"""A finite number of a size that amounts have."""
LONGEST_IDENTIFIER = 96
"""Characters."""
IDENTIFIER_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_.:+-]{{0,{LONGEST_IDENTIFIER - 1}}}$"
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
"""An opaque id or a coded word: safe in ids, logs and search attributes."""


def _sorted(mapping: dict[K, V]) -> dict[K, V]:
    return {key: mapping[key] for key in sorted(mapping)}


SortedDict = Annotated[dict[K, V], AfterValidator(_sorted)]
"""A mapping in the order of its keys. In the record keys are sorted, and what is read there must decide the same."""


class InputModel(BaseModel):
    """What people hand in (commands, protocol files): an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class ImmutableModel(BaseModel):
    """What happened and what follows from it (events, state): later fields are ignored by older readers."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """What never changes need not be copied: each journey begins with the same empty parts of its state."""
        return self

    @classmethod
    def of_valid(cls, **values: Any) -> Self:
        """Make one of all its fields, whose values are known to be valid: in a fifth of the time of `model_construct`,
        which looks for fields that are missing."""
        return _made(cls, values, _fields_of(cls))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with some fields changed, to values that are known to be valid. What never changes is shared."""
        if deep:
            return super().model_copy(update=update, deep=True)
        return _made(type(self), {**self.__dict__, **(update or {})}, self.__pydantic_fields_set__)


@cache
def _fields_of(kind: type[BaseModel]) -> AbstractSet[str]:
    fields = kind.__pydantic_fields__
    return fields.keys() & fields


def _made(kind: type[Made], values: dict[str, Any], given: AbstractSet[str]) -> Made:
    made = kind.__new__(kind)
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", given)
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(content: Any) -> bytes:
    """The one spelling of a JSON value (sorted keys, no spaces, UTF-8; after RFC 8785) that hashes are taken over."""
    return _ENCODER.encode(content).encode()


def digest(content: Any) -> str:
    """SHA-256 of the canonical spelling, in hex."""
    return hashlib.sha256(canonical(content)).hexdigest()


CODE_DIGITS = 20
"""How many hex digits of a digest or a code people compare, type, or see in a request's id: 80 bits. Two texts that
share 48 are found within minutes."""


def abbreviate(digest: str) -> str:
    """The beginning of a digest, long enough to stand for it among people."""
    return digest[:CODE_DIGITS]


def short_code(digest: str) -> str:
    """The beginning of a digest in groups of four, as people compare it."""
    return "-".join(digest[at : at + 4] for at in range(0, min(len(digest), CODE_DIGITS), 4))


def stands_for(typed: str, digest: str) -> bool:
    """Whether what somebody typed, with or without groups, is this digest or enough of its beginning."""
    digits = typed.lower().replace("-", "").replace(" ", "")
    return len(digits) >= CODE_DIGITS and digest.startswith(digits)


def _as_json(content: Any) -> Any:
    try:
        return json.loads(canonical(content))
    except (TypeError, RecursionError):
        raise ValueError("not a JSON value") from None


Json = Annotated[Any, AfterValidator(_as_json)]
"""Any JSON value, as it reads after one trip through JSON (no tuples, no infinities)."""
