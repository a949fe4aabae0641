"""Each list answers what a look at every journey's own state would, page by page, in one order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from activities.record import Record
from activities.record.event_codec import load_events, load_journey
from activities.record.read_models.claims import claim
from activities.record.read_models.listed import CaseloadFilter, Signing, Task, WorklistFilter
from activities.record.read_models.pages import ListPage, NotACursor
from activities.record.read_models.queries import caseload, caseload_as_of, service_levels, sign_off_requests, worklist
from activities.record.read_models.row_types import ObligationRow
from activities.record.read_models.rows import DEFINITION, apply
from application.reading.history import as_known
from deploy.local.postgres import Database, Postgres
from simulation.people import STAFF
from tests.benchmarks.read_models import NOW, fill
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.journey.play import started
from tests.record.helpers import Connection, follow_log
from tests.record.read_models.courses import asked_of, catch_up, course_of, put, put_course, renamed
from workflows.journey.aggregate import Journey, fold
from workflows.journey.authorization import may_decide
from workflows.journey.events import HoldPlaced
from workflows.journey.obligations import obligations
from workflows.journey.views.summary import describe_wait, health
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage

COUNTS = (1, 3, 9, 9, 14, 25, 40, 77, 120, 150, 190, 196)


Journeys = dict[UUID, Journey]


@pytest_asyncio.fixture(scope="module")
async def made(postgres: Postgres) -> AsyncIterator[tuple[Database, Journeys]]:
    """The journeys, in the database that each test's is a copy of."""
    database = await postgres.fresh_database(template=postgres.database)
    async with open_clear(everything(database)) as record:
        journeys = await _make(record)
    # Nobody may be connected to what is copied.
    yield database, journeys
    await postgres.drop_database(database)


@pytest.fixture
def template(request: pytest.FixtureRequest, postgres: Postgres, made: tuple[Database, Journeys]) -> Database:
    return made[0] if "journeys" in request.fixturenames else postgres.database


@pytest.fixture
def journeys(made: tuple[Database, Journeys], record: Record) -> Journeys:
    """Journeys at many moments of their course, one of them held, as a fold of the record makes them."""
    return dict(made[1])


async def _make(record: Record) -> Journeys:
    known = [await put_course(record, count) for count in COUNTS]
    held = started().go_on(lambda journey: journey.stage == Stage.SESSIONS).go_on(
        lambda journey: journey.held, unwell=("check-in-1-24h",), late=("check-in-1-24h",)
    )  # fmt: skip
    assert held.journey.held
    known.append(uuid4())
    await put(record, renamed(held.events, known[-1]))
    await catch_up(record)
    folded = {journey_id: await load_journey(record, journey_id) for journey_id in known}
    return {journey_id: journey for journey_id, journey in folded.items() if journey is not None}


async def pages(ask: Callable[[str | None], Awaitable[ListPage[Any]]]) -> list[Any]:
    """All pages of a list; every one but the last is as long as the first."""
    found: list[Any] = []
    full: int | None = None
    after: str | None = None
    while True:
        answer = await ask(after)
        full = len(answer.rows) if full is None else full
        assert len(answer.rows) == full or (answer.next is None and len(answer.rows) <= full)
        found += answer.rows
        after = answer.next
        if after is None:
            return found


def every_task(journeys: dict[UUID, Journey]) -> list[tuple[bool, datetime, UUID, str]]:
    waits = [(not journey.held, w.deadline, i, w.id) for i, journey in journeys.items() for w in obligations(journey)]
    return sorted(waits, key=lambda row: (row[0], row[1], str(row[2]), row[3]))


def shown(tasks: list[Task]) -> list[tuple[bool, datetime, UUID, str]]:
    return [(not task.held, task.due, task.journey_id, task.obligation) for task in tasks]


async def test_the_worklist_is_all_that_is_awaited_held_first(record: Record, journeys: dict[UUID, Journey]) -> None:
    whole = await worklist(record, WorklistFilter(), limit=1000)
    assert whole.next is None
    assert len((await worklist(record, WorklistFilter(), limit=3)).rows) == 3
    assert sorted(shown(list(whole.rows))) == sorted(every_task(journeys))
    assert [row[:2] for row in shown(list(whole.rows))] == [row[:2] for row in every_task(journeys)]
    assert whole.rows[0].held
    assert not whole.rows[-1].held
    for limit in (1, 4):
        paged = await pages(lambda after, limit=limit: worklist(record, WorklistFilter(), limit=limit, after=after))  # type: ignore[misc]
        assert paged == list(whole.rows)
    for task in whole.rows:
        journey = journeys[task.journey_id]
        waiting = journey.waiting[task.obligation]
        assert (task.why, task.version) == (describe_wait(waiting, journey), journey.version)
        assert (task.next_step, task.person, task.owner) == (waiting.next_step, waiting.person, waiting.owner)
        assert (task.asked[0], {*task.asked}) == (waiting.owner, asked_of(journey, waiting))
    assert any(Role.CLINICIAN in task.asked[1:] for task in whole.rows)


async def test_the_worklist_of_some(record: Record, journeys: dict[UUID, Journey]) -> None:
    whole = (await worklist(record, WorklistFilter(), limit=1000)).rows
    some = next(task for task in whole if task.person is not None)
    middle = sorted(task.due for task in whole)[len(whole) // 2]
    free = next(task for task in whole if task.person is None)
    assert await claim(record, free.journey_id, free.obligation, "somebody")

    for work, fits in (
        (WorklistFilter(owners=(Role.PATIENT,)), lambda task: Role.PATIENT in task.asked),
        (
            WorklistFilter(owners=(Role.PATIENT, Role.CLINICIAN)),
            lambda task: bool({Role.PATIENT, Role.CLINICIAN} & {*task.asked}),
        ),
        (WorklistFilter(due_before=middle), lambda task: task.due < middle),
        (WorklistFilter(clinic="demo-clinic", owners=(Role.CLINICIAN,)), lambda task: Role.CLINICIAN in task.asked),
        (WorklistFilter(owners=(Role.CLINICIAN,)), lambda task: Role.CLINICIAN in task.asked),
        (WorklistFilter(clinic="another"), lambda _: False),
        (WorklistFilter(journey_id=some.journey_id), lambda task: task.journey_id == some.journey_id),
        (WorklistFilter(mine=some.person), lambda task: task.person == some.person),
        (
            WorklistFilter(mine="somebody"),
            lambda task: task.obligation == free.obligation and task.journey_id == free.journey_id,
        ),
        (WorklistFilter(unassigned=True), lambda task: task.person is None and task is not free),
        (
            WorklistFilter(mine=some.person, due_before=middle),
            lambda task: task.person == some.person and task.due < middle,
        ),
    ):
        wanted = [(task.journey_id, task.obligation) for task in whole if fits(task)]
        found = await pages(lambda after, work=work: worklist(record, work, limit=2, after=after))  # type: ignore[misc]
        assert [(task.journey_id, task.obligation) for task in found] == wanted, work
        assert wanted or work.clinic == "another"


async def test_what_falls_to_one_and_was_claimed_by_them_is_listed_once(
    record: Record, journeys: dict[UUID, Journey]
) -> None:
    whole = (await worklist(record, WorklistFilter(), limit=1000)).rows
    mine = next(task for task in whole if task.person is not None)
    assert mine.person is not None
    assert await claim(record, mine.journey_id, mine.obligation, mine.person)
    found = (await worklist(record, WorklistFilter(mine=mine.person), limit=1000)).rows
    assert len(found) == len({(task.journey_id, task.obligation) for task in found})
    assert len(found) == sum(task.person == mine.person for task in whole)


@pytest.mark.parametrize("cursor", ["", "nonsense", "e30=", "WzFd", "W10="])
async def test_what_continues_no_list_is_refused(record: Record, cursor: str) -> None:
    with pytest.raises(NotACursor):
        await worklist(record, WorklistFilter(), after=cursor)


async def test_the_caseload(record: Record, journeys: dict[UUID, Journey]) -> None:
    whole = await pages(lambda after: caseload(record, CaseloadFilter(), limit=3, after=after))
    assert [case.started_at for case in whole] == sorted(journey.started_at for journey in journeys.values())
    assert {case.journey_id for case in whole} == journeys.keys()
    for case in whole:
        journey = journeys[case.journey_id]
        assert (case.stage, case.health, case.held) == (journey.stage, health(journey), journey.held)
        assert (case.version, case.outcome) == (journey.version, journey.outcome)
        assert case.next_due == min((w.deadline for w in obligations(journey)), default=None)
        assert case.holds == tuple(hold.cause for hold in journey.holds.values() if not hold.released)
    for cases, fits in (
        (CaseloadFilter(stage=Stage.SESSIONS), lambda journey: journey.stage == Stage.SESSIONS),
        (CaseloadFilter(held=True), lambda journey: journey.held),
        (CaseloadFilter(open=False), lambda journey: journey.closed),
        (CaseloadFilter(open=True, held=False), lambda journey: not journey.closed and not journey.held),
        (CaseloadFilter(pathway="PTSD"), lambda _: True),
        (CaseloadFilter(person="demo-clinician"), lambda _: True),
        (CaseloadFilter(person="nobody"), lambda _: False),
    ):
        found = await pages(lambda after, cases=cases: caseload(record, cases, limit=2, after=after))  # type: ignore[misc]
        assert {case.journey_id for case in found} == {i for i, journey in journeys.items() if fits(journey)}


async def test_the_caseload_as_it_was_known(record: Record, journeys: dict[UUID, Journey]) -> None:
    log = [stored for after in range(0, 3000, 500) for stored in await follow_log(record, after)]
    events = {journey_id: await load_events(record, journey_id) for journey_id in journeys}
    for position in range(0, log[-1].position + 1, 37):
        versions: dict[UUID, int] = {}
        for stored in log[:position]:
            versions[stored.journey_id] = stored.version
        found = await pages(lambda after, p=position: caseload_as_of(record, p, limit=5, after=after))  # type: ignore[misc]
        assert [case.journey_id for case in found] == sorted(versions)
        for case in found:
            then = fold(events[case.journey_id][: versions[case.journey_id]])
            assert (case.stage, case.health, case.held) == (then.stage, health(then), then.held)
    assert (await caseload_as_of(record, 1, clinic="another")).rows == ()


async def test_the_caseload_at_a_time_is_every_journey_at_that_time(
    record: Record, journeys: dict[UUID, Journey]
) -> None:
    """Also where an event says that it is a little older than the one before it."""
    disordered, [*events] = uuid4(), course_of()[:20]
    for n in (5, 12, 19):
        events[n] = events[n].model_copy(update={"at": events[n - 1].at - timedelta(milliseconds=3)})
    hold = HoldPlaced(hold="hold-1", cause="patient", severe=False, reason="Invented: wait")
    await put(record, renamed([*events[:19], events[19].model_copy(update={"body": hold})], disordered))
    await catch_up(record)
    recorded = {journey_id: await load_events(record, journey_id) for journey_id in (*journeys, disordered)}
    decided = {event.at for events in recorded.values() for event in events}
    edges = {event.at + timedelta(milliseconds=n) for event in recorded[disordered] for n in (-4, -3, -2, 0, 1)}
    held = 0
    for at in sorted({*sorted(decided)[::17], *edges}):
        found = {case.journey_id: case for case in (await caseload_as_of(record, at, limit=100)).rows}
        assert found.keys() == {i for i, events in recorded.items() if events[0].at <= at}
        for journey_id, case in found.items():
            then = as_known(recorded[journey_id], at.isoformat(), now=at)
            assert (case.stage, case.health, case.held) == (then.stage, health(then), then.held)
            held += case.journey_id == disordered and case.held
    assert held
    assert (await caseload_as_of(record, min(decided) - timedelta(seconds=1))).rows == ()


async def test_what_waits_for_a_signature(record: Record, journeys: dict[UUID, Journey]) -> None:
    async def asked(**of: Any) -> list[Any]:
        return await pages(lambda after: sign_off_requests(record, limit=3, after=after, **of))

    waits = {
        (journey_id, waiting.id): (journey, waiting)
        for journey_id, journey in journeys.items()
        for waiting in obligations(journey)
        if waiting.sign_off is not None
    }
    whole = await asked()
    assert {(r.journey_id, r.obligation) for r in whole} == waits.keys()
    assert [r.due for r in whole] == sorted(r.due for r in whole)
    assert await asked(clinics=("another",)) == []
    assert await asked(clinics=("another", "demo-clinic")) == whole
    at = datetime(2026, 3, 2, tzinfo=UTC)
    for person in STAFF:
        may = {
            key
            for key, (journey, waiting) in waits.items()
            if waiting.sign_off is not None
            and may_decide(journey, waiting.sign_off, waiting.subject, person, at) is None
        }
        mine = await asked(by=Signing(person.id, person.role, at))
        assert {(r.journey_id, r.obligation) for r in mine} == may, person.id


async def test_service_levels_are_those_of_every_wait(record: Record, journeys: dict[UUID, Journey]) -> None:
    closed: list[ObligationRow] = []
    for journey_id in journeys:
        course = None
        for event in await load_events(record, journey_id):
            course = apply(course, event, event.version, event.at)
        assert course is not None
        closed += course.closed
    standing = [w for journey in journeys.values() for w in obligations(journey)]
    at = sorted(w.deadline for w in standing)[len(standing) // 2]

    levels = {level.kind: level for level in (await service_levels(record, at)).rows}
    assert levels.keys() == {row.kind for row in closed} | {w.kind for w in standing}
    for kind, level in levels.items():
        mine = [row for row in closed if row.kind == kind and row.because not in ("superseded", "held")]
        done = [row for row in mine if row.because == "done"]
        seconds = [(row.closed_at - row.since).total_seconds() for row in done if row.closed_at is not None]
        assert level.opened == len(mine) + sum(w.kind == kind for w in standing)
        assert level.done == len(done)
        assert level.late == sum(row.closed_at is not None and row.closed_at > row.due for row in done)
        assert level.overdue == sum(w.kind == kind and w.deadline < at for w in standing)
        assert level.seconds_median == (pytest.approx(median(seconds)) if seconds else None)
        assert level.seconds_most == (pytest.approx(max(seconds)) if seconds else None)
    assert sum(level.overdue for level in levels.values())
    assert (await service_levels(record, at, clinics=["another"])).rows == ()
    late = (await service_levels(record, at, since=datetime(2999, 1, 1, tzinfo=UTC))).rows
    assert {level.done for level in late} == {0}


async def test_an_answer_of_nothing_says_up_to_where(record: Record) -> None:
    assert await worklist(record, WorklistFilter()) == ListPage[Task](position=0, definition=DEFINITION, rows=())
    whole = len(course_of())
    await put_course(record, whole)
    await catch_up(record)
    assert (await worklist(record, WorklistFilter())) == ListPage[Task](position=whole, definition=DEFINITION, rows=())


async def test_the_rows_of_the_benchmark_are_rows_of_the_lists(record: Record, owner: Connection) -> None:
    await fill(owner, 100)
    assert len((await worklist(record, WorklistFilter(), limit=100)).rows) == 100
    assert len((await caseload(record, CaseloadFilter())).rows) == 20
    assert sum(level.opened for level in (await service_levels(record, NOW)).rows) == 100
