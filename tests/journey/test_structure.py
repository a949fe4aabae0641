"""How the core is put together: no module needs one that needs it, and nothing is declared and then left out."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from workflows.journey.aggregate import EVOLUTIONS
from workflows.journey.commands import AnyBody
from workflows.journey.dispatch import DECISIONS, REACTIONS
from workflows.journey.envelopes import CommandBody, EventBody
from workflows.journey.events import (
    AnyEventBody,
    CorrectionConfirmed,
    CorrectionRejected,
    EnteredInError,
    FactAmended,
    PathwayStarted,
)

ROOT = Path(__file__).parents[2]
CORE = ROOT / "workflows" / "journey"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(CORE.rglob("*.py"))}
COMMANDS = get_args(get_args(AnyBody)[0])
EVENTS = get_args(get_args(AnyEventBody)[0])


def imported(path: Path) -> Iterator[str]:
    """The modules of the core that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found = whole if whole in MODULES else node.module
                if found in MODULES:
                    yield found


@pytest.mark.long
def test_no_circle_of_imports() -> None:
    order = list(TopologicalSorter({name: set(imported(path)) for name, path in MODULES.items()}).static_order())
    assert order.index("workflows.journey.aggregate") < order.index("workflows.journey.decide")


FOLDERS = sorted({name.rpartition(".")[0] for name in MODULES} - {"workflows", "workflows.journey"})
"""Not the core itself: of each part the state is below the whole, and the rules are above it."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_circle_between_folders(folder: str) -> None:
    """Nor between a folder and a module beside it."""
    beside: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if within(folder, name):
            needed = beside.setdefault(within(folder, name), set())
            needed |= {within(folder, other) for other in imported(path)} - {"", within(folder, name)}
    TopologicalSorter(beside).prepare()


def within(folder: str, module: str) -> str:
    """What of a folder a module is, or is in; empty for one that is elsewhere."""
    return module.removeprefix(f"{folder}.").partition(".")[0] if module.startswith(f"{folder}.") else ""


@pytest.mark.long
def test_imports_stand_on_top() -> None:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [node for node in imports if node not in tree.body] == [], module


def declared(kind: type) -> list[type]:
    """The classes of commands or of events, wherever in the core they stand."""
    return [
        value
        for module in (import_module(name) for name in MODULES)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, kind)
        and value is not kind
        and value.__module__ == module.__name__
    ]


SPECIAL = (PathwayStarted, FactAmended, EnteredInError, CorrectionConfirmed, CorrectionRejected)
"""What `evolve` itself sees to."""


def test_every_command_is_in_the_union_and_decided() -> None:
    assert {*declared(CommandBody)} == {*COMMANDS} == {*DECISIONS}


def test_every_event_is_in_the_union_and_changes_the_state() -> None:
    assert {*declared(EventBody)} == {*EVENTS} == {*EVOLUTIONS, *SPECIAL}


def test_nothing_is_answered_that_is_not_declared() -> None:
    assert REACTIONS
    assert {*REACTIONS} <= {*EVENTS}


def test_kinds_are_named_once_and_alike() -> None:
    commands = [command.model_fields["kind"].default for command in COMMANDS]
    events = [event.model_fields["kind"].default for event in EVENTS]
    assert len(set(commands + events)) == len(commands + events)
    for kind in commands + events:
        noun, _, verb = kind.partition(".")
        assert noun.replace("-", "").isalpha()
        assert verb.replace("-", "").isalpha()
