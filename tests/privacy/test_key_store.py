"""Data keys on a real database: one for each patient, wrapped, found again, and rotated under load."""

import asyncio
import os
import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog
from pydantic import SecretStr

from activities.privacy.data_keys import SERVICE, DataKey, subject_of
from activities.privacy.errors import KeysUnavailable, KeyUnusable
from activities.privacy.key_store import KeyStore, open_key_store, prepare_key_store
from activities.privacy.master_keys import Keyring, add_master_key, drop_master_key, make_keyring, use_master_key
from activities.privacy.patient_keys import PatientKeys
from activities.record import open_record
from activities.record.codec import Sealing
from application.errors import SettingsError
from application.process.sealing import open_sealed
from application.settings import Settings
from deploy.local.postgres import Database, Postgres
from tests.helpers import eventually

NOTHING = timedelta(0)
"""A lifetime with which each use asks the database."""
PATIENT, OTHER = b"\1" * 32, b"\2" * 32


def seals_alike(one: DataKey, other: DataKey) -> bool:
    nonce = os.urandom(12)
    return one.cipher.encrypt(nonce, b"said", b"") == other.cipher.encrypt(nonce, b"said", b"")


async def test_all_journeys_of_a_patient_have_one_key_and_nobody_elses_do(key_store: KeyStore) -> None:
    first, second, others, nobodys = (uuid4() for _ in range(4))
    await key_store.assign(first, PATIENT)
    await key_store.assign(second, PATIENT)
    await key_store.assign(others, OTHER)
    await key_store.assign(others, PATIENT)  # the first word counts
    mine = await key_store.of_journey(first)
    assert await key_store.of_journey(second) == mine
    assert (await key_store.of_journey(others)).key_id != mine.key_id
    assert (await key_store.of_journey(nobodys)).subject == (await key_store.of_journey(None)).subject == SERVICE


async def test_processes_that_begin_together_make_one_key(keys_database: Database, keyring: Path) -> None:
    journey = uuid4()

    async def asked() -> DataKey:
        async with open_key_store(keys_database.keys_url, Keyring(keyring), connections=1) as store:
            await store.assign(journey, PATIENT)
            return await store.of_journey(journey)

    keys = await asyncio.gather(*(asked() for _ in range(6)))
    assert len({key.key_id for key in keys}) == 1
    assert all(seals_alike(keys[0], key) for key in keys)


async def test_a_second_secret_of_patients_keys_is_refused_and_where_it_is_takes_no_effect(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    """Every process may add keys. With another secret nobody would be taken for who they are any more: a patient could
    begin a second journey, and what was given to them in the first would not count. A store of an earlier build may
    have such a row; no master key is kept for its sake."""
    before = (await key_store.patients()).of_ref("somebody")
    add = "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ('identity', 2, $1, $2, $3)"
    process, owner = await asyncpg.connect(keys_database.keys_url), await asyncpg.connect(keys_database.owner_url)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await process.execute(add, uuid4(), "none", os.urandom(60))
        await owner.execute("ALTER TABLE keys.data_key DISABLE TRIGGER next_number")
        await owner.execute(add, forged := uuid4(), "none", os.urandom(60))
    finally:
        await process.close()
        await owner.close()
    async with open_key_store(keys_database.key_keeper_url, Keyring(keyring)) as restarted:
        assert (await restarted.patients()).of_ref("somebody") == before
        assert await restarted.find(forged) is None
        use_master_key(keyring, new := add_master_key(keyring))
        await restarted.rewrap()
        found = await restarted.survey()
    assert (found.wraps, found.unusable, found.forged) == ({new: 2}, (), (forged,)), "the old one may be dropped"


async def test_no_role_comes_before_the_first_secret_of_patients_keys(postgres: Postgres, keyring: Path) -> None:
    """Where the keyring is known when the tables are made, the secret is there before a process can add one."""
    fresh = await postgres.fresh_database()
    try:
        for _ in range(2):
            await prepare_key_store(fresh.owner_url, Keyring(keyring))
        process = await asyncpg.connect(fresh.keys_url)
        try:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await process.execute(
                    "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) "
                    "VALUES ('identity', 1, gen_random_uuid(), 'none', 'x')"
                )
            rows = await process.fetch("SELECT number FROM keys.data_key WHERE subject = 'identity'")
        finally:
            await process.close()
        assert [row["number"] for row in rows] == [1]
        async with open_key_store(fresh.keys_url, Keyring(keyring)) as store:
            await store.patients()
    finally:
        await postgres.drop_database(fresh)


async def test_whoever_only_decrypts_adds_no_key(key_store: KeyStore, keys_database: Database, keyring: Path) -> None:
    key = await key_store.newest("service")
    async with open_key_store(keys_database.key_reader_url, Keyring(keyring)) as reading:
        assert await reading.find(key.key_id) == key
        with pytest.raises(KeysUnavailable):
            await reading.newest("somebody")
        with pytest.raises(KeysUnavailable):
            await reading.assign(uuid4(), bytes(32))
        with pytest.raises(KeysUnavailable):
            await reading.rotate("service")


async def test_newer_keys_that_somebody_added_keep_nobody_from_theirs(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    """Whoever has the role of a process can add a row that no master key opens, as many as they like; an older key of
    the same subject under a higher number, none."""
    await key_store.rotate("service")
    newest = await key_store.newest("service")
    connection = await asyncpg.connect(keys_database.keys_url)
    add = "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ('service', $1, $2, $3, $4)"
    row = await connection.fetchrow("SELECT * FROM keys.data_key WHERE subject = 'service' AND number = 1")
    assert row is not None
    try:
        for number in range(3, 120):
            await connection.execute(add, number, uuid4(), row["master"] if number % 2 else "none", row["wrapped"])
        for number, key_id in ((2147483647, uuid4()), (121, uuid4()), (120, row["key_id"])):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await connection.execute(add, number, key_id, row["master"], row["wrapped"])
    finally:
        await connection.close()
    async with open_key_store(keys_database.keys_url, Keyring(keyring), lifetime=NOTHING) as fresh:
        with structlog.testing.capture_logs() as logged:
            assert {(await fresh.newest("service")).key_id for _ in range(3)} == {newest.key_id}
        assert [each["event"] for each in logged] in ([], ["keys.unusable"]), "ops are told once"
        await fresh.rotate("service")
        assert (await fresh.newest("service")).key_id != newest.key_id
    use_master_key(keyring, new := add_master_key(keyring))
    assert await key_store.rewrap() == 4
    found = await key_store.survey()
    assert (found.wraps, found.unusable, len(found.forged)) == ({new: 4}, (), 117), "and the old one may be dropped"


@pytest.mark.parametrize("named", ["", "none"])
async def test_who_is_first_with_a_key_of_somebody_new_keeps_them_from_nothing(
    key_store: KeyStore, keys_database: Database, keyring: Path, named: str
) -> None:
    """Whoever has the role of a process knows the subject of a patient who has enrolled, and is faster than they."""
    journey, subject, forged = uuid4(), subject_of(PATIENT), uuid4()
    connection = await asyncpg.connect(keys_database.keys_url)
    try:
        await connection.execute(
            "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ($1, 1, $2, $3, $4)",
            *(subject, forged, named or await Keyring(keyring).current(), os.urandom(60)),
        )
    finally:
        await connection.close()

    async def asked() -> DataKey:
        async with open_key_store(keys_database.keys_url, Keyring(keyring), connections=1, lifetime=NOTHING) as store:
            await store.assign(journey, PATIENT)
            return await store.of_journey(journey)

    with structlog.testing.capture_logs() as logged:
        keys = await asyncio.gather(*(asked() for _ in range(3)))
        for _ in range(3):
            await key_store.rotate()
            keys.append(await key_store.newest(subject))
    assert len({key.key_id for key in keys}) == 4
    assert {each["key_id"] for each in logged if each["event"] == "keys.unusable"} == {str(forged)}
    # What names that row was made by nobody, and is waited for by nobody.
    assert await key_store.find(forged) is None
    assert await key_store.find_all([forged, keys[0].key_id]) == {keys[0].key_id: keys[0]}


async def hold(holder: asyncpg.Connection, patients: Iterable[int]) -> list[str]:
    """Keep the first keys of patients from being added, until the connection is closed."""
    await holder.execute("SET idle_in_transaction_session_timeout = 0; BEGIN")
    held = [subject_of(bytes([number]) * 32) for number in patients]
    await holder.executemany(
        "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ($1, 1, $2, 'none', 'none')",
        [(subject, uuid4()) for subject in held],
    )
    return held


async def test_who_keeps_the_first_key_of_somebody_from_being_added_holds_up_nobody_else(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    """Whoever has the role of a process adds it in a transaction that they leave open. A process that waits for it
    reads all other keys meanwhile, adds those of others, and has that one as soon as they are gone."""
    service = await key_store.newest(SERVICE)
    holder, watching = await asyncpg.connect(keys_database.keys_url), await asyncpg.connect(keys_database.owner_url)

    async def waits() -> bool:
        return bool(await watching.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    held = await hold(holder, range(7, 10))
    async with open_key_store(keys_database.keys_url, Keyring(keyring), connections=3, lifetime=NOTHING) as store:
        waiting = [asyncio.create_task(store.newest(held[0])) for _ in range(6)]
        await eventually(waits)
        async with asyncio.timeout(1.5):
            await store.newest(subject_of(PATIENT))
            waiting += [asyncio.create_task(store.newest(subject)) for subject in held[1:]]
            for _ in range(20):
                assert await store.find(service.key_id) == service
        assert not any(each.done() for each in waiting)
        holder.terminate()
        assert len({key.key_id for key in await asyncio.gather(*waiting)}) == len(held)
    await watching.close()


async def test_a_new_patient_does_not_queue_behind_many_whose_first_key_somebody_keeps(
    key_store: KeyStore, keys_database: Database
) -> None:
    holder = await asyncpg.connect(keys_database.keys_url)
    held = await hold(holder, range(100, 116))
    waiting = [asyncio.create_task(key_store.newest(subject)) for subject in held]
    await asyncio.sleep(0)  # each of them has asked
    async with asyncio.timeout(4):
        await key_store.newest(subject_of(PATIENT))
    holder.terminate()
    assert len({key.key_id for key in await asyncio.gather(*waiting)}) == len(held)


async def test_a_key_that_does_not_open_here_is_waited_for_and_keeps_nobody_from_others(
    key_store: KeyStore, keys_database: Database, keyring: Path, tmp_path: Path
) -> None:
    """A copy of the keyring lacks the master key that is used by now."""
    shutil.copy(keyring, lacking := tmp_path / "lacking.json")
    use_master_key(keyring, add_master_key(keyring))
    mine, before = await key_store.newest(subject_of(PATIENT)), await key_store.newest(SERVICE)
    async with open_key_store(keys_database.keys_url, Keyring(lacking)) as store:
        for ask in (store.find(mine.key_id), store.newest(subject_of(PATIENT))):
            with pytest.raises(KeyUnusable):
                await ask
        assert await store.find_all([mine.key_id, before.key_id]) == {mine.key_id: None, before.key_id: before}
        found = await store.survey()
        assert (found.unusable, found.forged) == ((mine.key_id,), ())
        use_master_key(lacking, add_master_key(lacking))
        with pytest.raises(KeyUnusable, match=str(mine.key_id)):
            async with open_key_store(keys_database.key_keeper_url, Keyring(lacking)) as keeper:
                await keeper.rewrap()


async def test_without_the_secret_of_patients_keys_every_other_key_is_wrapped_anew(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    """Then nobody can say which rows were never keys, so none is given up for lost."""
    key = await key_store.newest(SERVICE)
    owner = await asyncpg.connect(keys_database.owner_url)
    try:
        await owner.execute("UPDATE keys.data_key SET wrapped = 'altered' WHERE subject = 'identity'")
        await owner.execute(
            "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) "
            "SELECT 'patient/' || n, 1, gen_random_uuid(), 'none', 'none' FROM generate_series(1, 5) n"
        )
    finally:
        await owner.close()
    use_master_key(keyring, new := add_master_key(keyring))
    async with open_key_store(keys_database.key_keeper_url, Keyring(keyring), lifetime=NOTHING) as keeper:
        with pytest.raises(KeyUnusable, match="6 such keys are left"):
            await keeper.rewrap()
        found = await keeper.survey()
        assert (found.wraps[new], len(found.unusable), found.forged) == (1, 6, ())
        assert await keeper.find(key.key_id) == key


async def test_who_is_interrupted_wrapping_keys_anew_goes_on(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    keys = [await key_store.newest(f"patient/{number}") for number in range(6)]
    use_master_key(keyring, new := add_master_key(keyring))
    owner = await asyncpg.connect(keys_database.owner_url)
    try:
        await owner.execute(STOPS_AFTER_THREE)
        with pytest.raises(KeysUnavailable):
            await key_store.rewrap()
        assert sorted((await key_store.survey()).wraps.values()) == [3, 5]
        async with open_key_store(keys_database.keys_url, Keyring(keyring)) as store:
            assert await store.find_all([key.key_id for key in keys]) == {key.key_id: key for key in keys}
        await owner.execute("DROP TRIGGER stops ON keys.data_key")
    finally:
        await owner.close()
    assert await key_store.rewrap() == 5
    assert (await key_store.survey()).wraps == {new: 8}


async def test_the_store_holds_no_key_in_clear(key_store: KeyStore, keys_database: Database, keyring: Path) -> None:
    key = await key_store.newest(SERVICE)
    connection = await asyncpg.connect(keys_database.admin_url)
    row = await connection.fetchrow("SELECT * FROM keys.data_key WHERE key_id = $1", key.key_id)
    await connection.close()
    assert row is not None
    clear = await Keyring(keyring).unwrap(
        row["master"], row["wrapped"], b"carepath/data-key/1\0" + key.key_id.bytes + b"service"
    )
    assert clear not in bytes(row["wrapped"])
    assert clear.hex() not in repr(key)


async def test_its_role_deletes_no_key_and_moves_no_journey(key_store: KeyStore, keys_database: Database) -> None:
    await key_store.assign(uuid4(), PATIENT)
    connection = await asyncpg.connect(keys_database.keys_url)
    for statement in (
        "DELETE FROM keys.data_key",
        "DELETE FROM keys.journey",
        "UPDATE keys.journey SET subject = 'service'",
        "UPDATE keys.data_key SET subject = 'service'",
        "UPDATE keys.data_key SET key_id = gen_random_uuid()",
        "TRUNCATE keys.data_key",
        "CREATE TABLE keys.mine (a int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_a_wrapped_key_that_was_exchanged_is_of_no_use(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    mine, service = uuid4(), await key_store.newest(SERVICE)
    await key_store.assign(mine, PATIENT)
    key = await key_store.of_journey(mine)
    connection = await asyncpg.connect(keys_database.admin_url)
    await connection.execute(
        "UPDATE keys.data_key SET wrapped = (SELECT wrapped FROM keys.data_key WHERE key_id = $1) WHERE key_id = $2",
        *(service.key_id, key.key_id),
    )
    await connection.close()
    async with open_key_store(keys_database.keys_url, Keyring(keyring)) as store:
        with pytest.raises(KeysUnavailable):
            await store.find(key.key_id)


async def test_an_unknown_key_is_none_and_one_of_another_keyring_is_away(
    key_store: KeyStore, keys_database: Database, tmp_path: Path
) -> None:
    assert await key_store.find(uuid4()) is None
    make_keyring(tmp_path / "other.json")
    with pytest.raises(KeysUnavailable, match="master key is not in the keyring"):
        async with open_key_store(keys_database.keys_url, Keyring(tmp_path / "other.json")):
            pass


async def test_it_is_prepared_again_without_harm(key_store: KeyStore, keys_database: Database) -> None:
    key = await key_store.newest(SERVICE)
    made = await asyncio.gather(*(prepare_key_store(keys_database.owner_url) for _ in range(3)))
    assert made == [[], [], []]
    async with asyncio.timeout(10):
        assert await key_store.find(key.key_id) == key


async def test_both_kinds_of_keys_are_rotated_under_load_and_nothing_fails(
    key_store: KeyStore, keys_database: Database, keyring: Path
) -> None:
    journeys = [uuid4() for _ in range(20)]
    for number, journey in enumerate(journeys):
        await key_store.assign(journey, bytes([number]) * 32)
        await key_store.of_journey(journey)
    sealed: list[tuple[UUID, bytes, bytes]] = []
    done = asyncio.Event()

    async def load(store: KeyStore, begin: int) -> None:
        turn = begin
        while not done.is_set():
            key = await store.of_journey(journeys[turn % len(journeys)])
            nonce = os.urandom(12)
            sealed.append((key.key_id, nonce, key.cipher.encrypt(nonce, b"said", b"")))
            key_id, nonce, text = sealed[(turn * 7) % len(sealed)]
            found = await store.find(key_id)
            assert found is not None
            assert found.cipher.decrypt(nonce, text, b"") == b"said"
            turn += 1

    old = await Keyring(keyring).current()
    async with (
        open_key_store(keys_database.keys_url, Keyring(keyring), lifetime=NOTHING) as one,
        open_key_store(keys_database.keys_url, Keyring(keyring), lifetime=NOTHING) as two,
        asyncio.TaskGroup() as group,
    ):
        for number, store in enumerate((one, two, one, two)):
            group.create_task(load(store, 5 * number))
        try:
            assert await key_store.rotate() == 21
            new = add_master_key(keyring)
            use_master_key(keyring, new)
            assert await key_store.rewrap() >= 21
            await key_store.rotate()
            while await key_store.rewrap():
                pass
        finally:
            done.set()
    assert set((await key_store.survey()).wraps) == {new}
    drop_master_key(keyring, old)
    async with open_key_store(keys_database.keys_url, Keyring(keyring)) as after:
        for key_id, nonce, text in sealed:
            found = await after.find(key_id)
            assert found is not None
            assert found.cipher.decrypt(nonce, text, b"") == b"said"


@pytest.mark.server
async def test_a_store_that_is_away_raises_an_ordinary_error_and_comes_back(tmp_path: Path, keyring: Path) -> None:
    server = Postgres(tmp_path / "data", tmp_path / "postgres.log", durable=False)
    await server.start()
    try:
        await prepare_key_store(server.keys.owner_url)
        async with open_key_store(server.keys.keys_url, Keyring(keyring), lifetime=NOTHING) as store:
            key = await store.newest(SERVICE)
            patients = await store.patients()
            await server.kill()
            # By it each command has its id in Temporal, and an outage of the store may last longer than a key is kept.
            assert await store.patients() == patients
            for ask in (store.find(key.key_id), store.newest(SERVICE), store.assign(uuid4(), PATIENT)):
                with pytest.raises(KeysUnavailable):
                    await ask
            await server.start()
            assert await store.find(key.key_id) == key
        await server.stop("immediate")
        with pytest.raises(KeysUnavailable):
            async with open_key_store(server.keys.keys_url, Keyring(keyring)):
                pass
    finally:
        await server.stop("immediate")
        server.remove_data()


DESTROYS = (
    "UPDATE keys.data_key SET wrapped = ''",
    "UPDATE keys.data_key SET master = 'none'",
    "UPDATE keys.data_key SET number = 0",
    "DELETE FROM keys.data_key",
    "TRUNCATE keys.data_key",
    "UPDATE keys.journey SET subject = 'service'",
    "DELETE FROM keys.journey",
    "DROP TABLE keys.data_key",
    "CREATE TABLE keys.more (name text)",
    "CREATE SCHEMA evil",
    "CREATE TEMPORARY TABLE data_key (subject text)",
    "LOCK TABLE keys.data_key IN ACCESS EXCLUSIVE MODE",
    "SET ROLE carepath_key_keeper",
)


REFUSE_UNSAFE = """
CREATE FUNCTION keys.refuse_unsafe() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF current_setting('synchronous_commit') = 'off' THEN RAISE 'unsafe'; END IF; RETURN NULL; END $$;
CREATE TRIGGER safe AFTER INSERT ON keys.data_key FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_unsafe();
CREATE TRIGGER safe AFTER INSERT ON keys.journey FOR EACH STATEMENT EXECUTE FUNCTION keys.refuse_unsafe();
"""


STOPS_AFTER_THREE = """
CREATE FUNCTION keys.stop() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF (SELECT count(*) FROM keys.data_key WHERE master = NEW.master) >= 3 THEN RAISE 'stopped'; END IF;
RETURN NEW; END $$;
CREATE TRIGGER stops BEFORE UPDATE ON keys.data_key FOR EACH ROW EXECUTE FUNCTION keys.stop();
"""


async def test_who_has_the_role_of_a_process_destroys_no_key(key_store: KeyStore, keys_database: Database) -> None:
    await key_store.newest(SERVICE)
    connection = await asyncpg.connect(keys_database.keys_url)
    try:
        for attempt in DESTROYS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(attempt)
    finally:
        await connection.close()


async def test_a_store_that_let_processes_change_keys_is_closed_to_them(keys_database: Database) -> None:
    """It was made by an earlier build. Made ready again, as by `record migrate`, it is as a new one."""
    owner = await asyncpg.connect(keys_database.owner_url)
    changes = "SELECT has_any_column_privilege('carepath_keys', 'keys.data_key', 'UPDATE')"
    try:
        await owner.execute("GRANT UPDATE (master, wrapped) ON keys.data_key TO carepath_keys")
        assert await owner.fetchval(changes)
        await prepare_key_store(keys_database.owner_url)
        assert not await owner.fetchval(changes)
    finally:
        await owner.close()


async def test_no_role_of_the_record_is_let_into_the_key_store(keys_database: Database) -> None:
    for url in (keys_database.reader_url, keys_database.recorder_url, keys_database.projector_url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url)


async def test_a_record_opens_with_its_own_key_store_alone(
    migrated: Database, keys_database: Database, keyring: Path
) -> None:
    """By another one, or one that was made anew, everybody would be a new patient, of whom no dose is known."""
    settings = Settings(
        database_url=SecretStr(migrated.recorder_url),
        keys_url=SecretStr(keys_database.keys_url),
        keyring_file=keyring,
        demonstration=True,
    )
    async with open_sealed(settings) as record:
        patient = record.patients.of_ref("pat")
        await record.keep_identity()
    async with open_sealed(settings) as again:
        assert again.patients.of_ref("pat") == patient
    owner = await asyncpg.connect(keys_database.owner_url)
    try:
        await owner.execute("DELETE FROM keys.data_key")
    finally:
        await owner.close()
    for url in (migrated.recorder_url, migrated.reader_url, migrated.watchdog_url, migrated.projector_url):
        with pytest.raises(SettingsError, match="KEYS_URL: is not the key store of this record"):
            async with open_sealed(settings, url):
                pass


async def test_of_two_key_stores_at_the_very_start_one_is_the_records(
    migrated: Database, key_store: KeyStore, keyring: Path
) -> None:
    """Both were opened before either was kept."""
    kept = []
    for secret in (await key_store.patients(), PatientKeys(b"another".ljust(32))):
        async with open_record(migrated.recorder_url, Sealing(key_store, secret)) as record:
            kept.append(await record.keep_identity())
    assert kept == [True, False]


async def test_a_key_is_durable_before_anything_is_encrypted_with_it(
    key_store: KeyStore, keys_database: Database, postgres: Postgres
) -> None:
    """The store may be of a server that somebody made faster."""
    owner = await asyncpg.connect(keys_database.owner_url)
    try:
        await owner.execute(REFUSE_UNSAFE)
        await postgres.as_admin(
            f'ALTER DATABASE "{keys_database.name}" SET synchronous_commit = off',
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{keys_database.name}' "
            "AND usename = 'carepath_key_keeper'",
        )
        await key_store.newest("patient/new")
        await key_store.assign(uuid4(), b"new")
    finally:
        await owner.close()
