"""What an approval is worth: what starts on a protocol, and what does not."""

import json
from datetime import timedelta

import pytest

from deploy.local.postgres import Database
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC
from tests.cli.approvals.approving import (
    CLINICIAN,
    DIRECTOR,
    approval,
    approved,
    licensed_in,
    refused_start,
    start,
    state,
)
from tests.cli.helpers import START
from tests.cli.signers import PASSPHRASE, Clinic
from workflows.journey.commands import StartPathway
from workflows.journey.vocabulary.actors import Role


def test_an_approved_protocol_starts(clinic: Clinic, migrated: Database) -> None:
    approved(clinic)
    clinic.world.use(migrated)
    clinic.open_session(Role.COORDINATOR)
    answer = start(clinic)
    assert answer.code == 0, answer.err
    assert answer.json["illustrative"] is False


def test_without_a_session_nobody_is_enrolled(clinic: Clinic, migrated: Database) -> None:
    approved(clinic)
    clinic.world.use(migrated)
    refused = start(clinic)
    assert (refused.code, "working-session open" in refused.error["remedy"]) == (4, True), refused.err
    assert (clinic.world.journeys(), clinic.world.received) == (0, [])


def test_the_approval_goes_with_the_command(clinic: Clinic, migrated: Database) -> None:
    approved(clinic)
    clinic.world.use(migrated)
    clinic.open_session(Role.COORDINATOR)
    assert start(clinic).code == 0
    [command] = clinic.world.received
    assert isinstance(command.body, StartPathway)
    assert command.body.approval == approval(clinic)


@pytest.mark.requirement("A64")
@pytest.mark.parametrize(("states", "starts"), [(("CA", "NY"), True), (("NY",), False)])
def test_nobody_starts_where_nobody_licensed_could_decide(
    states: tuple[str, ...], starts: bool, clinic: Clinic, migrated: Database
) -> None:
    """A severe hold on the care of a patient in California is released by the medical director first, who had a licence
    in New York alone: it would have stood for ever."""
    approved(clinic)
    entries = (clinic.as_enrolled(DIRECTOR), clinic.as_enrolled(CLINICIAN))
    clinic.publish(*entries, staff=licensed_in(states))
    clinic.world.use(migrated)
    clinic.open_session(Role.COORDINATOR)
    answer = start(clinic)
    assert (answer.code == 0) is starts, answer.err
    assert starts or "no licence where the patient lives" in answer.error["reason"]


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


def test_demonstrations_need_no_signatures(clinic: Clinic, migrated: Database) -> None:
    clinic.world.use(migrated)
    clinic.world.set(demonstration=True)
    assert start(clinic).code == 0
