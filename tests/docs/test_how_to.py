"""The pages on adding things are true: what they tell to write is taken from the page, and tried."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journey.play import before, started
from workflows.journey import commands as c
from workflows.journey.protocol import Protocol
from workflows.journey.stages.screening.rules import eligibility_obstacles, find_unanswered
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import check, find, load, resolve
from workflows.protocols.demonstration import load_demonstration

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def block(page: str, number: int = 0) -> str:
    """The YAML of a page with this number."""
    return textwrap.dedent(BLOCK.findall((PAGES / page).read_text())[number])


def test_the_pathway_of_the_page_is_accepted_and_played_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "grief-at-home.yaml"
    path.write_text(block("add-a-pathway.md"))
    assert check(path) == ()
    protocol = load_demonstration("GRIEF", tmp_path)
    assert protocol.id == "grief-at-home-demonstration"
    played = started(protocol=protocol).go_on(lambda journey: journey.closed)
    assert played.journey.outcome == Outcome.COMPLETED


@pytest.mark.requirement("B32")
def test_the_clinic_of_the_page_is_accepted_and_has_sessions(tmp_path: Path) -> None:
    values: dict[str, Any] = resolve(find("PTSD")).value["protocol"]
    values["sessions"] |= yaml.safe_load(block("add-a-pathway.md", 1))["sessions"]
    path = tmp_path / "ours.yaml"
    path.write_text(json.dumps({"protocol": values}))
    assert check(path) == ()
    assert {*load(path).sessions.settings} == {"at_home", "in_clinic"}


@pytest.fixture
def with_exclusion(tmp_path: Path) -> Protocol:
    """The PTSD protocol with the exclusion of the page."""
    values: dict[str, Any] = resolve(find("PTSD")).value["protocol"]
    [added] = yaml.safe_load(block("add-an-exclusion.md"))
    path = tmp_path / "ours.yaml"
    path.write_text(json.dumps({"protocol": {**values, "exclusions": [*values["exclusions"], added]}}))
    assert check(path) == ()
    assert load(path).exclusions[-1].code == "X99"
    return load_demonstration("PTSD", tmp_path)


def test_the_exclusion_of_the_page_is_asked_and_blocks(with_exclusion: Protocol) -> None:
    play = before("screening.record")
    play = play.changed(protocol=with_exclusion)
    assert "exclusion X99" in find_unanswered(play.journey)
    play.go_on(lambda journey: journey.screening.completed_at is not None)
    play.do(c.RecordScreening(exclusions={"X99": c.ScreeningAnswer(answer="yes", note="invented")}))
    assert "hard exclusion X99" in eligibility_obstacles(play.journey, play.at)
