"""`protocol approve`: two people's own signatures under exactly one text."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.signatures.signer_registry import SignerEntry
from application.words.codes import say
from simulation.people import CLINIC, ORGANISATION, PEOPLE, SECOND_CLINIC
from tests.cli.approvals.approving import (
    CLINICIAN,
    DIRECTOR,
    ON_CALL,
    approval,
    approved,
    refused_start,
    state,
    works_at,
)
from tests.cli.helpers import START
from tests.cli.signers import OFFLINE, PASSPHRASE, AtTerminal, Clinic
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import short_code
from workflows.protocols import load


def test_two_people_approve(clinic: Clinic) -> None:
    first = clinic.approve(DIRECTOR)
    assert first.code == 0, first.err
    digest = load(clinic.protocol).digest
    assert first.json == {
        "organisation": ORGANISATION,
        "protocol": "ptsd-at-home",
        "version": 1,
        "digest": digest,
        "short_code": short_code(digest),
        "clinics": ["demo-clinic", "night-clinic"],
        "signed_by": ["demo-medical-director"],
        "missing": 1,
        "review_by": "2027-03-02",
        "file": str(clinic.approval),
    }
    assert [secret for _, secret in clinic.world.asked] == [False, True]
    assert state(clinic) == "begun"
    clinic.world.at = START + timedelta(days=3)
    second = clinic.approve(CLINICIAN)
    assert (second.json["missing"], second.json["review_by"]) == (0, "2027-03-02")
    assert state(clinic) == "approved"
    for signed, role in zip(approval(clinic).approvals, (DIRECTOR, CLINICIAN), strict=True):
        assert signed.signer.id == PEOPLE[role].id
        assert signed.signature.key_id == clinic.own(role).key_id
        assert signed.signature.expires_at == datetime(2027, 3, 3, 7, 59, 59, tzinfo=UTC)  # midnight at the clinic


def in_one_line(shown: str) -> str:
    """What a box or a table shows, as if it were wide enough."""
    return " ".join(re.sub("[│┃]", " ", shown).split())


def test_people_see_what_they_sign_and_what_is_missing(clinic: Clinic) -> None:
    words = ("protocol", "approve", "ours")
    first = clinic.world.call(*words, *clinic.profile(CLINICIAN), answers=(PEOPLE[CLINICIAN].id, PASSPHRASE))
    digest = load(clinic.protocol).digest
    for word in (
        digest,
        digest[:4] + "-" + digest[4:8],
        say("protocol_approved"),
        "Clio Invented, MD (clinician demo-clinician)",
    ):
        assert word in first.out
    assert "one more signature, of the medical director" in first.out
    assert PASSPHRASE not in first.out + first.err
    second = clinic.world.call(*words, *clinic.profile(DIRECTOR), answers=(PEOPLE[DIRECTOR].id, PASSPHRASE))
    assert "signed before by" in second.out
    assert "one more" not in second.out
    listed = clinic.world.call("protocol", "list").out
    told = (
        "yes: approved for Invented Clinic (demo-clinic), night-clinic by Clio Invented, MD (demo-clinician) and "
        "Dira Invented, MD (demo-medical-director), review by 2027-03-02"
    )
    assert told in in_one_line(listed)
    assert told.removeprefix("yes: ") in in_one_line(clinic.world.call("protocol", "check", str(clinic.protocol)).out)


def test_a_protocol_is_signed_for_the_organisation_of_the_register(clinic: Clinic) -> None:
    clinic.world.set(register_file=None)
    answer = clinic.world.call("protocol", "approve", "ours", *clinic.profile(DIRECTOR))
    assert answer.code == 2
    assert "CAREPATH_REGISTER_FILE" in answer.err
    assert clinic.world.asked == []
    assert not clinic.approval.exists()
    clinic.world.set(register_file=clinic.register)
    assert clinic.approve(DIRECTOR).code == 0
    assert json.loads(clinic.approval.read_text())["organisation"] == ORGANISATION


def test_one_more_signature_may_be_the_directors(clinic: Clinic) -> None:
    clinic.signer(ON_CALL)
    assert clinic.approve(CLINICIAN).code == 0
    before = clinic.approval.read_bytes()
    answer = clinic.approve(ON_CALL)
    assert answer.code == 5
    assert "medical director" in answer.error["reason"]
    assert clinic.world.asked == []
    assert clinic.approval.read_bytes() == before
    assert clinic.approve(DIRECTOR).code == 0
    assert state(clinic) == "approved"


def test_nobody_signs_twice_or_third(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR)
    twice = clinic.approve(DIRECTOR)
    assert twice.code == 5
    assert "you have signed" in twice.error["reason"]
    clinic.approve(CLINICIAN)
    clinic.signer(ON_CALL)
    third = clinic.approve(ON_CALL)
    assert third.code == 5
    assert "two people have signed" in third.error["reason"]
    assert len(approval(clinic).approvals) == 2


def test_what_was_edited_is_signed_anew(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR)
    clinic.write_protocol(version=2)
    before = clinic.approval.read_bytes()
    edited = clinic.approve(CLINICIAN)
    assert edited.code == 5
    assert "edited since it was signed" in edited.error["reason"]
    assert "--anew" in edited.error["remedy"]
    assert clinic.approval.read_bytes() == before
    assert clinic.approve(CLINICIAN, "--anew").json["signed_by"] == ["demo-clinician"]
    assert clinic.approve(DIRECTOR).json["missing"] == 0
    assert approval(clinic).digest == load(clinic.protocol).digest
    assert state(clinic) == "approved"


def test_signing_anew_says_that_starts_wait(clinic: Clinic) -> None:
    approved(clinic)
    words = ("protocol", "approve", "ours", "--anew", *clinic.profile(DIRECTOR))
    answer = clinic.world.call(*words, answers=(PEOPLE[DIRECTOR].id, PASSPHRASE))
    assert "nobody can be started" in answer.err
    assert state(clinic) == "begun"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"illustrative": True}, "illustrative"),
        ({"status": "draft"}, "status is draft"),
        ({"status": "retired"}, "status is retired"),
        (
            {
                "dose": {
                    "unit": "mg",
                    "medicine": "ketamine",
                    "starting_dose": None,
                    "max_single_dose": 1,
                    "max_mg_per_kg": 1,
                    "max_7_day": 1,
                    "max_course": 1,
                    "max_with_maintenance": 1,
                    "titration_max_step_pct": 1,
                    "max_doses_dispensed": 1,
                    "weight_max_age_days": 1,
                    "weight_plausible_kg": [30, 250],
                    "weight_max_change_pct": 1,
                }
            },
            "starting_dose",
        ),
    ],
    ids=["illustrative", "draft", "retired", "dose"],
)
def test_what_is_not_fit_is_not_signed(clinic: Clinic, changed: dict[str, Any], said: str) -> None:
    clinic.write_protocol(**changed)
    answer = clinic.approve(DIRECTOR)
    assert answer.code == 5
    assert said in answer.error["reason"]
    assert clinic.world.asked == []
    assert not clinic.approval.exists()


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        (("y",), 1, "not the id"),
        (("",), 1, "not the id"),
        ((PEOPLE[CLINICIAN].id,), 1, "not the id"),
        ((PEOPLE[DIRECTOR].id, OFFLINE), 4, "does not open your key"),
    ],
)
def test_a_signer_names_themselves_and_knows_their_passphrase(
    clinic: Clinic, answers: tuple[str, ...], code: int, said: str
) -> None:
    answer = clinic.approve(DIRECTOR, answers=answers)
    assert answer.code == code
    assert said in answer.error["reason"]
    assert OFFLINE not in answer.err
    assert not clinic.approval.exists()


def test_who_may_not_sign(clinic: Clinic) -> None:
    assert clinic.approve(Role.COORDINATOR).code == 4
    keyless = clinic.approve(ON_CALL)
    assert keyless.code == 2
    assert "clinician key" in keyless.error["remedy"]
    clinic.make_key(ON_CALL)
    unknown = clinic.approve(ON_CALL)
    assert unknown.code == 4
    assert "not enrolled" in unknown.error["reason"]
    clinic.revoke(CLINICIAN)
    revoked = clinic.approve(CLINICIAN)
    assert revoked.code == 4
    assert "revoked" in revoked.error["reason"]
    assert not clinic.approval.exists()


def test_another_persons_key(clinic: Clinic) -> None:
    directors = Path(clinic.profiles[DIRECTOR]).with_suffix(".key")
    directors.rename(Path(clinic.profiles[CLINICIAN]).with_suffix(".key"))
    answer = clinic.approve(CLINICIAN)
    assert answer.code == 4
    assert "another person's" in answer.error["reason"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"printed_name": "Dira Other"}, 4),
        ({"role": "clinician"}, 4),
        ({"licence": {"number": "1", "states": ["CA"], "expires": "2099-12-31"}}, 4),
        ({"enrolled_at": START + timedelta(hours=1)}, 4),
        ({}, 0),
    ],
    ids=["name", "role", "licence", "later", "same"],
)
def test_the_profile_says_what_the_register_says(clinic: Clinic, changed: dict[str, Any], code: int) -> None:
    clinic.publish(SignerEntry.model_validate(clinic.as_enrolled(DIRECTOR).model_dump() | changed))
    assert clinic.approve(DIRECTOR).code == code


def test_a_licence_that_is_over(clinic: Clinic) -> None:
    clinic.world.at = datetime(2100, 1, 1, 8, tzinfo=UTC)  # its last day ends in California
    answer = clinic.approve(DIRECTOR)
    assert answer.code == 4
    assert "licence is over" in answer.error["reason"]


def test_a_register_that_does_not_verify(clinic: Clinic) -> None:
    clinic.register.write_text(clinic.register.read_text().replace("Dira", "Dora"))
    answer = clinic.approve(DIRECTOR)
    assert answer.code == 7
    assert clinic.world.asked == []
    clinic.world.set(organisation_key=None)
    assert clinic.approve(DIRECTOR).code == 2


def test_the_first_signature_is_checked_with_the_second(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR)
    forged = json.loads(clinic.approval.read_text())
    forged["approvals"][0]["signature"]["value"] = "00" * 64
    clinic.approval.write_text(json.dumps(forged))
    before = clinic.approval.read_bytes()
    answer = clinic.approve(CLINICIAN)
    assert answer.code == 7
    assert "not right" in answer.error["reason"]
    assert clinic.approval.read_bytes() == before
    clinic.approval.write_text("{}")
    assert clinic.approve(CLINICIAN).code == 7
    assert clinic.approve(CLINICIAN, "--anew").code == 0


@pytest.mark.parametrize(
    ("day", "code"),
    [("2026-03-02", 0), ("2026-03-01", 2), ("2031-01-01", 0), ("2206-03-02", 2), ("9999-12-31", 2), ("soon", 2)],
)
def test_the_review_day(clinic: Clinic, day: str, code: int) -> None:
    answer = clinic.approve(DIRECTOR, "--review-by", day)
    assert answer.code == code
    if code == 0:
        assert answer.json["review_by"] == day
    assert clinic.approval.exists() == (code == 0)


def test_the_earlier_review_counts(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR, "--review-by", "2026-09-01")
    assert clinic.approve(CLINICIAN, "--review-by", "2026-06-01").json["review_by"] == "2026-06-01"
    clinic.world.at = datetime(2026, 6, 2, 6, 59, tzinfo=UTC)
    assert state(clinic) == "approved"
    clinic.world.at = datetime(2026, 6, 2, 7, 0, tzinfo=UTC)
    assert state(clinic) == "review_passed"


def test_a_first_signature_whose_review_has_passed(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR, "--review-by", "2026-03-10")
    clinic.world.at = START + timedelta(days=10)
    answer = clinic.approve(CLINICIAN)
    assert answer.code == 5
    assert "review date" in answer.error["reason"]
    assert clinic.approve(CLINICIAN, "--anew").json["missing"] == 1


def test_an_approval_that_came_between_is_not_undone(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR)
    directors = clinic.approval.read_bytes()
    clinic.approval.unlink()

    class Slow(AtTerminal):
        def ask(self, question: str, *, secret: bool = False) -> str:
            clinic.approval.write_bytes(directors)
            return super().ask(question, secret=secret)

    slow = Slow(clinic.protocol.parent, register_file=clinic.register, organisation_key=clinic.public)
    words = ("protocol", "approve", "ours", *clinic.profile(CLINICIAN), "--json")
    answer = slow.call(*words, answers=(PEOPLE[CLINICIAN].id, PASSPHRASE))
    assert answer.code == 5
    assert "meanwhile" in answer.error["reason"]
    assert [signed.signer.id for signed in approval(clinic).approvals] == [PEOPLE[DIRECTOR].id]


@pytest.mark.requirement("A17")
def test_both_sign_for_the_same_clinics(clinic: Clinic) -> None:
    both = ("--clinic", SECOND_CLINIC, "--clinic", CLINIC)
    assert clinic.approve(DIRECTOR, *both).json["clinics"] == [CLINIC, SECOND_CLINIC]
    other = clinic.approve(CLINICIAN, "--clinic", CLINIC)
    assert other.code == 5
    assert "for the same clinics" in other.error["reason"]
    assert clinic.world.asked == []
    assert clinic.approve(CLINICIAN).json["clinics"] == [CLINIC, SECOND_CLINIC]
    assert state(clinic) == "approved"


@pytest.mark.requirement("A17")
@pytest.mark.parametrize("given", ["", "no id", "../x", "a" * 300])
def test_a_clinic_is_named_by_its_id(clinic: Clinic, given: str) -> None:
    answer = clinic.approve(DIRECTOR, "--clinic", given)
    assert answer.code == 2
    assert not clinic.approval.exists()


@pytest.mark.requirement("A17")
def test_a_director_approves_for_their_own_clinics(clinic: Clinic) -> None:
    """By the register: of one clinic, of several, or together with the director of another one."""
    entries = (clinic.as_enrolled(DIRECTOR), clinic.as_enrolled(CLINICIAN))
    clinic.publish(*entries, staff=works_at((CLINIC,)))
    clinic.approve(DIRECTOR)
    answer = clinic.approve(CLINICIAN)
    assert answer.code == 7
    assert "a clinic that it names had no medical director" in answer.error["reason"]
    assert len(approval(clinic).approvals) == 1
    clinic.approve(DIRECTOR, "--anew", "--clinic", CLINIC)
    assert clinic.approve(CLINICIAN).json["missing"] == 0
    clinic.publish(*entries, staff=works_at((SECOND_CLINIC,)))
    refused_start(clinic, 7, "a clinic that it names had no medical director")
