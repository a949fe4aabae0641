"""The hazard log has its form: each hazard says its cause, its harm, its controls by their tests, and what is left."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "hazards.md").read_text(encoding="utf-8")
HEAD, *HAZARDS = re.split(r"^## (?=H\d\d )", PAGE, flags=re.MULTILINE)
TEST = re.compile(r"`tests/[\w/]+\.py::test_\w+`")


def test_every_hazard_is_rated_in_the_words_that_are_explained() -> None:
    explained = re.findall(r"^\| (\w[\w ]*) \| ", HEAD, re.MULTILINE)
    rows = re.findall(r"^\| \[(H\d\d)\]\(\S+\) \| (.+) \| (.+) \| (.+) \| .+ \|$", HEAD, re.MULTILINE)
    assert [f"{number} {name}" for number, name, _, _ in rows] == [hazard.partition("\n")[0] for hazard in HAZARDS]
    assert {word for _, _, *words in rows for word in words} <= set(explained)
    assert len(rows) >= 13


@pytest.mark.parametrize("hazard", HAZARDS, ids=[hazard[:3] for hazard in HAZARDS])
def test_every_control_names_a_test_that_shows_it(hazard: str) -> None:
    assert all(f"**{word}.**" in hazard for word in ("Cause", "Harm"))
    controls, left = hazard.partition("\nControls:\n")[2].split("\nLeft:\n")
    before, *each = controls.split("\n- ")
    assert (before, bool(each)) == ("", True)
    assert [control for control in each if not TEST.search(control)] == []
    assert left.count("\n- ")
