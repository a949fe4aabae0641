"""How fast a record is proved whole: its chains, every sign-off, and the rows people work from."""

from collections.abc import Awaitable
from time import perf_counter
from uuid import uuid4

from activities.proving import Examined, examine
from activities.read_models.rebuild import rebuild
from activities.record import Record
from activities.sign_offs.offline import keys_of
from deploy.local.postgres import Postgres
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Aim, Figure, Section
from tests.read_models.courses import course_of, renamed
from tests.sign_offs.recorded import EARLY, rows
from tests.sign_offs.room import ORGANISATION, published

FAST = Aim(25_000, at_least=True)


async def verify(postgres: Postgres, *, journeys: int) -> Section:
    """Whole courses, every decision in them signed anew for its journey, checked in three ways."""
    keys = keys_of(published(EARLY), ORGANISATION.public_key)
    async with fresh(postgres) as (database, record, _):
        for _ in range(journeys):
            await _put(record)
        await rebuild(record)
        url = database.app_url
        chains, _ = await _timed(examine(record, url=url))
        signed, _ = await _timed(examine(record, url=url, keys=keys))
        whole, examined = await _timed(examine(record, url=url, keys=keys, read_models=True))
    assert examined.findings == (), f"the record that was made up does not hold: {examined.findings[:3]}"
    return Section(
        f"Verifying {examined.events:,} events, {examined.sign_offs:,} sign-offs, of {journeys:,} courses",
        [
            Figure("chains", chains, "events/s", aim=FAST),
            Figure("chains and sign-offs", signed, "events/s"),
            Figure("chains, sign-offs and read models", whole, "events/s"),
        ],
        ["a large record is read by as many processes as there are processors"],
    )


async def _put(record: Record) -> None:
    journey = uuid4()
    made = rows(renamed(course_of(), journey))
    for start in range(0, len(made), 400):
        await record.append(journey, start, made[start : start + 400])


async def _timed(examining: Awaitable[Examined]) -> tuple[float, Examined]:
    """Events per second, and what was found."""
    began = perf_counter()
    examined = await examining
    return examined.events / (perf_counter() - began), examined
