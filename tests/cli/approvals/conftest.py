"""A clinic whose protocol two people approve."""

from pathlib import Path

import pytest

from tests.cli.approvals.approving import CLINICIAN, DIRECTOR
from tests.cli.conftest import Profiles
from tests.cli.signers import Clinic


@pytest.fixture
def clinic(tmp_path: Path, profiles: Profiles) -> Clinic:
    """A clinic with its staff, whose medical director and clinician have enrolled keys."""
    made = Clinic(tmp_path, profiles)
    made.signer(DIRECTOR)
    made.signer(CLINICIAN)
    made.enter_staff()
    return made
