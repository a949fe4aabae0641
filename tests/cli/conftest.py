"""A world to act in, the profiles of invented people, and a journey that has been started."""

from functools import cache
from pathlib import Path
from shutil import copy
from uuid import UUID

import pytest

from deploy.local.postgres import Database
from simulation import people
from simulation.keys import Signers
from tests.cli.helpers import START, World, invented, write_profiles
from workflows.journey.actors import Role
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.refusals import Refusal
from workflows.protocols.demonstration import load_demonstration

Profiles = dict[Role, str]

JOURNEY = UUID("6a0a1c8e-3f5e-4b7c-9d5a-000000000001")


@cache
def opening() -> tuple[Event, ...]:
    """How a demonstration journey opens. Reading a protocol file takes longer than most tests here."""
    decided = decide(None, people.referral(load_demonstration("PTSD"), JOURNEY), START)
    assert not isinstance(decided, Refusal)
    return decided


@pytest.fixture
def world() -> World:
    """A world without a database: what asks for one is told that it cannot be reached."""
    return World()


@pytest.fixture
def recorded(world: World, migrated: Database) -> World:
    """The same world with an empty record."""
    world.use(migrated)
    return world


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return write_profiles(tmp_path / "profiles", JOURNEY)


@pytest.fixture
def keys(profiles: Profiles) -> Signers:
    """A key beside the profile of each invented clinician."""
    for path in invented().register_path.parent.glob("*.key"):
        copy(path, Path(profiles[Role.CLINICIAN]).parent)
    return invented()


@pytest.fixture
def journey(recorded: World) -> UUID:
    """A journey that has begun, in the record of this world."""
    recorded.put(JOURNEY, opening())
    return JOURNEY
