"""What two people approve, what state that is in, and what is started on it."""

from typing import Any

from application.protocols.approvals import load_approval
from simulation.keys import staff_entry
from simulation.people import PEOPLE, STAFF
from tests.cli.helpers import Answer, referral
from tests.cli.signers import Clinic
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.signed_statement import ProtocolApproval

DIRECTOR, CLINICIAN, ON_CALL = Role.MEDICAL_DIRECTOR, Role.CLINICIAN, Role.ON_CALL_CLINICIAN


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


def refused_start(world: Clinic, code: int, *said: str, **changed: Any) -> None:
    for more in ((), ("--dry-run",)):
        answer = start(world, *more, **changed)
        assert answer.code == code
        assert all(word in answer.error["reason"] for word in said), answer.error
        assert answer.error["remedy"]
    assert world.world.received == []


def works_at(clinics: tuple[str, ...]) -> tuple[Any, ...]:
    """The invented staff, of whom the medical director works only at these clinics."""
    return _with_director(clinics=clinics)


def licensed_in(states: tuple[str, ...]) -> tuple[Any, ...]:
    """The invented staff, of whom the medical director is licensed only in these states."""
    known = PEOPLE[DIRECTOR].licence
    assert known is not None
    return _with_director(licence=known.model_copy(update={"states": states}))


def _with_director(**changed: Any) -> tuple[Any, ...]:
    entries = [staff_entry(person) for person in STAFF]
    return tuple(
        each.model_copy(update={"member": each.member.model_copy(update=changed)})
        if each.member.role == DIRECTOR
        else each
        for each in entries
    )
