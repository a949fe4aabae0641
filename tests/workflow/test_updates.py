"""Updates: validated, refused without a trace or with one, and counted once however often it is sent."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from application.errors import NotFound, Refused
from application.temporal.journey_client import SUBMIT, submit
from tests.workflow.courses import awaits, request, signature
from tests.workflow.world import Case, Handle, World, said
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.messages import JourneyInput
from workflows.protocols.demonstration import load_demonstration

ASK = c.AskQuestion(text="Invented: does it hurt?")


async def begin(world: World) -> Case:
    return await world.begin(load_demonstration("ANXIETY"))


def as_somebody_unlicensed(journey: Journey) -> c.Command:
    signed = said(Role.CLINICIAN, c.AnswerQuestion(question="question-1", text="Invented"))
    return signed.model_copy(update={"actor": signed.actor.model_copy(update={"licence": None})})


def as_the_clock(journey: Journey) -> c.Command:
    command = said(Role.PATIENT, c.PassDeadline())
    return command.model_copy(update={"actor": command.actor.model_copy(update={"role": Role.SYSTEM})})


def anybody(role: Role, body: c.CommandBody) -> Callable[[Journey], c.Command]:
    return lambda journey: said(role, body, of=journey.id)


REJECTED: dict[str, tuple[Callable[[Journey], c.Command], RefusalCode]] = {
    "another role's": (anybody(Role.PATIENT, c.AnswerQuestion(question="x", text="x")), RefusalCode.NOT_ALLOWED),
    "without a licence": (as_somebody_unlicensed, RefusalCode.NOT_ALLOWED),
    "the clock's": (as_the_clock, RefusalCode.NOT_ALLOWED),
    "another stage's": (anybody(Role.PATIENT, c.GiveConsent(consents={"a": "b"})), RefusalCode.WRONG_STAGE),
    "about nothing": (anybody(Role.CLINICIAN, c.AnswerSupport(support="x", text="x")), RefusalCode.UNKNOWN),
}


def a_stale_signature(journey: Journey) -> c.Command:
    command = signature(journey, request(journey, SignOffKind.EVALUATION))
    return command.model_copy(update={"body": command.body.model_copy(update={"evidence": "0" * 64})})


def a_coordinators_signature(journey: Journey) -> c.Command:
    command = signature(journey, request(journey, SignOffKind.EVALUATION))
    return said(Role.COORDINATOR, command.body)


KEPT: dict[str, tuple[Callable[[Journey], c.Command], RefusalCode]] = {
    "a signature on other evidence": (a_stale_signature, RefusalCode.STALE),
    "a signature by the wrong role": (a_coordinators_signature, RefusalCode.NOT_ALLOWED),
    "a release": (anybody(Role.SESSION_MONITOR, c.ReleaseSession(session=1)), RefusalCode.WRONG_STAGE),
}


async def test_a_rejected_update_leaves_nothing(real_world: World) -> None:
    case = await begin(real_world)
    await case.quiet()
    before = [event.event_id for event in await case.history_events()]

    for what, (command, code) in REJECTED.items():
        with pytest.raises(Refused) as rejected:
            await case.submit(command(case.journey))
        assert rejected.value.refusal.code == code, what
        assert rejected.value.refusal.remedy, what
    with pytest.raises(WorkflowUpdateFailedError):
        await case.handle.execute_update("submit", {"command_id": "x"})

    assert [event.event_id for event in await case.history_events()] == before
    assert len(await case.events()) == case.journey.version


async def test_a_refusal_that_matters_is_kept(real_world: World) -> None:
    case = await begin(real_world)
    await case.play(until=awaits(SignOffKind.EVALUATION))

    for build, code in KEPT.values():
        command, version = await case.signed(build(case.journey)), case.journey.version
        receipt = await case.handle.execute_update(SUBMIT, command)
        await case.reach(receipt.version)
        assert receipt.refusal is not None
        assert receipt.refusal.code == code
        assert receipt.version == version + 1
        kept = (await case.events())[-1].body
        assert isinstance(kept, e.CommandRefused)
        assert (kept.command_kind, kept.code) == (command.body.kind, code.value)
        with pytest.raises(Refused):
            await case.submit(command)
        assert len(await case.events()) == version + 1


async def test_the_same_command_gives_the_same_receipt(real_world: World) -> None:
    case = await begin(real_world)
    command = said(Role.PATIENT, ASK, of=case.id)

    first = await case.submit(command)
    again = await submit(real_world.client, case.id, command)
    # Another update id: the server does not know it is the same, and the journey does.
    anew = await case.handle.execute_update(SUBMIT, command, id=str(uuid4()))

    assert first == again == anew
    assert [event.version for event in await case.events() if event.command_id == command.command_id][-1] == (
        first.version
    )
    assert len(await case.events()) == first.version


async def test_a_command_id_is_not_used_for_something_else(real_world: World) -> None:
    case = await begin(real_world)
    command = said(Role.PATIENT, ASK, of=case.id)
    await case.submit(command)
    other = said(Role.PATIENT, c.AskQuestion(text="Invented: something else"), command.command_id, of=case.id)

    with pytest.raises(Refused) as rejected:
        await case.submit(other)

    assert rejected.value.refusal.code == RefusalCode.COMMAND_ID_REUSED


async def test_after_continuing_as_new_a_command_still_counts_once(early_world: World) -> None:
    case = await begin(early_world)
    refused = said(Role.SESSION_MONITOR, c.ReleaseSession(session=1))
    with pytest.raises(Refused):
        await case.submit(refused)
    asked = said(Role.PATIENT, ASK, of=case.id)
    receipt = await case.submit(asked)
    await case.play(until=awaits(SignOffKind.EVALUATION))
    await case.quiet()
    assert len(await case.histories()) > 1
    recorded = await case.events()

    assert await submit(early_world.client, case.id, asked) == receipt
    with pytest.raises(Refused) as again:
        await submit(early_world.client, case.id, refused)
    with pytest.raises(Refused) as reused:
        await submit(early_world.client, case.id, said(Role.PATIENT, c.Withdraw(), asked.command_id, of=case.id))
    await case.handle.signal("command", asked)
    await case.act(Role.PATIENT, c.Withdraw())

    assert "refused before" in again.value.refusal.reason
    assert reused.value.refusal.code == RefusalCode.COMMAND_ID_REUSED
    assert (await case.events())[len(recorded)].body.kind == "pathway.ending"


async def test_a_journey_that_ended_or_never_was_takes_no_command(real_world: World) -> None:
    case = await begin(real_world)
    await case.act(Role.PATIENT, c.Withdraw())
    await case.handle.result()

    for journey_id in (case.id, uuid4()):
        with pytest.raises(NotFound):
            await submit(real_world.client, journey_id, said(Role.PATIENT, ASK, of=case.id))


async def test_a_journey_that_cannot_start_fails_with_its_refusal(real_world: World) -> None:
    opening = (await begin(real_world)).opening
    assert isinstance(opening.body, c.StartPathway)
    body = opening.body.model_copy(update={"journey_id": uuid4(), "demonstration": False})
    handle: Handle = await real_world.client.start_workflow(
        CareJourney.run,
        JourneyInput(start=opening.model_copy(update={"body": body})),
        id=workflow_id(body.journey_id),
        task_queue=real_world.task_queue,
    )

    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()

    assert isinstance(failed.value.__cause__, ApplicationError)
    assert failed.value.__cause__.type == RefusalCode.PROTOCOL.value
    assert await real_world.record.head(body.journey_id) is None
