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
        print([ask("Passphrase", secret=True), ask("Who")])
    except UseCaseError as error:
        print(int(exit_code_of(error)), error.reason)

for _ in range(int(sys.argv[1])):
    asyncio.run(act())
print(sys.stdin.read())
"""


def asked(*typed: tuple[bytes, bytes], times: int = 1, terminal: bool = True) -> tuple[list[str], bytes]:
    """What a process with its own terminal was told, so many times, and what the terminal showed. What is ``typed``
    stands behind the question that it answers; a form is on standard input."""
    outer, inner = pty.openpty()

    def own_terminal() -> None:
        if terminal:
            fcntl.ioctl(inner, termios.TIOCSCTTY, 0)

    shown = b""
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=own_terminal,
        pass_fds=(inner,),
    )
    try:
        for question, answer in typed:
            since = b""
            while question not in since:
                since += os.read(outer, 1024)
            shown += since
            os.write(outer, answer)
        out, _ = process.communicate(b"a form", timeout=60)
        if typed:
            shown += os.read(outer, 1024)
    finally:
        process.kill()
        os.close(outer)
        os.close(inner)
    return out.decode().splitlines(), shown


@pytest.mark.program
def test_a_person_is_asked_while_a_form_comes_in_and_may_step_back() -> None:
    secret, who = b"Passphrase: ", b"Who: "
    stepping_back = ((secret, b"\x03"), (secret, b"\x04"))  # Ctrl-C, Ctrl-D
    told, shown = asked(*stepping_back, (secret, PASSPHRASE.encode() + b"\n"), (who, b"demo-clinician\n"), times=3)
    assert told == ["1 you stepped back", "1 you stepped back", f"['{PASSPHRASE}', 'demo-clinician']", "a form"]
    assert PASSPHRASE.encode() not in shown


@pytest.mark.program
def test_without_a_terminal_nobody_is_asked() -> None:
    told, _ = asked(terminal=False)
    assert told == ["2 signing needs a person at a terminal, and there is none", "a form"]


def test_a_person_may_step_back_while_a_command_runs(tmp_path: Path, profiles: Profiles) -> None:
    class Gone(AtTerminal):
        def ask(self, question: str, *, secret: bool = False) -> str:
            raise KeyboardInterrupt

    answer = call(Gone(tmp_path), "clinician", "key", "--profile", profiles[Role.CLINICIAN], "--json")
    assert answer.code == 1
    assert not list((tmp_path / "profiles").glob("*.key"))
