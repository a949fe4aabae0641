"""Everybody who acts is proven: in a log that is no demonstration nothing counts without a session, by no way in."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.signatures.register_changes import revoke
from activities.signatures.sessions import DEMONSTRATION, SessionProblem, ThisLog, prove, refusal_of
from application.errors import Refused
from application.temporal.journey_client import start, submit
from simulation.keys import Signers
from simulation.people import PEOPLE, person_of
from tests.faults.attackers import Office, batch_of, fabricated, have_recorded, only_attempts, quarantined
from tests.faults.helpers import PATIENCE, Course, at_work, command, support
from tests.helpers import eventually
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.messages import JourneyInput, Receipt
from workflows.signals import Unchecked

pytestmark = pytest.mark.server

MOVE = c.Move(zone="America/New_York", state="NY")
HOUR = timedelta(hours=1)


class ProvenCourse(Course):
    """A journey whose people act in working sessions."""

    log = ""

    async def begin(self) -> None:
        self.log = await self.record.log_name()
        self.opening = self.proven(self.opening)
        await super().begin()

    def proven(self, sent: c.Command, at: datetime | None = None) -> c.Command:
        return self.signers.proven(self.log, self.id, sent, at or datetime.now(UTC))

    async def submit(self, command: c.Command) -> Receipt:
        return await super().submit(self.proven(command))


@pytest.fixture
async def course(client: Client, record: Record, signers: Signers, task_queue: str) -> AsyncIterator[ProvenCourse]:
    """A journey in a log that is no demonstration. Whatever is tried, it goes on with people who are proven."""
    begun = ProvenCourse(client, record, signers, task_queue)
    log = ThisLog(await record.log_name())
    async with at_work(client, record, signers, task_queue, log=log):
        await begun.begin()
        yield begun
        await begun.send(support("invented: are you still there?"))
        await begun.checked()


def other_person(course: ProvenCourse, sent: c.Command) -> c.Command:
    now = datetime.now(UTC)
    return prove(*course.signers.acting(course.log, PEOPLE[Role.THERAPIST], now), course.id, sent, now)


def elsewhere(course: ProvenCourse, sent: c.Command) -> c.Command:
    person = sent.actor.model_copy(update={"clinics": ("night-clinic",)})
    now = datetime.now(UTC)
    return prove(*course.signers.acting(course.log, person, now), course.id, sent, now)


def let_in(course: ProvenCourse, sent: c.Command) -> c.Command:
    now = datetime.now(UTC)
    return prove(*course.signers.acting(course.log, sent.actor, now, way=DEMONSTRATION), course.id, sent, now)


def long_ago(course: ProvenCourse, sent: c.Command) -> c.Command:
    now = datetime.now(UTC)
    return prove(*course.signers.acting(course.log, sent.actor, now - 13 * HOUR), course.id, sent, now)


def copied(course: ProvenCourse, sent: c.Command) -> c.Command:
    return sent.model_copy(update={"proof": course.proven(command(MOVE)).proof})


Attack = Callable[[ProvenCourse, c.Command], c.Command]
ATTACKS: dict[SessionProblem, Attack] = {
    SessionProblem.NO_SESSION: lambda _, sent: sent,
    SessionProblem.WRONG_PERSON: other_person,
    SessionProblem.OTHER_CLINIC: elsewhere,
    SessionProblem.NOT_LET_IN: let_in,
    SessionProblem.OVER: long_ago,
    SessionProblem.WRONG_LOG: lambda course, sent: course.signers.proven(
        "other", course.id, sent, datetime.now(UTC)
    ),
    SessionProblem.BAD_PROOF: copied,
}  # fmt: skip


async def by_update(course: ProvenCourse, attack: c.Command) -> str:
    with pytest.raises(Refused) as refused:
        await submit(course.client, course.id, attack)
    return refused.value.refusal.reason


async def test_without_a_session_nobody_moves_a_journey(course: ProvenCourse) -> None:
    """By update it leaves nothing, by signal the attempt; the same in a session counts."""
    before = await course.recorded()
    for problem, attack in ATTACKS.items():
        assert await by_update(course, attack(course, command(MOVE))) == refusal_of(problem).reason
    assert await course.recorded() == before
    for attack in ATTACKS.values():
        await course.handle.signal("command", attack(course, command(MOVE)))
    for kept in await only_attempts(course, before, len(ATTACKS)):
        assert (kept.command_kind, kept.code) == ("pathway.move", RefusalCode.NOT_ALLOWED.value)
    await course.send(MOVE)
    assert (await course.recorded()).patient.state == "NY"


async def test_a_patient_is_let_in_or_nobody(course: ProvenCourse) -> None:
    before = await course.recorded()
    patient = person_of(course.id, Role.PATIENT)
    asked = c.Command(command_id=uuid4(), actor=patient, body=c.AskQuestion(text="invented: when?"))
    assert await by_update(course, asked) == refusal_of(SessionProblem.NO_SESSION).reason
    assert await course.recorded() == before


async def test_holds_reports_and_calls_for_help_count_unproven(course: ProvenCourse) -> None:
    """They are marked: whoever sent them is a stranger, and no proof stands beside them."""
    for body in (c.PlaceHold(reason="invented: stop"), support()):
        await submit(course.client, course.id, command(body))
        await course.handle.signal("command", other_person(course, command(body)))

    async def heard() -> bool:
        return (await course.recorded()).strangers_heard == 4

    await eventually(heard)
    journey = await course.recorded()
    assert journey.held
    proofs: dict[str, set[bool]] = {}
    for row in await course.record.load(course.id):
        proofs.setdefault(row.event_type, set()).add(b'"proof"' in row.payload)
    assert (proofs["hold.placed"], proofs["support.requested"]) == ({False}, {False})
    assert proofs["pathway.started"] == {True}


async def test_a_session_ends_with_its_key(course: ProvenCourse) -> None:
    opened, office = datetime.now(UTC), Office(course.signers)
    before, key = office.register, course.signers.keys[PEOPLE[Role.COORDINATOR].id]
    await course.submit(command(MOVE))
    office.publish(revoke(before, key.key_id, at=datetime.now(UTC), because="lost", by="demo-ops"))
    try:
        attack = course.proven(command(c.Move(zone="America/Chicago", state="TX")), opened)
        assert await by_update(course, attack) == refusal_of(SessionProblem.REVOKED).reason
        assert (await course.recorded()).patient.state == "NY"
    finally:  # the other tests have the same register
        office.publish(before.model_copy(update={"version": before.version + 2}))


async def test_nobody_starts_a_journey_unproven(
    client: Client, record: Record, signers: Signers, task_queue: str, course: ProvenCourse
) -> None:
    """Whoever starts a run by hand gets one that records nothing."""
    unproven = Course(client, record, signers, task_queue)
    await start(client, unproven.opening, task_queue=task_queue)
    await quarantined(unproven)
    assert not await record.load(unproven.id)
    await unproven.handle.terminate()


async def test_a_run_started_with_unchecked_commands_checks_them(
    client: Client, record: Record, signers: Signers, task_queue: str, course: ProvenCourse
) -> None:
    """A run of a recorded journey, beside its own, brings a command as if it waited for its check."""
    other = ProvenCourse(client, record, signers, task_queue)
    await other.begin()
    before = await other.recorded()
    beside = await client.start_workflow(
        CareJourney.run,
        JourneyInput(journey=before, unchecked=(Unchecked(command=command(MOVE)),)),
        id=workflow_id(uuid4()),
        task_queue=task_queue,
    )
    await record.wait_for(other.id, before.version + 1, PATIENCE)
    since = [event.body for event in await load_events(record, other.id) if event.version > before.version]
    assert [type(body) for body in since] == [e.CommandRefused]
    for handle in (beside, other.handle):
        await handle.terminate()


@pytest.mark.parametrize("by", [Role.COORDINATOR, Role.CLINICIAN, Role.PATIENT])
async def test_no_activity_records_what_nobody_sent(
    course: ProvenCourse, client: Client, task_queue: str, by: Role
) -> None:
    """Events handed straight to the record, without a proof and with that of another command."""
    before = await course.recorded()
    proof = course.proven(command(MOVE)).proof
    invented = e.PatientMoved(zone="America/New_York", state="NY")
    plain = fabricated(before, invented, by=by)
    for events in (plain, [plain[0].model_copy(update={"proof": proof})]):
        sent = command(MOVE, by).model_copy(update={"proof": events[0].proof})
        refused: Any = await have_recorded(client, task_queue, batch_of(before, events, sent))
        assert refused is not None
        assert "not recorded" in refused
    assert await course.recorded() == before
