"""The watchdog on a real record, paging a real server: what is a miss is paged, and what is none is not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.notices import deliver
from activities.notices.queue import put_off
from activities.record import Record
from activities.record.watching import last_look
from application.watchdog.settings import WatchdogSettings
from tests.application.watchdog.pager import Pager
from tests.application.watchdog.watched import LONG_AGO, MINUTE, Waiting, keep_clean_pass, looks, put_waiting, watching
from tests.helpers import eventually
from tests.journey.play import started
from tests.record.helpers import Connection, a_notice, event
from tests.record.read_models.courses import catch_up, put, renamed
from workflows.journey.views.notices import Notice, notices

pytestmark = pytest.mark.server


async def test_where_nothing_is_wrong_nobody_is_paged(record: Record, pager: Pager, settings: WatchdogSettings) -> None:
    for _ in range(3):
        await put_waiting(record, MINUTE)
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
    waiting = await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    await catch_up(record)
    # So late may a notice leave of what is recorded meanwhile.
    async with watching(settings, repeat_seconds=0.2, late_seconds=0.5):
        [first, again, *_] = await pager.told("step_missed", times=2)
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
    async with watching(settings, reconciliation_seconds=0.1, projection_seconds=0.1):
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
    waiting = await put_waiting(record, LONG_AGO)
    await keep_clean_pass(record)
    async with watching(settings, projection_seconds=0.1):
        [missed] = await pager.told("step_missed")
        assert missed.body["data"]["matters"][0]["journey_id"] == str(waiting.id)
        await pager.told("lists_stand_still")
        await catch_up(record)
        await pager.told("lists_stand_still", "over")
    assert {call.kind for call in pager.calls} == {"step_missed", "lists_stand_still"}


LIES = (
    "DELETE FROM read_model.obligation",
    "UPDATE read_model.obligation SET next_step = NULL",
    "UPDATE read_model.obligation SET closed_at = now()",
    "UPDATE read_model.obligation SET next_step = now() + interval '1 year'",
    "DELETE FROM read_model.caseload",
)


async def test_lists_that_lie_keep_no_page_back(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    lied_about = {str((await put_waiting(record, LONG_AGO)).id): lie for lie in LIES}
    await keep_clean_pass(record)
    await catch_up(record)
    for journey, lie in lied_about.items():
        await admin.execute(f"{lie} WHERE journey_id = '{journey}'")
    async with watching(settings):

        async def every_one() -> bool:
            pages = pager.taken("step_missed")
            return lied_about.keys() == {each["journey_id"] for page in pages for each in page.body["data"]["matters"]}

        await eventually(every_one)


async def test_lists_that_lie_page_nobody(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    await put_waiting(record, MINUTE)
    await keep_clean_pass(record)
    await catch_up(record)
    await admin.execute("UPDATE read_model.obligation SET next_step = now() - interval '1 day'")
    async with watching(settings):
        await looks(record, 4)
    assert pager.calls == []


async def test_a_checkpoint_beyond_the_log_is_paged(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    await put_waiting(record, MINUTE)
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
    async with watching(settings, projection_seconds=0.1):
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


async def unsent(record: Record) -> tuple[Waiting, list[Notice]]:
    """A journey whose reminders are long due and recorded now, with its notices, none of which has left."""
    waiting = Waiting(record, LONG_AGO)
    waiting.play.at = datetime.now(UTC)
    waiting.play.clock()
    await waiting.put(put)
    left = [notice for event in renamed(waiting.play.events, waiting.id) for notice in notices(event)]
    assert left
    await keep_clean_pass(record)
    await catch_up(record)
    return waiting, left


async def test_what_could_not_be_read_is_read_again_until_it_can(
    record: Record, pager: Pager, settings: WatchdogSettings, admin: Connection
) -> None:
    """Its key was away. Nothing was recorded since, so only to try again shows what waits, and who was not told."""
    spoilt, left = await unsent(record)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
    await admin.execute("CREATE TABLE kept AS SELECT position, payload FROM record.journey_event")
    await admin.execute("UPDATE record.journey_event SET payload = '{}'")
    async with watching(settings):
        await pager.told("journey_unreadable")
        [told] = await pager.told("notices_unknown")
        assert {each["journey_id"] for each in told.body["data"]["matters"]} == {str(spoilt.id)}
        assert "notice_missing" not in {call.kind for call in pager.calls}
        await admin.execute(
            "UPDATE record.journey_event e SET payload = k.payload FROM kept k WHERE k.position = e.position"
        )
        await pager.told("journey_unreadable", "over")
        await pager.told("notices_unknown", "over")
        [missing] = await pager.told("notice_missing")
    assert {each["notice_id"] for each in missing.body["data"]["matters"]} == {
        str(record.patients.of_notice(notice)) for notice in left
    }


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
    waiting = await put_waiting(record, MINUTE)
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
    waiting = await put_waiting(record, MINUTE)
    await keep_clean_pass(record)
    await catch_up(record)
    told = [a_notice(waiting.id) for _ in range(3)]
    await record.deliver_notices(told)
    for notice in told:
        await put_off(record, notice.notice_id, None if given_up else 60)
    async with watching(settings, **({} if given_up else {"message_seconds": 0.1})):
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
    _, left = await unsent(record)
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
    waiting = await put_waiting(record, timedelta(days=5, minutes=1))
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
    await put_waiting(record, MINUTE)
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
