"""Each call to a raw service of Temporal says whether it is asked again.

A server closes its connections now and then, and what was under way ends as CANCELLED. The client's own methods ask
again; a raw call does so only where it says so.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("activities", "application", "cli", "console", "deploy", "simulation", "tests", "workflows")
SERVICES = ("workflow_service", "operator_service")


def test_each_raw_call_says_whether_it_is_asked_again() -> None:
    calls = {
        f"{path.relative_to(ROOT)}:{node.lineno}": [keyword.arg for keyword in node.keywords]
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if any(service in (text := path.read_text()) for service in SERVICES)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr in SERVICES
    }

    assert len(calls) > 20
    assert [place for place, keywords in calls.items() if "retry" not in keywords] == []
