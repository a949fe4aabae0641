"""What protocol files share is written once: a file and those it extends count as the one file they resolve to."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from workflows.journey.protocol import Protocol
from workflows.protocols import ProtocolError, check, find, list_files, list_pathways, list_shipped, load, resolve
from workflows.protocols.reading import read
from workflows.protocols.resolution import ITS_OWN, SHARED, overlay

PTSD = find("PTSD")


def write(directory: Path, **texts: str) -> Path:
    """Files of these names; the path of the one called protocol."""
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    return directory / "protocol.yaml"


def whole(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = resolve(path).value["protocol"]
    return values


@pytest.mark.parametrize("path", list_shipped(), ids=lambda path: path.stem)
def test_what_is_resolved_is_a_file_that_loads_to_the_same_protocol(path: Path, tmp_path: Path) -> None:
    one = write(tmp_path, protocol=yaml.safe_dump(resolve(path).value, sort_keys=False))
    assert load(one) == load(path)
    assert load(one).digest == load(path).digest
    assert resolve(one).value == resolve(path).value


def test_a_file_outside_the_package_extends_a_shipped_one_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, protocol=PTSD.read_text().replace("planned: 6", "planned: 5"))
    assert load(path).sessions.planned == 5
    assert load(path).sessions.checklist == load(PTSD).sessions.checklist
    assert load(path).digest != load(PTSD).digest


def test_a_file_extends_one_beside_it_which_extends_another(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        protocol=PTSD.read_text().replace("extends: at-home", "extends: ours.yaml"),
        ours="extends: at-home\nshared:\n  quiet_hours: {end: '09:30'}\n  consents: {photos: photos-1}\n",
    )
    protocol, before = load(path), load(PTSD)
    assert (protocol.quiet_hours.start, protocol.quiet_hours.end.hour) == (before.quiet_hours.start, 9)
    assert protocol.consents == {**before.consents, "photos": "photos-1"}
    changed = {name for name in Protocol.model_fields if getattr(protocol, name) != getattr(before, name)}
    assert changed == {"quiet_hours", "consents"}


def test_a_list_stands_in_place_of_the_whole_list(tmp_path: Path) -> None:
    path = write(tmp_path, protocol=f"{PTSD.read_text()}  follow_up: {{weeks: [3]}}\n")
    assert load(path).follow_up.weeks == (3,)
    assert load(path).follow_up.questions == load(PTSD).follow_up.questions


@pytest.mark.long
def test_a_change_of_what_is_extended_changes_the_digest(tmp_path: Path) -> None:
    own = PTSD.read_text().replace("extends: at-home", "extends: ours.yaml")
    ours = (SHARED / "at-home.yaml").read_text()
    path = write(tmp_path, protocol=own, ours=ours)
    before = load(path).digest
    assert before == load(PTSD).digest
    write(tmp_path, ours=ours.replace("break_glass_minutes: 240", "break_glass_minutes: 241"))
    assert load(path).digest != before


def test_a_misspelt_escalation_policy_is_not_left_without_effect(tmp_path: Path) -> None:
    policy = "{due_minutes: 0, steps: [{minutes: 0, action: page, to: clinician}]}"
    path = write(tmp_path, protocol=f"{PTSD.read_text()}  escalation_policies: {{crisis_hihg: {policy}}}\n")
    [problem] = check(path)
    assert (problem.field, problem.file) == ("escalation_policies.crisis_hihg", None)


OURS = "shared:\n  quiet_hours:\n    start: '25:00'\n"
BAD = {
    "a name that is none": ("extends: ../at-home\nprotocol: {id: x}\n", "", 1, "extends", None, "must be the name"),
    "a path": ("extends: /etc/passwd\nprotocol: {id: x}\n", "", 1, "extends", None, "must be the name"),
    "no text": ("extends: 7\nprotocol: {id: x}\n", "", 1, "extends", None, "must be the name"),
    "several": ("extends: [at-home, ours.yaml]\nprotocol: {id: x}\n", "", 1, "extends", None, "must be the name"),
    "nothing": ("protocol: {id: x}\nextends:\n", "", 2, "extends", None, "must be the name"),
    "an unknown name": ("extends: at-work\nprotocol: {id: x}\n", "", 1, "extends", None, "(at-home)"),
    "a missing file": ("extends: theirs.yaml\nprotocol: {id: x}\n", "", 1, "extends", None, "no such file"),
    "itself": ("extends: protocol.yaml\nprotocol: {id: x}\n", "", 1, "extends", None, "in a circle"),
    "a circle": (
        "extends: ours.yaml\nprotocol: {id: x}\n", "shared: {}\nextends: ours.yaml\n", 2, "extends", "ours.yaml",
        "in a circle",
    ),
    "a missing file further on": (
        "extends: ours.yaml\nprotocol: {id: x}\n", "shared: {}\nextends: theirs.yaml\n", 2, "extends", "ours.yaml",
        "no such file",
    ),
    "a pathway": (
        "extends: ours.yaml\nprotocol: {id: x}\n", "protocol: {id: y}\n", 1, "shared", "ours.yaml", "only a file with",
    ),
    "no YAML": ("extends: ours.yaml\nprotocol: {id: x}\n", "shared: {\n", 2, "file", "ours.yaml", "not valid YAML"),
    "empty": ("extends: ours.yaml\nprotocol: {id: x}\n", "", 1, "file", "ours.yaml", "is empty"),
    "more beside it": (
        "extends: ours.yaml\nprotocol: {id: x}\n", "shared: {}\nprotocol: {}\n", 2, "protocol", "ours.yaml", "beside",
    ),
    "what is each pathway's own": (
        "extends: ours.yaml\nprotocol: {id: x}\n", "shared:\n  version: 1\n  id: y\n", 3, "id", "ours.yaml", "itself",
    ),
    "a bad value in it": (
        "extends: ours.yaml\nprotocol: {id: x}\n", OURS, 3, "quiet_hours.start", "ours.yaml", "time of day",
    ),
    "a bad value in place of it": (
        "extends: ours.yaml\nprotocol:\n  quiet_hours: 7\n", OURS, 3, "quiet_hours", None, "must be fields",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_way_to_extend_is_refused_where_it_is_bad(name: str, tmp_path: Path) -> None:
    own, ours, line, field, file, words = BAD[name]
    problems = check(write(tmp_path, protocol=own, ours=ours))
    found = [(p.line, p.field, p.file) for p in problems if words in p.rule]
    assert (line, field, file) in found, problems


def test_a_problem_says_in_which_file_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, protocol="extends: ours.yaml\nprotocol:\n  version: x\n", ours=OURS)
    problems = check(path)
    shown = {problem.field: str(problem) for problem in problems}
    assert shown["version"] == "line 3, version: must be a whole number"
    assert shown["quiet_hours.start"].startswith("line 3 of ours.yaml, quiet_hours.start: ")
    with pytest.raises(ProtocolError):
        load(path)


def test_what_is_shared_is_no_pathway(tmp_path: Path) -> None:
    for path in (SHARED / "at-home.yaml", write(tmp_path, protocol="shared: {}\n")):
        [problem] = check(path)
        assert "is none by itself" in problem.rule
    write(tmp_path, mine=PTSD.read_text())
    assert [path.stem for path in list_files(tmp_path)] == ["mine"]
    assert list_pathways(tmp_path) == ("PTSD",)
    assert find("PTSD", tmp_path).stem == "mine"
    with pytest.raises(ProtocolError, match="no such protocol; name one of: mine"):
        find("protocol", tmp_path)
    assert not {*ITS_OWN} & {*read(SHARED / "at-home.yaml").value["shared"]}


fields = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.none(),
    lambda values: st.dictionaries(st.sampled_from("abc"), values, max_size=3),
    max_leaves=12,
)


@given(fields, fields)
def test_to_lay_over_again_changes_nothing(below: Any, above: Any) -> None:
    once = overlay(below, above)
    assert overlay(once, above) == once
    assert overlay(below, once) == once
    assert overlay(once, once) == once


INSTEAD = (1, "word", [1, 2], {"left": True}, None)


def cut(values: dict[str, Any], random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of a file and of what it extends: each in one of the two, or in both with the own one counting."""
    own: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for name, value in values.items():
        where = random.choice(("own", "shared", "both"))
        if where == "both" and isinstance(value, dict):
            own[name], shared[name] = cut(value, random)
            continue
        if where != "shared":
            own[name] = value
        if where != "own":
            shared[name] = value if where == "shared" else random.choice(INSTEAD)
    return own, shared


@examples(0.25)
@given(st.integers(0, 2**32))
def test_however_a_file_is_cut_in_two_it_resolves_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    values = whole(PTSD)
    identity = {name: values[name] for name in ITS_OWN}
    own, shared = cut({name: value for name, value in values.items() if name not in ITS_OWN}, Random(seed))
    path = write(
        tmp_path_factory.getbasetemp(),
        protocol=json.dumps({"extends": "ours.yaml", "protocol": identity | own}),
        ours=json.dumps({"shared": shared}),
    )
    assert whole(path) == values
    assert load(path).digest == load(PTSD).digest
