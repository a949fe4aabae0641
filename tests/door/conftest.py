"""A door in memory, the profiles of invented people, and a journey that has been started."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.door.helpers import Memory, call, referral, write_profiles
from workflows.journey.people import Role

Profiles = dict[Role, str]


@pytest.fixture
def services() -> Memory:
    return Memory()


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return write_profiles(tmp_path / "profiles")


@pytest.fixture
def journey(services: Memory, profiles: Profiles) -> UUID:
    started = call(
        services, "pathway", "start", "-", "--profile", profiles[Role.COORDINATOR], "--json", given=referral()
    )
    assert started.code == 0, started.err
    return UUID(started.json["journey_id"])
