"""Whoever writes, projects, rebuilds and dies, in any interleaving: everything is there once, in order, and shown."""

from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from deploy.local.postgres import Database
from tests.examples import examples
from tests.record.at_least_once import (
    JOURNEYS,
    Command,
    Fate,
    Projector,
    Script,
    Turn,
    claiming,
    play,
    projecting,
    rebuilding,
    take_turns,
)

FATES: tuple[Fate, ...] = ("answered", "uncommitted", "unanswered", "cancelled", "blind")

commands = st.builds(
    Command,
    journey=st.integers(0, JOURNEYS - 1),
    size=st.integers(1, 4),
    fate=st.sampled_from(FATES),
    at_once=st.integers(1, 3),
    later=st.integers(0, 2),
    poison=st.sampled_from((False, False, False, False, True)),
)
projectors = st.builds(Projector, limit=st.integers(1, 9), killed=st.lists(st.integers(1, 12), max_size=4).map(tuple))
scripts = st.builds(
    Script,
    writers=st.lists(st.lists(commands, min_size=1, max_size=5), min_size=1, max_size=4),
    projectors=st.lists(projectors, min_size=1, max_size=2),
    rebuilds=st.lists(st.integers(0, 20), max_size=2),
)


@pytest.mark.timeout(300)
@examples(0.25, HealthCheck.function_scoped_fixture)
@given(script=scripts)
async def test_whatever_happens_at_once(migrated: Database, script: Script) -> None:
    await play(migrated, script)


@pytest.mark.parametrize(
    "turn",
    [
        claiming,
        projecting,
        pytest.param(partial(rebuilding, step=3), id="rebuilding"),
        pytest.param(rebuilding, id="rebuilding, at each statement", marks=pytest.mark.soak),
    ],
)
async def test_whatever_happens_in_between(migrated: Database, turn: Turn) -> None:
    await take_turns(migrated, turn)
