"""The data keys: one for each patient, one of the service for what is nobody's, and one that tells patients apart.

They are kept wrapped by a master key, in a database that may be another than the record's. A patient's key that is
deleted there makes all that was encrypted under it unreadable, in every backup.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.resources import files
from time import monotonic
from typing import Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID, uuid4

import asyncpg
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.connection_pool import ConnectionPool, create_pool
from activities.privacy.data_keys import IDENTITY, SERVICE, DataKey, subject_of
from activities.privacy.errors import KeysUnavailable, KeyUnusable
from activities.privacy.master_keys import MasterKeys
from activities.privacy.patient_keys import PatientKeys

LIFETIME = timedelta(minutes=5)
"""How long a key stays in memory. For so long a new key is not used yet, and a deleted one still is."""
MOST = 4096
"""How many keys stay in memory."""
PORTION = 500
"""How many keys are looked at in one go."""
_LOCK = 0x6361726570617469
_HIGHEST = 2**31 - 1
"""The highest number that a key can have."""
_SCHEMA = "key_store.sql"
_ADD = (
    "INSERT INTO keys.data_key (subject, number, key_id, master, wrapped) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT (subject, number) DO NOTHING"
)
_BRIEFLY = "SET LOCAL lock_timeout = '100ms'"
_DURABLY = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"

log = structlog.get_logger("keys")

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Row: TypeAlias = asyncpg.Record


class KeySurvey(NamedTuple):
    """How many data keys each master key wraps, by its id; which of them do not open here; and the ids of what stands
    there for a key, and was never one."""

    wraps: Mapping[str, int]
    unusable: tuple[UUID, ...]
    forged: tuple[UUID, ...]


class _Cache(Generic[_Key, _Value]):
    """The newest values, for a short time."""

    def __init__(self, lifetime: timedelta) -> None:
        self._lifetime = lifetime.total_seconds()
        self._kept: OrderedDict[_Key, tuple[float, _Value]] = OrderedDict()

    def get(self, key: _Key) -> _Value | None:
        at, value = self._kept.get(key, (0.0, None))
        return value if value is not None and monotonic() - at < self._lifetime else None

    def put(self, key: _Key, value: _Value) -> None:
        self._kept[key] = monotonic(), value
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()


class KeyStore:
    """The data keys in a database. Made by `open_key_store`."""

    def __init__(
        self, pool: ConnectionPool, masters: MasterKeys, lifetime: timedelta = LIFETIME, writes: int = 1
    ) -> None:
        self._pool, self._masters = pool, masters
        # Whoever has the role of a process can keep a row from being added for as long as they like. Who waits for that
        # leaves a connection to those who read, and waits once for each subject, one after the other: those whom nobody
        # holds up go before.
        self._writing, self._patience = asyncio.Semaphore(writes), asyncio.Semaphore(1)
        self._adding: dict[str, asyncio.Task[None]] = {}
        self._by_id: _Cache[UUID, DataKey] = _Cache(lifetime)
        self._newest: _Cache[str, DataKey] = _Cache(lifetime)
        self._subjects: _Cache[UUID, str] = _Cache(lifetime)
        self._patients: PatientKeys | None = None
        self._told = set[UUID]()

    # Reading

    async def find(self, key_id: UUID) -> DataKey | None:
        """Return a key by its id; None when there is none.

        Raises:
            KeysUnavailable: it cannot be had now.
        """
        if (known := self._by_id.get(key_id)) is not None:
            return known
        row = await self._ask("SELECT * FROM keys.data_key WHERE key_id = $1", key_id)
        return None if row is None else await self._open_row(row)

    async def find_all(self, key_ids: Collection[UUID]) -> Mapping[UUID, DataKey | None]:
        """Return those of these keys that there are, by their ids; None for one that does not open here: it keeps
        nobody from the others.

        Raises:
            KeysUnavailable: they cannot be had now.
        """
        found: dict[UUID, DataKey | None] = {
            key_id: key for key_id in key_ids if (key := self._by_id.get(key_id)) is not None
        }
        lacking = [key_id for key_id in key_ids if key_id not in found]
        for row in (
            await self._ask_all("SELECT * FROM keys.data_key WHERE key_id = ANY($1)", lacking) if lacking else ()
        ):
            try:
                key = await self._open_row(row)
            except KeyUnusable:
                found[row["key_id"]] = None
                continue
            if key is not None:
                found[key.key_id] = key
        return found

    async def patients(self) -> PatientKeys:
        """Return what makes the keys of patients. Its secret never changes, so it is asked for once.

        Raises:
            KeysUnavailable: its secret cannot be had now.
        """
        if self._patients is None:
            self._patients = PatientKeys((await self.newest(IDENTITY)).secret)
        return self._patients

    async def newest(self, subject: str) -> DataKey:
        """Return the key for new data of a subject. The first one is made when it is first needed.

        Raises:
            KeysUnavailable: it cannot be had now.
        """
        if (known := self._newest.get(subject)) is not None:
            return known
        key, highest = await self._newest_key(subject)
        if key is None:
            await self._add_once(subject, highest + 1)
            key, _ = await self._newest_key(subject)
        if key is None:
            raise KeysUnavailable("a new key is not there")
        self._newest.put(subject, key)
        return key

    async def of_journey(self, journey_id: UUID | None) -> DataKey:
        """Return the key for new data of a journey: its patient's, or the service's where it is nobody's.

        Raises:
            KeysUnavailable: it cannot be had now.
        """
        return await self.newest(SERVICE if journey_id is None else await self._subject(journey_id))

    async def _subject(self, journey_id: UUID) -> str:
        if (known := self._subjects.get(journey_id)) is not None:
            return known
        row = await self._ask("SELECT subject FROM keys.journey WHERE journey_id = $1", journey_id)
        if row is None:
            return SERVICE
        subject: str = row["subject"]
        self._subjects.put(journey_id, subject)
        return subject

    async def subjects(self, journeys: Collection[UUID]) -> Mapping[UUID, str]:
        """Return of these journeys that are somebody's whose they are, as the store has it now.

        Raises:
            KeysUnavailable: it cannot be said now.
        """
        rows = await self._ask_all("SELECT journey_id, subject FROM keys.journey WHERE journey_id = ANY($1)", journeys)
        return {row["journey_id"]: row["subject"] for row in rows}

    async def assign(self, journey_id: UUID, patient_key: bytes) -> None:
        """Say whose journey it is, before anything of it is encrypted. The first word counts.

        Raises:
            KeysUnavailable: it is not kept; ask again.
        """
        if self._subjects.get(journey_id) is None:
            await self._do(
                "INSERT INTO keys.journey (journey_id, subject) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                journey_id,
                subject_of(patient_key),
            )

    async def check(self) -> None:
        """Make sure that keys can be had, by that of the service.

        Raises:
            KeysUnavailable: they cannot.
        """
        await self.newest(SERVICE)

    # Rotation

    async def rotate(self, subject: str | None = None) -> int:
        """Give a subject, or all, a new key for new data, and return how many. Old keys still decrypt. The secret of
        patients' keys stays.

        Other processes use the new key once they forget the old one, within `LIFETIME`.

        Raises:
            KeysUnavailable: not all have a new key; running it again is safe.
        """
        rows = await self._ask_all(
            "SELECT subject, max(number) AS number FROM keys.data_key WHERE ($1::text IS NULL OR subject = $1) "
            "AND subject <> $2 GROUP BY subject ORDER BY subject",
            subject,
            IDENTITY,
        )
        for row in rows:
            await self._add(row["subject"], row["number"] + 1)
        self._newest.clear()
        return len(rows)

    async def rewrap(self) -> int:
        """Wrap every data key by the current master key that another one wraps, and return how many. One that no master
        key here opens keeps no other from it, and what was never a key is passed over.

        Raises:
            KeysUnavailable: not all are; running it again is safe.
        """
        master, wrapped_anew, after = await self._masters.current(), 0, UUID(int=0)
        unusable = list[UUID]()
        while rows := await self._ask_all(
            "SELECT * FROM keys.data_key WHERE master <> $1 AND key_id > $2 ORDER BY key_id LIMIT $3",
            *(master, after, PORTION),
        ):
            for row in rows:
                after = row["key_id"]
                about = _about(row["subject"], row["key_id"])
                try:
                    clear = await self._masters.unwrap(row["master"], row["wrapped"], about)
                except KeyUnusable:
                    if await self._was_made(row):
                        unusable.append(after)
                    continue
                now_by, wrapped = await self._masters.wrap(clear, about)
                await self._do(
                    "UPDATE keys.data_key SET master = $2, wrapped = $3 WHERE key_id = $1 AND master = $4",
                    *(row["key_id"], now_by, wrapped, row["master"]),
                )
                wrapped_anew += 1
        if unusable:
            raise KeyUnusable(f"no master key here opens {unusable[0]}; {len(unusable)} such keys are left")
        return wrapped_anew

    async def may_rewrap(self) -> bool:
        """Whether the role that is connected may wrap keys anew.

        Raises:
            KeysUnavailable: it cannot be said now.
        """
        row = await self._ask("SELECT has_column_privilege('keys.data_key', 'wrapped', 'UPDATE') AS may")
        return bool(row is not None and row["may"])

    async def survey(self) -> KeySurvey:
        """Open every data key, and return what there is.

        Raises:
            KeysUnavailable: it cannot be said now.
        """
        wraps, unusable, forged, after = Counter[str](), list[UUID](), list[UUID](), UUID(int=0)
        while rows := await self._ask_all(
            "SELECT * FROM keys.data_key WHERE key_id > $1 ORDER BY key_id LIMIT $2", after, PORTION
        ):
            for row in rows:
                after = row["key_id"]
                try:
                    await self._masters.unwrap(row["master"], row["wrapped"], _about(row["subject"], after))
                except KeyUnusable:
                    if not await self._was_made(row):
                        forged.append(after)
                        continue
                    unusable.append(after)
                wraps[row["master"]] += 1
        return KeySurvey(wraps, tuple(unusable), tuple(forged))

    # The database

    async def _newest_key(self, subject: str) -> tuple[DataKey | None, int]:
        """The key for new data, None where there is none at all, and the highest number that is taken. Of the secret
        that never changes it is the first one: whoever has the role of a process can add another one, and patients
        would not be known any more. Of the others it is the newest that a master key opens: what they add keeps nobody
        from it, and they can make no older key the newest."""
        highest, taken = _HIGHEST, 0
        unusable, passed = list[KeyUnusable](), list[UUID]()
        while rows := await self._ask_all(
            "SELECT * FROM keys.data_key WHERE subject = $1 AND (number = 1 OR $1 <> $2) AND number <= $3 "
            "ORDER BY number DESC LIMIT $4",
            *(subject, IDENTITY, highest, PORTION if passed else 1),
        ):
            for row in rows:
                taken = max(taken, row["number"])
                try:
                    key = await self._open_row(row)
                except KeyUnusable as problem:
                    key = None
                    unusable.append(problem)
                if key is not None:
                    self._tell(passed)
                    return key, taken
                passed.append(row["key_id"])
                highest = row["number"] - 1
        self._tell(passed)
        if unusable:
            raise unusable[0]
        return None, taken

    def _tell(self, passed: Sequence[UUID]) -> None:
        """Tell ops once of keys that are passed over."""
        if passed and passed[0] not in self._told:
            self._told.add(passed[0])
            log.error("keys.unusable", key_id=str(passed[0]), number=len(passed))

    async def _add_once(self, subject: str, number: int) -> None:
        """Add a first key; all who need it wait for the same attempt."""
        adding = self._adding.get(subject)
        if adding is None:
            adding = self._adding[subject] = asyncio.create_task(self._add(subject, number))
            adding.add_done_callback(lambda _: self._adding.pop(subject, None))
        # Whoever gives up waiting ends it for nobody else.
        await asyncio.wait([adding])
        adding.result()

    async def _add(self, subject: str, number: int) -> None:
        """Add a key of this number, unless another process was faster."""
        key_id = uuid4() if subject == IDENTITY else (await self.patients()).new_key_id(subject)
        row = await _new_row(self._masters, subject, number, key_id)
        if not await self._do(_ADD, *row, briefly=True):
            async with self._patience:
                await self._do(_ADD, *row)

    async def _open_row(self, row: "_Row") -> DataKey | None:
        """The key of a row; None where nobody with the keys put it there: whoever has the role of a process can.

        Raises:
            KeyUnusable: it was a key, and does not open here.
        """
        about = _about(row["subject"], row["key_id"])
        try:
            clear = await self._masters.unwrap(row["master"], row["wrapped"], about)
        except KeyUnusable as unusable:
            if await self._was_made(row):
                raise KeyUnusable(unusable.reason, row["subject"]) from None
            return None
        key = DataKey(row["key_id"], row["subject"], clear, AESGCM(clear))
        self._by_id.put(key.key_id, key)
        return key

    async def _was_made(self, row: "_Row") -> bool:
        """Whether somebody with the keys made the key of a row. Of the secret itself nobody can say; there is one only,
        the first."""
        subject, key_id = row["subject"], row["key_id"]
        if subject == IDENTITY:
            return bool(row["number"] == 1)
        try:
            return (await self.patients()).made_key_id(subject, key_id)
        except KeyUnusable:  # Without that secret nobody can say: it may be a key, and is not given up for lost.
            return True

    async def _ask(self, statement: str, *given: object) -> _Row | None:
        return next(iter(await self._ask_all(statement, *given)), None)

    async def _ask_all(self, statement: str, *given: object) -> list[_Row]:
        async def ask() -> list[_Row]:
            async with self._pool.acquire() as connection:
                return await connection.fetch(statement, *given)

        return await _try(ask)

    async def _do(self, statement: str, *given: object, briefly: bool = False) -> bool:
        """Write something. False where that was to wait but briefly for whoever is in the way, and did not happen."""

        async def do() -> bool:
            try:
                async with self._writing, self._pool.acquire() as connection, connection.transaction():
                    # What is encrypted with a key is durable elsewhere: a lost key loses it.
                    await connection.execute(_DURABLY)
                    if briefly:
                        await connection.execute(_BRIEFLY)
                    await connection.execute(statement, *given)
            except asyncpg.LockNotAvailableError:
                if not briefly:
                    raise
                return False
            return True

        return await _try(do)


async def _new_row(masters: MasterKeys, subject: str, number: int, key_id: UUID) -> tuple[object, ...]:
    master, wrapped = await masters.wrap(AESGCM.generate_key(256), _about(subject, key_id))
    return subject, number, key_id, master, wrapped


def _about(subject: str, key_id: UUID) -> bytes:
    """What a wrapped key is bound to, so that none can stand in for another."""
    return b"carepath/data-key/1\0" + key_id.bytes + subject.encode()


async def _try(ask: Callable[[], Awaitable[_Value]]) -> _Value:
    """Ask twice: the first connection may have been of a server that has gone."""
    for last in (False, True):
        try:
            return await ask()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            reason = f"the key store: {getattr(error, 'sqlstate', None) or type(error).__name__}"
            if last:
                raise KeysUnavailable(reason) from None
    raise AssertionError("unreachable")


async def prepare_key_store(owner_url: str, masters: MasterKeys | None = None) -> list[str]:
    """Make the tables and the roles of the key store, and return the names of the files that made it, none where it was
    there. Safe to repeat; what an earlier build made is brought up to date. Connects as the owner of its database.
    With ``masters`` the secret that tells patients apart is made, too, before any role of a process is let in: none can
    be first with it.

    Raises:
        asyncpg.PostgresError: as it is; this is run by operators, and no key is in it.
    """
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            new = await connection.fetchval("SELECT to_regclass('keys.data_key') IS NULL")
            await connection.execute((files("activities.privacy") / _SCHEMA).read_text())
            if masters is not None:
                await connection.execute(_ADD, *await _new_row(masters, IDENTITY, 1, uuid4()))
        return [_SCHEMA] if new else []
    finally:
        await connection.close()


@asynccontextmanager
async def open_key_store(
    url: str, masters: MasterKeys, *, connections: int = 4, lifetime: timedelta = LIFETIME
) -> AsyncIterator[KeyStore]:
    """Connect as the role of the key store, make sure that keys can be had, and close the connections at the end.

    Raises:
        KeysUnavailable: they cannot be had.
    """

    pool = await _try(
        lambda: create_pool(
            url,
            name="carepath-keys",
            connections=connections,
            connect_timeout=timedelta(seconds=3),
            command_timeout=timedelta(seconds=3),
            server_settings={"statement_timeout": "3s", "lock_timeout": "2s"},
            ready=0,
        )
    )
    try:
        store = KeyStore(pool, masters, lifetime, writes=max(1, connections - 1))
        await store.check()
        yield store
    finally:
        await pool.close()
