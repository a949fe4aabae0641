"""The commands that the book gives to ops, done as it says."""

import asyncio
import re
import shlex
import sysconfig
from pathlib import Path

from tests.faults.helpers import Course
from tests.faults.reconciliation.ground import Ground
from tests.helpers import eventually
from workflows.care_journey import workflow_id

BOOK = Path(__file__).parents[3] / "docs" / "how-to" / "when-something-is-wrong.md"


async def as_the_book_says(ground: Ground, words: str, *, journey: Course | None = None, build: str = "") -> None:
    """Run the command that the book gives for a difference, once its build is known to Temporal."""
    [line] = {line for line in re.findall(r"`(temporal [^`]*)`", BOOK.read_text()) if words in line}
    for name, value in {"BUILD": build, "journey/ID": "" if journey is None else workflow_id(journey.id)}.items():
        line = line.replace(name, value)
    await run_line(ground, line)


async def run_line(ground: Ground, line: str) -> None:
    """Run a command of Temporal's own command line, until it succeeds."""
    program, *arguments = shlex.split(line)

    async def done() -> bool:
        process = await asyncio.create_subprocess_exec(
            Path(sysconfig.get_path("scripts")) / program, *arguments, "--address", ground.stack.temporal.address
        )
        return await process.wait() == 0

    await eventually(done)
