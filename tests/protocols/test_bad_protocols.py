"""Bad protocols, each refused at the right line, with its field and its rule, and without repeating values."""

from collections.abc import Collection, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.protocols.bad_forms import BAD_BY_SCHEMA, BAD_SHAPES, BAD_YAML
from tests.protocols.bad_rules import BAD_CARE, BAD_TIMES_AND_STAFF
from workflows.protocols import Problem, ProtocolError, check, find, load
from workflows.protocols.reading import MAX_BYTES, MAX_DEPTH, parse
from workflows.protocols.resolution import SHARED

PTSD = find("PTSD").read_text(encoding="utf-8")
SHARED_FILE = SHARED / "at-home.yaml"
AT_HOME = SHARED_FILE.read_text(encoding="utf-8")

BAD = {**BAD_SHAPES, **BAD_BY_SCHEMA, **BAD_YAML, **BAD_CARE, **BAD_TIMES_AND_STAFF}


def write(directory: Path, own: str = PTSD, shared: str = AT_HOME) -> Path:
    """A protocol file, and beside it the one it extends."""
    assert own.count("extends: at-home\n") <= 1
    (directory / "shared.yaml").write_text(shared, encoding="utf-8")
    path = directory / "protocol.yaml"
    path.write_text(own.replace("extends: at-home\n", "extends: shared.yaml\n"), encoding="utf-8")
    return path


def unnamed(names: Iterable[str], directory: Path) -> list[str]:
    """Which of these mistakes, all made in one protocol, are not named where they are. One may hide another."""
    own, shared = PTSD, AT_HOME
    for name in names:
        old, new = BAD[name][:2]
        assert old in PTSD or old in AT_HOME, "the shipped files no longer hold what this case replaces"
        own, shared = (own.replace(old, new, 1), shared) if old in own else (own, shared.replace(old, new, 1))
    problems = check(write(directory, own, shared))

    def is_named(name: str) -> bool:
        _, _, at, field, words = BAD[name]
        file, text = (None, own) if at in own else ("shared.yaml", shared)
        place = (file, text.count("\n", 0, text.find(at)) + 1)
        return any((p.file, p.line) == place and p.field == field and words in p.rule for p in problems)

    return [name for name in names if not is_named(name)]


@pytest.mark.soak
@pytest.mark.parametrize("name", BAD)
def test_a_bad_protocol_is_refused_where_it_is_bad(name: str, tmp_path: Path) -> None:
    assert not unnamed([name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    "names",
    [BAD_SHAPES, BAD_BY_SCHEMA, BAD_YAML, BAD_CARE, BAD_TIMES_AND_STAFF],
    ids=["shapes", "schema", "YAML", "care", "times and staff"],
)
def test_bad_protocols_are_refused_where_they_are_bad(names: Collection[str], tmp_path: Path) -> None:
    """To read a protocol takes long, so as many mistakes as are named together are made together."""

    def unnamed_alone(tried: list[str]) -> list[str]:
        left = unnamed(tried, tmp_path)
        if len(tried) == 1 or not left:
            return left
        half = len(left) // 2 if len(left) == len(tried) else len(left)
        return unnamed_alone(left[:half]) + (unnamed_alone(left[half:]) if left[half:] else [])

    assert not unnamed_alone([*names])


def test_the_review_of_a_severe_adverse_event_never_waits_for_opening_hours(tmp_path: Path) -> None:
    waiting = AT_HOME.replace("sign_in_24_hours:\n", "sign_in_24_hours:\n      clock: working\n")
    assert check(write(tmp_path, shared=waiting)) == ()
    [problem] = check(write(tmp_path, shared=waiting.replace("severe_from_grade: 3", "severe_from_grade: 4")))
    assert problem.field == "escalation_policies.sign_in_24_hours.clock"


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    text = (
        PTSD.replace("planned: 6", "planned: none").replace("unit: mg", "unit: g").replace("status: draft", "status: x")
    )
    path.write_text(text, encoding="utf-8")
    problems = check(path)
    assert [p.field for p in problems] == ["status", "sessions.planned", "dose.unit"]
    assert [p.line for p in problems] == sorted(p.line or 0 for p in problems)
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert refused.value.problems == problems
    assert all(str(problem) in str(refused.value) for problem in problems)


def test_values_of_a_file_are_never_repeated(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    for text in (
        "password: hunter2\n",
        "hunter2\n",
        "protocol: hunter2\n",
        "protocol: {hunter2 hunter2: 1}\n",
        "- hunter2\n",
        '"hunter2',
        "a: 'hunter2' hunter2\n",
        "a: %hunter2\n",
        "a: *hunter2\n",
        "a: !hunter2!x 1\n",
        "%TAG !hunter2 hunter2\n--- 1\n",
        "%YAML hunter2\n--- 1\n",
        "a: |hunter2\n",
        'a: "\\xhunter2"\n',
        "extends: hunter2\nprotocol: {id: x}\n",
        "extends: hunter2.yaml\nprotocol: {id: x}\n",
        "extends: ../hunter2\nprotocol: {id: x}\n",
        PTSD.replace("status: draft", "status: hunter2").replace("unit: mg", "unit: hunter2"),
        PTSD.replace("planned: 6", "planned: hunter2"),
    ):
        path.write_text(text, encoding="utf-8")
        problems = check(path)
        assert problems
        assert "hunter2" not in repr(problems)
    for shared in (
        "password: hunter2\n",
        "shared: hunter2\n",
        "shared: {hunter2 hunter2: 1}\n",
        "extends: hunter2\nshared: {}\n",
        AT_HOME.replace('"21:00"', '"hunter2"'),
        AT_HOME.replace("to: ops", "to: hunter2").replace("treatment: treatment-1", "treatment: hunter2 hunter2"),
    ):
        problems = check(write(tmp_path, shared=shared))
        assert problems
        assert "hunter2" not in repr(problems)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "empty"),
        (b"# only a comment\n", 1, "empty"),
        (b"protocol:\n", 1, "at the top"),
        (b"[]\n", 1, "at the top"),
        (b"protocol: {}\nnote: \xff\n", 2, "UTF-8"),
        ("protocol: {}".encode("utf-16"), 1, "UTF-8"),
        (b"a\n" * MAX_BYTES, None, "too large: at most 256 kB"),
        (b"protocol: " + b"[" * (MAX_DEPTH + 1), 1, "nested too deeply"),
        (b"[" * (MAX_BYTES - 1), 1, "nested too deeply"),
        (b"- " * (MAX_BYTES // 2), 1, "nested too deeply"),
        (b"? " * (MAX_BYTES // 2), 1, "nested too deeply"),
        (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 1, "anchors"),
    ],
)
def test_files_that_are_no_protocols(content: bytes, line: int | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_bytes(content)
    [problem] = check(path)
    assert problem.line == line
    assert words in problem.rule


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    [problem] = check(tmp_path / "missing.yaml")
    assert (problem.line, problem.field) == (None, "file")
    assert "No such file" in problem.rule
    [problem] = check(tmp_path)
    assert "regular file" in problem.rule
    assert str(Problem(None, "file", "x")) == "file: x"
    assert str(Problem(3, "dose", "x")) == "line 3, dose: x"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_text("\ufeff" + PTSD, encoding="utf-8")
    assert check(path) == ()


@examples(2.5)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        assert parse(text).lines[()] >= 1
    except ProtocolError as refused:
        problems = refused.problems
    last = text.count("\n") + text.count("\r") + 3
    for problem in problems:
        assert problem.line is not None
        assert 1 <= problem.line <= last


LINES = [*PTSD.splitlines(keepends=True), *AT_HOME.splitlines(keepends=True)]
OWN = PTSD.count("\n")


@examples(0.5)
@given(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "null", "word", "indent"]))
def test_a_damaged_line_is_accepted_or_refused_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, number: int, how: str
) -> None:
    line = LINES[number]
    head = line.partition(":")[0]
    damaged = {"drop": "", "twice": line + line, "null": f"{head}:\n", "word": f"{head}: word\n", "indent": f" {line}"}
    texts = [*LINES[:number], damaged[how], *LINES[number + 1 :]]
    path = write(tmp_path_factory.getbasetemp(), "".join(texts[:OWN]), "".join(texts[OWN:]))
    problems = check(path)
    if problems:
        with pytest.raises(ProtocolError):
            load(path)
    else:
        load(path)
