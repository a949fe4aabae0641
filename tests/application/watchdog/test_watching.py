"""The watchdog on a real record, paging a real server: what is a miss is paged, and what is none is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from activities.notices import deliver
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, see_to
from activities.notices.queue import put_off
from activities.record import Record
from activities.record.reconciliation import Pass, keep_pass
from activities.record.watching import last_look
from application.watchdog.settings import WatchdogSettings
from application.watchdog.watch import watch
from deploy.local.postgres import Database
from tests.application.watchdog.pager import ELSEWHERE, SECRET, Pager
from tests.cli.helpers import invented
from tests.fixtures.keys import unconnected
from tests.helpers import eventually
from tests.journey.play import Play, started
from tests.record.helpers import Connection, a_notice, event
from tests.record.read_models.courses import catch_up, put, renamed
from workflows.journey.events import Event
from workflows.journey.views.notices import Notice, notices

pytestmark = pytest.mark.server

MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(days=6)
"""An evaluation that was asked for so long ago should have been reminded of."""


@pytest.fixture
def settings(migrated: Database, pager: Pager) -> WatchdogSettings:
    settings = WatchdogSettings(
        database_url=SecretStr(migrated.watchdog_url),
        webhook_url=SecretStr(f"http://127.0.0.1:{pager.port}/pages"),
        webhook_secret=SecretStr(SECRET),
        webhook_seconds=1,
    )
    # Shorter than a watchdog takes them, so that nobody waits.
    return settings.model_copy(update={"every_seconds": 0.1, "late_seconds": 0.5, "away_seconds": 0.5})


@asynccontextmanager
async def watching(settings: WatchdogSettings, **changes: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(watch(settings.model_copy(update=changes)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def looks(record: Record, count: int) -> None:
    """Wait for so many more looks of the watchdog at everything."""
    for _ in range(count):
        before = await last_look(record)

        async def again(before: Any = before) -> bool:
            after = await last_look(record)
            return after is not None and (before is None or after.looked_at > before.looked_at)

        await eventually(again)


async def put_queued(record: Record, events: Sequence[Event]) -> list[Notice]:
    """Record events and queue their notices, as workers do."""
    await put(record, events)
    told = [notice for event in events for notice in notices(event)]
    await deliver(record, told, clinic="some-clinic", register=None)
    return told


async def put_told(record: Record, events: Sequence[Event]) -> None:
    """Record events and deliver their notices."""
    sender = Sender(record, invented().register, Contacts(record, unconnected()))
    for notice in await put_queued(record, events):
        await see_to(sender, record.patients.of_notice(notice))


class Waiting:
    """A journey that was referred some time ago and in which nothing happened since."""

    def __init__(self, record: Record, ago: timedelta) -> None:
        self.record, self.id = record, uuid4()
        self.play: Play = started("ANXIETY", at=datetime.now(UTC) - ago)
        self.kept = 0

    async def put(self, put: Callable[[Record, Sequence[Event]], Any] = put_told) -> None:
        """Record what happened since the last time."""
        events = renamed(self.play.events[self.kept :], self.id)
        self.kept = len(self.play.events)
        await put(self.record, events)

    async def go_on(self) -> None:
        """Take all steps that were missed."""
        self.play.at = datetime.now(UTC)
        self.play.clock()
        await self.put()


async def keep_clean_pass(record: Record, **changes: Any) -> None:
    clean = Pass(datetime.now(UTC), datetime.now(UTC), "some-build", 1, 0, 0, 0, 0, None)
    await keep_pass(record, clean._replace(**changes))


async def test_where_nothing_is_wrong_nobody_is_paged(record: Record, pager: Pager, settings: WatchdogSettings) -> None:
    for _ in range(3):
        await Waiting(record, MINUTE).put()
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings):
        await looks(record, 4)
        look = await last_look(record)
    assert look is not None
    assert look.mute_since is None
    assert look.ago < 30
    assert pager.calls == []


async def test_a_step_that_nobody_takes_is_paged_until_it_is_taken(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    waiting = Waiting(record, LONG_AGO)
    await waiting.put()
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings, repeat_seconds=1):
        [first, again] = await pager.told("step_missed", times=2)
        assert first.body["data"]["matters"] == again.body["data"]["matters"]
        assert first.body["data"]["matters"][0]["journey_id"] == str(waiting.id)
        assert (first.body["data"]["repeated"], again.body["data"]["repeated"]) == (0, 1)
        await waiting.go_on()
        await catch_up(record)
        [over] = await pager.told("step_missed", "over")
        assert len({first.page_id, again.page_id, over.page_id}) == 3
    assert {call.kind for call in pager.calls} == {"step_missed"}


async def test_a_page_says_nothing_about_anybody(record: Record, pager: Pager, settings: WatchdogSettings) -> None:
    waiting, untold = Waiting(record, LONG_AGO), Waiting(record, LONG_AGO)
    await waiting.put()
    untold.play.at = datetime.now(UTC)
    untold.play.clock()
    await untold.put(put)
    async with watching(settings, reconciliation_seconds=0.5, projection_seconds=0.5):
        await pager.told("step_missed")
        await pager.told("notice_missing")
        await pager.told("lists_stand_still")
        await pager.told("reconciliation_late")
    said = {word for call in pager.calls for matter in call.body["data"]["matters"] for word in matter}
    assert said <= {"journey_id", "notice_id", "due", "since", "to", "last"}
    journey = waiting.play.journey
    about = {journey.patient.ref, journey.clinic, *journey.waiting, *(each.what for each in journey.waiting.values())}
    about |= {each.kind for each in journey.waiting.values()}
    assert about
    for call in pager.calls:
        for word in about:
            assert word.encode() not in call.raw


async def test_what_lists_do_not_show_is_read_from_the_record(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    """The projector was stopped, and lists are empty."""
    waiting = Waiting(record, LONG_AGO)
    await waiting.put()
    await keep_clean_pass(record)
    async with watching(settings, projection_seconds=0.5):
        [missed] = await pager.told("step_missed")
        assert missed.body["data"]["matters"][0]["journey_id"] == str(waiting.id)
        await pager.told("lists_stand_still")
        await catch_up(record)
        await pager.told("lists_stand_still", "over")
    assert {call.kind for call in pager.calls} == {"step_missed", "lists_stand_still"}


@pytest.mark.parametrize(
    "lie",
    [
        "DELETE FROM read_model.obligation",
        "UPDATE read_model.obligation SET next_step = NULL",
        "UPDATE read_model.obligation SET closed_at = now()",
        "UPDATE read_model.obligation SET next_step = now() + interval '1 year'",
        "DELETE FROM read_model.caseload",
    ],
)
async def test_lists_that_lie_keep_no_page_back(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection, lie: str
) -> None:
    await Waiting(record, LONG_AGO).put()
    await keep_clean_pass(record)
    await catch_up(record)
    await admin.execute(lie)
    async with watching(settings):
        await pager.told("step_missed")


async def test_lists_that_lie_page_nobody(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    await Waiting(record, MINUTE).put()
    await keep_clean_pass(record)
    await catch_up(record)
    await admin.execute("UPDATE read_model.obligation SET next_step = now() - interval '1 day'")
    async with watching(settings):
        await looks(record, 4)
    assert pager.calls == []


async def test_a_checkpoint_beyond_the_log_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    await Waiting(record, MINUTE).put()
    await keep_clean_pass(record)
    await catch_up(record)
    await admin.execute("UPDATE read_model.generation SET position = position + 1000")
    async with watching(settings):
        await pager.told("lists_stand_still")


async def test_a_journey_that_lists_leave_behind_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    left, shown = Waiting(record, MINUTE), Waiting(record, MINUTE)
    for each in (left, shown):
        await each.put()
    await keep_clean_pass(record)
    await catch_up(record)
    await admin.execute("UPDATE read_model.caseload SET version = 0 WHERE journey_id = $1", left.id)
    async with watching(settings, projection_seconds=1):
        [told] = await pager.told("journey_not_shown")
    assert [each["journey_id"] for each in told.body["data"]["matters"]] == [str(left.id)]
    assert {call.kind for call in pager.calls} == {"journey_not_shown"}


async def test_a_journey_that_cannot_be_read_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    spoilt, whole = Waiting(record, MINUTE), Waiting(record, LONG_AGO)
    for each in (spoilt, whole):
        await each.put()
    await keep_clean_pass(record)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
    await admin.execute(
        "UPDATE record.journey_event SET payload = '{}' WHERE journey_id = $1 AND version = 1", spoilt.id
    )
    async with watching(settings):
        [told] = await pager.told("journey_unreadable")
        assert [each["journey_id"] for each in told.body["data"]["matters"]] == [str(spoilt.id)]
        await pager.told("step_missed")


@pytest.mark.parametrize("again", [False, True])
async def test_an_end_of_the_log_that_is_cut_off_is_paged_whatever_the_rows_of_pages_say(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection, *, again: bool
) -> None:
    """Of a journey that has ended no run knows, and an anchor is an hour away. Whoever can cut the log off can also
    write that it was paged, and something else in its place."""
    ended, other = Waiting(record, MINUTE), Waiting(record, MINUTE)
    for each in (other, ended):
        await each.put()
    await keep_clean_pass(record)
    await catch_up(record)
    position = await admin.fetchval("SELECT max(position) FROM record.journey_event")
    async with watching(settings):
        await looks(record, 2)
        await admin.execute(
            "ALTER TABLE record.journey_event DISABLE TRIGGER ALL; ALTER TABLE record.notice DISABLE TRIGGER ALL; "
            f"DELETE FROM record.journey_event WHERE journey_id = '{ended.id}'; "
            f"DELETE FROM record.journey WHERE journey_id = '{ended.id}'; "
            f"DELETE FROM record.notice WHERE journey_id = '{ended.id}'; "
            f"DELETE FROM read_model.caseload WHERE journey_id = '{ended.id}'; "
            f"DELETE FROM read_model.obligation WHERE journey_id = '{ended.id}'; "
            "ALTER TABLE record.journey_event ENABLE ALWAYS TRIGGER append_only; "
            "INSERT INTO watch.matter (log_id, kind, name, shown, paged_at) "
            f"VALUES (1, 'log_cut', '{position}', '{{}}', 'infinity')"
        )
        if again:
            await put(record, renamed(started("ANXIETY", at=datetime.now(UTC)).events, uuid4()))
        [told] = await pager.told("log_cut")
    assert told.body["data"]["matters"] == [{"position": position}]
    assert not pager.taken("log_cut", "over")


async def test_a_journey_that_is_only_said_to_have_ended_is_watched(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    """Whoever has the recorder's role, and no keys, can write the type of an event: it is in clear."""
    waiting = Waiting(record, MINUTE)
    await waiting.put()
    await catch_up(record)
    await keep_clean_pass(record)
    await record.append(waiting.id, waiting.kept, [event(event_type="pathway.closed", payload=b"{}")], closes=True)
    async with watching(settings):
        [told] = await pager.told("journey_unreadable")
    assert [each["journey_id"] for each in told.body["data"]["matters"]] == [str(waiting.id)]


@pytest.mark.parametrize("given_up", [False, True])
async def test_a_message_that_reaches_nobody_is_paged_until_somebody_sees_to_it(
    record: Record, pager: Pager, settings: WatchdogSettings, app: Connection, *, given_up: bool
) -> None:
    waiting = Waiting(record, MINUTE)
    await waiting.put()
    await keep_clean_pass(record)
    await catch_up(record)
    told = [a_notice(waiting.id) for _ in range(3)]
    await record.deliver_notices(told)
    for notice in told:
        await put_off(record, notice.notice_id, None if given_up else 60)
    async with watching(settings, **({} if given_up else {"message_seconds": 1})):
        [page] = await pager.told("message_undelivered")
        assert {each["notice_id"] for each in page.body["data"]["matters"]} == {
            str(notice.notice_id) for notice in told
        }
        for notice in told:
            await put_off(record, notice.notice_id, None)
            assert await app.fetchval("SELECT record.handle_notice(1::smallint, $1, 'otto')", notice.notice_id)
        await pager.told("message_undelivered", "over")
    assert {call.kind for call in pager.calls} == {"message_undelivered"}


async def test_a_notice_that_did_not_leave_is_paged_until_it_does(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    waiting = Waiting(record, LONG_AGO)
    waiting.play.at = datetime.now(UTC)
    waiting.play.clock()
    await waiting.put(put)
    left = [notice for event in renamed(waiting.play.events, waiting.id) for notice in notices(event)]
    assert left
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings):
        [told] = await pager.told("notice_missing")
        assert {each["notice_id"] for each in told.body["data"]["matters"]} == {
            str(record.patients.of_notice(notice)) for notice in left
        }
        await deliver(record, left, clinic="some-clinic", register=None)
        await pager.told("notice_missing", "over")
    assert {call.kind for call in pager.calls} == {"notice_missing"}


async def test_an_alarm_that_left_before_its_event_is_no_miss_for_a_while(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    """What is due was told, and the batch that says so is on its way; it must not be on its way for ever."""
    waiting = Waiting(record, timedelta(days=5, minutes=1))
    await waiting.put()
    waiting.play.at = datetime.now(UTC)
    waiting.play.clock()
    later = renamed(waiting.play.events[waiting.kept :], waiting.id)
    early = [notice for event in later for notice in notices(event)]
    assert early
    await deliver(record, early, clinic="some-clinic", register=None)
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings):
        await looks(record, 4)
        assert pager.calls == []
    async with watching(settings, reconciliation_seconds=20):
        await pager.told("step_missed")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"lost": 1, "different": 1, "failed": 1}, "reconciliation_found"),
        ({"different": 2, "mended": 1, "failed": 1}, "reconciliation_found"),
        ({"lost": 1, "different": 1, "mended": 1}, "reconciliation_found"),
        ({"code": "Unavailable", "looked_at": 0}, "reconciliation_late"),
        (None, "reconciliation_late"),
    ],
)
async def test_what_reconciliation_says_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, changes: dict[str, Any] | None, kind: str
) -> None:
    await Waiting(record, MINUTE).put()
    await catch_up(record)
    if changes is not None:
        await keep_clean_pass(record, **changes)
    async with watching(settings, reconciliation_seconds=1):
        await pager.told(kind)
        while not pager.taken(kind, "over"):
            await keep_clean_pass(record)
            await looks(record, 1)
    assert {call.kind for call in pager.calls} <= {"reconciliation_found", "reconciliation_late"}


@pytest.mark.parametrize("said_paged", [False, True])
async def test_what_somebody_changes_in_the_schema_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection, *, said_paged: bool
) -> None:
    """Whoever changes it can also write that it was paged, and is not to be again."""
    shown = {"name": "trigger record.journey_event.append_only", "how": "gone"}
    await admin.execute("DROP TRIGGER append_only ON record.journey_event")
    if said_paged:
        await admin.execute(
            "INSERT INTO watch.matter (log_id, kind, name, shown, paged_at) "
            f"VALUES (1, 'schema_differs', '{shown['name']} is gone', '{json.dumps(shown)}', 'infinity')"
        )
    async with watching(settings):
        [told] = await pager.told("schema_differs")
    assert told.body["data"]["matters"] == [shown]


async def test_a_database_that_becomes_too_large_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    """Any login can fill the disk with rows of its own: nothing is recorded any more once it is full."""
    async with watching(settings, database_gigabytes=0):
        [told] = await pager.told("database_large")
    [shown] = told.body["data"]["matters"]
    assert shown.keys() == {"gigabytes"}


@pytest.mark.parametrize(
    "answer", [500, "hang", "redirect", *(pytest.param(each, marks=pytest.mark.soak) for each in (404, 301))]
)
async def test_a_page_that_is_not_taken_is_sent_again_under_its_id(
    record: Record, pager: Pager, settings: WatchdogSettings, answer: Any
) -> None:
    await Waiting(record, LONG_AGO).put()
    await keep_clean_pass(record)
    await catch_up(record)
    pager.answers = [answer]
    async with watching(settings):
        [taken] = await pager.told("step_missed")
        await looks(record, 1)
    assert [call.page_id for call in pager.calls] == [taken.page_id] * 2
    assert {call.raw for call in pager.calls} == {taken.raw}
    assert ELSEWHERE not in {call.path for call in pager.calls}


async def test_a_watchdog_whose_pages_do_not_arrive_says_so(
    record: Record, pager: Pager, settings: WatchdogSettings
) -> None:
    await Waiting(record, LONG_AGO).put()
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
    await Waiting(record, LONG_AGO).put()
    await keep_clean_pass(record)
    await catch_up(record)
    async with watching(settings), watching(settings):
        await pager.told("step_missed")
        await looks(record, 4)
    assert len({call.page_id for call in pager.calls}) == 1


async def test_a_record_that_is_away_is_paged_and_what_was_missed_afterwards(
    record: Record, pager: Pager, settings: WatchdogSettings, migrated: Database, postgres: Any
) -> None:
    await Waiting(record, LONG_AGO).put()
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
    ("change", "back"),
    [
        pytest.param(
            "INSERT INTO record.identity (log_id, mark) VALUES (1, sha256('another'))",
            "ALTER TABLE record.identity DISABLE TRIGGER append_only; DELETE FROM record.identity; "
            "ALTER TABLE record.identity ENABLE ALWAYS TRIGGER append_only",
            id="the record is another key store's",
        ),
        pytest.param(
            "REVOKE INSERT, UPDATE ON watch.matter, watch.look FROM carepath_watchdog",
            "GRANT INSERT, UPDATE ON watch.matter, watch.look TO carepath_watchdog",
            id="what it found cannot be kept",
        ),
    ],
)
async def test_a_watchdog_that_cannot_do_its_work_says_so(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection, change: str, back: str
) -> None:
    await keep_clean_pass(record)
    await admin.execute(change)
    async with watching(settings):
        await pager.told("record_away")
        await admin.execute(back)
        await pager.told("record_away", "over")


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
            "SELECT record.keep_reconciliation(1::smallint, now(), 'x', 0, 0, 0, 0, 0, NULL)",
            "SELECT record.deliver_notices(1::smallint, '[]')",
            "SELECT record.end_notice(1::smallint, gen_random_uuid())",
            "SELECT * FROM record.contact",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await watchdog.execute(statement)
    finally:
        await watchdog.close()
