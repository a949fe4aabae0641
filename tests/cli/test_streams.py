"""Whatever happens to what a command writes to or reads from: nothing is half done, and its end says what to do."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from activities.record import patient_index
from application.process.exit import begin
from cli.app import app
from cli.errors import ExitCode
from deploy.local.postgres import Database
from tests.cli.conftest import JOURNEY, Profiles, opening
from tests.cli.helpers import LOOKER, Answer, DirectJourneys, World, call
from tests.cli.test_start import rows
from tests.fixtures.everything import everything
from tests.fixtures.keys import SharedKeys
from workflows.journey.commands import Command
from workflows.journey.vocabulary.actors import Role

ROOT = Path(__file__).parents[2]
ROWS = 12


@pytest.fixture
def batch(tmp_path: Path, profiles: Profiles) -> tuple[str, ...]:
    """A batch of a dozen rows, two of them under way at a time."""
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(ROWS))))
    return ("pathway", "start", "--batch", str(path), "--at-once", "2", "--profile", profiles[Role.COORDINATOR])


@pytest.fixture
def closed_pipe() -> Iterator[IO[str]]:
    """A pipe that nobody reads from any more."""
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    yield stream
    with suppress(OSError):
        stream.close()


@pytest.fixture
def full_disk() -> Iterator[IO[str]]:
    stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
    yield stream
    with suppress(OSError):
        stream.close()


def run(world: World, monkeypatch: pytest.MonkeyPatch, out: IO[str], *words: str) -> tuple[int, str]:
    """Run a command whose output goes elsewhere: its exit code, and what it said on standard error."""
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", said)
    try:
        app([*words], obj=world.context)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    finally:
        monkeypatch.undo()
    raise AssertionError("a command exits")


def enrolled_and_started(world: World) -> tuple[int, int]:
    return world.journeys(), len({command.command_id for command in world.received})


@pytest.mark.parametrize("stream", ["closed_pipe", "full_disk"])
def test_a_batch_whose_answers_nobody_takes_stops_in_good_order(
    recorded: World,
    batch: tuple[str, ...],
    stream: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    code, said = run(recorded, monkeypatch, request.getfixturevalue(stream), *batch, "--json")
    assert code == ExitCode.FAULT
    enrolled, started = enrolled_and_started(recorded)
    assert 0 < enrolled == started < ROWS
    error = json.loads(said)
    assert f"{enrolled} of {ROWS} rows are done, the last one is row {enrolled}" in error["reason"]
    assert "same batch again" in error["remedy"]
    assert call(recorded, *batch).code == 0
    assert enrolled_and_started(recorded) == (ROWS, ROWS)


@pytest.mark.parametrize("stream", ["closed_pipe", "full_disk"])
def test_a_batch_for_people_is_done_when_its_summary_is_lost(
    recorded: World,
    batch: tuple[str, ...],
    stream: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    code, said = run(recorded, monkeypatch, request.getfixturevalue(stream), *batch)
    assert (code, enrolled_and_started(recorded)) == (ExitCode.FAULT, (ROWS, ROWS))
    assert "Only the answer is lost" in said


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda sent: sent.name)
def test_an_interrupted_batch_says_how_far_it_came(
    recorded: World, batch: tuple[str, ...], sent: signal.Signals, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = DirectJourneys.start

    async def interrupted(journeys: DirectJourneys, command: Command) -> None:
        if len(recorded.received) == 5:
            for _ in range(times):
                os.kill(os.getpid(), sent)
        await start(journeys, command)

    monkeypatch.setattr(DirectJourneys, "start", interrupted)
    answer = call(recorded, *batch)
    monkeypatch.undo()
    enrolled, started = enrolled_and_started(recorded)
    assert answer.code == ExitCode.FAULT
    assert 5 < enrolled == started < ROWS
    assert "interrupted" in answer.err.lower()
    assert f"of {ROWS} rows are done" in answer.err
    assert "the same batch again: it is safe" in " ".join(answer.err.split())
    assert call(recorded, *batch).code == 0
    assert enrolled_and_started(recorded) == (ROWS, ROWS)


def test_an_interrupted_start_has_done_all_or_nothing(
    recorded: World, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol = patient_index.enrol

    async def interrupted(*given: Any, **named: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return await enrol(*given, **named)

    monkeypatch.setattr(patient_index, "enrol", interrupted)
    words = ("pathway", "start", "-", "--profile", profiles[Role.COORDINATOR])
    answer = call(recorded, *words, given=rows(1)[0])
    assert answer.code == ExitCode.FAULT
    assert "interrupted" in answer.err.lower()
    enrolled, started = enrolled_and_started(recorded)
    assert enrolled == started


@pytest.mark.parametrize("how", [(), ("--json",)], ids=["for people", "for scripts"])
def test_a_reader_that_has_seen_enough_ends_a_list_in_silence(
    recorded: World, journey: UUID, closed_pipe: IO[str], how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(recorded, monkeypatch, closed_pipe, "pathway", "show", str(journey), *how)
    assert (code, said) == (ExitCode.FAULT, "")


@pytest.mark.parametrize("how", [(), ("--json",)], ids=["for people", "for scripts"])
def test_a_full_disk_is_said(
    recorded: World, journey: UUID, full_disk: IO[str], how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(recorded, monkeypatch, full_disk, "pathway", "show", str(journey), *how)
    assert code == ExitCode.FAULT
    assert "No space left on device" in said
    assert "defect" not in said


def test_what_was_recorded_is_not_lost_with_its_answer(
    recorded: World,
    journey: UUID,
    profiles: Profiles,
    closed_pipe: IO[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    form = tmp_path / "hold.json"
    form.write_text('{"reason": "Invented"}')
    words = ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--file", str(form), "--json")
    code, said = run(recorded, monkeypatch, closed_pipe, *words)
    assert code == ExitCode.FAULT
    assert "not what was done" in json.loads(said)["state"]
    assert recorded.state(journey).held


PEOPLE, SCRIPTS = (), ("--json",)


@pytest.mark.parametrize("how", [PEOPLE, SCRIPTS], ids=["for people", "for scripts"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_any_encoding_is_written(
    recorded: World, journey: UUID, encoding: str, how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding)
    monkeypatch.setattr(sys, "stdout", out)
    begin(output=True)
    code, said = run(recorded, monkeypatch, out, "pathway", "show", str(journey), *how)
    assert code == 0, said
    assert str(journey) in written.getvalue().decode(encoding)
    assert b"\x1b" not in written.getvalue()


NO_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("how", [PEOPLE, pytest.param(SCRIPTS, marks=pytest.mark.soak)])
def test_where_no_encoding_is_known_all_is_written(
    recorded: World, migrated: Database, shared_keys: SharedKeys, how: tuple[str, ...]
) -> None:
    recorded.set(keys_url=SecretStr(shared_keys.url), keyring_file=shared_keys.keyring)
    recorded.put(JOURNEY, opening())
    env = {**NO_LOCALE, "NO_COLOR": "1", "TERM": "dumb", **shared_keys.env}
    done = program("pathway", "show", str(JOURNEY), *how, **env, CAREPATH_DATABASE_URL=everything(migrated))
    assert done.returncode == 0, done.stderr
    assert str(JOURNEY) in done.stdout.decode("ascii")
    assert b"\x1b" not in done.stdout


def program(*words: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    bare = {n: v for n, v in os.environ.items() if not n.startswith(("CAREPATH_", "TEMPORAL_", "LC_", "LANG", "TZ"))}
    return subprocess.run(
        [sys.executable, "starter.py", *words],
        cwd=ROOT,
        env={**bare, "CAREPATH_PROFILE": str(LOOKER), "CAREPATH_DEMONSTRATION": "true", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.program
@pytest.mark.parametrize(
    "closed", ["<&- 2>&-", pytest.param("<&-", marks=pytest.mark.soak), pytest.param("2>&-", marks=pytest.mark.soak)]
)
def test_streams_that_are_closed_are_no_defect(closed: str) -> None:
    shell = f"{sys.executable} starter.py score GAD-7 --json {closed}"
    done = subprocess.run(shell, shell=True, cwd=ROOT, input=b"[0,0,0,0,0,0,0]\n", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"defect" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.program
@pytest.mark.parametrize(
    "words",
    [
        "score GAD-7 --json",
        "--help",
        *(pytest.param(f"score GAD-7{more}", marks=pytest.mark.soak) for more in ("", " 2>&-")),
    ],
)
def test_an_answer_into_a_closed_output_is_not_taken_for_given(words: str) -> None:
    shell = f"{sys.executable} starter.py {words} >&-"
    done = subprocess.run(shell, shell=True, cwd=ROOT, input=b"[0,0,0,0,0,0,0]\n", capture_output=True, check=False)
    assert done.returncode == 1
    assert (b"standard output is closed" in done.stderr) == ("2>&-" not in words)
    assert b"Traceback" not in done.stderr


@pytest.mark.program
def test_scores_end_with_their_reader() -> None:
    shell = f"yes '[0,0,0,0,0,0,0]' | {sys.executable} starter.py score GAD-7 --json | head -1"
    done = subprocess.run(shell, shell=True, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


def _sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(2**30)
    return path


FILES: list[tuple[str, Callable[[Path], str], str]] = [
    ("a directory", str, "Is a directory"),
    ("nothing", lambda path: str(path / "none"), "No such file"),
    ("a gigabyte", lambda path: str(_sparse(path / "large")), "larger than"),
    ("a name with NUL", lambda path: f"{path}\0", "cannot be read"),
    ("a name too long", lambda path: str(path / ("x" * 300)), "cannot be read"),
    ("endless", lambda _: "/dev/zero", "larger than"),
    ("empty", lambda _: "/dev/null", "empty"),
]


@pytest.mark.parametrize(("make", "said"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_file_that_is_no_form(
    world: World, profiles: Profiles, make: Callable[[Path], str], said: str, tmp_path: Path
) -> None:
    words = ("pathway", "hold", str(JOURNEY), "--profile", profiles[Role.COORDINATOR], "--json")
    answer = call(world, *words, "--file", make(tmp_path))
    assert answer.code == ExitCode.USAGE
    assert said in answer.error["reason"]


@pytest.mark.parametrize("make", [case[1] for case in FILES[:5]], ids=[case[0] for case in FILES[:5]])
def test_a_file_that_is_no_batch(world: World, profiles: Profiles, make: Callable[[Path], str], tmp_path: Path) -> None:
    words = ("pathway", "start", "--profile", profiles[Role.COORDINATOR], "--json", "--dry-run", "--batch")
    answer = call(world, *words, make(tmp_path))
    assert answer.code == ExitCode.USAGE


def test_rows_with_a_mark_and_windows_ends_are_read(recorded: World, profiles: Profiles, tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(row).encode() for row in rows(3)) + b"\r\n\r\n")
    words = ("pathway", "start", "--profile", profiles[Role.COORDINATOR], "--json", "--dry-run", "--batch", str(path))
    answer = call(recorded, *words)
    assert [json.loads(line)["outcome"] for line in answer.out.splitlines()] == ["valid"] * 3, answer.err
    path.write_text("\n".join(map(json.dumps, rows(1))), encoding="utf-16")
    answer = call(recorded, *words)
    assert answer.code == ExitCode.USAGE
    assert "not UTF-8" in answer.error["reason"]


def test_a_form_through_a_pipe_with_a_name(world: World, profiles: Profiles, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ("pathway", "hold", str(JOURNEY), "--profile", profiles[Role.COORDINATOR], "--json", "--file", str(pipe))
    # Nobody writes to it: Ctrl-C ends the wait.
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    answer: Answer = call(world, *words)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert answer.code == ExitCode.FAULT
    assert "interrupted" in answer.error["reason"]
