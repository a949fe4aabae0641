"""Losses that nobody tells of, beside ended runs: each is found and mended, or told with what to do."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from activities.record import patient_index
from activities.record.read_models import running
from activities.record.read_models.status import wait_until_caught_up
from activities.record.stored import Opening
from application.context import utc_now
from application.errors import Refused
from application.record.drift import Drift
from application.record.reconcile import reconcile
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import (
    start,
    submit,
)
from application.temporal.journeys import PolledBuilds
from application.temporal.namespace import (
    ANCHORS,
)
from application.temporal.runs import find_run, list_runs
from application.temporal.upkeep import keep_up
from simulation.people import CLINIC as CLINIC_CODE
from simulation.people import referral
from tests.faults.helpers import PROTOCOLS, Course, call_cli, command, support
from tests.faults.reconciliation.book import BOOK, as_the_book_says
from tests.faults.reconciliation.ground import Ground, ended, squatted_and_left
from tests.faults.test_resets import foreign_event
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey.obligations import next_deadline
from workflows.search_attributes import CLINIC, STAGE

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


def test_the_book_has_every_difference() -> None:
    section = BOOK.read_text().partition("## `record reconcile` found something")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert rows == {drift.value for drift in Drift}


async def test_a_second_writer_is_told_and_never_overruled(working: Ground) -> None:
    ground = working
    [course] = await ground.begin(1)
    await foreign_event(ground.record, course.id)
    await submit(ground.client, course.id, command(support("invented: and where would it be recorded?")))

    async def quarantined() -> bool:
        return (await course.status()).health == "diverged"

    await eventually(quarantined)
    rows = await course.rows()
    assert await ground.reconcile() == {course.id: (Drift.QUARANTINED, False)}
    assert await course.rows() == rows
    with pytest.raises(Refused):
        await submit(ground.client, course.id, command(support()))
    await course.handle.terminate("the end of this test")
    # An ended run is set back, and goes on from the record.
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)


async def pause(ground: Ground, course: Course) -> None:
    await ground.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=ground.client.namespace,
            workflow_id=workflow_id(course.id),
            reason="a test",
            identity="a test",
            request_id=str(uuid4()),
        ),
        retry=True,
    )


@pytest.mark.faults
async def test_a_paused_run_hides_no_other(working: Ground) -> None:
    ground = working
    paused, lost = await ground.begin(2)
    await pause(ground, paused)
    await ended(ground, lost)

    code, found = await call_cli(ground.stack, "record", "reconcile")
    assert code == 7
    told = {UUID(each["journey_id"]): each["drift"] for each in found["findings"]}
    assert {each: drift for each, drift in told.items() if each not in ground.left} == {
        paused.id: "paused",
        lost.id: "ended",
    }
    assert await ground.reconcile() == {paused.id: (Drift.PAUSED, False), lost.id: (Drift.ENDED, True)}

    await as_the_book_says(ground, "workflow unpause", journey=paused)
    assert await ground.reconcile() == {}


@pytest.mark.faults
async def test_a_pause_ends_once_something_is_due(working: Ground) -> None:
    ground = working
    [paused] = await ground.begin(1)
    due = next_deadline(await paused.recorded())
    assert due is not None
    await pause(ground, paused)
    # As it will stand then: lists know what is due when.
    async with running(ground.record):
        await wait_until_caught_up(ground.record, timedelta(seconds=30))
    later = due + timedelta(seconds=1) - datetime.now(UTC)
    async with ground.context(later) as context:
        found = (await reconcile(context, repair=True)).found
    assert (paused.id, Drift.PAUSED) in {(each.journey_id, each.drift) for each in found}
    run = await find_run(ground.client, paused.id, now=utc_now())
    assert run is not None
    assert run.state == "running"


@pytest.mark.faults
async def test_search_attributes_that_were_deleted_come_back_with_their_values(working: Ground) -> None:
    ground = working
    courses = await ground.begin(2)
    await ground.client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace=ground.client.namespace, search_attributes=["JourneyStage", "JourneyClinic", "JourneyRecorded"]
        ),
        retry=True,
    )
    async with ground.context() as context:
        done = await reconcile(context, repair=True)
    assert "search attributes registered: JourneyStage, JourneyClinic, JourneyRecorded" in done.also
    mended = {each.journey_id: (each.drift, each.repaired) for each in done.found if each.journey_id not in ground.left}
    assert set(mended.values()) == {(Drift.UNSHOWN, True)}
    assert mended.keys() >= {course.id for course in courses}
    assert await ground.reconcile() == {}
    for course in courses:
        shown = (await course.handle.describe()).typed_search_attributes
        assert (shown.get(STAGE), shown.get(CLINIC)) == ("evaluation", CLINIC_CODE)


def _is_elsewhere(schedule: Schedule) -> None:
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    schedule.action.task_queue = "where-nobody-polls"


def _ends_at_once(schedule: Schedule) -> None:
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    schedule.action.run_timeout = timedelta(seconds=1)


ALTERED: tuple[Callable[[Schedule], object], ...] = (
    lambda schedule: setattr(schedule.state, "paused", True),
    lambda schedule: setattr(schedule.spec, "intervals", [ScheduleIntervalSpec(every=timedelta(days=3650))]),
    lambda schedule: setattr(schedule.spec, "end_at", datetime(2020, 1, 1, tzinfo=UTC)),
    lambda schedule: setattr(schedule.state, "limited_actions", True),
    lambda schedule: setattr(schedule.policy, "overlap", ScheduleOverlapPolicy.SKIP),
    _is_elsewhere,
    _ends_at_once,
)


async def test_a_schedule_that_was_altered_or_deleted_is_as_it_should_be_again(ground: Ground) -> None:
    every, queue = timedelta(hours=1), ground.settings.task_queue
    schedule = ground.client.get_schedule_handle(ANCHORS)

    async def kept_up(every: timedelta) -> tuple[str, ...]:
        return await keep_up(ground.client, anchors_every=every, task_queue=queue, now=utc_now())

    await kept_up(every)
    assert await kept_up(every) == ()
    for alter in ALTERED:

        def altered(found: ScheduleUpdateInput, alter: Callable[[Schedule], object] = alter) -> ScheduleUpdate:
            alter(found.description.schedule)
            return ScheduleUpdate(found.description.schedule)

        await schedule.update(altered)
        assert await kept_up(every) == (f"schedule put right: {ANCHORS}",)
        assert await kept_up(every) == ()
    assert await kept_up(2 * every) == (f"schedule put right: {ANCHORS}",), "as the settings say now"
    await schedule.delete()
    assert await kept_up(every) == (f"schedule made: {ANCHORS}",)


async def test_what_nobody_began_and_what_nobody_recorded_is_told(ground: Ground) -> None:
    unstarted, squatted, unrecorded = uuid4(), uuid4(), uuid4()
    for each in (unstarted, squatted):
        opening = Opening(patient_keys=(ground.record.patients.of_ref(f"invented-{each}"),), medicine="none")
        await patient_index.enrol(ground.record, opening, pathway="PTSD", request_id=uuid4(), journey_id=each)
    # There is nothing to begin it from, whoever held its id.
    await squatted_and_left(ground, squatted)
    await start(ground.client, referral(PROTOCOLS["PTSD"], unrecorded), task_queue=f"nobody-{uuid4()}")

    async def listed() -> bool:
        return unrecorded in [run.journey_id async for run in list_runs(ground.client)]

    await eventually(listed)
    found = await ground.reconcile()
    never = (Drift.UNSTARTED, False)
    assert found == {unstarted: never, squatted: never, unrecorded: (Drift.UNRECORDED, False)}
    await ground.client.get_workflow_handle(workflow_id(unrecorded)).terminate("the end of this test")


async def test_a_journey_of_a_stopped_build_is_moved(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the current build is stopped too, the book says what to do."""
    own_queue = ground.settings.model_copy(update={"task_queue": f"builds-{uuid4()}"})
    ground = ground._replace(settings=own_queue)
    async with ground.at_work(build_id="one"):
        await as_the_book_says(ground, "worker deployment set-current-version", build="one")
        [course] = await ground.begin(1)

    async def builds(_: TemporalJourneys, now: datetime) -> PolledBuilds:
        return PolledBuilds(frozenset({"care-pathway:two"}), "care-pathway:two")  # as it is two minutes later

    monkeypatch.setattr(TemporalJourneys, "builds", builds)
    async with ground.at_work(build_id="two"):
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, False)
        await as_the_book_says(ground, "worker deployment set-current-version", build="two")
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, True)
        await course.send(support("invented: on the new build"))
        assert course.id not in await ground.reconcile()
