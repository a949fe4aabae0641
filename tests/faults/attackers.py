"""What somebody can do with raw access to Temporal, or as the database's superuser, and what is left of it.

They have a plain client without our code, every word of the protocol between its parts, genuine commands to copy
from, and workers of their own. They do not have a clinician's private key, nor the organisation's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.record.command_codec import decided_by
from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.record.verification import sign_offs as offline
from activities.record.verification.record import verify_record
from activities.signatures.keys import PrivateKey, sign, unlock
from activities.signatures.register_file import RegisterFile, publish
from activities.signatures.signer_registry import Register
from deploy.local.stack import Stack
from simulation.keys import PASSPHRASE, Signers, invent
from simulation.people import HOME, PEOPLE, scope_of
from simulation.player import SkippedTime
from tests.faults.helpers import PATIENCE, Course, command
from tests.helpers import eventually
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.decide import decide
from workflows.journey.decided import Batch, Decided, DecidedCommand, events_digest
from workflows.journey.folded import JourneyState
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.signed_statement import Signature, SignatureHeader
from workflows.messages import (
    TRY_AGAIN,
    Recorded,
    RecordedState,
    SignatureCheck,
    SignatureResult,
    StateDigest,
    append_to_record,
    catch_up_with_record,
    verify_signature,
)

HEALTH = SearchAttributeKey.for_keyword("JourneyHealth")


# Honest people


async def held(course: Course, reason: str = "invented: a hold, for somebody to decide on") -> Journey:
    """Place a hold, so that its release waits for a signature."""
    await course.send(c.PlaceHold(reason=reason))
    return await course.recorded()


def asked(journey: Journey, kind: SignOffKind = SignOffKind.HOLD_RELEASE, subject: str | None = None) -> Obligation:
    """The newest open request for this kind of sign-off."""
    fitting = [one for one in journey.waiting.values() if one.sign_off == kind and subject in (None, one.subject)]
    return fitting[-1]


def decision(journey: Journey, request: Obligation, by: Role = Role.CLINICIAN, **changed: Any) -> c.Command:
    """Their approval of a request as it now is, not signed yet, with some fields changed."""
    assert request.sign_off is not None
    body = {
        "request": request.id,
        "decision": "approve",
        "meaning": journey.protocol.sign_offs[request.sign_off].meaning,
        "evidence": request.evidence,
        "rationale": "invented: weighed case by case",
        **changed,
    }
    return command(c.Sign.model_validate(body), by)


async def clock(course: Course) -> datetime:
    """The time the journey lives in."""
    return await SkippedTime(TimeSkipper(course.client), course.handle).now()


async def signed(course: Course, unsigned: c.Command, state: str = HOME) -> c.Command:
    """The decision with the genuine signature of whoever makes it, made now, for a patient who lives in this state."""
    return course.signers.signed(course.id, unsigned, await clock(course), scope_of(course.id, state))


# With a private key of their own, or a copied signature


def anew(sent: c.Command, **changed: Any) -> c.Command:
    """The same content under another command id, with some fields of its body changed."""
    return sent.model_copy(update={"command_id": uuid4(), "body": sent.body.model_copy(update=changed)})


def with_seal(signers: Signers, journey_id: UUID, unsigned: c.Command, seal: SignatureHeader) -> c.Command:
    """The decision signed with its signer's own key under this very seal."""
    assert isinstance(unsigned.body, c.SIGNED)
    key = signers.keys[unsigned.actor.id]
    return anew(
        unsigned, signature=sign(key, of_command(journey_id, scope_of(journey_id), unsigned.body, unsigned.actor, seal))
    )


def forged(signers: Signers, journey_id: UUID, unsigned: c.Command, at: datetime) -> c.Command:
    """The decision signed in somebody's name, under the id of their key, with another private key."""
    assert isinstance(unsigned.body, c.SIGNED)
    theirs = signers.keys[unsigned.actor.id]
    own = PrivateKey(theirs.person, theirs.key_id, Ed25519PrivateKey.generate())
    seal = SignatureHeader(key_id=own.key_id, nonce=uuid4().hex, signed_at=at, expires_at=at + timedelta(minutes=10))
    return anew(
        unsigned, signature=sign(own, of_command(journey_id, scope_of(journey_id), unsigned.body, unsigned.actor, seal))
    )


def with_key(journey_id: UUID, unsigned: c.Command, key: PrivateKey, at: datetime) -> c.Command:
    """The decision signed with a key of somebody's own, under its own id."""
    assert isinstance(unsigned.body, c.SIGNED)
    seal = SignatureHeader(key_id=key.key_id, nonce=uuid4().hex, signed_at=at, expires_at=at + timedelta(minutes=10))
    return anew(
        unsigned, signature=sign(key, of_command(journey_id, scope_of(journey_id), unsigned.body, unsigned.actor, seal))
    )


def made_up(signers: Signers, by: Role, at: datetime) -> Signature:
    """A signature that names a genuine key, and has any bytes."""
    key = signers.keys[PEOPLE[by].id]
    return Signature(
        key_id=key.key_id, nonce=uuid4().hex, signed_at=at, expires_at=at + timedelta(minutes=10), value="5a" * 64
    )


# With raw access to Temporal


async def push(plain: Client, journey_id: UUID, sent: c.Command) -> Refusal | None:
    """Send an update by hand, again while the journey is busy; the refusal, or None when it was accepted.

    Raises:
        ApplicationError: it was not decided at all.
    """
    handle = plain.get_workflow_handle(workflow_id(journey_id))
    while True:
        try:
            receipt = await handle.execute_update("submit", sent.model_dump(mode="json", exclude_none=True))
        except WorkflowUpdateFailedError as failed:
            told = _told(failed)
            if told.type != TRY_AGAIN:
                if not told.details or not isinstance(told.details[0], dict):
                    raise told from None
                return Refusal.model_validate(told.details[0])
            await asyncio.sleep(0.02)
        else:
            refusal = receipt.get("refusal")
            return None if refusal is None else Refusal.model_validate(refusal)


async def send(plain: Client, journey_id: UUID, name: str, content: Any) -> None:
    """Send a signal by hand."""
    handle = plain.get_workflow_handle(workflow_id(journey_id))
    await handle.signal(
        name, content.model_dump(mode="json", exclude_none=True) if isinstance(content, BaseModel) else content
    )


@activity.defn(name=verify_signature.__name__)
async def let_pass(presented: SignatureCheck) -> SignatureResult:
    """Let every signature pass."""
    return SignatureResult()


@asynccontextmanager
async def blind_worker(client: Client, task_queue: str) -> AsyncIterator[None]:
    """The real workflow code in the attacker's hands: it checks no signature. It has no access to the record."""
    async with Worker(client, task_queue=task_queue, workflows=[CareJourney], activities=[let_pass]):
        yield


@activity.defn(name=append_to_record.__name__)
async def lie(batch: Batch) -> Recorded:
    """Say that a batch is recorded."""
    return Recorded(version=batch.last_version, position=0)


@asynccontextmanager
async def lying_worker(client: Client, task_queue: str, *lies: Callable[..., Awaitable[Any]]) -> AsyncIterator[None]:
    """The real workflow code, and a record that is none: it says that everything is recorded, unless it tells other
    lies."""
    async with Worker(client, task_queue=task_queue, workflows=[CareJourney], activities=list(lies or (lie,))):
        yield


def lies_of(elsewhere: Elsewhere | None, state: JourneyState | None) -> list[Callable[..., Awaitable[Any]]]:
    """What a record that is none answers: that nothing was recorded since more is known of the patient, or since the
    journey is another one."""

    @activity.defn(name=append_to_record.__name__)
    async def undo(batch: Batch) -> Recorded:
        return Recorded(version=batch.expected_version, position=1, elsewhere=elsewhere)

    @activity.defn(name=catch_up_with_record.__name__)
    async def hand_out(_: StateDigest) -> RecordedState:
        return RecordedState(state=state, run_id=activity.info().workflow_run_id or "")

    return [undo, hand_out, let_pass]


@workflow.defn(name="Rogue")
class Rogue:
    """Any workflow can have activities run on any task queue, those of honest workers among them."""

    @workflow.run
    async def run(self, task_queue: str, batch: Batch) -> Recorded:
        recorded = await workflow.execute_activity(
            append_to_record,
            batch,
            activity_id="rogue",
            task_queue=task_queue,
            start_to_close_timeout=timedelta(seconds=15),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        assert isinstance(recorded, Recorded)
        return recorded


async def have_recorded(client: Client, task_queue: str, batch: Batch) -> str | None:
    """Have the honest worker of this queue record a batch; why it refused, or None when it recorded it."""
    own_queue = f"rogue-{uuid4()}"
    rogue = Worker(client, task_queue=own_queue, workflows=[Rogue], workflow_runner=UnsandboxedWorkflowRunner())
    async with rogue:
        try:
            await client.execute_workflow(
                Rogue.run, args=[task_queue, batch], id=f"rogue/{uuid4()}", task_queue=own_queue
            )
        except WorkflowFailureError as failed:
            return str(_told(failed))
    return None


def _told(failed: BaseException) -> ApplicationError:
    """What a failure was caused by, at the end."""
    while failed.__cause__ is not None:
        failed = failed.__cause__
    assert isinstance(failed, ApplicationError), failed
    return failed


def batch_of(journey: Journey, events: Sequence[e.Event], forgery: c.Command | None = None) -> Batch:
    """A batch that claims that a command gave these events: a forged one, or one that anybody may send."""
    harmless = c.Command(
        command_id=uuid4(), actor=PEOPLE[Role.PATIENT], body=c.RequestSupport(urgency="routine", text="invented")
    )
    decided = Decided(command=forgery or harmless, at=events[0].at)
    claimed = DecidedCommand(decided=decided, events=len(events), digest=events_digest(events))
    return Batch(journey_id=journey.id, expected_version=journey.version, commands=(claimed,), by=decided_by())


def fabricated(journey: Journey, *bodies: e.EventBody, by: Role = Role.CLINICIAN) -> list[e.Event]:
    """Events nobody decided, in good envelopes, as the next ones of a journey."""
    at, command_id = datetime.now(UTC), uuid4()
    return [
        e.envelope(
            body,
            journey_id=journey.id,
            version=journey.version + 1 + n,
            at=at,
            actor=PEOPLE[by],
            command_id=command_id,
            command_digest="0" * 32,
            ordinal=n,
            cause=None,
            illustrative=journey.illustrative,
        )
        for n, body in enumerate(bodies)
    ]


def decided(journey: Journey, forgery: c.Command, at: datetime) -> tuple[e.Event, ...]:
    """The events the honest core makes of a forged decision, once nobody checks its signature."""
    events = decide(journey, forgery, at)
    assert not isinstance(events, Refusal), str(events)
    return events


# The register


@dataclass(frozen=True)
class Office:
    """Who keeps a register, with the organisation's key, in the place where workers read it."""

    signers: Signers

    @property
    def path(self) -> Path:
        return self.signers.register_path

    @property
    def register(self) -> Register:
        return RegisterFile(self.path, self.signers.organisation_key).current()

    def publish(self, register: Register) -> None:
        self.put(publish(register, unlock(self.path.parent / "organisation.key", PASSPHRASE)))

    def put(self, content: bytes) -> None:
        """Put a file in the register's place, as whoever may write there can."""
        beside = self.path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(self.path)


@asynccontextmanager
async def office_on(stack: Stack, directory: Path) -> AsyncIterator[Office]:
    """Another clinic, on the record of this stack. The record knows of no other's register meanwhile, nor of this one's
    afterwards."""
    await _forget_registers(stack)
    try:
        yield Office(invent(directory))
    finally:
        await _forget_registers(stack)


async def _forget_registers(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        async with connection.transaction():
            await connection.execute("ALTER TABLE record.register DISABLE TRIGGER append_only")
            await connection.execute("DELETE FROM record.register")
            await connection.execute("ALTER TABLE record.register ENABLE ALWAYS TRIGGER append_only")
    finally:
        await connection.close()


# What is left of it


def standing(journey: Journey) -> Journey:
    """The state without the traces of attempts: what care goes by."""
    return journey.model_copy(update={"version": 0, "refusals": 0, "spent": ()})


async def only_attempts(course: Course, before: Journey, count: int) -> list[e.CommandRefused]:
    """That many attempts are in the record since then, and nothing else; the journey is as it was."""
    await course.record.wait_for(course.id, before.version + count, PATIENCE)
    journey = await course.recorded()
    assert standing(journey) == standing(before)
    bodies = [event.body for event in await load_events(course.record, course.id) if event.version > before.version]
    kept = [body for body in bodies if isinstance(body, e.CommandRefused)]
    assert len(kept) == len(bodies) == count, [body.kind for body in bodies]
    return kept


async def quarantined(course: Course) -> None:
    """The journey says so to whoever asks it, and to whoever lists journeys."""

    async def says_so() -> bool:
        if (await course.status()).health != "diverged":
            return False
        return (await course.handle.describe()).typed_search_attributes.get(HEALTH) == "diverged"

    await eventually(says_so)


async def found_offline(record: Record, signers: Signers, *journeys: UUID) -> set[tuple[int, str]]:
    """What the offline check finds in these journeys: position and reason."""
    register = signers.register_path.read_bytes()
    examined = await verify_record(record, keys=offline.trusted_keys(register, signers.organisation_key))
    of_sign_offs = [found for found in examined.findings if found.reason in get_args(offline.Reason)]
    return {(found.position, found.reason) for found in of_sign_offs if found.journey_id in journeys}
