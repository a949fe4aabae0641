"""`score`: as many lines out as in, whatever is in them, with no server and no settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import World, call
from workflows.journey.vocabulary.limits import COMMAND_LIMIT

ROOT = Path(__file__).parents[2]
KEYS = {"instrument", "band", "complete", "reason", "subscales", "flags", "change"}


def score(world: World, *arguments: str, lines: list[Any] | None = None, raw: bytes = b"") -> list[dict[str, Any]]:
    sent = raw if lines is None else b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    answer = call(world, "score", *arguments, "--json", raw=sent)
    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


@pytest.mark.parametrize(
    ("name", "answers", "total", "band"),
    [
        ("PCL-5", [2] * 20, 40, None),
        ("pcl5", [0] * 20, 0, None),
        ("pcl_5", [4] * 20, 80, None),
        ("GAD-7", [2] * 7, 14, "moderate"),
        ("gad7", [0] * 7, 0, "minimal"),
        ("Phq-9", [1] * 9, 9, "mild"),
        ("CADSS6", [1, 0, 0, 0, 0, 0], 1, None),
    ],
)
def test_totals(world: World, name: str, answers: list[int], total: int, band: str | None) -> None:
    [line] = score(world, name, lines=[answers])
    assert set(line) == KEYS | {"total"}
    assert (line["total"], line["band"], line["complete"], line["reason"]) == (total, band, True, None)


def test_levels(world: World) -> None:
    no = {"q1": False, "q2": False, "q6": False, "q6_recent": None}
    yes = {"q1": True, "q2": True, "q3": False, "q4": True, "q5": False, "q6": False, "q6_recent": None}
    none, high, partial = score(world, "c-ssrs", lines=[no, yes, {"q1": True}])
    assert set(none) == KEYS | {"level"}
    assert (none["level"], none["complete"]) == ("none", True)
    assert (high["level"], high["complete"]) == ("high", True)
    assert partial["complete"] is False
    assert "indeterminate" in partial["flags"]


BAD = [
    b"",
    b"   ",
    b"{",
    b"not json",
    b'{"a": 1, "a": 2}',
    b"[1, 2",
    b"[NaN]",
    b"\xff\xff",
    b"null",
    b"7",
    b'"text"',
    b"{}",
    b"[]",
    b"[1]",
    b"[" * 5000,
    b"[" + b"9" * 5000 + b"]",
    b'["\\ud800"]',
    b"[" + b" " * COMMAND_LIMIT + b"]",
    b"[true, true, true, true, true, true, true]",
    b"[1.0, 1, 1, 1, 1, 1, 1]",
    b'["1", 1, 1, 1, 1, 1, 1]',
    b"[1, 1, 1, 1, 1, 1, 1, 1]",
    b"[1, 1, 1, 1, 1, 1, 4]",
    b"[1, 1, 1, 1, 1, 1, null]",
]


@pytest.mark.parametrize("name", ["PCL-5", "GAD-7", "PHQ-9", "C-SSRS", "CADSS-6"])
def test_every_line_gets_its_line(world: World, name: str) -> None:
    lines = score(world, name, raw=b"\n".join(BAD) + b"\n")
    assert len(lines) == len(BAD)
    for line in lines:
        assert line["complete"] is False
        assert "total" not in line
        assert line["reason"]
        assert line["subscales"] == {}


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_last_line_counts_with_or_without_its_end(world: World, ending: bytes) -> None:
    assert len(score(world, "GAD-7", raw=b"[1,1,1,1,1,1,1]\n[2,2,2,2,2,2,2]" + ending)) == 2


def test_nothing_in_nothing_out(world: World) -> None:
    assert score(world, "GAD-7", raw=b"") == []


def test_a_unicode_line_separator_ends_no_line(world: World) -> None:
    assert len(score(world, "GAD-7", raw='["\u2028"]\n'.encode())) == 1


def test_suicide_items_are_flagged_in_incomplete_sets(world: World) -> None:
    asked, unreadable = score(world, "PHQ-9", raw=b"[0,0,0,0,0,0,0,null,2]\n{\n")
    assert "item_9" in asked["flags"]
    assert "item_9_not_answered" in unreadable["flags"]


def test_what_is_found_is_said_to_people_in_words(world: World) -> None:
    told = call(world, "score", "PHQ-9", raw=b"[0,0,0,0,0,0,0,0,1]\n")
    assert "thoughts of death" in told.out
    assert "item_9" not in told.out


def test_change_since_an_earlier_total(world: World) -> None:
    [better] = score(world, "PCL-5", "--previous", "60", lines=[[2] * 20])
    assert {"meaningful", "reliable"} <= set(better["change"])
    [impossible] = score(world, "PCL-5", "--previous", "90", lines=[[2] * 20])
    assert "previous_invalid" in impossible["flags"]
    [worse] = score(world, "PCL-5", *(f"--previous={total}" for total in (44, 53)), lines=[[3] * 20])
    assert worse["change"] == ["deterioration"]
    assert call(world, "score", "PCL-5", "--previous", "many", raw=b"").code == 2


def test_reasons_never_repeat_answers(world: World) -> None:
    for line in score(world, "GAD-7", raw=b'["Robin", 1, 1, 1, 1, 1, 1]\n{"Robin": "Robin"}\nRobin\n'):
        assert "Robin" not in json.dumps(line)


def test_an_unknown_instrument(world: World) -> None:
    answer = call(world, "score", "MMSE", "--json", raw=b"[]\n")
    assert answer.code == 2
    assert "PHQ-9" in answer.error["remedy"]


def test_thresholds_come_from_the_protocol_given(world: World, tmp_path: Path) -> None:
    shipped = (ROOT / "workflows" / "protocols" / "ptsd-at-home.yaml").read_text()
    assert "entry_guide: 33" in shipped
    other = tmp_path / "other.yaml"
    other.write_text(shipped.replace("entry_guide: 33", "entry_guide: 41"))
    assert "cutoff" in score(world, "PCL-5", lines=[[2] * 20])[0]["flags"]
    assert "cutoff" not in score(world, "PCL-5", "--protocol", str(other), lines=[[2] * 20])[0]["flags"]
    other.write_text("protocol: 7")
    assert call(world, "score", "PCL-5", "--protocol", str(other), raw=b"[]\n").code == 2


def test_a_table_for_people(world: World) -> None:
    answer = call(world, "score", "GAD-7", raw=b"[2,2,2,2,2,2,2]\n{\n")
    assert answer.code == 0
    assert "moderate" in answer.out
    assert "cannot be read" in answer.out


@pytest.mark.parametrize("spelled", ["1_6", "+16", " 16", "016", "16.0", "1e1", "１６", "١٦", "nan"])
def test_an_earlier_total_is_a_plain_number(world: World, spelled: str) -> None:
    answer = call(world, "score", "GAD-7", "--previous", spelled, "--json", raw=b"[2,2,2,1,1,1,1]\n")
    assert answer.code == 2
    assert "plain digits" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("answers", [b"[1e0,1,1,1,1,1,1]", b"[1.0E0,1,1,1,1,1,1]"])
def test_no_answer_has_an_exponent(world: World, answers: bytes) -> None:
    [line] = score(world, "GAD-7", raw=answers)
    assert (line["complete"], line["reason"].count("exponent")) == (False, 1)
