"""`clinician`: keys that only their owners have, and a register that only the organisation's key can change."""

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from activities.record.stored import SeenRegister
from activities.record.verification.anchors import read_key
from activities.signatures.keys import key_id_of, unlock
from application.context import Context
from application.errors import NOTHING_WRITTEN
from application.identity import keyring
from application.identity.signers import EnrolmentRequest
from deploy.local.postgres import Database
from simulation.people import PEOPLE
from tests.cli.conftest import Profiles
from tests.cli.helpers import START, World, call
from tests.cli.signers import BY, OFFLINE, PASSPHRASE, AtTerminal, Clinic
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.signatures.authenticator import ORIGIN, es256
from workflows.journey.vocabulary.actors import CLINICAL, Role

DIRA, CLIO = PEOPLE[Role.MEDICAL_DIRECTOR], PEOPLE[Role.CLINICIAN]


@pytest.fixture
def clinic(tmp_path: Path, profiles: Profiles) -> Clinic:
    return Clinic(tmp_path, profiles)


def names_nothing_secret(text: str) -> bool:
    return PASSPHRASE not in text and OFFLINE not in text


def test_a_key_is_made_beside_the_profile_with_its_request(tmp_path: Path, profiles: Profiles) -> None:
    world = AtTerminal(tmp_path)
    profile = Path(profiles[Role.CLINICIAN])
    answer = world.call("clinician", "key", "--profile", str(profile), "--json", answers=(PASSPHRASE, PASSPHRASE))
    assert answer.code == 0, answer.err
    made = unlock(profile.with_suffix(".key"), PASSPHRASE)
    assert CLIO.licence is not None
    assert answer.json == {
        "person": CLIO.id,
        "role": "clinician",
        "printed_name": CLIO.name,
        "licence": CLIO.licence.model_dump(mode="json"),
        "public_key": made.public_key.hex(),
        "key_id": made.key_id,
        "passkey": None,
    }
    assert made.person == CLIO.id
    assert json.loads(profile.with_suffix(".enrol.json").read_text()) == answer.json
    assert stat.S_IMODE(profile.with_suffix(".key").stat().st_mode) == 0o600
    assert [secret for _, secret in world.asked] == [True, True]


def test_people_are_told_where_the_request_is(tmp_path: Path, profiles: Profiles) -> None:
    world = AtTerminal(tmp_path, profile=Path(profiles[Role.MEDICAL_DIRECTOR]))
    answer = world.call("clinician", "key", answers=(PASSPHRASE, PASSPHRASE))
    assert answer.code == 0
    assert "medical_director.enrol.json" in answer.out
    assert unlock(Path(profiles[Role.MEDICAL_DIRECTOR]).with_suffix(".key"), PASSPHRASE).key_id in answer.out
    assert names_nothing_secret(answer.out + answer.err)


@pytest.mark.parametrize(
    ("answers", "said"),
    [(("too short",), "too short"), ((PASSPHRASE, PASSPHRASE + "!"), "not the same")],
)
def test_a_passphrase_is_long_and_typed_twice(
    tmp_path: Path, profiles: Profiles, answers: tuple[str, ...], said: str
) -> None:
    world = AtTerminal(tmp_path)
    profile = profiles[Role.CLINICIAN]
    answer = world.call("clinician", "key", "--profile", profile, "--json", answers=answers)
    assert answer.code == 2
    assert said in answer.error["reason"]
    assert answer.error["state"] == NOTHING_WRITTEN
    assert not world.answers
    assert not list(Path(profile).parent.glob("*.key"))
    assert not list(Path(profile).parent.glob("*.enrol.json"))


def test_a_key_is_never_overwritten(clinic: Clinic) -> None:
    clinic.make_key(Role.CLINICIAN)
    before = clinic.own(Role.CLINICIAN).key_id
    answer = clinic.world.call("clinician", "key", *clinic.profile(Role.CLINICIAN), "--json")
    assert answer.code == 5
    assert "clinician.key" in answer.error["reason"]
    assert clinic.world.asked == []
    assert clinic.own(Role.CLINICIAN).key_id == before


@pytest.mark.parametrize("role", [Role.PATIENT, Role.OBSERVER])
def test_who_is_let_in_has_no_key(tmp_path: Path, profiles: Profiles, role: Role) -> None:
    answer = AtTerminal(tmp_path).call("clinician", "key", "--profile", profiles[role], "--json")
    assert answer.code == 4
    assert "medical_director" in answer.error["remedy"]


@pytest.mark.parametrize("missing", ["name", "licence"])
def test_a_signer_has_a_name_and_a_licence(tmp_path: Path, missing: str) -> None:
    profile = tmp_path / "own.json"
    profile.write_text(CLIO.model_dump_json(exclude={missing}))
    answer = AtTerminal(tmp_path).call("clinician", "key", "--profile", str(profile), "--json")
    assert answer.code == 2
    assert "licence" in answer.error["remedy"]
    assert not profile.with_suffix(".key").exists()


def test_without_a_profile(tmp_path: Path) -> None:
    terminal = AtTerminal(tmp_path)
    terminal.set(profile=None)
    answer = terminal.call("clinician", "key", "--json")
    assert answer.code == 2
    assert "CAREPATH_PROFILE" in answer.error["remedy"]


def test_a_register_begins_empty_and_signed(clinic: Clinic) -> None:
    assert clinic.entries() == ()
    assert unlock(clinic.key, OFFLINE).public_key.hex() == clinic.public
    assert stat.S_IMODE(clinic.key.stat().st_mode) == 0o600
    people = AtTerminal(clinic.protocol.parent).call(
        *("clinician", "register", "--organisation", "Other", "--register", str(clinic.register.with_name("other"))),
        *("--organisation-key", str(clinic.key.with_name("other.key"))),
        answers=(OFFLINE, OFFLINE),
    )
    assert "CAREPATH_ORGANISATION_KEY" in people.out
    other = unlock(clinic.key.with_name("other.key"), OFFLINE).public_key.hex()
    assert people.out.splitlines()[-1] == other


@pytest.mark.parametrize("there", ["register", "key"])
def test_neither_file_is_overwritten(clinic: Clinic, there: str) -> None:
    before = clinic.register.read_bytes(), clinic.key.read_bytes()
    other = str(clinic.register.with_name("other"))
    register = str(clinic.register) if there == "register" else other
    key = str(clinic.key) if there == "key" else other
    answer = clinic.world.call(
        *("clinician", "register", "--organisation", "Other", "--register", register),
        *("--organisation-key", key, "--json"),
    )
    assert answer.code == 5
    assert clinic.world.asked == []
    assert (clinic.register.read_bytes(), clinic.key.read_bytes()) == before
    assert not Path(other).exists()


def test_a_register_needs_a_place_and_a_name(tmp_path: Path) -> None:
    world = AtTerminal(tmp_path)
    words = ("clinician", "register", "--organisation-key", str(tmp_path / "key"), "--json", "--organisation")
    nowhere = world.call(*words, "Invented Clinic")
    assert nowhere.code == 2
    assert "CAREPATH_REGISTER_FILE" in nowhere.error["remedy"]
    unnamed = world.call(*words, "  ", "--register", str(tmp_path / "register"))
    assert unnamed.code == 2
    assert list(tmp_path.iterdir()) == []


def test_two_people_enrol_a_third(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    answer = clinic.enrol(request, answers=("y", OFFLINE))
    assert answer.code == 0, answer.err
    [entry] = clinic.entries()
    assert entry == clinic.as_enrolled(Role.CLINICIAN)
    assert answer.json == {"version": 2, "entry": entry.model_dump(mode="json")}
    (question, shown), (_, secret) = clinic.world.asked
    assert entry.key_id in question
    assert entry.printed_name in question
    assert (shown, secret) == (False, True)
    assert [path.name for path in clinic.register.parent.iterdir() if path.name.startswith(".")] == []


def test_who_is_enrolled_is_shown_first(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    words = ("clinician", "enrol", str(request), *BY, "--organisation-key", str(clinic.key))
    answer = clinic.world.call(*words, answers=("n",))
    assert answer.code == 1
    assert "you stepped back" in answer.err.lower()
    shown = ("Clio Invented, MD", "clinician", "INVENTED-0001", "CA, NY, TX", "2099-12-31", "demo-security")
    assert all(word in answer.out for word in (*shown, clinic.own(Role.CLINICIAN).key_id))
    assert clinic.entries() == ()


@pytest.mark.parametrize(
    "by",
    [
        ("--by", "demo-security"),
        ("--by", "demo-security", "--by", "demo-security"),
        ("--by", "demo-security", "--by", CLIO.id),
        ("--by", "demo-security", "--by", "demo-manager", "--by", "demo-third"),
    ],
)
def test_it_takes_two_others(clinic: Clinic, by: tuple[str, ...]) -> None:
    answer = clinic.enrol(clinic.make_key(Role.CLINICIAN), "--yes", by=by)
    assert answer.code == 4
    assert "two different people" in answer.error["reason"]
    assert clinic.entries() == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"key_id": "0" * 32},
        {"public_key": "0" * 64},
        {"public_key": "key"},
        {"role": "coordinator"},
        {"licence": None},
        {"private": "x"},
    ],
    ids=str,
)
def test_a_request_that_is_not_right(clinic: Clinic, changed: dict[str, object]) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    request.write_text(json.dumps(json.loads(request.read_text()) | changed))
    answer = clinic.enrol(request, "--yes")
    assert answer.code == 2
    assert answer.error["fields"]
    assert clinic.world.asked == []
    assert clinic.entries() == ()


def test_enrolling_needs_a_readable_request_and_coded_people(clinic: Clinic) -> None:
    assert clinic.enrol(clinic.register.with_name("none.json"), "--yes").code == 2
    request = clinic.make_key(Role.CLINICIAN)
    answer = clinic.enrol(request, "--yes", by=("--by", "Sam Invented", "--by", "demo-security"))
    assert answer.code == 2
    assert "enrolled_by[1]" in answer.fields


def test_a_key_is_enrolled_once(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    assert clinic.enrol(request, "--yes").code == 0
    again = clinic.enrol(request, "--yes")
    assert again.code == 5
    assert "enrolled already" in again.error["reason"]
    assert len(clinic.entries()) == 1


def test_a_second_key_of_a_person_reminds_of_the_first(clinic: Clinic) -> None:
    clinic.signer(Role.CLINICIAN)
    first = clinic.own(Role.CLINICIAN).key_id
    Path(clinic.profiles[Role.CLINICIAN]).with_suffix(".key").unlink()
    request = clinic.make_key(Role.CLINICIAN)
    words = ("clinician", "enrol", str(request), *BY, "--organisation-key", str(clinic.key), "--yes")
    answer = clinic.world.call(*words, answers=(OFFLINE,))
    assert answer.code == 0
    assert first in answer.err
    assert len(clinic.entries()) == 2


def test_the_wrong_passphrase_changes_nothing(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    answer = clinic.enrol(request, "--yes", answers=(PASSPHRASE,))
    assert answer.code == 4
    assert names_nothing_secret(answer.err)
    assert clinic.entries() == ()


def test_another_key_than_the_settings_name(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    clinic.world.set(organisation_key="ab" * 32)
    answer = clinic.enrol(request, "--yes")
    assert answer.code == 7
    assert "CAREPATH_ORGANISATION_KEY" in answer.error["reason"]
    assert clinic.entries() == ()
    clinic.world.set(organisation_key=None)
    assert clinic.enrol(request, "--yes").code == 0  # not set yet: the key itself is the word


def test_files_that_are_missing_or_no_keys(clinic: Clinic) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    clinic.key.rename(clinic.key.with_name("moved.key"))
    answer = clinic.enrol(request, "--yes")
    assert answer.code == 2
    assert "organisation.key" in answer.error["reason"]
    clinic.key.write_text("{}")
    clinic.key.chmod(0o600)
    assert clinic.enrol(request, "--yes").code == 2
    clinic.key.with_name("moved.key").replace(clinic.key)
    clinic.key.chmod(0o644)
    assert "chmod 600" in clinic.enrol(request, "--yes").error["remedy"]
    clinic.key.chmod(0o600)
    clinic.register.unlink()
    missing = clinic.enrol(request, "--yes")
    assert missing.code == 2
    assert "no register" in missing.error["reason"]


def test_a_register_that_was_altered_is_not_signed_again(clinic: Clinic) -> None:
    clinic.signer(Role.CLINICIAN)
    request = clinic.make_key(Role.MEDICAL_DIRECTOR)
    altered = clinic.register.read_text().replace("Clio", "Cleo")
    clinic.register.write_text(altered)
    assert clinic.enrol(request, "--yes").code == 7
    assert clinic.register.read_text() == altered


def test_a_change_that_came_between_is_not_undone(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    read = keyring.read_register

    def slowly(context: Context, path: Path, organisation_key: bytes) -> object:
        found = read(context, path, organisation_key)
        clinic.publish()
        return found

    monkeypatch.setattr(keyring, "read_register", slowly)
    answer = clinic.enrol(request, "--yes")
    assert answer.code == 5
    assert "meanwhile" in answer.error["reason"]
    assert clinic.entries() == ()


def test_the_register_keeps_its_mode_and_its_link(clinic: Clinic) -> None:
    clinic.register.chmod(0o640)
    real = clinic.register.with_name("real.json")
    clinic.register.rename(real)
    clinic.register.symlink_to(real)
    clinic.signer(Role.CLINICIAN)
    assert clinic.register.is_symlink()
    assert len(clinic.entries()) == 1
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_register_that_cannot_be_written_stays_as_it_is(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    request = clinic.make_key(Role.CLINICIAN)
    before = clinic.register.read_bytes()

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    answer = clinic.enrol(request, "--yes")
    assert answer.code == 2
    assert "No space left" in answer.error["reason"]
    assert clinic.register.read_bytes() == before
    assert [path.name for path in clinic.register.parent.iterdir() if path.name.startswith(".")] == []


def test_one_person_revokes(clinic: Clinic) -> None:
    clinic.signer(Role.CLINICIAN)
    clinic.world.at = START + timedelta(hours=1)
    stepped_back = clinic.revoke(Role.CLINICIAN, answers=(OFFLINE, "n"))
    assert (stepped_back.code, stepped_back.error["reason"]) == (1, "you stepped back")
    assert clinic.entries()[0].revoked_at is None
    answer = clinic.revoke(Role.CLINICIAN)
    assert answer.code == 0, answer.err
    [entry] = clinic.entries()
    assert (entry.revoked_at, entry.revoked_because, entry.revoked_by) == (
        START + timedelta(hours=1),
        "computer lost",
        "demo-security",
    )
    again = clinic.revoke(Role.CLINICIAN, "--yes", answers=(OFFLINE,))
    assert again.code == 5
    assert "revoked already" in again.error["reason"]


def test_revoking_what_is_not_there_or_without_a_reason(clinic: Clinic) -> None:
    clinic.signer(Role.CLINICIAN)
    words = ("clinician", "revoke", "--by", "demo-security", "--organisation-key", str(clinic.key), "--json", "--yes")
    unknown = clinic.world.call(*words, "0" * 32, "--because", "lost", answers=(OFFLINE,))
    assert unknown.code == 3
    own = clinic.own(Role.CLINICIAN).key_id
    wordless = clinic.world.call(*words, own, "--because", " ", answers=(OFFLINE,))
    assert wordless.code == 5
    assert clinic.world.call(*words, own, "--because", "lost", answers=(PASSPHRASE,)).code == 4
    clinic.world.at = START - timedelta(minutes=1)
    assert clinic.revoke(Role.CLINICIAN, "--yes", answers=(OFFLINE,)).code == 5
    assert clinic.entries()[0].revoked_at is None


def test_list_has_every_entry(clinic: Clinic) -> None:
    for role in CLINICAL:
        clinic.signer(role)
    clinic.revoke(Role.CLINICIAN)
    listed = clinic.world.call("clinician", "list", "--json")
    assert listed.json == [entry.model_dump(mode="json") for entry in clinic.entries()]
    assert [entry["person"] for entry in listed.json] == [PEOPLE[role].id for role in CLINICAL]
    people = clinic.world.call("clinician", "list")
    told = ("INVENTED-0001: CA, NY, TX, until 2099-12-31", "Dira Invented, MD", "by demo-security: computer")
    assert all(word in people.out for word in ("Invented Clinic: register version 5", *told))
    assert people.out.count("revoked 2026-03-02 17:00 UTC") == 1
    assert all(entry.key_id in people.out for entry in clinic.entries())


def test_a_register_that_does_not_verify_is_exit_7(clinic: Clinic) -> None:
    clinic.signer(Role.CLINICIAN)
    clinic.world.set(organisation_key="ab" * 32)
    assert clinic.world.call("clinician", "list", "--json").code == 7
    clinic.world.set(organisation_key=clinic.public)
    content = clinic.register.read_text()
    for altered in (content.replace("Clio", "Cleo"), "{}", content[:-40], ""):
        clinic.register.write_text(altered)
        answer = clinic.world.call("clinician", "list", "--json")
        assert answer.code == 7
        assert answer.out == ""


@pytest.mark.server
def test_list_tells_that_a_newer_register_was_used(migrated: Database) -> None:
    """No process believes this one any more, and ops are told to look here for why."""
    world = World(migrated)
    assert call(world, "clinician", "list", "--json").code == 0

    async def see() -> None:
        async with open_clear(everything(migrated)) as record:
            await record.see_register(SeenRegister(99, bytes(32)))

    asyncio.run(see())
    told = call(world, "clinician", "list", "--json")
    assert (told.code, told.out) == (7, "")
    assert "older than one seen before" in told.error["reason"]
    assert told.error["remedy"] == "Put the newest one back"
    assert call(world, "clinician", "list", "--register", str(world.settings.register_file), "--json").code == 0


def test_list_needs_both_settings(clinic: Clinic) -> None:
    for missing, name in (
        ("register_file", "CAREPATH_REGISTER_FILE"),
        ("organisation_key", "CAREPATH_ORGANISATION_KEY"),
    ):
        world = AtTerminal(clinic.protocol.parent, register_file=clinic.register, organisation_key=clinic.public)
        world.set(**{missing: None})
        answer = world.call("clinician", "list", "--json")
        assert answer.code == 2
        assert name in answer.error["remedy"]
    given = AtTerminal(clinic.protocol.parent, organisation_key=clinic.public)
    assert given.call("clinician", "list", "--register", str(clinic.register), "--json").json == []
    assert given.call("clinician", "list", "--register", str(clinic.register) + "x", "--json").code == 2


def test_a_service_that_lets_people_in_is_enrolled_and_revoked(clinic: Clinic, tmp_path: Path) -> None:
    file = tmp_path / "desk.key"
    words = ("clinician", "let-in", "desk", "--key-file", str(file), "--way", "terminal", "--way", "link", "--yes")
    more = ("--organisation-key", str(clinic.key), "--json")
    alone = clinic.world.call(*words, "--by", "demo-security", "--by", "demo-security", *more)
    assert (alone.code, file.exists()) == (4, False)
    made = clinic.world.call(*words, *BY, *more, answers=(OFFLINE,))
    assert made.code == 0, made.err
    assert file.stat().st_mode & 0o777 == 0o600
    entry = made.json["entry"]
    assert (entry["service"], entry["ways"]) == ("desk", ["terminal", "link"])
    assert entry["key_id"] == key_id_of(read_key(file).public_key().public_bytes_raw())
    assert "desk" in clinic.world.call("clinician", "list").out
    revoked = clinic.world.call(
        *("clinician", "revoke", entry["key_id"], "--because", "lost", "--by", "demo-security", "--yes", *more),
        answers=(OFFLINE,),
    )
    assert revoked.json["entry"]["revoked_because"] == "lost"


def test_a_coordinator_has_a_key_without_a_licence(clinic: Clinic) -> None:
    clinic.signer(Role.COORDINATOR)
    [entry] = clinic.entries()
    assert (entry.role, entry.licence) == (Role.COORDINATOR, None)


def test_a_passkey_is_enrolled_where_its_origin_is_listed(clinic: Clinic, tmp_path: Path) -> None:
    passkey, request = es256(21), tmp_path / "passkey.enrol.json"
    made = passkey.entry(CLIO).model_dump(mode="json", include={*EnrolmentRequest.model_fields})
    request.write_text(json.dumps(made))
    nowhere = clinic.enrol(request, "--yes")
    assert nowhere.code == 5
    assert "origin" in nowhere.error["reason"]

    def enter(origin: str, *by: str) -> int:
        words = ("clinician", "enter", "-", *by, "--organisation-key", str(clinic.key), "--yes", "--json")
        answers = (OFFLINE,) if by == BY else ()
        return clinic.world.call(*words, given={"origins": [origin]}, answers=answers).code

    assert enter("http://care.example.org", *BY) == 2
    assert enter("https://127.0.0.1", *BY) == 2
    assert enter(ORIGIN, "--by", "demo-security", "--by", "demo-security") == 4
    assert enter(ORIGIN, *BY) == 0
    for wrong in (
        {"public_key": made["public_key"][:-2]},
        {"key_id": "0" * 32},
        {"passkey": None},
        {"role": "patient"},
    ):
        request.write_text(json.dumps(made | wrong))
        assert clinic.enrol(request, "--yes", answers=()).code == 2, wrong
    request.write_text(json.dumps(made))
    enrolled = clinic.enrol(request, "--yes")
    assert enrolled.code == 0, enrolled.err
    [entry] = clinic.entries()
    assert entry.as_passkey == (passkey.cose, passkey.credential_id, "care.example.org")
    listed = clinic.world.call("clinician", "list", "--json")
    assert listed.json[0]["passkey"]["rp_id"] == "care.example.org"
    assert clinic.enrol(request, "--yes").code == 5


def test_a_printed_name_that_somebody_has_already_is_told(clinic: Clinic) -> None:
    first = clinic.enrol(clinic.make_key(Role.CLINICIAN), "--yes")
    assert (first.code, "printed name" in first.err) == (0, False)
    request = clinic.make_key(Role.MEDICAL_DIRECTOR)
    request.write_text(json.dumps({**json.loads(request.read_text()), "printed_name": str(CLIO.name).upper()}))
    words = ("clinician", "enrol", str(request), *BY, "--organisation-key", str(clinic.key), "--yes")
    second = clinic.world.call(*words, answers=(OFFLINE,))
    assert second.code == 0, second.err
    assert f"{DIRA.id} has the printed name of {CLIO.id}" in " ".join(second.err.split())
