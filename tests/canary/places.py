"""Where planted words are looked for: files, databases, mails, and what processes are called with and are given."""

import asyncio
import base64
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import psutil

from deploy.local.postgres import Postgres

MARK = b"cnry7q"
"""What every planted word begins with. Nothing else does."""
LETTERS = 32
_CLEAR = re.compile(MARK + rb"[0-9a-f]{%d}" % LETTERS)
_HEX = re.compile(MARK.hex().encode() + rb"(?:[0-9a-fA-F]{2}){%d}" % LETTERS, re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]+")
_STEMS = tuple(base64.b64encode(b"\0" * before + MARK)[(0, 2, 3)[before] : (8, 9, 10)[before]] for before in range(3))
"""What of a word's beginning stands in base64, whatever stands before it."""


class Found(NamedTuple):
    """A planted word, and where it was found."""

    place: str
    word: str


def new_word() -> str:
    """Return a word that stands nowhere else: a coded word, so that it may stand wherever one may."""
    return f"{MARK.decode()}{uuid4().hex}"


def words_in(content: bytes) -> set[str]:
    """Return the planted words in these bytes: as they are, in hex, and in base64."""
    found = {match.group().decode() for match in _CLEAR.finditer(content)} if MARK in content else set()
    lower = MARK.hex().encode()
    if lower in content or lower.upper() in content:
        found |= {bytes.fromhex(match.group().decode()).decode() for match in _HEX.finditer(content)}
    if any(stem in content for stem in _STEMS):
        found |= {word for match in _BASE64.finditer(content) for word in _decoded(match.group())}
    return found


def _decoded(text: bytes) -> Iterator[str]:
    if not any(stem in text for stem in _STEMS):
        return
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    for skipped in range(4):
        part = plain[skipped:]
        whole = part[: len(part) - (len(part) % 4 == 1)]
        yield from words_in(base64.b64decode(whole + b"=" * (-len(whole) % 4)))


def in_text(place: str, text: str) -> Iterator[Found]:
    """Return what is found in a text."""
    yield from (Found(place, word) for word in words_in(text.encode()))


def in_files(place: str, directory: Path) -> Iterator[Found]:
    """Return what is found in the files of a directory, and in its subdirectories."""
    for path in directory.rglob("*"):
        if path.is_file():
            yield from (Found(f"{place}: {path.relative_to(directory)}", word) for word in words_in(path.read_bytes()))


def in_sqlite(place: str, path: Path) -> Iterator[Found]:
    """Return what is found in the rows of an SQLite database. In its file a word may be cut by the end of a page."""
    with closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode()
                    yield from (Found(f"{place}: {table}", word) for word in words_in(content))


async def in_databases(place: str, postgres: Postgres) -> list[Found]:
    """Return what is found in the rows of all databases of a server: in its files, what is long is compressed."""
    server = await asyncpg.connect(postgres.admin_url)
    names = [row["datname"] for row in await server.fetch("SELECT datname FROM pg_database WHERE datallowconn")]
    await server.close()
    return [found for name in names for found in await in_rows(place, postgres, name)]


async def in_rows(place: str, postgres: Postgres, database: str) -> list[Found]:
    """Return what is found in the rows of a database."""
    found = []
    connection = await asyncpg.connect(postgres.admin_url, database=database)
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
    )
    for table in tables:
        for row in await connection.fetch(f"SELECT t::text AS said FROM {table['name']} t"):
            found += [Found(f"{place}: {table['name']}", word) for word in words_in(row["said"].encode())]
    await connection.close()
    return found


def in_mails(place: str, mails: Iterable[bytes]) -> Iterator[Found]:
    """Return what is found in mails: in their headers, and in each part as its reader sees it."""
    for raw in mails:
        mail = message_from_bytes(raw, policy=SMTP)
        said = [f"{name}: {value}" for name, value in mail.items()]
        for part in mail.walk():
            if not part.is_multipart():
                content = part.get_payload(decode=True)
                said.append(content.decode(errors="replace") if isinstance(content, bytes) else "")
        yield from in_text(place, "\n".join(said))


@asynccontextmanager
async def watching_processes() -> AsyncIterator[tuple[set[str], set[str]]]:
    """While the context is open, look again and again at what the processes that we start are called with, and at the
    variables that they are given. Both are kept as texts."""
    arguments: set[str] = set()
    variables: set[str] = set()

    async def look() -> None:
        known: set[psutil.Process] = set()
        while True:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    arguments.add("\n".join(process.cmdline()))
                    if process not in known:
                        variables.add("\n".join(f"{name}={value}" for name, value in process.environ().items()))
                        known.add(process)
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield arguments, variables
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
