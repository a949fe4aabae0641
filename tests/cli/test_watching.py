"""The live worklist: it changes with what people do, stays when the record cannot be reached, and ends with Ctrl-C."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console, Group, RenderableType
from rich.text import Text

from activities.record import RecordUnavailable
from activities.record.read_models import WorklistFilter, claim, release, worklist
from application.reading.freshness import TrueUpTo
from application.work.references import ListedPatient
from application.work.worklist import WorkPage
from cli.output import Fitted
from cli.watch import View, follow
from cli.work import view_of
from deploy.local.postgres import Database
from tests.cli.clinics import Clinics
from tests.cli.helpers import LOOKER
from tests.fixtures.everything import everything
from tests.fixtures.keys import SharedKeys

ROOT = Path(__file__).parents[2]


class Enough(Exception):
    """A test has seen what it came for."""


async def seen(clinics: Clinics, looks: list[Callable[[], object] | Exception]) -> list[str]:
    """What is shown, one text for each look: the first, and one after each step, or while the record is away."""

    async def look() -> View:
        if not looks:
            raise Enough
        step = looks.pop(0)
        if isinstance(step, Exception):
            raise step
        step()
        return await view()

    async def view() -> View:
        answer = await worklist(clinics.record, WorklistFilter(journey_id=clinics.held))
        page = WorkPage(answer, TrueUpTo(answer.position, answer.position, 0), clinics.world.at)
        return view_of(page, {clinics.held: ListedPatient("their-reference", "America/Los_Angeles")})

    texts: list[str] = []

    def show(shown: RenderableType) -> None:
        console = Console(width=160)
        with console.capture() as captured:
            console.print(shown)
        texts.append(captured.get())

    with pytest.raises(Enough):
        await follow(show, look, "Of everybody.", await view(), every=0.001)
    return texts


async def test_what_changes_is_shown(clinics: Clinics) -> None:
    obligation = clinics.awaited(lambda journey, _: journey.held)[0][1]

    def later() -> None:
        clinics.world.at += timedelta(days=100)

    assert await claim(clinics.record, clinics.held, obligation, "demo-coordinator")
    first, aged = await seen(clinics, [later])
    assert "claimed by demo-coordinator" in first
    assert "their-reference" in first
    # Held work comes first, and its first row has waited the longest.
    overdue = clinics.world.at - clinics.journeys[clinics.held].waiting[obligation].deadline
    assert overdue.days >= 100
    assert f"overdue by {overdue.days} days" in aged
    assert f"overdue by {overdue.days} days" not in first
    assert "ILLUSTRATIVE" in first
    assert await release(clinics.record, clinics.held, obligation, "demo-coordinator")
    [freed] = await seen(clinics, [])
    assert "claimed" not in freed


async def test_an_outage_is_told_and_waited_out(clinics: Clinics) -> None:
    first, away, still, back = await seen(
        clinics, [RecordUnavailable("08006"), RecordUnavailable("57P01"), lambda: None]
    )
    assert "cannot be reached" not in first + back
    assert "cannot be reached (08006)" in away
    assert "cannot be reached (57P01)" in still
    assert all(str(clinics.held) in text for text in (first, away, still, back))


@pytest.mark.parametrize(("lines", "fits"), [(9, True), (10, True), (11, False), (50, False)])
def test_what_does_not_fit_is_said(lines: int, fits: bool) -> None:
    console = Console(width=80, height=10, force_terminal=True, color_system=None)
    whole = Group(*(Text(f"line {n}") for n in range(lines)))
    with console.capture() as captured:
        console.print(Fitted(whole))
    shown = captured.get().splitlines()
    assert len(shown) == min(lines, 10)
    assert shown[0] == "line 0"
    assert ("there is more" in shown[-1]) == (not fits)


class Terminal:
    """A terminal with the command line in it, 200 wide and 60 high."""

    def __init__(self, *words: str, **env: str) -> None:
        bare = {n: v for n, v in os.environ.items() if not n.startswith(("CAREPATH_", "TEMPORAL_", "COLUMNS"))}
        self.shown = ""
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, "starter.py", *words], bare | env | {"TERM": "xterm"})
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 65536).decode(errors="replace")
        except OSError:
            return ""

    async def until(self, text: str) -> None:
        """Read until something is shown that was not there yet."""
        fresh = ""
        async with asyncio.timeout(90):
            while text not in fresh:
                heard = await asyncio.to_thread(self._read)
                assert heard, f"it ended: {self.shown}"
                fresh += heard
                self.shown += heard

    async def interrupted(self) -> int:
        """Press Ctrl-C; the exit code."""
        os.write(self._terminal, b"\x03")
        async with asyncio.timeout(90):
            while heard := await asyncio.to_thread(self._read):
                self.shown += heard
        _, status = await asyncio.to_thread(os.waitpid, self._process, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


async def test_at_a_terminal(clinics: Clinics, migrated: Database, shared_keys: SharedKeys) -> None:
    there = {**shared_keys.env, "CAREPATH_DATABASE_URL": everything(migrated), "CAREPATH_DEMONSTRATION": "true"}
    terminal = Terminal("work", "list", "--all", "--watch", **there, CAREPATH_PROFILE=str(LOOKER))
    await terminal.until(str(clinics.held))
    obligation = clinics.awaited(lambda journey, _: journey.held)[0][1]
    assert await claim(clinics.record, clinics.held, obligation, "demo-coordinator")
    await terminal.until("claimed by demo-coordinator")
    assert await terminal.interrupted() == 0
    # The screen from before is back, and nothing is said about an error.
    assert "\x1b[?1049h" in terminal.shown
    assert terminal.shown.rstrip().endswith(("\x1b[?1049l", "\x1b[?25h"))
    assert "interrupted" not in terminal.shown
