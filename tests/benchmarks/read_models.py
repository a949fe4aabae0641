"""How fast read models are built, how far they lag, how fast they answer."""

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from time import perf_counter, process_time
from typing import Any
from uuid import UUID, uuid4

from activities.record import Record
from activities.record.read_models.listed import CaseloadFilter, WorklistFilter
from activities.record.read_models.projector import StateCache, advance, wait_for
from activities.record.read_models.queries import caseload, caseload_as_of, service_levels, worklist
from activities.record.read_models.rebuild import rebuild
from activities.record.read_models.rows import DEFINITION
from deploy.local.postgres import Postgres
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Aim, Figure, Section, percentile
from tests.fixtures.everything import everything
from tests.record.helpers import Connection, events
from tests.record.read_models.courses import course_of, put, renamed
from workflows.journey.vocabulary.actors import Role

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
PAGES = 400
IN_A_SECOND = Aim(1_000, at_least=True)


async def copies(record: Record, owner: Connection, journeys: int, until: int) -> list[UUID]:
    """Journeys with the first events of one course, as if all had gone on side by side. Their hashes are not right."""
    first = uuid4()
    await put(record, renamed(course_of()[:until], first))
    await owner.execute(
        "CREATE TEMP TABLE copied AS SELECT n, gen_random_uuid() AS id FROM generate_series(1, $1) AS n", journeys
    )
    await owner.execute(
        "INSERT INTO record.journey_event SELECT log_id, $2::bigint + (version - 1) * $1::bigint + n, id, version, "
        "gen_random_uuid(), event_type, schema_version, occurred_at, recorded_at, actor_id, actor_role, command_id, "
        "causation_id, payload, content_hash, journey_hash, log_hash FROM record.journey_event CROSS JOIN copied "
        "WHERE journey_id = $3",
        journeys,
        until,
        first,
    )
    await owner.execute(
        "INSERT INTO record.journey (log_id, journey_id, version, journey_hash, last_position, status) "
        "SELECT 1, id, $2::int, sha256(''), $2 + ($2 - 1) * $1::bigint + n, 'open' FROM copied",
        journeys,
        until,
    )
    await owner.execute("ANALYZE record.journey_event")
    return [row["id"] for row in await owner.fetch("SELECT id FROM copied ORDER BY n")]


async def building(postgres: Postgres, *, journeys: int) -> Section:
    """From nothing to all there is, in bulk and by the way every event takes."""
    async with fresh(postgres) as (_, record, owner):
        await copies(record, owner, journeys, len(course_of()))
        total = int(await owner.fetchval("SELECT count(*) FROM record.journey_event"))
        began = perf_counter()
        await rebuild(record)
        in_bulk = total / (perf_counter() - began)
        behind = await owner.fetchval("SELECT read_model.begin_generation(1::smallint, $1)", DEFINITION)
        cache, applied, began = StateCache(), 0, perf_counter()
        while (done := await advance(record, cache, generation=behind)) and applied < total / 5:
            applied += done
        live = applied / (perf_counter() - began)
    return Section(
        f"Building: {total:,} events of {journeys + 1:,} journeys",
        [
            Figure("rebuild, in bulk", in_bulk, "events/s", aim=Aim(60_000, at_least=True)),
            Figure("live path, all journeys side by side", live, "events/s"),
        ],
    )


async def lagging(postgres: Postgres, *, journeys: int, seconds: int) -> Section:
    """How far behind the record they are while 200 events a second are appended to many journeys in turn."""
    rate, began_with = 200, 120
    async with fresh(postgres) as (database, record, owner):
        ids = await copies(record, owner, journeys, began_with)
        await rebuild(record)
        going_on, position = _going_on(ids, began_with), 0
        for _ in ids:
            position = await put(record, next(going_on))
        cache, began, worked = StateCache(), perf_counter(), process_time()
        while await advance(record, cache):
            pass
        cold, alone = (len(ids) / taken for taken in (perf_counter() - began, process_time() - worked))
        runner = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.projector", everything(database)
        )
        await wait_for(record, await put(record, renamed(course_of()[:9], uuid4())), timedelta(seconds=60))
        for _ in ids:
            position = await put(record, next(going_on))
        await wait_for(record, position, timedelta(seconds=600))
        lags: list[float] = []
        appended: deque[tuple[int, float]] = deque()
        done = False

        async def look() -> None:
            while appended or not done:
                shown = await owner.fetchval("SELECT position FROM read_model.generation WHERE status = 'live'")
                now = perf_counter()
                while appended and appended[0][0] <= shown:
                    lags.append(1000 * (now - appended.popleft()[1]))
                await asyncio.sleep(0.005)

        looking = asyncio.create_task(look())
        sent, began = 0, perf_counter()
        for batch in going_on:
            if sent >= rate * seconds:
                break
            await asyncio.sleep(max(0.0, began + sent / rate - perf_counter()))
            appended.append((await put(record, batch), perf_counter()))
            sent += len(batch)
        reached, done = sent / (perf_counter() - began), True
        await looking
        runner.terminate()
        await runner.wait()
    return Section(
        f"Behind the record, {journeys:,} journeys in turn, one runner of its own",
        [
            Figure(f"not in memory, {began_with} events recorded before", cold, "journeys/s", aim=IN_A_SECOND),
            Figure("the same, by the projector's own processor time", alone, "journeys/s"),
            Figure("then, appended", reached, "events/s"),
            Figure("from appended to shown, median", percentile(lags, 50), "ms"),
            Figure("from appended to shown, p99", percentile(lags, 99), "ms", aim=Aim(1000)),
            Figure("from appended to shown, worst", max(lags), "ms"),
        ],
        ["looked at every 5 ms"],
    )


def _going_on(journeys: Sequence[UUID], version: int) -> Any:
    """One command of each journey after the other, from a version on."""
    rest = [list(batch) for _, batch in groupby(course_of()[version:], attrgetter("command_id"))]
    return (renamed(batch, journey_id) for batch in rest for journey_id in journeys)


FILL = """
INSERT INTO read_model_1.caseload (
       journey_id, version, position, recorded_at, clinic, pathway, stage, step, health, held, holds, last_contact,
       next_due, coordinator, clinician, illustrative, started_at, protocol, protocol_version, protocol_digest,
       clinicians, lots, held_together, permission_ends)
SELECT id, 60, n, noon, 'clinic-' || n % 20, 'PTSD', 'sessions', 'sessions', 'open', n % 50 = 0, '{}', noon,
       noon, 'coordinator-' || n % 100, 'clinician-' || n % 200, true, noon - n * interval '1 minute', 'ptsd', 1,
       repeat('0', 64), '{}', '{}', '{}', noon + interval '1 year'
  FROM (SELECT n, md5(n::text)::uuid AS id FROM generate_series(1, $1::int / 5) AS n) AS journeys, moment;
INSERT INTO read_model_1.obligation (
       journey_id, opened_version, obligation, clinic, illustrative, held, kind, subject, owner, person, what, since,
       due, asked, next_step, next_action, next_to, next_holds, why)
SELECT md5(((n - 1) / 5 + 1)::text)::uuid, 60, 'check_in:' || n % 5, 'clinic-' || ((n - 1) / 5 + 1) % 20, true,
       ((n - 1) / 5 + 1) % 50 = 0, 'check_in', n::text,
       (ARRAY['patient', 'coordinator', 'clinician', 'session_monitor', 'on_call_clinician'])[1 + n % 5],
       CASE n % 5 WHEN 1 THEN 'coordinator-' || ((n - 1) / 5 + 1) % 100
                  WHEN 2 THEN 'clinician-' || ((n - 1) / 5 + 1) % 200 END,
       'complete the check-in', noon - interval '1 day', noon + hashint4(n::int) % 604800 * interval '1 second',
       ARRAY[(ARRAY['patient', 'coordinator', 'clinician', 'session_monitor', 'on_call_clinician'])[1 + n % 5]],
       noon, 'remind', 'patient', false, repeat('because ', 20)
  FROM generate_series(1, $1::int) AS n, moment;
INSERT INTO read_model_1.audience
SELECT journey_id, opened_version, obligation, owner, clinic, held, due, person FROM read_model_1.obligation;
INSERT INTO read_model_1.status_history
SELECT id, s * 1000000 + n, 1, noon + s * interval '1 day', CASE WHEN s < 6 THEN (s + 1) * 1000000 + n END,
       CASE WHEN s < 6 THEN noon + (s + 1) * interval '1 day' END, 'sessions', 'open', NULL, false, 'c', 'c'
  FROM (SELECT n, md5(n::text)::uuid AS id FROM generate_series(1, $1::int / 5) AS n) AS journeys
 CROSS JOIN generate_series(0, 6) AS s CROSS JOIN moment;
"""


async def fill(owner: Connection, obligations: int) -> None:
    """Put rows of invented journeys, with five obligations each, straight into the read models."""
    await owner.execute(f"CREATE TEMP VIEW moment AS SELECT '{NOW}'::timestamptz AS noon")
    for statement in FILL.split(";\n")[:-1]:
        await owner.execute(statement, *[obligations] * ("$1" in statement), timeout=600)
    for table in ("caseload", "obligation", "audience", "status_history"):
        await owner.execute(f"ANALYZE read_model_1.{table}")


async def asking(postgres: Postgres, *, few: int, many: int) -> Section:
    """How long a page of 50 takes with few and with many rows, one question after the other."""
    questions: dict[str, Callable[[Record], Awaitable[Any]]] = {
        "all": lambda record: worklist(record, WorklistFilter()),
        "a role in a clinic": lambda record: worklist(
            record, WorklistFilter(owners=(Role.CLINICIAN,), clinic="clinic-7")
        ),
        "a clinic": lambda record: worklist(record, WorklistFilter(clinic="clinic-7")),
        "mine": lambda record: worklist(record, WorklistFilter(mine="clinician-42")),
        "overdue": lambda record: worklist(record, WorklistFilter(due_before=NOW)),
        "unassigned, of two roles": lambda record: worklist(
            record, WorklistFilter(unassigned=True, owners=(Role.PATIENT, Role.ON_CALL_CLINICIAN))
        ),
        "one of a clinic that has none": lambda record: worklist(record, WorklistFilter(clinic="clinic-99")),
        "caseload": lambda record: caseload(record, CaseloadFilter(clinic="clinic-7")),
        "caseload as of a position": lambda record: caseload_as_of(record, 3_500_000),
    }
    took: dict[str, list[float]] = {name: [] for name in questions}
    notes = []
    for rows in (few, many):
        async with fresh(postgres) as (_, record, owner):
            await fill(owner, rows)
            for name, ask in questions.items():
                for _ in range(20):
                    await ask(record)
                taken = [await _timed(ask(record)) for _ in range(PAGES)]
                took[name].append(percentile(taken, 99))
            whole = await _timed(caseload_as_of(record, 3_500_000, limit=10_000))
            levels = await _timed(service_levels(record, NOW))
            notes.append(
                f"{rows:,} rows: {min(10_000, rows // 5):,} journeys as of a position in {whole:.0f} ms, "
                f"service levels in {levels:.0f} ms"
            )
    return Section(
        f"A page of 50, p99 of {PAGES}: {many:,} obligations beside {few:,}",
        [
            Figure(
                f"{'' if 'caseload' in name else 'worklist: '}{name}",
                slow,
                "ms",
                baseline=fast,
                aim=Aim(5),
                beside="smaller",
            )
            for name, (fast, slow) in took.items()
        ],
        notes,
    )


async def _timed(question: Awaitable[Any]) -> float:
    began = perf_counter()
    await question
    return 1000 * (perf_counter() - began)


async def hinting(postgres: Postgres, *, appends: int) -> Section:
    """What the notification costs an append, measured in turns with and without it."""
    async with fresh(postgres) as (_, record, owner):

        async def append(writers: int) -> float:
            async def write() -> None:
                for _ in range(appends // writers):
                    await record.append(uuid4(), 0, events(1))

            began = perf_counter()
            await asyncio.gather(*(write() for _ in range(writers)))
            return appends / (perf_counter() - began)

        rates: dict[tuple[int, str], list[float]] = {}
        for _ in range(5):
            for writers in (1, 8):
                for state in ("ENABLE", "DISABLE"):
                    await owner.execute(f"ALTER TABLE record.journey_event {state} TRIGGER hint")
                    rates.setdefault((writers, state), []).append(await append(writers))
    return Section(
        "Appends of one event, with the notification beside without",
        [
            Figure(
                f"{writers} at once",
                sorted(rates[writers, "ENABLE"])[2],
                "per second",
                baseline=sorted(rates[writers, "DISABLE"])[2],
                beside="without",
            )
            for writers in (1, 8)
        ],
        ["medians of 5 turns"],
    )
