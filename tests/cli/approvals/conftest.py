"""A clinic whose protocol two people approve, and what is started on it."""

from pathlib import Path
from typing import Any

import pytest

from application.protocols.approvals import load_approval
from tests.cli.conftest import Profiles
from tests.cli.helpers import Answer, referral
from tests.cli.signers import Clinic
from workflows.journey.actors import Role
from workflows.journey.signed_statement import ProtocolApproval

DIRECTOR, CLINICIAN, ON_CALL = Role.MEDICAL_DIRECTOR, Role.CLINICIAN, Role.ON_CALL_CLINICIAN


@pytest.fixture
def clinic(tmp_path: Path, profiles: Profiles) -> Clinic:
    """A clinic with its staff, whose medical director and clinician have enrolled keys."""
    made = Clinic(tmp_path, profiles)
    made.signer(DIRECTOR)
    made.signer(CLINICIAN)
    made.enter_staff()
    return made


def approval(clinic: Clinic) -> ProtocolApproval:
    found = load_approval(clinic.protocol)
    assert found is not None
    return found


def approved(clinic: Clinic, *more: str) -> None:
    for role in (DIRECTOR, CLINICIAN):
        answer = clinic.approve(role, *more)
        assert answer.code == 0, answer.err


def state(clinic: Clinic) -> str:
    shown = clinic.world.call("protocol", "show", "ours", "--json").json["approval"]["state"]
    [listed] = clinic.world.call("protocol", "list", "--json").json
    checked = clinic.world.call("protocol", "check", str(clinic.protocol), "--json").json
    assert shown == listed["approval"]["state"] == checked["approval"]["state"]
    assert isinstance(shown, str)
    return shown


def start(world: Clinic, *more: str, **changed: Any) -> Answer:
    given = referral(**{"protocol": "ours", **changed})
    coordinator = world.profile(Role.COORDINATOR)
    return world.world.call("pathway", "start", "-", *coordinator, "--json", *more, given=given)
