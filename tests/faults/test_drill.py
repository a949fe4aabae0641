"""The fault drill in short. `make drill` runs it for as long as you like."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.report import Figure, Report, Section
from tests.faults.helpers import ROOT


def test_a_report_has_what_nothing_healed() -> None:
    never = Figure("1 × both workers killed, 1 not", float("nan"), "s at most")
    assert "never s at most" in Report({}, [Section("Disturbances", [never])]).as_text()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_everything_that_anybody_was_told_is_true(tmp_path: Path) -> None:
    drill = [sys.executable, "-m", "tests.drill", "--disturbances", "4", "--journeys", "10", "--seed", "7"]
    done = subprocess.run([*drill, "--directory", str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-10_000:]
    assert "what is wrong in the end" in done.stdout
