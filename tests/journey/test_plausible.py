"""Times that cannot be true are refused, and risk that was found is kept whatever else is wrong."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from simulation.people import PEOPLE, observation, plan, vitals
from tests.cli.valid import FORMS
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import after, before, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.dispatch import DECISIONS
from workflows.journey.instruments import Instrument
from workflows.journey.plausible import FARTHEST, LONGEST, require_plausible
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode, RefusalRaised

BODIES: dict[str, type[c.CommandBody]] = {body.model_fields["kind"].default: body for body in DECISIONS}
TIME = re.compile(r"\d{4}-\d\d-\d\d(T.*)?")


def times(said: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a form a time or a day stands."""
    if isinstance(said, dict):
        for key, each in said.items():
            yield from times(each, (*path, key))
    elif isinstance(said, list):
        for place, each in enumerate(said):
            yield from times(each, (*path, place))
    elif isinstance(said, str) and TIME.fullmatch(said):
        yield path


DATED = [
    (kind, path)
    for kind, form in FORMS.items()
    for path in times(form)
    if kind not in ("patient.correct-birth-date", "pathway.start") and "signature" not in path
]


def told(kind: str, path: tuple[Any, ...], when: datetime) -> c.CommandBody:
    """The form with another time at this place."""
    form = copy.deepcopy(FORMS[kind])
    *before, last = path
    place: Any = reduce(lambda known, key: known[key], before, form)
    place[last] = f"{when.date()}T12:00:00Z" if "T" in place[last] else f"{when.date()}"
    return BODIES[kind].model_validate_json(json.dumps({"kind": kind, **form}))


@pytest.mark.parametrize(("kind", "path"), DATED, ids=lambda each: each if isinstance(each, str) else None)
def test_nothing_happened_before_the_patient_was_born_or_is_planned_for_the_far_future(
    kind: str, path: tuple[Any, ...]
) -> None:
    play = started()
    for when in (datetime(1910, 1, 1, tzinfo=UTC), play.at + FARTHEST + timedelta(days=40)):
        with pytest.raises(RefusalRaised) as refused:
            require_plausible(play.journey, told(kind, path, when), play.at)
        assert refused.value.refusal.code in (RefusalCode.WRONG_TIME, RefusalCode.OUT_OF_LIMITS)
        assert str(path[-1]) in str(refused.value.refusal.field)


def test_the_table_has_what_is_measured_and_what_is_agreed() -> None:
    found = [".".join(map(str, path)) for _, path in DATED]
    assert {"vitals.measured_at", "plan.weighed_at", "until", "taken_at", "starts_at", "onset"} <= {*found}


@pytest.mark.parametrize("minutes", [6, 60, 60 * 24 * 400])
def test_nothing_was_measured_in_the_future_and_what_was_observed_is_kept(minutes: int) -> None:
    play = after("session.dose")
    play.later(minutes=15)
    seen = observation(play.journey, 1, 15, play.at)
    ahead = vitals(play.at + timedelta(minutes=minutes))
    refusal = play.refused(
        seen.model_copy(update={"vitals": ahead}),
        Role.OBSERVER,
        code=RefusalCode.WRONG_TIME,
        field="vitals.measured_at",
    )
    assert refusal.kept, "an observation that nobody can read may be an emergency"
    play.do(seen.model_copy(update={"vitals": vitals(play.at + timedelta(minutes=4))}), Role.OBSERVER)


@pytest.mark.parametrize("days", [367, 3650, 36500])
def test_nobody_stands_in_for_ever(days: int) -> None:
    play = started()
    until = play.at + timedelta(days=days)
    cover = c.Cover(by="demo-clinician-2", until=until, reason="Invented")
    play.refused(cover, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="until")
    play.do(cover.model_copy(update={"until": play.at + LONGEST}), Role.COORDINATOR)


HIGH = {f"q{number}": number in (1, 2, 3, 4, 5) for number in range(1, 7)} | {"q6_recent": False}


@pytest.mark.parametrize(
    "licence",
    [{"states": ("NY",)}, {"states": ()}, {"expires": date(2020, 1, 1)}, {"number": "another"}],
    ids=["elsewhere", "nowhere", "over", "another"],
)
@pytest.mark.parametrize("occasion", ["unscheduled", "baseline", "visit-1", "whenever"])
@pytest.mark.parametrize("stage", ["evaluation", "sessions", "closed"])
def test_a_high_risk_is_kept_whatever_else_is_wrong(licence: dict[str, Any], occasion: str, stage: str) -> None:
    """A licence that did not cover the patient's state refused a high C-SSRS."""
    play = after("session.dose") if stage == "sessions" else started()
    if stage == "closed":
        play.do(c.Withdraw(), Role.COORDINATOR)
    known = PEOPLE[Role.CLINICIAN]
    assert known.licence is not None
    clinician = known.model_copy(update={"licence": known.licence.model_copy(update=licence)})
    found = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion=occasion, answers=HIGH), clinician)
    assert any(isinstance(body, e.CrisisOpened) for body in found)
    assert play.journey.held


@pytest.mark.parametrize("marks", ["yynnnnn", "yyynnnn", "yyyynnn", "yyynyn" + "n", "nn---yn", "nn---yy", "ynnnnnn"])
@pytest.mark.parametrize("stage", ["sessions", "closed"])
def test_risk_of_any_level_is_kept_whatever_occasion_it_is_given(marks: str, stage: str) -> None:
    """A moderate risk that was found under the name of the baseline was refused."""
    play = before("session.release", 2)
    if stage == "closed":
        play = started()
        play.do(c.Withdraw(), Role.COORDINATOR)
    found = play.do(
        c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="baseline", answers=c_ssrs(marks)), Role.CLINICIAN
    )
    assert any(isinstance(body, e.CrisisOpened) for body in found)


def test_a_baseline_that_finds_nothing_still_belongs_to_the_evaluation() -> None:
    play = before("session.release")
    body = c.RecordInstrument(instrument=Instrument.PCL_5, occasion="baseline", answers=[0] * 20)
    play.refused(body, Role.CLINICIAN, code=RefusalCode.WRONG_STAGE, field="occasion")


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=1), timedelta(days=400)])
def test_nobody_was_weighed_at_a_time_that_is_still_to_come(ahead: timedelta) -> None:
    play = before("plan.record")
    written = plan(play.journey.protocol, play.at).model_copy(update={"weighed_at": play.at + ahead})
    play.refused(c.RecordPlan(plan=written), code=RefusalCode.WRONG_TIME, field="plan.weighed_at")
