"""A name has one meaning: what a class is called in one module is the name of no class in another."""

import ast
from collections import defaultdict

import pytest

from tests.sources import ROOT, SERVICE, sources

ALIKE = {"Refused"}
"""Two exceptions, inside the core and outside of it, by which a command is refused."""


@pytest.mark.long
def test_no_two_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path in sources(*SERVICE):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in ALIKE} == {}
