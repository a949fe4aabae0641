"""`record verify` on a real record: what is right passes, what is not is told, what cannot be checked does not pass."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import SecretStr

from activities.record import RecordUnavailable
from activities.record.event_codec import to_new
from activities.record.store import Record
from activities.record.stored import SeenRegister
from activities.record.verification.anchors import Flaw, make_key, read_key
from activities.record.verification.chains import AccessFlaw, Kind
from activities.record.verification.derivation import Underived
from activities.record.verification.patients import Difference
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import Reason, trusted_keys
from activities.record.verification.times import WrongTime
from activities.signatures.register_file import content_hash
from application.record import verification_report as reports
from application.record.drift import Drift
from cli import record as cli_record
from deploy.local.postgres import Database
from tests.cli.helpers import Answer, call
from tests.cli.on_record import ProofWorld, as_superuser
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.journey.play import JOURNEY
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, course_of, put_course, renamed
from tests.signatures.recorded import EARLY, history, keep, only, rows, sign_offs, signature_of
from tests.signatures.room import ORGANISATION, published

ROOT = Path(__file__).parents[2]
HALF = 100
ANOTHER = UUID("6a0a1c8e-3f5e-4b7c-9d5a-333333333333")


@pytest.fixture
def register(tmp_path: Path) -> Path:
    path = tmp_path / "register.json"
    path.write_bytes(published(EARLY))
    return path


@pytest.fixture
def world(migrated: Database, register: Path) -> ProofWorld:
    return ProofWorld(migrated, register)


def verify(world: ProofWorld, *words: str) -> Answer:
    """The command, with Temporal left out: it is down."""
    return call(world, "record", "verify", *words, "--without", "workflows", "--without", "derivation", "--json")


def places(answer: Answer) -> set[tuple[int, str]]:
    """Where something was found, in any journey."""
    return {(finding["position"], finding["reason"]) for finding in answer.json["findings"]}


def found(answer: Answer) -> set[tuple[int, str]]:
    assert {finding["journey_id"] for finding in answer.json["findings"]} <= {str(JOURNEY)}
    return {(finding["version"], finding["reason"]) for finding in answer.json["findings"]}


def test_a_signed_record_is_verified_with_temporal_down(world: ProofWorld) -> None:
    world.kept(rows(history()))
    for words in ((), (str(JOURNEY),)):
        answer = verify(world, *words)
        assert (answer.code, answer.err) == (0, "")
        said = answer.json
        assert len(said.pop("log_hash") or "0" * 64) == len(said.pop("register")) == 64
        assert datetime.fromisoformat(said.pop("at")) == world.at
        assert said.pop("looks") == (None if words else 0)
        assert said.pop("late") is None  # the times of a demonstration may be invented
        assert said | {"journey_id": None} == {
            "format": "care-pathway/report/1",
            "program": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
            "verified": True,
            "journey_id": None,
            "since": None,
            "position": len(history()),
            "anchored": None,
            "events": len(history()),
            "journeys": 1,
            "illustrative": 1,
            "sign_offs": len(sign_offs()),
            "schema": [],
            "read_models": 0,
            "workflows": None,
            "derived": None,
            "not_derived": [],
            "by_builds": [],
            "demonstration": True,
            "left_out": ["derivation", "workflows"],
            "not_checked": [],
            "findings": [],
        }
    people = call(world, "record", "verify", "--without", "workflows", "--without", "derivation")
    assert people.code == 0
    assert "left out: derivation, workflows" in people.out
    assert "ILLUSTRATIVE" in people.out
    assert "right" in people.out


def test_an_empty_record_is_verified(world: ProofWorld) -> None:
    answer = verify(world)
    assert (answer.code, answer.json["events"], answer.json["position"]) == (0, 0, 0)


def test_a_forged_decision_is_found_and_told(world: ProofWorld) -> None:
    last = sign_offs()[-1]
    world.kept(rows(history(), body=only(last.version, lambda body: body.update(rationale="another reason"))))
    answer = verify(world)
    assert (answer.code, answer.json["verified"]) == (7, False)
    assert found(answer) == {(last.version, "bad_signature")}
    [finding] = answer.json["findings"]
    assert (finding["position"], finding["meaning"]) == (last.version, reports.MEANINGS["bad_signature"])
    people = call(world, "record", "verify", str(JOURNEY), "--without", "workflows", "--without", "derivation")
    assert people.code == 7
    for shown in ("NOT VERIFIED: 1 finding", str(JOURNEY), "bad_signature", "changed or copied"):
        assert shown in people.out
    assert "another reason" not in people.out + people.err


def test_a_row_changed_by_a_superuser_is_found_twice(world: ProofWorld, migrated: Database) -> None:
    """The chain shows that it was changed, the signature what that was."""
    last = sign_offs()[-1].version
    world.kept(rows(history()))
    as_superuser(migrated, f"UPDATE record.journey_event SET actor_id = 'demo-mallory' WHERE position = {last}")
    for words in ((), (str(JOURNEY),)):
        answer = verify(world, *words)
        assert answer.code == 7
        assert found(answer) == {(last, "content"), (last, "bad_signature"), (last, "wrong_person")}


def test_an_event_removed_is_found_where_it_was(world: ProofWorld, migrated: Database) -> None:
    world.kept(rows(history()))
    gone = len(history()) - 1
    as_superuser(migrated, f"DELETE FROM record.journey_event WHERE position = {gone}")
    whole = found(verify(world))
    assert {(gone + 1, reason) for reason in ("position", "version", "journey_chain", "log_chain")} <= whole
    alone = found(verify(world, str(JOURNEY)))
    assert {(gone + 1, reason) for reason in ("version", "journey_chain")} <= alone
    assert not {reason for _, reason in alone} & {"position", "log_chain"}


def test_one_journey_is_not_another(world: ProofWorld) -> None:
    world.kept(rows(history(), signature=lambda _event: None))
    assert verify(world, str(JOURNEY)).code == 7
    unknown = verify(world, str(ANOTHER))
    assert (unknown.code, unknown.error["journey_id"]) == (3, str(ANOTHER))
    assert verify(world, "not-an-id").code == 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"register_file": None}, "where the register is"),
        ({"organisation_key": None}, "by which key"),
        ({"organisation_key": "ab" * 32}, "not signed by this organisation's key"),
    ],
    ids=["no register", "no key", "another key"],
)
def test_what_cannot_be_checked_is_no_pass(world: ProofWorld, settings: dict[str, Any], reason: str) -> None:
    world.kept(rows(history()))
    world.set(**settings)
    answer = verify(world)
    assert (answer.code, answer.json["verified"], answer.json["sign_offs"]) == (7, False, None)
    assert (answer.json["findings"], answer.json["events"]) == ([], len(history()))
    [unchecked] = answer.json["not_checked"]
    assert (unchecked["part"], reason in unchecked["reason"]) == ("sign-offs", True)
    people = call(world, "record", "verify", "--without", "workflows", "--without", "derivation")
    assert people.code == 7
    assert "the sign-offs were not checked" in people.out
    assert reason in people.out + people.err
    assert verify(world, "--without", "sign-offs").code == 0


def test_the_register_can_be_named(world: ProofWorld, register: Path) -> None:
    world.kept(rows(history()))
    elsewhere = register.rename(register.with_name("newest.json"))
    assert "no register" in verify(world).json["not_checked"][0]["reason"]
    assert verify(world, "--register", str(elsewhere)).code == 0
    elsewhere.write_text("{}")
    unreadable = verify(world, "--register", str(elsewhere))
    assert (unreadable.code, "not readable" in unreadable.json["not_checked"][0]["reason"]) == (7, True)


def test_a_row_that_is_no_event_stops_nothing_else(world: ProofWorld, migrated: Database) -> None:
    world.kept(rows(history()))
    as_superuser(
        migrated,
        "UPDATE record.journey_event SET event_type = '', schema_version = -1 WHERE position = 3",
    )
    answer = verify(world)
    assert answer.code == 7
    assert (3, "content") in found(answer)
    assert answer.json["not_checked"] == [], "the sign-offs around it are judged all the same"


def test_a_record_that_cannot_be_reached(world: ProofWorld) -> None:
    world.set(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))
    answer = verify(world)
    assert answer.code == 6
    assert "nobody" not in answer.err


def test_a_database_without_a_record(database: Database, register: Path) -> None:
    assert verify(ProofWorld(database, register)).code == 1


def test_every_reason_has_a_sentence() -> None:
    kinds = (Kind, AccessFlaw, Reason, Flaw, Difference, Underived, WrongTime)
    reasons = {reason for each in kinds for reason in get_args(each)}
    reasons |= {"register_put_back", "head_differs", "rows_differ", "rows_stale", "notice_lost", "notice_differs"}
    reasons |= {"key_of_another", "schema_differs"}
    reasons |= {f"workflow_{drift}" for drift in Drift}
    assert set(reports.MEANINGS) == reasons
    assert all(meaning.endswith(".") for meaning in reports.MEANINGS.values())


def seen(world: ProofWorld, *registers: tuple[int, bytes]) -> None:
    async def now(record: Record) -> None:
        for each in registers:
            await record.see_register(SeenRegister(*each))

    world.on_record(now)


def test_a_register_that_was_put_back_is_found(world: ProofWorld, register: Path, tmp_path: Path) -> None:
    world.kept(rows(history()))
    known = EARLY.version, content_hash(register.read_bytes())
    seen(world, known)
    assert verify(world).code == 0
    newer = EARLY.model_copy(update={"version": EARLY.version + 1, "issued_at": EARLY.issued_at})
    seen(world, (newer.version, content_hash(published(newer))))
    for words in ((), (str(JOURNEY),), ("--register", str(register))):
        answer = verify(world, *words)
        assert (answer.code, [f["reason"] for f in answer.json["findings"]]) == (7, ["register_put_back"])
    other = published(newer.model_copy(update={"organisation": "Another Clinic"}))
    register.write_bytes(other)
    assert places(verify(world)) == {(0, "register_put_back")}
    register.write_bytes(published(newer))
    assert verify(world).code == 0


def test_an_end_that_was_cut_off_is_found_by_an_anchor(world: ProofWorld, migrated: Database, tmp_path: Path) -> None:
    world.kept(rows(history()))
    end, anchors = len(history()), tmp_path / "anchors"
    anchors.mkdir()
    world.set(anchors_dir=anchors)
    assert verify(world).code == 2
    world.set(anchor_public_key=make_key(tmp_path / "anchor.key").hex())
    assert "no anchor" in call(world, "record", "verify").err
    world.anchored(read_key(tmp_path / "anchor.key"))
    answer = verify(world)
    assert (answer.code, answer.json["anchored"]) == (0, end)
    assert f"position {end}" in call(world, "record", "verify").out
    as_superuser(
        migrated,
        f"DELETE FROM record.journey_event WHERE position = {end};"
        "UPDATE record.journey SET (version, last_position, journey_hash, status) = "
        "(SELECT version, position, journey_hash, 'open' FROM record.journey_event ORDER BY position DESC LIMIT 1)",
    )
    cut = verify(world)
    assert cut.code == 7
    [finding] = cut.json["findings"]
    assert (finding["position"], finding["reason"], finding["journey_id"]) == (end, "log_cut", None)


def test_people_are_told_how_far_it_is(world: ProofWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.kept(rows(history(), signature=signature_of))
    monkeypatch.setattr(cli_record, "TOLD_EVERY", 0.0)
    assert f"{len(history())} events judged" in call(world, "record", "verify").err
    assert verify(world).err == ""


@pytest.fixture
def anchored(world: ProofWorld, tmp_path: Path) -> ProofWorld:
    """The first half of the course, and an anchor; then the rest, and another journey's beginning."""
    (tmp_path / "anchors").mkdir()
    public_key = make_key(tmp_path / "key").hex()
    world.set(anchors_dir=tmp_path / "anchors", anchor_public_key=public_key)
    made = rows(history())
    world.kept(made[:HALF])
    world.anchored(read_key(tmp_path / "key"))
    world.kept(made[HALF:], after=HALF)
    world.kept([to_new(event) for event in renamed(course_of("ANXIETY")[:3], ANOTHER)], ANOTHER)
    return world


def test_only_what_came_since_an_anchor_is_read(anchored: ProofWorld, migrated: Database) -> None:
    end = len(history()) + 3
    for anchor in ("newest", str(HALF)):
        answer = verify(anchored, "--since-anchor", anchor)
        said = answer.json
        assert (answer.code, said["findings"]) == (0, [])
        assert (said["since"]["position"], said["position"], said["events"]) == (HALF, end, end - HALF)
        # Both journeys went on since: their decisions are judged from their beginnings.
        assert (said["journeys"], said["sign_offs"]) == (2, len(sign_offs()))
    people = call(
        anchored, "record", "verify", "--since-anchor", "newest", "--without", "workflows", "--without", "derivation"
    )
    assert f"before position {HALF} is taken as the anchor has it" in people.err
    as_superuser(migrated, f"UPDATE record.journey_event SET actor_id = 'x' WHERE position = {end}")
    assert places(verify(anchored, "--since-anchor", "newest")) == {(end, "content")}


def test_since_an_anchor_what_was_cut_off_behind_it_is_found_by_its_head(
    anchored: ProofWorld, migrated: Database
) -> None:
    as_superuser(migrated, f"DELETE FROM record.journey_event WHERE journey_id = '{ANOTHER}'")
    assert places(verify(anchored, "--since-anchor", "newest")) == {(0, "head")}


def test_there_has_to_be_an_anchor_to_read_since(anchored: ProofWorld, migrated: Database) -> None:
    assert verify(anchored, "--since-anchor", "7").code == 7
    for odd in ("latest", "07", "7_0"):
        assert verify(anchored, "--since-anchor", odd).code == 2
    assert verify(anchored, str(JOURNEY), "--since-anchor", "newest").code == 2
    assert verify(anchored, "--since-anchor", "newest", "--without", "anchors").code == 2
    as_superuser(migrated, f"UPDATE record.journey_event SET log_hash = sha256('x') WHERE position = {HALF}")
    answer = verify(anchored, "--since-anchor", "newest")
    assert (answer.code, "does not agree" in answer.error["reason"]) == (7, True)


def test_a_report_is_signed_whatever_it_says_and_a_stranger_can_check_it(
    world: ProofWorld, migrated: Database, tmp_path: Path
) -> None:
    world.kept(rows(history()))
    public_key, key = make_key(tmp_path / "key").hex(), str(tmp_path / "key")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    answer = verify(world, "--report", str(good), "--key", key)
    assert (answer.code, stranger(good, public_key)) == (0, 0)
    assert json.loads(good.read_text())["report"] == answer.json
    assert verify(world, "--report", str(good), "--key", key).code == 5, "nothing is overwritten"

    as_superuser(migrated, "UPDATE record.journey_event SET actor_id = 'x' WHERE position = 3")
    assert verify(world, "--report", str(bad), "--key", key).code == 7
    assert json.loads(bad.read_text())["report"]["findings"][0]["position"] == 3
    assert stranger(bad, public_key) == 1

    assert stranger(good, make_key(tmp_path / "another").hex()) == 1
    good.write_text(good.read_text().replace('"findings":[]', '"findings":[1]'))
    assert stranger(good, public_key) == 1
    assert stranger(tmp_path / "key", public_key) == 2
    assert verify(world, "--report", str(tmp_path / "new")).code == 2
    assert verify(world, "--report", str(tmp_path / "new"), "--key", str(bad)).code == 2


def stranger(report: Path, public_key: str) -> int:
    """The exit code of the program that anybody can have, where nothing of ours can be imported."""
    program = ROOT / "activities" / "record" / "verification" / "verify_export.py"
    return subprocess.run(
        [sys.executable, "-I", program, report, public_key], capture_output=True, check=False
    ).returncode


def test_what_temporal_runs_is_a_part_of_it(world: ProofWorld) -> None:
    world.kept(rows(history()))
    answer = call(world, "record", "verify", "--without", "derivation", "--json")
    assert (answer.code, [each["part"] for each in answer.json["not_checked"]]) == (7, ["workflows"])
    people = call(world, "record", "verify", "--without", "derivation")
    assert "the workflows were not checked" in people.out
    assert "Temporal cannot be reached" in people.out + people.err


def test_a_stale_journey_is_told(world: ProofWorld, migrated: Database) -> None:
    world.kept(rows(history(), columns=lambda event: {"payload": b"{}"} if event.version == 20 else {}))
    world.project()
    assert (20, "rows_stale") in found(verify(world))
    assert (20, "rows_stale") in found(verify(world, str(JOURNEY)))


def test_lists_of_another_version_are_not_compared(world: ProofWorld, migrated: Database) -> None:
    as_superuser(migrated, "UPDATE read_model.generation SET definition = 0")
    answer = verify(world)
    assert (answer.code, [each["part"] for each in answer.json["not_checked"]]) == (7, ["read-models"])
    assert verify(world, "--without", "read-models").code == 0


async def test_several_processes_find_what_one_does(
    migrated: Database, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = trusted_keys(published(EARLY), ORGANISATION.public_key)
    async with open_clear(everything(migrated)) as record:
        await keep(record, rows(history(), signature=lambda _event: None))
        await put_course(record)
        await catch_up(record)
        await owner.execute("UPDATE read_model_1.caseload SET clinician = 'demo-mallory'")
        verify_in_sections = partial(verify_record, record, keys=keys, section=70)
        alone = await verify_in_sections(read_models=True)
        assert {"unsigned", "rows_stale", "rows_differ", "wrong_evidence"} <= {each.reason for each in alone.findings}
        assert await verify_in_sections(read_models=True, alone=0) == alone
        record.reopen = partial(open_clear, "postgresql://nobody@127.0.0.1:1/none")
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
        with pytest.raises(RecordUnavailable, match=r"the record is unavailable \([^()]+\)"):
            await verify_in_sections(alone=0)
