"""How long the command line takes to be there: in processor time, which others on the machine do not take."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from simulation.stack import write_environment
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import Servers

UP = Aim(0.4)
ROOT = Path(__file__).resolve().parents[2]
CALLS: Mapping[str, Sequence[str]] = {
    "Python alone": ("-c", "pass"),
    "--help": ("starter.py", "--help"),
    "work list": ("starter.py", "work", "list"),
}


async def starting(servers: Servers, *, times: int) -> Section:
    """Call each command so many times, in turns. `work list` asks the record, which has nothing to do."""
    with TemporaryDirectory() as directory:
        variables = write_environment(servers.stack, Path(directory)).variables
        env = {**os.environ, **variables}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # Else all is compiled anew at each start.
        taken: dict[str, list[float]] = {name: [] for name in CALLS}
        for number in range(times + 1):
            for name, words in CALLS.items():
                seconds = await asyncio.to_thread(_seconds, words, env)
                if number:  # the first time compiles what was changed
                    taken[name].append(seconds)
    return Section(
        f"Start of the command line: processor time, medians of {times} calls in turns",
        [
            Figure(name, median(seconds), "s", aim=None if name == "Python alone" else UP)
            for name, seconds in taken.items()
        ],
    )


def _seconds(words: Sequence[str], env: Mapping[str, str]) -> float:
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{words} ended with {process.returncode}"
    return used.ru_utime + used.ru_stime
