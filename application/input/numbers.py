"""Whole numbers where no form has them: in settings, in addresses, and in the place of a time. The rule is that of
`workflows.journey.vocabulary.numbers`."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from workflows.journey.vocabulary.numbers import read_whole


def _read(given: Any) -> Any:
    return read_whole(given) if isinstance(given, str) else given


WrittenWhole: TypeAlias = Annotated[int, BeforeValidator(_read)]
"""A whole number that comes as text. Left to itself, pydantic takes `1_6`, `+16` and ` 016` for sixteen."""


def number_in(moment: str) -> int | None:
    """Return the version or the position that somebody wrote in the place of a time; None where it is neither."""
    try:
        number = read_whole(moment)
    except ValueError:
        return None
    return number if number >= 0 else None
