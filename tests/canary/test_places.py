"""A word is found wherever it may stand, in whatever way it is spelled there."""

import asyncio
import base64
import sqlite3
import sys
from email.message import EmailMessage
from pathlib import Path
from subprocess import PIPE

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from tests.canary.places import Found, in_files, in_mails, in_rows, in_sqlite, new_word, watching_processes, words_in
from tests.helpers import eventually

WORD = new_word()
SPELLED = {
    "clear": WORD.encode(),
    "in a sentence": f"said: {WORD}.".encode(),
    "hex": b"\\x" + f"a{WORD}b".encode().hex().encode(),
    "upper hex": WORD.encode().hex().upper().encode(),
    **{f"base64, {n} before": base64.b64encode(b"x" * n + WORD.encode() + b"y" * 9) for n in range(5)},
    "base64 in JSON": b'{"data":"' + base64.b64encode(b'{"a":"' + WORD.encode() + b'"}') + b'"}',
    "base64 for addresses": base64.urlsafe_b64encode(b"\xfb\xff" + WORD.encode()),
}


@pytest.mark.parametrize("content", SPELLED.values(), ids=SPELLED.keys())
def test_a_word_is_found_however_it_is_spelled(content: bytes) -> None:
    assert words_in(content) == {WORD}


def test_nothing_is_found_where_nothing_is() -> None:
    assert words_in(b"cnry7q and nothing more, or Y25yeTdx") == set()


def test_files_and_rows_are_looked_through(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text(f"event {WORD}")
    database = sqlite3.connect(tmp_path / "t.db")
    with database:
        database.execute("CREATE TABLE visibility (memo BLOB)")
        # As long as it is, it stands on several pages.
        database.execute("INSERT INTO visibility VALUES (?)", [b"x" * 4000 + WORD.encode() + b"x" * 9000])
    database.close()
    assert {*in_files("files", tmp_path / "logs")} == {Found("files: a.log", WORD)}
    assert [*in_sqlite("Temporal", tmp_path / "t.db")] == [Found("Temporal: visibility", WORD)]


async def test_the_rows_of_a_database_are_looked_through(postgres: Postgres) -> None:
    database = await postgres.fresh_database()
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("CREATE SCHEMA said; CREATE TABLE said.clear (a text, b bytea)")
    await connection.execute("INSERT INTO said.clear VALUES ('', $1)", WORD.encode() * 3000)
    await connection.close()
    found = await in_rows("record", postgres, database.name)
    await postgres.drop_database(database)
    assert Found("record: said.clear", WORD) in found


def test_mails_are_read_as_their_readers_read_them() -> None:
    mail = EmailMessage()
    mail["Subject"] = "none"
    mail.set_content(f"é said {WORD}", cte="base64")
    assert [*in_mails("mail", [mail.as_bytes()])] == [Found("mail", WORD)]


async def test_arguments_and_variables_of_processes_are_seen() -> None:
    async with watching_processes() as (arguments, variables):
        waits = (sys.executable, "-c", "input()", WORD)
        process = await asyncio.create_subprocess_exec(*waits, env={"SAID": WORD}, stdin=PIPE)

        async def seen() -> bool:
            return any(WORD in each for each in arguments) and any(f"SAID={WORD}" in each for each in variables)

        await eventually(seen)
        await process.communicate(b"\n")
