"""How a watchdog pages: whatever is answered, under one id, and also that it cannot do its work."""

from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from activities.record import Record
from activities.record.watching import last_look
from application.watchdog.settings import WatchdogSettings
from deploy.local.postgres import Database
from tests.application.watchdog.pager import ELSEWHERE, Pager
from tests.application.watchdog.watched import LONG_AGO, keep_clean_pass, looks, put_waiting, watching
from tests.helpers import eventually
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "answer", [500, "hang", "redirect", *(pytest.param(each, marks=pytest.mark.soak) for each in (404, 301))]
)
async def test_a_page_that_is_not_taken_is_sent_again_under_its_id(
    record: Record, pager: Pager, settings: WatchdogSettings, answer: Any
) -> None:
    await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    await catch_up(record)
    pager.answers = [answer]
    async with watching(settings, webhook_seconds=1):
        [taken] = await pager.told("step_missed")
        await looks(record, 1)
    assert [call.page_id for call in pager.calls] == [taken.page_id] * 2
    assert {call.raw for call in pager.calls} == {taken.raw}
    assert ELSEWHERE not in {call.path for call in pager.calls}


async def test_a_watchdog_whose_pages_do_not_arrive_says_so(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    await catch_up(record)
    pager.answers = [500] * 4

    async def mute() -> bool:
        look = await last_look(record)
        return look is not None and look.mute_since is not None

    async def heard() -> bool:
        look = await last_look(record)
        return look is not None and look.mute_since is None

    async with watching(settings):
        await eventually(mute)
        [taken] = await pager.told("step_missed")
        await eventually(heard)
    assert [call.page_id for call in pager.calls] == [taken.page_id] * 5


async def test_two_watchdogs_page_the_same(record: Record, pager: Pager, settings: WatchdogSettings) -> None:
    await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings), watching(settings):
        await pager.told("step_missed")
        await looks(record, 4)
    # A slow machine may have something else paged meanwhile.
    assert len({call.page_id for call in await pager.told("step_missed")}) == 1


async def test_a_record_that_is_away_is_paged_and_what_was_missed_afterwards(
    record: Record, pager: Pager, settings: WatchdogSettings, migrated: Database, postgres: Any
) -> None:
    await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    await catch_up(record)
    elsewhere = await asyncpg.connect(postgres.admin_url)
    try:
        await elsewhere.execute(f'ALTER DATABASE "{migrated.name}" ALLOW_CONNECTIONS false')
        await elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", migrated.name
        )
        async with watching(settings):
            [away] = await pager.told("record_away")
            assert set(away.body["data"]["matters"][0]) == {"code"}
            await elsewhere.execute(f'ALTER DATABASE "{migrated.name}" ALLOW_CONNECTIONS true')
            await pager.told("record_away", "over")
            await pager.told("step_missed")
    finally:
        await elsewhere.execute(f'ALTER DATABASE "{migrated.name}" ALLOW_CONNECTIONS true')
        await elsewhere.close()
    assert {call.kind for call in pager.calls} == {"record_away", "step_missed"}


@pytest.mark.parametrize(
    ("change", "back", "code"),
    [
        pytest.param(
            "INSERT INTO record.identity (log_id, mark) VALUES (1, sha256('another'))",
            "ALTER TABLE record.identity DISABLE TRIGGER append_only; DELETE FROM record.identity; "
            "ALTER TABLE record.identity ENABLE ALWAYS TRIGGER append_only",
            "CAREPATH_WATCHDOG_KEYS_URL",
            id="the record is another key store's",
        ),
        pytest.param(
            "REVOKE INSERT, UPDATE ON watch.matter, watch.look FROM carepath_watchdog",
            "GRANT INSERT, UPDATE ON watch.matter, watch.look TO carepath_watchdog",
            "42501",
            id="what it found cannot be kept",
        ),
    ],
)
async def test_a_watchdog_that_cannot_do_its_work_says_so(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection, change: str, back: str, code: str
) -> None:
    await keep_clean_pass(record)
    await admin.execute(change)
    with capture_logs() as logs:
        async with watching(settings):
            await pager.told("record_away")
            await admin.execute(back)
            await pager.told("record_away", "over")
    assert {line["code"] for line in logs if line["event"] in ("watchdog.failed", "watchdog.waiting")} == {code}


async def test_nobody_but_the_watchdog_says_what_was_paged(migrated: Database, app: Connection) -> None:
    for statement in (
        "UPDATE watch.look SET looked_at = now() + interval '1 year'",
        "INSERT INTO watch.look (log_id, looked_at) VALUES (1, now())",
        "DELETE FROM watch.matter",
        "INSERT INTO watch.matter (log_id, kind, name, shown, paged_at) VALUES (1, 'step_missed', 'x', '{}', now())",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
    watchdog = await asyncpg.connect(migrated.watchdog_url)
    try:
        for statement in (
            "INSERT INTO record.notice SELECT * FROM record.notice",
            "DELETE FROM record.reconciliation",
            "UPDATE record.journey SET status = 'closed'",
            "UPDATE read_model.generation SET position = 0",
            "SELECT * FROM record.patient",
            "SELECT * FROM record.access_log",
            "SELECT record.keep_reconciliation(1::smallint, now(), 'x', 0, 0, 0, 0, 0, NULL, 0)",
            "SELECT record.deliver_notices(1::smallint, '[]')",
            "SELECT record.end_notice(1::smallint, gen_random_uuid())",
            "SELECT * FROM record.contact",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await watchdog.execute(statement)
    finally:
        await watchdog.close()
