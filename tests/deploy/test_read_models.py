"""The commands for read models: what they say, and how they end."""

from uuid import uuid4

import asyncpg
import pytest

from activities.record import Record
from deploy.local.postgres import Database
from deploy.read_models import act, main
from tests.record.helpers import event
from tests.record.read_models.courses import catch_up, put_course


async def test_all_is_well(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    journey = await put_course(record, 20)
    assert await act(record, ["rebuild"]) == 0
    assert await act(record, ["roll-back"]) == 0
    assert await act(record, ["retry", str(journey)]) == 0
    assert "Read models 2 are live; " in capsys.readouterr().out
    assert await act(record, ["check"]) == 0
    assert capsys.readouterr().out == ""


async def test_what_is_wrong_is_named(record: Record, migrated: Database, capsys: pytest.CaptureFixture[str]) -> None:
    journey, stuck = await put_course(record, 20), uuid4()
    await record.append(stuck, 0, [event()])
    await catch_up(record)
    owner = await asyncpg.connect(migrated.owner_url)
    await owner.execute("UPDATE read_model_1.caseload SET clinic = 'another'")
    await owner.close()
    assert await act(record, ["check"]) == 1
    said = capsys.readouterr().out
    assert f"{journey}  differs" in said
    assert f"{stuck}  is stale from version 1 on (ValidationError)" in said
    assert await act(record, ["retry", str(stuck)]) == 1


@pytest.mark.parametrize("command", [[], ["nonsense"], ["retry"], ["retry", "x"], ["rebuild", "now"]])
async def test_no_command(record: Record, command: list[str]) -> None:
    assert await act(record, command) is None


def test_no_settings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CAREPATH_DATABASE_URL", raising=False)
    assert main(["check"]) == 2
    assert "CAREPATH_DATABASE_URL" in capsys.readouterr().err
