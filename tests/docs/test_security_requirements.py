"""Every promise of the security requirements says what keeps it, and names a test that shows it."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "security-requirements.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
LINE = re.compile(r"^\| [^|]+ \| \[.+\]\(\S+\) \| (`tests/[\w/]+\.py::test_\w+`(, )?)+ \|$")
"""That the files and the tests are there is checked for every page."""


@pytest.mark.parametrize("section", SECTIONS, ids=[section.partition("\n")[0] for section in SECTIONS])
def test_every_promise_names_what_keeps_it_and_a_test(section: str) -> None:
    head, rule, *promises = [line for line in section.splitlines() if line.startswith("|")]
    assert (head, rule) == ("| promise | kept by | shown by |", "|---|---|---|")
    assert promises
    assert [line for line in promises if not LINE.match(line)] == []
