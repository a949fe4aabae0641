"""Every address answers everybody as the table beside this says. All of it is asked in soak, a part in every run."""

import os
import re
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from urllib.parse import quote_from_bytes
from uuid import uuid4

import pytest
from fastapi import FastAPI

from application.pathway.command_catalog import KINDS
from console.forms import fields_of
from console.pages import HERE
from console.visits import FORM_FIELD
from tests.cli.clinics import Clinics
from tests.console.addresses import routes_of
from tests.console.answers import (
    ELSEWHERE,
    FORM,
    NONE,
    OWN,
    SIGN_IN,
    TABLE,
    WRITE,
    Row,
    answers_to,
    ask_of,
    client_of,
    is_of_form,
    listed,
    rows_of,
    written,
)
from tests.record.helpers import Connection, content_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HOSTILE = (
    b"<script>alert(1)</script>", b"\x00", b"9" * 5000, b"\xed\xa0\x80", b"{{7*7}}${7*7}#{7*7}", b"'; DROP TABLE x;--",
    b"=cmd|' /C calc'!A0", b"../../../etc/passwd", b"\xe2\x80\xae", b"\r\nset-cookie: a=b", b"-1", b"1e999", b"NaN",
)  # fmt: skip


def sampled(index: int, row: Row, people: Sequence[str]) -> set[str]:
    """Whom a row is asked for in every run: patient and observer of what is theirs, and one more; of forms each sixth
    row for one."""
    theirs = () if row.journey != OWN or is_of_form(row) else ("patient", "observer")
    step = 72 if is_of_form(row) else 12
    return {*theirs, *(person for at, person in enumerate(people) if (index + at) % step == 0)}


def test_the_table_has_each_address(console: FastAPI) -> None:
    assert [*listed()] == [row.title for row in rows_of(console)], "run `python -m tests.console.answers`"


async def test_a_part_of_the_table_is_what_the_console_answers(
    console: FastAPI, clinics: Clinics, tmp_path: Path, admin: Connection
) -> None:
    asked, known = await ask_of(console, clinics, tmp_path / "profiles"), listed()
    before = await content_of(admin)
    for at, person in enumerate(asked.people):
        rows = [row for index, row in enumerate(asked.rows) if person in sampled(index, row, asked.people)]
        found = dict(zip((row.title for row in rows), await answers_to(asked, person, rows), strict=True))
        assert found == {title: known[title][at] for title in found}, person
    assert await content_of(admin) == before, "nobody changed anything"


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_the_whole_table_is_what_the_console_answers(
    console: FastAPI, clinics: Clinics, tmp_path: Path, admin: Connection
) -> None:
    asked = await ask_of(console, clinics, tmp_path / "profiles")
    before = await content_of(admin)
    columns = [await answers_to(asked, person, asked.rows) for person in asked.people]
    whole = written(dict(zip(asked.rows, zip(*columns, strict=True), strict=True)), asked.people)
    if WRITE in os.environ:
        TABLE.write_text(whole)
    assert TABLE.read_text() == whole
    assert await content_of(admin) == before, "nobody changed anything"


def test_whoever_has_no_part_in_a_journey_is_shown_nothing_of_it() -> None:
    """What the table may never say, whoever writes it anew: what anybody may send is the form alone."""
    by_anybody = {f"/journeys/{{journey_id}}/{kind.noun}/{kind.verb}" for kind in KINDS if kind.model.by_anybody}
    refused = {"403", "404"}
    for title, answers in listed().items():
        _, path, about = title.split(maxsplit=2)
        nobody, _, stranger, _, bystander, *staff = answers
        if "{" not in path or path in by_anybody or path.startswith(("/go/", "/protocols/")):
            continue
        assert nobody == SIGN_IN, title
        assert {stranger, bystander} <= refused, title
        if about.strip() == ELSEWHERE and not path.endswith("/break-glass"):
            assert {*staff} <= refused, title


async def test_other_methods_are_refused_whoever_asks(console: FastAPI, clinics: Clinics, tmp_path: Path) -> None:
    asked = await ask_of(console, clinics, tmp_path / "profiles")
    taken: dict[str, set[str]] = {}
    for route in routes_of(console):
        taken.setdefault(route.path, set()).update(route.methods or ())
    for path in taken:
        others = [method for method in METHODS if method not in taken[path]]
        some = path if path != FORM else "/journeys/{journey_id}/pathway/hold"
        rows = [Row(method, some, OWN if "{" in path else NONE) for method in others]
        answers = await answers_to(asked, asked.people[len(path) % len(asked.people)], rows)
        # What looks like the form of a command is looked for among these.
        assert {*zip(others, answers, strict=True)} <= {*((each, "405") for each in others), ("POST", "404")}, path


async def test_whatever_is_sent_is_answered(
    console: FastAPI, clinics: Clinics, tmp_path: Path, admin: Connection
) -> None:
    asked, known, before = await ask_of(console, clinics, tmp_path / "profiles"), listed(), await content_of(admin)
    templates = "".join(path.read_text() for path in (HERE / "templates").glob("*.html"))
    controls = {*re.findall(r'name="([a-z_-]+)"', templates)} - {FORM_FIELD, "command_id"}
    fields = {f"{kind.noun}/{kind.verb}": [each.name for each in fields_of(kind.model, {})] for kind in KINDS}
    values = cycle(HOSTILE)
    for row in asked.rows:
        if row.method != "POST" or row.journey not in (OWN, NONE):
            continue
        may = [person for person, answer in zip(asked.people, known[row.title], strict=True) if answer != "403"]
        person = (may or asked.people)[-1]
        names = sorted({*controls, *fields.get(row.path.removeprefix("/journeys/{journey_id}/"), ())})
        async with client_of(asked, person) as (client, token):
            own = {FORM_FIELD: token, "command_id": str(uuid4())}
            sent = [(name, value.encode()) for name, value in own.items()] + [(name, next(values)) for name in names]
            body = "&".join(f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in sent)
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answer = await client.post(row.path.format(**asked.given[row.journey]), content=body, headers=kind)
        assert answer.status_code < 500 or answer.status_code == 503, (row, person, answer.text)
    assert await content_of(admin) == before
