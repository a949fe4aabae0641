"""An exported journey is verified by the program it comes with, and by nothing of ours."""

import ast
import base64
import json
import resource
import subprocess
import sys
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any
from unicodedata import category
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from activities.payload_codec import SealingCodec
from activities.record import NewEvent, Record, open_record, sealing
from activities.record.command_codec import decided_by
from activities.record.export import FORMAT, VERIFIER, export
from activities.record.stored import NewCommand
from activities.record.verification import verify_export
from deploy.local.postgres import Database, Postgres
from tests.fixtures.everything import everything
from tests.journey.play import JOURNEY
from tests.record.handed import kept, signed_course
from tests.signatures.recorded import EARLY, history, sign_offs
from tests.signatures.room import ORGANISATION, key_of, published
from workflows.journey.vocabulary.base import canonical


@pytest.fixture
async def record(migrated: Database, codec: SealingCodec) -> AsyncIterator[Record]:
    """A record whose content is encrypted."""
    async with open_record(everything(migrated), await sealing(codec.keys)) as opened:
        yield opened


def content_of(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(verify_export.opened(JOURNEY, event))
    return found


def put(event: dict[str, Any], content: dict[str, Any]) -> None:
    """What whoever has every key can do: store other content under the key of the event."""
    key = bytes.fromhex(event["key"])
    header = base64.b64decode(event["payload"])[:49]
    place = event["log_id"].to_bytes(2) + JOURNEY.bytes + UUID(event["event_id"]).bytes
    sealed = AESSIV(key).encrypt(zlib.compress(json.dumps(content).encode()), [header, place])
    event["payload"] = base64.b64encode(header + sealed).decode()


@pytest_asyncio.fixture(scope="session")
async def exported(postgres: Postgres, codec: SealingCodec) -> bytes:
    """A whole course as it was exported, once for all tests that read or change it."""
    database = await postgres.fresh_database(template=postgres.database)
    async with open_record(everything(database), await sealing(codec.keys)) as record:
        rows, commands = kept(signed_course())
        events = [NewEvent.model_validate(row.model_dump(include={*NewEvent.model_fields})) for row in rows]
        new = [NewCommand(events=each.events, payload=each.payload) for each in commands]
        await record.append(JOURNEY, 0, events, commands=new)
        content = await export(record, JOURNEY, published(EARLY), ANCHOR)
    await postgres.drop_database(database)
    assert content is not None
    return content


@pytest.fixture
def bundle(exported: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "journey.zip"
    path.write_bytes(exported)
    return path


ANCHOR = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = (ORGANISATION.public_key.hex(), ANCHOR.public_key().public_bytes_raw().hex())
HOLDS, DOES_NOT_HOLD, NOT_CHECKED = 0, 1, 2


def verified(bundle: Path, *keys: str) -> tuple[int, str]:
    """As the program does it, in this process."""
    with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as wrong:
        code = verify_export.main([str(bundle), *(keys or KEYS)])
    assert wrong.getvalue() == ""
    return code, said.getvalue()


def verified_by_a_stranger(bundle: Path, *keys: str) -> tuple[int, str]:
    """With a copy of the program, where nothing of ours can be imported."""
    program = bundle.with_name("verify_export.py")
    program.write_bytes(VERIFIER.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-I", program, bundle, *(keys or KEYS)],
        cwd=bundle.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, ran.stdout


def files_of(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as opened:
        return {entry: opened.read(entry) for entry in opened.namelist()}


def packed(bundle: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as rewritten:
        for entry, data in files.items():
            rewritten.writestr(entry, data)


def changed(bundle: Path, name: str, change: Callable[[Any], None]) -> None:
    files = files_of(bundle)
    content = json.loads(files[name])
    change(content)
    packed(bundle, files | {name: json.dumps(content).encode()})


def signed_anew(bundle: Path, change: Callable[[Any], None], key: Ed25519PrivateKey = ANCHOR) -> None:
    """Change the events, make every hash anew, and sign the whole of it with a key."""
    files = files_of(bundle)
    content = json.loads(files["journey.json"])
    change(content)
    before = bytes(32)
    for version, event in enumerate(content["events"], 1):
        cause = event["causation_id"]
        hashed = verify_export.hashed(
            b"carepath/event/1",
            JOURNEY.bytes,
            UUID(event["event_id"]).bytes,
            event["event_type"].encode(),
            verify_export.integer(event["schema_version"]),
            verify_export.instant(verify_export.moment(event["occurred_at"])),
            event["actor_id"].encode(),
            event["actor_role"].encode(),
            UUID(event["command_id"]).bytes,
            None if cause is None else UUID(cause).bytes,
            base64.b64decode(event["payload"]),
        )
        number = verify_export.integer(version)
        before = verify_export.hashed(b"carepath/journey/1", before, number, hashed)
        event |= {"version": version, "content_hash": hashed.hex(), "journey_hash": before.hex()}
    files["journey.json"] = json.dumps(content).encode()
    last = content["events"][-1]
    head = json.loads(files["signature.json"])["head"] | {
        "version": last["version"],
        "position": last["position"],
        "journey_hash": last["journey_hash"],
        "files": {name: sha256(files[name]).hexdigest() for name in ("journey.json", "register.json")},
    }
    value = key.sign(canonical({"domain": FORMAT, "head": head})).hex()
    packed(bundle, files | {"signature.json": json.dumps({"head": head, "signature": value}).encode()})


@pytest.mark.parametrize("verified", [verified, verified_by_a_stranger])
async def test_a_journey_as_it_was_recorded_holds(bundle: Path, verified: Callable[[Path], tuple[int, str]]) -> None:
    code, said = verified(bundle)
    assert (code, said.count("HOLDS: version")) == (HOLDS, len(sign_offs()))
    assert (
        f"{len(history())} events, 0 commands with the proof of who sent them, "
        f"{len(sign_offs())} decisions and delegations, "
    ) in said
    assert said.endswith("All of it HOLDS.\n")


async def test_it_says_which_register_it_believes(bundle: Path) -> None:
    """A register from before a key was revoked is as well signed as the newest one."""
    issued = EARLY.issued_at.isoformat().replace("+00:00", "Z")
    assert f"register version {EARLY.version}, issued at {issued}." in verified(bundle)[1]
    assert "register version" not in verified(bundle, KEYS[1], KEYS[1])[1]


async def test_it_says_what_it_did_not_derive_and_who_can(bundle: Path) -> None:
    code, said = verified(bundle)
    by = decided_by()
    told = f"NOT DERIVED here: {len(history())} events, decided by build {by.core} with zone data {by.zones}."
    assert (code, said.count("NOT DERIVED"), told in said) == (HOLDS, 1, True)


async def test_a_command_is_of_the_person_and_the_time_of_its_events(bundle: Path) -> None:
    signed_anew(bundle, lambda content: content["events"][2].update(actor_id="somebody"))
    code, said = verified(bundle)
    assert (code, "version 3: the command is of another person or another time" in said) == (DOES_NOT_HOLD, True)


async def test_the_times_of_a_demonstration_are_not_judged_and_those_of_patients_are(bundle: Path) -> None:
    assert "its times may be invented" in verified(bundle)[1]

    def of_patients(content: dict[str, Any]) -> None:
        content.update(demonstration=False)
        for event in content["events"]:
            event.update(recorded_at=event["occurred_at"])
        content["events"][5].update(recorded_at="2026-11-01T00:00:00+00:00")
        made = verify_export.moment(decision(content)["occurred_at"])
        decision(content).update(recorded_at=(made + timedelta(minutes=11)).isoformat())

    signed_anew(bundle, of_patients)
    code, said = verified(bundle)
    assert (code, ", 1 recorded late, 3 faults" in said) == (DOES_NOT_HOLD, True), said
    assert "version 1: a demonstration stands in a log of patients" in said
    assert "version 6: the event is dated after it was recorded" in said
    assert "it was recorded after its signature had expired" in said


async def test_who_acted_in_a_session_for_another_log_is_told(bundle: Path) -> None:
    """A session for a log where one tries things out proves nothing about patients."""

    def acted(log: str) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            payload = content_of(content["events"][2])
            session: dict[str, Any] = dict.fromkeys(("person", "role", "purpose"), "x")
            session |= {
                "value": "00" * 64,
                "organisation": EARLY.organisation,
                "log": log or content["log"],
                "let_in_by": None,
            }
            session |= {"clinics": [content_of(content["events"][0])["body"]["clinic"]], "session_key": "00" * 32}
            session |= {"key_id": EARLY.entries[0].key_id, "begins": "2026-11-23T17:00Z", "ends": "2026-11-23T18:00Z"}
            payload |= {"proof": {"session": session, "value": "00" * 64}, "command_digest": "x"}
            put(content["events"][2], payload)

        return change

    told = "the session is for another organisation, log or clinic"
    signed_anew(bundle, acted(""))
    assert told not in verified(bundle)[1]
    signed_anew(bundle, acted(str(uuid4())))
    assert told in verified(bundle)[1]


async def test_without_the_anchor_key_not_all_of_it_could_be_checked(bundle: Path) -> None:
    code, said = verified(bundle, KEYS[0])
    assert (code, "NOT BE CHECKED: without ANCHOR_KEY" in said, "DOES NOT HOLD" in said) == (NOT_CHECKED, True, False)
    changed(bundle, "journey.json", another_word)
    assert verified(bundle, KEYS[0])[0] == DOES_NOT_HOLD


CHAINS_MADE_ANEW: dict[str, Callable[[dict[str, Any]], None]] = {
    "nothing else": lambda content: content.update(events=content["events"]),
    "without the newest events": lambda content: content.update(events=content["events"][:-3]),
    "without a report of harm": lambda content: content["events"].pop(5),
    "with another time": lambda content: content["events"][2].update(occurred_at="2026-11-23T17:00:01+00:00"),
    "of another log": lambda content: content.update(log=str(uuid4())),
    "recorded at another time": lambda content: content["events"][2].update(recorded_at="2026-11-23T17:00:01+00:00"),
}


@pytest.mark.parametrize("what", CHAINS_MADE_ANEW)
async def test_a_chain_made_anew_is_found(bundle: Path, what: str) -> None:
    """Whoever has the database, and no key, can make all hashes anew. Only the signature over the head shows it."""
    signed_anew(bundle, CHAINS_MADE_ANEW[what], Ed25519PrivateKey.generate())
    code, said = verified(bundle)
    assert (code, "not signed with this anchor key" in said, "follow" in said) == (DOES_NOT_HOLD, True, False)


@pytest.mark.parametrize("what", CHAINS_MADE_ANEW)
async def test_a_chain_made_anew_under_the_old_signature_is_found(bundle: Path, what: str) -> None:
    signature = files_of(bundle)["signature.json"]
    signed_anew(bundle, CHAINS_MADE_ANEW[what])
    packed(bundle, files_of(bundle) | {"signature.json": signature})
    code, said = verified(bundle)
    assert (code, "journey.json is not what was exported" in said) == (DOES_NOT_HOLD, True)


async def test_an_export_that_nobody_signed_does_not_hold(bundle: Path) -> None:
    files = files_of(bundle)
    del files["signature.json"]
    packed(bundle, files)
    code, said = verified(bundle)
    assert (code, "nobody signed this file" in said) == (DOES_NOT_HOLD, True)


async def test_an_older_register_is_not_the_one_that_was_exported(bundle: Path) -> None:
    """It would have the key of somebody as valid whose key is revoked."""
    packed(
        bundle, files_of(bundle) | {"register.json": published(EARLY.model_copy(update={"version": EARLY.version - 1}))}
    )
    assert verified(bundle)[0] == DOES_NOT_HOLD


def of_a_terminal(text: str) -> Callable[[dict[str, Any]], None]:
    """Everything that a file says and that is printed says this."""

    def change(content: dict[str, Any]) -> None:
        content.update(log=text, exported_at=text)
        for event in content["events"]:
            body = content_of(event)
            if body["body"]["kind"] != "signoff.signed":
                continue
            body["body"].update(name=text, meaning=text, decision=text)
            put(event, body)
            event.update(actor_role=text)

    return change


HIDING = (
    "\x1b\r\n\x07\x08\x7f\x85\x9b\xad\u202e\u2066\u200b\u2028\u2029"
    "\u3164\u115f\u1160\uffa0\u2800\ufe0f\u180b\U000e0041\U000e0100\ufeff\u034f"
)


async def test_what_it_prints_is_harmless(bundle: Path) -> None:
    signed_anew(bundle, of_a_terminal("a".join(HIDING) + "HOLDS" * 100))
    code, said = verified_by_a_stranger(bundle)
    assert code == DOES_NOT_HOLD
    assert not {*HIDING} - {"\n"} & {*said}
    assert not any(category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in said if letter != "\n")
    assert max(map(len, said.splitlines())) < 2000
    assert not [line for line in said.splitlines() if line.startswith("HOLDS")]


@given(st.text(max_size=300))
def test_a_value_is_shown_in_one_line_that_says_what_it_holds(text: str) -> None:
    said = verify_export.shown(text)
    assert said.isprintable()
    assert len(said) <= 10 * 201
    if text.isascii() and text.isprintable() and len(text) <= 200:
        assert said == text


def nested(bundle: Path) -> None:
    packed(bundle, files_of(bundle) | {"journey.json": b"[" * 200_000 + b"]" * 200_000})


def twice(bundle: Path) -> None:
    with zipfile.ZipFile(bundle, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("journey.json", "{}")


def of_many_files(bundle: Path) -> None:
    packed(bundle, files_of(bundle) | {f"{number}.json": b"{}" for number in range(100)})


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "another format": lambda bundle: changed(bundle, "journey.json", lambda content: content.update(format="another")),
    "an earlier format": lambda bundle: changed(
        bundle, "journey.json", lambda content: content.update(format="care-pathway/export/1")
    ),
    "nothing": lambda bundle: bundle.write_bytes(b""),
    "no file of ours": lambda bundle: bundle.write_bytes(b"nothing"),
    "no journey": lambda bundle: packed(bundle, {"register.json": b"{}"}),
    "a list": lambda bundle: packed(bundle, files_of(bundle) | {"journey.json": b"[]"}),
    "no JSON": lambda bundle: packed(bundle, files_of(bundle) | {"journey.json": b"\xff"}),
    "no events": lambda bundle: changed(bundle, "journey.json", lambda content: content.update(events=[])),
    "events of another kind": lambda bundle: changed(bundle, "journey.json", lambda c: c.update(events=[1, 2])),
    "a year that is none": lambda bundle: changed(
        bundle, "journey.json", lambda c: c["events"][2].update(occurred_at="0001-01-01T00:00:00+14:00")
    ),
    "a number that is none": lambda bundle: changed(
        bundle, "journey.json", lambda c: c["events"][2].update(schema_version=2**70)
    ),
    "a signature of another kind": lambda bundle: packed(bundle, files_of(bundle) | {"signature.json": b"[]"}),
    "deep": nested,
    "a name twice": twice,
    "many files": of_many_files,
    "a broken file": lambda bundle: bundle.write_bytes(bundle.read_bytes()[:-2000]),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_what_cannot_be_read_could_not_be_checked(bundle: Path, what: str) -> None:
    """It has an exit code of its own, and no traceback: Python's would say that it does not hold."""
    UNREADABLE[what](bundle)
    code, said = verified_by_a_stranger(bundle) if what in ("deep", "nothing") else verified(bundle)
    assert (code, "NOT BE CHECKED" in said, "HOLD" in said) == (NOT_CHECKED, True, False), said


async def test_a_small_file_that_unpacks_to_more_than_it_may_could_not_be_checked(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_export, "CONTENT_LIMIT", 2**20)
    packed(bundle, files_of(bundle) | {"journey.json": b" " * (2**20 + 1)})
    code, said = verified(bundle)
    assert (code, "journey.json is larger than it can be" in said) == (NOT_CHECKED, True)


@pytest.mark.program
def test_what_unfolds_beyond_what_memory_is_given_could_not_be_checked(tmp_path: Path) -> None:
    """A few kilobytes hold millions of empty lists."""
    packed(tmp_path / "small.zip", {"journey.json": b"[%s0]" % (b"[]," * 4_000_000), "register.json": b"{}"})
    assert (tmp_path / "small.zip").stat().st_size < 64 * 1024
    bounded = "import sys, verify_export as v; v.MEMORY_LIMIT = 2**28; v.bound_memory(); sys.exit(v.main(sys.argv[1:]))"
    told = subprocess.run(
        [sys.executable, "-c", bounded, tmp_path / "small.zip", *KEYS],
        cwd=Path(verify_export.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, "NOT BE CHECKED: it cannot be read (MemoryError)" in told.stdout) == (NOT_CHECKED, True)


@pytest.mark.parametrize(
    ("known", "most"),
    [
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), verify_export.MEMORY_LIMIT),
        ((2**30, resource.RLIM_INFINITY), 2**30),
        ((resource.RLIM_INFINITY, 2**31), 2**31),
    ],
)
def test_a_bound_of_memory_that_there_is_is_never_made_wider(
    monkeypatch: pytest.MonkeyPatch, known: tuple[int, int], most: int
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: known)
    monkeypatch.setattr(resource, "setrlimit", lambda _, bounds: told.append(bounds))
    verify_export.bound_memory()
    assert told == [(most, known[1])]


def test_where_the_system_takes_no_bound_of_memory_a_file_is_checked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As macOS does where more is reserved already."""

    def refuse(_what: int, _bounds: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    verify_export.bound_memory()


@pytest.mark.parametrize("keys", [("00", KEYS[1]), ("", ""), (KEYS[0], "zz" * 32), KEYS + KEYS])
async def test_what_is_no_key_checks_nothing(bundle: Path, keys: tuple[str, ...]) -> None:
    assert verified(bundle, *keys)[0] == NOT_CHECKED


def decision(content: dict[str, Any]) -> dict[str, Any]:
    return next(event for event in content["events"] if event["event_type"] == "signoff.signed")


def another_word(content: dict[str, Any]) -> None:
    event = decision(content)
    payload = content_of(event)
    payload["body"]["rationale"] = "Invented: another"
    put(event, payload)


def for_somebody_else(content: dict[str, Any]) -> None:
    event = decision(content)
    payload = content_of(event)
    payload["body"]["scope"]["patient"] = "another"
    put(event, payload)


def other_evidence(content: dict[str, Any]) -> None:
    version = str(decision(content)["version"])
    content["evidence"][version] = content["evidence"][version].replace("Invented", "invented")


def another_signer(content: dict[str, Any]) -> None:
    decision(content)["actor_id"] = "demo-medical-director"


def resent(content: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    command = content["commands"][3]
    payload = json.loads(base64.b64decode(command["payload"]))
    change(payload)
    command["payload"] = base64.b64encode(canonical(payload)).decode()


def another_sender(content: dict[str, Any]) -> None:
    resent(content, lambda payload: payload["decided"]["command"]["actor"].update(id="somebody"))


def another_build(content: dict[str, Any]) -> None:
    resent(content, lambda payload: payload["by"].update(core="f" * 64))


def swapped(content: dict[str, Any], *names: str) -> None:
    """Two events with what each other holds."""
    one, other = content["events"][3:5]
    for name in names:
        one[name], other[name] = other[name], one[name]


DOES_NOT_OPEN = "what it holds does not open with the key beside it"
FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a word of a decision": (another_word, "not made with this key over this decision"),
    "for whom it is": (for_somebody_else, "signed for another organisation, log, clinic, patient or state"),
    "the evidence": (other_evidence, "the evidence in this file is not what was signed"),
    "the signer": (another_signer, "the register has another person"),
    "an event left out": (lambda content: content["events"].pop(3), "events are missing before it"),
    "two events swapped": (lambda content: content["events"].insert(3, content["events"].pop(4)), "not in their order"),
    "two payloads swapped": (lambda content: swapped(content, "payload"), DOES_NOT_OPEN),
    "two payloads swapped with their keys": (lambda content: swapped(content, "payload", "key"), DOES_NOT_OPEN),
    "another key": (lambda content: content["events"][2].update(key="00" * 64), DOES_NOT_OPEN),
    "no key": (lambda content: content["events"][2].update(key=""), DOES_NOT_OPEN),
    "an opening without a key": (lambda content: content["events"][0].update(key=""), DOES_NOT_OPEN),
    "a payload in clear": (lambda content: content["events"][2].update(payload="e30="), DOES_NOT_OPEN),
    "a time": (
        lambda content: content["events"][2].update(occurred_at="2026-11-23T17:00:01Z"),
        "is not what was recorded",
    ),
    "a command left out": (lambda content: content["commands"].pop(3), "followed from is missing"),
    "a command twice": (
        lambda content: content["commands"].append(content["commands"][3]),
        "did not give these events",
    ),
    "a command of another person": (another_sender, "not the one that the event names"),
    "a command put off as another build's": (another_build, "not the one that the event names"),
    "commands that are none": (lambda content: content.update(commands=[1]), "the commands cannot be read"),
    "no log": (lambda content: content.update(log=None), "it does not say of which log it is"),
    "a cause": (lambda content: content["events"][2].update(causation_id=str(uuid4())), "is not what was recorded"),
}


async def test_whoever_unpacks_it_is_told_what_can_be_read_in_it(bundle: Path) -> None:
    told = " ".join(files_of(bundle)["README.txt"].decode().split())
    assert "Whoever has this file can read all of it" in told
    commands = json.loads(files_of(bundle)["journey.json"])["commands"]
    assert b"pathway.start" in base64.b64decode(commands[0]["payload"]), "and so it is"


@pytest.mark.parametrize("what", FORGERIES)
async def test_what_was_changed_does_not_hold(bundle: Path, what: str) -> None:
    change, says = FORGERIES[what]
    changed(bundle, "journey.json", change)
    code, said = verified_by_a_stranger(bundle) if what == "a word of a decision" else verified(bundle)
    assert (code, says in said) == (DOES_NOT_HOLD, True), said


OPENING = {"organisation": "Invented", "log": "a-log", "clinic": "a-clinic", "patient": {"ref": "a-patient"}}
SIGNED_FOR = {**OPENING, "demonstration": False, "patient": "a-patient", "state": "CA"}


@pytest.mark.parametrize("name", sorted(SIGNED_FOR))
def test_a_decision_for_another_place_or_patient_is_out_of_scope(name: str) -> None:
    body = {"scope": SIGNED_FOR, "licence": {"states": ["CA"]}}
    assert not verify_export.is_out_of_scope(body, OPENING, False)
    assert verify_export.is_out_of_scope({**body, "scope": {**SIGNED_FOR, name: "another"}}, OPENING, False)


def test_a_journey_of_another_organisation_or_log_is_elsewhere() -> None:
    keys = {"a-key": {"organisation": "Invented"}}
    assert not verify_export.is_elsewhere(OPENING, keys, "a-log")
    assert verify_export.is_elsewhere(OPENING, keys, "another")
    assert verify_export.is_elsewhere({**OPENING, "organisation": "Another"}, keys, "a-log")


async def test_a_register_of_somebody_else_makes_no_decision_hold(bundle: Path) -> None:
    stranger = key_of("another-clinic", 7)
    code, said = verified(bundle, stranger.public_key.hex(), KEYS[1])
    assert (code, said.count("\nHOLDS"), "not signed by this organisation" in said) == (DOES_NOT_HOLD, 0, True)
    changed(
        bundle,
        "register.json",
        lambda file: file["register"]["entries"][0].update(public_key=stranger.public_key.hex()),
    )
    assert verified(bundle)[0] == DOES_NOT_HOLD


def test_the_program_in_the_file_is_the_one_there_is(bundle: Path) -> None:
    assert files_of(bundle)["verify_export.py"] == VERIFIER.read_bytes()


async def test_an_unknown_journey_is_not_exported(record: Record) -> None:
    assert await export(record, uuid4(), published(EARLY), ANCHOR) is None


def test_the_program_needs_nothing_of_ours() -> None:
    tree = ast.parse(VERIFIER.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {"activities", "workflows", "application", "cli", "console", "deploy", "simulation", "tests"}
    assert not {name.partition(".")[0] for name in imported} & ours
