"""A list asks the database as often, however many journeys are on it: what is slow with many shows without a clock."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.read_models.pages import LIMIT
from activities.record.stored import NewNotice
from application.context import Context
from application.settings import Settings
from console.app import create_app
from deploy.local.postgres import Database
from tests.cli.helpers import World, write_profiles
from tests.console.browser import Browser, browser_of
from tests.record.connections import Counting, on
from tests.record.helpers import Connection
from tests.record.read_models.courses import attempted, catch_up, copy_rows, course_of, renamed
from workflows.journey.aggregate import evolve, fold
from workflows.journey.events import Event
from workflows.journey.obligations import obligations

FEW, MANY = 10, 200
PAGES = {
    "coordinator": (
        "/work", "/work?mine=yes", "/work?unassigned=yes", "/work?overdue=yes", "/work?today=yes",
        "/work?role=clinician&all=yes", "/work?clinic=demo-clinic", "/journeys", "/journeys?stage=evaluation",
        "/journeys?overdue=yes&closed=yes", "/messages", "/messages?undelivered=yes",
    ),
    "clinician": ("/work", "/work?all=yes", "/sign-offs", "/sign-offs?mine=yes"),
    "medical_director": ("/ops", "/ops/attempts", "/sign-offs?mine=yes"),
    "ops": ("/ops", "/ops/attempts", "/journeys", "/messages"),
}  # fmt: skip
"""Every list, and who looks at it."""
MOST = 6
"""How often a list asks at most; the page of the service asks one after the other for all that it shows."""


def asked_to_sign() -> tuple[Event, ...]:
    """The beginning of a course up to where a signature is awaited, and an attempt in it that was refused."""
    opening, *later = course_of()
    journey, events = fold([opening]), [opening]
    while not any(waiting.sign_off is not None for waiting in obligations(journey)):
        events.append(later.pop(0))
        journey = evolve(journey, events[-1])
    return attempted(events)


async def multiply(owner: Connection, record: Record, journey_id: UUID, count: int) -> None:
    """Put as many more journeys like one onto every list."""
    await owner.execute(
        "CREATE TEMP TABLE copied AS SELECT gen_random_uuid() AS id, $2::uuid AS of FROM generate_series(1, $1)",
        count,
        journey_id,
    )
    await owner.execute(
        "INSERT INTO record.journey_event SELECT log_id, (SELECT max(position) FROM record.journey_event) "
        "+ row_number() OVER (ORDER BY id, version), id, version, gen_random_uuid(), event_type, schema_version, "
        "occurred_at, recorded_at, actor_id, actor_role, command_id, causation_id, payload, content_hash, "
        "journey_hash, log_hash FROM record.journey_event JOIN copied ON of = journey_id"
    )
    for table in ("caseload", "obligation", "audience", "status_history"):
        await copy_rows(owner, table)
    await owner.execute(
        "UPDATE read_model.generation SET position = (SELECT max(position) FROM record.journey_event) "
        "WHERE status = 'live'"
    )
    new = [row["id"] for row in await owner.fetch("SELECT id FROM copied")]
    await owner.execute("DROP TABLE copied")
    await record.deliver_notices(
        [
            NewNotice(
                notice_id=uuid4(), journey_id=each, event_id=uuid4(), kind="due", recipient_role="clinician",
                clinic="demo-clinic",
            )
            for each in new
        ]
    )  # fmt: skip


@pytest.fixture
async def counted(record: Record) -> Counting:
    return Counting(record)


@pytest.fixture
async def browser(migrated: Database, record: Record, counted: Counting, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser before a console that counts what it asks of the database."""
    world = World(migrated)
    write_profiles(tmp_path, uuid4())
    world.set(profile=tmp_path / "coordinator.json")

    @asynccontextmanager
    async def counting(_: Settings) -> AsyncIterator[Record]:
        yield on(record, counted)

    def make_context(**who: Any) -> Context:
        return Context(now=lambda: world.at, load=world.load_settings, open_record=counting, **who)

    async with browser_of(create_app(world.settings, make_context=make_context, now=lambda: world.at)) as opened:
        yield opened


async def test_a_list_asks_as_often_whatever_is_on_it(
    owner: Connection, record: Record, browser: Browser, counted: Counting
) -> None:
    journey_id = uuid4()
    await record.append(journey_id, 0, [to_new(event) for event in renamed(asked_to_sign(), journey_id)])
    await catch_up(record)
    found: list[dict[tuple[str, str], int]] = []
    rows: list[dict[tuple[str, str], int]] = []
    for more in (FEW - 1, MANY - FEW):
        await multiply(owner, record, journey_id, more)
        asked, shown = {}, {}
        for person, pages in PAGES.items():
            await browser.sign_in(person)
            for page in pages:
                before = counted.sent
                assert (await browser.go(page)).status_code == 200, page
                first, before = counted.sent - before, counted.sent
                answer = await browser.go(page)
                asked[person, page] = counted.sent - before
                assert first - asked[person, page] in (0, 1), "what the patients are called is asked for once, for all"
                shown[person, page] = answer.text.count("<tr")
        found.append(asked)
        rows.append(shown)
    few, many = found
    assert few == many
    assert {page: count for (_, page), count in few.items() if count > MOST and page != "/ops"} == {}
    # The lists did grow: what is filtered out by a view is not on it.
    grown = [page for page in few if rows[1][page] > rows[0][page] >= FEW]
    assert {"/work", "/journeys", "/sign-offs", "/sign-offs?mine=yes", "/ops/attempts", "/messages"} <= {
        page for _, page in grown
    }
    # Each says how many there are in all, on later pages, too.
    await browser.sign_in("clinician")
    open_ones = "SELECT count(*) FROM read_model.obligation WHERE closed_at IS NULL"
    for page, select, called in (
        ("/work?all=yes", open_ones, "tasks"),
        ("/sign-offs", f"{open_ones} AND sign_off IS NOT NULL", "requests"),
        ("/journeys", "SELECT count(*) FROM read_model.caseload", "journeys"),
    ):
        caption = f"<caption>{LIMIT} of {await owner.fetchval(select)} {called}, "
        for _ in range(2):
            assert caption in (await browser.go(page)).text
            [page] = re.findall(r'href="([^"]+)" rel="next"', browser.page.text)
            page = unescape(page)
