"""Somebody who has the task queue answers for a journey, with answers of the journey itself that they have seen."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.record.verification.record import verify_record
from application.errors import Refused, Unavailable
from application.pathway import commands
from application.pathway.command_catalog import KINDS
from application.temporal.journey_client import NOT_THE_ANSWER, NotTaken, SignatureUnchecked, failure_of, submit
from application.temporal.squatters import Squatted
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.attackers import (
    asked,
    batch_of,
    clock,
    decided,
    decision,
    fabricated,
    forged,
    have_recorded,
    held,
    let_pass,
    lying_worker,
    push,
)
from tests.faults.helpers import LOG_LOCK, As, Course, at_work, blocked, command, support
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decided import Batch
from workflows.journey.receipts import command_digest
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Outcome, Stage
from workflows.messages import ALREADY_OPEN, NOT_CHECKED, TRY_AGAIN, UNDECIDED, Recorded, append_to_record

pytestmark = pytest.mark.server

SEEN: list[Payload] = []
"""What the parrot has seen last."""


@workflow.defn(name="CareJourney")
class Parrot:
    """It says again what it has seen."""

    @workflow.run
    async def run(self, _: RawValue) -> None:
        """Go on for ever."""
        await workflow.wait_condition(lambda: False)

    @workflow.update(name="submit")
    async def submit(self, _: RawValue) -> RawValue:
        """Answer with what was an answer before."""
        return RawValue(SEEN[-1])


@activity.defn(name=append_to_record.__name__)
async def hold_back(_: Batch) -> Recorded:
    """Record nothing, and keep what people said."""
    raise ApplicationError("the record is unavailable")


INVENTED: dict[str, tuple[e.EventBody, ...]] = {
    "a stage": (e.StageEntered(stage=Stage.SESSIONS),),
    "an end": (e.PathwayEnding(outcome=Outcome.COMPLETED, reason="x"), e.PathwayClosed(outcome=Outcome.COMPLETED)),
    "that the hold is over": (e.HoldReleased(hold="hold-1", sign_off="hold_release:hold-1"),),
    "that somebody was reached": (e.SupportAnswered(support="support-1", text="x"),),
    "that nobody said anything": (e.SupportRequested(support="support-1", urgency="routine", text="all is well"),),
}


@pytest.mark.soak
async def test_facts_that_are_invented_under_an_outage_are_never_recorded(
    stack: Stack,
    as_: As,
    client: Client,
    record: Record,
    signers: Signers,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever has the keys and the queue answers people while the record is away, and hands in what they like once it
    is back. Nothing is recorded that the rules do not give, whoever was told "accepted" is told to call, and what they
    said is recorded without anybody's help: a decision that nobody signed takes nothing else with it."""
    monkeypatch.setattr(commands, "RECORDED_WITHIN", timedelta(milliseconds=300))
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        await held(course)
        before, rows = await course.recorded(), await course.rows()
    async with blocked(stack, LOG_LOCK), lying_worker(client, task_queue, hold_back, let_pass):
        async with as_(Role.COORDINATOR) as person:
            kind = next(kind for kind in KINDS if kind.model is c.RequestSupport)
            asked_for, known = await commands.prepare(
                person, kind, course.id, c.RequestSupport(urgency="urgent", text="invented: they do not answer")
            )
            accepted = await commands.submit(person, course.id, asked_for)
            with pytest.raises(Unavailable) as told:
                await commands.wait_until_recorded(person, accepted, known)
        assert "not yet recorded" in told.value.reason
        assert "within a minute, call" in told.value.remedy
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        await push(client, course.id, forgery)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        batches = [batch_of(before, fabricated(before, *bodies)) for bodies in INVENTED.values()]
        batches.append(batch_of(before, decided(before, forgery, await clock(course)), forgery))
        for batch in batches:
            assert await have_recorded(client, task_queue, batch) is not None

        async def settled() -> bool:
            return "command.refused" in [event.body.kind for event in await load_events(record, course.id)]

        # Its run went on from a release that nobody signed: that is refused, and the run goes on from the record.
        await eventually(settled)
        after = await course.recorded()
        assert after.support["support-1"].text == "invented: they do not answer", "what was said is recorded in the end"
        assert (after.stage, after.outcome, after.held) == (before.stage, None, True)
        assert (await course.rows())[: len(rows)] == rows
        assert (await verify_record(record, derive=True, journey_id=course.id)).findings == ()
        await course.checked()


async def test_an_old_answer_of_the_same_journey_is_no_answer(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course, first, second = Course(client, record, signers, task_queue), command(support()), command(support())
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        assert (await course.submit(first)).answers == command_digest(first)
        await course.recorded()
    history = (await course.runs())[0]
    assert str(first.command_id) in str(history)
    assert command_digest(first)[:12] not in str(history), "who reads ids cannot try a guess at what was said"
    SEEN.extend(
        event.workflow_execution_update_completed_event_attributes.outcome.success.payloads[0]
        for event in history
        if event.HasField("workflow_execution_update_completed_event_attributes")
    )
    await course.handle.terminate()
    plain = await Client.connect(client.service_client.config.target_host, namespace=client.namespace)
    own = f"parrot-{uuid4()}"
    async with Worker(plain, task_queue=own, workflows=[Parrot], workflow_runner=UnsandboxedWorkflowRunner()):
        parrot = await plain.start_workflow("CareJourney", "x", id=workflow_id(course.id), task_queue=own)
        await submit(client, course.id, first, timeout=timedelta(seconds=5))  # it is the answer to this one
        changed = first.model_copy(update={"body": support("invented: something else")})
        for sent in (second, changed, command(c.PlaceHold(reason="invented"), Role.CLINICIAN)):
            # A squatter, perhaps: whether it arrived is not known, or it is known that it did not.
            with pytest.raises((Unavailable, Squatted)):
                await submit(client, course.id, sent, timeout=timedelta(seconds=5))
        await parrot.terminate()


@pytest.mark.parametrize("kind", [TRY_AGAIN, NOT_CHECKED, UNDECIDED])
def test_whoever_shows_that_nothing_happened_to_another_command_is_not_believed(kind: str) -> None:
    """Else somebody who answers for the journey could say of what was taken that it was not."""
    sent, other = command(support()), command(support())

    def told(*details: object) -> Exception:
        return failure_of(sent, WorkflowUpdateFailedError(ApplicationError("invented", *details, type=kind)))

    believed = told(command_digest(sent))
    assert isinstance(believed, {TRY_AGAIN: NotTaken, NOT_CHECKED: SignatureUnchecked, UNDECIDED: Unavailable}[kind])
    assert NOT_THE_ANSWER not in str(believed)
    for details in ((), (None,), ("",), (command_digest(other),), (command_digest(sent), command_digest(other))):
        answer = told(*details)
        assert isinstance(answer, Unavailable), details
        assert not isinstance(answer, SignatureUnchecked), details
        assert NOT_THE_ANSWER in str(answer), details


def test_a_refusal_of_another_command_is_no_answer() -> None:
    sent, other = command(support()), command(support())
    refusal = ALREADY_OPEN.model_dump(mode="json")

    def told(*details: object) -> Exception:
        return failure_of(sent, WorkflowUpdateFailedError(ApplicationError("refused", *details)))

    assert isinstance(told(refusal, command_digest(sent)), Refused)
    for details in ((refusal,), (refusal, command_digest(other)), (refusal, ""), (refusal, None)):
        assert isinstance(told(*details), Unavailable), details
