"""Where journeys stand and stood: what a fold of each journey says, filter by filter."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from activities.record.event_codec import load_events
from application.reading.history import as_known
from application.work.worklist import MOST
from tests.cli.clinics import OTHER, Clinics
from tests.cli.helpers import World, call
from tests.record.helpers import follow_log
from tests.record.read_models.courses import course_of
from workflows.journey.aggregate import Journey, fold
from workflows.journey.obligations import obligations
from workflows.journey.views.summary import health, status


async def listed(clinics: Clinics, *options: str) -> list[UUID]:
    found = await clinics.json("pathway", "list", "--limit", str(MOST), *options)
    return [UUID(row["journey_id"]) for row in found["rows"]]


async def test_where_each_stands(clinics: Clinics) -> None:
    found = await clinics.json("pathway", "list", "--closed")
    assert [UUID(row["journey_id"]) for row in found["rows"]] == in_order(clinics, lambda _: True)
    assert found["position"] == found["record"] == clinics.position
    for row in found["rows"]:
        journey = clinics.journeys[UUID(row["journey_id"])]
        now = status(journey, journey.version)
        first = next(iter(obligations(journey)), None)
        assert (row["awaits"], row["awaited"], row["stage"], row["pathway"], row["health"]) == (
            now.awaits, first and first.what, now.stage, now.pathway, now.health,
        )  # fmt: skip
        assert row["overdue"] == (now.due is not None and now.due < clinics.world.at)
        assert row["illustrative"] is True
    people = await clinics.call("pathway", "list")
    assert people.out.startswith("ILLUSTRATIVE")
    assert all((str(journey_id) in people.out) == (journey_id != clinics.ended) for journey_id in clinics.journeys)
    assert " overdue" in people.out


def in_order(clinics: Clinics, fits: Callable[[Journey], bool]) -> list[UUID]:
    found = [(journey.started_at, str(i), i) for i, journey in clinics.journeys.items() if fits(journey)]
    return [journey_id for _, _, journey_id in sorted(found)]


async def test_every_filter(clinics: Clinics) -> None:
    dues = [due for journey in clinics.journeys.values() if (due := status(journey, 0).due) is not None]
    now = clinics.world.at = max(dues)

    def awaits(journey: Journey) -> str | None:
        return status(journey, 0).awaits

    def late(journey: Journey) -> bool:
        due = status(journey, 0).due
        return due is not None and due < now

    everything = ((), ("--closed",), ("--pathway", "ptsd"))
    asked: tuple[tuple[tuple[str, ...], Callable[[Journey], bool]], ...] = (
        ((), lambda j: not j.closed),
        (("--closed",), lambda _: True),
        (("--stage", "sessions"), lambda j: j.stage == "sessions"),
        (("--stage", "closed", "--closed"), lambda j: j.closed),
        (("--pathway", "ptsd"), lambda j: not j.closed),
        (("--awaits", "clinician"), lambda j: awaits(j) == "clinician"),
        (("--awaits", "patient", "--stage", "sessions"), lambda j: awaits(j) == "patient" and j.stage == "sessions"),
        (("--clinic", OTHER), lambda j: j.clinic == OTHER),
        (("--overdue",), late),
        (("--overdue", "--awaits", "session_monitor"), lambda j: late(j) and awaits(j) == "session_monitor"),
    )
    for options, fits in asked:
        wanted = in_order(clinics, fits)
        assert await listed(clinics, *options) == wanted, options
        assert wanted, options
        assert len(wanted) < sum(not j.closed for j in clinics.journeys.values()) or options in everything, options
    assert await listed(clinics, "--pathway", "ANXIETY") == []


@pytest.mark.parametrize("at", [(), ("--at", "40")])
async def test_pages(clinics: Clinics, at: tuple[str, ...]) -> None:
    whole = await listed(clinics, "--closed", *at)
    found: list[str] = []
    more: tuple[str, ...] | None = ()
    while more is not None:
        page = await clinics.json("pathway", "list", "--closed", "--limit", "2", *at, *more)
        found += [row["journey_id"] for row in page["rows"]]
        more = None if page["next"] is None else ("--after", page["next"])
    assert found == [str(journey_id) for journey_id in whole]
    told = await clinics.call("pathway", "list", "--closed", "--limit", "1", *at)
    assert ("--after" in told.err) == (len(whole) > 1)


async def test_where_each_stood(clinics: Clinics) -> None:
    log = [stored for after in range(0, clinics.position, 500) for stored in await follow_log(clinics.record, after)]
    events = {journey_id: await load_events(clinics.record, journey_id) for journey_id in clinics.journeys}
    for position in (0, 1, 60, 300, clinics.position):
        versions = {stored.journey_id: stored.version for stored in log[:position]}
        then = {journey_id: fold(events[journey_id][:version]) for journey_id, version in versions.items()}
        found = await clinics.json("pathway", "list", "--closed", "--at", str(position))
        assert [UUID(row["journey_id"]) for row in found["rows"]] == sorted(then)
        assert found["at"] == position
        for row in found["rows"]:
            journey = then[UUID(row["journey_id"])]
            assert (row["stage"], row["health"], row["held"]) == (journey.stage, health(journey), journey.held)
        for options, fits in (
            ((), lambda j: not j.closed),
            (("--stage", "sessions"), lambda j: j.stage == "sessions"),
            (("--clinic", OTHER), lambda j: j.clinic == OTHER),
        ):
            wanted = sorted(journey_id for journey_id, journey in then.items() if fits(journey))
            assert await listed(clinics, "--at", str(position), *options) == wanted, (position, options)


async def test_where_each_stood_at_a_time(clinics: Clinics) -> None:
    events = {journey_id: await load_events(clinics.record, journey_id) for journey_id in clinics.journeys}
    clinics.world.at = max(each[-1].at for each in events.values()) + timedelta(hours=1)
    for at in sorted({event.at for each in events.values() for event in each})[::40]:
        found = await clinics.json("pathway", "list", "--closed", "--at", at.isoformat())
        assert found["rows"]
        for row in found["rows"]:
            then = as_known(events[UUID(row["journey_id"])], at.isoformat(), now=at)
            assert (row["stage"], row["health"], row["held"]) == (then.stage, health(then), then.held)
    now = await listed(clinics, "--at", clinics.world.at.isoformat())
    assert now == sorted(in_order(clinics, lambda j: not j.closed))
    assert await listed(clinics, "--at", "1999-12-31") == []
    told = await clinics.call("pathway", "list", "--at", "1999-12-31T10:00")
    assert "As was known Fri 1999-12-31 10:00" in told.err


async def test_no_moment_that_was(clinics: Clinics) -> None:
    clinics.world.at = course_of()[0].at
    odd = ("016", "1_6", "+16")
    for moment in (str(clinics.position + 1), "9" * 18, "9" * 5000, "2999-01-01", "Robin", "", "-1", *odd):
        answer = await clinics.call("pathway", "list", f"--at={moment}", "--json")
        assert answer.code == 2, moment
        assert "--at" in answer.error["reason"]
        assert "Robin" not in answer.err
    for options in (("--overdue",), ("--awaits", "patient")):
        assert (await clinics.call("pathway", "list", "--at", "1", *options)).code == 2


def test_options_that_do_not_fit(world: World) -> None:
    for option, value in (("--stage", "moon"), ("--pathway", "a b"), ("--awaits", "x"), ("--clinic", "a' OR 'a")):
        answer = call(world, "pathway", "list", option, value, "--json")
        assert answer.code == 2
        assert option in answer.fields
