"""What lies in clear in the database is listed: a column that is added is looked at, and is named or encrypted."""

import re
from importlib.resources import files
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "threat-model.md").read_text()
TABLES = files("activities.record") / "schema" / "tables"
OF_NO_JOURNEY = {
    *("read_model.generation", "record.access_seal", "record.lock", "record.log", "record.reconciliation"),
    *("record.register", "record.verification", "watch.look"),
}
"""Tables that hold nothing of anybody."""
NOTHING = {"state", "content", "payload", "event_id", "schema_version", "command_id", "causation_id"}
"""Columns that are encrypted, or that say nothing of anybody."""
HASHES = {"content_hash", "journey_hash", "log_hash", "last_position"}


def tables() -> set[str]:
    return {path.name.removesuffix(".sql") for path in TABLES.iterdir()}


def columns(table: str) -> list[str]:
    sql = (TABLES / f"{table}.sql").read_text()
    [definition] = re.findall(r"^CREATE TABLE [a-z_.]+ \(\n(.*?)^\)", sql, re.M | re.S)
    return re.findall(r"^    ([a-z_]+) ", definition, re.M)


def test_every_column_that_lies_in_clear_is_named() -> None:
    section = PAGE.partition("## What lies in clear in the database")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    found = {table: columns(table) for table in tables() - OF_NO_JOURNEY}
    assert all(found.values())
    known = {each for names in found.values() for each in names}
    assert known - named - NOTHING - HASHES == set()
    assert tables() > OF_NO_JOURNEY
