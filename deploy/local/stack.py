"""PostgreSQL and Temporal together, ready for the service's own processes."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from activities.payload_codec import SealingCodec
from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.privacy.key_store import open_key_store, prepare_key_store
from activities.privacy.master_keys import Keyring, make_keyring
from activities.record import Record, migrate, open_record, sealing
from activities.record.verification.anchors import AnchorKeyError, make_key, read_key
from application.input.files import is_missing
from deploy.local.postgres import Database, Postgres
from deploy.local.process import Child, StackError, Supervised
from deploy.local.temporal import TemporalServer

__all__ = [
    "Stack",
    "StackError",
    "WorkerProcess",
    "local_stack",
    "run_watchdog",
    "run_worker",
]

PROFILES = "profiles"
"""Where the profiles and keys of those who act are, in the stack's directory."""
ANCHORS, ANCHOR_KEY = "anchors", f"{PROFILES}/anchor.key"
KEYRING = "keyring.json"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack, with nobody in it yet who could act."""

    directory: Path
    postgres: Postgres
    temporal: TemporalServer
    anchor_key: bytes

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def keyring(self) -> Path:
        """The file of the master keys."""
        return self.directory / KEYRING

    @property
    def ui_url(self) -> str | None:
        return self.temporal.ui_url

    @property
    def env(self) -> dict[str, str]:
        """The variables that a process needs to find this stack."""
        return {
            "CAREPATH_DATABASE_URL": self.postgres.database.reader_url,
            "CAREPATH_KEYS_URL": self.postgres.keys.keys_url,
            "CAREPATH_KEYRING_FILE": str(self.keyring),
            "CAREPATH_DEMONSTRATION": "true",
            "CAREPATH_ANCHORS_DIR": str(self.directory / ANCHORS),
            "CAREPATH_ANCHOR_KEY_FILE": str(self.directory / ANCHOR_KEY),
            "CAREPATH_ANCHOR_PUBLIC_KEY": self.anchor_key.hex(),
            "TEMPORAL_ADDRESS": self.temporal.address,
            "TEMPORAL_NAMESPACE": self.temporal.namespace,
            # A profile on this machine may hold somebody's real key and address.
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }

    @contextlib.asynccontextmanager
    async def codec(self) -> AsyncIterator[SealingCodec]:
        """What encrypts for a client of this stack.

        Raises:
            KeysUnavailable: the keys cannot be had.
        """
        async with open_key_store(self.postgres.keys.keys_url, Keyring(self.keyring)) as keys:
            yield SealingCodec(keys)

    @contextlib.asynccontextmanager
    async def open_record(self, url: str) -> AsyncIterator[Record]:
        """Open the record of this stack, as the role that the address names.

        Raises:
            KeysUnavailable: the keys cannot be had.
            RecordUnavailable: the record cannot be reached.
        """
        async with (
            open_key_store(self.postgres.keys.keys_url, Keyring(self.keyring)) as keys,
            open_record(url, await sealing(keys)) as record,
        ):
            yield record

    @property
    def watchdog_env(self) -> dict[str, str]:
        """The variables of the watchdog: nothing of Temporal. Its pages stay in its log."""
        return {
            "CAREPATH_WATCHDOG_DATABASE_URL": self.postgres.watchdog_url,
            "CAREPATH_WATCHDOG_KEYS_URL": self.postgres.keys.key_reader_url,
            "CAREPATH_WATCHDOG_KEYRING_FILE": str(self.keyring),
            "CAREPATH_WATCHDOG_LOG_ONLY": "true",
        }

    @property
    def console_env(self) -> dict[str, str]:
        """The same for the console, with its role."""
        return {**self.env, "CAREPATH_DATABASE_URL": self.postgres.database.console_url}

    @property
    def worker_env(self) -> dict[str, str]:
        """The same for a worker, and for whoever mends what workers keep: with the roles that record and project."""
        database = self.postgres.database
        return {
            **self.env,
            "CAREPATH_DATABASE_URL": database.recorder_url,
            "CAREPATH_PROJECTOR_URL": database.projector_url,
        }

    @property
    def owner_env(self) -> dict[str, str]:
        """The same, and the owner's connection, for migrations. Workers run without it."""
        return {**self.worker_env, "CAREPATH_OWNER_URL": self.postgres.owner_url}


@contextlib.asynccontextmanager
async def local_stack(
    directory: Path, *, keep_data: bool, time_skipping: bool, headless: bool = False
) -> AsyncIterator[Stack]:
    """Start both servers, migrate the record, and stop everything at the end.

    With `keep_data` the next run in the same directory finds what this one left. Without it the run begins
    empty and its data is deleted at the end; the logs stay.

    Raises:
        StackError: says which step failed and where its log is. Nothing is left running.
    """
    with _only_run_in(directory) as directory:
        logs = directory / "logs"
        data = directory / "temporal"
        kept = (data, directory / ANCHORS, directory / PROFILES, directory / KEYRING)
        postgres = Postgres(directory / "postgres", logs / "postgres.log")
        temporal = TemporalServer(
            logs / "temporal.log",
            db_path=data / "temporal.db",
            time_skipping=time_skipping,
            headless=headless,
        )
        if not keep_data:
            _remove_data(postgres, *kept)
        try:
            await _start_together(postgres, temporal)
            await _migrate(postgres)
            await prepare_keyring(postgres.keys, directory / KEYRING)
            anchor_key = anchor_public_key(directory / ANCHOR_KEY, directory / ANCHORS)
            yield Stack(directory, postgres, temporal, anchor_key)
        finally:
            await asyncio.gather(postgres.stop(), temporal.stop())
            if not keep_data:
                _remove_data(postgres, *kept)


class WorkerProcess(Supervised):
    """A worker of the service, or its watchdog, as a process of its own. Leaving the context stops it."""

    @property
    def returncode(self) -> int | None:
        return self._child.returncode

    async def stop(self, *, seconds: float = 20) -> None:
        """Ask it to finish what it is doing and end, and wait for it."""
        await self._child.stop(signal.SIGTERM, seconds=seconds)

    async def __aenter__(self) -> "WorkerProcess":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def run_worker(
    env: Mapping[str, str],
    log_path: Path,
    *,
    program: Path = _ROOT / "worker.py",
    arguments: Sequence[str] = (),
    seconds: float = 60,
) -> WorkerProcess:
    """Start a worker with these variables and wait until it is polling.

    Raises:
        StackError: the worker ended or was not ready in time. It is then no longer running.
    """
    command: list[str | Path] = [sys.executable, program, *arguments]
    return await _run("the worker", command, env, log_path, ready="CAREPATH_READY_FILE", seconds=seconds)


async def run_watchdog(env: Mapping[str, str], log_path: Path) -> WorkerProcess:
    """Start the watchdog with these variables and wait until it has looked at everything once.

    Raises:
        StackError: it ended or was not ready in time. It is then no longer running.
    """
    command: list[str | Path] = [sys.executable, _ROOT / "watchdog.py"]
    return await _run("the watchdog", command, env, log_path, ready="CAREPATH_WATCHDOG_READY_FILE", seconds=60)


async def _run(
    name: str, command: Sequence[str | Path], env: Mapping[str, str], log_path: Path, *, ready: str, seconds: float
) -> WorkerProcess:
    """Start a process of the service. Our own TEMPORAL_* variables do not reach it: a key or certificate meant for
    another server would."""
    child = Child(name, log_path)
    with tempfile.TemporaryDirectory(prefix="carepath-ready-") as directory:
        ready_file = Path(directory) / "ready"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        child.spawn(
            command,
            env={**inherited, **env, ready: str(ready_file), "PYTHONUNBUFFERED": "1"},
            cwd=_ROOT,
        )

        async def is_ready() -> bool:
            return ready_file.exists()

        try:
            await child.ready(is_ready, seconds=seconds)
        except BaseException:
            await child.kill()
            raise
    return WorkerProcess(child)


async def _start_together(postgres: Postgres, temporal: TemporalServer) -> None:
    # Both settle before an error is raised, so that nothing is started after we began to stop.
    for outcome in await asyncio.gather(postgres.start(), temporal.start(), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _migrate(postgres: Postgres) -> None:
    try:
        await migrate(postgres.owner_url, demonstration=True)
        await prepare_key_store(postgres.keys.owner_url)
    except Exception as failed:
        reason = f"{type(failed).__name__}: {failed}"
        raise StackError("migrate the record", postgres.log_path, reason) from failed


async def prepare_keyring(keys: Database, keyring: Path) -> None:
    """Make the keyring of a new stack, and make sure that it opens the keys that there are. None is made in the place
    of one that is gone: nothing that is kept could be read.

    Raises:
        StackError: it is gone, cannot be read, or does not open them.
    """
    try:
        if is_missing(keyring) and await _is_empty(keys):
            make_keyring(keyring)
        async with open_key_store(keys.keys_url, Keyring(keyring)):
            pass
    except (KeyringError, KeysUnavailable) as problem:
        reason = f"{problem.reason}: without it nothing that is kept can be read"
        raise StackError("read the keyring", None, reason, left=put_back(keyring)) from None


async def _is_empty(keys: Database) -> bool:
    owner = await asyncpg.connect(keys.owner_url)
    try:
        return bool(await owner.fetchval("SELECT NOT EXISTS (SELECT FROM keys.data_key)"))
    finally:
        await owner.close()


def anchor_public_key(path: Path, anchors: Path) -> bytes:
    """Return the public half of the key with which the stack's worker signs ``anchors``. It is made the first time, and
    not while there are anchors of one that is gone: they would all seem forged.

    Raises:
        StackError: it is gone, or cannot be read.
    """
    path.parent.mkdir(exist_ok=True)
    try:
        if path.exists() or (anchors.exists() and any(anchors.iterdir())):
            return read_key(path).public_key().public_bytes_raw()
        return make_key(path)
    except AnchorKeyError as problem:
        raise StackError("read the key of the anchors", None, problem.reason, left=put_back(path)) from None


def put_back(file: Path) -> str:
    """Say what to do about a key that is gone."""
    begin_anew = "without a copy of it, remove the stack's directory (`make clean`) and begin anew"
    return f"What was recorded is still there. Put {file} back as it was; {begin_anew}"


def _remove_data(postgres: Postgres, *kept: Path) -> None:
    postgres.remove_data()
    for path in kept:
        if path.is_file():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _only_run_in(directory: Path) -> Iterator[Path]:
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)  # Nobody else reaches what is in it.
    (directory / "lock").touch(mode=0o600)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise StackError("begin", None, f"Another local stack is running in {directory}; stop it first") from held
        yield directory
