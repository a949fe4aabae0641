"""What lies in clear in the database is listed: a column that is added is looked at, and is named or encrypted."""

import re
from importlib.resources import files
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "threat-model.md").read_text()
TABLES = files("activities.record") / "schema" / "tables"
LISTED = (
    *("record.journey_event", "record.journey", "record.enrolment"),
    *(f"read_model_shape.{name}" for name in ("audience", "caseload", "obligation", "poisoned", "snapshot")),
    "read_model_shape.status_history",
)
NOTHING = {"state", "payload", "event_id", "schema_version", "command_id", "causation_id"}
"""Columns that are encrypted, or that say nothing of anybody."""
HASHES = {"content_hash", "journey_hash", "log_hash", "last_position"}


def columns(table: str) -> list[str]:
    found = re.findall(
        r"^    ([a-z_]+) +(?:text|uuid|bigint|smallint|integer|bool|timestamptz|bytea)", sql(table), re.M
    )
    assert len(found) > 4, table
    return found


def sql(table: str) -> str:
    return (TABLES / f"{table}.sql").read_text()


def test_every_column_that_lies_in_clear_is_named() -> None:
    section = PAGE.partition("## What lies in clear in the database")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    known = {each for table in LISTED for each in columns(table)}
    assert known - named - NOTHING - HASHES == set()
    assert {path.name.removesuffix(".sql") for path in TABLES.iterdir() if "shape" in path.name} <= {*LISTED}
