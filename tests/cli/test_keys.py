"""`keys`: ops make a keyring, and rotate both kinds of keys."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
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
    [first] = told(ops, "list")["masters"]
    assert first["current"]
    assert first["wraps"] == 2
    new = told(ops, "add")["master_key"]
    assert told(ops, "use", new) == {"current": new}
    assert call(ops, "keys", "drop", first["id"]).code == ExitCode.REFUSED
    assert told(ops, "rewrap") == {"wrapped_anew": 2}
    assert told(ops, "drop", first["id"]) == {"dropped": first["id"]}
    assert told(ops, "rotate") == {"new_keys": 1}
    assert told(ops, "list")["masters"] == [{"id": new, "current": True, "wraps": 3, "here": True}]
    assert new in call(ops, "keys", "list").out


def run(url: str, statement: str, *given: object) -> None:
    async def once() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement, *given)
        finally:
            await connection.close()

    asyncio.run(once())


def test_a_master_key_is_dropped_past_what_was_never_a_key_and_not_before_what_does_not_open(
    ops: World, keys_database: Database
) -> None:
    [first] = told(ops, "list")["masters"]
    forged = uuid4()
    add = "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ('patient/new', 1, $1, $2, '')"
    run(keys_database.keys_url, add, forged, first["id"])
    told(ops, "use", new := told(ops, "add")["master_key"])
    assert told(ops, "rotate") == {"new_keys": 2}
    assert told(ops, "rewrap") == {"wrapped_anew": 2}
    # A row that somebody altered, who could: a master key that stands at none may be the one that opens it.
    alter = "UPDATE keys.data_key SET master = $1 WHERE subject = 'service' AND number = 1"
    run(keys_database.owner_url, alter, "altered")
    ops.set(keys_url=SecretStr(keys_database.key_keeper_url))
    refused = call(ops, "keys", "drop", first["id"])
    assert (refused.code, "do not open" in refused.err) == (ExitCode.REFUSED, True), refused.err
    run(keys_database.owner_url, alter, new)
    assert told(ops, "list")["forged"] == [str(forged)]
    assert str(forged) in call(ops, "keys", "list").out
    assert told(ops, "drop", first["id"]) == {"dropped": first["id"], "forged": [str(forged)]}


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
