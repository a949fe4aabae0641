"""No byte of what a patient said is anywhere in clear."""

import re
from pathlib import Path

import pytest

from tests.canary.failing_worker import LEAKS
from tests.canary.scan import scan
from tests.faults.helpers import ROOT
from tests.fixtures.tiers import ROOMS


@pytest.mark.server
@pytest.mark.timeout(600)
async def test_nothing_that_was_planted_is_found(tmp_path: Path) -> None:
    assert await scan(tmp_path) == []


def test_no_process_exports_metrics() -> None:
    """So there is nothing more to look through."""
    exports = re.compile("PrometheusConfig|OpenTelemetryConfig|prometheus_client|import opentelemetry")
    code = [path for room in (*ROOMS, "*.py") for path in ROOT.glob(room if "*" in room else f"{room}/**/*.py")]
    assert len(code) > 300
    assert [path.name for path in code if exports.search(path.read_text())] == []


@pytest.mark.soak
@pytest.mark.parametrize("leak", LEAKS)
async def test_what_leaks_is_found(tmp_path: Path, leak: str) -> None:
    found = await scan(tmp_path, leak=leak)
    assert found
    assert all(place.startswith((leak, f"files of {leak}")) for place in found), found
