"""Who looked: kept before anything is shown, refused where it is not theirs, and shown again as it was."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from activities.record import RecordUnavailable
from activities.record.access_log import AccessLogEntry, Purpose, find_unannounced_access, list_access
from application.access.break_glass import break_glass as break_glass_as
from application.errors import Conflict
from application.reading import access_log
from application.record.repair import announce_access
from tests.cli.clinics import OTHER, Clinics
from tests.cli.helpers import Answer, World, call
from tests.record.helpers import event
from tests.record.read_models.courses import catch_up, course_of
from workflows.journey.commands import BreakGlass
from workflows.journey.events import GlassBroken
from workflows.journey.obligations import obligations
from workflows.journey.receipts import receipts_of

REASON = {"reason": "Invented: the emergency room called"}
LOOKS = (
    ("pathway", "show", "{}"),
    ("pathway", "show", "{}", "--at", "3"),
    ("pathway", "timeline", "{}"),
    ("pathway", "why", "{}"),
    ("pathway", "patient-view", "{}"),
    ("pathway", "explain", "{}", "2"),
    ("pathway", "diff", "{}", "1", "2"),
    ("signoff", "list", "{}"),
    ("signoff", "attempts", "{}"),
)


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    return person(tmp_path / "stranger.json", clinics=[OTHER])


def person(file: Path, **fields: object) -> str:
    file.write_text(json.dumps({"id": "somebody-else", "role": "therapist", "name": "Else Invented"} | fields))
    return str(file)


def look(world: World, words: tuple[str, ...], journey: UUID, *options: str) -> Answer:
    return call(world, *(word.format(journey) for word in words), *options)


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_every_look_is_kept(world: World, journey: UUID, words: tuple[str, ...]) -> None:
    assert look(world, words, journey, "--json").code == 0
    [kept] = world.looks()
    assert (kept.reader_id, kept.reader_role, kept.purpose) == ("demo-coordinator", "coordinator", "CAREMGT")
    name, asked = kept.command
    assert name == " ".join(words[:2])
    assert json.loads(asked)["journey_id"] == str(journey)
    assert (kept.journeys, kept.shown, kept.reason, kept.until) == ((journey,), True, None, None)
    assert kept.position == len(world.events(journey))


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_what_cannot_be_kept_is_not_shown(
    world: World, journey: UUID, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise RecordUnavailable("57P01")

    monkeypatch.setattr(access_log, "record_access", unavailable)
    answer = look(world, words, journey)
    assert (answer.code, answer.out) == (6, "")


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_stranger_sees_nothing_and_that_is_kept(
    world: World, journey: UUID, stranger: str, words: tuple[str, ...]
) -> None:
    answer = look(world, words, journey, "--profile", stranger)
    assert (answer.code, answer.out) == (4, "")
    assert "access break-glass" in answer.err
    [kept] = world.looks()
    assert (kept.reader_id, kept.shown) == ("somebody-else", False)


def test_trying_out_is_looking(world: World, journey: UUID, stranger: str) -> None:
    hold = ("pathway", "hold", str(journey), "--dry-run")
    assert call(world, *hold, given={"reason": "Invented"}).code == 0
    assert call(world, *hold, "--profile", stranger, given={"reason": "Invented"}).code == 4
    looks = world.looks()
    assert [(kept.command[0], kept.shown) for kept in looks] == [("act", True), ("act", False)]
    assert all("pathway hold --dry-run" in kept.command[1] for kept in looks)


def test_whom_the_plan_names_may_look_from_anywhere(world: World, journey: UUID, tmp_path: Path) -> None:
    clinician = world.state(journey).clinician
    named = person(tmp_path / "named.json", id=clinician, role="therapist", clinics=[])
    assert look(world, LOOKS[0], journey, "--profile", named).code == 0


def test_what_for(world: World, journey: UUID) -> None:
    assert look(world, LOOKS[0], journey, "--purpose", "hlegal").code == 0
    assert world.looks()[0].purpose == Purpose.LEGAL
    for none in ("BTG", "curiosity"):
        assert look(world, LOOKS[0], journey, "--purpose", none).code == 2
    assert len(world.looks()) == 1


def break_glass(world: World, journey: UUID, profile: str, *options: str, given: object = REASON) -> Answer:
    return call(world, "access", "break-glass", str(journey), "--profile", profile, *options, given=given)


def test_breaking_the_glass_lets_look_for_a_time(world: World, journey: UUID, stranger: str) -> None:
    answer = break_glass(world, journey, stranger)
    assert answer.code == 0, answer.err
    state = world.state(journey)
    assert [waiting.kind for waiting in obligations(state) if waiting.subject == "access-1"] == ["access_review"]
    [broken] = world.looks()
    assert broken.reason == REASON["reason"]
    assert broken.until == world.at + timedelta(minutes=state.protocol.break_glass_minutes)
    assert broken.entry_id in receipts_of(world.events(journey))

    assert look(world, LOOKS[0], journey, "--profile", stranger).code == 0
    last = world.looks()[-1]
    assert (last.purpose, last.shown) == (Purpose.BREAK_THE_GLASS, True)
    assert broken.until is not None
    world.at = broken.until
    assert look(world, LOOKS[0], journey, "--profile", stranger).code == 4


def test_it_lets_nobody_else_look_nor_elsewhere(world: World, journey: UUID, stranger: str, tmp_path: Path) -> None:
    assert break_glass(world, journey, stranger).code == 0
    another = person(tmp_path / "another.json", id="another", clinics=[])
    assert look(world, LOOKS[0], journey, "--profile", another).code == 4


def test_who_need_not_break_it_and_who_may_not(world: World, journey: UUID, stranger: str, tmp_path: Path) -> None:
    patient = person(tmp_path / "patient.json", role="patient")
    assert break_glass(world, journey, patient).code == 4
    assert break_glass(world, journey, str(world.settings.profile)).code == 5
    for form in ({}, {"reason": ""}, {"reason": "x", "because": "y"}):
        assert break_glass(world, journey, stranger, given=form).code == 2
    assert world.looks() == []


def test_an_emergency_does_not_wait_for_temporal(world: World, journey: UUID, stranger: str) -> None:
    world.down = True
    answer = break_glass(world, journey, stranger, "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "kept")
    assert "record reconcile" in answer.json["remedy"]
    assert look(world, LOOKS[0], journey, "--profile", stranger).code == 0


def test_an_emergency_is_told_though_its_id_was_used_for_something_else(
    world: World, journey: UUID, stranger: str
) -> None:
    """They looked while Temporal was down, and took the id by which the journey would be told."""
    world.down = True
    once = break_glass(world, journey, stranger, "--json").json["command_id"]
    world.down = False
    other = {"reason": "Invented: nothing of importance"}
    taken = call(world, "pathway", "hold", str(journey), "--profile", stranger, "--command-id", once, given=other)
    assert taken.code == 0, taken.err

    async def told() -> None:
        async with world.context(profile=str(world.settings.profile)) as context:
            record = await context.record()
            for waiting in (1, 0):
                assert len(await find_unannounced_access(record)) == waiting
                assert await announce_access(context, record, journey)

    asyncio.run(told())
    [(person, said)] = [(e.actor_id, e.body.reason) for e in world.events(journey) if isinstance(e.body, GlassBroken)]
    assert (person, said) == ("somebody-else", REASON["reason"])


def test_who_broke_the_glass_cannot_give_another_reason_afterwards(world: World, journey: UUID, stranger: str) -> None:
    world.down = True
    once = UUID(break_glass(world, journey, stranger, "--json").json["command_id"])
    world.down = False

    async def again(reason: str) -> None:
        async with world.context(profile=stranger) as context:
            await break_glass_as(context, journey, BreakGlass(reason=reason), once)

    with pytest.raises(Conflict, match="used for something else"):
        asyncio.run(again("Invented: nothing of importance"))
    asyncio.run(again(REASON["reason"]))
    [broken] = [event.body for event in world.events(journey) if isinstance(event.body, GlassBroken)]
    assert broken.reason == REASON["reason"]


def seen(entry: AccessLogEntry) -> str:
    return entry.command[0]


async def test_what_was_seen_is_shown_again(clinics: Clinics) -> None:
    journey_id = await clinics.add(course_of()[:77])
    before = [await clinics.call(*(word.format(journey_id) for word in words), "--json") for words in LOOKS]
    at = clinics.world.at
    later = [event.model_copy(update={"journey_id": journey_id}) for event in course_of()[77:90]]
    await clinics.go_on(journey_id, later)
    clinics.world.at += timedelta(days=3)
    shown_now = await clinics.call("pathway", "show", str(journey_id), "--json")
    assert shown_now.json != before[0].json

    kept = await clinics.looks(journey_id)
    assert [seen(entry) for entry in kept[: len(LOOKS)]] == [" ".join(words[:2]) for words in LOOKS]
    for reading, was in zip(kept, before, strict=False):
        again = await clinics.call("access", "show", str(reading.entry_id), "--json")
        assert (again.code, again.json) == (0, was.json), seen(reading)
    assert clinics.world.at > at


async def test_looking_at_who_looked_is_looking(clinics: Clinics, stranger: str) -> None:
    journey_id = next(iter(clinics.journeys))
    await clinics.call("pathway", "show", str(journey_id))
    [first] = await clinics.looks(journey_id)
    for words in (("list", str(journey_id)), ("show", str(first.entry_id))):
        assert (await clinics.call("access", *words, "--profile", stranger)).code == 4
        assert (await clinics.call("access", *words)).code == 0
    listed = await clinics.json("access", "list", str(journey_id))
    assert [(row["reader_id"], row["shown"]) for row in listed[::-1][:5]] == [
        ("demo-coordinator", True),
        ("somebody-else", False),
        ("demo-coordinator", True),
        ("somebody-else", False),
        ("demo-coordinator", True),
    ]


async def test_what_one_person_looked_at(clinics: Clinics, stranger: str) -> None:
    ours, theirs = next(iter(clinics.journeys)), list(clinics.journeys)[-1]
    for journey_id in (ours, theirs):
        await clinics.call("pathway", "show", str(journey_id))
    listed = await clinics.json("access", "list", "--by", "demo-coordinator")
    assert {ours, theirs} <= {UUID(each) for row in listed for each in row["journeys"]}
    at_the_other = await clinics.json("access", "list", "--by", "demo-coordinator", "--profile", stranger)
    assert {UUID(each) for row in at_the_other for each in row["journeys"]} == {theirs}


async def test_a_page_of_which_little_is_theirs_leads_to_the_next(clinics: Clinics, stranger: str) -> None:
    ours, theirs = next(iter(clinics.journeys)), list(clinics.journeys)[-1]
    for journey_id in (theirs, ours):
        await clinics.call("pathway", "show", str(journey_id))
    [latest] = await clinics.looks(ours)
    page = await clinics.call("access", "list", "--by", "demo-coordinator", "--limit", "1", "--profile", stranger)
    assert f"--before {latest.entry_id}" in page.err, "it is of a clinic they do not work for"


async def test_no_reading_of_this_id(clinics: Clinics) -> None:
    assert (await clinics.call("access", "show", str(uuid4()))).code == 3
    assert (await clinics.call("access", "show", "x")).code == 2


LISTS = (("work", "list", "--all"), ("work", "list", "--overdue", "--limit", "3"), ("pathway", "list", "--closed"))


async def test_requests_for_signatures_are_shown_again(clinics: Clinics) -> None:
    before = await clinics.json("signoff", "list")
    wanted = clinics.awaited(lambda _, waiting: waiting.sign_off is not None)
    assert sorted((UUID(each["journey_id"]), each["request"]) for each in before) == sorted(wanted)
    [kept, *_] = await list_access(clinics.record, reader_id="demo-coordinator")
    assert await clinics.json("access", "show", str(kept.entry_id)) == before


NAMED = (
    (("work", "list", "--all"), "Clio Invented, MD (demo-clinician)"),
    (("pathway", "list"), "Example Day Clinic (invented) (demo-clinic)"),
    (("work", "permissions", "--within", "3650"), "Example Day Clinic (invented) (demo-clinic)"),
)


@pytest.mark.parametrize(("words", "name"), NAMED)
async def test_what_is_shown_again_names_people_and_clinics_beside_their_ids(
    clinics: Clinics, words: tuple[str, ...], name: str
) -> None:
    before = await clinics.call(*words, width=300)
    [kept, *_] = await list_access(clinics.record, reader_id="demo-coordinator")
    again = await clinics.call("access", "show", str(kept.entry_id), width=300)
    assert (before.code, again.code, kept.command[0]) == (0, 0, " ".join(words[:2]))
    assert name in before.out, before.out
    assert name in again.out, again.out


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
async def test_a_list_is_kept_with_its_rows_and_shown_again(clinics: Clinics, words: tuple[str, ...]) -> None:
    before = await clinics.json(*words)
    [kept, *_] = await list_access(clinics.record, reader_id="demo-coordinator")
    assert kept.command[0] == " ".join(words[:2])
    assert set(kept.journeys) == {UUID(row["journey_id"]) for row in before["rows"]}
    assert (kept.position, kept.shown) == (before["position"], True)

    moved = next(journey_id for journey_id in kept.journeys if clinics.journeys[journey_id].version < 120)
    version = clinics.journeys[moved].version
    later = [event.model_copy(update={"journey_id": moved}) for event in course_of()[version : version + 9]]
    await clinics.go_on(moved, later)
    await catch_up(clinics.record)
    clinics.world.at += timedelta(days=3)
    assert (await clinics.json(*words))["rows"] != before["rows"]

    again = await clinics.json("access", "show", str(kept.entry_id))
    assert again["rows"] == before["rows"]


async def test_lists_are_of_the_clinics_in_a_profile(clinics: Clinics, stranger: str) -> None:
    """The stranger works for the other clinic, where one journey is."""
    for words in (("work", "list", "--all"), ("pathway", "list", "--closed")):
        found = await clinics.json(*words, "--profile", stranger)
        assert {row["clinic"] for row in found["rows"]} == {OTHER}
        assert (await clinics.call(*words, "--profile", stranger, "--clinic", "demo-clinic")).code == 4
        assert (await clinics.call(*words, "--profile", stranger, "--clinic", OTHER)).code == 0


async def test_what_somebody_asked_in_vain_is_for_their_own_clinics(clinics: Clinics, tmp_path: Path) -> None:
    asks = person(tmp_path / "asks.json", id="demo-coordinator-2", role="coordinator", clinics=["demo-clinic"])
    assert (await clinics.json("work", "list", "--mine", "--profile", asks))["rows"] == []
    [kept] = await list_access(clinics.record, reader_id="demo-coordinator-2")
    assert kept.journeys == ()
    listed = ("access", "list", "--by", kept.reader_id)
    colleague = person(tmp_path / "colleague.json", clinics=["demo-clinic"])
    elsewhere = person(tmp_path / "elsewhere.json", clinics=["elsewhere"])
    patient = person(tmp_path / "patient.json", role="patient", clinics=[])
    for who, sees in ((asks, True), (colleague, True), (elsewhere, False), (patient, False)):
        found = await clinics.json(*listed, "--profile", who)
        assert (str(kept.entry_id) in {each["entry_id"] for each in found}) == sees, who
        shown = await clinics.call("access", "show", str(kept.entry_id), "--profile", who)
        assert shown.code == (0 if sees else 4), who


async def test_who_works_for_no_clinic_sees_what_falls_to_them(clinics: Clinics, tmp_path: Path) -> None:
    clinician = next(iter(clinics.journeys.values())).clinician
    named = person(tmp_path / "named.json", id=clinician, role="clinician", clinics=[])
    assert (await clinics.call("work", "list", "--profile", named)).code == 4
    mine = await clinics.json("work", "list", "--mine", "--profile", named)
    assert mine["rows"]
    assert {row["person"] for row in mine["rows"]} == {clinician}


async def test_one_journey_that_cannot_be_read_keeps_nobody_from_the_others(clinics: Clinics) -> None:
    stuck, other = list(clinics.journeys)[:2]
    await clinics.record.append(stuck, clinics.journeys[stuck].version, [event(payload=b"nonsense")])
    await clinics.call("pathway", "show", str(other))
    await clinics.call("work", "list", "--all")
    listed = await clinics.json("access", "list")
    assert {other, stuck} <= {UUID(each) for row in listed for each in row["journeys"]}
    assert (await clinics.call("access", "list", str(stuck))).code == 0
    assert (await clinics.call("signoff", "attempts", str(stuck))).code == 0
    assert (await clinics.call("signoff", "list")).code == 0


async def test_a_claim_is_for_who_may_look(clinics: Clinics, stranger: str) -> None:
    journey_id, obligation = clinics.awaited(lambda journey, _: journey.clinic != OTHER)[0]
    claim = ("work", "claim", str(journey_id), obligation)
    assert (await clinics.call(*claim, "--profile", stranger)).code == 4
    assert (await clinics.call(*claim)).code == 0
    # Who broke the glass looks: nobody's task is taken or freed by it.
    assert (await clinics.call("access", "break-glass", str(journey_id), "--profile", stranger, given=REASON)).code == 0
    assert (await clinics.call("pathway", "show", str(journey_id), "--profile", stranger)).code == 0
    for verb in ("claim", "release"):
        refused = await clinics.call("work", verb, str(journey_id), obligation, "--profile", stranger)
        assert (refused.code, "You have no part in this journey" in refused.err) == (4, True), refused.err
