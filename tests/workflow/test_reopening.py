"""What can still happen to a journey that has ended: somebody looks in an emergency, and what happened is recorded."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.record import Record
from activities.record.reconciliation import heads_that_may_wait
from application.errors import Refused
from application.temporal import journey_client as client
from tests.helpers import eventually
from tests.workflow.world import Case, World, said
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.messages import Receipt
from workflows.protocols.demonstration import load_demonstration

LOOK = c.BreakGlass(reason="Invented: the emergency room called")
REVIEW = c.ReviewAccess(access="access-1", justified=True, text="Invented: it was needed")


@pytest.fixture
async def ended(real_world: World) -> Case:
    case = await real_world.begin(load_demonstration("ANXIETY"))
    await case.act(Role.PATIENT, c.Withdraw())
    await case.handle.result()
    return case


async def reopen(case: Case, command: c.Command) -> Receipt:
    return await client.reopen(case.world.client, await case.events(), command, task_queue=case.world.task_queue)


async def has_ended(case: Case) -> bool:
    return (await case.handle.describe()).status == WorkflowExecutionStatus.COMPLETED


async def is_doubted(case: Case) -> bool:
    return any(event.body.kind == "death.doubted" for event in await case.events())


async def may_wait(record: Record) -> list[UUID]:
    return [head.journey_id async for page in heads_that_may_wait(record) for head in page]


async def test_it_runs_on_until_the_access_is_reviewed(ended: Case) -> None:
    look, before = said(Role.ON_CALL_CLINICIAN, LOOK), ended.journey.version
    receipt = await reopen(ended, look)
    assert receipt == await reopen(ended, look)

    journey = await ended.reach(receipt.version)
    assert receipt.version > before
    assert [waiting.kind for waiting in journey.waiting.values()] == ["access_review"]
    assert not await has_ended(ended)

    await ended.act(Role.MEDICAL_DIRECTOR, REVIEW)
    assert (ended.journey.closed, dict(ended.journey.waiting)) == (True, {})
    await eventually(lambda: has_ended(ended))


async def test_its_clock_goes_on(ended: Case) -> None:
    await ended.reach((await reopen(ended, said(Role.ON_CALL_CLINICIAN, LOOK))).version)
    [waiting] = ended.journey.waiting.values()
    reminded = waiting.next_step
    assert reminded is not None
    await ended.clock.wait_until(reminded)
    await ended.reach(ended.journey.version + 1)
    [waiting] = ended.journey.waiting.values()
    assert waiting.taken == 1


async def test_nothing_else_brings_it_back(ended: Case) -> None:
    with pytest.raises(Refused) as refused:
        await reopen(ended, said(Role.PATIENT, c.Withdraw(), of=ended.id))
    assert refused.value.refusal.code == RefusalCode.CLOSED
    await eventually(lambda: has_ended(ended), within=timedelta(seconds=20))
    assert len(await ended.events()) == ended.journey.version


FACTS: dict[str, tuple[Callable[[datetime], c.CommandBody], Role, set[str]]] = {
    "an adverse event": (
        lambda at: c.ReportAdverseEvent(what="Invented: a fall", grade=3, serious=False, onset=at),
        Role.PATIENT,
        {"serious_adverse_event", "adverse_event_outcome"},
    ),
    "a dose": (
        lambda at: c.RecordDose(dose_mg=50, route="sublingual", taken_at=at),
        Role.PATIENT,
        {"check_in", "visit", "observation"},
    ),
    "a call for help": (
        lambda _: c.RequestSupport(urgency="urgent", text="Invented: please call"),
        Role.PATIENT,
        {"support"},
    ),
}


@pytest.mark.requirement("B30")
@pytest.mark.parametrize("what", FACTS)
async def test_what_happened_wakes_it_and_it_ends_again_once_that_is_settled(ended: Case, what: str) -> None:
    body, by, awaited = FACTS[what]
    outcome, record = ended.journey.outcome, ended.world.record
    assert ended.id not in await may_wait(record)
    fact = said(by, body(await ended.clock.now() - timedelta(minutes=1)), of=ended.id)
    receipt = await reopen(ended, fact)
    assert receipt == await reopen(ended, fact), "it happens once"

    journey = await ended.reach(receipt.version)
    assert (journey.closed, journey.outcome) == (True, outcome)
    assert ended.id in await may_wait(record), "it is missed where Temporal loses it"
    assert awaited <= {waiting.kind for waiting in journey.waiting.values()}
    assert not await has_ended(ended)

    await ended.play(until=lambda journey: not journey.waiting)
    assert (ended.journey.closed, ended.journey.outcome) == (True, outcome)
    await eventually(lambda: has_ended(ended), within=timedelta(seconds=20))


async def test_a_wrong_death_brings_it_back_to_where_it_stood(real_world: World) -> None:
    case = await real_world.begin(load_demonstration("ANXIETY"))
    await case.act(Role.COORDINATOR, c.RecordDeath(related="no", reason="Invented: the wrong patient"))
    stage = case.journey.stage
    await case.play(until=lambda journey: journey.closed, sees=lambda waiting: waiting.kind == "death")
    assert case.journey.died
    await case.handle.result()

    # What the patient sends is a sign of life, although it cannot be taken in a pathway that is closed.
    with pytest.raises(Refused):
        await reopen(case, said(Role.PATIENT, c.Acknowledge(statements=("not_a_cure",)), of=case.id))
    await eventually(lambda: is_doubted(case))
    await case.reach((await case.events())[-1].version)
    assert case.journey.closed
    await case.play(until=lambda journey: not journey.died, sees=lambda waiting: waiting.kind == "death_correction")
    assert (case.journey.closed, case.journey.stage, case.journey.held) == (False, stage, True)
    assert not await has_ended(case)
