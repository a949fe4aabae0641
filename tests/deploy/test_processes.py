"""Which process gets which tests, where tests run in several."""

from types import SimpleNamespace
from typing import Any

from tests.fixtures.processes import Together

TOGETHER = [f"tests/faults/test_{name}.py::test_{number}" for name in "abcdef" for number in range(9)]
SINGLE = [f"tests/cli/test_single.py::test_{number}" for number in range(20)]


class Node:
    """A process that remembers what it was given."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def test_one_process_in_four_begins_with_single_tests() -> None:
    option = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(getvalue=lambda _: ["popen"] * 4, option=option, rootpath=None)
    scheduler, nodes = Together(config), [Node(f"gw{number}") for number in range(4)]
    collected = [*SINGLE, *TOGETHER]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, collected)

    scheduler.schedule()

    files = [{collected[index].split("::")[0] for index in node.given} for node in nodes]
    assert files[3] == {"tests/cli/test_single.py"}
    assert all("tests/faults" in file for each in files[:3] for file in each)
    while True:
        busy = [(node, node.given.pop(0)) for node in nodes if node.given]
        if not busy:
            break
        for node, index in busy:
            scheduler.mark_test_complete(node, index)
    assert scheduler.tests_finished
    assert not scheduler.has_pending
