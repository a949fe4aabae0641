"""What a worker remembers of journeys spares reading them, and never changes what is recorded."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.record import Record, StoredEvent
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.verification.batches import Unproven, prove_recorded
from activities.record_activities import RecordActivities
from simulation.people import PEOPLE
from tests.fixtures.clear import Clear
from tests.helpers import eventually
from tests.journey.play import JOURNEY, Decision, started
from tests.record.connections import Through
from tests.record.handed import batch, handed, signed_course
from tests.record.helpers import Connection
from tests.record.test_redeliveries import register_of
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.decided import Batch, Decided, derive
from workflows.journey.receipts import add_receipts, receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.messages import NOT_TAKEN, UNPROVEN_RECORD, Recorded


class Counting(Record):
    """The record, and how often the events of a journey were read from it."""

    times_read = 0

    async def read(
        self, journey_id: UUID, *, after_version: int = 0, until_version: int | None = None, page: int = 500
    ) -> AsyncIterator[tuple[StoredEvent, ...]]:
        async for found in super().read(
            journey_id, after_version=after_version, until_version=until_version, page=page
        ):
            self.times_read += found[0].version == 1
            yield found


@pytest.fixture
def counting(record: Record) -> Counting:
    return Counting(Through(record), Clear())


def activities(record: Record, directory: Path) -> RecordActivities:
    return RecordActivities(record, register_of(directory), demonstrations=True)


def batches() -> Iterator[Batch]:
    """A signed course, one command at a time."""
    for each in signed_course():
        yield batch([each])


async def test_a_journey_is_read_twice_however_much_is_appended_to_it(counting: Counting, tmp_path: Path) -> None:
    every = list(batches())
    one, other = activities(counting, tmp_path), activities(counting, tmp_path)
    # A dose moves no care on: it is recorded whatever is proven.
    dose = next(n for n, each in enumerate(signed_course()) if isinstance(each.decided.command.body, c.RecordDose))
    for each in every[:dose]:
        await one.append(each)
    assert counting.times_read == 0
    for each in every[dose:]:
        await other.append(each)
    assert counting.times_read == 2, "once to go on from it, and once to prove it before what moves care"


async def test_what_is_remembered_changes_nothing(record: Record, tmp_path: Path) -> None:
    """Each append by a worker that remembers, or by one that knows nothing, gives the same answer."""
    remembering, every = activities(record, tmp_path), signed_course()
    for number, first in enumerate(range(0, len(every), 4)):
        each = batch(every[first : first + 4])
        known = remembering if number % 9 else activities(record, tmp_path)
        answer = await known.append(each)
        assert answer == await remembering.append(each)
        if number % 11 == 0:
            assert answer == await activities(record, tmp_path).append(each)


async def test_a_proof_is_made_once_and_nobody_else_waits_for_it(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a very long journey takes longer than one attempt may, and the next ones come meanwhile."""
    every = list(batches())
    moving = next(n for n, each in enumerate(signed_course()) if isinstance(each.events[0].body, e.SignedOff))
    before = activities(record, tmp_path)
    for each in every[:moving]:
        await before.append(each)
    may_end, proofs = threading.Event(), list[int]()

    def slow(history: Any, commands: Any, register: Any, by_builds: Any) -> None:
        proofs.append(len(history))
        assert may_end.wait(60)
        prove_recorded(history, commands, register, by_builds)

    monkeypatch.setattr("activities.batch_proofs.prove_recorded", slow)
    recording = activities(record, tmp_path)
    attempts = [asyncio.create_task(recording.append(every[moving])) for _ in range(3)]

    async def is_proving() -> bool:
        return bool(proofs)

    await eventually(is_proving)
    assert len(await record.load(JOURNEY)) == every[moving].expected_version
    attempts[0].cancel()
    may_end.set()
    answers = [await each for each in attempts[1:]]
    assert {answer.version for answer in answers} == {every[moving].last_version}
    assert proofs == [every[moving].expected_version]


class Giving:
    """A recorder whose proofs take longer than its attempts wait: each is made once nobody waits for it."""

    def __init__(self, recording: RecordActivities, monkeypatch: pytest.MonkeyPatch, *, proven: bool) -> None:
        self._recording, self._proven = recording, proven
        self._may_end = threading.Event()
        self.proofs = 0
        monkeypatch.setattr("activities.batch_proofs.prove_recorded", self._prove)

    def _prove(self, *_: Any) -> None:
        self.proofs += 1
        assert self._may_end.wait(60)
        if not self._proven:
            raise Unproven("invented: it does not follow")

    async def give_up(self, handed: Batch) -> None:
        others = asyncio.all_tasks()
        attempt = asyncio.create_task(self._recording.append(handed))

        async def is_proving() -> bool:
            return bool(self.proofs)

        await eventually(is_proving)
        attempt.cancel()
        await asyncio.wait([attempt])
        self._may_end.set()
        await asyncio.wait(asyncio.all_tasks() - others - {attempt})


async def recorded_until_a_move(record: Record, tmp_path: Path) -> Batch:
    """Record a journey up to the first batch that moves care, and return that batch."""
    every = list(batches())
    moving = next(n for n, each in enumerate(signed_course()) if isinstance(each.events[0].body, e.SignedOff))
    before = activities(record, tmp_path)
    for each in every[:moving]:
        await before.append(each)
    return every[moving]


@pytest.mark.parametrize("proven", [True, False])
async def test_a_proof_that_is_made_after_every_attempt_gave_up_is_the_next_ones(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, proven: bool
) -> None:
    """Otherwise a journey whose proof takes a little longer than an attempt would never be proven."""
    move = await recorded_until_a_move(record, tmp_path)
    recording = activities(record, tmp_path)
    giving = Giving(recording, monkeypatch, proven=proven)
    await giving.give_up(move)
    if proven:
        assert (await recording.append(move)).version == move.last_version
    else:
        with pytest.raises(ApplicationError, match="it does not follow"):
            await recording.append(move)
    assert giving.proofs == 1


async def test_a_failed_proof_for_which_nobody_comes_back_is_told_and_made_again(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.batch_proofs.PROOF_KEPT", timedelta(0))
    move = await recorded_until_a_move(record, tmp_path)
    recording = activities(record, tmp_path)
    giving = Giving(recording, monkeypatch, proven=False)
    with capture_logs() as logs:

        async def is_told() -> bool:
            return [line["event"] for line in logs].count("record.proof_failed") == 1

        await giving.give_up(move)
        await eventually(is_told)
    with pytest.raises(ApplicationError, match="it does not follow"):
        await recording.append(move)
    assert giving.proofs == 2


FORGERIES: Mapping[str, Callable[[Any], Any]] = {
    "unsigned": lambda body: body.model_copy(update={"signature": None}),
    "other evidence": lambda body: body.model_copy(update={"evidence": "0" * 64}),
    "another decision": lambda body: body.model_copy(update={"decision": "decline"}),
    "another meaning": lambda body: body.model_copy(update={"meaning": "seen"}),
}


async def test_nothing_unproven_is_recorded_after_what_is_remembered(record: Record, tmp_path: Path) -> None:
    recording = activities(record, tmp_path)
    refused: Counter[str] = Counter()
    every = [*FORGERIES.items()]
    for decision, each in zip(signed_course()[:100], batches(), strict=False):
        # Each decision is forged in one way, and the next one in another.
        forgery, forge = every[sum(refused.values()) % len(every)]
        forged = [
            event.model_copy(update={"body": forge(event.body)}) if isinstance(event.body, e.SignedOff) else event
            for event in decision.events
        ]
        if forged != [*decision.events]:
            with pytest.raises(ApplicationError) as problem:
                await recording.append(each.model_copy(update={"commands": (handed(decision.decided, forged),)}))
            assert problem.value.type == NOT_TAKEN
            refused[forgery] += 1
        assert (await recording.append(each)).version == each.last_version
    assert refused.keys() == FORGERIES.keys()
    assert min(refused.values()) > 1


@pytest.mark.parametrize("place", [1, 4, 9])
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_comes_before_a_command_that_is_not_taken_is_recorded(
    record: Record, tmp_path: Path, forgery: str, place: int
) -> None:
    """And what comes after it is, once the run has decided again without it."""
    every, recording = signed_course(), activities(record, tmp_path)
    signs = next(n for n, each in enumerate(every) if n > place and isinstance(each.events[0].body, e.SignedOff))
    first, last = signs - place, signs + 3
    for each in every[:first]:
        await recording.append(batch([each]))
    events = [
        event.model_copy(update={"body": FORGERIES[forgery](event.body)}) if n == 0 else event
        for n, event in enumerate(every[signs].events)
    ]
    whole = batch(every[first:last])
    forged = handed(every[signs].decided, events)
    commands = (*whole.commands[:place], forged, *whole.commands[place + 1 :])
    spoilt = whole.model_copy(update={"commands": commands})
    before = every[signs].events[0].version - 1
    for _ in range(2):  # also where the answer is lost, and it is handed in again
        assert (await recording.append(spoilt)).version == before
    # From what the run is answered it can be recorded once more, if the record is lost.
    assert spoilt.until(before).commands == spoilt.commands[:place]
    assert spoilt.until(before - 1).commands == spoilt.commands[: place - 1]
    assert len(await record.load(JOURNEY)) == before

    rest = batch([every[signs]]).model_copy(update={"commands": spoilt.commands[place:]})
    with pytest.raises(ApplicationError) as problem:
        await recording.append(rest)
    assert (problem.value.type, problem.value.non_retryable) == (NOT_TAKEN, True)
    assert (await recording.append(batch(every[signs:last]))).version == whole.last_version


async def forged_before(record: Record, directory: Path, admin: Connection) -> tuple[list[Decision], Decided]:
    """A journey up to a decision that somebody signed, recorded, and not proven: its first command is gone."""
    every, recording = signed_course(), activities(record, directory)
    signs = next(n for n, each in enumerate(every) if n > 9 and isinstance(each.events[0].body, e.SignedOff))
    for each in every[:signs]:
        await recording.append(batch([each]))
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("ALTER TABLE record.command DISABLE TRIGGER ALL")
    await admin.execute("DELETE FROM record.command WHERE version = 1")
    return every[:signs], every[signs].decided


def then(before: list[Decision], *decided: Decided) -> list[Decision]:
    """What these commands give, one after the other."""
    recorded = [event for each in before for event in each.events]
    journey, receipts, found = fold(recorded), receipts_of(recorded), []
    for each in decided:
        found.append(Decision(each, derive(journey, receipts, each)))
        journey = fold(found[-1].events, journey)
        add_receipts(receipts, found[-1].events)
    return found


SAID: dict[str, c.AnyBody] = {
    "a hold": c.PlaceHold(reason="invented"),
    "a call for help": c.RequestSupport(urgency="urgent", text="invented"),
}


@pytest.mark.parametrize("what", SAID)
async def test_what_must_be_recorded_stands_beside_what_may_not_move_care(
    record: Record, tmp_path: Path, admin: Connection, what: str
) -> None:
    """What comes before it is recorded at once, what comes after it once the run has decided again without it."""
    before, signs = await forged_before(record, tmp_path, admin)
    sent = c.Command(command_id=uuid4(), actor=PEOPLE[Role.CLINICIAN], body=SAID[what])
    said, recording = Decided(command=sent, at=signs.at), activities(record, tmp_path)
    together = then(before, said, signs)
    # After a hold the decision is refused, and moves nothing.
    stands = [each for each in together if not any(isinstance(event.body, e.SignedOff) for event in each.events)]
    with pytest.raises(ApplicationError) as problem:
        await recording.append(batch(then(before, signs, said)))
    assert (problem.value.type, problem.value.non_retryable) == (NOT_TAKEN, True)
    with pytest.raises(ApplicationError) as problem:
        await recording.append(batch(then(before, signs)))
    assert problem.value.type == UNPROVEN_RECORD, "there is nothing that must not wait"
    assert (await recording.append(batch(together))).version == stands[-1].events[-1].version
    assert sent.command_id in {row.command_id for row in await record.load(JOURNEY)}


async def test_while_the_register_is_away_what_is_signed_is_checked_again_and_nothing_waits_behind_it(
    record: Record, tmp_path: Path
) -> None:
    every, recording, environment = signed_course(), activities(record, tmp_path), ActivityEnvironment()
    register = tmp_path / "register.json"
    readable = register.read_bytes()

    async def append(*decisions: Decision, attempt: int) -> Recorded:
        environment.info = replace(environment.info, attempt=attempt)
        return await environment.run(recording.append, batch(decisions))

    register.write_bytes(b"in other hands")
    sent = c.Command(command_id=uuid4(), actor=PEOPLE[Role.CLINICIAN], body=SAID["a hold"])
    begins = [every[0], *then(every[:1], Decided(command=sent, at=every[0].decided.at))]
    for attempt in (1, 2, 9):
        with pytest.raises(ApplicationError, match="register"):
            await append(*begins, attempt=attempt)
    register.write_bytes(readable)
    signs = next(n for n, each in enumerate(every) if isinstance(each.events[0].body, e.SignedOff))
    for each in every[:signs]:
        await recording.append(batch([each]))
    register.write_bytes(b"in other hands")
    with pytest.raises(ApplicationError, match="register") as told:
        await append(every[signs], attempt=1)
    assert told.value.next_retry_delay is not None
    assert told.value.next_retry_delay < timedelta(seconds=1), "a hold waits behind it"
    answer, before = await append(every[signs], attempt=2), every[signs - 1].events[-1].version
    assert (answer.version, answer.elsewhere) == (before, None), "the run decides again"
    register.write_bytes(readable)
    assert (await append(every[signs], attempt=1)).version == every[signs].events[-1].version


async def test_a_record_that_was_put_back_is_read_again(counting: Counting, tmp_path: Path, admin: Connection) -> None:
    """The journey is at the version that is remembered, and by other events."""
    every = list(batches())
    recording = activities(counting, tmp_path)
    for each in every[:20]:
        await recording.append(each)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    for table in ("journey_event", "journey"):
        await admin.execute(
            f"UPDATE record.{table} SET journey_hash = sha256(journey_hash) WHERE journey_id = $1", JOURNEY
        )

    for each in every[20:]:
        await recording.append(each)

    assert counting.times_read == 2, "once to go on from it, and once to prove it before what moves care"


def journey(version: int) -> Journey:
    opened = fold(started("PTSD").events[:1])
    return opened.model_copy(update={"id": uuid4(), "version": version})


def test_memory_is_bounded_and_the_last_one_stays() -> None:
    memory = RecordedJourneys(most_journeys=3, most_events=100)
    few = [journey(10) for _ in range(5)]
    for each in few:
        memory.keep(RecordedJourney(each, bytes([each.version])))
    assert [memory.find(each.id, b"\n") for each in few] == [None, None, *few[2:]]
    assert memory.find(few[2].id, b"another hash") is None
    memory.keep(RecordedJourney(few[4].model_copy(update={"version": 70}), b"F"))
    memory.keep(RecordedJourney(journey(45), b"45"))
    assert memory.find(few[3].id, b"\n") is None, "so many events are too many"
    assert memory.take(few[4].id, 10) is None, "only the version that it was kept at"


def test_a_journey_of_any_length_and_the_others_are_kept_beside_each_other() -> None:
    """Each append to one of them would else read the other from its beginning, again and again."""
    memory = RecordedJourneys(most_journeys=4, most_events=100)
    enormous, others = journey(50_000), [journey(10) for _ in range(3)]
    for each in (enormous, *others, enormous):
        memory.keep(RecordedJourney(each, b""))
    for each in (*others, enormous):
        assert memory.find(each.id, b"") is not None
    for _ in range(3):
        for each in (*others, enormous):
            assert memory.take(each.id, each.version) is not None
            assert memory.take(each.id, each.version) is None, "whoever takes it keeps it again"
            memory.keep(RecordedJourney(each, b""))
    memory.keep(RecordedJourney(second := journey(60_000), b""))
    assert memory.find(enormous.id, b"") is not None
    memory.keep(RecordedJourney(journey(70_000), b""))
    assert memory.find(second.id, b"") is None, "it was used before the other one"
    assert memory.find(enormous.id, b"") is not None
    for each in others:
        assert memory.find(each.id, b"") is None
