"""`protocol approve`: two people's own signatures under exactly one text, and what they are worth."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.signatures.signer_registry import SignerEntry
from application.protocols.approvals import load_approval
from application.words.codes import say
from deploy.local.postgres import Database
from simulation.keys import staff_entry
from simulation.people import CLINIC, ORGANISATION, PEOPLE, SECOND_CLINIC, STAFF
from tests.cli.conftest import Profiles
from tests.cli.helpers import START, Answer, referral
from tests.cli.signers import OFFLINE, PASSPHRASE, AtTerminal, Clinic
from workflows.journey.actors import Role
from workflows.journey.base import short_code
from workflows.journey.commands import StartPathway
from workflows.journey.signed_statement import ProtocolApproval
from workflows.protocols import load

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
        "yes: approved for demo-clinic, night-clinic by Clio Invented, MD (demo-clinician) and "
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


def test_an_approved_protocol_starts(clinic: Clinic, migrated: Database) -> None:
    approved(clinic)
    clinic.world.use(migrated)
    clinic.open_session(Role.COORDINATOR)
    answer = start(clinic)
    assert answer.code == 0, answer.err
    assert answer.json["illustrative"] is False


def test_the_approval_goes_with_the_command(clinic: Clinic, migrated: Database) -> None:
    approved(clinic)
    clinic.world.use(migrated)
    clinic.open_session(Role.COORDINATOR)
    assert start(clinic).code == 0
    [command] = clinic.world.received
    assert isinstance(command.body, StartPathway)
    assert command.body.approval == approval(clinic)


def refused_start(world: Clinic, code: int, *said: str, **changed: Any) -> None:
    for more in ((), ("--dry-run",)):
        answer = start(world, *more, **changed)
        assert answer.code == code
        assert all(word in answer.error["reason"] for word in said), answer.error
        assert answer.error["remedy"]
    assert world.world.received == []


def test_what_is_not_signed_does_not_start(clinic: Clinic) -> None:
    assert state(clinic) == "not_signed"
    refused_start(clinic, 5, "not signed")


def test_one_signature_does_not_start(clinic: Clinic) -> None:
    clinic.approve(DIRECTOR)
    refused_start(clinic, 5, "one signature is missing", "Dira Invented, MD")


def test_what_is_signed_is_the_file_with_all_it_extends(clinic: Clinic) -> None:
    """The same content in two files is the same protocol; a change of the shared one is a change of it."""
    approved(clinic)
    own = json.loads(clinic.protocol.read_text())["protocol"]
    shared = {"break_glass_minutes": own.pop("break_glass_minutes")}
    clinic.protocol.write_text(json.dumps({"extends": "shared.yaml", "protocol": own}))
    clinic.protocol.with_name("shared.yaml").write_text(json.dumps({"shared": shared}))
    assert state(clinic) == "approved"
    shared["break_glass_minutes"] += 1
    clinic.protocol.with_name("shared.yaml").write_text(json.dumps({"shared": shared}))
    assert state(clinic) == "edited"
    refused_start(clinic, 7, "edited since it was signed")


def test_what_was_edited_does_not_start(clinic: Clinic) -> None:
    approved(clinic)
    clinic.write_protocol(title="Other words")
    assert state(clinic) == "edited"
    refused_start(clinic, 7, "edited since it was signed")


def test_after_the_review_day_nobody_starts(clinic: Clinic) -> None:
    approved(clinic)
    clinic.world.at = START + timedelta(days=367)
    refused_start(clinic, 5, "review date", "2027-03-02")


def test_an_unknown_signer_does_not_start(clinic: Clinic) -> None:
    approved(clinic)
    clinic.publish(clinic.as_enrolled(DIRECTOR))
    refused_start(clinic, 7, "not in the register")


def test_a_revocation_before_the_signature_counts_and_a_later_one_does_not(clinic: Clinic) -> None:
    approved(clinic)
    clinic.world.at = START + timedelta(days=1)
    assert clinic.revoke(CLINICIAN).code == 0
    assert state(clinic) == "approved"
    revoked = {"revoked_at": START, "revoked_because": "lost", "revoked_by": "demo-security"}
    clinic.publish(clinic.as_enrolled(DIRECTOR), clinic.as_enrolled(CLINICIAN, **revoked))
    refused_start(clinic, 7, "revoked")


def test_an_altered_approval_does_not_start(clinic: Clinic) -> None:
    approved(clinic)
    altered = clinic.approval.read_text().replace("Clio", "Cleo")
    clinic.approval.write_text(altered)
    refused_start(clinic, 7, "signature is not right")
    clinic.approval.write_text("{}")
    assert state(clinic) == "not_verified"
    refused_start(clinic, 7, "not readable")


def test_one_person_under_two_names_of_a_file_does_not_start(clinic: Clinic) -> None:
    approved(clinic)
    whole = json.loads(clinic.approval.read_text())
    whole["approvals"][1] = whole["approvals"][0]
    clinic.approval.write_text(json.dumps(whole))
    refused_start(clinic, 7, "one person signed twice")


@pytest.mark.parametrize(
    ("name", "setting"), [("register_file", "REGISTER_FILE"), ("organisation_key", "ORGANISATION_KEY")]
)
def test_a_start_needs_the_register(clinic: Clinic, name: str, setting: str) -> None:
    approved(clinic)
    clinic.world.set(**{name: None})
    assert state(clinic) == "not_checked"
    refused_start(clinic, 2, "cannot be checked")
    assert f"CAREPATH_{setting}" in start(clinic).error["remedy"]


def test_a_register_that_was_altered_starts_nobody(clinic: Clinic) -> None:
    approved(clinic)
    clinic.register.write_text(clinic.register.read_text().replace("Dira", "Dora"))
    refused_start(clinic, 7, "cannot be checked")


@pytest.mark.requirement("A17")
@pytest.mark.parametrize("theirs", [(), ("theirs",)])
def test_a_pathway_starts_on_a_protocol_of_the_patients_clinic(clinic: Clinic, theirs: tuple[str, ...]) -> None:
    """The refusal names those that the clinic has."""
    approved(clinic, "--clinic", CLINIC)
    if theirs:
        mine, clinic.protocol = clinic.protocol, clinic.protocol.with_name("theirs.yaml")
        clinic.write_protocol(id="theirs")
        for role in (DIRECTOR, CLINICIAN):
            words = ("protocol", "approve", "theirs", *clinic.profile(role), "--clinic", SECOND_CLINIC)
            answer = clinic.world.call(*words, answers=(PEOPLE[role].id, PASSPHRASE))
            assert answer.code == 0, answer.err
        clinic.protocol = mine
    refused_start(
        clinic,
        5,
        f"approved for {CLINIC}, not for {SECOND_CLINIC}",
        f"Approved for {SECOND_CLINIC}: {theirs[0] if theirs else 'none'}",
        clinic=SECOND_CLINIC,
    )


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


def works_at(clinics: tuple[str, ...]) -> tuple[Any, ...]:
    """The invented staff, of whom the medical director works only at these clinics."""
    entries = [staff_entry(person) for person in STAFF]
    return tuple(
        each.model_copy(update={"member": each.member.model_copy(update={"clinics": clinics})})
        if each.member.role == DIRECTOR
        else each
        for each in entries
    )


def test_demonstrations_need_no_signatures(clinic: Clinic, migrated: Database) -> None:
    clinic.world.use(migrated)
    clinic.world.set(demonstration=True)
    assert start(clinic).code == 0
