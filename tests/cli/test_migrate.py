"""`record migrate`: the owners make both databases, and bring them up to date."""

from pydantic import SecretStr

from cli.errors import ExitCode
from deploy.local.postgres import Database
from tests.cli.helpers import OPS, World, call


def as_owner(record: Database | None = None, keys: Database | None = None) -> World:
    world = World()
    owners = {"owner_url": record, "keys_owner_url": keys}
    world.set(demonstration=False, **{name: SecretStr(each.owner_url) for name, each in owners.items() if each})
    return world


def test_both_databases_are_made_once(database: Database) -> None:
    owner = as_owner(database, database)
    made = call(owner, "record", "migrate", "--json")
    assert made.code == 0, made.err
    assert made.json["key_store"] == ["key_store.sql"]
    assert "tables/record.journey_event.sql" in made.json["record"]
    again = call(owner, "record", "migrate")
    assert (again.code, again.out) == (0, "key store: up to date\nrecord: up to date\n")
    assert "was made for patients" in call(World(database, profile=OPS), "record", "models").err


def test_who_names_no_owner_is_told_so() -> None:
    answer = call(as_owner(), "record", "migrate")
    assert answer.code == ExitCode.USAGE
    assert "CAREPATH_OWNER_URL" in answer.err


def test_whoever_may_not_make_it_makes_nothing(database: Database) -> None:
    world = World()
    world.set(owner_url=SecretStr(database.reader_url))
    answer = call(world, "record", "migrate", "--json")
    assert answer.code == ExitCode.UNAVAILABLE
    assert "the record cannot be changed" in answer.err
    world.set(owner_url=SecretStr("postgresql://carepath_owner@127.0.0.1:1/none"))
    assert call(world, "record", "migrate").code == ExitCode.UNAVAILABLE
