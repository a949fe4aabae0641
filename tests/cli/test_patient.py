"""`patient show`: what is known of a patient over all their journeys, and to whom."""

import json
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from activities.record import KeyAway, Record
from activities.record.event_codec import to_new
from activities.record.patients import opening_of
from application.context import Context
from application.reading.history import load_journey
from deploy.local.postgres import Database
from tests.cli.helpers import World, call
from tests.journey.play import Play, started
from tests.record.verification.test_patients import SECOND, another, with_medicine
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.actors import Role


async def _put(record: Record, play: Play) -> None:
    opening = opening_of(record.patients, play.journey)
    await record.append(play.journey.id, 0, [to_new(event) for event in play.events], opening=opening)


@pytest.fixture
def two(migrated: Database) -> tuple[World, Play, Play]:
    """A patient's journey with a dose and an adverse event, and one with another medicine at another clinic."""
    here = started().go_on(lambda journey: bool(journey.doses))
    here.do(c.ReportAdverseEvent(what="Invented", grade=3, serious=False, onset=here.at), Role.CLINICIAN)
    there = another(here, with_medicine("invented-2"))
    opened = there.events[0]
    body = opened.body.model_copy(update={"clinic": "other-town"})
    there.events[0] = opened.model_copy(update={"body": body})
    there.journey = there.journey.model_copy(update={"clinic": "other-town"})
    world = World(migrated)
    world.at = here.at
    for play in (here, there):
        world.on_record(partial(_put, play=play))
    return world, here, there


@pytest.mark.requirement("A35")
def test_doses_and_risks_of_all_journeys_are_shown_and_other_clinics_are_not_named(
    two: tuple[World, Play, Play], tmp_path: Path
) -> None:
    world, here, there = two
    ref, looker = here.journey.patient.ref, of_clinic(tmp_path, here.journey.clinic)
    shown = call(world, "patient", "show", ref, "--json", *looker)
    assert shown.code == 0, shown.err
    assert [journey["journey_id"] for journey in shown.json["journeys"]] == [str(here.journey.id)]
    [dose] = shown.json["doses"]
    assert (dose["dose_mg"], dose["journey_id"]) == (100, str(here.journey.id))
    assert {"adverse_event", "hold"} <= {risk["type"] for risk in shown.json["risks"]}
    assert "other-town" not in shown.out
    assert str(there.journey.id) not in shown.out
    human = call(world, "patient", "show", ref, *looker)
    assert human.code == 0
    assert "grade 3" in human.out
    [look] = [look for look in world.looks() if look.command[0] == "patient show"][:1]
    assert look.journeys == (here.journey.id,)


def of_clinic(directory: Path, clinic: str) -> tuple[str, str]:
    """The options by which a clinician of this clinic acts."""
    profile = directory / f"{clinic}.json"
    profile.write_text(json.dumps({"id": clinic, "role": "clinician", "clinics": [clinic]}))
    return "--profile", str(profile)


@pytest.mark.requirement("A35")
def test_what_is_known_here_is_shown_at_the_other_clinic(two: tuple[World, Play, Play], tmp_path: Path) -> None:
    world, here, _ = two
    ref, there = here.journey.patient.ref, of_clinic(tmp_path, "other-town")
    shown = call(world, "patient", "show", ref, "--json", *there)
    assert shown.code == 0, shown.err
    assert [journey["journey_id"] for journey in shown.json["journeys"]] == [str(SECOND)]
    assert [(dose["dose_mg"], dose["journey_id"]) for dose in shown.json["doses"]] == [(100, None)]
    assert {"adverse_event", "hold"} <= {risk["type"] for risk in shown.json["risks"]}
    assert str(here.journey.id) not in shown.out
    assert here.journey.clinic not in shown.out


def test_who_has_no_part_in_any_of_them_is_not_told_whether_there_are_any(
    two: tuple[World, Play, Play], tmp_path: Path
) -> None:
    world, here, _ = two
    stranger = of_clinic(tmp_path, "far-away")
    refused = [call(world, "patient", "show", ref, *stranger) for ref in (here.journey.patient.ref, "nobody-1")]
    assert [answer.code for answer in refused] == [4, 4]
    assert refused[0].err == refused[1].err
    assert len([look for look in world.looks() if look.command[0] == "patient show"]) == 2


def test_a_reading_of_a_patient_is_shown_again(two: tuple[World, Play, Play]) -> None:
    world, here, _ = two
    first = call(world, "patient", "show", here.journey.patient.ref, "--json")
    [look] = [look for look in world.looks() if look.command[0] == "patient show"]
    again = call(world, "access", "show", str(look.entry_id), "--json")
    assert again.code == 0, again.err
    assert UUID(first.json["journeys"][0]["journey_id"]) == here.journey.id
    assert "100" in again.out


def test_a_patient_is_merged_only_with_one_there_is(two: tuple[World, Play, Play]) -> None:
    world, here, _ = two
    merge = ("patient", "merge", str(here.journey.id))
    unknown = call(world, *merge, given={"other": "nobody-1", "reason": "Invented"})
    assert unknown.code == 3, unknown.err
    assert "no patient with this reference" in unknown.err


def test_a_journey_whose_key_is_away_keeps_nobody_from_the_patients_others(
    two: tuple[World, Play, Play], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, here, there = two

    async def away(context: Context, journey_id: UUID) -> Journey:
        if journey_id == there.journey.id:
            raise KeyAway
        return await load_journey(context, journey_id)

    monkeypatch.setattr("application.pathway.patient.load_journey", away)
    ref, looker = here.journey.patient.ref, of_clinic(tmp_path, here.journey.clinic)
    shown = call(world, "patient", "show", ref, "--json", *looker)
    assert shown.code == 0, shown.err
    assert shown.json["not_readable"]
    assert len(shown.json["doses"]) == 1
