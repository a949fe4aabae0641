"""Signatures that take long to check, or cannot be: nobody else waits, and who signed may send it again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.notice_activities import NoticeActivities
from activities.record.store import Record
from activities.record_activities import RecordActivities
from application.temporal.journey_client import SUBMIT, SignatureUnchecked, submit
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.attackers import asked, decision, held, office_on, signed
from tests.faults.helpers import Course, at_work, reset
from tests.helpers import eventually
from workflows import messages
from workflows.care_journey import CHECKED_AT_ONCE, CareJourney
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.messages import NOT_CHECKED, TRY_AGAIN, SignatureCheck, SignatureResult, verify_signature

pytestmark = pytest.mark.server


@asynccontextmanager
async def slow_worker(
    client: Client, record: Record, signers: Signers, task_queue: str, checked: asyncio.Event
) -> AsyncIterator[None]:
    """A worker that checks no signature before it is told to."""

    @activity.defn(name=verify_signature.__name__)
    async def wait(presented: SignatureCheck) -> SignatureResult:
        if isinstance(presented.command.body, c.SIGNED):
            await checked.wait()
        return SignatureResult()

    recording = RecordActivities(record, signers.register, demonstrations=True)
    alarming = NoticeActivities(record, signers.register)
    activities: list[Callable[..., Any]] = [recording.append, recording.catch_up, alarming.alarm, wait]
    async with Worker(client, task_queue=task_queue, workflows=[CareJourney], activities=activities):
        yield


async def test_no_hold_waits_for_signatures_to_be_checked(
    client: Client, record: Record, signers: Signers, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MOMENT", timedelta(minutes=2))
    course, checked = Course(client, record, signers, task_queue), asyncio.Event()

    async def sign() -> object:
        unsigned = decision(before, asked(before))
        return await course.handle.execute_update(SUBMIT, await signed(course, unsigned))

    async def under_way() -> bool:
        described = await course.handle.describe()
        return len(described.raw_description.pending_activities) == CHECKED_AT_ONCE

    async with slow_worker(client, record, signers, task_queue, checked):
        await course.begin()
        before = await held(course)
        waiting = [asyncio.create_task(sign()) for _ in range(CHECKED_AT_ONCE)]
        await eventually(under_way)

        with pytest.raises(WorkflowUpdateFailedError) as told:
            await sign()
        placed = await course.send(c.PlaceHold(reason="invented: dizzy, and afraid"), by=Role.PATIENT)

        assert isinstance(told.value.cause, ApplicationError)
        assert told.value.cause.type == TRY_AGAIN
        assert placed.version > before.version
        assert not [task for task in waiting if task.done()]
        checked.set()
        await asyncio.gather(*waiting)
        await course.checked()


@pytest.mark.faults
async def test_what_could_not_be_checked_may_be_sent_again_as_it_is(
    stack: Stack, client: Client, record: Record, task_queue: str, tmp_path: Path
) -> None:
    """Temporal keeps the answer to an update. The same command is asked about anew all the same."""
    async with office_on(stack, tmp_path / "own") as office:
        register = office.path.read_bytes()
        course = Course(client, record, office.signers, task_queue)
        async with at_work(client, record, office.signers, task_queue):
            await course.begin()
            before = await held(course)
            genuine = await signed(course, decision(before, asked(before)))
            office.put(b"")
            for _ in range(2):
                with pytest.raises(SignatureUnchecked):
                    await submit(client, course.id, genuine)
            assert await course.recorded() == before
            office.put(register)
            await submit(client, course.id, genuine)
            assert not (await course.recorded()).held
            await course.checked()


@pytest.mark.faults
@pytest.mark.parametrize("tasks", [(0, 0), (-2,)], ids=["all of it, twice", "while it is checked"])
async def test_what_was_told_that_nothing_happened_does_not_happen_by_a_reset(
    stack: Stack, client: Client, record: Record, task_queue: str, tmp_path: Path, tasks: tuple[int, ...]
) -> None:
    """The reset applies the updates again, and by then the signature can be checked. It is decided once its signer
    sends it again, and stays so."""
    async with office_on(stack, tmp_path / "own") as office:
        register = office.path.read_bytes()
        course = Course(client, record, office.signers, task_queue)
        async with at_work(client, record, office.signers, task_queue):
            await course.begin()
            before = await held(course)
            genuine = await signed(course, decision(before, asked(before)))
            office.put(b"")
            with pytest.raises(SignatureUnchecked):
                await submit(client, course.id, genuine)
            told = await updates_of(course, genuine)
            office.put(register)
            for task in tasks:
                await reset(course, task=task)
                for update_id in told:
                    with pytest.raises(WorkflowUpdateFailedError) as again:
                        await course.handle.get_update_handle(update_id).result()
                    assert isinstance(again.value.cause, ApplicationError)
                    assert again.value.cause.type == NOT_CHECKED
                assert await course.recorded() == before
            await submit(client, course.id, genuine)
            assert not (await course.recorded()).held
            await reset(course)
            assert not (await course.checked()).held


async def updates_of(course: Course, sent: c.Command) -> list[str]:
    """The ids under which a command has come to the journey's present run."""
    updates = [
        event.workflow_execution_update_accepted_event_attributes.accepted_request.meta.update_id
        for event in (await course.runs())[0]
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]
    found = [update_id for update_id in updates if update_id.startswith(str(sent.command_id))]
    assert len(found) == 2, "it is asked twice"
    return found
