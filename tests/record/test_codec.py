"""What the record keeps is encrypted for its place: nobody reads it without the key, nor puts it elsewhere."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.payload_codec import SealingCodec
from activities.privacy.errors import KeysUnavailable
from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring, add_master_key, use_master_key
from activities.privacy.patient_keys import PatientKeys
from activities.record import Opening, PayloadUnreadable, Record, RecordUnavailable, Sealing, open_record, sealing
from activities.record.access_log import list_access, record_access
from activities.record.codec import Decode, Encode
from activities.record.event_codec import load_journey, to_new
from activities.record.read_models import running
from activities.record.read_models.status import wait_until_caught_up
from activities.record.snapshots import EVERY, keep_snapshot, load_folded
from activities.record.verification.chains import verify_chains
from activities.record.verification.record import verify_record
from deploy.local.postgres import Database
from tests.fixtures.everything import everything
from tests.record.helpers import NOON, Connection, an_access, event, events
from tests.record.read_models.courses import course_of, put, renamed
from workflows.journey.events import PathwayStarted

SAID = b'{"said":"Robin has nightmares, born 1984-05-17"}'
LOG = 1


@pytest.fixture
async def codec_of_record(codec: SealingCodec) -> Sealing:
    return await sealing(codec.keys)


@pytest.fixture
async def record(migrated: Database, codec_of_record: Sealing) -> AsyncIterator[Record]:
    async with open_record(everything(migrated), codec_of_record) as opened:
        yield opened


async def test_what_is_encoded_comes_back_at_its_place_and_looks_the_same_each_time(codec_of_record: Sealing) -> None:
    journey, part = uuid4(), uuid4()
    encode = await codec_of_record.encoder(LOG, journey)
    for clear in (b"", b"{}", SAID, SAID * 2000):
        stored = encode(part, clear)
        assert encode(part, clear) == stored
        assert b"Robin" not in stored
        assert (await codec_of_record.decoder(LOG, [stored]))(journey, part, stored) == clear
    assert encode(uuid4(), SAID) != encode(part, SAID)
    assert len(encode(part, SAID * 2000)) < len(SAID) * 20


SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "in clear": lambda _: SAID,
    "a header alone": lambda stored: stored[:49],
    "cut off": lambda stored: stored[:-1],
    "with more": lambda stored: stored + b"x",
    "another format": lambda stored: b"\x02" + stored[1:],
    "another key": lambda stored: stored[:1] + uuid4().bytes + stored[17:],
    "another commitment": lambda stored: stored[:17] + bytes(32) + stored[49:],
    "an altered byte": lambda stored: stored[:60] + bytes([stored[60] ^ 1]) + stored[61:],
}


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_what_was_altered_is_unreadable(codec_of_record: Sealing, spoiled: str) -> None:
    journey, part = uuid4(), uuid4()
    stored = SPOILED[spoiled]((await codec_of_record.encoder(LOG, journey))(part, SAID))
    with pytest.raises(PayloadUnreadable):
        (await codec_of_record.decoder(LOG, [stored]))(journey, part, stored)


async def test_what_was_moved_is_unreadable(codec_of_record: Sealing) -> None:
    journey, part = uuid4(), uuid4()
    stored = (await codec_of_record.encoder(LOG, journey))(part, SAID)
    for log, to_journey, to_part in ((LOG, uuid4(), part), (LOG, journey, uuid4()), (2, journey, part)):
        with pytest.raises(PayloadUnreadable):
            (await codec_of_record.decoder(log, [stored]))(to_journey, to_part, stored)


@given(st.binary(max_size=200))
async def test_whatever_stands_there_is_unreadable_and_no_defect(codec: SealingCodec, stored: bytes) -> None:
    decode = await (await sealing(codec.keys)).decoder(LOG, [stored, b"\x01" + stored])
    for each in (stored, b"\x01" + stored):
        with pytest.raises(PayloadUnreadable):
            decode(uuid4(), uuid4(), each)


def test_keys_of_patients_tell_nothing_without_the_secret() -> None:
    ours, theirs = PatientKeys(b"a" * 32), PatientKeys(b"b" * 32)
    assert ours.of_ref("a") == PatientKeys(b"a" * 32).of_ref("a")
    several = {keys.of_ref("a") for keys in (ours, theirs)} | {keys.of_number("a", "a") for keys in (ours, theirs)}
    assert len(several) == 4
    assert ours.of_number("clinic", "1") != ours.of_number("other", "1")


async def test_the_database_shows_nothing_that_was_said(record: Record, owner: Connection) -> None:
    journey, new = uuid4(), [event(payload=SAID) for _ in range(3)]
    opening = Opening(patient_keys=(record.patients.of_ref("patient-1"),), medicine="invented")
    await record.append(journey, 0, new, opening=opening)
    assert (await record.append(journey, 0, new)).replayed
    assert [stored.payload for stored in await record.load(journey)] == [SAID] * 3
    for row in await owner.fetch("SELECT payload FROM record.journey_event"):
        assert b"Robin" not in row["payload"]
    assert await verify_chains(owner) == ()


async def test_why_somebody_broke_the_glass_is_encrypted_and_never_keeps_a_look_from_being_listed(
    record: Record, admin: Connection
) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(1), opening=Opening(patient_keys=(bytes(32),), medicine="invented"))
    look = an_access(journey, reason="Invented: Robin was found after an overdose – é", until=NOON)
    for _ in range(2):
        await record_access(record, look)
    [kept] = await list_access(record)
    assert kept.reason == look.reason
    assert "Robin" not in str(await admin.fetch("SELECT * FROM record.access_log"))
    await admin.execute("ALTER TABLE record.access_log DISABLE TRIGGER append_only")
    for spoiled in ("reverse(reason)", "'Robin is here'", "''"):
        await admin.execute(f"UPDATE record.access_log SET reason = {spoiled}")
        [kept] = await list_access(record)
        assert kept.reason == "the reason that was given cannot be read"


async def test_a_patients_journeys_are_encrypted_under_their_own_key(record: Record, owner: Connection) -> None:
    async def key_ids(*journeys: UUID) -> set[bytes]:
        rows = await owner.fetch("SELECT payload FROM record.journey_event WHERE journey_id = ANY($1)", journeys)
        return {row["payload"][1:17] for row in rows}

    mine, others = [uuid4(), uuid4()], uuid4()
    for journey, ref in ((mine[0], f"one-{mine}"), (mine[1], f"one-{mine}"), (others, f"two-{mine}")):
        medicine = "invented" if journey != mine[1] else "another"
        opening = Opening(patient_keys=(record.patients.of_ref(ref),), medicine=medicine)
        await record.append(journey, 0, events(2), opening=opening)
    assert len(await key_ids(*mine)) == 1
    assert not await key_ids(*mine) & await key_ids(others)


@pytest.mark.parametrize("how", ["of another journey", "of another position"])
async def test_a_payload_that_is_swapped_is_found(record: Record, admin: Connection, how: str) -> None:
    """Although somebody made every hash anew, what stands there is no event of this place."""
    one, other = uuid4(), uuid4()
    await put(record, renamed(course_of()[:6], one))
    await put(record, renamed(course_of()[:6], other))
    swapped = (one, 5) if how == "of another position" else (other, 4)
    await admin.execute("SET session_replication_role = replica; ALTER TABLE record.journey_event DISABLE TRIGGER USER")
    await admin.execute(
        "UPDATE record.journey_event e SET payload = o.payload FROM record.journey_event o "
        "WHERE e.journey_id = $1 AND e.version = 4 AND o.journey_id = $2 AND o.version = $3",
        one,
        *swapped,
    )
    assert [each.version for each in await record.load(one) if not each.readable] == [4]
    assert {each.readable for each in await record.load(other)} == {True}


async def test_a_rotated_key_changes_nothing_of_what_is_there(
    migrated: Database, key_store: KeyStore, keys_database: Database, keyring: Path, owner: Connection
) -> None:
    """Whoever repeats an append after it, or under another master key, is answered as before."""
    journey, new = uuid4(), events(3)
    async with open_record(everything(migrated), await sealing(key_store)) as record:
        done = await record.append(journey, 0, new)
        before = record.patients.of_ref("patient-1")
        await key_store.rotate()
        assert await record.append(journey, 0, new) == done.model_copy(update={"replayed": True})
        await record.append(journey, 3, events(1))
    use_master_key(keyring, add_master_key(keyring))
    await key_store.rewrap()
    async with (
        open_key_store(keys_database.keys_url, Keyring(keyring)) as again,
        open_record(everything(migrated), await sealing(again)) as record,
    ):
        assert len(await record.load(journey)) == 4
        assert record.patients.of_ref("patient-1") == before
    assert len({row["payload"][1:17] for row in await owner.fetch("SELECT payload FROM record.journey_event")}) == 2


async def test_without_its_key_a_journey_is_unreadable_and_the_log_holds_and_others_go_on(
    migrated: Database, key_store: KeyStore, keys_database: Database, keyring: Path, owner: Connection
) -> None:
    """What a patient's erasure will be: their data key is gone."""
    gone, other = uuid4(), uuid4()
    async with open_record(everything(migrated), await sealing(key_store)) as record:
        for journey in (gone, other):
            await key_store.assign(journey, record.patients.of_ref(str(journey)))
            await put(record, renamed(course_of()[:6], journey))
        async with running(record):
            await wait_until_caught_up(record, timedelta(seconds=20))
    connection = await asyncpg.connect(keys_database.owner_url)
    await connection.execute("DELETE FROM keys.data_key WHERE subject = (SELECT subject FROM keys.journey "
                             "WHERE journey_id = $1)", gone)  # fmt: skip
    await connection.close()
    async with (
        open_key_store(keys_database.keys_url, Keyring(keyring)) as after,
        open_record(everything(migrated), await sealing(after)) as record,
    ):
        assert {each.readable for each in await record.load(gone)} == {False}
        assert await load_journey(record, other) is not None
        assert await verify_chains(owner) == ()
        async with running(record):
            await put(record, renamed(course_of()[:6], uuid4()))
            await wait_until_caught_up(record, timedelta(seconds=20))
        assert await owner.fetchval("SELECT count(*) FROM read_model.caseload") == 3


async def test_keys_that_were_assigned_to_another_patient_are_found(
    migrated: Database, key_store: KeyStore, keys_database: Database
) -> None:
    """Else the erasure of one would reach the other."""
    right, swapped, later = uuid4(), uuid4(), uuid4()
    opening = course_of()[0].body
    assert isinstance(opening, PathwayStarted)
    async with open_record(everything(migrated), await sealing(key_store)) as record:
        patient = record.patients.of_ref(opening.patient.ref)
        await key_store.assign(swapped, record.patients.of_ref("somebody else"))
        for medicine, journey in enumerate((right, swapped, later)):
            rows = [to_new(each) for each in renamed(course_of()[:3], journey)]
            await record.append(journey, 0, rows, opening=Opening(patient_keys=(patient,), medicine=f"m-{medicine}"))
        connection = await asyncpg.connect(keys_database.owner_url)
        await connection.execute("UPDATE keys.journey SET subject = 'patient/00' WHERE journey_id = $1", later)
        await connection.close()
        found = (await verify_record(record, derive=True)).findings
    assert {each.journey_id for each in found if each.reason == "key_of_another"} == {swapped, later}


class Away(Sealing):
    """Keys that are away for some calls."""

    left = 0

    async def encoder(self, log_id: int, journey_id: UUID) -> Encode:
        self._ask()
        return await super().encoder(log_id, journey_id)

    async def decoder(self, log_id: int, stored: Iterable[bytes]) -> Decode:
        self._ask()
        return await super().decoder(log_id, stored)

    def _ask(self) -> None:
        if self.left > 0:
            self.left -= 1
            raise KeysUnavailable("away")


async def test_keys_that_are_away_are_an_outage_and_end_nothing(migrated: Database, codec: SealingCodec) -> None:
    away = Away(codec.keys, await codec.keys.patients())
    journey = uuid4()
    async with open_record(everything(migrated), away) as record:
        away.left = 1
        with pytest.raises(RecordUnavailable):
            await record.append(journey, 0, events(1))
        assert await record.head(journey) is None
        await put(record, renamed(course_of()[:6], journey))
        away.left = 1
        with pytest.raises(RecordUnavailable):
            await record.load(journey)
        away.left = 2
        async with running(record):
            position = await wait_until_caught_up(record, timedelta(seconds=20))
        async with record.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM read_model.poisoned") == 0
            assert await connection.fetchval("SELECT position FROM read_model.caseload") == position


async def test_a_fold_that_is_kept_is_encrypted(record: Record, owner: Connection) -> None:
    journey = uuid4()
    await put(record, renamed(course_of()[: EVERY + 10], journey))
    folded = await load_folded(record, journey)
    assert folded is not None
    await keep_snapshot(record, folded)
    [kept] = await owner.fetch("SELECT content FROM record.snapshot")
    assert kept["content"][:1] == b"\x01"
    again = await load_folded(record, journey)
    assert again is not None
    assert (again.state, again.since) == (folded.state, ())
