"""Somebody who reaches Temporal starts something else under the id of a journey, before it or in its place."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_events
from activities.record.store import Record
from application.context import Context
from application.pathway.start import (
    Referral,
    Starter,
)
from application.pathway.start_batch import (
    start_batch,
)
from application.record.comparison import compare
from application.record.drift import Drift
from application.settings import Settings
from application.temporal import journey_client
from application.temporal.client import TemporalJourneys
from application.temporal.journeys import Journeys
from application.temporal.squatters import Squatted
from deploy.local.stack import Stack
from simulation.keys import Signers
from simulation.people import CLINIC, PEOPLE, profile
from tests.cli.helpers import referral
from tests.faults.helpers import Course, at_work, command, support
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyInput
from workflows.record_anchor import AnchorRecord

pytestmark = pytest.mark.server


async def other_type(plain: Client, course: Course) -> None:
    await plain.start_workflow("Squatter", id=workflow_id(course.id), task_queue=f"nobody-{uuid4()}")


async def other_type_of_ours(plain: Client, course: Course) -> None:
    later = timedelta(days=1)
    await plain.start_workflow(
        AnchorRecord.run, id=workflow_id(course.id), task_queue=course.task_queue, start_delay=later
    )


async def without_the_keys(plain: Client, course: Course) -> None:
    """By its type and all that it shows it is the journey; no worker polls its queue."""
    await plain.start_workflow(
        "CareJourney",
        {"start": course.opening.model_dump(mode="json")},
        id=workflow_id(course.id),
        task_queue=f"nobody-{uuid4()}",
    )


async def told_to_begin_later(plain: Client, course: Course) -> None:
    await plain.start_workflow(
        "CareJourney", {}, id=workflow_id(course.id), task_queue=course.task_queue, start_delay=timedelta(days=3650)
    )


async def a_copy_elsewhere(plain: Client, course: Course) -> None:
    """Somebody who saw a genuine start can copy it to a queue that nobody polls."""
    await course.client.start_workflow(
        "CareJourney", JourneyInput(start=course.opening), id=workflow_id(course.id), task_queue=f"nobody-{uuid4()}"
    )


async def a_copy_with_more(plain: Client, course: Course) -> None:
    """A genuine start, and something else beside it: no run can begin with both."""
    given = (JourneyInput(start=course.opening), "invented")
    await course.client.start_workflow(
        "CareJourney", args=given, id=workflow_id(course.id), task_queue=course.task_queue
    )


SQUATS = (
    other_type,
    other_type_of_ours,
    without_the_keys,
    told_to_begin_later,
    a_copy_elsewhere,
    a_copy_with_more,
)
Squat = Callable[[Client, Course], Awaitable[None]]


@pytest.fixture
async def plain(stack: Stack) -> Client:
    """A client of somebody without the keys."""
    return await Client.connect(stack.temporal.address, namespace=stack.temporal.namespace)


@pytest.fixture
def course(client: Client, record: Record, signers: Signers, task_queue: str) -> Course:
    return Course(client, record, signers, task_queue)


async def start(course: Course) -> c.Command | None:
    return await journey_client.start(course.client, course.opening, task_queue=course.task_queue)


@pytest.mark.parametrize("squat", SQUATS)
async def test_a_start_over_something_else_is_no_success(
    plain: Client, course: Course, signers: Signers, squat: Squat
) -> None:
    await squat(plain, course)
    with pytest.raises(Squatted) as told:
        await start(course)
    assert workflow_id(course.id) in told.value.remedy
    assert "nothing was sent" in told.value.state.lower()
    await course.handle.terminate()
    assert await start(course) is None
    assert await start(course) == course.opening
    async with at_work(course.client, course.record, signers, course.task_queue):
        await course.record.wait_for(course.id, 1, timedelta(seconds=20))


async def a_copy_that_sleeps(plain: Client, course: Course) -> None:
    await course.client.start_workflow(
        "CareJourney",
        JourneyInput(start=course.opening),
        id=workflow_id(course.id),
        task_queue=course.task_queue,
        start_delay=timedelta(days=3650),
    )


@pytest.mark.parametrize(
    ("squat", "what"),
    [
        (other_type, "of another type, or one that was started without the keys"),
        (a_copy_elsewhere, "on another task queue"),
        (a_copy_that_sleeps, "sleeps until then"),
    ],
)
async def test_whoever_starts_or_acts_is_told_what_is_there(
    plain: Client, course: Course, squat: Squat, what: str
) -> None:
    await squat(plain, course)
    with pytest.raises(Squatted, match=what):
        await start(course)
    with pytest.raises(Squatted, match=what):
        await journey_client.submit(
            course.client, course.id, command(support()), task_queue=course.task_queue, timeout=timedelta(seconds=1)
        )
    await course.handle.terminate()


async def test_what_somebody_ended_before_it_was_recorded_begins_again(course: Course) -> None:
    assert await start(course) is None
    await course.handle.terminate()
    assert await start(course) is None
    await course.handle.terminate()


async def test_another_referral_under_the_same_id_is_told_as_that(course: Course) -> None:
    await start(course)
    assert isinstance(course.opening.body, c.StartPathway)
    other = course.opening.body.model_copy(update={"reason": "invented: another reason"})
    again = course.opening.model_copy(update={"body": other})
    assert await journey_client.start(course.client, again, task_queue=course.task_queue) == course.opening
    await course.handle.terminate()


async def test_a_command_to_something_else_says_so(plain: Client, course: Course) -> None:
    await other_type(plain, course)
    with pytest.raises(Squatted):
        await journey_client.submit(course.client, course.id, command(support()), timeout=timedelta(seconds=1))
    await course.handle.terminate()


@pytest.mark.parametrize("squat", [other_type, without_the_keys, a_copy_elsewhere])
async def test_a_journey_is_not_taken_up_again_over_something_else(
    plain: Client, course: Course, signers: Signers, squat: Squat
) -> None:
    """And it is found by reconciliation, whatever the run shows of itself."""
    journeys = TemporalJourneys(course.client, course.task_queue)
    async with at_work(course.client, course.record, signers, course.task_queue):
        await course.begin()
        await course.send(support())
        await course.recorded()
        await course.handle.terminate()
        await squat(plain, course)
        now = datetime.now(UTC) + timedelta(minutes=10)
        _, found = await compare(course.record, journeys, [course.id], now=now)
        assert [(each.journey_id, each.drift) for each in found] == [(course.id, Drift.SQUATTED)]
        run = await journeys.find(course.id, now)
        assert run is not None
        assert run.squatter == ("elsewhere" if squat is a_copy_elsewhere else "foreign")
        with pytest.raises(Squatted):
            await journeys.resume(await load_events(course.record, course.id))
        await course.handle.terminate()


async def test_a_batch_says_so_of_each_row_and_does_not_take_it_for_an_outage(
    plain: Client, client: Client, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "coordinator.json").write_text(profile(PEOPLE[Role.COORDINATOR]))
    patient = referral()["patient"]
    rows = [
        referral(request_id=str(uuid4()), patient=patient | {"ref": f"invented-{uuid4()}"}, clinic=CLINIC)
        for _ in range(4)
    ]
    ids = [Referral.model_validate(row).journey_id for row in rows]
    for journey_id in ids:
        await plain.start_workflow("Squatter", id=workflow_id(journey_id), task_queue="nobody")

    @asynccontextmanager
    async def journeys(settings: Settings) -> AsyncIterator[Journeys]:
        yield TemporalJourneys(client, settings.task_queue)

    async with Context(profile=str(tmp_path / "coordinator.json"), connect=journeys) as context:
        starter, given = Starter(context, None), enumerate(json.dumps(row).encode() for row in rows)
        told = [outcome async for _, outcome in start_batch(context, starter, given, at_once=1, dry_run=False)]
    assert [type(each) for each in told] == [Squatted] * len(rows)
    for journey_id in ids:
        await plain.get_workflow_handle(workflow_id(journey_id)).terminate()
