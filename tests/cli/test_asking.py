"""A person is asked at the terminal, also while a form comes in, and may step back."""

import fcntl
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.conftest import Profiles
from tests.cli.helpers import call
from tests.cli.signers import PASSPHRASE, AtTerminal
from workflows.journey.vocabulary.actors import Role

ASK = """
import asyncio, sys
from application.errors import UseCaseError
from cli.errors import exit_code_of
from cli.input import ask

async def act():  # as a command runs
    try:
        answers = [ask("Passphrase", secret=True), ask("Who")]
        print(answers, repr(sys.stdin.read()))
    except UseCaseError as error:
        print(int(exit_code_of(error)), error.reason)

asyncio.run(act())
"""


def asked(*typed: bytes, terminal: bool = True) -> tuple[str, bytes]:
    """What a process with its own terminal was told, and what the terminal showed; a form is on standard input."""
    outer, inner = pty.openpty()

    def own_terminal() -> None:
        if terminal:
            fcntl.ioctl(inner, termios.TIOCSCTTY, 0)

    shown = b""
    process = subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=own_terminal,
        pass_fds=(inner,),
    )
    try:
        for question, answer in zip((b"Passphrase: ", b"Who: "), typed, strict=False):
            while question not in shown:
                shown += os.read(outer, 1024)
            os.write(outer, answer)
        out, _ = process.communicate(b"a form", timeout=60)
        if len(typed) == 2:
            shown += os.read(outer, 1024)
    finally:
        process.kill()
        os.close(outer)
        os.close(inner)
    return out.decode().strip(), shown


@pytest.mark.program
def test_a_person_is_asked_while_a_form_comes_in() -> None:
    told, shown = asked(PASSPHRASE.encode() + b"\n", b"demo-clinician\n")
    assert told == f"['{PASSPHRASE}', 'demo-clinician'] 'a form'"
    assert PASSPHRASE.encode() not in shown


@pytest.mark.program
def test_without_a_terminal_nobody_is_asked() -> None:
    told, _ = asked(terminal=False)
    assert told == "2 signing needs a person at a terminal, and there is none"


@pytest.mark.program
@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["ctrl-c", "ctrl-d"])
def test_a_person_may_step_back(key: bytes) -> None:
    told, _ = asked(key)
    assert told == "1 you stepped back"


def test_a_person_may_step_back_while_a_command_runs(tmp_path: Path, profiles: Profiles) -> None:
    class Gone(AtTerminal):
        def ask(self, question: str, *, secret: bool = False) -> str:
            raise KeyboardInterrupt

    answer = call(Gone(tmp_path), "clinician", "key", "--profile", profiles[Role.CLINICIAN], "--json")
    assert answer.code == 1
    assert not list((tmp_path / "profiles").glob("*.key"))
