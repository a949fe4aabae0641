"""What a run of tests writes has one directory, which is gone after it, or at the next run."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.fixtures import run_directory
from tests.fixtures.run_directory import ENOUGH, clear_run_directory, make_run_directory, remove_stale

ROOT = Path(__file__).resolve().parents[2]
RUN = """
from tests.fixtures.run_directory import make_run_directory
(make_run_directory() / "pytest-of-somebody").mkdir()
print("made", flush=True)
input()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs of a test have their directories, with nothing in memory."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(run_directory, "MEMORY", tmp_path / "none")
    return tmp_path


@contextmanager
def running(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, in the given place."""
    command = [sys.executable, "-c", RUN]
    env = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(
        command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "made\n"
            yield process
        finally:
            process.kill()


@pytest.mark.program
def test_what_a_killed_run_left_is_removed_and_nothing_else(place: Path) -> None:
    (place / "carepath-postgres-1").mkdir()
    with running(place) as process:
        [directory] = place.glob("carepath-run-*")
        remove_stale()
        assert (directory / "pytest-of-somebody").exists()
        process.kill()
        process.wait()
    assert directory.exists()
    remove_stale()
    assert [each.name for each in place.iterdir()] == ["carepath-postgres-1"]


def test_all_that_a_run_starts_writes_there(place: Path) -> None:
    directory = make_run_directory()
    assert directory.parent == place
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(directory)
    assert directory.stat().st_mode & 0o777 == 0o711


@pytest.mark.parametrize(("failed", "left"), [(True, ["pytest-of-somebody"]), (False, None)])
def test_only_what_failing_tests_wrote_is_kept(tmp_path: Path, failed: bool, left: list[str] | None) -> None:
    directory = tmp_path / "carepath-run-1"
    for each in ("data", "pytest-of-somebody"):
        (directory / each).mkdir(parents=True)
        (directory / each / "file").touch()
    (directory / "temporal.log").touch()
    clear_run_directory(directory, failed=failed)
    assert (sorted(each.name for each in directory.iterdir()) if directory.exists() else None) == left


@pytest.mark.parametrize(
    ("room", "available", "in_memory"),
    [(ENOUGH + 1, ENOUGH + 1, True), (64 * 2**20, ENOUGH + 1, False), (ENOUGH + 1, 2**30, False)],
)
def test_memory_is_used_where_there_is_room(
    place: Path, monkeypatch: pytest.MonkeyPatch, room: int, available: int, in_memory: bool
) -> None:
    memory = place / "memory"
    memory.mkdir()
    monkeypatch.setattr(run_directory, "MEMORY", memory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    monkeypatch.delenv("TMPDIR")
    assert make_run_directory().parent == (memory if in_memory else place)
