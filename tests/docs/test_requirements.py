"""Every clinical requirement is shown by a test that is marked with it, or stands in the list of what is not shown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from docs.requirements import ROOT, ClinicalRequirement, find_marks, marked_tests, read_requirements

REQUIREMENTS = read_requirements()


def test_every_line_of_both_sources_is_there() -> None:
    first, second = ([f"{letter}{n:02}" for n in range(1, last + 1)] for letter, last in (("A", 66), ("B", 58)))
    assert sorted(REQUIREMENTS) == sorted([*first, *second, "B39a"])


def test_what_no_test_is_marked_with_is_said_to_be_missing_and_nothing_else_is() -> None:
    """A test that shows it is marked, and then its entry says no more that something is missing."""
    marked = find_marks()
    assert {name: found for name, found in marked.items() if name not in REQUIREMENTS} == {}
    missing = [requirement.id for requirement in REQUIREMENTS.values() if requirement.missing is not None]
    assert missing == [name for name in REQUIREMENTS if name not in marked]


def test_every_rule_that_is_named_exists() -> None:
    named = {file for requirement in REQUIREMENTS.values() for file in requirement.rule}
    assert [file for file in sorted(named) if not (ROOT / file).exists()] == []
    assert [r.id for r in REQUIREMENTS.values() if r.state == "met" and not r.rule] == []


def test_only_tests_are_marked() -> None:
    others = [file for file in (ROOT / "tests").rglob("*.py") if not file.name.startswith("test_")]
    assert [file for file in others if "mark.requirement" in file.read_text(encoding="utf-8")] == []


MODULE = """
import pytest

pytestmark = [pytest.mark.server, pytest.mark.requirement("A01")]

@pytest.mark.requirement("A02", "B39a")
@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.requirement("A03"))])
def test_one(x): ...

async def test_two(): ...
"""


def test_marks_are_of_the_test_its_parameters_and_its_module() -> None:
    assert list(marked_tests(MODULE)) == [("test_one", ["A01", "A02", "B39a", "A03"]), ("test_two", ["A01"])]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("@pytest.mark.requirement(*IDS)\ndef test_one(): ...", "line 1: write the ids"),
        ('shows = pytest.mark.requirement("A01")\n@shows\ndef test_one(): ...', "mark a test"),
        ('@pytest.mark.requirement("A01")\ndef no_test(): ...', "mark a test"),
    ],
)
def test_a_mark_that_would_not_be_counted_is_refused(source: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        list(marked_tests(source))


@pytest.mark.parametrize("given", [{"state": "unmet"}, {"missing": "all of it"}, {"id": "C01"}, {"note": "x"}])
def test_an_entry_says_what_is_missing_where_something_is(given: dict[str, str]) -> None:
    whole = {"id": "A01", "quote": "invented", "asks": "invented", **given}
    with pytest.raises(ValidationError):
        ClinicalRequirement.model_validate(whole)


def test_an_entry_stands_once(tmp_path: Path) -> None:
    twice = tmp_path / "twice.yaml"
    twice.write_text("requirements:\n" + "  - {id: A01, quote: invented, asks: invented}\n" * 2)
    with pytest.raises(ValueError, match="twice"):
        read_requirements(twice)
