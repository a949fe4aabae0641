"""Read YAML strictly: plain values, no surprises, and the line of every field.

YAML 1.1 turns `no` into false, 21:00 into 1260 and 010 into 8, and its anchors can unfold a small file into
a huge one. A file that decides about doses and deadlines is refused wherever it could be read in two ways.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

from workflows.journey.vocabulary.base import IDENTIFIER_PATTERN
from workflows.journey.vocabulary.limits import PROTOCOL_LIMIT
from workflows.journey.vocabulary.numbers import DECIMAL, WHOLE

MAX_BYTES = 2 * PROTOCOL_LIMIT
"""A file has comments and white space beside what it says."""
MAX_DEPTH = 16

FieldPath = tuple[str | int, ...]
"""Where a value stands: field names and positions, from the top of the file."""
Broken = Iterator[tuple[FieldPath, str]]
"""Where rules are broken, and how."""

_NAME = re.compile(IDENTIFIER_PATTERN)
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a protocol file: the line (None where the file has none), the field and the rule.

    ``file`` names the file it stands in where that is one the checked file extends. Values are never repeated.
    """

    line: int | None
    field: str
    rule: str
    file: str | None = None

    @property
    def place(self) -> str:
        """The line and, where it is another one, the file: ``line 3 of at-home.yaml``. Empty where there is neither."""
        parts = ("" if self.line is None else f"line {self.line}", "" if self.file is None else self.file)
        return " of ".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.place}, {self.field}: {self.rule}" if self.place else f"{self.field}: {self.rule}"


class ProtocolError(Exception):
    """A protocol file that cannot be used, with every problem found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """The values of a file, the line of each, and the file's name for those that stand in a file it extends."""

    value: Any
    lines: dict[FieldPath, int]
    files: dict[FieldPath, str] = field(default_factory=dict)

    def problem(self, location: FieldPath, rule: str) -> Problem:
        """Make a problem at this place, or at the nearest place around it that is in the file."""
        known = location
        while known not in self.lines:
            known = known[:-1]
        return Problem(self.lines[known], field_name(location), rule, self.files.get(known))


def field_name(location: FieldPath) -> str:
    """Write a place as people do: `sessions.vitals.systolic.go[0]`."""
    name = ""
    for part in location[1:] if location[:1] in (("protocol",), ("shared",)) else location:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}" if _NAME.fullmatch(part) else ".(unreadable name)"
    return name.lstrip(".") or "protocol"


def read(path: Path) -> Document:
    """Read the values of a YAML file.

    Raises:
        ProtocolError: the file is missing, too large, not UTF-8, not YAML, or could be misread.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProtocolError((Problem(None, "file", "is not a regular file"),))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProtocolError((Problem(None, "file", f"cannot be read: {error.strerror}"),)) from None
    if len(content) > MAX_BYTES:
        raise ProtocolError((Problem(None, "file", f"is too large: at most {MAX_BYTES // 1024} kB"),))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProtocolError((Problem(line, "file", "is not UTF-8 text"),)) from None
    return parse(text)


@lru_cache(maxsize=16)
def parse(text: str) -> Document:
    """Read the values of a YAML text. Callers share them and must not change them.

    Raises:
        ProtocolError: it is not YAML, or could be misread.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ProtocolError((Problem(line, "file", "holds a character that YAML does not allow"),)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise ProtocolError((Problem(line, "file", f"is not valid YAML: {_bare(error.problem)}"),)) from None
    if node is None:
        raise ProtocolError((Problem(1, "file", "is empty"),))
    lines: dict[FieldPath, int] = {(): node.start_mark.line + 1}
    reader = _Reader(lines)
    value = reader.value(node, ())
    if reader.problems:
        raise ProtocolError(tuple(reader.problems))
    return Document(value, lines)


def _bare(problem: str | None) -> str:
    """Take out of the parser's words what it quotes from the file."""
    return re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"", "something else", problem or "it cannot be read")


class _Loader(CParser, Composer, Resolver):
    """Composes nodes and refuses what makes YAML ambiguous or unbounded: anchors, aliases, tags, deep nesting.

    The parser is libyaml's, always: with a second one, a file could be read in two ways.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        Resolver.__init__(self)
        self.depth = 0

    # libyaml's own offers no place to refuse a node.
    get_single_node = Composer.get_single_node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        refused = None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            refused = "anchors and aliases are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            refused = "tags are not allowed; write the plain value"
        elif self.depth >= MAX_DEPTH:
            refused = "nested too deeply"
        if refused is not None:
            raise yaml.composer.ComposerError(None, None, refused, event.start_mark)
        self.depth += 1
        try:
            return Composer.compose_node(self, parent, index)
        finally:
            self.depth -= 1


class _Reader:
    """Turns nodes into values, keeping the line of each and every problem on the way."""

    def __init__(self, lines: dict[FieldPath, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, at: FieldPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {name: self.value(child, (*at, name)) for name, child in self._fields(node, at)}
        if isinstance(node, yaml.SequenceNode):
            for position, child in enumerate(node.value):
                self.lines[(*at, position)] = child.start_mark.line + 1
            return [self.value(child, (*at, position)) for position, child in enumerate(node.value)]
        return self._scalar(node, at)

    def _fields(self, node: yaml.MappingNode, at: FieldPath) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self._refuse(line, at, "a field name must be text; put it in quotes if it is one")
            elif key.value in seen:
                self._refuse(line, (*at, key.value), f"stands twice, first in line {seen[key.value]}")
            else:
                seen[key.value] = self.lines[(*at, key.value)] = line
                yield key.value, child

    def _scalar(self, node: yaml.Node, at: FieldPath) -> str | int | float | bool | None:
        text, tag = str(node.value), node.tag.removeprefix(_TAG)
        if tag == "str":
            if all(letter.isprintable() or letter in "\n\t" for letter in text):
                return text
            rule = "holds characters that cannot be printed"
        elif tag == "null":
            return None
        elif tag == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        elif tag == "int" and WHOLE.fullmatch(text):
            return int(text)
        elif tag == "float" and DECIMAL.fullmatch(text):
            return float(text)
        elif tag == "bool":
            rule = "could be a word or a yes/no; write true or false, or put the word in quotes"
        elif tag in ("int", "float"):
            rule = "could be misread; write numbers in plain digits and put times in quotes"
        else:
            rule = "could be misread; put it in quotes"
        self._refuse(node.start_mark.line + 1, at, rule)
        return None

    def _refuse(self, line: int, at: FieldPath, rule: str) -> None:
        self.problems.append(Problem(line, field_name(at), rule))
