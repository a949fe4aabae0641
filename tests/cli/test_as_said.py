"""A report of harm whose form does not fit is told to its sender, and kept as it was said."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.cli.conftest import Profiles
from tests.cli.helpers import World, call
from tests.cli.valid import FORMS
from workflows.journey.vocabulary.actors import Role

AT = "2026-03-02T09:00:00-08:00"
EVENT = {"what": "Invented: a fall", "grade": 2, "serious": False, "onset": AT}
WRONG: dict[str, tuple[str, Any]] = {
    "grade": ("adverse-event report", EVENT | {"grade": 9}),
    "onset as digits": ("adverse-event report", EVENT | {"onset": "20261125"}),
    "onset in the year 85": ("adverse-event report", EVENT | {"onset": "0085-03-02T09:00:00-08:00"}),
    "a field too many": ("adverse-event report", EVENT | {"symptom": "Z99"}),
    "urgency": ("support request", {"urgency": "very", "text": "Invented: please call"}),
    "no text": ("support request", {"urgency": "urgent"}),
    "a crisis with nothing to see": ("crisis report", {"what": "\u200b"}),
    "a dose of nothing": ("session dose", {"dose_mg": 0, "route": "oral", "taken_at": AT}),
    "an impossible pressure": (
        "observation record",
        {"seen_at": AT, "vitals": {"systolic": 1800, "diastolic": 90, "measured_at": AT}},
    ),
    "risk without an occasion": ("instrument record", {"instrument": "C-SSRS", "answers": {"q1": True}}),
    "related": ("pathway record-death", {"related": "perhaps", "reason": "Invented"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_is_kept_once_and_what_is_wrong_is_told(world: World, journey: UUID, profiles: Profiles, case: str) -> None:
    what, given = WRONG[case]
    words = (*what.split(), str(journey), "--profile", profiles[Role.PATIENT], "--json")
    answer = call(world, *words, given=given)
    assert answer.code == 2
    assert answer.fields
    assert "kept" in answer.error["state"]
    state = world.state(journey)
    assert state.held
    [report] = state.reports.values()
    assert json.loads(report.said) == given
    assert str(report.meant) in answer.error["remedy"]
    assert "Invented" not in answer.err
    assert call(world, *words, given=given).code == 2
    assert len(world.state(journey).reports) == 1, "nobody is alarmed twice"


def test_sent_again_in_the_right_form_it_takes_the_place_of_the_task(
    world: World, journey: UUID, profiles: Profiles
) -> None:
    once = uuid4()
    words = ("adverse-event", "report", str(journey), "--profile", profiles[Role.PATIENT], "--command-id", str(once))
    assert call(world, *words, raw=b"{broken").code == 2
    assert not world.state(journey).reports["report-1"].settled
    assert call(world, *words, given=EVENT).code == 0
    assert world.state(journey).reports["report-1"].settled


@pytest.mark.parametrize("raw", [b"", b"{}", json.dumps({"what": "<text>", "grade": "<number>"}).encode()])
def test_an_empty_form_says_nothing(world: World, journey: UUID, profiles: Profiles, raw: bytes) -> None:
    words = ("adverse-event", "report", str(journey), "--profile", profiles[Role.PATIENT], "--json")
    assert call(world, *words, raw=raw).code == 2
    assert not world.state(journey).reports


def test_what_is_too_large_is_kept_in_part(world: World, journey: UUID, profiles: Profiles) -> None:
    words = ("support", "request", str(journey), "--profile", profiles[Role.PATIENT], "--json")
    assert call(world, *words, given={"urgency": "urgent", "text": "x" * 200_000}).code == 2
    assert len(world.state(journey).reports["report-1"].said) > 10_000


@pytest.mark.parametrize("kind", ["evaluation.record", "consent.give", "pathway.withdraw"])
def test_no_other_form_is_kept(world: World, journey: UUID, profiles: Profiles, kind: str) -> None:
    noun, _, verb = kind.partition(".")
    wrong = FORMS[kind] | {"nothing_like_it": 1}
    assert call(world, noun, verb, str(journey), "--profile", profiles[Role.CLINICIAN], given=wrong).code in (2, 4)
    assert not world.state(journey).reports
