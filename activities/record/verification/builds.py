"""Has another build decide again what it decided itself.

A build is a program that speaks lines of JSON: first it says which rules it has, then it reads a journey a line, and
answers each with a line. This module is that program as well (`python -m activities.record.verification.builds`). It
needs neither the database nor any key, and is given neither. What it is asked is about patients, and in clear.
"""

import asyncio
import os
import shlex
import signal
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import from_json, to_json

from activities.private_files import NotPrivate, read_private
from activities.record.command_codec import decided_by
from activities.record.stored import StoredCommand, StoredEvent
from activities.record.verification.derivation import Divergence, derive_again, readable_event, said_by
from workflows.journey.decided import DecidedBy
from workflows.journey.views.notices import Notice, notices

log = structlog.get_logger("builds")

FILE_LIMIT = 64 * 1024
"""How long the list of builds may be, in bytes."""
LINE = 256 * 1024 * 1024
"""How long a line may be, in bytes: a whole journey."""
GREETED = timedelta(minutes=1)
ANSWERED = timedelta(minutes=10)
AT_ONCE = 4
"""For how many journeys builds are asked at the same time: each asks a program of its own."""
QUICK = timedelta(seconds=20)
"""What takes longer for one journey goes on alone, and leaves its place to the others."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR")
"""What of its environment this process hands on: no setting of the service is among it."""


class BuildError(Exception):
    """A build does not start, or does not say what can be read. Nothing was decided again by it."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Greeting(_Said):
    """Which rules a build has."""

    protocol: Literal["care-pathway/build/1"]
    core: str
    zones: str


def _none_if_other(said: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(said)
    except ValidationError:
        return None


class BuildAnswer(_Said):
    """How many events of a journey a build has derived, of those that it decided, and at which position and version of
    the journey something else is recorded. ``notices`` are those that its rules tell of each event, by version; None
    where it says nothing of them, or in another way: it may be older or newer than this."""

    derived: int
    faults: tuple[tuple[int, int], ...]
    notices: Annotated[dict[int, tuple[Notice, ...]] | None, WrapValidator(_none_if_other)] = None


class ByBuild(NamedTuple):
    """How many events of a journey a build has derived, of those that it decided; what differs; and the notices that
    its rules tell of them, by version, as far as it says."""

    derived: int
    faults: tuple[Divergence, ...]
    tells: Mapping[int, tuple[Notice, ...]]


class Build:
    """A build that runs, and ``by`` which rules it decides. Made by `open_build`."""

    def __init__(self, process: asyncio.subprocess.Process, by: DecidedBy) -> None:
        self._process, self.by = process, by

    async def derive(self, history: Sequence[StoredEvent], commands: Sequence[StoredCommand]) -> ByBuild:
        """Have this build derive the events of a journey that it decided.

        Raises:
            BuildError: it does not answer.
        """
        asked = {
            "history": [event.model_dump() for event in history],
            "commands": [command.model_dump() for command in commands],
        }
        answer = await _ask(self._process, to_json(asked, bytes_mode="base64") + b"\n", ANSWERED)
        try:
            read = BuildAnswer.model_validate_json(answer)
        except ValueError:
            raise BuildError("it answers what cannot be read") from None
        faults = tuple(Divergence(position, version, "not_derived") for position, version in read.faults)
        decided = [each for each in commands if said_by(each) == self.by]
        theirs = {version for each in decided for version in range(each.version, each.version + each.events)}
        tells = {} if read.notices is None else {version: read.notices.get(version, ()) for version in theirs}
        return ByBuild(read.derived, faults, tells)


@asynccontextmanager
async def open_build(command: str) -> AsyncIterator[Build]:
    """Start a build by its command line, and end it.

    Raises:
        BuildError: it does not start, or is none.
    """
    try:
        words = shlex.split(command)
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            limit=LINE,
            process_group=0,
        )
    except (OSError, ValueError, TypeError):
        raise BuildError("it does not start") from None
    try:
        try:
            said = Greeting.model_validate_json(await _ask(process, b"", GREETED))
        except ValueError:
            raise BuildError("it is no build that can be asked") from None
        yield Build(process, DecidedBy(core=said.core, zones=said.zones))
    except BaseException:
        _kill(process)  # Whoever gave it up does not wait for it.
        raise
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a program with all that it started: a shell that stands before it ends alone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class Builds:
    """The builds that ran before, by a file with a command line on each line. It is read when one is needed, so that
    one can be added at any time. Without a file there are none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._rules: dict[str, DecidedBy] = {}
        self._places, self._slow_turn = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
        self._slow: set[UUID] = set()

    async def derive(
        self, history: Sequence[StoredEvent], commands: Sequence[StoredCommand]
    ) -> Mapping[DecidedBy, int]:
        """Return how many events of a journey each build has derived, of those that it decided: of other rules than
        those at hand, and none of rules by which something else comes out. What is not said here is not derived."""
        others = {said_by(each) for each in commands} - {decided_by(), None}
        if not others:
            return {}
        journey_id = commands[0].journey_id
        if journey_id not in self._slow:
            try:
                async with self._places, asyncio.timeout(QUICK.total_seconds()):
                    return await self._ask(history, commands, others)
            except TimeoutError:
                self._slow.add(journey_id)
        # No journey with which a build is slow, or does not come to an end, holds up any but those like it.
        async with self._slow_turn:
            began = monotonic()
            found = await self._ask(history, commands, others)
            if monotonic() - began < QUICK.total_seconds():
                self._slow.discard(journey_id)
            return found

    async def _ask(
        self, history: Sequence[StoredEvent], commands: Sequence[StoredCommand], others: Set[DecidedBy | None]
    ) -> Mapping[DecidedBy, int]:
        found, left = Counter[DecidedBy](), set(others)
        # First those that are known to have the rules: one that says nothing keeps nobody from them.
        for number, command in sorted(
            enumerate(self.listed(), 1), key=lambda each: self._rules.get(each[1]) not in others
        ):
            known = self._rules.get(command)
            if not left or (known is not None and known not in left):
                continue
            try:
                async with open_build(command) as build:
                    self._rules[command] = build.by
                    if build.by in left:
                        left.discard(build.by)
                        by_build = await build.derive(history, commands)
                        found[build.by] = 0 if by_build.faults else by_build.derived
            except BuildError as problem:
                log.error("build.unusable", number=number, error=type(problem).__name__)
        return found

    def listed(self) -> list[str]:
        """Return their command lines."""
        if self._file is None:
            return []
        try:
            said = read_private(self._file, FILE_LIMIT).decode()
        except (OSError, NotPrivate, ValueError) as problem:
            log.error("builds.unreadable", error=type(problem).__name__)
            return []
        return [line for each in said.splitlines() if (line := each.strip()) and not line.startswith("#")]


async def _ask(process: asyncio.subprocess.Process, line: bytes, within: timedelta) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(within.total_seconds()):
            process.stdin.write(line)
            await process.stdin.drain()
            said = await process.stdout.readline()
    except (OSError, ValueError, TimeoutError):
        raise BuildError("it does not answer") from None
    if not said:
        raise BuildError("it has ended")
    return said


def _read(asked: bytes) -> tuple[list[StoredEvent], list[StoredCommand]]:
    said = from_json(asked)
    return [StoredEvent.model_validate(_bytes(StoredEvent, each)) for each in said["history"]], [
        StoredCommand.model_validate(_bytes(StoredCommand, each)) for each in said["commands"]
    ]


def _bytes(model: type[BaseModel], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a model has; a newer build may say more."""
    fields = model.model_fields
    return {
        name: b64decode(value, altchars=b"-_") if fields[name].annotation is bytes else value
        for name, value in said.items()
        if name in fields
    }


def main() -> None:
    """Be a build: say which rules these are, and answer until nothing more is asked."""
    by = decided_by()
    out = sys.stdout.buffer
    out.write(to_json(Greeting(protocol="care-pathway/build/1", core=by.core, zones=by.zones)) + b"\n")
    out.flush()
    for line in sys.stdin.buffer:
        history, commands = _read(line)
        found = derive_again(history, commands, by=by)
        faults = tuple((each.position, each.version) for each in found.faults if each.reason == "not_derived")
        told = {row.version: notices(event) for row in history if (event := readable_event(row)) is not None}
        answer = BuildAnswer(
            derived=found.derived, faults=faults, notices={at: each for at, each in told.items() if each}
        )
        out.write(to_json(answer) + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
