"""The worklist: what is awaited of whom, taken on and given up, as every journey's own state says."""

import asyncio
import csv
import io
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from activities.record.access_log import list_access
from activities.record.read_models import service_levels
from application.reading import freshness
from application.words.quantities import format_duration
from simulation.people import CLINIC, PEOPLE, profile
from tests.cli.clinics import OTHER, Clinics
from tests.cli.conftest import Profiles
from tests.cli.helpers import World, call
from tests.record.helpers import event
from tests.record.read_models.courses import asked_of, catch_up, course_of
from workflows.journey.aggregate import Journey
from workflows.journey.requirements import Obligation
from workflows.journey.views.summary import describe_wait
from workflows.journey.vocabulary.actors import Role

CLINICIAN, PATIENT = Role.CLINICIAN, Role.PATIENT


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "carepath" / "work.json"


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


async def test_a_list_is_what_every_journey_waits_for(clinics: Clinics) -> None:
    found = await clinics.json("work", "list", "--all", "--limit", "1000")
    assert [(UUID(row["journey_id"]), row["obligation"]) for row in found["rows"]] == clinics.awaited()
    assert (found["position"], found["record"], found["stale_journeys"]) == (clinics.position, clinics.position, 0)
    assert found["next"] is None
    for row in found["rows"]:
        journey = clinics.journeys[UUID(row["journey_id"])]
        waiting = journey.waiting[row["obligation"]]
        assert (row["why"], row["version"], row["stale"]) == (describe_wait(waiting, journey), journey.version, None)
        assert (row["owner"], row["person"], row["held"]) == (waiting.owner, waiting.person, journey.held)
        assert row["overdue"] == (waiting.deadline < clinics.world.at)
    assert {row["overdue"] for row in found["rows"]} == {True, False}
    assert found["rows"][0]["held"]


async def test_every_filter(clinics: Clinics, profiles: Profiles) -> None:
    world, me = clinics.world, ("--profile", profiles[CLINICIAN])
    free = next(row for row in clinics.awaited(lambda _, waiting: waiting.person is None))
    taken = await clinics.call("work", "claim", str(free[0]), free[1], *me)
    assert taken.code == 0, taken.err

    def is_free(journey: Journey, waiting: Obligation) -> bool:
        return (journey.id, waiting.id) == free

    def is_mine(journey: Journey, waiting: Obligation) -> bool:
        return waiting.person == "demo-clinician" or is_free(journey, waiting)

    one = str(clinics.held)
    asked: tuple[tuple[tuple[str, ...], Callable[[Journey, Obligation], bool]], ...] = (
        (("--all",), lambda *_: True),
        (me, lambda j, w: CLINICIAN in asked_of(j, w)),
        (("--role", "patient"), lambda j, w: PATIENT in asked_of(j, w)),
        (
            ("--role", "patient", "--role", "session_monitor"),
            lambda j, w: bool({PATIENT, Role.SESSION_MONITOR} & asked_of(j, w)),
        ),
        (("--mine", *me), is_mine),
        (("--mine", "--role", "patient", *me), lambda j, w: is_mine(j, w) and PATIENT in asked_of(j, w)),
        (("--all", "--unassigned"), lambda j, w: w.person is None and not is_free(j, w)),
        (("--all", "--overdue"), lambda _, w: w.deadline < world.at),
        (("--mine", "--overdue", *me), lambda j, w: is_mine(j, w) and w.deadline < world.at),
        (("--all", "--clinic", OTHER), lambda j, _: j.clinic == OTHER),
        (("--clinic", OTHER, *me), lambda j, w: j.clinic == OTHER and CLINICIAN in asked_of(j, w)),
        (("--journey", one), lambda j, _: str(j.id) == one),
        (("--journey", one, "--role", "clinician"), lambda j, w: str(j.id) == one and CLINICIAN in asked_of(j, w)),
    )
    for options, fits in asked:
        wanted = clinics.awaited(fits)
        assert await clinics.rows(*options) == wanted, options
        assert wanted, options
        assert wanted != clinics.awaited() or options == ("--all",), options
    assert (await clinics.call("work", "list", "--all", "--clinic", "another")).code == 4


async def test_what_was_escalated_to_a_role_is_on_its_list(clinics: Clinics, profiles: Profiles) -> None:
    def escalated(journey: Journey, waiting: Obligation) -> bool:
        return CLINICIAN in asked_of(journey, waiting) and waiting.owner != CLINICIAN

    me = ("--profile", profiles[CLINICIAN])
    wanted = clinics.awaited(escalated)
    assert wanted
    found = await clinics.json("work", "list", *me, "--limit", "1000")
    rows = {(UUID(row["journey_id"]), row["obligation"]): row for row in found["rows"]}
    for this in wanted:
        waiting = clinics.journeys[this[0]].waiting[this[1]]
        assert (rows[this]["owner"], rows[this]["asked"][0]) == (waiting.owner, waiting.owner)
        assert this in await clinics.rows("--role", waiting.owner.value)
    shown = await clinics.call("work", "list", *me)
    assert "escalated to" in shown.out


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
async def test_today_ends_at_midnight_where_the_user_is(
    clinics: Clinics, in_zone: Callable[[str], None], zone: str
) -> None:
    in_zone(zone)
    [due] = [w.deadline for j in clinics.journeys.values() for w in j.waiting.values() if w.id == "consent"]
    midnight = due.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    for at, is_listed in (
        (midnight - timedelta(minutes=1), False),
        (midnight, True),
        (due - timedelta(seconds=1), True),
        (due + timedelta(days=9), True),
    ):
        clinics.world.at = at.astimezone(UTC)
        listed = [obligation for _, obligation in await clinics.rows("--all", "--today")]
        assert ("consent" in listed) == is_listed, at
    clinics.world.at = midnight.astimezone(UTC)
    assert await clinics.rows("--all", "--today") == clinics.awaited(
        lambda _, w: w.deadline < midnight + timedelta(days=1)
    )
    assert await clinics.rows("--all", "--today", "--overdue") == await clinics.rows("--all", "--overdue")


@pytest.mark.parametrize("limit", [pytest.param(1, marks=pytest.mark.soak), 4])
async def test_pages_have_no_gap_and_no_repeat(clinics: Clinics, limit: int) -> None:
    found: list[tuple[UUID, str]] = []
    more: tuple[str, ...] | None = ()
    pages = 0
    while more is not None:
        page = await clinics.json("work", "list", "--all", "--limit", str(limit), *more)
        assert len(page["rows"]) <= limit
        found += [(UUID(row["journey_id"]), row["obligation"]) for row in page["rows"]]
        more = None if page["next"] is None else ("--after", page["next"])
        pages += 1
    assert found == clinics.awaited()
    assert pages == -(-len(found) // limit)


async def test_the_next_page_is_told(clinics: Clinics) -> None:
    cursor = (await clinics.json("work", "list", "--all", "--limit", "2"))["next"]
    for kind in ((), ("--csv",)):
        first = await clinics.call("work", "list", "--all", "--limit", "2", *kind)
        assert f"--after {cursor}" in first.err
        assert cursor not in first.out
    last = await clinics.call("work", "list", "--all", "--limit", "1000")
    assert "--after" not in last.err


def made_up(version: int, name: str) -> str:
    whole = [True, "2026-01-01T00:00:00Z", str(UUID(int=7)), version, name]
    return urlsafe_b64encode(json.dumps(whole).encode()).decode()


async def test_a_cursor_of_what_is_gone_goes_on_after_it(clinics: Clinics) -> None:
    assert (await clinics.call("work", "list", "--all", "--after", made_up(3, "gone"))).code == 0


@pytest.mark.parametrize("cursor", ["nonsense", "W10=", "€", "", made_up(2**31, "a"), made_up(3, "\0")])
async def test_what_is_no_cursor(clinics: Clinics, cursor: str) -> None:
    for words in (("work", "list", "--all"), ("pathway", "list"), ("pathway", "list", "--at", "3")):
        answer = await clinics.call(*words, "--after", cursor, "--json")
        assert answer.code == 2
        assert "first page" in answer.error["reason"]


async def test_what_people_see(clinics: Clinics, in_zone: Callable[[str], None]) -> None:
    in_zone("Europe/Berlin")
    shown = await clinics.call("work", "list", "--all", "--limit", "1000")
    assert shown.out.startswith("ILLUSTRATIVE")
    for journey_id, obligation in clinics.awaited():
        assert str(journey_id) in shown.out
        assert obligation in shown.out
    due = clinics.journeys[clinics.held].waiting[clinics.awaited()[0][1]].deadline
    assert f"{due.astimezone():%a %Y-%m-%d %H:%M} CET" in shown.out
    assert shown.out.count("HELD") == len(clinics.awaited(lambda j, _: j.held))
    assert "overdue by" in shown.out
    assert "STALE" not in shown.out + shown.err
    assert f"Of everybody. True up to position {clinics.position}." in shown.err
    nothing = await clinics.call("work", "list", "--role", "ops")
    assert nothing.out == "Nothing is awaited.\n"
    assert "Of every ops." in nothing.err


async def test_csv_has_what_json_has(clinics: Clinics) -> None:
    rows = (await clinics.json("work", "list", "--all"))["rows"]
    answer = await clinics.call("work", "list", "--all", "--csv")
    read = list(csv.DictReader(io.StringIO(answer.out)))
    assert len(read) == len(rows)
    for line, row in zip(read, rows, strict=True):
        assert line == {
            name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
            for name, value in row.items()
        }


async def test_a_patient_sees_no_lists_of_others(clinics: Clinics, profiles: Profiles) -> None:
    for words in (("work", "list"), ("work", "list", "--all"), ("work", "stats"), ("pathway", "list")):
        assert (await clinics.call(*words, "--profile", profiles[PATIENT])).code == 4


async def test_nobody_is_guessed(clinics: Clinics, profiles: Profiles) -> None:
    clinics.world.set(profile=None)
    for options in ((), ("--mine",), ("--overdue",), ("--unassigned", "--clinic", OTHER)):
        answer = await clinics.call("work", "list", *options, "--json")
        assert answer.code == 2
        assert answer.error["reason"] == "who acts is not known"
    assert (await clinics.call("work", "claim", *map(str, clinics.awaited()[0]))).code == 2


async def test_whose_work_is_told(clinics: Clinics, profiles: Profiles) -> None:
    coordinator, clinician = (("--profile", profiles[role]) for role in (Role.COORDINATOR, CLINICIAN))
    assert await clinics.rows(*coordinator) == clinics.awaited()
    for options, said in (
        (coordinator, "Of everybody."),
        (clinician, "Of every clinician; --all shows everybody's."),
        (("--mine", *clinician), "Of demo-clinician."),
        (("--mine", "--role", "patient", *clinician), "Of demo-clinician, only what is awaited of every patient."),
        (("--role", "patient", "--role", "ops", "--overdue"), "Of every patient, every ops (--overdue)."),
        (("--all", "--clinic", OTHER), f"Of everybody (--clinic {OTHER})."),
    ):
        assert said in (await clinics.call("work", "list", *options)).err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--role", "queen"), "--role"),
        (("--all", "--clinic", "a' OR 'a"), "--clinic"),
        (("--all", "--save", "a b"), "--save"),
    ],
)
def test_options_that_do_not_fit(world: World, options: tuple[str, ...], told: str) -> None:
    answer = call(world, "work", "list", *options, "--json")
    assert answer.code == 2
    assert told in answer.fields
    assert options[-1] not in answer.err


@pytest.mark.parametrize(
    "options",
    [
        ("--all", "--mine"),
        ("--all", "--role", "patient"),
        ("--mine", "--unassigned"),
        ("--all", "--csv", "--json"),
        ("--all", "--watch", "--csv"),
        ("--all", "--watch"),
        ("--journey", "Robin"),
        ("--all", "--limit", "0"),
    ],
)
def test_options_that_exclude_each_other(world: World, profiles: Profiles, options: tuple[str, ...]) -> None:
    answer = call(world, "work", "list", *options, "--profile", profiles[CLINICIAN])
    assert answer.code == 2
    assert answer.out == ""
    assert "Robin" not in answer.err


async def test_a_claim(clinics: Clinics, profiles: Profiles) -> None:
    journey_id, obligation = clinics.awaited(lambda _, waiting: waiting.person is None)[0]
    this = (str(journey_id), obligation)
    one, two = (("--profile", profiles[role]) for role in (Role.COORDINATOR, CLINICIAN))
    taken = await clinics.json("work", "claim", *this, *one)
    assert (taken["outcome"], taken["claimed_by"], taken["illustrative"]) == ("claimed", "demo-coordinator", True)
    assert (await clinics.json("work", "claim", *this, *one))["claimed_at"] == taken["claimed_at"]
    assert "(demo-coordinator)" in (await clinics.call("work", "list", "--mine", *one)).out

    for verb in ("claim", "release"):
        refused = await clinics.call("work", verb, *this, *two, "--json")
        assert refused.code == 5
        assert refused.error["claimed_by"] == "demo-coordinator"
        assert refused.error["reason"].startswith("demo-coordinator has claimed it, on ")
    assert (journey_id, obligation) in await clinics.rows("--mine", *one)
    assert (journey_id, obligation) not in await clinics.rows("--mine", *two)

    given_up = await clinics.call("work", "release", *this, *one)
    assert given_up.code == 0
    assert "It is released" in given_up.out
    assert (await clinics.json("work", "release", *this, *one))["claimed_by"] is None
    assert (await clinics.json("work", "claim", *this, *two))["claimed_by"] == "demo-clinician"


@pytest.mark.parametrize("role", [Role.PATIENT, Role.OBSERVER])
@pytest.mark.parametrize("verb", ["claim", "release"])
async def test_patients_and_observers_claim_nothing(
    clinics: Clinics, profiles: Profiles, role: Role, verb: str
) -> None:
    """Claims lie in clear, and who a patient is would stand in one."""
    journey_id, obligation = clinics.awaited(lambda _, waiting: waiting.person is None)[0]
    refused = await clinics.call("work", verb, str(journey_id), obligation, "--profile", profiles[role])
    assert refused.code == 4
    assert "is for staff" in refused.err


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.MEDICAL_DIRECTOR])
async def test_the_claim_of_somebody_who_is_away(clinics: Clinics, profiles: Profiles, role: Role) -> None:
    journey_id, obligation = clinics.awaited(lambda _, waiting: waiting.person is None)[0]
    this = (str(journey_id), obligation)
    away, other, in_charge = (("--profile", profiles[each]) for each in (CLINICIAN, Role.THERAPIST, role))
    await clinics.json("work", "claim", *this, *away)
    refused = await clinics.call("work", "release", *this, *other, "--json")
    assert refused.code == 5
    assert "a coordinator" in refused.error["remedy"]
    with capture_logs() as logged:
        shown = await clinics.call("work", "release", *this, *in_charge)
    assert "demo-clinician" in shown.out
    assert "It is released" in shown.out
    [line] = [each for each in logged if each["event"] == "read_models.claim_released"]
    assert (line["journey_id"], line["claimed_by"], line["by"]) == (
        str(journey_id), "demo-clinician", in_charge_id(profiles, role),
    )  # fmt: skip
    again = await clinics.json("work", "release", *this, *in_charge)
    assert (again["claimed_by"], again["was_claimed_by"]) == (None, None)
    assert (await clinics.json("work", "claim", *this, *other))["outcome"] == "claimed"


def in_charge_id(profiles: Profiles, role: Role) -> str:
    return str(json.loads(Path(profiles[role]).read_text())["id"])


async def test_only_what_is_awaited_is_claimed(clinics: Clinics, profiles: Profiles) -> None:
    journey_id, obligation = clinics.awaited()[0]
    me = ("--profile", profiles[CLINICIAN], "--json")
    for this in ((str(journey_id), "moon"), (str(clinics.ended), obligation), (str(UUID(int=7)), obligation)):
        for verb in ("claim", "release"):
            assert (await clinics.call("work", verb, *this, *me)).code == 3
    assert (await clinics.call("work", "claim", "Robin", obligation, *me)).code == 2
    new = await clinics.add(course_of()[:3])
    not_yet = await clinics.call("work", "claim", str(new), "evaluation", *me)
    assert not_yet.code == 3
    assert f"the record is at {clinics.position}" in not_yet.error["state"]


@pytest.fixture
def patient(clinics: Clinics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists wait for what was just recorded."""
    monkeypatch.setattr(freshness, "CAUGHT_UP_WITHIN", timedelta(minutes=1))


@pytest.mark.usefixtures("patient")
async def test_a_claim_finds_what_was_just_recorded(clinics: Clinics, profiles: Profiles) -> None:
    new = await clinics.add(course_of()[:3])
    late = asyncio.create_task(projecting_after(0.3, clinics))
    claimed = await clinics.call("work", "claim", str(new), "evaluation", "--profile", profiles[CLINICIAN])
    assert claimed.code == 0, claimed.err
    await late


async def projecting_after(seconds: float, clinics: Clinics) -> None:
    await asyncio.sleep(seconds)
    await catch_up(clinics.record)


@pytest.mark.usefixtures("patient")
async def test_a_list_waits_for_what_was_just_recorded(clinics: Clinics) -> None:
    new = await clinics.add(course_of()[:3])
    late = asyncio.create_task(projecting_after(0.3, clinics))
    found = await clinics.json("work", "list", "--all")
    assert (new, "evaluation") in [(UUID(row["journey_id"]), row["obligation"]) for row in found["rows"]]
    assert found["position"] == found["record"] == clinics.position
    await late


async def test_a_list_that_is_behind_says_so(clinics: Clinics) -> None:
    known = clinics.position
    await clinics.add(course_of()[:3])
    found = await clinics.json("work", "list", "--all")
    assert (found["position"], found["record"]) == (known, known + 3)
    for words in (("work", "list", "--all"), ("work", "stats"), ("pathway", "list"), ("pathway", "list", "--at", "9")):
        shown = await clinics.call(*words)
        assert f"True up to position {known}; the record is at {known + 3}" in shown.err


@pytest.fixture
async def stuck(clinics: Clinics) -> UUID:
    """A journey whose next event cannot be applied while it is stuck; its list has what it waited for before."""
    journey_id = clinics.held
    await clinics.record.append(journey_id, clinics.journeys[journey_id].version, [event()])
    await catch_up(clinics.record)
    return journey_id


async def test_what_is_stale_is_marked(clinics: Clinics, stuck: UUID) -> None:
    version = clinics.journeys[stuck].version
    found = await clinics.json("work", "list", "--all", "--limit", "1000")
    assert found["stale_journeys"] == 1
    assert {row["journey_id"] for row in found["rows"] if row["stale"]} == {str(stuck)}
    shown = await clinics.call("work", "list", "--all", "--limit", "1000")
    assert shown.out.count(f"STALE: as of version {version}") == len(clinics.journeys[stuck].waiting)
    assert "1 journey is STALE" in shown.err
    # Also where no row of it is shown: something may be missing here.
    elsewhere_only = await clinics.call("work", "list", "--all", "--clinic", OTHER)
    assert "STALE" not in elsewhere_only.out
    assert "1 journey is STALE" in elsewhere_only.err
    listed = await clinics.call("pathway", "list")
    assert "held, STALE" in listed.out
    then = await clinics.call("pathway", "list", "--at", str(clinics.position))
    assert "STALE" in then.out


async def test_filters_are_kept(clinics: Clinics, profiles: Profiles, own_configuration: Path) -> None:
    me = ("--profile", profiles[CLINICIAN])
    saved = await clinics.call("work", "list", "--role", "patient", "--clinic", OTHER, "--save", "night")
    assert saved.code == 0, saved.err
    assert "work list --use night" in saved.err
    await clinics.call("work", "list", "--mine", "--overdue", "--save", "late", *me)
    assert await clinics.rows("--use", "night") == await clinics.rows("--role", "patient", "--clinic", OTHER)
    assert await clinics.rows("--use", "late", *me) == await clinics.rows("--mine", "--overdue", *me)
    # What is given is added, and wins.
    assert await clinics.rows("--use", "night", "--clinic", "demo-clinic") == await clinics.rows(
        "--role", "patient", "--clinic", "demo-clinic"
    )
    assert (await clinics.call("work", "list", "--use", "late", "--all", *me)).code == 2

    assert await clinics.json("work", "filters") == {
        "late": {"mine": True, "overdue": True},
        "night": {"role": ["patient"], "clinic": OTHER},
    }
    assert f"--role patient --clinic {OTHER}" in (await clinics.call("work", "filters")).out
    assert list(own_configuration.parent.iterdir()) == [own_configuration]
    assert await clinics.json("work", "filters", "--forget", "night") == {"late": {"mine": True, "overdue": True}}
    for words in (("list", "--use", "night"), ("filters", "--forget", "night")):
        assert (await clinics.call("work", *words)).code == 3


@pytest.mark.parametrize("content", ["{", "[]", '{"filters": {"a": {"mine": "Robin"}}}', '{"filters": {"a b": {}}}'])
def test_kept_filters_that_do_not_fit(world: World, own_configuration: Path, content: str) -> None:
    own_configuration.parent.mkdir()
    own_configuration.write_text(content)
    for words in (("list", "--use", "a"), ("list", "--all", "--save", "b"), ("filters",)):
        answer = call(world, "work", *words, "--json")
        assert answer.code == 2
        assert "Robin" not in answer.err
    assert own_configuration.read_text() == content


async def test_stats_are_of_ones_own_clinics_and_a_look(clinics: Clinics, tmp_path: Path) -> None:
    own = tmp_path / "elsewhere.json"
    own.write_text(profile(PEOPLE[CLINICIAN], OTHER))
    as_other = ("--profile", str(own))
    theirs = await clinics.json("work", "stats", *as_other)
    assert theirs["rows"] == (await clinics.json("work", "stats", "--clinic", OTHER))["rows"]
    assert theirs["rows"] != (await clinics.json("work", "stats"))["rows"]
    kept = [look.command for look in await list_access(clinics.record) if look.command[0] == "work stats"]
    assert [OTHER in asked for _, asked in kept] == [False, True, False]
    refused = await clinics.call("work", "stats", "--clinic", CLINIC, *as_other, "--json")
    assert (refused.code, "not a clinic" in refused.error["reason"]) == (4, True)


async def test_stats(clinics: Clinics) -> None:
    at = clinics.world.at
    answer = await service_levels(clinics.record, at)
    found = await clinics.json("work", "stats")
    assert found["rows"] == [level.model_dump(mode="json") for level in answer.rows]
    assert any(level.done for level in answer.rows)
    assert found["position"] == clinics.position
    shown = await clinics.call("work", "stats")
    assert shown.out.startswith("ILLUSTRATIVE")
    longest = max(level.seconds_most or 0 for level in answer.rows)
    assert format_duration(longest) in shown.out
    lines = list(csv.DictReader(io.StringIO((await clinics.call("work", "stats", "--csv")).out)))
    assert [line["kind"] for line in lines] == [level.kind for level in answer.rows]
    assert [line["done"] for line in lines] == [str(level.done) for level in answer.rows]

    none_done = await clinics.json("work", "stats", "--since", "2999-01-01")
    assert sum(row["done"] for row in none_done["rows"]) == 0
    assert sum(row["overdue"] for row in none_done["rows"]) == sum(level.overdue for level in answer.rows) > 0
    of_one = await clinics.json("work", "stats", "--clinic", OTHER)
    assert 0 < sum(row["done"] for row in of_one["rows"]) < sum(level.done for level in answer.rows)
    for words in (("--since", "Robin"), ("--clinic", "a'b"), ("--since", "0001-01-01T00:00+23:59")):
        refused = await clinics.call("work", "stats", *words, "--json")
        assert refused.code == 2
        assert "Robin" not in refused.err


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (5_460, "1 h 31 min"),
        (86_400, "1 d"),
        (86_400 + 59, "1 d"),
        (86_400 + 60, "1 d"),
        (90_061, "1 d 1 h"),
        (400 * 86_400 + 23 * 3_600 + 3_599, "400 d 23 h"),
    ],
)
def test_durations(seconds: float | None, said: str) -> None:
    assert format_duration(seconds) == said
