"""The tutorial, as a stranger takes it, against a stack of its own. What needs a shell, or asks for a passphrase, is
typed at a terminal; other commands are called in this process."""

import asyncio
import json
import os
import pty
import re
import shlex
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from application.context import Context
from application.settings import load_settings
from cli.app import app
from deploy.local.stack import run_worker
from simulation.keys import PASSPHRASE
from simulation.people import PEOPLE
from simulation.stack import write_environment
from tests.fixtures.everything import everything, open_stack
from workflows.journey.vocabulary.actors import Role

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = {"enter your id": PEOPLE[Role.CLINICIAN].id, "Passphrase": PASSPHRASE}


def commands(text: str) -> list[str]:
    """The commands that a text shows, each on one line, without those that start servers."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [line.partition("   # ")[0].strip() for line in lines if line.strip() and not line.startswith("make")]


def tutorial() -> list[str]:
    return commands((ROOT / "docs" / "tutorial" / "first-journey.md").read_text())


def test_the_readme_shows_the_beginning_of_the_tutorial() -> None:
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## Five minutes with it") : text.index("Scoring needs no server")]
    told, shown = iter(tutorial()), commands(section)
    assert len(shown) > 1
    assert [command for command in shown if command not in told] == []


def at_terminal(command: str, env: Mapping[str, str]) -> str:
    """Run a command in a terminal, answer what it asks for, and return all that was shown.

    Raises:
        AssertionError: it ended with an error.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.execvpe("bash", ["bash", "-euo", "pipefail", "-c", command], env)
    shown, unanswered = "", ""
    while True:
        try:
            heard = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        if not heard:
            break
        shown += heard
        unanswered += heard
        for question, answer in ANSWERS.items():
            if question in unanswered and unanswered.rstrip().endswith(":"):
                os.write(terminal, f"{answer}\n".encode())
                unanswered = ""
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, f"{command}\n{shown}"
    return shown


def called(command: str, env: Mapping[str, str]) -> str:
    """Call a command in this process, which saves the start of a program, and return what it answered."""
    _, _, *words = shlex.split(command)
    ended = CliRunner().invoke(app, words, env=env, obj=partial(Context, load=load_settings))
    assert ended.exit_code == 0, f"{command}\n{ended.output}"
    return ended.stdout


@pytest.mark.server
@pytest.mark.timeout(300)
async def test_the_tutorial_signs_forges_and_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown: dict[str, str] = {}
    known: dict[str, str] = {}
    async with open_stack(tmp_path, keep_data=False, time_skipping=True, headless=True) as stack:
        write_environment(stack, tmp_path)
        variables = {**stack.env, "CAREPATH_PROFILE": str(tmp_path / "profiles" / "coordinator.json")}
        env = {**os.environ, **variables, "NO_COLOR": "1", "COLUMNS": "200"}
        programs = Path(sys.executable).parent
        here = {".local/": f"{tmp_path}/", ".venv/bin/": f"{programs}/"}

        async def run(command: str) -> str:
            for written, meant in here.items():
                command = command.replace(written, meant)
            for name, value in known.items():
                command = command.replace(f"${name}", value)
            typed = "starter.py" not in command or re.search("[<>]|signoff sign ", command)
            return await asyncio.to_thread(at_terminal if typed else called, command, env)

        async with (
            await run_worker(stack.worker_env, stack.logs / "worker.log"),
            stack.open_record(everything(stack.postgres)) as record,
        ):
            for command in tutorial():
                if command.startswith("J="):
                    known["J"] = json.loads(shown["pathway start"])["journey_id"]
                elif command.startswith("R="):
                    known["R"] = json.loads(shown["signoff list"])[0]["request"]
                elif " signal " in command:
                    before = await record.head(UUID(known["J"]))
                    await run(command)
                    assert before is not None
                    # A signal has no answer: what became of it is in the record a moment later.
                    await record.wait_for(UUID(known["J"]), before.version + 1, timedelta(seconds=30))
                elif not command.startswith("source"):
                    said = " ".join(command.split()[2:4])
                    in_json = said in ("pathway start", "signoff list", "signoff attempts", "record verify")
                    shown[said] = await run(f"{command} --json" if in_json else command)
    assert [attempt["code"] for attempt in json.loads(shown["signoff attempts"])] == ["signature"]
    assert "Evaluation recorded" in shown["pathway timeline"]
    assert "Hold released" in shown["pathway timeline"]
    proof = json.loads(shown["record verify"])
    assert (proof["findings"], proof["sign_offs"]) == ([], 1)
