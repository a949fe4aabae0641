"""`protocol check`, `list`, `show` and `diff`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import World, call
from workflows.protocols import list_shipped, resolve
from workflows.protocols.resolution import SHARED


@pytest.mark.parametrize("file", list_shipped(), ids=lambda path: path.stem)
def test_the_shipped_ones_are_valid_and_not_for_patients(world: World, file: Path) -> None:
    answer = call(world, "protocol", "check", str(file), "--json")
    assert answer.code == 0
    assert answer.json["valid"] is True
    assert any("illustrative" in obstacle for obstacle in answer.json["obstacles"])
    people = call(world, "protocol", "check", str(file))
    assert "ILLUSTRATIVE" in people.out
    assert "dose limits are not set" in people.out


def test_holidays_that_run_out_are_warned_of(world: World) -> None:
    file = list_shipped()[0]
    assert call(world, "protocol", "check", str(file), "--json").json["warnings"] == []
    world.at = datetime(2027, 11, 1, 17, tzinfo=UTC)
    warning, permission = call(world, "protocol", "check", str(file), "--json").json["warnings"]
    assert "ends on 2027-12-31" in warning
    assert "permission" in permission
    for command in (("check", str(file)), ("list",)):
        assert "add those of 2028" in " ".join(call(world, "protocol", *command).out.replace("│", " ").split())
    world.at = datetime(2028, 1, 1, 8, tzinfo=UTC)
    warning, _ = call(world, "protocol", "check", str(file), "--json").json["warnings"]
    assert "nobody is started on it" in warning


def test_problems_come_by_field_and_line(world: World, tmp_path: Path) -> None:
    text = list_shipped()[-1].read_text()
    file = tmp_path / "own.yaml"
    file.write_text(text.replace("extends: at-home", "extends: shared.yaml").replace("  title:", "  titel:"))
    shared = (SHARED / "at-home.yaml").read_text()
    (tmp_path / "shared.yaml").write_text(shared.replace("min_age_years: 18", "min_age_years: young"))
    answer = call(world, "protocol", "check", str(file), "--json")
    assert answer.code == 2
    assert answer.fields["eligibility.min_age_years"].endswith("of shared.yaml)")
    assert "(line " in answer.fields["titel"]
    assert "young" not in answer.err
    for content in (b"", b"\xff", b"protocol: [", b"a: &x 1\nb: *x\n"):
        file.write_bytes(content)
        assert call(world, "protocol", "check", str(file)).code == 2
    assert call(world, "protocol", "check", str(tmp_path / "none.yaml")).code == 2


def test_list_and_show(world: World, tmp_path: Path) -> None:
    listed = call(world, "protocol", "list", "--json").json
    assert {entry["pathway"] for entry in listed} == {"PTSD", "ANXIETY"}
    for name in ("ptsd-at-home", "PTSD", str(list_shipped()[-1])):
        shown = call(world, "protocol", "show", name, "--json").json
        assert shown["pathway"] == "PTSD"
        assert shown["digest"]
    people = call(world, "protocol", "show", "ANXIETY")
    assert "ILLUSTRATIVE" in people.out
    assert "Who signs" in people.out
    assert "second person" in people.out
    assert call(world, "protocol", "show", "nowhere").code == 2


def test_a_clinics_own_directory(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(list_shipped()[-1].read_text())
    (tmp_path / "broken.yaml").write_text("protocol: 7")
    (tmp_path / "shared.yaml").write_text("shared: {}")
    world = World(protocols_dir=tmp_path)
    listed = call(world, "protocol", "list", "--json").json
    assert [(entry["name"], entry["valid"]) for entry in listed] == [("broken", False), ("ours", True)]
    assert "protocol check broken.yaml" in call(world, "protocol", "list").out


def write(path: Path, **changed: Any) -> Path:
    path.write_text(json.dumps({"protocol": {**resolve(list_shipped()[-1]).value["protocol"], **changed}}))
    return path


def test_two_are_compared(world: World, tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.yaml"), write(tmp_path / "new.yaml", version=2, acknowledgements=["not_a_cure"])
    found = call(world, "protocol", "diff", str(old), str(new), "--json").json
    assert found[0] == {"path": "version", "old": 1, "new": 2}
    assert {"path": "acknowledgements.no_guarantee", "old": "no_guarantee", "new": None} in found
    people = call(world, "protocol", "diff", "PTSD", str(new))
    assert "version: now 2; it was 1" in people.out
    assert "acknowledgements: “no guarantee” removed" in people.out
    assert people.err == ""
    same = call(world, "protocol", "diff", str(old), "PTSD")
    assert "nothing changed" in same.out
    assert call(world, "protocol", "diff", str(old), "PTSD", "--json").json == []
    other = call(world, "protocol", "diff", str(old), str(write(tmp_path / "x.yaml", acknowledgements=["a"])))
    assert "next version" in other.err


def test_what_cannot_be_compared(world: World, tmp_path: Path) -> None:
    assert call(world, "protocol", "diff", "PTSD", str(tmp_path / "none.yaml")).code == 2
    assert call(world, "protocol", "diff", "nowhere", "PTSD").code == 2
