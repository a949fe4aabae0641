"""Rows written or changed behind the record's back."""

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.record.event_codec import load_events, load_journey
from activities.record.store import Record
from activities.record.verification.record import verify_record
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.attackers import (
    asked,
    clock,
    decided,
    decision,
    forged,
    found_offline,
    held,
    push,
    quarantined,
    signed,
)
from tests.faults.helpers import Course, at_work, command, findings, reset, support
from tests.faults.red_team.checks import counts
from tests.faults.superuser import insert, overwrite
from tests.helpers import eventually
from workflows.journey import commands as c

pytestmark = pytest.mark.server


@pytest.mark.faults
async def test_a_row_written_by_the_superuser_is_found_and_nothing_rests_on_it(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        [position, *_] = await insert(stack, record, decided(before, forgery, await clock(course)))
        # Its chains are whole, and the journey in the record says that the hold is released ...
        assert await findings(stack) == ()
        written = await load_journey(record, course.id)
        assert written is not None
        assert not written.held
        # ... and whoever verifies it is told of the row.
        assert (position, "bad_signature") in await found_offline(record, signers, course.id)
        underived = (await verify_record(record, derive=True, journey_id=course.id)).findings
        assert (position, "no_command") in [(found.position, found.reason) for found in underived]
        assert {at for at, _ in await found_offline(record, signers, course.id)} <= {position, position + 1}
        rows = await course.rows()
        # The journey itself never heard of it, and goes no further.
        assert (await course.status()).version == before.version
        assert await push(plain, course.id, command(support())) is None
        await quarantined(course)
        # Not even when ops, who did not look, have it go on from its record.
        await reset(course, task=-1)
        await eventually(lambda: _knows_of(course, "support.requested"))
        await course.send(c.PlaceHold(reason="invented: something is wrong here"))
        again = await course.recorded()
        release = await signed(course, decision(again, asked(again)))
        with capture_logs() as logs:
            assert await push(plain, course.id, release) is None
            await quarantined(course)
        assert [line["event"] for line in logs].count("signoff.unproven") == 1
        assert [row for row in await course.rows() if row in rows] == rows
        kept = await load_journey(record, course.id)
        assert kept is not None
        assert kept.held
        # Others are not touched by it.
        other = Course(client, record, signers, task_queue)
        await other.begin()
        await held(other)
        await counts(plain, other)


async def test_a_signed_row_changed_by_the_superuser_is_found_by_both_checks(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await held(course)
        await counts(plain, course)
        [row] = [stored for stored in await record.load(course.id) if stored.event_type == "signoff.signed"]
        changed = row.payload.replace(b"weighed case by case", b"not weighed at all. ")
        assert changed != row.payload
        # Whoever has no keys of the record leaves what nobody can read, and nothing rests on that.
        await overwrite(stack, row.position, changed)
        unread = {(row.position, "unreadable"), (row.position + 1, "released_unsigned")}
        assert await found_offline(record, signers, course.id) == unread
        await overwrite(stack, row.position, await record.seal(course.id, row.event_id, changed))
        assert {(found.reason, found.position) for found in await findings(stack)} == {("content", row.position)}
        assert await found_offline(record, signers, course.id) == {(row.position, "bad_signature")}
        # Who proved it before it was changed goes on from what was signed, and not from this.
        before = await held(course, "invented: and another one")
    async with at_work(client, record, signers, task_queue):
        try:
            # Who did not proves the next decision from the record, and it does not stand on this.
            with capture_logs() as logs:
                again = await signed(course, decision(before, asked(before)))
                assert await push(plain, course.id, again) is None
                await quarantined(course)
            assert [line["event"] for line in logs].count("signoff.unproven") == 1
        finally:
            await overwrite(stack, row.position, await record.seal(course.id, row.event_id, row.payload))
        await reset(course, task=-1)

        async def recovered() -> bool:
            return (await course.status()).health != "diverged" and not (await course.recorded()).held

        await eventually(recovered)


async def _knows_of(course: Course, kind: str) -> bool:
    return any(event.body.kind == kind for event in await load_events(course.record, course.id))
