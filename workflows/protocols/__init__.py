"""Protocol files: find one, load it as a valid `Protocol`, or name every problem with its line."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.base import LONGEST_IDENTIFIER
from workflows.protocols.reading import Document, FieldPath, Problem, ProtocolError
from workflows.protocols.resolution import is_shared, resolve
from workflows.protocols.rules import find_broken_rules

__all__ = [
    "Problem",
    "ProtocolError",
    "check",
    "find",
    "list_files",
    "list_pathways",
    "list_shipped",
    "load",
    "resolve",
]

SHIPPED = Path(__file__).parent

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CLOCKS: tuple[FieldPath, ...] = (
    ("quiet_hours", "start"), ("quiet_hours", "end"), ("working_time", "hours", 0), ("working_time", "hours", 1),
)  # fmt: skip
_NUMBERS = ("int_type", "int_parsing", "int_from_float")
_LISTS = ("tuple_type", "list_type")
_FIELDS = ("model_type", "dict_type", "model_attributes_type")


def list_shipped() -> tuple[Path, ...]:
    """List the protocol files that come with the service. All of them are illustrative."""
    return list_files(SHIPPED)


def list_files(directory: Path = SHIPPED) -> tuple[Path, ...]:
    """List the protocol files in a directory, without those that are only there to be extended."""
    return tuple(path for path in sorted(directory.glob("*.yaml")) if not is_shared(path))


def find(name: str, directory: Path = SHIPPED) -> Path:
    """Find the file in ``directory`` with this name or protocol id, or the only one for this pathway.

    The pathway may be written in small letters.

    Raises:
        ProtocolError: there is none, or more than one.
    """
    known = list_files(directory)
    found = [path for path in known if path.stem == name]
    if not found:
        readable = _readable(directory)
        found = [path for path, protocol in readable if protocol.id == name]
        found = found or [path for path, protocol in readable if protocol.pathway == name.upper()]
    if len(found) == 1:
        return found[0]
    there = ", ".join(path.stem for path in known) or "none"
    rule = "more than one protocol fits" if found else "no such protocol"
    raise ProtocolError((Problem(None, "protocol", f"{rule}; name one of: {there}"),))


def list_pathways(directory: Path = SHIPPED) -> tuple[str, ...]:
    """List the pathways that ``directory`` has protocols for, in alphabetical order."""
    return tuple(sorted({protocol.pathway for _, protocol in _readable(directory)}))


def load(path: Path) -> Protocol:
    """Load the protocol in a file, with all it extends.

    Raises:
        ProtocolError: with every problem found; it names files, lines, fields and rules, and repeats no values.
    """
    document = resolve(path)
    values = document.value["protocol"]
    problems = [
        document.problem(("protocol", *at), 'must be a time of day in quotes, like "21:00"')
        for at in _CLOCKS
        if not _is_clock(values, at)
    ]
    try:
        protocol, broken = _judge(json.dumps(values))
    except ValidationError as error:
        problems += _describe(document, error.errors(include_input=False, include_url=False))
    else:
        problems += [document.problem(("protocol", *at), rule) for at, rule in broken]
        if not problems:
            return protocol
    raise ProtocolError(tuple(sorted(problems, key=lambda problem: (problem.file or "", problem.line or 0))))


@lru_cache(maxsize=16)
def _judge(values: str) -> tuple[Protocol, tuple[tuple[FieldPath, str], ...]]:
    """Make a protocol of its values, and find what rules it breaks: once for the same values, as a page of the console
    shows the same protocols again and again.

    Raises:
        ValidationError: they are no protocol.
    """
    protocol = Protocol.model_validate_json(values, strict=True)
    return protocol, tuple(find_broken_rules(protocol))


def check(path: Path) -> tuple[Problem, ...]:
    """Name every problem of a protocol file. There is none when it can be used."""
    try:
        load(path)
    except ProtocolError as error:
        return error.problems
    return ()


def _readable(directory: Path) -> tuple[tuple[Path, Protocol], ...]:
    """Load every file in a directory that can be used."""
    return _shipped() if directory == SHIPPED else tuple(_load_readable(list_files(directory)))


@cache
def _shipped() -> tuple[tuple[Path, Protocol], ...]:
    """Load what comes with the service once: it does not change while the service runs."""
    return tuple(_load_readable(list_shipped()))


def _load_readable(known: Iterable[Path]) -> Iterator[tuple[Path, Protocol]]:
    for path in known:
        with suppress(ProtocolError):
            yield path, load(path)


def _is_clock(values: Any, at: FieldPath) -> bool:
    """Tell whether the value at this place is spelled as a time of day. A missing one is reported elsewhere."""
    for part in at:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return True
    return isinstance(values, str) and _CLOCK.fullmatch(values) is not None


def _describe(document: Document, errors: list[ErrorDetails]) -> Iterator[Problem]:
    missing = [error["loc"] for error in errors if error["type"] == "missing"]
    found: dict[FieldPath, list[str]] = {}
    for error in errors:
        if error["type"].startswith("time_") or (error["type"] == "value_error" and error["loc"] in _CLOCKS):
            continue
        at = _locate(document, error)
        rule = _word_rule(error)
        if error["type"] == "extra_forbidden":
            beside = [str(loc[-1]) for loc in missing if loc[:-1] == error["loc"][:-1]]
            close = difflib.get_close_matches(str(error["loc"][-1]), beside, n=1)
            rule += f"; is `{close[0]}` meant?" if close else ""
        rules = found.setdefault(at, [])
        if rule not in rules:
            rules.append(rule)
    for at, rules in found.items():
        yield document.problem(at, ", or ".join(rules))


def _locate(document: Document, error: ErrorDetails) -> FieldPath:
    """Find the place of an error in the file. A rule that begins with a field's name is about that field."""
    at: FieldPath = ("protocol",)
    for part in error["loc"]:
        if (*at, part) not in document.lines and not (error["type"] == "missing" and part == error["loc"][-1]):
            break
        at = (*at, part)
    if error["type"] == "value_error":
        first = _word_rule(error).split()[0].strip("`")
        if (*at, first) in document.lines:
            at = (*at, first)
    return at


def _word_rule(error: ErrorDetails) -> str:
    kind, given = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(given["error"])
    if kind.startswith("date_"):
        return 'must be a day in quotes, like "2027-01-01"'
    if kind in _NUMBERS:
        return "must be a whole number"
    if kind in _LISTS:
        return "must be a list"
    if kind in _FIELDS:
        return "must be fields with values"
    if kind in ("too_short", "too_long"):
        length = given.get("min_length", given.get("max_length"))
        return f"must have at {'least' if kind == 'too_short' else 'most'} {length} entries"
    words = {
        "missing": "this field is missing",
        "extra_forbidden": "unknown field",
        "float_type": "must be a number",
        "string_type": "must be text",
        "bool_type": "must be true or false",
        "string_too_short": "must not be empty",
        "string_pattern_mismatch": f"must be one word of at most {LONGEST_IDENTIFIER} letters, digits and _ . : + -",
    }
    return words.get(kind) or error["msg"].replace("Input should be", "must be").replace("String should", "must")
