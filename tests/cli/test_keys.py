"""`keys`: ops make a keyring, and rotate both kinds of keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cli.errors import ExitCode
from deploy.local.postgres import Database
from tests.cli.helpers import World, call


@pytest.fixture
def ops(keys_database: Database, tmp_path: Path) -> World:
    world = World()
    made = call(world, "keys", "make", str(tmp_path / "mine.json"), "--json")
    assert json.loads(made.out)["master_key"]
    world.set(keys_url=SecretStr(keys_database.key_keeper_url), keyring_file=tmp_path / "mine.json")
    return world


def told(world: World, *words: str) -> Any:
    answer = call(world, "keys", *words, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_a_master_key_is_replaced_step_by_step(ops: World) -> None:
    [first] = told(ops, "list")
    assert first["current"]
    assert first["wraps"] == 1
    new = told(ops, "add")["master_key"]
    assert told(ops, "use", new) == {"current": new}
    assert call(ops, "keys", "drop", first["id"]).code == ExitCode.REFUSED
    assert told(ops, "rewrap") == {"wrapped_anew": 1}
    assert told(ops, "drop", first["id"]) == {"dropped": first["id"]}
    assert told(ops, "rotate") == {"new_keys": 1}
    assert told(ops, "list") == [{"id": new, "current": True, "wraps": 2, "here": True}]
    assert new in call(ops, "keys", "list").out


def test_who_has_the_role_of_a_process_wraps_no_key_anew(ops: World, keys_database: Database) -> None:
    told(ops, "use", told(ops, "add")["master_key"])
    ops.set(keys_url=SecretStr(keys_database.keys_url))
    refused = call(ops, "keys", "rewrap")
    assert (refused.code, "carepath_key_keeper" in refused.err) == (ExitCode.USAGE, True)
    assert told(ops, "rotate") == {"new_keys": 1}


def test_no_answer_shows_a_key(ops: World) -> None:
    keyring = ops.settings.keyring_file
    assert keyring is not None
    told(ops, "add")
    keys = json.loads(keyring.read_text())["keys"].values()
    for words in (("list",), ("rotate",), ("rewrap",), ("use", "none"), ("make", str(keyring)), ("drop", "none")):
        answer = call(ops, "keys", *words)
        assert not any(key in answer.out + answer.err for key in keys)


def test_what_is_missing_is_said_before_anything_is_done(ops: World) -> None:
    ops.set(keys_url=None)
    for verb in ("list", "rotate", "rewrap"):
        answer = call(ops, "keys", verb)
        assert answer.code == ExitCode.USAGE
        assert "CAREPATH_KEYS_URL" in answer.err
    ops.set(keys_url=SecretStr("postgresql://carepath_keys@127.0.0.1:1/none"))
    assert call(ops, "keys", "rotate").code == ExitCode.UNAVAILABLE
