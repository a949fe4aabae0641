"""Appends by whoever has raw access to Temporal: what does not follow from what people signed is not recorded."""

from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.record.command_codec import from_kept
from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.signatures.register_changes import revoke
from simulation.keys import Signers
from simulation.people import PEOPLE
from tests.faults.attackers import (
    Office,
    anew,
    asked,
    batch_of,
    clock,
    decided,
    decision,
    fabricated,
    forged,
    found_offline,
    have_recorded,
    held,
    made_up,
    only_attempts,
    push,
    send,
    signed,
    with_seal,
)
from tests.faults.helpers import Course, at_work, command
from tests.faults.red_team.checks import MINUTE, counts
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.decided import Batch, DecidedCommand, events_digest
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.signed_statement import SignatureHeader
from workflows.journey.vocabulary.stage import Outcome, Stage

pytestmark = pytest.mark.server


async def test_no_workflow_can_have_an_approval_recorded(
    client: Client, plain: Client, course: Course, record: Record
) -> None:
    """An append scheduled from anywhere is proven as ours are."""
    before = await held(course)
    rows = await course.rows()
    at = await clock(course)
    genuine = await signed(course, decision(before, asked(before), decision="return"))
    forgery = forged(course.signers, course.id, decision(before, asked(before)), at)
    changed = anew(genuine, decision="approve")
    approval_events = decided(before, forgery, at)
    attacks = {
        "signed with another key": (approval_events, forgery, "bad_signature"),
        "a genuine signature under another decision": (decided(before, changed, at), changed, "bad_signature"),
        "without what was signed": (approval_events[1:], forgery, "does not follow from its command"),
        "a release from nothing": (
            fabricated(before, e.HoldReleased(hold="hold-1", sign_off=asked(before).id)),
            None,
            "does not follow from its command",
        ),
        "a session that was never planned": (
            fabricated(before, e.SessionReleased(session=1, clearance="clearance:1", dose_mg=100)),
            None,
            "does not follow from its command",
        ),
    }
    for events, behind, says in attacks.values():
        events = [event.model_copy(update={"version": before.version + 1 + n}) for n, event in enumerate(events)]
        with capture_logs() as logs:
            refused = await have_recorded(client, course.task_queue, batch_of(before, events, behind))
        assert refused is not None
        assert says in refused
        assert [line["event"] for line in logs].count("signoff.unproven") == 1
        assert await course.rows() == rows
    await counts(plain, course)


async def test_a_refused_decision_is_recorded_by_nobody(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Signed by who it names, and refused, because it does not say why: it is spent, also for other workers."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        genuine = await signed(course, decision(before, asked(before), rationale=None))
        told = await push(plain, course.id, genuine)
        assert told is not None
        assert (told.code, told.field) == (RefusalCode.INCOMPLETE, "rationale")
        after, rows = await course.recorded(), await course.rows()
        assert isinstance(genuine.body, c.Sign)
        clinician = genuine.actor
        body = {
            **genuine.body.model_dump(exclude={"kind"}),
            "sign_off": SignOffKind.HOLD_RELEASE,
            "subject": "hold-1",
            "name": clinician.name,
            "licence": clinician.licence,
            "scope": after.scope,
        }
        refused = await have_recorded(
            client, course.task_queue, batch_of(after, fabricated(after, e.SignedOff.model_validate(body)))
        )
        assert await course.rows() == rows
        assert refused is not None


async def test_a_decision_that_came_too_late_is_not_recorded_as_if_it_had_not(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Kept back by whoever carried it, and recorded days later under the time at which it would have counted."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        then = await clock(course) - timedelta(days=2)
        key = signers.keys[PEOPLE[Role.CLINICIAN].id]
        seal = SignatureHeader(key_id=key.key_id, nonce=uuid4().hex, signed_at=then, expires_at=then + 10 * MINUTE)
        late = with_seal(signers, course.id, decision(before, asked(before)), seal)
        events = decided(before, late, then + MINUTE)
        refused = await have_recorded(client, task_queue, batch_of(before, events, late))
        assert refused is not None or await found_offline(record, signers, course.id)


async def test_a_stolen_key_dated_back_to_before_its_revocation_is_found(
    client: Client, record: Record, task_queue: str, office: Office
) -> None:
    course = Course(client, record, office.signers, task_queue)
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        then = await clock(course)
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        stolen = office.signers.signed(course.id, decision(before, asked(before)), then)
        revoked_at = then + timedelta(milliseconds=1)
        office.publish(revoke(office.register, key_id, at=revoked_at, because="invented: stolen", by="demo-ops"))
        refused = await have_recorded(client, task_queue, batch_of(before, decided(before, stolen, then), stolen))
        reasons = {reason for _, reason in await found_offline(record, office.signers, course.id)}
        assert refused is not None or reasons == {"recorded_after_revocation"}


async def test_nobody_lends_themselves_a_colleagues_right(
    client: Client, plain: Client, course: Course, record: Record
) -> None:
    """One enrolled clinician with raw access: their own key, and a delegation in the name of who has the right."""
    before = await held(course)
    at = await clock(course)
    lent = c.Delegate(
        to=PEOPLE[Role.ON_CALL_CLINICIAN].id,
        sign_offs=(SignOffKind.HOLD_RELEASE,),
        until=at + timedelta(days=1),
        reason="invented: never said",
    )
    unsigned = command(lent, Role.CLINICIAN)
    to_another = await signed(course, command(lent.model_copy(update={"to": "demo-clinician-2"}), Role.CLINICIAN))
    attacks = (
        unsigned,
        forged(course.signers, course.id, unsigned, at),
        anew(unsigned, signature=made_up(course.signers, Role.CLINICIAN, at)),
        anew(to_another, to=lent.to),
        course.signers.signed(uuid4(), unsigned, at),
    )
    for attack in attacks:
        told = await push(plain, course.id, anew(attack))
        assert told is not None
        assert told.code == RefusalCode.SIGNATURE
        await send(plain, course.id, "command", anew(attack))
    await only_attempts(course, before, 2 * len(attacks))
    rows = await course.rows()
    now = await course.recorded()
    events = decided(now, attacks[1], await clock(course))
    refused = await have_recorded(client, course.task_queue, batch_of(now, events, attacks[1]))
    assert refused is not None
    assert "bad_signature" in refused
    assert await course.rows() == rows
    mine = await signed(course, decision(before, asked(before), Role.ON_CALL_CLINICIAN))
    told = await push(plain, course.id, mine)
    assert told is not None
    assert told.code == RefusalCode.NOT_ALLOWED
    assert not (await course.recorded()).delegations


async def test_a_journey_is_not_copied_with_its_signatures(
    client: Client, plain: Client, course: Course, record: Record
) -> None:
    """All of it is genuine, and about another patient: as the history of a new journey it must not be recorded."""
    await held(course)
    await counts(plain, course)
    copied, source = uuid4(), await load_events(record, course.id)
    opening = source[0].body
    assert isinstance(opening, e.PathwayStarted)
    commands = []
    for stored in await record.commands(course.id):
        read = from_kept(stored.payload, opening if stored.version == 1 else None)
        events = source[stored.version - 1 : stored.version - 1 + stored.events]
        commands.append(DecidedCommand(decided=read.decided, events=len(events), digest=events_digest(events)))
    batch = Batch(journey_id=copied, expected_version=0, commands=tuple(commands))
    refused = await have_recorded(client, course.task_queue, batch)
    assert await record.head(copied) is None
    assert refused is not None


UNSIGNED_EFFECTS: dict[str, tuple[e.EventBody, ...]] = {
    "care goes on to sessions": (e.StageEntered(stage=Stage.SESSIONS),),
    "treatment is over, and nobody signed the discharge": (
        e.PathwayEnding(outcome=Outcome.COMPLETED, reason="invented"),
        e.PathwayClosed(outcome=Outcome.COMPLETED),
    ),
    "the setting is decided, and nobody signed it": (
        e.PathwayEnding(outcome=Outcome.IN_CLINIC, reason="invented", referral="invented: elsewhere"),
    ),
}


@pytest.mark.parametrize("what", UNSIGNED_EFFECTS)
async def test_what_takes_a_signature_is_not_recorded_without_it(
    client: Client, record: Record, signers: Signers, task_queue: str, what: str
) -> None:
    """What only a signed decision brings about is as good as one to whoever reads the record."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before, rows = await course.recorded(), await course.rows()
        bodies = UNSIGNED_EFFECTS[what]
        batch = batch_of(before, fabricated(before, *bodies))
        refused = await have_recorded(client, task_queue, batch)
        assert await course.rows() == rows
        assert refused is not None


# A session


@pytest.mark.faults
async def test_a_session_is_released_by_nobody_but_who_may(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Everything is as it should be but the clearance, which is only claimed."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await course.play(lambda journey: _wants(journey, SignOffKind.CLEARANCE))
        before, rows = await course.recorded(), await course.rows()
        at, clearance = await clock(course), asked(before, SignOffKind.CLEARANCE)
        release = fabricated(
            before, e.SessionReleased(session=1, clearance=clearance.id, dose_mg=100), by=Role.SESSION_MONITOR
        )
        release = [event.model_copy(update={"at": at}) for event in release]
        forgery = forged(signers, course.id, decision(before, clearance), at)
        cleared = decided(before, forgery, at)
        last = release[0].model_copy(update={"version": before.version + len(cleared) + 1})
        attacks = ((release, None, "does not follow"), ([*cleared, last], forgery, "does not follow"))
        for events, behind, says in (*attacks, (cleared, forgery, "bad_signature")):
            refused = await have_recorded(client, task_queue, batch_of(before, events, behind))
            assert refused is not None
            assert says in refused
            assert await course.rows() == rows
        # The same, without the fabrication, counts.
        journey = await course.play(lambda journey: journey.sessions[1].released_at is not None)
        assert journey.sessions[1].clearance == clearance.id
        await course.checked()
        assert await found_offline(record, signers, course.id) == set()


def _wants(journey: Journey, kind: SignOffKind) -> bool:
    return any(waiting.sign_off == kind for waiting in journey.waiting.values())
