"""Everything that is decided is signed, in a format that cannot change unnoticed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from activities.record.verification import sign_offs as offline
from activities.signatures.keys import key_id_of, new_seal, sign, unlock
from activities.signatures.register_file import parse
from activities.signatures.verifying import check
from tests.journey.play import course
from tests.signatures.room import CLIO, CLIO_KEY, JOURNEY, NOW, ORGANISATION, SCOPE, key_of, signed, statement
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.sign_offs.statements import of_command, of_event
from workflows.journey.vocabulary.actors import Actor, Licence, Role
from workflows.journey.vocabulary.signed_statement import (
    Meaning,
    ProtocolStatement,
    Signature,
    SignatureHeader,
    Statement,
)
from workflows.protocols import list_shipped, load

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


def test_the_format_has_not_changed() -> None:
    for name, model in (("sign_off", Statement), ("protocol", ProtocolStatement)):
        example = GOLDEN[name]
        key = key_of(example["statement"]["signer"]["id"], example["seed"])
        built = model.model_validate(example["statement"])
        assert built.signed_bytes().decode() == example["signed"]
        assert sign(key, built).value == example["value"]
        assert key_id_of(key.public_key) == key.key_id == example["statement"]["seal"]["key_id"]


def test_the_golden_register_still_reads_and_the_golden_signature_counts() -> None:
    file = json.dumps(GOLDEN["register"]).encode()
    read = parse(file, ORGANISATION.public_key)
    example = GOLDEN["sign_off"]
    decided = Statement.model_validate(example["statement"])
    value = Signature(**decided.seal.model_dump(), value=example["value"])
    assert check(decided, value, read, at=NOW, scope=decided.scope) is None
    assert set(offline.trusted_keys(file, ORGANISATION.public_key)) == {entry.key_id for entry in read.entries}


def test_a_key_file_of_today_opens_tomorrow(tmp_path: Path) -> None:
    example, path = GOLDEN["key_file"], tmp_path / "key.json"
    path.write_text(json.dumps(example["content"]))
    path.chmod(0o600)
    assert unlock(path, example["passphrase"]).public_key.hex() == example["public_key"]


def test_the_golden_bytes_are_canonical_json_of_every_field() -> None:
    for name in ("sign_off", "protocol"):
        text = GOLDEN[name]["signed"]
        assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


def test_nothing_that_a_decision_consists_of_is_left_out() -> None:
    """A field that is added to the command must be added to what is signed, or the next format begun."""
    content = json.loads(statement().signed_bytes())
    assert set(c.Sign.model_fields) - {"kind", "signature"} <= set(content)
    assert set(content["signer"]) == set(Actor.model_fields) - {"clinics"}
    assert set(content["signer"]["licence"]) == set(Licence.model_fields)
    assert set(SignatureHeader.model_fields) <= set(content)


def test_command_and_recorded_event_tell_the_same_statement() -> None:
    played = course("PTSD")
    by_command = {event.command_id: event for event in played.events if isinstance(event.body, e.SignedOff)}
    moves = [command for _, command, _ in played.moves if isinstance(command.body, c.Sign)]
    assert len(moves) == len(by_command) > 5
    for command in moves:
        seal = new_seal("key", NOW)
        body = cast("c.Sign", command.body)
        asked = of_command(played.journey.id, played.journey.scope, body, command.actor, seal)
        assert asked == of_event(by_command[command.command_id], seal)
        signature = Signature(**seal.model_dump(), value="0" * 128)
        assert of_command(played.journey.id, played.journey.scope, body, command.actor, signature) == asked


def test_a_statement_has_a_name_a_licence_and_a_meaning_that_exists() -> None:
    body = c.Sign(request="plan:1", decision="approve", meaning="plan_approved", evidence="e" * 64)
    seal = new_seal(CLIO_KEY.key_id, NOW)
    for missing in ("name", "licence"):
        with pytest.raises(ValueError, match="printed name and a licence"):
            of_command(JOURNEY, SCOPE, body, CLIO.model_copy(update={missing: None}), seal)
    with pytest.raises(ValueError, match="Meaning"):
        of_command(JOURNEY, SCOPE, body.model_copy(update={"meaning": "whatever"}), CLIO, seal)
    other = course("PTSD").events[0]
    with pytest.raises(ValueError, match="nobody signed this"):
        of_event(other, seal)


def test_every_meaning_of_the_shipped_protocols_is_on_the_list() -> None:
    meanings = {rule.meaning for path in list_shipped() for rule in load(path).sign_offs.values()}
    assert meanings <= set(Meaning)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", "00" * 63),
        ("value", "AA" * 64),
        ("nonce", "n"),
        ("key_id", "a b"),
        ("signed_at", datetime(2026, 11, 23)),  # noqa: DTZ001 - the point
        ("more", 1),
    ],
)
def test_a_malformed_signature_is_none(field: str, value: Any) -> None:
    _, good = signed()
    with pytest.raises(ValidationError) as raised:
        Signature.model_validate(good.model_dump() | {field: value})
    assert "input_value" not in str(raised.value)


def test_only_its_owner_signs_with_a_key() -> None:
    with pytest.raises(ValueError, match="only for its owner"):
        sign(key_of("demo-somebody-else", 1), statement())
    with pytest.raises(ValueError, match="only for its owner"):
        sign(key_of(CLIO.id, 99), statement())


def test_role_and_person_stand_apart_in_what_is_signed() -> None:
    other = statement(signer=statement().signer.model_copy(update={"role": Role.MEDICAL_DIRECTOR}))
    assert other.signed_bytes() != statement().signed_bytes()
