"""Reads the clinical requirements, and which tests are marked as showing them, and writes both as tables.

What is asked stands in requirements.yaml. A test shows it with `@pytest.mark.requirement("A03")`. Marks are read from
the source of the tests, so no test has to run, and no server has to be there.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from docs.markdown import table

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "requirements.yaml"
SOURCES = {"A": "At-home treatment for PTSD", "B": "At-home therapy for anxiety"}


class ClinicalRequirement(BaseModel):
    """One line of a source document: its words, what they ask for, where the rule is, and what is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[AB]\d\da?$")]
    quote: str
    asks: str
    rule: tuple[str, ...] = ()
    state: Literal["met", "in part", "unmet", "untested"] = "met"
    missing: str | None = None

    @model_validator(mode="after")
    def _is_told(self) -> "ClinicalRequirement":
        if (self.state == "met") == (self.missing is not None):
            raise ValueError(f"{self.id}: `missing` goes with every state but met, and only with those")
        return self


class Mark(NamedTuple):
    """A test that says it shows a requirement."""

    file: str
    test: str


def read_requirements(path: Path = DATA) -> dict[str, ClinicalRequirement]:
    """Every requirement by its id, in the order of the sources.

    Raises:
        ValueError: an entry is malformed, or an id stands twice.
    """
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["requirements"]
    found = [ClinicalRequirement.model_validate(entry) for entry in entries]
    by_id = {requirement.id: requirement for requirement in found}
    if len(by_id) != len(found):
        raise ValueError("a requirement stands twice")
    return by_id


@cache
def find_marks(root: Path = ROOT / "tests") -> Mapping[str, list[Mark]]:
    """The tests that are marked with each id, as their files say. They are read once."""
    found: defaultdict[str, list[Mark]] = defaultdict(list)
    for file in sorted(root.rglob("test_*.py")):
        for test, ids in marked_tests(file.read_text(encoding="utf-8")):
            for each in ids:
                found[each].append(Mark(str(file.relative_to(root.parent)), test))
    return dict(found)


def marked_tests(source: str) -> Iterator[tuple[str, list[str]]]:
    """Every test of a module that is marked, with the ids: of its own, of its parameters, and of the whole module.

    Raises:
        ValueError: an id is not written out, or a mark stands where no test has it from.
    """
    if "requirement" not in source:
        return
    tree = ast.parse(source)
    of_all = [name for node in tree.body if _marks_module(node) for name in _ids(node)]
    found = {
        node.name: [name for decorator in node.decorator_list for name in _ids(decorator)]
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    if len(list(_ids(tree))) > len(of_all) + sum(map(len, found.values())):
        raise ValueError("mark a test, its parameters, or the whole module by `pytestmark`")
    for test, ids in found.items():
        if of_all or ids:
            yield test, list(dict.fromkeys([*of_all, *ids]))


def _marks_module(node: ast.stmt) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name("pytestmark")]) | ast.AnnAssign(target=ast.Name("pytestmark")):
            return True
    return False


def _ids(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="requirement"), args=args):
                for each in args:
                    if not (isinstance(each, ast.Constant) and isinstance(each.value, str)):
                        raise ValueError(f"line {call.lineno}: write the ids of requirements out")
                    yield each.value


# In words


def not_shown() -> str:
    """What no test shows, with what is missing, worst first."""
    requirements = read_requirements().values()
    heads = {"unmet": "Not met", "in part": "Met in part", "untested": "Met, and not tested"}
    parts = [f"{_counted(requirements)}"]
    for state, head in heads.items():
        rows = [(r.id, _asked(r), r.missing or "") for r in requirements if r.state == state]
        if rows:
            parts.append(f"### {head}\n\n" + table(("Id", "What it asks", "What is missing"), rows))
    return "\n\n".join(parts)


def all_requirements() -> str:
    """Every requirement with its rule and the tests that show it."""
    requirements, marks = read_requirements(), find_marks()
    parts = []
    for letter, head in SOURCES.items():
        rows = [
            (r.id, _asked(r), ", ".join(map(_link, r.rule)), _tests(r, marks))
            for r in requirements.values()
            if r.id.startswith(letter)
        ]
        parts.append(f"## {head}\n\n" + table(("Id", "What it asks", "Rule", "Shown by"), rows))
    return "\n\n".join(parts)


def _counted(requirements: Iterable[ClinicalRequirement]) -> str:
    states = [requirement.state for requirement in requirements]
    shown = states.count("met")
    return f"Of {len(states)} requirements {shown} are shown by tests, and {len(states) - shown} are not yet."


def _asked(requirement: ClinicalRequirement) -> str:
    return f"*{requirement.quote}* {requirement.asks}"


def _tests(requirement: ClinicalRequirement, marks: Mapping[str, list[Mark]]) -> str:
    if requirement.state != "met":
        return "[not shown yet](#not-shown-yet)"
    return "<br>".join(f"[{mark.test.removeprefix('test_')}](../{mark.file})" for mark in marks.get(requirement.id, ()))


def _link(file: str) -> str:
    """A link to a module, called by the folder it stands in where its own name says little."""
    path = Path(file)
    name = path.parent.name if path.stem in ("rules", "model") else path.stem
    return f"[{re.sub('[_-]', ' ', name)}](../{file})"
