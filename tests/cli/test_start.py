"""`pathway start`: one open journey per patient and pathway, safe to repeat, one or thousands."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from activities.record import KeyAway, Record, RecordUnavailable, StoredEvent
from application.errors import NOTHING_HAPPENED, UNKNOWN_STATE, RecordNotOpened
from application.pathway import start as start_use_case
from application.pathway.start import REFERRALS
from deploy.local.postgres import Database
from simulation.people import PEOPLE, profile
from tests.cli.conftest import Profiles
from tests.cli.helpers import EXAMPLES, START, Answer, World, call, referral
from tests.examples import examples
from tests.protocols.largest import file_of_size
from workflows.journey.commands import Command, Withdraw
from workflows.journey.decide import decide
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.limits import PROTOCOL_LIMIT
from workflows.journey.vocabulary.refusals import Refusal

REQUEST = "6a0a1c8e-3f5e-4b7c-9d5a-111111111111"


@pytest.fixture
def world(migrated: Database) -> World:
    return World(migrated)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what is not recorded."""
    monkeypatch.setattr(start_use_case, "RECORDED_WITHIN", timedelta(milliseconds=50))


@pytest.fixture
def coordinator(profiles: Profiles) -> tuple[str, str]:
    return ("--profile", profiles[Role.COORDINATOR])


def start(world: World, coordinator: tuple[str, str], given: Any, *more: str) -> Answer:
    return call(world, "pathway", "start", "-", *coordinator, "--json", *more, given=given)


@pytest.mark.parametrize("name", ["referral-ptsd.json", "referral-anxiety.json"])
def test_the_examples_start(world: World, coordinator: tuple[str, str], name: str) -> None:
    answer = call(world, "pathway", "start", str(EXAMPLES / name), *coordinator)
    assert answer.code == 0, answer.err
    assert "recorded at position" in answer.out
    assert "ILLUSTRATIVE" in answer.out


def test_nobody_is_started_whose_care_only_they_could_decide_on(world: World, coordinator: tuple[str, str]) -> None:
    director = referral(patient={**referral()["patient"], "ref": PEOPLE[Role.MEDICAL_DIRECTOR].id})
    answer = start(world, coordinator, director)
    assert answer.code == 4, answer.err
    assert "nobody of the clinic may be left to decide" in answer.err
    assert "severe_hold_release" in answer.err


def test_a_pathway_that_only_a_file_knows_starts(world: World, coordinator: tuple[str, str]) -> None:
    world.set(protocols_dir=EXAMPLES.parents[1] / "tests" / "protocols")
    answer = start(world, coordinator, referral(pathway="DEPRESSION", protocol="demonstration"))
    assert answer.code == 0, answer.err
    shown = call(world, "pathway", "show", answer.json["journey_id"], *coordinator)
    assert "DEPRESSION at Example Day Clinic" in shown.out


def test_a_protocol_larger_than_any_other_command_starts(
    world: World, coordinator: tuple[str, str], tmp_path: Path
) -> None:
    # A demonstration's title and values take some more.
    world.set(protocols_dir=file_of_size(tmp_path / "protocols", PROTOCOL_LIMIT - 500).parent)
    answer = start(world, coordinator, referral(protocol="demonstration"))
    assert answer.code == 0, answer.err


def test_the_same_referral_again_is_the_same_journey(world: World, coordinator: tuple[str, str]) -> None:
    first = start(world, coordinator, referral())
    again = start(world, coordinator, dict(reversed(referral().items())))
    assert (first.json["outcome"], again.json["outcome"]) == ("started", "already_started")
    assert first.json["journey_id"] == again.json["journey_id"]
    assert world.journeys() == 1


@pytest.mark.requirement("B27")
@pytest.mark.parametrize(
    "changed",
    [{"reason": "Invented: another one"}, {"pathway": "ANXIETY"}, {"clinic": "night-clinic"}],
    ids=["again", "another condition", "another clinic"],
)
def test_a_second_start_with_the_medicine_is_refused_and_does_not_say_where_the_first_is(
    world: World, coordinator: tuple[str, str], changed: dict[str, str]
) -> None:
    first = start(world, coordinator, referral()).json["journey_id"]
    second = start(world, coordinator, referral(**changed))
    assert second.code == 5
    assert "open journey with this medicine" in second.error["reason"]
    assert first not in second.err
    assert "patient.ref" in second.fields
    assert world.journeys() == 1


def test_a_request_id_repeats_and_is_not_shared(world: World, coordinator: tuple[str, str]) -> None:
    first = start(world, coordinator, referral(request_id=REQUEST))
    again = start(world, coordinator, referral(request_id=REQUEST))
    assert first.json["journey_id"] == again.json["journey_id"]
    other = start(world, coordinator, referral(request_id=REQUEST, pathway="ANXIETY"))
    assert other.code == 5
    assert "request_id" in other.fields


CHANGED: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"patient": {"born": "1986-04-03"}}, {"patient.born"}),
    ({"patient": {"ref": "demo-other"}}, {"patient.ref"}),
    ({"patient": {"state": "NY", "zone": "America/New_York"}}, {"patient.state", "patient.zone"}),
    ({"patient": {"zone": "America/Tijuana"}}, {"patient.zone"}),
    ({"patient": {"number": "4711"}}, {"patient.number"}),
    ({"patient": {"language": "es"}}, {"patient.language"}),
    ({"patient": {"interpreter": True}}, {"patient.interpreter"}),
    ({"patient": {"emergency_contact_ref": "demo-contact-2"}}, {"patient.emergency_contact_ref"}),
    ({"patient": {"dispatch_address_ref": "demo-address-2"}}, {"patient.dispatch_address_ref"}),
    ({"reason": "Invented: other words"}, {"reason"}),
    ({"pathway": "ANXIETY"}, {"pathway", "protocol"}),
    ({"clinic": "night-clinic"}, {"clinic"}),
    (
        {"patient": {"born": "1986-04-03", "state": "NY", "zone": "America/New_York"}, "reason": "Invented"},
        {"patient.born", "patient.state", "patient.zone", "reason"},
    ),
)


@pytest.mark.parametrize(("changed", "fields"), CHANGED, ids=["+".join(sorted(fields)) for _, fields in CHANGED])
def test_one_request_id_with_other_content_is_refused_with_what_differs_by_name(
    world: World, coordinator: tuple[str, str], changed: dict[str, Any], fields: set[str]
) -> None:
    """A corrected birth date under the id of the first request was dropped in silence, with exit 0."""
    first = referral(request_id=REQUEST)
    assert start(world, coordinator, first).code == 0
    patient = first["patient"] | changed.get("patient", {})
    given = first | changed | {"patient": patient}
    for more in ((), ("--dry-run",)):
        answer = start(world, coordinator, given, *more)
        assert answer.code == 5
        assert set(answer.fields) == {"request_id", *fields}
        # By name alone: what was sent is about a patient.
        assert not any(str(value) in answer.err for value in patient.values() if len(str(value)) > 5)
    assert world.journeys() == 1


def test_who_does_not_work_for_its_clinic_is_not_told_what_differs(
    world: World, coordinator: tuple[str, str], tmp_path: Path
) -> None:
    assert start(world, coordinator, referral(request_id=REQUEST)).code == 0
    path = tmp_path / "night.json"
    path.write_text(profile(PEOPLE[Role.COORDINATOR], "night-clinic"))
    stranger = ("--profile", str(path))
    for changed in ({}, {"reason": "Invented: guessed"}):
        answer = start(world, stranger, referral(request_id=REQUEST, clinic="night-clinic", **changed))
        assert answer.code == 5
        assert set(answer.fields) == {"request_id"}


def test_a_patient_who_comes_back_is_started_anew_once_that_is_said(world: World, coordinator: tuple[str, str]) -> None:
    """The same form was "sent before", with exit 0 and the closed journey, and nobody had begun anything."""
    given = referral()
    seen: list[str] = []
    for _ in range(3):
        started = start(world, coordinator, given)
        assert started.json["outcome"] == "started"
        seen.append(started.json["journey_id"])
        close(world, UUID(seen[-1]))
        tried = start(world, coordinator, given, "--dry-run")
        again = start(world, coordinator, given)
        assert again.code == tried.code == 5
        assert again.error == tried.error
        assert "has closed" in again.error["reason"]
        # What is to be done stands there, ready to be copied.
        [request] = re.findall(r'"request_id": "([0-9a-f-]{36})"', again.error["remedy"])
        given = referral(request_id=request)
    assert len({*seen}) == 3


def close(world: World, journey_id: UUID) -> None:
    """The patient leaves, and nothing is left to settle."""
    journey = world.state(journey_id)
    own = PEOPLE[Role.COORDINATOR].model_copy(update={"clinics": (journey.clinic,)})
    left = decide(journey, Command(command_id=uuid4(), actor=own, body=Withdraw()), world.at)
    assert not isinstance(left, Refusal)
    world.put(journey_id, left)
    assert world.state(journey_id).closed


def test_enrolled_but_not_started_is_taken_up_again(world: World, coordinator: tuple[str, str]) -> None:
    world.asleep = True
    held = start(world, coordinator, referral())
    assert held.code == 6
    assert held.error["state"].startswith("Accepted is not recorded")
    world.asleep = False
    blocked = start(world, coordinator, referral(reason="Invented: another one"))
    assert "send it again unchanged" in blocked.error["remedy"]
    assert start(world, coordinator, referral()).json["outcome"] == "started"


def test_dry_run_sends_nothing(world: World, coordinator: tuple[str, str]) -> None:
    world.down = True
    answer = start(world, coordinator, referral(), "--dry-run")
    assert answer.code == 0
    assert [event["kind"] for event in answer.json["events"]] == [
        "pathway.started",
        "care-team.updated",
        "obligations.updated",
    ]
    assert world.journeys() == 0


def test_a_minor_is_refused_before_anything_is_enrolled(world: World, coordinator: tuple[str, str]) -> None:
    given = referral()
    given["patient"]["born"] = f"{START.year - 17}-01-01"
    for more in ((), ("--dry-run",)):
        assert start(world, coordinator, given, *more).code == 5
    assert world.journeys() == 0


def test_without_demonstrations_an_illustrative_protocol_is_refused(world: World, coordinator: tuple[str, str]) -> None:
    world.set(demonstration=False)
    answer = start(world, coordinator, referral(protocol="ptsd-at-home"))
    assert answer.code == 5
    assert "illustrative" in answer.error["reason"]
    assert start(world, coordinator, referral()).code == 2  # "demonstration" is no protocol there
    assert world.journeys() == 0


def test_the_protocol_of_an_argument_wins(world: World, coordinator: tuple[str, str]) -> None:
    wrong = start(world, coordinator, referral(), "--protocol", "anxiety-at-home")
    assert wrong.code == 5
    assert "pathway" in wrong.fields
    assert start(world, coordinator, referral(), "--protocol", "nowhere").code == 2
    assert start(world, coordinator, referral(), "--protocol", "PTSD").code == 0


def test_a_referral_cannot_point_at_files(world: World, coordinator: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("protocol: 7")
    assert "no such protocol" in start(world, coordinator, referral(protocol=str(file))).err


@pytest.mark.parametrize("field", ["clinic", "patient", "pathway", "reason", "coordinator", "clinician"])
def test_missing_fields(world: World, coordinator: tuple[str, str], field: str) -> None:
    given = referral()
    del given[field]
    answer = start(world, coordinator, given)
    assert answer.code == 2
    assert answer.fields == {field: "is missing"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("zone", "Etc/UTC"),
        ("zone", None),
        ("born", "yesterday"),
        ("born", 19860402),
        ("ref", "Robin Example"),
        ("x", 1),
    ],
)
def test_wrong_fields(world: World, coordinator: tuple[str, str], field: str, value: Any) -> None:
    given = referral()
    given["patient"][field] = value
    answer = start(world, coordinator, given)
    assert answer.code == 2
    assert list(answer.fields) == [f"patient.{field}"]
    assert "Robin" not in answer.err


@pytest.mark.parametrize(
    ("field", "code", "nearest"),
    [
        ("clinic", "demo-clinik", "demo-clinic"),
        ("clinic", "Demo-Clinic", "demo-clinic"),
        ("clinic", "clinic-demo", "clinic"),
        ("clinic", "xyz", ""),
        ("coordinator", "demo-coordinater", "demo-coordinator"),
        ("coordinator", "DEMO-COORDINATOR", "demo-coordinator"),
        ("coordinator", "nobody", ""),
        ("clinician", "demo-clincian", "demo-clinician"),
        ("clinician", "demo.clinician", "demo-clinician"),
        ("clinician", "Robin.Example", ""),
    ],
)
def test_a_code_that_nobody_has_is_refused_with_the_nearest_known(
    world: World, coordinator: tuple[str, str], field: str, code: str, nearest: str
) -> None:
    """A clinic that nobody has took a referral, which was then on nobody's list."""
    for more in ((), ("--dry-run",)):
        answer = start(world, coordinator, referral(**{field: code}), *more)
        assert answer.code == 4
        assert list(answer.fields) == [field]
        assert nearest in answer.fields[field]
        assert code not in answer.err
    assert world.journeys() == 0


def test_who_may(world: World, profiles: Profiles) -> None:
    answer = call(world, "pathway", "start", "-", "--profile", profiles[Role.CLINICIAN], "--json", given=referral())
    assert answer.code == 4
    assert "coordinator" in answer.error["remedy"]


def rows(count: int) -> list[dict[str, Any]]:
    made = [referral() for _ in range(count)]
    for number, row in enumerate(made):
        row["patient"] = row["patient"] | {"ref": f"demo-batch-{number}"}
    return made


def batch(world: World, coordinator: tuple[str, str], path: Path, *more: str) -> Answer:
    return call(world, "pathway", "start", "--batch", str(path), *coordinator, *more)


def test_a_batch_and_the_same_batch_again(world: World, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(101))) + "\n\n")
    first = batch(world, coordinator, path)
    assert first.code == 0, first.err
    assert "100 rows done" in first.err
    assert world.journeys() == 101
    again = batch(world, coordinator, path, "--json")
    assert [json.loads(line)["outcome"] for line in again.out.splitlines()] == ["already_started"] * 101
    assert world.journeys() == 101


def test_bad_rows_are_named_by_number_and_do_not_stop_the_others(
    world: World, coordinator: tuple[str, str], tmp_path: Path
) -> None:
    good = rows(4)
    minor = referral(patient=good[0]["patient"] | {"ref": "demo-minor", "born": "2020-01-01"})
    lines = [
        json.dumps(good[0]),
        "{",
        json.dumps({key: value for key, value in good[1].items() if key != "reason"}),
        json.dumps(good[1]),
        json.dumps(minor),
        json.dumps(good[0] | {"reason": "Invented: twice"}),
        json.dumps(good[2] | {"reason": "x" * 70_000}),
        json.dumps(good[3]),
    ]
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(lines))
    # One after the other: of two rows for one patient at once either may win.
    answer = batch(world, coordinator, path, "--at-once", "1")
    assert answer.code == 5
    assert [n for n in range(1, 9) if f"row {n}:" in answer.err] == [2, 3, 5, 6, 7]
    assert "reason is missing" in answer.err
    assert world.journeys() == 3
    scripted = batch(world, coordinator, path, "--json")
    found = {json.loads(line)["row"]: json.loads(line)["outcome"] for line in scripted.out.splitlines()}
    assert found == {
        1: "already_started", 2: "usage", 3: "usage", 4: "already_started",
        5: "refused", 6: "refused", 7: "usage", 8: "already_started",
    }  # fmt: skip


def test_a_batch_stops_trying_in_an_outage(world: World, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(3))))
    world.down = True
    assert batch(world, coordinator, path).code == 6
    world.down = False
    world.asleep = True
    answer = batch(world, coordinator, path)
    assert answer.code == 5
    assert "run the same batch again" in answer.out
    assert batch(world, coordinator, tmp_path / "none.jsonl").code == 2


def test_a_record_that_could_not_be_opened_is_said_to_have_taken_nothing(
    world: World, coordinator: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for away, state in ((RecordNotOpened("57P01"), NOTHING_HAPPENED), (RecordUnavailable("57P01"), UNKNOWN_STATE)):
        monkeypatch.setattr(start_use_case.Starter, "start", AsyncMock(side_effect=away))
        assert start(world, coordinator, referral(), "--json").error["state"] == state


def test_journeys_whose_keys_are_away_keep_no_other_row_from_being_started(
    world: World, coordinator: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(5))))
    assert batch(world, coordinator, path).code == 0

    async def away(record: Record, journey_id: UUID) -> StoredEvent | None:
        raise KeyAway

    monkeypatch.setattr(Record, "load_opening", away)
    path.write_text("\n".join(map(json.dumps, rows(6))))
    answer = batch(world, coordinator, path, "--json", "--at-once", "1")
    assert [json.loads(line)["outcome"] for line in answer.out.splitlines()[:5]] == ["unavailable"] * 5
    assert world.journeys() == 6


def test_a_dry_run_of_a_batch(world: World, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows(2)), "{"]))
    world.down = True
    answer = batch(world, coordinator, path, "--dry-run", "--json")
    assert answer.code == 5
    assert outcomes(answer) == {1: "valid", 2: "valid", 3: "usage"}
    assert world.journeys() == 0


def outcomes(answer: Answer) -> dict[int, Any]:
    """What is said of each row, but for its ids."""
    lines = [json.loads(line) for line in answer.out.splitlines()]
    return {
        line["row"]: line["outcome"]
        if line["outcome"] in ("started", "valid", "already_started", "usage")
        else (line["outcome"], line.get("same_as_row"), line.get("reason"), str(line.get("fields")))
        for line in lines
    }


def test_equal_rows_are_told_which_they_are_the_same_as(
    world: World, coordinator: tuple[str, str], tmp_path: Path
) -> None:
    [one, other] = rows(2)
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, [one, one, other, one, dict(reversed(one.items()))])))
    for more in (("--dry-run",), ()):
        answer = batch(world, coordinator, path, "--json", *more)
        assert answer.code == 0
        said = {json.loads(line)["row"]: json.loads(line) for line in answer.out.splitlines()}
        assert {row: line.get("same_as_row") for row, line in said.items()} == {1: None, 2: 1, 3: None, 4: 1, 5: 1}
    assert world.journeys() == 2
    assert "row 2: same as row 1" in batch(world, coordinator, path).err


def test_rows_for_one_patient_are_told_which_row_starts_the_journey(
    world: World, coordinator: tuple[str, str], tmp_path: Path
) -> None:
    given = referral()
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(json.dumps(given | {"reason": f"Invented: {reason}."}) for reason in ("one", "two")))
    for more in (("--dry-run",), ()):
        refused = json.loads(batch(world, coordinator, path, "--json", *more).out.splitlines()[1])
        assert refused["reason"].startswith("row 1 is for the same patient"), more
    assert world.journeys() == 1
    # What another file started is said as before: no row of this one has it.
    path.write_text(json.dumps(given | {"reason": "Invented: three."}))
    assert "already has an open journey" in batch(world, coordinator, path, "--json").out


BATCHES = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from("abc"),
            "number": st.sampled_from([None, "1", "2"]),
            "request": st.sampled_from([None, None, "x", "y"]),
            "reason": st.sampled_from(["one", "two"]),
            "born": st.sampled_from(["1986-04-02", "1986-04-02", "2020-01-01", "19860402"]),
            "clinic": st.sampled_from(["demo-clinic", "demo-clinic", "night-clinic"]),
        }
    ),
    min_size=1,
    max_size=8,
)


def batch_row(who: str, number: str | None, request: str | None, reason: str) -> dict[str, Any]:
    return {
        "who": who,
        "number": number,
        "request": request,
        "reason": reason,
        "born": "1986-04-02",
        "clinic": "demo-clinic",
    }


@settings(
    examples(0.2, HealthCheck.function_scoped_fixture),
    phases=(Phase.explicit, Phase.generate),
)
@example(
    made=[batch_row("b", "2", "y", "two"), batch_row("a", "2", None, "one"), batch_row("b", None, None, "one")],
    closing=True,
)
@given(made=BATCHES, closing=st.booleans())
def test_a_dry_run_says_of_each_row_what_the_run_does(
    world: World, coordinator: tuple[str, str], tmp_path: Path, made: list[dict[str, Any]], closing: bool
) -> None:
    path, spot = tmp_path / "referrals.jsonl", uuid4().hex[:8]
    lines = []
    for row in made:
        given = referral(clinic=row["clinic"], reason=f"Invented: {row['reason']}")
        number = {} if row["number"] is None else {"number": f"{spot}-{row['number']}"}
        given["patient"] |= {"ref": f"{spot}-{row['who']}", "born": row["born"], **number}
        if row["request"] is not None:
            given["request_id"] = str(uuid5(REFERRALS, f"{spot}{row['request']}"))
        lines.append(json.dumps(given))
    path.write_text("\n".join(lines))

    def both() -> Answer:
        dry = batch(world, coordinator, path, "--dry-run", "--json")
        before = world.journeys()
        assert outcomes(batch(world, coordinator, path, "--dry-run", "--json")) == outcomes(dry)
        assert world.journeys() == before
        real = batch(world, coordinator, path, "--json")
        said = {row: "valid" if outcome == "started" else outcome for row, outcome in outcomes(real).items()}
        assert said == outcomes(dry)
        assert real.code == dry.code
        return real

    first = both()
    if closing:
        started = [json.loads(line) for line in first.out.splitlines()]
        for line in started:
            if line["outcome"] == "started":
                close(world, UUID(line["journey_id"]))
    both()


def test_one_or_many(world: World, coordinator: tuple[str, str]) -> None:
    assert call(world, "pathway", "start", *coordinator).code == 2
    assert call(world, "pathway", "start", "-", "--batch", "x.jsonl", *coordinator).code == 2
    printed = call(world, "pathway", "start", "--template").json
    assert list(printed) == list(call(world, "pathway", "start", "--schema").json["properties"])
    columns = call(world, "pathway", "start", "--table-template").out.splitlines()[0].split(",")
    assert {column.partition(".")[0] for column in columns} <= {*printed}
    refused = call(world, "pathway", "start", "--table-template", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert start(world, coordinator, printed).code == 2
