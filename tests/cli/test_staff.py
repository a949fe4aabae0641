"""The staff and the rota in the register, from the command line."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from simulation.people import CLINIC, PEOPLE
from tests.cli.conftest import Profiles
from tests.cli.helpers import START, Answer, World, call
from tests.cli.signers import BY, OFFLINE, Clinic
from workflows.journey.vocabulary.actors import Role


@pytest.fixture
def clinic(tmp_path: Path, profiles: Profiles) -> Clinic:
    return Clinic(tmp_path, profiles)


def member(role: Role, **changed: Any) -> dict[str, Any]:
    person = PEOPLE[role]
    known = person.model_dump(mode="json", include={"id", "role", "licence"}, exclude_none=True)
    entry = {**known, "clinics": [CLINIC], "since": (START - timedelta(days=9)).isoformat(), **changed}
    return {"member": entry, "printed_name": person.name}


STAFF = [member(role) for role in (Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR, Role.COORDINATOR)]


def shift(begins: int, ends: int) -> dict[str, Any]:
    return {
        "clinic": CLINIC,
        "person": PEOPLE[Role.ON_CALL_CLINICIAN].id,
        "stands_in": PEOPLE[Role.MEDICAL_DIRECTOR].id,
        "begins": (START + timedelta(hours=begins)).isoformat(),
        "ends": (START + timedelta(hours=ends)).isoformat(),
    }


def enter(clinic: Clinic, *by: str, **entries: Any) -> Answer:
    words = ("clinician", "enter", "-", *(by or BY), "--organisation-key", str(clinic.key), "--yes", "--json")
    return clinic.world.call(*words, answers=(OFFLINE,), given=entries)


@pytest.mark.requirement("A64")
def test_staff_and_shifts_are_entered_by_two_and_listed(clinic: Clinic) -> None:
    entered = enter(clinic, clinics=[CLINIC], staff=STAFF, rota=[shift(-1, 24 * 8)])
    assert entered.code == 0, entered.err
    listed = clinic.world.call("clinician", "staff", "--json").json
    assert [entry["member"]["id"] for entry in listed["staff"]] == [entry["member"]["id"] for entry in STAFF]
    assert clinic.world.call("clinician", "staff").code == 0
    checked = clinic.world.call("clinician", "check")
    assert checked.code == 0
    assert "(demo-on-call-clinician); Dira Invented, MD (demo-medical-director) stands in" in checked.out
    assert clinic.world.call("clinician", "check", "--days", "30").code == 5


def test_a_gap_is_found_and_somebody_is_paged_all_the_same(clinic: Clinic) -> None:
    assert enter(clinic, clinics=[CLINIC], staff=STAFF, rota=[shift(2, 24 * 8)]).code == 0
    found = clinic.world.call("clinician", "check", "--json")
    assert found.code == 5
    [roster] = found.json
    assert (roster["gap_now"], roster["people"]) == (True, ["demo-medical-director"])
    assert len(roster["gaps"]) == 1


@pytest.mark.parametrize(
    ("by", "entries", "code"),
    [
        (("--by", "a"), {}, 4),
        (("--by", "a", "--by", "a"), {}, 4),
        (("--by", "a", "--by", "demo-coordinator"), {"clinics": [CLINIC], "staff": STAFF}, 4),
        (BY, {"staff": STAFF}, 5),
        (BY, {"clinics": [CLINIC], "staff": [*STAFF, member(Role.ON_CALL_CLINICIAN, id="twin")]}, 5),
        (BY, {"clinics": [CLINIC], "staff": [member(Role.CLINICIAN, licence=None)]}, 2),
    ],
    ids=["one", "one twice", "themselves", "of no clinic", "one licence for two", "a clinician without a licence"],
)
def test_what_is_not_entered(clinic: Clinic, by: tuple[str, ...], entries: dict[str, Any], code: int) -> None:
    words = ("clinician", "enter", "-", *by, "--organisation-key", str(clinic.key), "--yes", "--json")
    answer = clinic.world.call(*words, answers=(OFFLINE,) if code == 5 else (), given=entries)
    assert answer.code == code, answer.err
    assert clinic.world.call("clinician", "staff", "--json").json["staff"] == []


def test_an_entry_ends(clinic: Clinic) -> None:
    assert enter(clinic, clinics=[CLINIC], staff=STAFF).code == 0
    words = ("clinician", "end", "demo-coordinator", "coordinator", "--organisation-key", str(clinic.key), "--yes")
    assert clinic.world.call(*words, answers=(OFFLINE,)).code == 0
    ended = clinic.world.call("clinician", "staff", "--json").json["staff"][-1]["member"]
    assert ended["until"] is not None


def test_a_journey_is_not_handed_to_somebody_nobody_knows(recorded: World, journey: Any, profiles: Profiles) -> None:
    words = ("pathway", "reassign", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")
    given = {"duty": "clinician", "to": "somebody", "reason": "Invented: on leave"}
    answer = call(recorded, *words, given=given)
    assert answer.code == 4
    assert "not entered in the register" in answer.error["reason"]
    assert call(recorded, *words, given=given | {"to": "demo-clinician-2"}).code == 0


@pytest.mark.parametrize(
    ("what", "given", "field"),
    [
        ("pathway reassign", {"duty": "coordinator", "to": "demo-coordinater", "reason": "Invented"}, "to"),
        ("pathway reassign", {"duty": "evaluator", "to": "Demo-Clinician", "reason": "Invented"}, "to"),
        ("pathway cover", {"by": "demo-clincian", "until": "2026-03-09T09:00:00-08:00", "reason": "Invented"}, "by"),
    ],
)
def test_a_part_goes_to_nobody_who_is_not_known(
    recorded: World, journey: Any, profiles: Profiles, what: str, given: dict[str, Any], field: str
) -> None:
    answer = call(recorded, *what.split(), str(journey), "--profile", profiles[Role.COORDINATOR], "--json", given=given)
    assert answer.code == 4
    assert "it has demo-c" in answer.fields[field]


@pytest.mark.parametrize("who", ["nobody", "demo-coordinator", "DEMO-CLINICIAN", "demo-session-monitor"])
def test_nobody_is_on_call_who_is_no_clinician_of_the_clinic(clinic: Clinic, who: str) -> None:
    for changed in ({"person": who}, {"stands_in": who}):
        answer = enter(clinic, clinics=[CLINIC], staff=STAFF, rota=[shift(-1, 24) | changed])
        assert answer.code == 5, answer.err
        assert "not entered as a clinician" in answer.err


def test_the_worklist_says_who_is_on_call(recorded: World, profiles: Profiles) -> None:
    shown = call(recorded, "work", "list", "--profile", profiles[Role.COORDINATOR], "--json")
    assert shown.code == 0, shown.err
    on_call = {roster["clinic"]: roster for roster in shown.json["on_call"]}[CLINIC]
    assert (on_call["people"], on_call["gaps"]) == (["demo-on-call-clinician", "demo-medical-director"], [])
    assert json.dumps(on_call)


@pytest.mark.parametrize("content", [None, b"", b'{"register": {'], ids=["away", "empty", "half-written"])
def test_without_the_register_the_worklist_is_shown_all_the_same(
    recorded: World, profiles: Profiles, tmp_path: Path, content: bytes | None
) -> None:
    recorded.set(register_file=tmp_path / "register.json")
    if content is not None:
        (tmp_path / "register.json").write_bytes(content)
    words = ("work", "list", "--profile", profiles[Role.COORDINATOR])
    assert call(recorded, *words, "--json").json["on_call"] is None
    assert "Who is on call is not known" in call(recorded, *words).err


@pytest.mark.parametrize(
    "staff", [[member(Role.CLINICIAN), member(Role.COORDINATOR)], [*STAFF, member(Role.CLINICIAN)]]
)
def test_a_protocol_is_checked_against_the_staff_there_are(clinic: Clinic, staff: list[dict[str, Any]]) -> None:
    """One clinician alone cannot release a severe hold, nor review their own look."""
    assert enter(clinic, clinics=[CLINIC], staff=staff).code == 0
    checked = clinic.world.call("protocol", "check", str(clinic.protocol), "--json")
    if len(staff) == 2:
        assert checked.code == 2
        assert "sign_offs.severe_hold_release" in checked.fields
    else:
        assert checked.code == 0, checked.err
