"""`questionnaire check`."""

from pathlib import Path

import pytest

from tests.cli.helpers import World, call
from tests.questionnaires import questionnaire, write
from workflows.journey.instruments import Instrument


def test_it_says_what_is_loaded_and_what_is_refused_and_why(world: World, tmp_path: Path) -> None:
    file = write(tmp_path / "gad.json", questionnaire(Instrument.GAD_7, language="es"))
    fine = call(world, "questionnaire", "check", str(tmp_path))
    assert fine.code == 0, fine.err
    for told in ("gad.json", "GAD-7", "es", "2.1"):
        assert told in fine.out
    write(tmp_path / "phq.json", questionnaire(Instrument.PHQ_9, status="draft"))
    people = call(world, "questionnaire", "check", str(tmp_path))
    assert people.code == 2
    assert "gad.json" in people.out
    assert "1 of 2 files cannot be used" in people.err
    assert "phq.json, status: is not `active`" in people.err
    answer = call(world, "questionnaire", "check", str(tmp_path), "--json")
    assert answer.code == 2
    [loaded], [refused] = answer.json["loaded"], answer.json["refused"]
    assert (loaded["file"], loaded["instrument"], refused["file"]) == (file.name, "GAD-7", "phq.json")
    assert "phq.json, status" in answer.fields


def test_the_folder_of_the_settings_is_checked_if_none_is_named(tmp_path: Path) -> None:
    write(tmp_path / "gad.json", questionnaire(Instrument.GAD_7))
    assert "gad.json" in call(World(questionnaires_dir=tmp_path), "questionnaire", "check").out
    assert call(World(), "questionnaire", "check").code == 2


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_told(world: World, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    answer = call(world, "questionnaire", "check", str(tmp_path / name))
    assert (answer.code, "no folder" in answer.err) == (2, True)
