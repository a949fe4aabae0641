"""What it costs that nothing is believed: encrypting what Temporal and the record hold, proving who sends each command,
and deciding it again before it is recorded.

Whole journeys are played in sessions, and the processor time of the worker is taken. What each of the three takes of it
is measured right after each round in this process, in processor time as well, over the payloads, commands and events of
such journeys: the ratios are of figures that were taken at the same time, whatever else runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from time import process_time
from typing import NamedTuple
from uuid import UUID, uuid4

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload

from activities.payload_codec import SealingCodec
from activities.record.codec import sealing
from activities.record.event_codec import load_events
from activities.record.recorded_journeys import RecordedJourney
from activities.record.verification.batches import derive_batch, prove_signed
from activities.signatures.register_file import parse
from activities.signatures.sessions import ThisLog, refuse_unproven, unproven_events
from activities.signatures.signer_registry import Register
from deploy.local.stack import WorkerProcess
from simulation.people import CLINIC
from tests.benchmarks.course import course, educated
from tests.benchmarks.report import Aim, Figure, Section
from tests.benchmarks.stage import Patient, Servers, inputs, processor_seconds
from tests.helpers import codec_of
from tests.journey.play import JOURNEY
from tests.record.handed import batch, signed_course
from tests.signatures.recorded import EARLY
from tests.signatures.room import ORGANISATION, published
from workflows.care_journey import workflow_id
from workflows.journey.commands import Command
from workflows.temporal_plugin import HistoryContext

TOGETHER = Aim(1.2)
AT_ONCE = 8


class Cost(NamedTuple):
    """Processor time (s) for one journey: of the worker for all it does, and what of that each mechanism takes."""

    worker: float
    payloads: float
    record: float
    checking: float
    deriving: float
    signing: float
    """Who sends the command does this, not the worker."""

    @property
    def without(self) -> float:
        """What the worker would take without any of it."""
        return self.worker - self.payloads - self.record - self.checking - self.deriving


async def protection(servers: Servers, worker: WorkerProcess, *, rounds: int, journeys: int) -> Section:
    """Measure it in rounds of so many journeys, and take the median of each figure."""
    commands = inputs()
    await _played(servers, worker, commands, 2)  # warms everything up
    costs, events = [], 0
    for _ in range(rounds):
        seconds, patients = await _played(servers, worker, commands, journeys)
        costs.append(await _cost(servers, seconds / journeys, patients))
        events = len(await load_events(servers.record, patients[0].id))
    cost = Cost(*(median(each) for each in zip(*costs, strict=True)))
    sent = len(commands) + 1
    shares = {
        "the codec of Temporal's payloads": cost.payloads,
        "the codec of the record": cost.record,
        "attestation": cost.signing + cost.checking,
        "derivation": cost.deriving,
    }
    bare = 1e3 * cost.without
    together = bare + 1e3 * sum(shares.values())
    figures = [
        Figure("a worker without any of it, reckoned", bare / sent, "ms a command"),
        *[_added(f"{name}, a command", each, bare, sent) for name, each in shares.items()],
        Figure("with all of it, a command", together / sent, "ms", bare / sent, TOGETHER, "without"),
        *[_added(f"{name}, an event", each, bare, events) for name, each in shares.items()],
    ]
    return Section(
        f"Protection: processor time, {rounds} rounds of {journeys} journeys of {sent} commands and {events} events",
        figures,
        [f"the worker took {1e3 * cost.worker:.0f} ms for a journey"],
    )


def _added(name: str, seconds: float, without: float, number: int) -> Figure:
    return Figure(f"added by {name}", 1e3 * seconds / number, "ms", without / number, None, "without")


async def _played(
    servers: Servers, worker: WorkerProcess, commands: Sequence[Command], journeys: int
) -> tuple[float, Sequence[Patient]]:
    """Play journeys in sessions, several at once; return the worker's processor time for all of them."""
    patients = [Patient(servers, in_session=True) for _ in range(journeys)]
    places = asyncio.Semaphore(AT_ONCE)

    async def one(patient: Patient) -> None:
        async with places:
            await patient.play(commands)

    before = processor_seconds(worker.pid)
    await asyncio.gather(*map(one, patients))
    return processor_seconds(worker.pid) - before, patients


async def _cost(servers: Servers, worker: float, patients: Sequence[Patient]) -> Cost:
    register, log = (
        servers.stack.signers.register.current(),
        ThisLog(await servers.record.log_name(), demonstration=True),
    )
    each = [
        (
            await _payloads(servers, patient.id),
            await _record(servers, patient.id),
            await _checking(servers, patient, register, log),
            await _deriving(),
            await _signing(patient),
        )
        for patient in patients
    ]
    return Cost(worker, *(median(taken) for taken in zip(*each, strict=True)))


async def _payloads(servers: Servers, journey_id: UUID) -> float:
    """Each payload in the history of a journey was encrypted once, and nearly each was decrypted once."""
    codec, workflow = codec_of(servers.client), workflow_id(journey_id)
    assert isinstance(codec, SealingCodec)
    here = codec.with_context(HistoryContext(servers.client.namespace, workflow))
    history = await servers.client.get_workflow_handle(workflow).fetch_history()
    sealed = [payload for event in history.events for payload in _payloads_in(event)]

    async def both() -> None:
        for payload in sealed:
            await here.encode(await here.decode([payload]))

    return await _timed(both)


def _payloads_in(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
        return
    for described, value in message.ListFields():
        if described.message_type is None:
            continue
        if described.message_type.GetOptions().map_entry:
            held = value.values()
        else:
            held = value if described.is_repeated else (value,)
        for each in held:
            if isinstance(each, Message):
                yield from _payloads_in(each)


async def _record(servers: Servers, journey_id: UUID) -> float:
    """Each event of a journey, and each command, is encrypted to be recorded, and decrypted for the read models."""
    codec = codec_of(servers.client)
    assert isinstance(codec, SealingCodec)
    kept, log_id = await sealing(codec.keys), servers.record.log_id
    stored = await servers.record.load(journey_id)
    commands = await servers.record.commands(journey_id, until_version=stored[-1].version)
    parts = [(event.event_id, event.payload) for event in stored]
    parts += [(uuid4(), command.payload) for command in commands]

    async def both() -> None:
        encode = await kept.encoder(log_id, journey_id)
        sealed = [(part_id, encode(part_id, clear)) for part_id, clear in parts]
        decode = await kept.decoder(log_id, [content for _, content in sealed])
        for part_id, content in sealed:
            decode(journey_id, part_id, content)

    return await _timed(both)


async def _checking(servers: Servers, patient: Patient, register: Register, log: ThisLog) -> float:
    """A worker checks the proof of each command where it enters, and that of its events where they are recorded."""
    events, now = await load_events(servers.record, patient.id), datetime.now(UTC)

    async def twice() -> None:
        for command in patient.sent:
            assert refuse_unproven(register, log, CLINIC, patient.id, command, now) is None
        assert not [*unproven_events(register, log, CLINIC, events)]

    return await _timed(twice)


async def _signing(patient: Patient) -> float:
    bare = [command.model_copy(update={"proof": None}) for command in patient.sent]

    async def sign() -> None:
        for command in bare:
            await patient.proven(command)

    return await _timed(sign)


async def _deriving() -> float:
    """The run says in a digest what each command gave; whoever records decides it again, compares, and looks at what is
    signed. The events would have to be sent otherwise, which is not taken off here."""
    decisions = signed_course()[: len(course("PTSD", datetime.now(UTC), educated))]
    register = parse(published(EARLY), ORGANISATION.public_key)

    async def again() -> None:
        before: RecordedJourney | None = None
        for decision in decisions:
            found, after = derive_batch(JOURNEY, batch([decision]).commands, before, same_rules=True)
            prove_signed(before, found, register)
            before = after

    return await _timed(again)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = process_time()
    await work()
    return process_time() - began
