"""A payload that cannot be decrypted hides no other one, and nobody goes on as if it were not there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import KeyAway, Record, UnreadableEvent, open_record, sealing
from activities.record.event_codec import load_journey
from activities.record.read_models import CaseloadFilter, caseload, projector, refusals, retry, stale
from activities.record.read_models.projector import retry_unreadable
from activities.record.verification.record import verify_record
from activities.record.watching import next_events, now
from activities.record_activities import RecordActivities
from application.context import Context
from application.errors import Fault
from application.pathway.show import ShowJourney, ShowTimeline, UnreadEvent, show_journey, show_timeline
from application.reading.history import read_stored
from application.settings import Settings
from cli.output import Output
from cli.pathway import render_timeline
from deploy.local.postgres import Database
from simulation.people import PEOPLE, profile
from tests.fixtures.everything import everything
from tests.journey.play import JOURNEY
from tests.record.handed import batch, signed_course
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, put_course
from tests.record.test_redeliveries import register_of
from workflows.journey.vocabulary.actors import Role
from workflows.messages import DIVERGED, StateDigest

RECORDED = 12
"""How many commands are recorded."""
Spoil = Callable[[Connection, Connection, int], Awaitable[Any]]
"""Spoils the event of a version of `JOURNEY`, with a connection to the record and one to the keys."""
OF_EVENT = "e.journey_id = $1 AND e.version = $2"


async def alter(record: Connection, _: Connection, version: int) -> None:
    await record.execute(
        "UPDATE record.journey_event e SET payload = set_byte(payload, 80, get_byte(payload, 80) # 1) "
        f"WHERE {OF_EVENT}",
        *(JOURNEY, version),
    )


async def swap(record: Connection, _: Connection, version: int) -> None:
    await record.execute(
        "UPDATE record.journey_event e SET payload = o.payload FROM record.journey_event o "
        f"WHERE {OF_EVENT} AND o.journey_id <> e.journey_id AND o.version = e.version",
        *(JOURNEY, version),
    )


async def lose_key(record: Connection, keys: Connection, version: int) -> None:
    payload = await record.fetchval(
        f"SELECT payload FROM record.journey_event e WHERE {OF_EVENT}",
        *(JOURNEY, version),
    )
    await keys.execute("DELETE FROM keys.data_key WHERE replace(key_id::text, '-', '') = $1", payload[1:17].hex())


SPOILED: dict[str, Spoil] = {"altered": alter, "of another journey": swap, "its key is gone": lose_key}


@pytest.fixture
async def keys(keys_database: Database) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(keys_database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def store(keys_database: Database, keyring: Path) -> AsyncIterator[KeyStore]:
    """Keys that are looked up at every use."""
    async with open_key_store(keys_database.keys_url, Keyring(keyring), lifetime=timedelta()) as opened:
        yield opened


@pytest.fixture
async def record(migrated: Database, store: KeyStore) -> AsyncIterator[Record]:
    async with open_record(everything(migrated), await sealing(store)) as opened:
        yield opened


@asynccontextmanager
async def request(record: Record, directory: Path, role: Role) -> AsyncIterator[Context]:
    @asynccontextmanager
    async def opened(_: Settings) -> AsyncIterator[Record]:
        yield record

    path = directory / f"{role.value}.json"
    path.write_text(profile(PEOPLE[role]))
    settings = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), demonstration=True)
    async with Context(profile=str(path), load=lambda: settings, open_record=opened) as context:
        yield context


@pytest.mark.parametrize("spoil", SPOILED)
async def test_an_event_that_cannot_be_read_hides_no_other_and_is_not_left_out(
    record: Record,
    store: KeyStore,
    admin: Connection,
    keys: Connection,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: str,
) -> None:
    await put_course(record, 20)
    course = signed_course()
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    for number, decision in enumerate(course[:RECORDED]):
        if number in (4, 5):
            await store.rotate()  # the fifth command is under a key of its own
        await recording.append(batch([decision]))
    bad = course[4].events[0].version
    whole = await record.load(JOURNEY)
    kept = await admin.fetchval(f"SELECT payload FROM record.journey_event e WHERE {OF_EVENT}", JOURNEY, bad)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    lost = {event.version for event in course[4].events} if spoil == "its key is gone" else {bad}

    await SPOILED[spoil](admin, keys, bad)

    # Everything else is handed on, and whoever needs this one is told.
    stored = await record.load(JOURNEY)
    assert {each.version for each in stored if not each.readable} == lost
    assert [each for each in stored if each.readable] == [each for each in whole if each.version not in lost]
    assert len(await record.load_sealed(JOURNEY)) == len(whole)
    with pytest.raises(UnreadableEvent, match=f"version {bad} "):
        await load_journey(record, JOURNEY)
    before = await load_journey(record, JOURNEY, until_version=bad - 1)
    assert before is not None

    # No run goes on without it.
    afresh = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    for going_on in (
        afresh.append(batch([course[RECORDED]])),
        ActivityEnvironment().run(afresh.catch_up, StateDigest(journey_id=JOURNEY)),
    ):
        with pytest.raises(ApplicationError, match=f"version {bad} of the journey cannot be read") as refused:
            await going_on
        assert (refused.value.type, refused.value.non_retryable) == (DIVERGED, True)
    assert len(await record.load(JOURNEY)) == len(whole)

    # Lists show the journey as it was before, and as stale; the other journey as it is.
    await catch_up(record)
    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version, stuck.code) == (JOURNEY, bad, "UnreadableEvent")
    cases = {case.journey_id: case for case in (await caseload(record, CaseloadFilter())).rows}
    assert cases[JOURNEY].version < bad
    assert len(cases) == 2

    # Verification tells, with and without a register.
    found = (await verify_record(record, read_models=True)).findings
    assert {each.version for each in found if each.reason == "unreadable"} == lost
    assert {each.journey_id for each in found if each.reason != "log_chain"} == {JOURNEY}

    # People see what can be read, and where they do not.
    async with request(record, tmp_path, Role.CLINICIAN) as context:
        shown = await show_timeline(context, ShowTimeline(journey_id=JOURNEY))
        assert [event.version for event in shown.events] == [each.version for each in whole]
        assert {event.version for event in shown.events if isinstance(event, UnreadEvent)} == lost
        render_timeline(Output(json_only=False), shown)
        assert "cannot be read" in capsys.readouterr().out
        render_timeline(Output(json_only=True), shown)
        assert capsys.readouterr().out.count('"unreadable"') == len(lost)
        for at in (None, str(bad), str(len(whole)), "2030-01-01T00:00:00Z"):
            with pytest.raises(Fault, match=f"version {bad} of this journey cannot be read") as told:
                await show_journey(context, ShowJourney(journey_id=JOURNEY, at=at))
            assert f"--at {bad - 1}" in told.value.remedy
        then = await show_journey(context, ShowJourney(journey_id=JOURNEY, at=str(bad - 1)))
        assert then.journey == before

    if spoil == "its key is gone":
        return
    # Put right, it goes on.
    await admin.execute(
        f"UPDATE record.journey_event e SET payload = $3 WHERE {OF_EVENT}",
        *(JOURNEY, bad, kept),
    )
    await afresh.append(batch([course[RECORDED]]))
    assert await retry(record, JOURNEY) is None


async def test_a_key_that_does_not_open_hides_no_other_journey_and_is_waited_for(
    record: Record, migrated: Database, store: KeyStore, keys: Connection, tmp_path: Path
) -> None:
    """Somebody altered it in the key store, or the keyring of this process lacks a master key."""
    other = await put_course(record, 20)
    course = signed_course()
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    for decision in course[:RECORDED]:
        await recording.append(batch([decision]))
    alter_key = "UPDATE keys.data_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) "
    alter_key += " WHERE subject LIKE 'patient/%'"
    assert await keys.execute(alter_key) == "UPDATE 1"

    await catch_up(record)
    assert [row.journey_id for row in (await stale(record)).rows] == [JOURNEY]
    assert [case.journey_id for case in (await caseload(record, CaseloadFilter())).rows] == [other]
    seen = await refusals(record, up_to=10**9, clinics=None, journeys=None, limit=10)
    assert seen.rows == ()
    _, watched = await next_events(record, await now(record))
    assert {each.journey_id for each in watched if each.readable} == {other}
    found = (await verify_record(record, read_models=True)).findings
    assert {each.journey_id for each in found if each.reason == "unreadable"} == {JOURNEY}

    # Whoever decides on it waits: a keyring that lacks a key quarantines nobody.
    afresh = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    for going_on in (
        afresh.append(batch([course[RECORDED]])),
        ActivityEnvironment().run(afresh.catch_up, StateDigest(journey_id=JOURNEY)),
    ):
        with pytest.raises(KeyAway):
            await going_on

    await keys.execute(alter_key)
    await afresh.append(batch([course[RECORDED]]))
    async with open_record(migrated.projector_url, await sealing(store)) as lists:
        await retry_unreadable(lists)
    await catch_up(record)
    assert (await stale(record)).rows == ()


async def test_one_journey_that_fails_keeps_no_other_from_going_on(
    record: Record, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what could not be read and now can."""
    journeys = [await put_course(record, 20) for _ in range(3)]
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    await admin.execute("CREATE TABLE kept AS SELECT position, payload FROM record.journey_event")
    await admin.execute("UPDATE record.journey_event SET payload = '{}' WHERE version = 3")
    await catch_up(record)
    assert len((await stale(record)).rows) == len(journeys)
    await admin.execute(
        "UPDATE record.journey_event e SET payload = k.payload FROM kept k WHERE k.position = e.position"
    )

    async def failing(record: Record, journey_id: UUID) -> str | None:
        if journey_id == journeys[0]:
            raise ValueError
        return await retry(record, journey_id)

    monkeypatch.setattr(projector, "retry", failing)
    await retry_unreadable(record)
    assert [row.journey_id for row in (await stale(record)).rows] == journeys[:1]


async def test_without_its_beginning_nobody_is_told_that_a_journey_is_of_another_clinic(
    record: Record, admin: Connection, keys: Connection, tmp_path: Path
) -> None:
    recording = RecordActivities(record, register_of(tmp_path), demonstrations=True)
    for decision in signed_course()[:3]:
        await recording.append(batch([decision]))
    await keys.execute("DELETE FROM keys.data_key WHERE subject LIKE 'patient/%'")
    assert {each.readable for each in await record.load(JOURNEY)} == {False}
    async with request(record, tmp_path, Role.CLINICIAN) as context:
        with pytest.raises(Fault, match="the beginning of this journey cannot be read"):
            await read_stored(context, ShowTimeline(journey_id=JOURNEY), JOURNEY)
