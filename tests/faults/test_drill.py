"""The fault drill in short. `make drill` runs it for as long as you like."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.benchmarks.report import Figure, Report, Section
from tests.drill import __main__ as drill
from tests.drill.checks import Recorded, check_promises
from tests.drill.people import ACKNOWLEDGED, Outcome, Told
from tests.faults.helpers import ROOT
from workflows.journey.commands import Command, RequestSupport
from workflows.journey.vocabulary.actors import CLOCK


def test_a_report_has_what_nothing_healed() -> None:
    never = Figure("1 × both workers killed, 1 not", float("nan"), "s at most")
    assert "never s at most" in Report({}, [Section("Disturbances", [never])]).as_text()


@pytest.mark.parametrize("outcome", ACKNOWLEDGED)
async def test_only_what_nobody_was_told_is_recorded_may_be_lost_with_temporal(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    async def nothing(*_: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(drill, "load_events", nothing)
    body = RequestSupport(urgency="routine", text="invented")
    told = Told(uuid4(), Command(command_id=uuid4(), actor=CLOCK, body=body), outcome)
    desk = SimpleNamespace(course=SimpleNamespace(id=told.journey_id))
    running: Any = SimpleNamespace(
        told=[told], ground=SimpleNamespace(desks=[desk]), servers=SimpleNamespace(record=None)
    )
    await drill.Drill.mark_in_doubt(running)
    missed = [*check_promises([told], Recorded({told.journey_id: ()}))]
    assert bool(missed) == (outcome == "recorded")


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_everything_that_anybody_was_told_is_true(tmp_path: Path) -> None:
    drill = [sys.executable, "-m", "tests.drill", "--disturbances", "4", "--journeys", "10", "--seed", "7"]
    done = subprocess.run([*drill, "--directory", str(tmp_path)], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-10_000:]
    assert "what is wrong in the end" in done.stdout
