"""What is logged to be read by ops is read by them, and nothing about anybody goes with it."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from application.process.logs import LOGGED, OF_EVERY_LINE, choose_loggable

ROOT = Path(__file__).parents[3]
NOT_IN_PRODUCTION = {"tests", "docs", "build"}
METHODS = {"debug", "info", "warning", "error", "critical", "exception"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a logger in production code, and where it stands."""
    rooms = (path for path in ROOT.iterdir() if path.name not in NOT_IN_PRODUCTION and path.name[0] != ".")
    for path in sorted(found for room in rooms for found in ([room] if room.suffix == ".py" else room.rglob("*.py"))):
        text = path.read_text()
        if not any(f".{method}" in text for method in METHODS):
            continue  # Most files: to parse all of them takes seconds.
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                logger = ast.unparse(node.func.value)
                if logger.rpartition(".")[2].lstrip("_") in ("log", "logger"):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def keywords(call: ast.Call) -> Iterator[str]:
    """The keys a call gives its event: keywords, and those of the standard library's `extra`."""
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            yield from (ast.literal_eval(key) for key in keyword.value.keys if key is not None)
        elif keyword.arg != "exc_info":
            yield keyword.arg or "**"


@pytest.mark.long
def test_every_event_is_a_constant_and_every_key_that_is_logged_is_shown() -> None:
    """A text made at run time may hold anything. No key is allowed that nobody uses."""
    made = list(calls())
    for where, call in made:
        assert call.args, where
        assert isinstance(call.args[0], ast.Constant), where
        assert len(call.args) == 1, where
    found = {where: sorted(keywords(call)) for where, call in made}
    assert len(found) > 10
    dropped = {
        where: [key for key in keys if key not in choose_loggable(None, "", {key: "x"})]
        for where, keys in found.items()
    }
    assert {where: keys for where, keys in dropped.items() if keys} == {}
    used = {key for keys in found.values() for key in keys}
    from_temporal = {"workflow_id", "run_id", "attempt"}
    assert {*LOGGED} == used | from_temporal


@pytest.mark.parametrize("key", ["patient", "text", "payload", "reason", "name"])
def test_another_key_is_not_shown(key: str) -> None:
    assert choose_loggable(None, "", {"event": "x", key: "y"}) == {"event": "x"}


def test_what_is_not_known_is_left_out() -> None:
    assert choose_loggable(None, "", {"event": "alarm", "people": None}) == {"event": "alarm"}


def test_whom_an_alarm_went_to_is_shown() -> None:
    shown = {"event": "alarm", "people": "demo-clinician,demo-medical-director"}
    assert choose_loggable(None, "", shown) == shown


@pytest.mark.parametrize("said", ["Robin has nightmares", "KeyError: Robin", "a\nb", "", "x" * 201])
def test_a_value_that_is_no_word_is_not_shown(said: str) -> None:
    assert [key for key in LOGGED if said in choose_loggable(None, "", {key: said}).values()] == []


@pytest.mark.parametrize("said", ["KeyError", "08006", "journey/0f8ee4c0-0000-4000-8000-000000000000", 7, 1.5])
def test_a_word_is_shown(said: object) -> None:
    assert choose_loggable(None, "", {"error": said}) == {"error": said}


def test_what_every_line_has_is_shown() -> None:
    line = dict.fromkeys(OF_EVERY_LINE, "worker.started with more words")
    assert choose_loggable(None, "", line) == line


LIBRARY = """
import asyncio, logging
from application.process.logs import configure_logging
configure_logging("INFO", "json")
logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: <Task exception=ValueError('Robin')>")
logging.getLogger("asyncpg").warning("refused %s", "Robin")
logging.getLogger("temporalio.activity").warning("Completing activity as failed ({'input': 'Robin'})")
logging.getLogger("temporalio.workflow").error("journey.diverged", extra={"stage": "sessions", "patient": "Robin"})
try:
    raise ValueError("Robin")
except ValueError:
    logging.getLogger("asyncio").exception("it failed")
"""


@pytest.mark.program
def test_what_libraries_fill_in_is_not_shown() -> None:
    ran = subprocess.run([sys.executable, "-c", LIBRARY], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"] for line in lines] == [
        "Task exception was never retrieved", "refused %s", "Completing activity as failed", "journey.diverged",
        "it failed",
    ]  # fmt: skip
    assert lines[3]["stage"] == "sessions"
    assert lines[4]["exception"].startswith("ValueError at ")
    assert "Robin" not in ran.stderr
