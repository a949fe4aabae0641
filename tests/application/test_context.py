"""One request opens each thing once, when it is needed, and closes it once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from activities.record import Record, RecordUnavailable, migrate
from activities.record.access_log import AccessLogEntry, Purpose
from application.context import DATABASE, Context, ask_nobody
from application.errors import (
    NOTHING_HAPPENED,
    NOTHING_LOST,
    InvalidInput,
    NotAllowed,
    SettingsError,
    SteppedBack,
    translate,
)
from application.reading.access_log import ActOn, keep_look, may_see
from application.settings import Settings
from application.temporal.journeys import Journeys
from deploy.local.postgres import Database
from tests.fixtures.everything import everything
from tests.journey.play import started

AT = datetime(2026, 3, 2, 17, tzinfo=UTC)


NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def settings(url: str = NOWHERE, profile: Path | None = None, *, demonstration: bool = False) -> Settings:
    return Settings(database_url=SecretStr(url), profile=profile, demonstration=demonstration)


@pytest.fixture
def coordinator(tmp_path: Path) -> Path:
    file = tmp_path / "coordinator.json"
    file.write_text(json.dumps({"id": "demo-coordinator", "role": "coordinator", "clinics": ["demo-clinic"]}))
    return file


@pytest.mark.parametrize("code", ["ConnectionRefusedError", "53300", "KeysUnavailable"])
async def test_that_nothing_was_sent_is_said_where_the_record_could_not_be_opened_before(code: str) -> None:
    def away(_: Settings) -> AbstractAsyncContextManager[Record]:
        raise RecordUnavailable(code)

    @asynccontextmanager
    async def connect(_: Settings) -> AsyncIterator[Journeys]:
        yield cast("Journeys", object())

    async with Context(load=settings, open_record=away, connect=connect) as context:
        with pytest.raises(RecordUnavailable) as before:
            await context.record()
        await context.journeys()
        with pytest.raises(RecordUnavailable) as later:
            await context.record()
    assert translate(before.value).state == NOTHING_HAPPENED
    assert translate(later.value).state == NOTHING_LOST
    assert translate(before.value).reason == translate(later.value).reason


async def test_that_the_clocks_differ_is_logged_once_for_each_change(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciliation asks every two minutes."""
    ahead = [0, 3600, 3601, 3600, 3575, 12, 41, 12, -3600, 0, 0]

    async def behind(_: Record) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=ahead.pop(0))

    @asynccontextmanager
    async def opened(_: Settings) -> AsyncIterator[Record]:
        yield record

    monkeypatch.setattr("application.context.time_of", behind)
    async with Context(load=settings, open_record=opened) as context:
        with capture_logs() as logged:
            while ahead:
                await context.go_by_record()
    assert [(line["event"], line["seconds"]) for line in logged] == [
        ("clock.differs", 3600),
        ("clock.agrees", 12),
        ("clock.differs", 41),
        ("clock.differs", -3600),
        ("clock.agrees", 0),
    ]


async def test_each_thing_is_opened_once_and_closed_at_the_end(migrated: Database) -> None:
    loaded: list[Settings] = []
    connections: list[str] = []

    def load() -> Settings:
        loaded.append(settings(everything(migrated), demonstration=True))
        return loaded[-1]

    @asynccontextmanager
    async def connect(_: Settings) -> AsyncIterator[Journeys]:
        connections.append("opened")
        yield cast("Journeys", object())
        connections.append("closed")

    async with Context(load=load, connect=connect) as context:
        assert loaded == []
        records = await asyncio.gather(*(context.record() for _ in range(5)))
        await asyncio.gather(*(context.journeys() for _ in range(5)))
        assert len({id(record) for record in records}) == 1
        async with records[0].connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        assert connections == ["opened"]
    assert connections == ["opened", "closed"]
    assert len(loaded) == 1


@pytest.mark.parametrize("demonstration", [True, False])
async def test_a_demonstration_is_one_by_its_log_and_not_by_a_setting(database: Database, demonstration: bool) -> None:
    await migrate(database.owner_url, demonstration=demonstration)
    for setting in (True, False):
        found = settings(database.owner_url, demonstration=setting)
        async with Context(load=lambda: found) as context:  # noqa: B023 - used before the next one
            if setting == demonstration:
                assert (await (await context.record()).log()).demonstration is demonstration
                continue
            with pytest.raises(SettingsError, match="this database was made for") as told:
                await context.record()
            assert told.value.variables == ("CAREPATH_DEMONSTRATION",)


async def test_what_needs_no_database_needs_none_to_be_named() -> None:
    lacking = SettingsError([(DATABASE, "is missing")])

    def load() -> Settings:
        raise lacking

    async with Context(load=load) as context:
        assert context.settings.demonstration is False
        with pytest.raises(SettingsError) as told:
            await context.record()
    assert told.value is lacking


async def test_other_settings_that_are_wrong_are_told_at_once() -> None:
    def load() -> Settings:
        raise SettingsError([(DATABASE, "is missing"), ("CAREPATH_LOG_LEVEL", "is wrong")])

    async with Context(load=load) as context:
        with pytest.raises(SettingsError):
            _ = context.settings


def test_what_somebody_looks_for(coordinator: Path, tmp_path: Path) -> None:
    def purpose(given: str | None, profile: Path = coordinator) -> Purpose:
        return Context(profile=str(profile), purpose=given, load=settings).purpose

    assert purpose(None) == Purpose.CARE_MANAGEMENT
    assert purpose("hlegal") == Purpose.LEGAL
    therapist = tmp_path / "therapist.json"
    therapist.write_text(json.dumps({"id": "demo-therapist", "role": "therapist"}))
    assert purpose(None, therapist) == Purpose.TREATMENT
    for none in ("BTG", "curiosity", ""):
        with pytest.raises(InvalidInput):
            purpose(none)


def test_who_acts_is_said_or_set(coordinator: Path, tmp_path: Path) -> None:
    assert Context(profile=str(coordinator), load=settings).person.clinics == ("demo-clinic",)
    assert Context(load=lambda: settings(profile=coordinator)).actor.id == "demo-coordinator"
    with pytest.raises(InvalidInput):
        _ = Context(load=settings).person
    clock = tmp_path / "clock.json"
    clock.write_text(json.dumps({"id": "clock", "role": "system"}))
    with pytest.raises(NotAllowed):
        _ = Context(profile=str(clock), load=settings).actor


async def test_what_is_shown_again_is_read_as_it_was_and_not_kept(coordinator: Path) -> None:
    journey = started().journey
    entry = AccessLogEntry(
        entry_id=uuid4(),
        reader_id="somebody",
        reader_role="therapist",
        purpose=Purpose.TREATMENT,
        clock=AT,
        command=("pathway show", "{}"),
        journeys=(journey.id,),
        position=7,
        at=AT,
    )
    async with Context(profile=str(coordinator), load=settings) as context:
        past = context.as_it_was(entry)
        assert (past.now(), past.up_to, context.up_to) == (AT, 7, None)
        assert may_see(past, journey)
        # There is no record here: keeping anything would fail.
        await keep_look(past, ActOn(action="look", journey_id=journey.id), [journey.id], 7)


def test_where_nobody_can_be_asked() -> None:
    with pytest.raises(SteppedBack):
        ask_nobody("Passphrase", secret=True)
