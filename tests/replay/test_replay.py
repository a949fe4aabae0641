"""Every recorded history replays on the current code, in whatever order Python iterates over its sets."""

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.replay import corpus
from tests.replay.clear import ClearCodec
from tests.replay.replay import replay
from tests.workflow.courses import COURSES

ROOT = Path(__file__).parents[2]
SEEDS = ("0", "1", "4242")
RELEASED: tuple[str, ...] = ()
"""Recordings of released code, under names of their own: see README.md."""


def test_every_course_is_recorded() -> None:
    assert corpus.names() == sorted((*COURSES, *RELEASED))


@pytest.mark.program
async def test_every_recorded_history_replays() -> None:
    """Each under one of the orders; beside it, a test of the core's source finds what would rest on an order."""
    first, second, *_ = SEEDS
    await asyncio.gather(replays_under(first, corpus.names()[::2]), replays_under(second, corpus.names()[1::2]))


@pytest.mark.soak
async def test_every_recorded_history_replays_in_every_order() -> None:
    await asyncio.gather(*(replays_under(seed, corpus.names()) for seed in SEEDS))


async def replays_under(seed: str, names: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.replay.replay", *names),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    assert output.decode().count(" 0 failed") == len(names)


@pytest.mark.long
async def test_a_history_that_differs_does_not_replay() -> None:
    [run] = corpus.load("in-clinic")
    activity = next(event for event in run.events if event.HasField("activity_task_scheduled_event_attributes"))
    activity.activity_task_scheduled_event_attributes.activity_type.name = "another"

    failures = await replay([run], ClearCodec())

    assert len(failures) == 1
    assert "Nondeterminism" in failures[0]


def test_recordings_name_no_machine_and_no_process() -> None:
    for name in corpus.names():
        identities = {*re.findall(r'"identity":"([^"]*)"', corpus.read(name))}
        assert {"recorder"} <= identities <= {"recorder", "history-service", ""}, name
