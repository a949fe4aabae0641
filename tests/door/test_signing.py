"""Signing at the door: what is shown is what is bound, by whom the profile says, with the protocol's meaning."""

import json
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from deploy.people import PEOPLE, next_move
from door import signing
from tests.door.conftest import Profiles
from tests.door.helpers import Memory, call
from workflows.journey.commands import Command, Sign
from workflows.journey.decide import decide
from workflows.journey.model import digest
from workflows.journey.people import Role
from workflows.journey.refusals import Refusal

WHY = {"rationale": "Invented: weighed case by case"}
ANOTHER_ID = "6a0a1c8e-3f5e-4b7c-9d5a-222222222222"


def until_asked(services: Memory, journey: UUID, sign_off: str) -> str:
    """Play the journey, past the door, until this is to be signed; the request's id."""
    for _ in range(60):
        state = services.books.state(journey)
        move = next_move(state, services.at)
        if isinstance(move, datetime):
            services.at = move
            continue
        assert isinstance(move, Command)
        if isinstance(move.body, Sign):
            asked = state.waiting[move.body.request]
            if asked.sign_off == sign_off:
                return asked.id
        decided = decide(state, move, services.at)
        assert not isinstance(decided, Refusal)
        services.books.journeys[journey].extend(decided)
    raise AssertionError("it was never asked for")


@pytest.fixture
def request_id(services: Memory, journey: UUID) -> str:
    return until_asked(services, journey, "eligibility")


@pytest.fixture
def clinician(profiles: Profiles) -> tuple[str, str]:
    return ("--profile", profiles[Role.CLINICIAN])


def test_list_and_show(services: Memory, journey: UUID, request_id: str, profiles: Profiles) -> None:
    for of in ((str(journey),), ()):
        [listed] = call(services, "signoff", "list", *of, "--json").json
        assert listed["request"] == request_id
        assert listed["journey_id"] == str(journey)
    for role, count in ((Role.MEDICAL_DIRECTOR, 1), (Role.COORDINATOR, 0)):
        mine = call(services, "signoff", "list", "--mine", "--profile", profiles[role], "--json").json
        assert len(mine) == count
    shown = call(services, "signoff", "show", str(journey), request_id, "--json").json
    assert digest(shown["evidence"]) == shown["evidence_hash"]
    assert shown["evidence_hash"].startswith(shown["short_code"].replace("-", ""))
    assert shown["choices"] == ["at_home", "in_clinic", "neither"]
    assert shown["meaning"] == "setting_decided"
    people = call(services, "signoff", "show", str(journey), request_id)
    assert "ILLUSTRATIVE" in people.out
    printed = people.out[people.out.index("\n{") : people.out.rindex("}") + 1]
    assert digest(json.loads(printed)) == shown["evidence_hash"]


def test_a_signature_binds_what_was_shown(
    services: Memory, journey: UUID, request_id: str, clinician: tuple[str, str]
) -> None:
    shown = call(services, "signoff", "show", str(journey), request_id, "--json").json
    words = ("signoff", "approve", str(journey), request_id, "--choice", "at_home", "--evidence", shown["short_code"])
    answer = call(services, *words, *clinician, given=WHY)
    assert answer.code == 0, answer.err
    assert shown["evidence_hash"] in answer.out
    [command] = services.received
    person = PEOPLE[Role.CLINICIAN]
    assert command.actor == person
    assert command.body == Sign(
        request=request_id,
        decision="approve",
        meaning="setting_decided",
        evidence=shown["evidence_hash"],
        choice="at_home",
        rationale=WHY["rationale"],
    )
    [*_, signed] = services.books.state(journey).sign_offs
    assert (signed.by, signed.name, signed.meaning) == (person.id, person.name, "setting_decided")


@pytest.mark.parametrize(
    ("form", "more", "code", "field"),
    [
        (WHY, (), 5, "choice"),
        (WHY | {"choice": "moon"}, (), 5, "choice"),
        ({"choice": "at_home"}, (), 5, "rationale"),
        (WHY | {"choice": "in_clinic"}, (), 5, "referral"),
        (WHY | {"choice": "at_home"}, ("--choice", "neither"), 2, "choice"),
        (WHY | {"meaning": "setting_decided"}, (), 2, "meaning"),
        (WHY | {"signer": "demo-clinician"}, (), 2, "signer"),
        (WHY | {"choice": 7}, (), 2, "choice"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    services: Memory,
    journey: UUID,
    request_id: str,
    clinician: tuple[str, str],
    form: dict[str, object],
    more: tuple[str, ...],
    code: int,
    field: str,
) -> None:
    answer = call(services, "signoff", "approve", str(journey), request_id, *more, *clinician, "--json", given=form)
    assert answer.code == code
    assert field in answer.fields


def test_other_evidence_than_read(services: Memory, journey: UUID, request_id: str, clinician: tuple[str, str]) -> None:
    words = ("signoff", "approve", str(journey), request_id, "--evidence", "0" * 64, *clinician, "--json")
    answer = call(services, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 5
    assert services.received == []


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PATIENT, Role.OPS, Role.ON_CALL_CLINICIAN])
def test_only_who_the_protocol_names(
    services: Memory, journey: UUID, request_id: str, profiles: Profiles, role: Role
) -> None:
    words = ("signoff", "approve", str(journey), request_id, "--profile", profiles[role], "--json")
    answer = call(services, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 4
    assert "clinician" in answer.error["remedy"]
    assert services.received == []


@pytest.mark.parametrize("decision", ["decline", "return"])
def test_declining_and_returning(
    services: Memory, journey: UUID, request_id: str, clinician: tuple[str, str], decision: str
) -> None:
    words = ("signoff", decision, str(journey), request_id, *clinician, "--json")
    assert call(services, *words).code == 5
    form = WHY | ({"referral": "Invented: the clinic downtown"} if decision == "decline" else {})
    assert call(services, *words, given=form).code == 0
    assert services.books.state(journey).sign_offs[-1].decision == decision


def test_decided_superseded_and_unknown_requests(
    services: Memory, journey: UUID, request_id: str, clinician: tuple[str, str]
) -> None:
    unknown = call(services, "signoff", "show", str(journey), "plan:000000000000", "--json")
    assert unknown.code == 3
    superseded = call(services, "signoff", "show", str(journey), "eligibility:000000000000", "--json")
    assert superseded.code == 5
    assert request_id in superseded.error["remedy"]
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--json")
    once = (*words, "--command-id", ANOTHER_ID)
    assert call(services, *once, given=WHY | {"choice": "at_home"}).code == 0
    assert call(services, *words, given=WHY | {"choice": "at_home"}).code == 5
    again = call(services, *once, given=WHY | {"choice": "at_home"})
    assert (again.code, again.json["outcome"]) == (0, "recorded")
    reused = call(services, "signoff", "decline", *words[2:], "--command-id", ANOTHER_ID, given=WHY)
    assert reused.code == 5
    assert len(services.received) == 1


@pytest.mark.parametrize(("said", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_person_at_a_terminal_is_asked(
    services: Memory,
    journey: UUID,
    request_id: str,
    clinician: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    code: int,
) -> None:
    monkeypatch.setattr(signing, "_at_terminal", lambda: True)
    form = tmp_path / "form.json"
    form.write_text("{}")
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--file", str(form))
    answers = ("at_home", "Invented: weighed case by case", said)
    answer = call(services, *words, raw="\n".join(answers).encode())
    assert answer.code == code
    assert "setting_decided" in answer.out
    assert "Clio Invented, MD (clinician) signs: approve" in answer.err
    assert bool(services.received) == (code == 0)
    quick = call(services, *words, "--yes", "--choice", "at_home")
    assert quick.code == 5
    assert "Sign?" not in quick.err


def test_a_dry_run_signs_nothing(services: Memory, journey: UUID, request_id: str, clinician: tuple[str, str]) -> None:
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--dry-run", "--json")
    answer = call(services, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 0
    assert answer.json["events"][0]["kind"] == "signoff.signed"
    assert call(services, *words, given=WHY).code == 5
    assert services.received == []
