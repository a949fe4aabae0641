"""`pathway start`: one open journey per patient and pathway, safe to repeat, one or thousands."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.door.conftest import Profiles
from tests.door.helpers import EXAMPLES, START, Answer, Memory, call, referral
from workflows.journey.actors import Role

REQUEST = "6a0a1c8e-3f5e-4b7c-9d5a-111111111111"


@pytest.fixture
def coordinator(profiles: Profiles) -> tuple[str, str]:
    return ("--profile", profiles[Role.COORDINATOR])


def start(services: Memory, coordinator: tuple[str, str], given: Any, *more: str) -> Answer:
    return call(services, "pathway", "start", "-", *coordinator, "--json", *more, given=given)


@pytest.mark.parametrize("name", ["referral-ptsd.json", "referral-anxiety.json"])
def test_the_examples_start(services: Memory, coordinator: tuple[str, str], name: str) -> None:
    answer = call(services, "pathway", "start", str(EXAMPLES / name), *coordinator)
    assert answer.code == 0, answer.err
    assert "recorded at position" in answer.out
    assert "ILLUSTRATIVE" in answer.out


def test_the_same_referral_again_is_the_same_journey(services: Memory, coordinator: tuple[str, str]) -> None:
    first = start(services, coordinator, referral())
    again = start(services, coordinator, dict(reversed(referral().items())))
    assert (first.json["outcome"], again.json["outcome"]) == ("started", "already_started")
    assert first.json["journey_id"] == again.json["journey_id"]
    assert len(services.books.journeys) == 1


def test_a_second_start_is_refused_and_names_the_first(services: Memory, coordinator: tuple[str, str]) -> None:
    first = start(services, coordinator, referral()).json["journey_id"]
    second = start(services, coordinator, referral(reason="Invented: another one"))
    assert second.code == 5
    assert first in second.error["reason"]
    assert second.error["journey_id"] == first
    other_pathway = start(services, coordinator, referral(condition="ANXIETY"))
    assert other_pathway.code == 0


def test_a_request_id_repeats_and_is_not_shared(services: Memory, coordinator: tuple[str, str]) -> None:
    first = start(services, coordinator, referral(request_id=REQUEST))
    again = start(services, coordinator, referral(request_id=REQUEST, reason="Invented: other words"))
    assert first.json["journey_id"] == again.json["journey_id"]
    other = start(services, coordinator, referral(request_id=REQUEST, condition="ANXIETY"))
    assert other.code == 5
    assert "request_id" in other.fields


def test_enrolled_but_not_started_is_taken_up_again(services: Memory, coordinator: tuple[str, str]) -> None:
    services.books.asleep = True
    held = start(services, coordinator, referral())
    assert held.code == 6
    assert held.error["state"] == "Nothing is lost."
    for events in services.books.journeys.values():
        events.clear()
    services.books.asleep = False
    blocked = start(services, coordinator, referral(reason="Invented: another one"))
    assert "send its referral again" in blocked.error["remedy"]
    assert start(services, coordinator, referral()).json["outcome"] == "started"


def test_dry_run_sends_nothing(services: Memory, coordinator: tuple[str, str]) -> None:
    services.down = True
    answer = start(services, coordinator, referral(), "--dry-run")
    assert answer.code == 0
    assert [event["kind"] for event in answer.json["events"]] == ["pathway.started", "obligations.updated"]
    assert not services.books.journeys
    assert not services.books.enrolled


def test_a_minor_is_refused_before_anything_is_enrolled(services: Memory, coordinator: tuple[str, str]) -> None:
    given = referral()
    given["patient"]["born"] = f"{START.year - 17}-01-01"
    for more in ((), ("--dry-run",)):
        assert start(services, coordinator, given, *more).code == 5
    assert services.books.enrolled == {}


def test_without_demonstrations_an_illustrative_protocol_is_refused(coordinator: tuple[str, str]) -> None:
    services = Memory(demonstration=False)
    answer = start(services, coordinator, referral(protocol="ptsd-at-home"))
    assert answer.code == 5
    assert "illustrative" in answer.error["reason"]
    assert start(services, coordinator, referral()).code == 2  # "demonstration" is no protocol there
    assert services.books.enrolled == {}


def test_the_protocol_of_an_argument_wins(services: Memory, coordinator: tuple[str, str]) -> None:
    wrong = start(services, coordinator, referral(), "--protocol", "anxiety-at-home")
    assert wrong.code == 5
    assert "condition" in wrong.fields
    assert start(services, coordinator, referral(), "--protocol", "nowhere").code == 2
    assert start(services, coordinator, referral(), "--protocol", "PTSD").code == 0


def test_a_referral_cannot_point_at_files(services: Memory, coordinator: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("protocol: 7")
    assert "no such protocol" in start(services, coordinator, referral(protocol=str(file))).err


@pytest.mark.parametrize("field", ["clinic", "patient", "condition", "reason", "coordinator", "clinician"])
def test_missing_fields(services: Memory, coordinator: tuple[str, str], field: str) -> None:
    given = referral()
    del given[field]
    answer = start(services, coordinator, given)
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
def test_wrong_fields(services: Memory, coordinator: tuple[str, str], field: str, value: Any) -> None:
    given = referral()
    given["patient"][field] = value
    answer = start(services, coordinator, given)
    assert answer.code == 2
    assert list(answer.fields) == [f"patient.{field}"]
    assert "Robin" not in answer.err


def test_who_may(services: Memory, profiles: Profiles) -> None:
    answer = call(services, "pathway", "start", "-", "--profile", profiles[Role.CLINICIAN], "--json", given=referral())
    assert answer.code == 4
    assert "coordinator" in answer.error["remedy"]


def rows(count: int) -> list[dict[str, Any]]:
    made = [referral() for _ in range(count)]
    for number, row in enumerate(made):
        row["patient"] = row["patient"] | {"ref": f"demo-batch-{number}"}
    return made


def batch(services: Memory, coordinator: tuple[str, str], path: Path, *more: str) -> Answer:
    return call(services, "pathway", "start", "--batch", str(path), *coordinator, *more)


def test_a_batch_and_the_same_batch_again(services: Memory, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(150))) + "\n\n")
    first = batch(services, coordinator, path)
    assert first.code == 0, first.err
    assert "100 rows done" in first.err
    assert len(services.books.journeys) == 150
    again = batch(services, coordinator, path, "--json")
    assert [json.loads(line)["outcome"] for line in again.out.splitlines()] == ["already_started"] * 150
    assert len(services.books.journeys) == 150


def test_bad_rows_are_named_by_number_and_do_not_stop_the_others(
    services: Memory, coordinator: tuple[str, str], tmp_path: Path
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
    answer = batch(services, coordinator, path)
    assert answer.code == 5
    assert [n for n in range(1, 9) if f"row {n}:" in answer.err] == [2, 3, 5, 6, 7]
    assert "reason is missing" in answer.err
    assert len(services.books.journeys) == 3
    scripted = batch(services, coordinator, path, "--json")
    found = {json.loads(line)["row"]: json.loads(line)["outcome"] for line in scripted.out.splitlines()}
    assert found == {
        1: "already_started", 2: "usage", 3: "usage", 4: "already_started",
        5: "refused", 6: "refused", 7: "usage", 8: "already_started",
    }  # fmt: skip


def test_a_batch_stops_trying_in_an_outage(services: Memory, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(3))))
    services.down = True
    assert batch(services, coordinator, path).code == 6
    services.down = False
    services.books.asleep = True
    answer = batch(services, coordinator, path)
    assert answer.code == 5
    assert "run the same batch again" in answer.out
    assert batch(services, coordinator, tmp_path / "none.jsonl").code == 2


def test_a_dry_run_of_a_batch(services: Memory, coordinator: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "referrals.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows(2)), "{"]))
    services.down = True
    answer = batch(services, coordinator, path, "--dry-run", "--json")
    assert answer.code == 5
    assert [json.loads(line)["outcome"] for line in answer.out.splitlines()] == ["valid", "valid", "usage"]
    assert services.books.journeys == {}


def test_one_or_many(services: Memory, coordinator: tuple[str, str]) -> None:
    assert call(services, "pathway", "start", *coordinator).code == 2
    assert call(services, "pathway", "start", "-", "--batch", "x.jsonl", *coordinator).code == 2
    printed = call(services, "pathway", "start", "--template").json
    assert list(printed) == list(call(services, "pathway", "start", "--schema").json["properties"])
    assert start(services, coordinator, printed).code == 2
