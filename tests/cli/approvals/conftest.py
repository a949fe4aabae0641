"""A clinic whose protocol two people approve."""

from pathlib import Path
from shutil import copytree

import pytest

from tests.cli.approvals.approving import CLINICIAN, DIRECTOR
from tests.cli.conftest import JOURNEY, Profiles
from tests.cli.helpers import write_profiles
from tests.cli.signers import Clinic


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the files of the clinic are that each test gets a copy of, and the key of its organisation."""
    directory = tmp_path_factory.mktemp("clinic")
    made = Clinic(directory, write_profiles(directory / "profiles", JOURNEY))
    made.signer(DIRECTOR)
    made.signer(CLINICIAN)
    made.enter_staff()
    return directory, made.public


@pytest.fixture
def clinic(enrolled: tuple[Path, str], tmp_path: Path, profiles: Profiles) -> Clinic:
    """A clinic with its staff, whose medical director and clinician have enrolled keys."""
    directory, public = enrolled
    copytree(directory, tmp_path, dirs_exist_ok=True)
    return Clinic(tmp_path, profiles, public=public)
