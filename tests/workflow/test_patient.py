"""Rules about the patient, where they are recorded: over several journeys, on real servers."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities import record_activities
from activities.record import Record, patient_index
from activities.record.patients import Parted, part, part_again
from activities.record.recorded_journeys import RecordedJourneys
from application.errors import Refused
from application.record.comparison import compare
from application.record.drift import Drift
from application.temporal.client import TemporalJourneys
from application.temporal.journey_client import SUBMIT, handle_of, start
from simulation.people import referral
from tests.workflow.courses import Played
from tests.workflow.world import Case, World, said
from workflows.care_journey import CareJourney
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command, StartPathway
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.protocols.demonstration import load_demonstration
from workflows.shell.display import DIVERGED_HEALTH

pytestmark = pytest.mark.server


def with_medicine(pathway: Pathway, medicine: str) -> Protocol:
    protocol = load_demonstration(pathway)
    return protocol.model_copy(update={"dose": protocol.dose.model_copy(update={"medicine": medicine})})


async def two_of_one_patient(world: World) -> tuple[Case, Case]:
    """Two journeys with different medicines, whose patients turn out to be one, which both know: the other one looks at
    its own pace, and would never hear of a merge that is undone before."""
    one = await world.begin(with_medicine("ANXIETY", "invented-1"))
    other = await world.begin(with_medicine("ANXIETY", "invented-2"))
    await one.act(Role.COORDINATOR, c.ProposeMerge(other=other.journey.patient.ref, reason="Invented: the same person"))
    await one.play(until=lambda journey: all(merge.merged for merge in journey.merges.values()))
    while one.journey.patient.ref not in other.journey.elsewhere.also_known_as:
        await other.reach(other.journey.version + 1)
    return one, other


@pytest.mark.requirement("B27")
async def test_whoever_may_be_the_patient_waits_until_it_is_decided(real_world: World) -> None:
    one = await real_world.begin(with_medicine("ANXIETY", "invented-1"))
    other = await real_world.begin(with_medicine("ANXIETY", "invented-2"))
    ref = other.journey.patient.ref
    await one.act(Role.COORDINATOR, c.ProposeMerge(other=ref, reason="Invented: the same birth date and name"))
    while not other.journey.elsewhere.identity_asked:
        await other.reach(other.journey.version + 1)
    assert any(waiting.kind == "identity_elsewhere" for waiting in other.journey.waiting.values())
    assert not other.journey.elsewhere.doses + other.journey.elsewhere.also_known_as


def start_for(patient: c.Patient, pathway: Pathway) -> tuple[UUID, Command]:
    """The start of a new journey of this patient."""
    journey_id = uuid4()
    opening = referral(load_demonstration(pathway), journey_id)
    assert isinstance(opening.body, StartPathway)
    return journey_id, opening.model_copy(update={"body": opening.body.model_copy(update={"patient": patient})})


def awaits_release(journey: Journey) -> bool:
    return any(waiting.kind == "release" for waiting in journey.waiting.values())


def release(case: Case) -> Command:
    return said(Role.SESSION_MONITOR, c.ReleaseSession(session=1), of=case.id)


async def sent_again(case: Case, command: Command) -> list[bool]:
    """Send a command three more times at once, each as an update of its own; whether it was accepted each time."""

    async def accepted() -> bool:
        try:
            receipt = await case.handle.execute_update(SUBMIT, command, id=str(uuid4()))
        except WorkflowUpdateFailedError:
            return False
        return receipt.refusal is None

    return await asyncio.gather(*(accepted() for _ in range(3)))


@pytest.mark.requirement("B27")
@pytest.mark.timeout(300)
async def test_of_two_releases_of_one_patient_at_once_one_is_recorded(real_world: World) -> None:
    cases = await two_of_one_patient(real_world)
    await asyncio.gather(*(case.play(until=awaits_release) for case in cases))
    commands = [release(case) for case in cases]
    again = asyncio.gather(*map(sent_again, cases, commands))
    answers = await asyncio.gather(*(case.submit(each) for case, each in zip(cases, commands, strict=True)),
                                   return_exceptions=True)  # fmt: skip
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 1, answers
    assert [set(each) for each in await again] == [{not isinstance(answer, Refused)} for answer in answers]
    won, lost = cases if answers[1] is refused[0] else reversed(cases)
    released = [
        [event for event in await case.events() if isinstance(event.body, e.SessionReleased)] for case in (won, lost)
    ]
    assert [len(events) for events in released] == [1, 0]
    bodies = [event.body for event in await lost.events()]
    [kept] = [body for body in bodies if isinstance(body, e.CommandRefused)]
    assert kept.command_kind == "session.release"
    taken_in = [body for body in bodies if isinstance(body, e.HistoryTakenIn)][-1]
    assert [session.open for session in taken_in.elsewhere.released] == [True]
    held = [body for body in bodies if isinstance(body, e.HoldPlaced)]
    assert [hold.cause for hold in held] == ["patient_limits"]
    assert (await lost.handle.query(CareJourney.status)).health != DIVERGED_HEALTH
    # The journey goes on: it takes commands, and the session that was released is given and known here.
    await lost.act(Role.PATIENT, c.RequestSupport(urgency="routine", text="Invented: what now?"))
    # A dose that becomes known there stops the session that is ready here, without anybody doing anything here.
    # Each journey has a time of its own here.
    taken = c.RecordDose(dose_mg=10, route="oral", taken_at=min([await case.clock.now() for case in cases]))
    await lost.act(Role.OBSERVER, taken)
    while not any(hold.cause in ("patient_limits", "patient_history") for hold in won.journey.standing_holds):
        await won.reach(won.journey.version + 1)
    await won.act(Role.OBSERVER, taken.model_copy(update={"session": 1}))
    assert str(won.id) not in refused[0].reason + refused[0].remedy


@pytest.mark.requirement("B27")
@pytest.mark.timeout(300)
async def test_enrolling_anew_takes_the_doses_along(real_world: World, played: Played) -> None:
    closed = (await played("withdrawal")).journey
    assert closed.own_doses
    journey_id, again = start_for(closed.patient, "PTSD")
    await start(real_world.client, again, task_queue=real_world.task_queue)
    await real_world.record.wait_for(journey_id, 4, timedelta(seconds=30))
    rows = await real_world.record.load(journey_id)
    [known] = [row for row in rows if row.event_type == "history.taken-in"]
    assert str(closed.own_doses[0].source).encode() in known.payload
    assert str(closed.id).encode() not in known.payload


@pytest.mark.timeout(300)
async def test_a_merge_that_was_wrong_is_undone_and_each_journey_says_so(real_world: World) -> None:
    one, other = await two_of_one_patient(real_world)
    ref = other.journey.patient.ref
    await one.act(Role.COORDINATOR, c.ProposeUnmerge(merge="merge-1", reason="Invented: two people with one name"))
    await one.play(until=lambda journey: journey.merges["merge-1"].undone)
    while not other.journey.held:
        await other.reach(other.journey.version + 1)
    while one.journey.elsewhere.doses or not one.journey.held:
        await one.reach(one.journey.version + 1)
    for case in (one, other):
        assert [hold.cause for hold in case.journey.standing_holds] == ["patients_parted"]
        assert (await case.handle.query(CareJourney.status)).health != DIVERGED_HEALTH
        of_each = await patient_index.journeys_of(
            real_world.record, real_world.record.patients.of_ref(case.journey.patient.ref)
        )
        assert of_each == (case.id,)
    assert not one.journey.is_patient(ref)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_who_could_not_be_taken_apart_is_by_the_next_pass(
    real_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a journey of either could not be read while the undoing was recorded: ops see it, a pass mends it."""
    one, other = await two_of_one_patient(real_world)
    record, journeys = real_world.record, TemporalJourneys(real_world.client, real_world.task_queue)

    async def nobody(record: Record, journey: Journey, other: str, known: RecordedJourneys | None = None) -> Parted:
        return Parted((), (await part(record, journey, other, known)).position)

    with monkeypatch.context() as unreadable:
        unreadable.setattr(record_activities, "part", nobody)
        await one.act(Role.COORDINATOR, c.ProposeUnmerge(merge="merge-1", reason="Invented: two people"))
        await one.play(until=lambda journey: journey.merges["merge-1"].undone)
    _, found = await compare(record, journeys, now=datetime.now(UTC))
    assert [each.drift for each in found if each.journey_id == one.id] == [Drift.UNPARTED]
    assert {one.id, other.id} <= await part_again(record, one.id)
    for each in (one, other):
        await journeys.look(each.id)
    _, found = await compare(record, journeys, now=datetime.now(UTC))
    assert Drift.UNPARTED not in [each.drift for each in found if each.journey_id == one.id]
    while not other.journey.held:
        await other.reach(other.journey.version + 1)
    while one.journey.elsewhere.also_known_as:
        await one.reach(one.journey.version + 1)
    for case in (one, other):
        assert {hold.cause for hold in case.journey.standing_holds} == {"patients_parted"}


@pytest.mark.requirement("B27")
async def test_a_second_journey_with_the_medicine_does_not_begin(real_world: World) -> None:
    """Also where nobody asked beforehand."""
    first = await real_world.begin(load_demonstration("ANXIETY"))
    journey_id, second = start_for(first.journey.patient, "PTSD")
    await start(real_world.client, second, task_queue=real_world.task_queue)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle_of(real_world.client, journey_id).result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == RefusalCode.ALREADY_STARTED
    assert str(first.id) not in str(failed.value.cause)
    assert await real_world.record.load(journey_id) == ()
