"""An exported journey is verified by the program it comes with, and by nothing of ours."""

import ast
import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from activities.record import Record
from activities.record.export import VERIFIER, export
from tests.journey.play import JOURNEY
from tests.signatures.recorded import EARLY, history, keep, rows, sign_offs
from tests.signatures.room import ORGANISATION, key_of, published


@pytest.fixture
async def bundle(record: Record, tmp_path: Path) -> Path:
    await keep(record, rows(history()))
    content = await export(record, JOURNEY, published(EARLY))
    assert content is not None
    path = tmp_path / "journey.zip"
    path.write_bytes(content)
    return path


def verified(bundle: Path, organisation_key: bytes = ORGANISATION.public_key) -> tuple[int, str]:
    """As a stranger does it: with the program from the file, where nothing of ours can be imported."""
    program = bundle.with_name("verify_export.py")
    with zipfile.ZipFile(bundle) as opened:
        program.write_bytes(opened.read("verify_export.py"))
    ran = subprocess.run(
        [sys.executable, "-I", program, bundle, organisation_key.hex()],
        cwd=bundle.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def changed(bundle: Path, name: str, change: Callable[[Any], None]) -> None:
    with zipfile.ZipFile(bundle) as opened:
        files = {entry: opened.read(entry) for entry in opened.namelist()}
    content = json.loads(files[name])
    change(content)
    files[name] = json.dumps(content).encode()
    with zipfile.ZipFile(bundle, "w") as rewritten:
        for entry, data in files.items():
            rewritten.writestr(entry, data)


async def test_a_journey_as_it_was_recorded_holds(bundle: Path) -> None:
    code, said = verified(bundle)
    assert (code, said.count(": HOLDS")) == (0, len(sign_offs()))
    assert said.endswith(f"{len(history())} events, {len(sign_offs())} decisions, 0 faults.\n")


def decision(content: dict[str, Any]) -> dict[str, Any]:
    return next(event for event in content["events"] if event["event_type"] == "signoff.signed")


def another_word(content: dict[str, Any]) -> None:
    event = decision(content)
    payload = json.loads(base64.b64decode(event["payload"]))
    payload["body"]["rationale"] = "Invented: another"
    event["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()


def other_evidence(content: dict[str, Any]) -> None:
    version = str(decision(content)["version"])
    content["evidence"][version] = content["evidence"][version].replace("Invented", "invented")


def another_signer(content: dict[str, Any]) -> None:
    decision(content)["actor_id"] = "demo-medical-director"


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a word of a decision": (another_word, "not made with this key over this decision"),
    "the evidence": (other_evidence, "the evidence in this file is not what was signed"),
    "the signer": (another_signer, "the register has another person"),
    "an event left out": (lambda content: content["events"].pop(3), "events are missing before it"),
    "two events swapped": (lambda content: content["events"].insert(3, content["events"].pop(4)), "not in their order"),
    "a time": (
        lambda content: content["events"][2].update(occurred_at="2026-11-23T17:00:01Z"),
        "is not what was recorded",
    ),
    "a cause": (lambda content: content["events"][2].update(causation_id=str(uuid4())), "is not what was recorded"),
}


@pytest.mark.parametrize("what", FORGERIES)
async def test_what_was_changed_does_not_hold(bundle: Path, what: str) -> None:
    change, says = FORGERIES[what]
    changed(bundle, "journey.json", change)
    code, said = verified(bundle)
    assert (code, says in said) == (1, True), said


async def test_a_register_of_somebody_else_makes_no_decision_hold(bundle: Path) -> None:
    stranger = key_of("another-clinic", 7)
    code, said = verified(bundle, stranger.public_key)
    assert (code, said.count(": HOLDS"), "not signed by this organisation" in said) == (1, 0, True)
    changed(
        bundle,
        "register.json",
        lambda file: file["register"]["entries"][0].update(public_key=stranger.public_key.hex()),
    )
    assert verified(bundle)[0] == 1


def test_what_is_no_export_is_said_to_be_none(bundle: Path) -> None:
    changed(bundle, "journey.json", lambda content: content.update(format="another"))
    assert verified(bundle)[0] == 2
    program = bundle.with_name("verify_export.py")
    program.write_bytes(VERIFIER.read_bytes())
    bundle.write_bytes(b"nothing")
    ran = subprocess.run([sys.executable, "-I", program, bundle, "00"], check=False, capture_output=True)
    assert ran.returncode == 2


async def test_an_unknown_journey_is_not_exported(record: Record) -> None:
    assert await export(record, uuid4(), published(EARLY)) is None


def test_the_program_needs_nothing_of_ours() -> None:
    tree = ast.parse(VERIFIER.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {"activities", "workflows", "application", "cli", "deploy", "simulation", "tests"}
    assert not {name.partition(".")[0] for name in imported} & ours
