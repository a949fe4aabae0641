"""A journey whose run was ended or lost runs again, with all that was accepted."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.blob_storage import storage_of
from activities.record import patient_index
from activities.record.event_codec import load_events
from activities.record.patients import opening_of
from application.context import utc_now
from application.record.drift import Drift
from application.temporal.journey_client import resume, start, submit
from application.temporal.runs import find_run, list_runs
from tests.faults.helpers import Course, answers, command, refuse_accepted, signal, support
from tests.faults.reconciliation.ground import Ground, ended, knows, squatted_and_left
from tests.helpers import eventually
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.aggregate import fold
from workflows.journey.commands import AnswerQuestion, AskQuestion, HandleMessage, PlaceHold
from workflows.journey.decide import decide
from workflows.journey.obligations import obligations
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.messages import JourneyInput
from workflows.signals import Signal, Unchecked
from workflows.temporal_plugin import with_storage

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


async def deleted(ground: Ground, course: Course) -> None:
    await ground.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=ground.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
        ),
        retry=True,
    )

    async def gone() -> bool:
        return await find_run(ground.client, course.id, now=utc_now()) is None

    await eventually(gone)


@pytest.mark.faults
async def test_what_temporal_ended_or_lost_runs_again_with_its_deadlines(working: Ground) -> None:
    ground = working
    lost, forgotten, kept = await ground.begin(3)
    before = {course.id: await course.recorded() for course in (lost, forgotten, kept)}
    runs = {run.journey_id: run.run_id async for run in list_runs(ground.client)}
    await ended(ground, lost)
    await deleted(ground, forgotten)

    assert await ground.reconcile(repair=False) == {lost.id: (Drift.ENDED, False), forgotten.id: (Drift.LOST, False)}
    assert await ground.reconcile() == {lost.id: (Drift.ENDED, True), forgotten.id: (Drift.LOST, True)}

    assert await ground.reconcile() == {}
    for course in (lost, forgotten, kept):
        assert await course.recorded() == before[course.id]
        waiting = await course.handle.query(CareJourney.obligations)
        assert waiting == obligations(before[course.id])
    now = {run.journey_id: run.run_id async for run in list_runs(ground.client)}
    assert now[kept.id] == runs[kept.id]


async def test_a_run_that_was_ended_before_it_did_anything_is_begun_anew(ground: Ground) -> None:
    """There is no task to set it back to."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    before = await load_events(ground.record, course.id)
    await ended(ground, course)
    await resume(ground.client, before, task_queue=ground.settings.task_queue)
    await ended(ground, course)
    async with ground.at_work():
        assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
        await course.send(support("invented: and on"))
        assert (await course.recorded()).version > len(before)


async def test_what_waited_when_a_run_began_is_handed_in_again(ground: Ground) -> None:
    """A run hands on what it has not decided on. It stands in no event of the next one, but for its start."""
    async with ground.at_work():
        [course] = await ground.begin(1)
    before = await load_events(ground.record, course.id)
    await ended(ground, course)
    read, checked = command(support("invented: to be read")), command(support("invented: to be checked"))
    content = read.model_dump_json().encode()
    given = JourneyInput(
        journey=fold(before),
        receipts=receipts_of(before),
        signals=(Signal(name="command", contents=(content,), size=len(content), authentic=True),),
        unchecked=(Unchecked(command=checked, authentic=True),),
    )
    queue, name = ground.settings.task_queue, workflow_id(course.id)
    await ground.client.start_workflow(CareJourney.run, given, id=name, task_queue=queue)
    await ended(ground, course)
    async with ground.at_work():
        assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
        for each in (read, checked):
            await eventually(lambda: knows(course, each.command_id))  # noqa: B023 - of this round


async def test_what_ops_have_handled_does_not_come_back(working: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is begun anew is handed what the last one had not recorded. A handled message stands in the state in
    short."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    [course] = await ground.begin(1)
    await signal(course, "noise", b"x" * 5_000)

    async def kept() -> bool:
        return "message-1" in (await course.recorded()).messages

    await eventually(kept)
    await course.send(HandleMessage(message="message-1", text="invented: seen"), by=Role.OPS)
    before = await course.recorded()
    await ended(ground, course)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await course.send(support("invented: and on"))
    assert (await course.recorded()).messages == before.messages


async def test_what_was_accepted_and_not_recorded_survives_a_terminate(working: Ground) -> None:
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted during an outage"))
    await submit(ground.client, course.id, accepted)
    await ended(ground, course)
    await ground.stack.postgres.start()

    async def answers() -> bool:
        return accepted.command_id not in await course.commands()

    await eventually(answers)
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await eventually(lambda: knows(course, accepted.command_id))


@pytest.mark.faults
async def test_a_start_that_was_accepted_and_not_recorded_survives_a_terminate(ground: Ground) -> None:
    """And what was accepted after it: until it is recorded, only that run's history has it."""
    course = Course(ground.client, ground.record, ground.stack.signers, ground.settings.task_queue)
    decided = decide(None, course.opening, datetime.now(UTC))
    assert not isinstance(decided, Refusal)
    opening = opening_of(ground.record.patients, fold(decided))
    await patient_index.enrol(ground.record, opening, pathway="ANXIETY", request_id=uuid4(), journey_id=course.id)
    accepted = command(PlaceHold(reason="invented: stop"))
    own = with_storage(ground.client, storage_of(ground.record))
    async with Worker(own, task_queue=course.task_queue, workflows=[CareJourney]):  # nothing is recorded
        await start(ground.client, course.opening, task_queue=course.task_queue)
        await submit(ground.client, course.id, accepted)
        await ended(ground, course)
    async with ground.at_work():
        assert await ground.reconcile() == {course.id: (Drift.UNSTARTED, True)}
        await eventually(lambda: knows(course, accepted.command_id))
        assert (await course.recorded()).held


@pytest.mark.faults
async def test_what_was_accepted_comes_with_the_run_that_is_begun_anew(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes between: right after the start, whoever mends may be killed."""
    ground = working
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    monkeypatch.setattr("application.temporal.run_control.hand_in", None)
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted during an outage"))
    await submit(ground.client, course.id, accepted)
    await signal(course, "noise", b"invented: and this")
    await ended(ground, course)
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
    await eventually(lambda: knows(course, accepted.command_id))
    assert [message.name for message in (await course.recorded()).messages.values()] == ["noise"]
    # Its next page to ops is due within minutes: a pass that looks from `LATER` would miss it.
    await course.send(HandleMessage(message="message-1", text="invented: seen"), by=Role.OPS)
    await course.recorded()


@pytest.mark.faults
async def test_what_was_refused_stays_refused_in_the_run_that_is_begun_anew(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the refusal left nothing in the record, and what it lacked has come since."""
    monkeypatch.setattr("application.temporal.runs.LONG_HISTORY", 1)
    async with ground.at_work():
        [course] = await ground.begin(1)
    early = command(AnswerQuestion(question="question-1", text="invented: yes"), Role.CLINICIAN, of=course.id)
    await refuse_accepted(course, early, ground.at_work())
    async with ground.at_work():
        await course.send(AskQuestion(text="invented: may I?"), Role.PATIENT)
        before = await course.recorded()
        await ended(ground, course)
        assert await ground.reconcile() == {course.id: (Drift.ENDED, True)}
        await course.send(support("invented: and on"))
        assert (await course.checked()).questions == before.questions


@pytest.mark.parametrize(
    ("ours", "given", "drift"),
    [
        pytest.param(False, [{}], Drift.SQUATTED, marks=pytest.mark.faults),
        pytest.param(True, [{}], Drift.ENDED, marks=pytest.mark.faults),
        (True, [], Drift.SQUATTED),
    ],
)
async def test_what_somebody_starts_in_the_place_of_a_journey_is_driven_out(
    working: Ground, ours: bool, given: list[object], drift: Drift
) -> None:
    """They end the journey just after it accepted something, and start another thing that shows all that it showed:
    also one of our type on our task queue, that our workers cannot begin."""
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted just before"))
    await submit(ground.client, course.id, accepted)
    shown = (await course.handle.describe()).typed_search_attributes
    await ended(ground, course)
    plain = await Client.connect(ground.stack.temporal.address)
    await plain.start_workflow(
        "CareJourney",
        args=given,
        id=workflow_id(course.id),
        task_queue=ground.settings.task_queue if ours else "nobody",
        search_attributes=shown,
    )
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert await ground.reconcile() == {course.id: (drift, True)}
    await eventually(lambda: knows(course, accepted.command_id))
    assert course.id not in await ground.reconcile()


@pytest.mark.faults
async def test_what_somebody_started_in_the_place_of_a_journey_and_ended_hides_nothing(working: Ground) -> None:
    """The last run is a stranger's. What the journey had accepted is in the one before."""
    ground = working
    [course] = await ground.begin(1)
    await ground.stack.postgres.stop("immediate")
    accepted = command(support("invented: accepted just before"))
    await submit(ground.client, course.id, accepted)
    await ended(ground, course)
    await squatted_and_left(ground, course.id)
    await ground.stack.postgres.start()
    await eventually(lambda: answers(ground.stack))
    assert (await ground.reconcile())[course.id] == (Drift.ENDED, True)
    await eventually(lambda: knows(course, accepted.command_id))
