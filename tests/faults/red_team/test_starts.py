"""Journeys that may not begin, or not so."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from activities.record import migrate
from activities.record.store import Record
from deploy.local.postgres import Database
from deploy.local.stack import Stack, StackError, run_worker
from simulation.keys import Signers
from tests.faults.attackers import asked, clock, decided, decision, forged, held, push, quarantined
from tests.faults.helpers import PROTOCOLS, Course, at_work, command, support
from tests.faults.red_team.checks import counts
from tests.helpers import eventually
from tests.journey.variants import for_patients
from tests.signatures.room import approval
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.vocabulary.actors import Role
from workflows.messages import JourneyInput

pytestmark = pytest.mark.server


FIT = for_patients(PROTOCOLS["ANXIETY"])
STARTS: dict[str, tuple[dict[str, Any], str]] = {
    "an illustrative protocol": ({"demonstration": False}, "may not carry patients"),
    "a protocol nobody signed": ({"demonstration": False, "protocol": FIT}, "is not signed"),
    "the approval of another": (
        {
            "demonstration": False,
            "protocol": FIT,
            "approval": approval(Role.MEDICAL_DIRECTOR, Role.CLINICIAN, digest="0" * 64),
        },
        "is not as it was signed",
    ),
}


def opening(course: Course, **changed: Any) -> c.Command:
    assert isinstance(course.opening.body, c.StartPathway)
    return course.opening.model_copy(update={"body": course.opening.body.model_copy(update=changed)})


@pytest.mark.parametrize("what", STARTS)
async def test_a_journey_under_an_unfit_protocol_does_not_begin(
    client: Client, record: Record, signers: Signers, task_queue: str, what: str
) -> None:
    course = Course(client, record, signers, task_queue)
    changed, says = STARTS[what]
    async with at_work(client, record, signers, task_queue):
        handle = await client.start_workflow(
            "CareJourney",
            JourneyInput(start=opening(course, **changed)),
            id=workflow_id(course.id),
            task_queue=task_queue,
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert says in str(failed.value.cause)
        assert (await handle.describe()).status == WorkflowExecutionStatus.FAILED
        assert await record.head(course.id) is None


async def test_a_protocol_with_made_up_approvals_is_not_recorded(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Two signatures, by keys that nobody enrolled: the journey cannot tell, and the append can."""
    course = Course(client, record, signers, task_queue)
    made = approval(Role.MEDICAL_DIRECTOR, Role.CLINICIAN, digest=FIT.digest, at=datetime.now(UTC))
    made = made.model_copy(update={"protocol": FIT.id, "version": FIT.version})
    here = await record.log_name()
    begin = opening(course, demonstration=False, protocol=FIT, approval=made, log=here)
    with capture_logs() as logs:
        async with at_work(client, record, signers, task_queue):
            await client.start_workflow(
                CareJourney.run, JourneyInput(start=begin), id=workflow_id(course.id), task_queue=task_queue
            )
            await quarantined(course)
    assert await record.head(course.id) is None
    assert [line["event"] for line in logs].count("signoff.unproven") == 1


async def test_a_worker_for_patients_begins_no_demonstration(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Where demonstrations are not allowed, nobody starts a patient on an unsigned protocol by calling it a play."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, demonstrations=False):
        handle = await client.start_workflow(
            CareJourney.run, JourneyInput(start=course.opening), id=workflow_id(course.id), task_queue=task_queue
        )

        async def settled() -> bool:
            ended = (await handle.describe()).status == WorkflowExecutionStatus.FAILED
            return ended or (await course.status()).health == "diverged" or await record.head(course.id) is not None

        await eventually(settled)
        assert await record.head(course.id) is None


@pytest.mark.faults
async def test_a_worker_for_patients_begins_on_no_unprotected_temporal(stack: Stack, tmp_path: Path) -> None:
    env = {**stack.worker_env, "CAREPATH_DEMONSTRATION": "false"}
    with pytest.raises(StackError):
        await run_worker(env, tmp_path / "worker.log")
    told = (tmp_path / "worker.log").read_text()
    assert "TEMPORAL_TLS" in told
    assert "authorizer" in told


@pytest.mark.faults
async def test_a_worker_for_a_demonstration_begins_on_no_record_of_patients(
    stack: Stack, database: Database, tmp_path: Path
) -> None:
    await migrate(database.owner_url, demonstration=False)
    there = {"CAREPATH_DATABASE_URL": database.owner_url, "CAREPATH_PROJECTOR_URL": database.owner_url}
    with pytest.raises(StackError):
        await run_worker({**stack.worker_env, **there}, tmp_path / "worker.log")
    told = (tmp_path / "worker.log").read_text()
    assert "CAREPATH_DEMONSTRATION: is true, but this database was made for patients" in told


async def test_a_run_that_begins_with_a_made_up_state_is_found_out(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Whoever may end a run may begin one, with any state. What the record says is what is awaited, or it says so."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        released = fold(decided(before, forgery, await clock(course)), before)
        assert not released.held
        await course.handle.terminate()
        await client.start_workflow(
            CareJourney.run,
            JourneyInput(journey=released.model_copy(update={"version": before.version})),
            id=workflow_id(course.id),
            task_queue=task_queue,
        )
        await push(client, course.id, command(support("invented: is anybody there?")))

        async def asked_again() -> bool:
            waiting = await course.handle.query(CareJourney.obligations)
            return asked(before).id in {one.id for one in waiting}

        await eventually(asked_again)
        there = await course.recorded()
        assert there.held, "the record is the journey, whatever a run was told"
        assert not there.sign_offs
        assert there.support, "what somebody said to it meanwhile is decided on the record"
        await counts(client, course)
