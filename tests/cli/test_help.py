"""What `--help` says, of every noun and every command, and how a wrong argument is told."""

import json
import re

import pytest
from typer.testing import CliRunner

from cli.app import NOUNS, app, build
from cli.errors import ExitCode
from tests.cli.helpers import Answer

GROUPS = [noun for noun in NOUNS if noun != "score"]
COMMANDS = [(noun,) for noun in NOUNS] + [(noun, verb) for noun in GROUPS for verb in build(noun).commands]


def run(*arguments: str, columns: int = 80) -> Answer:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns)})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return Answer(result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_plain_and_fits(command: tuple[str, ...]) -> None:
    helped = run(*command, "--help")
    assert (helped.code, helped.err) == (0, "")
    assert [line for line in helped.out.splitlines() if len(line) > 80 and "<" not in line] == []
    assert not re.search(r"``|[│─]|^  -.* <", helped.out, re.MULTILINE), "no markup, no frame, no type of Python"


@pytest.mark.parametrize("noun", GROUPS)
def test_each_verb_is_listed_with_a_sentence(noun: str) -> None:
    listed = run(noun, "--help", columns=80).out.partition("Commands:\n")[2]
    entries = re.findall(r"^  (\S+) +(\S.*(?:\n {4,}.*)*)", listed, re.MULTILINE)
    assert entries
    assert [verb for verb, _ in entries] == [*build(noun).commands]
    assert [said for _, said in entries if not said.endswith(".")] == []


WRONG = (
    ("pathwy",),
    ("pathway", "fly"),
    ("pathway", "list", "--limit", "x"),
    ("pathway", "list", "--limit", "0"),
    ("pathway", "list", "--nothing"),
    ("pathway", "list", "--limit"),
    ("pathway", "list", "more"),
    ("pathway", "hold", "one", "two"),
    ("pathway", "hold", "one", "--command-id", "no-id"),
    ("signoff", "show"),
    ("record", "verify", "--without", "everything"),
)


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_argument_is_told_in_json_where_that_is_asked_for(arguments: tuple[str, ...]) -> None:
    wrong = run(*arguments, "--json")
    told = json.loads(wrong.err)
    assert (wrong.code, wrong.out) == (ExitCode.USAGE, "")
    assert (told["error"], told["exit_code"]) == ("usage", ExitCode.USAGE)
    assert told["reason"] != "" != told["remedy"]
    assert "othing" in told["state"]
    assert run(*arguments).code == ExitCode.USAGE


def test_a_word_after_two_dashes_asks_for_no_json() -> None:
    wrong = run("pathway", "list", "--", "--json")
    assert wrong.code == ExitCode.USAGE
    assert wrong.err.startswith("Usage:")


def test_a_noun_that_is_misspelt_is_answered_with_the_nearest() -> None:
    assert "Did you mean 'pathway'?" in run("pathwy").err
    assert "Did you mean" not in run("xyzzy").err
