"""A world to act in, the profiles of invented people, and a journey that has been started."""

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from shutil import copy
from uuid import UUID

import pytest
import pytest_asyncio

from deploy.local.postgres import Database, Postgres
from simulation import people
from simulation.keys import Signers
from tests.cli.helpers import START, World, append, invented, write_profiles
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
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


@pytest_asyncio.fixture(scope="session")
async def begun(postgres: Postgres) -> AsyncIterator[Database]:
    """A record of one journey that has begun."""
    database = await postgres.fresh_database(template=postgres.database)
    async with open_clear(everything(database)) as record:
        await append(record, JOURNEY, opening())
    # Nobody may be connected to what is copied.
    yield database
    await postgres.drop_database(database)


@pytest.fixture
def template(request: pytest.FixtureRequest, template: Database) -> Database:
    """The database of a test that asks for the journey is a copy of one that has it."""
    return request.getfixturevalue("begun") if "journey" in request.fixturenames else template


@pytest.fixture
def journey(recorded: World) -> UUID:
    """A journey that has begun, in the record of this world."""
    return JOURNEY
