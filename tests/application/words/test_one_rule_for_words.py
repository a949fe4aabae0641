"""Words of codes are made in one place: no other source or template makes any, and what people read holds no code."""

import ast
import re

import pytest

from tests.sources import ROOT, SERVICE, sources

RULES = (ROOT / "workflows" / "journey" / "vocabulary" / "words.py", ROOT / "application" / "words")
"""The core's own sentences, which know no words of `application/words/`, have one rule too: that is built on it."""
BY_HAND = re.compile(r"[\"']_[\"'], *[\"'] [\"']")
MAYBE = re.compile(r"""["']_["']|title|capitalize""")
"""What is in each source that makes words. To read the others as Python takes long."""
SAID = re.compile(r"{{(.*?)}}|{%(.*?)%}", re.DOTALL)


def makes_words(source: str) -> bool:
    """Whether a source takes the underscores out of a text: by `replace`, or by `split` and `join`."""
    if not MAYBE.search(source):
        return False
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        given = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if given == ["_", " "] or (node.func.attr == "split" and given[:1] == ["_"]):
            return True
        if node.func.attr in ("title", "capitalize") and not node.args:
            return True
    return False


def wrong_filters(template: str) -> list[str]:
    """Return the parts of a template that join codes before they are said, or make words by themselves."""
    found = [first or second for first, second in SAID.findall(template)]
    return [
        each.strip()
        for each in found
        if re.search(r"join\([^)]*\)\s*\|\s*(words|all_words)\b", each)
        or re.search(r"\([^()|]*[+~][^()|]*\)\s*\|\s*(words|all_words)\b", each)
        or re.search(r"\|\s*(title|capitalize)\b", each)
        or BY_HAND.search(each)
    ]


@pytest.mark.long
def test_no_source_makes_words_of_a_code_by_itself() -> None:
    others = [path for path in sources(*SERVICE) if not {path, *path.parents} & {*RULES}]
    assert [str(path.relative_to(ROOT)) for path in others if makes_words(path.read_text())] == []


def test_no_template_makes_words_of_a_code_by_itself() -> None:
    templates = sorted((ROOT / "console" / "templates").glob("*.html"))
    assert templates
    assert {path.name: found for path in templates if (found := wrong_filters(path.read_text()))} == {}


@pytest.mark.parametrize("source", ['code.replace("_", " ")', '" ".join(code.split("_"))', "step.capitalize()"])
def test_words_by_hand_are_found(source: str) -> None:
    assert makes_words(source)


@pytest.mark.parametrize(
    "template",
    [
        '{{ roles | join(", ") | words }}',
        '{{ ("closed: " + code) | words }}',
        '{{ code | replace("_", " ") }}',
        "{% set x = kind | title %}",
    ],
)
def test_words_by_hand_are_found_in_templates(template: str) -> None:
    assert wrong_filters(template)
