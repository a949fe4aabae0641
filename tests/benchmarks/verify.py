"""How fast a record is proved whole: its chains, every sign-off, and the rows people work from."""

from collections.abc import Awaitable, Sequence
from time import perf_counter
from uuid import UUID, uuid4

from activities.record import Record
from activities.record.read_models.rebuild import rebuild
from activities.record.verification.record import VerificationResult, verify_record
from activities.record.verification.sign_offs import trusted_keys
from deploy.local.postgres import Postgres
from simulation.people import referral
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Aim, Figure, Section
from tests.journey.play import START, Play
from tests.record.read_models.courses import course_of, renamed
from tests.signatures.recorded import EARLY, rows
from tests.signatures.room import ORGANISATION, published
from workflows.journey.aggregate import fold
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols.demonstration import load_demonstration

PROTOCOL = load_demonstration("PTSD")
FAST = Aim(25_000, at_least=True)


async def verify(postgres: Postgres, *, journeys: int, signed_journeys: int) -> Section:
    """The chains of many whole courses, then everything of some, in which every decision is signed for its journey."""
    async with fresh(postgres) as (_, record, _):
        for _ in range(journeys):
            await _put(record, renamed(course_of(), uuid4()))
        chains, chained = await _timed(verify_record(record))
    keys = trusted_keys(published(EARLY), ORGANISATION.public_key)
    async with fresh(postgres) as (_, record, _):
        for _ in range(signed_journeys):
            await _put(record, _course(uuid4()))
        await rebuild(record)
        signed, _ = await _timed(verify_record(record, keys=keys))
        whole, examined = await _timed(verify_record(record, keys=keys, read_models=True))
    found = (*chained.findings, *examined.findings)
    assert found == (), f"a record that was made up does not hold: {found[:3]}"
    number = f"{examined.events:,} events with {examined.sign_offs:,} sign-offs"
    return Section(
        "Verifying, by one process for each processor where there are more than 20,000 events",
        [
            Figure(f"chains of {chained.events:,} events", chains, "events/s", aim=FAST),
            Figure(f"and signatures, {number}", signed, "events/s"),
            Figure("and read models", whole, "events/s"),
        ],
    )


def _course(journey: UUID) -> list[Event]:
    """A whole course; what is signed in it names its journey, so that each has to be played for itself."""
    decided = decide(None, referral(PROTOCOL, journey), START)
    assert not isinstance(decided, Refusal)
    return Play(fold(decided), START, list(decided)).go_on(lambda state: state.closed).events


async def _put(record: Record, course: Sequence[Event]) -> None:
    await record.append(course[0].journey_id, 0, rows(course), closes=True)


async def _timed(examining: Awaitable[VerificationResult]) -> tuple[float, VerificationResult]:
    """Events per second, and what was found."""
    began = perf_counter()
    examined = await examining
    return examined.events / (perf_counter() - began), examined
