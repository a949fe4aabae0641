"""The core asks nothing of the world: no clock, chance, ids, files, threads, and no order that is not its own.

It runs inside workflows without their import checks, so what those would catch is caught here, in the source.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "workflows" / "journey"
FILES = sorted(CORE.rglob("*.py"))
SHELL = [CORE.parent / "care_journey.py", *sorted((CORE.parent / "shell").rglob("*.py"))]

FOREIGN = {
    "asyncio", "asyncpg", "concurrent", "ctypes", "io", "logging", "multiprocessing", "os", "pathlib", "platform",
    "pydantic_settings", "queue", "random", "rich", "secrets", "shutil", "socket", "structlog", "subprocess", "sys",
    "tempfile", "temporalio", "threading", "time", "typer", "urllib", "yaml",
}  # fmt: skip
CALLS = {
    "open",
    "print",
    "input",
    "hash",
    "id",
    "eval",
    "exec",
    "vars",
    "globals",
    "locals",
    "__import__",
    "breakpoint",
}
METHODS = {"now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp", "uuid1", "uuid4", "getnode"}
SETS = ("set", "frozenset")
INCLUDES = {"include", "exclude"}
"""Arguments for which pydantic wants sets; it goes through its own fields in their order, not through the set."""

WAITING = ("import asyncio", "import temporalio")


def impurities(source: str) -> list[str]:
    """Everything in a module that the core may not do, by line."""
    tree = ast.parse(source)
    allowed = set(_argument_sets(tree))
    return [f"{node.lineno}: {what}" for node in ast.walk(tree) for what in _of(node, allowed)]  # type: ignore[attr-defined]


def _argument_sets(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in INCLUDES:
            yield node.value


def _of(node: ast.AST, allowed: set[ast.AST]) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (f"import {n.name}" for n in node.names if n.name.partition(".")[0] in FOREIGN)
        case ast.ImportFrom():
            if (node.module or "").partition(".")[0] in FOREIGN:
                yield f"import {node.module}"
            yield from (f"import {n.name}" for n in node.names if n.name in METHODS)
        case ast.Call(func=ast.Name(id=name)) if name in (*CALLS, *SETS):
            yield f"{name}()"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"))):
            pass  # Temporal's own time and chance, the same in each replay.
        case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
            yield f".{name}()"
        case ast.Set() | ast.SetComp() if node not in allowed:
            yield "a set"
        case ast.Name(id=name) if name in SETS:
            yield name
        case ast.Global():
            yield "global"
        case ast.AsyncFunctionDef() | ast.Await():
            yield "async"


@pytest.mark.long
def test_core_is_pure() -> None:
    found = {str(path.relative_to(CORE)): impurities(path.read_text()) for path in FILES}
    assert {name: impure for name, impure in found.items() if impure} == {}


@pytest.mark.parametrize("path", SHELL, ids=[path.name for path in SHELL])
def test_the_shell_asks_only_temporal(path: Path) -> None:
    """Its parts are not checked by the sandbox either. They wait, and do nothing else that the core may not."""
    found = [each.partition(": ")[2] for each in impurities(path.read_text())]
    assert [each for each in found if each != "async" and not each.startswith(WAITING)] == []


def test_the_whole_core_and_the_shell_are_looked_at() -> None:
    names = [path.name for path in FILES]
    assert {"decide.py", "aggregate.py", "obligations.py", "dosing.py", "rules.py", "scoring.py"} <= set(names)
    assert {"care_journey.py", "decider.py", "recorder.py"} <= {path.name for path in SHELL}


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "import os.path",
        "from time import sleep",
        "from uuid import uuid4",
        "import uuid\nuuid.uuid4()",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import date\ndate.today()",
        "open('x')",
        "print('x')",
        "hash('x')",
        "id(x)",
        "for x in {1, 2}: pass",
        "[x for x in set(y)]",
        "{x for x in y}",
        "frozenset(y)",
        "sorted(map(set, y))",
        "global x",
        "async def f(): pass",
        "import temporalio.workflow",
        "from yaml import safe_load",
        "from temporalio import workflow\ndatetime.now()",
    ],
)
def test_what_is_impure_is_found(source: str) -> None:
    assert impurities(source)


def test_what_is_pure_is_not() -> None:
    assert impurities("x.model_dump(exclude={'kind'})\nsorted({'a': 1})\nuuid5(a, b)\nlocal(at, zone).date()") == []
