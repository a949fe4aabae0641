"""Passes of reconciliation: one at a time, by themselves, and none is held up by one journey."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from activities.record.blobs import has_blobs, keep_blob
from activities.record.locks import HeldElsewhere, alone
from activities.record.read_models.runner import running
from activities.record.reconciliation import list_passes, mark_version
from activities.signatures.keys import unlock
from activities.signatures.register_changes import end_entry, enter
from activities.signatures.register_file import publish
from application.context import utc_now
from application.errors import Unavailable
from application.record.drift import Drift
from application.record.passes import reconcile_now, run_pass
from application.temporal.client import TemporalJourneys
from application.temporal.journeys import Run
from application.temporal.runs import find_run
from deploy.local.stack import run_worker
from simulation.keys import PASSPHRASE, staff_entry
from simulation.people import PEOPLE
from tests.faults.helpers import blocked, support
from tests.faults.reconciliation.ground import Ground, ended
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey.aggregate import Journey, fold
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Role

CLINICIAN = PEOPLE[Role.CLINICIAN]
pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


async def test_others_have_their_turn_while_a_long_journey_is_begun_anew(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stands still for ten seconds loses the lock, and then nothing would ever be mended."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await ended(ground, course)
    turns, meanwhile = 0, list[int]()

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    def slow(events: Iterable[Event]) -> Journey:
        before, until = turns, time.monotonic() + 30
        while turns == before and time.monotonic() < until:
            time.sleep(0.01)
        meanwhile.append(turns - before)
        return fold(events)

    monkeypatch.setattr("application.record.repair.fold", slow)
    monkeypatch.setattr("application.temporal.journey_client.fold", slow)
    turning = asyncio.create_task(turn())
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)
    turning.cancel()
    assert len(meanwhile) >= 2
    assert all(meanwhile)


@pytest.mark.faults
async def test_a_run_that_another_pass_began_goes_on(working: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw the same run that had ended. Ops may make a pass while a worker makes one."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await ended(ground, course)
    end, begun = TemporalJourneys.end, list[str]()

    async def late(self: TemporalJourneys, run: Run) -> None:
        if not begun:
            begun.append("")
            assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
            begun.append((await course.handle.describe()).run_id)
        await end(self, run)

    monkeypatch.setattr(TemporalJourneys, "end", late)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    assert (await course.handle.describe()).run_id == begun[1]
    await course.send(support("invented: and on"))
    await course.recorded()


@pytest.mark.faults
async def test_whatever_is_wrong_with_one_journey_the_others_are_mended(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = working
    wrong, right = await ground.begin(2)
    for course in (wrong, right):
        await ended(ground, course)
    set_back = TemporalJourneys.set_back

    async def unforeseen(self: TemporalJourneys, run: Run) -> bool:
        if run.journey_id == wrong.id:
            raise ValueError("invented: nobody foresaw this")
        return await set_back(self, run)

    with monkeypatch.context() as patched:
        patched.setattr(TemporalJourneys, "set_back", unforeseen)
        assert await ground.reconcile() == {wrong.id: (Drift.ENDED, False), right.id: (Drift.ENDED, True)}
    assert await ground.reconcile() == {wrong.id: (Drift.ENDED, True)}


async def test_one_reconciles_at_a_time_and_each_pass_leaves_a_row(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ground.context() as context, alone(ground.record, "record.reconcile_alone"):
        before = await list_passes(ground.record)
        assert await run_pass(context) is None
        # So it is for whoever repairs by hand: they wait, but not for ever.
        await reconcile_now(context, repair=False)
        monkeypatch.setattr("application.record.passes.AWAITED", timedelta())
        with pytest.raises(Unavailable, match="another pass is under way"):
            await reconcile_now(context, repair=True)
        assert await list_passes(ground.record) == before
        with pytest.raises(HeldElsewhere):
            async with alone(ground.record, "record.reconcile_alone"):
                pass
    async with ground.at_work():
        [course] = await ground.begin(1)
        for _ in range(2):
            await course.send(support())
        await course.recorded()
    await keep_blob(ground.record, b"invented", workflow_id(course.id))
    async with blocked(ground.stack, "UPDATE record.blob SET used_at = used_at - interval '91 days'"):
        pass
    async with blocked(ground.stack, "CREATE TABLE record.more ()"):
        pass
    silent = "(log_id, looked_at) VALUES (1, now() - interval '1 hour')"
    async with blocked(ground.stack, f"INSERT INTO watch.look {silent}"):
        pass
    # The clock of this worker's machine is a day ahead: nothing of the last minute has settled for that.
    ahead = timedelta(days=1)
    monkeypatch.setattr("application.context.utc_now", lambda: datetime.now(UTC) + ahead)
    async with ground.context(timedelta(), ahead=ahead) as context:
        with capture_logs() as logged:
            done = await run_pass(context)
        assert done is not None
        # Nor has a worker that polls gone for that: without them nothing stranded would be found.
        assert (await (await context.journeys()).builds(context.now())).ours == {""}
        assert course.id not in {each.journey_id for each in done.found}
        assert [line["seconds"] for line in logged if line["event"] == "clock.differs"] == [ahead.total_seconds()]
        told = [(line["different"], line["code"]) for line in logged if line["event"] == "schema.differs"]
        assert told == [("relation:record.more", "unknown")]
        assert [line["event"] for line in logged].count("watchdog.silent") == 1
        async with blocked(ground.stack, "DROP TABLE record.more; DELETE FROM watch.look"):
            pass
        assert not await has_blobs(ground.record, before=datetime.now(UTC))
        [last, *_] = await list_passes(ground.record)
        assert (last.build, last.code, last.clock_ahead) == ("unversioned", None, ahead.total_seconds())
        assert (last.looked_at, last.different) == (done.looked_at, len(done.found))
        assert last.began <= last.ended


@pytest.mark.faults
async def test_a_terminated_journey_runs_again_with_nobody_doing_anything(ground: Ground) -> None:
    env = {**ground.stack.worker_env, "CAREPATH_RECONCILE_SECONDS": "5"}
    async with await run_worker(env, ground.stack.logs / "worker.log"):
        [course] = await ground.begin(1)
        before = await course.recorded()
        await ended(ground, course)

        async def runs_again() -> bool:
            run = await find_run(ground.client, course.id, now=utc_now())
            return run is not None and not run.ended and mark_version(run.mark) == before.version

        await eventually(runs_again, timedelta(seconds=90))
        assert await course.recorded() == before

        async def told() -> bool:
            return any(each.lost and each.mended for each in await list_passes(ground.record))

        await eventually(told)


@pytest.mark.faults
async def test_the_tasks_of_whoever_has_left_by_the_register_are_handed_over(working: Ground) -> None:
    """They waited for an escalation: the run heard of the register only when somebody was named."""
    [course] = await working.begin(1)
    assert any(waiting.person == CLINICIAN.id for waiting in (await course.recorded()).waiting.values())
    signers = working.stack.signers
    organisation = unlock(signers.register_path.parent / "organisation.key", PASSPHRASE)
    now = signers.register.current()
    gone = end_entry(now, CLINICIAN.id, CLINICIAN.role, at=datetime.now(UTC))
    signers.register_path.write_bytes(publish(gone, organisation))
    try:

        async def handed_over() -> bool:
            await working.reconcile()
            return (await course.recorded()).has_left(CLINICIAN.id, CLINICIAN.role)

        async with running(working.record):
            await eventually(handed_over, timedelta(seconds=60))
        assert not [w.id for w in (await course.checked()).waiting.values() if w.person == CLINICIAN.id]
    finally:
        back = enter(gone, datetime.now(UTC), staff=[staff_entry(CLINICIAN)])
        signers.register_path.write_bytes(publish(back, organisation))
