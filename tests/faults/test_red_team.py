"""Attacks on sign-offs, as an administrator of Temporal and as the superuser of the database.

Each test shows three things of an attack: it changed nothing, or verifying the record finds it; it is visible
afterwards; and everything else goes on: the worker is alive, and an honest decision counts.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType, WorkflowExecution
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.converter import ActivitySerializationContext
from temporalio.exceptions import ApplicationError

from activities.record import migrate
from activities.record.command_codec import from_kept
from activities.record.event_codec import load_events, load_journey
from activities.record.store import Record
from activities.record.verification.journeys import verify_record
from activities.signatures.keys import PrivateKey, generate, key_id_of
from activities.signatures.signer_registry import SignerEntry, enrol, publish, revoke
from deploy.local.postgres import Database
from deploy.local.stack import Stack, StackError, run_worker
from simulation.keys import COST, ENROLLED, PASSPHRASE, Signers
from simulation.people import PEOPLE
from tests.faults.attackers import (
    Office,
    anew,
    asked,
    batch_of,
    blind_worker,
    clock,
    decided,
    decision,
    fabricated,
    forged,
    found_offline,
    have_recorded,
    held,
    insert,
    lies_of,
    lying_worker,
    made_up,
    office_on,
    only_attempts,
    overwrite,
    push,
    quarantined,
    send,
    signed,
    standing,
    with_key,
    with_seal,
)
from tests.faults.helpers import PROTOCOLS, Course, at_work, command, findings, reset, support
from tests.helpers import codec_of, eventually
from tests.journey.play import for_patients
from tests.signatures.room import approval
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Licence, Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.decide import REFUSALS_KEPT
from workflows.journey.decided import DecidedCommand, events_digest
from workflows.journey.folded import JourneyState
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.signed_statement import SignatureHeader
from workflows.journey.stage import Outcome, Stage
from workflows.messages import NOT_CHECKED, Batch, JourneyInput, append_to_record
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec, data_converter

pytestmark = pytest.mark.server

FORGERIES = 100


@pytest.fixture
async def plain(stack: Stack, codec: PathwayCodec) -> Client:
    """A client of somebody who has even the keys, such as a worker that was taken over. What is sent without them is in
    `test_keys`."""
    return await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
    )


@pytest.fixture
async def course(client: Client, record: Record, signers: Signers, task_queue: str) -> AsyncIterator[Course]:
    """A journey that has begun. Whatever is done to it, it hears the next command and agrees with its record."""
    begun = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await begun.begin()
        yield begun
        await begun.send(support("invented: are you still there?"))
        await begun.checked()
        assert await found_offline(record, signers, begun.id) == set()


@pytest.fixture
async def office(stack: Stack, tmp_path: Path) -> AsyncIterator[Office]:
    """A clinic of its own, whose register a test may change."""
    async with office_on(stack, tmp_path / "own") as own:
        yield own


async def counts(plain: Client, course: Course, by: Role = Role.CLINICIAN) -> None:
    """An honest approval of the newest hold's release counts."""
    journey = await course.recorded()
    request = asked(journey)
    assert await push(plain, course.id, await signed(course, decision(journey, request, by))) is None
    assert (await course.recorded()).holds[str(request.subject)].released


async def refused_both_ways(plain: Client, course: Course, attack: c.Command, code: RefusalCode, says: str) -> None:
    """Refused as an update, which is told so, and as a signal; both attempts are in the record, and nothing else."""
    before = await course.recorded()
    told = await push(plain, course.id, anew(attack))
    assert told is not None, "it was accepted"
    await send(plain, course.id, "sign_off", anew(attack))
    for kept in await only_attempts(course, before, 2):
        assert (kept.command_kind, kept.code) == ("signoff.sign", code.value), kept
        assert says in kept.reason
    assert told.code == code
    assert says in told.reason


async def push_all(plain: Client, course: Course, attacks: Sequence[c.Command]) -> list[Refusal | None]:
    """Send them as fast as the server takes them: it lets ten updates of one journey be under way."""
    room = asyncio.Semaphore(8)

    async def attempt(attack: c.Command) -> Refusal | None:
        async with room:
            return await push(plain, course.id, attack)

    return await asyncio.gather(*(attempt(attack) for attack in attacks))


async def cannot_be_checked(plain: Client, course: Course, attack: c.Command) -> None:
    """It is not decided at all, and whoever sent it is told so, and may send it again."""
    with pytest.raises(ApplicationError, match="cannot be checked now; nothing happened") as told:
        await push(plain, course.id, attack)
    assert told.value.type == NOT_CHECKED


# 1. Forged signatures, and a worker that lives


async def test_a_forged_signature_leaves_the_worker_alive(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str, tmp_path: Path
) -> None:
    env = {**stack.worker_env, "CAREPATH_TASK_QUEUE": task_queue, "CAREPATH_LOG_FORMAT": "json"}
    course = Course(client, record, signers, task_queue)
    async with await run_worker(env, tmp_path / "worker.log") as worker:
        pid = worker.pid
        await course.begin()
        before = await held(course)
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        refusal = await push(plain, course.id, forgery)
        assert refusal is not None
        assert (refusal.code, refusal.field) == (RefusalCode.SIGNATURE, "signature")
        many = [
            forged(signers, course.id, decision(before, asked(before), by), await clock(course))
            for _ in range(FORGERIES // 2)
            for by in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR)
        ]
        told = await push_all(plain, course, many)
        assert {one.code for one in told if one is not None} == {RefusalCode.SIGNATURE}
        assert None not in told
        kept = await only_attempts(course, before, 1 + FORGERIES)
        assert {(one.command_kind, one.code) for one in kept} == {("signoff.sign", "signature")}
        await counts(plain, course)
        await course.checked()
        assert await found_offline(record, signers, course.id) == set()
        assert (worker.running, worker.pid) == (True, pid)
        logged = [json.loads(line) for line in worker.log_path.read_text().splitlines() if line.startswith("{")]
        refused = [line for line in logged if line["event"] == "signoff.refused"]
        assert {line["code"] for line in refused} == {"bad_signature"}
        assert {line["command_id"] for line in refused} == {str(one.command_id) for one in (forgery, *many)}
    assert worker.returncode == 0


# 2. Nothing but words


async def test_words_without_a_signature_decide_nothing(plain: Client, course: Course) -> None:
    before = await held(course)
    unsigned = decision(before, asked(before))
    await refused_both_ways(plain, course, unsigned, RefusalCode.SIGNATURE, "a decision")
    by_hand = anew(unsigned, signature=made_up(course.signers, Role.CLINICIAN, await clock(course)))
    await refused_both_ways(plain, course, by_hand, RefusalCode.SIGNATURE, "was not made with this key")
    stranger = made_up(course.signers, Role.CLINICIAN, await clock(course)).model_copy(update={"key_id": "f" * 32})
    await refused_both_ways(plain, course, anew(unsigned, signature=stranger), RefusalCode.SIGNATURE, "not enrolled")
    await counts(plain, course)


async def test_what_has_not_even_the_shape_of_a_signature_is_kept_for_people(plain: Client, course: Course) -> None:
    before = await held(course)
    content = decision(before, asked(before)).model_dump(mode="json", exclude_none=True)
    content["body"]["signature"] = "approved, trust me"
    await send(plain, course.id, "sign_off", content)

    async def kept() -> bool:
        return len((await course.recorded()).messages) == 1

    await eventually(kept)
    journey = await course.recorded()
    assert not journey.sign_offs
    assert [one.kind for one in journey.waiting.values()].count("unreadable_message") == 1
    await course.send(c.HandleMessage(message="message-1", text="invented: a forgery"), by=Role.OPS)
    await counts(plain, course)


# 3. Genuine signatures in the wrong place


async def test_a_signature_on_another_journey_counts_for_nothing(
    plain: Client, course: Course, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    other = Course(client, record, signers, task_queue)
    await other.begin()
    here, there = await held(course), await held(other)
    genuine = await signed(other, decision(there, asked(there)))
    copied = anew(decision(here, asked(here)), signature=genuine.body.signature)  # type: ignore[union-attr]
    for attack in (genuine, copied):
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "was not made with this key")
    assert await push(plain, other.id, genuine) is None
    await counts(plain, course)


CHANGES: dict[str, dict[str, Any]] = {
    "another decision": {"decision": "approve"},
    "a choice": {"choice": "neither"},
    "another rationale": {"rationale": "invented: no reason at all"},
    "no rationale": {"rationale": None},
    "a referral": {"referral": "invented: elsewhere"},
    "another meaning": {"meaning": "session_cleared"},
    "other evidence": {"evidence": "0" * 64},
    "no meaning there is": {"meaning": "anything_goes"},
}


async def test_a_signature_under_a_changed_decision_counts_for_nothing(plain: Client, course: Course) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before), decision="return"))
    for change in CHANGES.values():
        await refused_both_ways(
            plain, course, anew(genuine, **change), RefusalCode.SIGNATURE, "was not made with this key"
        )
    as_another = genuine.model_copy(update={"actor": PEOPLE[Role.MEDICAL_DIRECTOR]})
    await refused_both_ways(plain, course, as_another, RefusalCode.SIGNATURE, "was not made with this key")
    # Untouched it counts, for what it says.
    assert await push(plain, course.id, genuine) is None
    journey = await course.recorded()
    assert [(one.decision, one.by) for one in journey.sign_offs] == [("return", "demo-clinician")]
    assert journey.held


async def test_a_signature_on_another_request_counts_for_nothing(plain: Client, course: Course) -> None:
    await held(course)
    before = await held(course, "invented: and another one")
    first, second = asked(before, subject="hold-1"), asked(before, subject="hold-2")
    genuine = await signed(course, decision(before, first))
    for attack in (
        anew(genuine, request=second.id),
        anew(genuine, request=second.id, evidence=second.evidence),
    ):
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "was not made with this key")
    await counts(plain, course)
    assert await push(plain, course.id, genuine) is None
    assert not (await course.recorded()).held


# 4. Evidence that changed on the way


async def test_a_decision_on_evidence_that_changed_is_stale(plain: Client, course: Course) -> None:
    late_from = await held(course)
    late = await signed(course, decision(late_from, asked(late_from)))
    risk = c.RecordInstrument(
        instrument=Instrument.C_SSRS, occasion="asked", answers=dict.fromkeys(("q1", "q2", "q6"), False)
    )
    await course.send(risk, by=Role.CLINICIAN)
    changed = await course.recorded()
    assert asked(changed).evidence != asked(late_from).evidence
    await refused_both_ways(plain, course, late, RefusalCode.STALE, "superseded by newer evidence")
    moved = anew(late, request=asked(changed).id)
    await refused_both_ways(plain, course, moved, RefusalCode.SIGNATURE, "was not made with this key")
    before = await course.recorded()
    old_evidence = decision(changed, asked(changed), evidence=asked(late_from).evidence, by=Role.MEDICAL_DIRECTOR)
    told = await push(plain, course.id, await signed(course, old_evidence))
    assert told is not None
    assert (told.code, told.field) == (RefusalCode.STALE, "evidence")
    assert [one.code for one in await only_attempts(course, before, 1)] == ["stale"]
    await counts(plain, course)


# 5. Used twice


async def test_a_signature_counts_once(plain: Client, course: Course) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before), decision="return"))
    assert await push(plain, course.id, genuine) is None
    who = f"Clio Invented, MD ({PEOPLE[Role.CLINICIAN].id})"
    await refused_both_ways(plain, course, genuine, RefusalCode.ALREADY_DONE, f"{who} has decided this at")

    request = asked(before).id
    await course.send(c.WithdrawSignOff(request=request, reason="invented: read it again"), by=Role.CLINICIAN)
    withdrawn = await course.recorded()
    assert asked(withdrawn).id != request
    await refused_both_ways(plain, course, genuine, RefusalCode.ALREADY_DONE, "has decided this")
    moved = anew(genuine, request=asked(withdrawn).id, evidence=asked(withdrawn).evidence)
    await refused_both_ways(plain, course, moved, RefusalCode.SIGNATURE, "was not made with this key")
    assert isinstance(genuine.body, c.Sign)
    assert genuine.body.signature is not None
    # Even their own key makes no second decision under a nonce that was used.
    again = with_seal(course.signers, course.id, decision(withdrawn, asked(withdrawn)), genuine.body.signature.seal)
    await refused_both_ways(plain, course, again, RefusalCode.SIGNATURE, "this signature was used before")
    await counts(plain, course)


# 6. At the wrong time

MINUTE = timedelta(minutes=1)
SEALS: dict[str, tuple[timedelta, timedelta, str]] = {
    "signed eleven minutes ago": (-11 * MINUTE, 10 * MINUTE, "this signature came too late"),
    "signed in the future": (5 * MINUTE, 10 * MINUTE, "it is signed in the future"),
    "valid for a day": (-MINUTE, timedelta(days=1), "valid for too long"),
    "valid for a lifetime": (-MINUTE, timedelta(days=50_000), "valid for too long"),
    "expired before it began": (MINUTE, -2 * MINUTE, "it is signed in the future"),
    "before the key was enrolled": (
        ENROLLED - datetime.now(UTC) - timedelta(days=1),
        timedelta(days=9000),
        "before the key was",
    ),
}


async def test_a_signature_counts_only_in_its_time(plain: Client, course: Course) -> None:
    before = await held(course)
    for begins, lasts, says in SEALS.values():
        at = await clock(course) + begins
        key = course.signers.keys[PEOPLE[Role.CLINICIAN].id]
        seal = SignatureHeader(key_id=key.key_id, nonce=uuid4().hex, signed_at=at, expires_at=at + lasts)
        attack = with_seal(course.signers, course.id, decision(before, asked(before)), seal)
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, says)
    await counts(plain, course)


# 7. and 8. People who may no longer sign


async def test_a_revocation_takes_effect_at_once_and_leaves_what_was_signed_before(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    course = Course(client, record, office.signers, task_queue)
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        await held(course)
        await counts(plain, course)
        before = await held(course, "invented: another one")
        early = await signed(course, decision(before, asked(before)))
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=await clock(course), because="invented: lost", by="demo-ops"))
        late = await signed(course, decision(before, asked(before)))
        for attack in (early, late):
            await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "this key has been revoked")
        assert await found_offline(record, office.signers, course.id) == set()
        # The append proves the whole journey again: what was signed before the revocation still stands in it.
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()
        assert await found_offline(record, office.signers, course.id) == set()


async def test_a_revocation_dated_back_closes_no_journey_for_good(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    """What was signed between a revocation's date and its publication does not count, and somebody has to look. They
    then go on: with people whose keys are good, on what is recorded."""
    course = Course(client, record, office.signers, task_queue)
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        await held(course)
        noticed = await clock(course)
        await counts(plain, course)
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=noticed, because="invented: lost", by="demo-ops"))
        assert {reason for _, reason in await found_offline(record, office.signers, course.id)} >= {"revoked"}
        before = await held(course, "invented: and another one")
        release = await signed(course, decision(before, asked(before), Role.MEDICAL_DIRECTOR))
        with capture_logs() as logs:

            async def decided_on(times: int) -> bool:
                """Whether the release is recorded, or was refused this many times."""
                journey = await load_journey(record, course.id)
                released = journey is not None and all(hold.released for hold in journey.holds.values())
                return released or [line["event"] for line in logs].count("signoff.unproven") >= times

            assert await push(plain, course.id, release) is None
            await eventually(lambda: decided_on(1))
            if logs:
                await quarantined(course)
                await reset(course, task=-1)
                await eventually(lambda: decided_on(2))
        journey = await load_journey(record, course.id)
        assert journey is not None
        assert not journey.held, "nobody can ever decide anything here again"


async def test_an_expired_licence_signs_nothing(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office, tmp_path: Path
) -> None:
    course = Course(client, record, office.signers, task_queue)
    clinician = PEOPLE[Role.CLINICIAN]
    assert clinician.name is not None
    assert clinician.licence is not None
    over = clinician.licence.model_copy(update={"expires": (datetime.now(UTC) - timedelta(days=2)).date()})
    key = generate(tmp_path / "renewed.key", clinician.id, PASSPHRASE, cost=COST)
    now = datetime.now(UTC) - MINUTE
    renewed = SignerEntry(
        person=clinician.id,
        role=clinician.role,
        printed_name=clinician.name,
        licence=over,
        key_id=key.key_id,
        public_key=key.public_key.hex(),
        enrolled_at=now,
        enrolled_by=("demo-ops", "demo-coordinator"),
    )
    office.publish(enrol(office.register, renewed))
    signers = replace(office.signers, keys={**office.signers.keys, clinician.id: key})
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        unsigned = decision(before, asked(before))
        for licence, says in ((over, "the licence has expired"), (clinician.licence, "enrolled with another licence")):
            actor = clinician.model_copy(update={"licence": licence})
            attack = signers.signed(course.id, unsigned.model_copy(update={"actor": actor}), await clock(course))
            await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, says)
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()


async def test_a_licence_for_other_states_signs_nothing_here(plain: Client, course: Course) -> None:
    await course.send(c.Move(zone="America/Los_Angeles", state="WA"))
    before = await held(course)
    attack = await signed(course, decision(before, asked(before)), "WA")
    await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "does not cover the state the patient is in")
    clinician = PEOPLE[Role.CLINICIAN]
    wider = clinician.model_copy(update={"licence": Licence(number="1", states=("WA",), expires=date(2099, 12, 31))})
    widened = await signed(course, decision(before, asked(before)).model_copy(update={"actor": wider}), "WA")
    await refused_both_ways(plain, course, widened, RefusalCode.SIGNATURE, "enrolled with another licence")
    await course.send(c.Move(zone="America/Los_Angeles", state="CA"))
    await counts(plain, course)


# 9. The register in other hands


def edited(office: Office) -> bytes:
    """The register with an attacker's public key in the clinician's place, under the organisation's old signature."""
    file = json.loads(office.path.read_bytes())
    own = stranger()
    entry = next(one for one in file["register"]["entries"] if one["person"] == PEOPLE[Role.CLINICIAN].id)
    entry |= {"key_id": own.key_id, "public_key": own.public_key.hex()}
    return json.dumps(file).encode()


def signed_by_another(office: Office) -> bytes:
    """The same, whole and consistent, signed with another organisation's key."""
    return publish(office.register, stranger())


STRANGER: list[PrivateKey] = []


def stranger() -> PrivateKey:
    """The key pair of whoever attacks."""
    if not STRANGER:
        key = Ed25519PrivateKey.generate()
        STRANGER.append(PrivateKey("demo-clinician", key_id_of(key.public_key().public_bytes_raw()), key))
    return STRANGER[0]


SWAPPED: dict[str, Callable[[Office], bytes]] = {
    "a key in another's place": edited,
    "signed by another organisation": signed_by_another,
    "nothing at all": lambda _: b"",
    "another register": lambda _: b'{"register": {}, "signature": ""}',
}


@pytest.mark.parametrize("what", SWAPPED)
async def test_with_a_register_in_other_hands_nobody_signs_and_all_else_goes_on(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office, what: str
) -> None:
    course = Course(client, record, office.signers, task_queue)
    genuine_file = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        office.put(SWAPPED[what](office))
        with capture_logs() as logs:
            for by in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR):
                await cannot_be_checked(plain, course, await signed(course, decision(before, asked(before), by)))
            own = with_key(course.id, decision(before, asked(before)), stranger(), await clock(course))
            await cannot_be_checked(plain, course, own)
        assert [line["event"] for line in logs].count("register.unreadable") == 3
        assert await course.recorded() == before
        await course.send(c.PlaceHold(reason="invented: holds need no register"), by=Role.PATIENT)
        await course.send(support("invented: nor do questions"))
        assert len((await course.recorded()).holds) == 2
        office.put(genuine_file)
        await refused_both_ways(plain, course, own, RefusalCode.SIGNATURE, "this key is not enrolled")
        await counts(plain, course)
        await course.checked()


async def test_a_signal_waits_for_the_register_and_holds_up_nothing(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    """While a signed signal cannot be judged, holds and calls for help get through in no more time than always."""
    course = Course(client, record, office.signers, task_queue)
    genuine_file = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        genuine = await signed(course, decision(before, asked(before)))
        office.put(b"")
        await send(plain, course.id, "sign_off", genuine)
        began = monotonic()
        placed = await course.send(c.PlaceHold(reason="invented: dizzy, and afraid"), by=Role.PATIENT)
        await record.wait_for(course.id, placed.version, timedelta(seconds=30))
        took = monotonic() - began
        office.put(genuine_file)

        async def counted() -> bool:
            return bool((await course.recorded()).sign_offs)

        await eventually(counted)
        assert took < 2, f"a hold took {took:.1f} s to be recorded"


async def test_an_older_register_is_refused_by_who_has_seen_a_newer(
    client: Client, plain: Client, record: Record, task_queue: str, office: Office
) -> None:
    course = Course(client, record, office.signers, task_queue)
    older = office.path.read_bytes()
    async with at_work(client, record, office.signers, task_queue):
        await course.begin()
        before = await held(course)
        key_id = office.signers.keys[PEOPLE[Role.CLINICIAN].id].key_id
        office.publish(revoke(office.register, key_id, at=await clock(course), because="invented: lost", by="demo-ops"))
        newer = office.path.read_bytes()
        attack = await signed(course, decision(before, asked(before)))
        await refused_both_ways(plain, course, attack, RefusalCode.SIGNATURE, "this key has been revoked")
        office.put(older)
        before = await course.recorded()
        with capture_logs() as logs:
            await cannot_be_checked(plain, course, anew(attack))
        assert [line["event"] for line in logs] == ["register.unreadable"]
        assert await course.recorded() == before
        office.put(newer)
        await counts(plain, course, Role.MEDICAL_DIRECTOR)
        await course.checked()


# 10. Workers that are not ours


async def test_an_approval_a_blind_worker_let_pass_is_not_recorded(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """The real code, which checks no signature, takes a forgery in; replayed by an honest worker it is accepted too."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
    async with blind_worker(client, task_queue):
        assert await push(plain, course.id, forgery) is None, "it lets everything pass"
    with capture_logs() as logs:
        async with at_work(client, record, signers, task_queue, max_cached=0):
            await quarantined(course)
            assert await course.rows() == rows
            told = await push(plain, course.id, command(support()))
            assert told is not None
            assert "quarantined" in told.reason
            # Ops have it go on from its record; the forgery is judged again, and kept as what it is.
            await reset(course, task=-1)
            journey = await eventually(lambda: _refused(course, before.version))
            assert standing(journey) == standing(before)
            await counts(plain, course)
            assert (await course.rows())[: len(rows)] == rows
            assert await found_offline(record, signers, course.id) == set()
    assert {"event": "signoff.unproven", "journey_id": str(course.id), "log_level": "error"} in logs


async def _refused(course: Course, since: int) -> Journey | None:
    journey = await course.recorded()
    kept = [event.body for event in await load_events(course.record, course.id) if event.version > since]
    return journey if [body.kind for body in kept] == ["command.refused"] else None


async def test_a_workflow_task_completed_by_hand_with_an_approval_records_nothing(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
    batch = batch_of(before, decided(before, forgery, datetime.now(UTC)), forgery)
    await complete_by_hand(plain, course, batch)
    with capture_logs() as logs:
        async with at_work(client, record, signers, task_queue, max_cached=0):

            async def refused() -> bool:
                return any(line["event"] == "signoff.unproven" for line in logs)

            await eventually(refused)
            assert await course.rows() == rows
            # No honest worker goes on from a history it did not write: the task fails for everybody to see.
            await eventually(lambda: _stuck(plain, course))
            await reset(course, task=-2)
            told = await course.send(support("invented: after the reset"))
            assert told.refusal is None
            await counts(plain, course)
            assert (await course.rows())[: len(rows)] == rows
            assert await found_offline(record, signers, course.id) == set()


async def complete_by_hand(plain: Client, course: Course, batch: Batch) -> None:
    """Take the journey's next workflow task, and answer it with an append of this batch."""
    await send(plain, course.id, "command", command(support("invented: wake up")))
    queue = TaskQueue(name=course.task_queue)
    task = await plain.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=plain.namespace, task_queue=queue, identity="rogue")
    )
    assert task.workflow_execution.workflow_id == workflow_id(course.id)
    append = ScheduleActivityTaskCommandAttributes(
        activity_id="rogue", activity_type=ActivityType(name=append_to_record.__name__), task_queue=queue
    )
    # Even whoever has the keys, as a worker does that somebody has taken over.
    context = ActivitySerializationContext(
        namespace=plain.namespace,
        activity_id="rogue",
        activity_type=append_to_record.__name__,
        activity_task_queue=course.task_queue,
        workflow_id=workflow_id(course.id),
        workflow_type="CareJourney",
        is_local=False,
    )
    converter = data_converter(codec_of(course.client)).with_context(context)
    append.input.payloads.extend(await converter.encode([batch]))
    append.start_to_close_timeout.FromSeconds(15)
    append.schedule_to_close_timeout.FromSeconds(60)
    scheduled = Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK, schedule_activity_task_command_attributes=append
    )
    await plain.workflow_service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=plain.namespace, task_token=task.task_token, commands=[scheduled], identity="rogue"
        )
    )


async def _stuck(plain: Client, course: Course) -> bool:
    """Whether Temporal shows a workflow task that fails again and again."""
    described = await plain.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=plain.namespace, execution=WorkflowExecution(workflow_id=workflow_id(course.id))
        )
    )
    return described.pending_workflow_task.attempt > 1


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


# 11. Behind the record's back


async def test_a_row_written_by_the_superuser_is_found_and_nothing_rests_on_it(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        before = await held(course)
        forgery = forged(signers, course.id, decision(before, asked(before)), await clock(course))
        [position, *_] = await insert(stack, record, decided(before, forgery, await clock(course)))
        # Its chains are whole, and the journey in the record says that the hold is released ...
        assert await findings(stack) == ()
        written = await load_journey(record, course.id)
        assert written is not None
        assert not written.held
        # ... and whoever verifies it is told of the row.
        assert (position, "bad_signature") in await found_offline(record, signers, course.id)
        underived = (await verify_record(record, derive=True, journey_id=course.id)).findings
        assert (position, "no_command") in [(found.position, found.reason) for found in underived]
        assert {at for at, _ in await found_offline(record, signers, course.id)} <= {position, position + 1}
        rows = await course.rows()
        # The journey itself never heard of it, and goes no further.
        assert (await course.status()).version == before.version
        assert await push(plain, course.id, command(support())) is None
        await quarantined(course)
        # Not even when ops, who did not look, have it go on from its record.
        await reset(course, task=-1)
        await eventually(lambda: _knows_of(course, "support.requested"))
        await course.send(c.PlaceHold(reason="invented: something is wrong here"))
        again = await course.recorded()
        release = await signed(course, decision(again, asked(again)))
        with capture_logs() as logs:
            assert await push(plain, course.id, release) is None
            await quarantined(course)
        assert [line["event"] for line in logs].count("signoff.unproven") == 1
        assert [row for row in await course.rows() if row in rows] == rows
        kept = await load_journey(record, course.id)
        assert kept is not None
        assert kept.held
        # Others are not touched by it.
        other = Course(client, record, signers, task_queue)
        await other.begin()
        await held(other)
        await counts(plain, other)


async def test_a_signed_row_changed_by_the_superuser_is_found_by_both_checks(
    stack: Stack, client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await held(course)
        await counts(plain, course)
        [row] = [stored for stored in await record.load(course.id) if stored.event_type == "signoff.signed"]
        changed = row.payload.replace(b"weighed case by case", b"not weighed at all. ")
        assert changed != row.payload
        # Whoever has no keys of the record leaves what nobody can read, and nothing rests on that.
        await overwrite(stack, row.position, changed)
        unread = {(row.position, "unreadable"), (row.position + 1, "released_unsigned")}
        assert await found_offline(record, signers, course.id) == unread
        await overwrite(stack, row.position, await record.seal(course.id, row.event_id, changed))
        assert {(found.reason, found.position) for found in await findings(stack)} == {("content", row.position)}
        assert await found_offline(record, signers, course.id) == {(row.position, "bad_signature")}
        # Who proved it before it was changed goes on from what was signed, and not from this.
        before = await held(course, "invented: and another one")
    async with at_work(client, record, signers, task_queue):
        try:
            # Who did not proves the next decision from the record, and it does not stand on this.
            with capture_logs() as logs:
                again = await signed(course, decision(before, asked(before)))
                assert await push(plain, course.id, again) is None
                await quarantined(course)
            assert [line["event"] for line in logs].count("signoff.unproven") == 1
        finally:
            await overwrite(stack, row.position, await record.seal(course.id, row.event_id, row.payload))
        await reset(course, task=-1)

        async def recovered() -> bool:
            return (await course.status()).health != "diverged" and not (await course.recorded()).held

        await eventually(recovered)


async def _knows_of(course: Course, kind: str) -> bool:
    return any(event.body.kind == kind for event in await load_events(course.record, course.id))


# 12. A session


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


# 13. Journeys that may not begin

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


async def test_a_worker_for_patients_begins_on_no_unprotected_temporal(stack: Stack, tmp_path: Path) -> None:
    env = {**stack.worker_env, "CAREPATH_DEMONSTRATION": "false"}
    with pytest.raises(StackError):
        await run_worker(env, tmp_path / "worker.log")
    told = (tmp_path / "worker.log").read_text()
    assert "TEMPORAL_TLS" in told
    assert "authorizer" in told


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


async def test_a_worker_that_only_says_it_recorded_is_found_out(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before, rows = await course.recorded(), await course.rows()
    async with lying_worker(client, task_queue):
        await course.send(c.PlaceHold(reason="invented: never recorded"))

        async def believed() -> bool:
            now = await course.status()
            return now.recorded == now.version > before.version

        await eventually(believed)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        assert await course.rows() == rows
        assert await push(client, course.id, command(support())) is None
        await quarantined(course)
        assert await course.rows() == rows


@pytest.mark.parametrize("invented", ["a history elsewhere", "a state of the journey"])
async def test_nothing_is_recorded_of_what_a_worker_made_up(
    client: Client, record: Record, signers: Signers, task_queue: str, invented: str
) -> None:
    """It has the keys, and answers for the record. Its runs go on from what it says; what they decide then is decided
    again where it is recorded."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    if invented == "a history elsewhere":
        lies = lies_of(Elsewhere(unreadable=True), None)
    else:
        forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
        released = fold(decided(before, forgery, datetime.now(UTC)), before)
        lies = lies_of(None, JourneyState(journey=released, receipts={}))
    async with lying_worker(client, task_queue, *lies):
        await course.handle.signal("command", command(support("invented: the worker that takes this lies")))

        async def believed() -> bool:
            journey = await course.status()
            return journey.version > before.version + 1

        await eventually(believed)
    async with at_work(client, record, signers, task_queue, max_cached=0):

        async def settled() -> bool:
            now = await course.status()
            return now.health == "diverged" or now.version == now.recorded

        await eventually(settled)
        if (await course.status()).health == "diverged":
            assert await course.rows() == rows
            await reset(course, task=-1)
        await counts(client, course)
        assert (await course.rows())[: len(rows)] == rows
        journey = await course.recorded()
        assert journey.elsewhere == before.elsewhere
        assert [signed.by for signed in journey.sign_offs] == ["demo-clinician"]
        assert (await verify_record(record, derive=True, journey_id=course.id)).findings == ()
        assert await found_offline(record, signers, course.id) == set()


# 14. Attempts that never were


async def test_forgeries_are_kept_up_to_a_bound(plain: Client, course: Course) -> None:
    """Nobody fills the record by trying, nor keeps a genuine decision from counting."""
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    at = await clock(course)
    forgeries = [forged(course.signers, course.id, decision(before, asked(before)), at) for _ in range(REFUSALS_KEPT)]
    assert None not in await push_all(plain, course, forgeries)
    await only_attempts(course, before, REFUSALS_KEPT)
    # One after them finds no room in the record, and is refused and logged all the same.
    with capture_logs() as logs:
        assert await push(plain, course.id, anew(forgeries[0])) is not None
    assert [line["event"] for line in logs] == ["signoff.refused"]
    after = await course.recorded()
    assert after.refusals == REFUSALS_KEPT
    [told] = after.messages.values()
    assert told.content.startswith("1 more messages")
    assert after.holds["hold-2"].source == told.id
    assert await push(plain, course.id, genuine) is None
    assert (await course.recorded()).holds["hold-1"].released


async def test_nobody_can_have_a_genuine_decision_refused_ahead_of_it(plain: Client, course: Course) -> None:
    """Somebody who carries it says that it, or a forgery under its id and nonce, was refused: that is only words."""
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    forgery = genuine.model_copy(update={"body": genuine.body.model_copy(update={"rationale": "invented: forged"})})
    says = {"code": RefusalCode.SIGNATURE, "reason": "invented: never happened", "remedy": "none"}
    for claimed in (forgery, genuine):
        await send(plain, course.id, "refused", {"command": claimed.model_dump(mode="json"), "refusal": says})

    async def kept() -> bool:
        return len((await course.recorded()).messages) == 2

    await eventually(kept)
    await send(plain, course.id, "sign_off", forgery)
    await eventually(lambda: _attempts(course, 1))
    told = await push(plain, course.id, genuine)
    assert told is None, str(told)


async def _attempts(course: Course, count: int) -> bool:
    return (await course.recorded()).refusals >= count


async def test_a_forgery_in_the_name_of_the_clock_does_not_use_up_a_genuine_decision(
    plain: Client, course: Course
) -> None:
    before = await held(course)
    genuine = await signed(course, decision(before, asked(before)))
    actor = genuine.actor.model_copy(update={"role": Role.SYSTEM})
    await send(plain, course.id, "sign_off", genuine.model_copy(update={"actor": actor}))
    await only_attempts(course, before, 1)
    told = await push(plain, course.id, genuine)
    assert told is None, str(told)


# Sign-offs that are well, and must be found so


async def test_what_two_people_and_a_delegate_signed_is_found_well(
    plain: Client, course: Course, record: Record, signers: Signers
) -> None:
    """A severe hold is released by two; another one by who was lent the right to. Nothing is wrong with either."""
    report = c.ReportAdverseEvent(
        what="invented: fainted", grade=3, serious=False, onset=datetime.now(UTC), causality="unlikely"
    )
    await course.send(report, by=Role.PATIENT)
    await course.play(lambda journey: bool(journey.holds) and not journey.held)
    journey = await course.recorded()
    assert len([one for one in journey.sign_offs if one.kind == SignOffKind.SEVERE_HOLD_RELEASE]) == 2
    assert await found_offline(record, signers, course.id) == set()
    lent = c.Delegate(
        to=PEOPLE[Role.ON_CALL_CLINICIAN].id,
        sign_offs=(SignOffKind.HOLD_RELEASE,),
        until=await clock(course) + timedelta(days=1),
        reason="invented: on leave",
    )
    await course.submit(await signed(course, command(lent, Role.CLINICIAN)))
    await held(course)
    await counts(plain, course, Role.ON_CALL_CLINICIAN)
