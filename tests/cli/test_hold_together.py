"""Many journeys at once: held for one reason, released one by one, and which of them a permission stops."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.record import KeyAway, Record
from activities.record.event_codec import load_journey
from activities.record.read_models import caseload
from application.caches.histories import Histories, History, ReadSoFar
from application.context import Context
from application.errors import Unavailable
from application.reading.history import load_history
from application.work import hold_together
from simulation.people import PEOPLE, profile
from tests.cli import helpers
from tests.cli.clinics import OTHER, Clinics, elsewhere, held_course
from tests.cli.helpers import Answer
from tests.record.read_models.courses import catch_up, course_of
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import list_clinicians
from workflows.journey.always.holds.model import Hold
from workflows.journey.always.permissions.rules import licensed_before, permitted_before
from workflows.journey.always.supply.rules import may_be_of_any_lot
from workflows.journey.commands import Command, PlaceHold
from workflows.journey.events import SupplyMoved
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.stage import Stage

REASON = {"reason": "Invented recall"}
LOT = "demo-lot-1"


def of_clinics(directory: Path, role: Role, *clinics: str) -> tuple[str, str]:
    path = directory / f"{role.value}.json"
    path.write_text(profile(PEOPLE[role], *clinics))
    return ("--profile", str(path))


async def hold(clinics: Clinics, *words: str) -> Answer:
    return await clinics.call("work", "hold", *words, "--json", given=REASON)


async def state(clinics: Clinics, journey_id: UUID) -> Journey:
    found = await load_journey(clinics.record, journey_id)
    assert found is not None
    return found


async def held_by(clinics: Clinics, request: str) -> dict[UUID, list[Hold]]:
    """The holds of a request, of each journey that has any."""
    found = {each: (await state(clinics, each)).holds.values() for each in clinics.journeys}
    here = {each: [hold for hold in holds if str(hold.together) == request] for each, holds in found.items()}
    return {each: holds for each, holds in here.items() if holds}


def with_lot(clinics: Clinics) -> set[UUID]:
    """The journeys with doses of the lot, or of one that nobody knows: in a clinic from its stock."""
    found = clinics.journeys.items()
    return {each for each, journey in found if LOT in journey.supply_lots or may_be_of_any_lot(journey)}


@pytest.fixture
def open_clinics(clinics: Clinics) -> Clinics:
    """The clinics, with something that takes commands."""
    clinics.world.down = False
    return clinics


async def test_what_may_be_of_the_lot_is_held_and_told_as_not_known(open_clinics: Clinics) -> None:
    clinics = open_clinics
    unlabelled = await clinics.add(
        tuple(
            event.model_copy(update={"body": event.body.model_copy(update={"lot": None})})
            if isinstance(event.body, SupplyMoved)
            else event
            for event in course_of()[:100]
        )
    )
    await catch_up(clinics.record)
    trial = await hold(clinics, "--lot", LOT, "--dry-run")
    known = {UUID(row["journey_id"]): row["lot_known"] for row in trial.json["rows"]}
    assert {*known} == with_lot(clinics)
    assert [each for each, is_known in known.items() if not is_known] == [unlabelled]
    shown = await clinics.call("work", "hold", "--lot", "no-such-lot", "--dry-run", given=REASON)
    assert "lot not known" in shown.out


@pytest.mark.parametrize("spelled", ["Demo.Lot1", LOT, LOT.upper()])
async def test_a_lot_holds_every_journey_that_had_it(open_clinics: Clinics, spelled: str) -> None:
    clinics = open_clinics
    trial = await hold(clinics, "--lot", spelled, "--dry-run")
    assert trial.code == 0, trial.err
    concerned = with_lot(clinics)
    assert {UUID(row["journey_id"]) for row in trial.json["rows"]} == concerned
    assert trial.json["counts"] == {"would_hold": len(concerned) - 1, "closed": 1}
    assert clinics.world.received == []
    answer = await hold(clinics, "--lot", spelled)
    assert answer.code == 0, answer.err
    assert answer.json["counts"] == {"held": len(concerned) - 1, "closed": 1}
    placed = await held_by(clinics, answer.json["request"])
    assert {*placed} == concerned - {clinics.ended}
    assert all(len(holds) == 1 and holds[0].reason == REASON["reason"] for holds in placed.values())


async def test_a_request_that_was_interrupted_goes_on_and_holds_nothing_twice(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinics, request, taken = open_clinics, str(uuid4()), [0]
    submit = helpers.DirectJourneys.submit

    async def falter(self: helpers.DirectJourneys, journey_id: UUID, command: Command) -> int:
        taken[0] = number = taken[0] + 1
        if number > 2:
            raise Unavailable("Temporal does not answer", "Run the same command again")
        version = await submit(self, journey_id, command)
        if number == 2:
            raise Unavailable("no answer came", "Run the same command again")
        return version

    async def keep(*_: object) -> None:
        """Temporal holds it, and no worker takes it."""

    monkeypatch.setattr(helpers.DirectJourneys, "submit", falter)
    with monkeypatch.context() as asleep:
        taken[0] = 2
        asleep.setattr(helpers.DirectJourneys, "hand_in", keep)
        asleep.setattr("application.pathway.commands.RECORDED_WITHIN", timedelta())
        unrecorded = await hold(clinics, "--lot", LOT, "--request", request)
        assert unrecorded.code == 5
        assert unrecorded.json["counts"] == {"accepted": len(with_lot(clinics)) - 1, "closed": 1}
    taken[0] = 0
    monkeypatch.setattr(helpers.DirectJourneys, "hand_in", falter)
    broken = await hold(clinics, "--lot", LOT, "--request", request)
    assert broken.code == 5
    assert broken.json["counts"]["held"] == 1
    assert all(row["problem"]["remedy"] for row in broken.json["rows"] if row["outcome"] == "failed")
    monkeypatch.undo()
    on = await hold(clinics, "--lot", LOT, "--request", request)
    assert on.code == 0, on.err
    concerned = len(with_lot(clinics)) - 1
    assert on.json["counts"] == {"already": 2, "held": concerned - 2, "closed": 1}
    again = await hold(clinics, "--lot", LOT, "--request", request)
    assert again.json["counts"] == {"already": concerned, "closed": 1}
    assert all(len(holds) == 1 for holds in (await held_by(clinics, request)).values())


async def test_another_person_goes_on_with_a_request(open_clinics: Clinics, tmp_path: Path) -> None:
    clinics, request = open_clinics, str(uuid4())
    await hold(clinics, "--lot", LOT, "--request", request)
    other = of_clinics(tmp_path, Role.CLINICIAN, "demo-clinic", OTHER)
    answer = await hold(clinics, "--lot", LOT, "--request", request, *other)
    assert {*answer.json["counts"]} == {"already", "closed"}


async def test_a_request_that_says_something_else_holds_once_more(open_clinics: Clinics, tmp_path: Path) -> None:
    """A release for the first must not let go on what is held for the second."""
    clinics, request = open_clinics, str(uuid4())
    one = next(each for each in with_lot(clinics) if each != clinics.ended)
    digest, clinician = clinics.journeys[one].protocol_digest, clinics.journeys[one].clinician
    lot, protocol = ("--lot", LOT), ("--protocol", digest)
    again = ((lot, ("--lot", LOT.upper())), (lot, lot), (protocol, ("--protocol", short_code(digest))))
    said = [*again, (("--clinician", clinician), ("--clinician", clinician))]
    for number, (words, spelled) in enumerate(said, 1):
        reason = REASON if number != 2 else {"reason": "Invented: another fault of this lot"}
        for sent, became in ((words, "held"), (spelled, "already")):
            answer = await clinics.call("work", "hold", *sent, "--request", request, "--json", given=reason)
            [row] = [row for row in answer.json["rows"] if row["journey_id"] == str(one)]
            assert row["outcome"] == became, (number, sent)
        placed = [hold for hold in (await state(clinics, one)).holds.values() if str(hold.together) == request]
        assert len(placed) == number
    await catch_up(clinics.record)
    me = of_clinics(tmp_path, Role.MEDICAL_DIRECTOR, "demo-clinic", OTHER)
    listed = await clinics.call("work", "releases", request, "--json", *me)
    evidence = [row["evidence"] for row in listed.json if row["journey_id"] == str(one)]
    assert len({*evidence}) == len(said)


async def test_a_protocol_and_a_clinician_hold_theirs(open_clinics: Clinics) -> None:
    clinics = open_clinics
    [digest] = {journey.protocol_digest for journey in clinics.journeys.values()}
    for words in (("--protocol", digest), ("--protocol", short_code(digest))):
        trial = await hold(clinics, *words, "--dry-run")
        assert {UUID(row["journey_id"]) for row in trial.json["rows"]} == {*clinics.journeys}
    director = PEOPLE[Role.MEDICAL_DIRECTOR].id
    reachable = next(
        s.check.reachable_clinician for j in clinics.journeys.values() for s in j.sessions.values() if s.check
    )
    for person in (director, reachable, "demo-clinician", "demo-nobody"):
        trial = await hold(clinics, "--clinician", person, "--dry-run")
        theirs = {each for each, journey in clinics.journeys.items() if person in list_clinicians(journey)}
        assert {UUID(row["journey_id"]) for row in trial.json["rows"]} == theirs, person
    assert (await hold(clinics, "--protocol", "0" * 64, "--dry-run")).json["rows"] == []


async def test_whose_journeys_are_held(open_clinics: Clinics, tmp_path: Path) -> None:
    """A clinic's staff hold its own; the medical director and ops hold the organisation's."""
    clinics = open_clinics
    await clinics.add(elsewhere(held_course()))
    await catch_up(clinics.record)
    concerned = with_lot(clinics)
    theirs = {each for each in concerned if clinics.journeys[each].clinic == OTHER}
    assert theirs
    assert theirs < concerned
    for role, expected in (
        (Role.CLINICIAN, theirs),
        (Role.COORDINATOR, theirs),
        (Role.MEDICAL_DIRECTOR, concerned),
        (Role.OPS, concerned),
    ):
        trial = await hold(clinics, "--lot", LOT, "--dry-run", *of_clinics(tmp_path, role, OTHER))
        assert {UUID(row["journey_id"]) for row in trial.json["rows"]} == expected, role
    away = await hold(clinics, "--lot", LOT, "--clinic", "demo-clinic", *of_clinics(tmp_path, Role.CLINICIAN, OTHER))
    assert away.code == 4
    for role in (Role.PATIENT, Role.OBSERVER):
        assert (await hold(clinics, "--lot", LOT, *of_clinics(tmp_path, role))).code == 4
    assert clinics.world.received == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--lot", LOT, "--clinician", "x"),
        ("--lot", "no lot"),
        ("--lot", ""),
        ("--clinician", "a' OR 'a"),
        ("--protocol", "nowhere"),
        ("--protocol", "abc"),
    ],
)
async def test_what_names_nothing_holds_nothing(open_clinics: Clinics, words: tuple[str, ...]) -> None:
    assert (await hold(open_clinics, *words)).code == 2
    assert open_clinics.world.received == []


async def test_nothing_is_held_without_a_reason(open_clinics: Clinics) -> None:
    for given in ({}, {"reason": ""}, {"reason": "x", "more": 1}):
        answer = await open_clinics.call("work", "hold", "--lot", LOT, "--json", given=given)
        assert answer.code == 2, given
    assert open_clinics.world.received == []


async def test_each_release_is_prepared_on_its_own_evidence(open_clinics: Clinics, tmp_path: Path) -> None:
    clinics, me = open_clinics, of_clinics(tmp_path, Role.MEDICAL_DIRECTOR, "demo-clinic", OTHER)
    await hold(clinics, "--lot", LOT)
    second = await hold(clinics, "--lot", LOT)
    await catch_up(clinics.record)
    answer = await clinics.call("work", "releases", second.json["request"], "--json", *me)
    assert answer.code == 0, answer.err
    placed = await held_by(clinics, second.json["request"])
    assert {UUID(row["journey_id"]) for row in answer.json} == {*placed}
    assert len({row["evidence"] for row in answer.json}) == len(placed)
    for row in answer.json:
        [hold_] = placed[UUID(row["journey_id"])]
        journey = await state(clinics, UUID(row["journey_id"]))
        assert row["hold"] == hold_.id
        assert row["state"] == "to sign"
        assert journey.waiting[row["request"]].subject == hold_.id
    told = await clinics.call("work", "releases", second.json["request"], *me)
    assert "signoff approve" in told.err
    looks = await clinics.looks(UUID(answer.json[0]["journey_id"]))
    assert looks[-1].command[0] == "work releases"
    again = await clinics.call("access", "show", str(looks[-1].entry_id), "--json", *me)
    assert again.json == answer.json
    assert sum(isinstance(each.body, PlaceHold) for each in clinics.world.received) == len(clinics.world.received)


async def test_releases_of_no_request_or_of_another_clinic_are_not_shown(open_clinics: Clinics, tmp_path: Path) -> None:
    clinics = open_clinics
    answer = await hold(clinics, "--lot", LOT, "--clinic", "demo-clinic")
    await catch_up(clinics.record)
    stranger = of_clinics(tmp_path, Role.MEDICAL_DIRECTOR, OTHER)
    assert (await clinics.call("work", "releases", str(uuid4()))).code == 3
    assert (await clinics.call("work", "releases", answer.json["request"], *stranger)).code == 3


async def test_a_journey_whose_key_is_away_keeps_none_of_the_others_from_being_released(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is named among them: whoever signs them knows that one is left. `access list` goes on, too."""
    clinics, load = open_clinics, Histories.load
    request = (await hold(clinics, "--lot", LOT)).json["request"]
    await catch_up(clinics.record)
    whole = await clinics.json("work", "releases", request)
    away = {UUID(whole[0]["journey_id"])}

    async def without(self: Histories, record: Record, journey_id: UUID) -> ReadSoFar:
        if journey_id in away:
            raise KeyAway
        return await load(self, record, journey_id)

    monkeypatch.setattr(Histories, "load", without)
    shown = await clinics.json("work", "releases", request)
    assert [row for row in shown if row["state"] != "not_readable"] == whole[1:]
    assert [UUID(row["journey_id"]) for row in shown if row["state"] == "not_readable"] == [*away]
    told = await clinics.call("work", "releases", request)
    assert str(*away) in told.out
    assert "Cannot be read now: 1 of them" in told.err
    stranger = of_clinics(tmp_path, Role.CLINICIAN, OTHER)
    theirs = await clinics.call("work", "releases", request, *stranger)
    assert str(*away) not in theirs.out, "it is of a clinic they do not work for"
    looked = await clinics.json("access", "list", "--limit", "1000")
    unread = [row for row in looked if row["not_readable"]]
    assert unread
    kept = {entry.entry_id for entry in await clinics.looks(*away)}
    assert {UUID(row["entry_id"]) for row in unread} <= kept
    assert not kept & {UUID(row["entry_id"]) for row in looked if not row["not_readable"]}
    said = (await clinics.call("access", "list", "--limit", "1000")).err
    assert f"Not shown: {len(unread)} more" in said
    assert "a key of theirs is away" in " ".join(said.split())
    assert not [row for row in await clinics.json("access", "list", *stranger) if row["not_readable"]]
    away.update(UUID(row["journey_id"]) for row in whole)
    none = await clinics.json("work", "releases", request)
    assert {row["state"] for row in none} == {"not_readable"}


def stops(journey: Journey, now: datetime, days: int) -> dict[str, datetime]:
    if journey.stage not in (Stage.EVALUATION, Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS):
        return {}
    ends = {"remote_prescribing": permitted_before(journey), "licence": licensed_before(journey)}
    return {name: end for name, end in ends.items() if end is not None and end <= now + timedelta(days=days)}


async def test_what_a_permission_stops_and_when(clinics: Clinics) -> None:
    ends = sorted(permitted_before(journey) for journey in clinics.journeys.values())
    for before, within in ((timedelta(days=91), 90), (timedelta(days=29), 90), (timedelta(0), 90), (timedelta(1), 0)):
        now = clinics.world.at = ends[-1] - before
        found = await clinics.json("work", "permissions", "--within", str(within))
        expected = [(str(j.id), *stop) for j in clinics.journeys.values() for stop in stops(j, now, within).items()]
        told = [(row["journey_id"], row["permission"], datetime.fromisoformat(row["ends"])) for row in found["rows"]]
        assert sorted(told) == sorted(expected)
        for row in found["rows"]:
            left = datetime.fromisoformat(row["ends"]) - now
            bands = [days for days in (14, 30, 60, 90) if left <= timedelta(days=days)]
            assert row["within_days"] == (0 if left <= timedelta(0) else bands[0] if bands else None)
    clinics.world.at = ends[-1] - timedelta(days=20)
    people = await clinics.call("work", "permissions")
    assert "within 30 days" in people.out


async def test_a_list_of_permissions_is_shown_again_and_is_of_ones_clinics(clinics: Clinics, tmp_path: Path) -> None:
    clinics.world.at = max(permitted_before(journey) for journey in clinics.journeys.values())
    first = await clinics.json("work", "permissions")
    looks = await clinics.looks(UUID(first["rows"][0]["journey_id"]))
    again = await clinics.call("access", "show", str(looks[-1].entry_id), "--json")
    assert again.json["rows"] == first["rows"]
    theirs = of_clinics(tmp_path, Role.CLINICIAN, OTHER)
    answer = await clinics.call("work", "permissions", "--json", *theirs)
    assert {row["clinic"] for row in answer.json["rows"]} == {OTHER}
    assert (await clinics.call("work", "permissions", "--clinic", "demo-clinic", *theirs)).code == 4


async def test_journeys_whose_keys_are_away_keep_none_of_the_others_from_being_held(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told as not held. It is no outage, in which the rest is not tried."""
    clinics, tried = open_clinics, list[UUID]()

    async def away(context: Context, journey_id: UUID) -> History:
        tried.append(journey_id)
        if len(tried) <= 4:
            raise KeyAway
        return await load_history(context, journey_id)

    monkeypatch.setattr("application.work.hold_together.load_history", away)
    monkeypatch.setattr(hold_together, "AT_ONCE", 1)
    answer = await hold(clinics, "--lot", LOT)
    assert {*tried} == with_lot(clinics)
    assert len(tried) > 4
    assert (answer.json["counts"]["failed"], answer.json["not_tried"]) == (4, 0)


async def test_an_interruption_says_what_is_held_and_how_to_go_on(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinics, concerned = open_clinics, with_lot(open_clinics)

    async def interrupted(*given: Any, **named: Any) -> AsyncIterator[hold_together.HeldTogether]:
        async for each in hold_together.hold_together(*given, **named):
            yield each
            task = asyncio.current_task()
            if each.outcome == "held" and task is not None:
                task.cancel()
                await asyncio.sleep(0)

    with monkeypatch.context() as patched:
        patched.setattr("cli.work_together.hold_together", interrupted)
        answer = await hold(clinics, "--lot", LOT)
    request = answer.error["request"]
    assert f"1 of {len(concerned)} journeys" in answer.error["reason"]
    assert f"--request {request}" in answer.error["remedy"]
    again = await hold(clinics, "--lot", LOT, "--request", request)
    assert again.json["request"] == request
    assert all(len(holds) == 1 for holds in (await held_by(clinics, request)).values())


async def test_a_journey_that_begins_meanwhile_is_held_too(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was on no list, and its first dose of the lot was given."""
    clinics, looks = open_clinics, [0]

    async def without_the_newest(*given: Any, **named: Any) -> Any:
        found, looks[0] = await caseload(*given, **named), looks[0] + 1
        return found.model_copy(update={"rows": found.rows[1:]}) if looks[0] == 1 else found

    monkeypatch.setattr(hold_together, "caseload", without_the_newest)
    answer = await hold(clinics, "--lot", LOT)
    assert answer.code == 0, answer.err
    assert {UUID(row["journey_id"]) for row in answer.json["rows"]} == with_lot(clinics)
    assert {*await held_by(clinics, answer.json["request"])} == with_lot(clinics) - {clinics.ended}
    assert looks == [3], "until a look finds no others"


@pytest.mark.parametrize("killed_after", range(4))
async def test_a_request_that_is_killed_between_any_two_journeys_goes_on_and_holds_each_once(
    open_clinics: Clinics, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    clinics, request, taken = open_clinics, str(uuid4()), [0]
    submit = helpers.DirectJourneys.submit

    async def die(self: helpers.DirectJourneys, journey_id: UUID, command: Command) -> int:
        version = await submit(self, journey_id, command)
        taken[0] += 1
        if taken[0] > killed_after:
            raise RuntimeError("killed: it is taken, and nobody was told")
        return version

    with monkeypatch.context() as patched:
        patched.setattr(helpers.DirectJourneys, "submit", die)
        broken = await hold(clinics, "--lot", LOT, "--request", request)
        assert broken.code != 0
    answers = [await hold(clinics, "--lot", LOT, "--request", request) for _ in range(2)]
    assert [answer.code for answer in answers] == [0, 0], [answer.err for answer in answers]
    placed = await held_by(clinics, request)
    assert {*placed} == with_lot(clinics) - {clinics.ended}
    assert all(len(holds) == 1 for holds in placed.values())
