"""`protocol check`, `list` and `show`."""

from pathlib import Path

import pytest

from tests.door.helpers import Memory, call
from workflows.protocols import shipped


@pytest.mark.parametrize("file", shipped(), ids=lambda path: path.stem)
def test_the_shipped_ones_are_valid_and_not_for_patients(services: Memory, file: Path) -> None:
    answer = call(services, "protocol", "check", str(file), "--json")
    assert answer.code == 0
    assert answer.json["valid"] is True
    assert any("illustrative" in obstacle for obstacle in answer.json["obstacles"])
    people = call(services, "protocol", "check", str(file))
    assert "ILLUSTRATIVE" in people.out
    assert "dose limits are not set" in people.out


def test_problems_come_by_field_and_line(services: Memory, tmp_path: Path) -> None:
    text = shipped()[-1].read_text()
    file = tmp_path / "own.yaml"
    file.write_text(text.replace("min_age_years: 18", "min_age_years: young").replace("  title:", "  titel:"))
    answer = call(services, "protocol", "check", str(file), "--json")
    assert answer.code == 2
    assert "eligibility.min_age_years" in answer.fields
    assert "line" in answer.fields["eligibility.min_age_years"]
    assert "young" not in answer.err
    for content in (b"", b"\xff", b"protocol: [", b"a: &x 1\nb: *x\n"):
        file.write_bytes(content)
        assert call(services, "protocol", "check", str(file)).code == 2
    assert call(services, "protocol", "check", str(tmp_path / "none.yaml")).code == 2


def test_list_and_show(services: Memory, tmp_path: Path) -> None:
    listed = call(services, "protocol", "list", "--json").json
    assert {entry["condition"] for entry in listed} == {"PTSD", "ANXIETY"}
    for name in ("ptsd-at-home", "PTSD", str(shipped()[-1])):
        shown = call(services, "protocol", "show", name, "--json").json
        assert shown["condition"] == "PTSD"
        assert shown["digest"]
    people = call(services, "protocol", "show", "ANXIETY")
    assert "ILLUSTRATIVE" in people.out
    assert "Who signs" in people.out
    assert "second person" in people.out
    assert call(services, "protocol", "show", "nowhere").code == 2


def test_a_clinics_own_directory(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(shipped()[-1].read_text())
    (tmp_path / "broken.yaml").write_text("protocol: 7")
    services = Memory(protocols_dir=tmp_path)
    listed = call(services, "protocol", "list", "--json").json
    assert [(entry["name"], entry["valid"]) for entry in listed] == [("broken", False), ("ours", True)]
    assert "protocol check broken.yaml" in call(services, "protocol", "list").out
