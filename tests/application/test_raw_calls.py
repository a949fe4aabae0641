"""Each call to a raw service of Temporal says whether it is asked again, and each call of ours how long it may take.

A server closes its connections now and then, and what was under way ends as CANCELLED. The client's own methods ask
again; a raw call does so only where it says so.

A call without a time of its own waits as long as the SDK likes: reconciliation, which has a turn for everybody, would
stand still.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.sources import ROOT, SERVICE, sources

SERVICES = ("workflow_service", "operator_service")
OF_THE_CLIENT = (
    *("signal", "terminate", "cancel", "describe", "query", "unpause", "delete", "result", "execute_update"),
    *("start_workflow", "create_schedule", "execute_update_with_start_workflow", "start_update_with_start_workflow"),
)
"""Methods of the SDK's client and its handles that ask Temporal."""


def calls_in(places: Iterable[Path]) -> Iterator[tuple[str, ast.Call, ast.Attribute]]:
    """Every call of a method: where it is, the call, and the method."""
    for path in places:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node, node.func


def _names_service(path: Path) -> bool:
    text = path.read_text()
    return any(service in text for service in SERVICES)


def is_raw(method: ast.Attribute) -> bool:
    return isinstance(method.value, ast.Attribute) and method.value.attr in SERVICES


def _is_ours(method: ast.Attribute) -> bool:
    """Whether a function of ours has the same name as one of the SDK's."""
    return isinstance(method.value, ast.Name) and method.value.id == "run_control"


def named(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


def test_each_raw_call_says_whether_it_is_asked_again() -> None:
    every = (path for path in sources(*SERVICE, "tests") if _names_service(path))
    calls = {place: named(call) for place, call, method in calls_in(every) if is_raw(method)}

    assert len(calls) > 20
    assert [place for place, keywords in calls.items() if "retry" not in keywords] == []


def test_each_call_of_ours_says_how_long_it_may_take() -> None:
    ours = sources("application/temporal")
    calls = {
        place: ("timeout" if is_raw(method) else "rpc_timeout") in named(call)
        for place, call, method in calls_in(ours)
        if is_raw(method) or (method.attr in OF_THE_CLIENT and not _is_ours(method))
    }

    assert len(calls) > 20
    assert [place for place, says in calls.items() if not says] == []
