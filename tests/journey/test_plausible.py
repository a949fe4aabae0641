"""Times that cannot be true are refused, and risk that was found is kept whatever else is wrong."""

from datetime import date, timedelta
from typing import Any

import pytest

from simulation.people import PEOPLE, person_of, plan
from tests.cli.valid import FORMS
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import JOURNEY, after, before, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.instruments import Instrument
from workflows.journey.plausible import HAPPENED, LONGEST
from workflows.journey.refusals import RefusalCode

DATED: dict[str, tuple[type[c.CommandBody], str]] = {
    "adverse-event.report": (c.ReportAdverseEvent, "onset"),
    "session.dose": (c.RecordDose, "taken_at"),
    "observation.record": (c.RecordObservation, "seen_at"),
    "pregnancy.test": (c.RecordPregnancyTest, "taken_at"),
    "therapy.record": (c.RecordTherapy, "held_at"),
    "supply.move": (c.MoveSupply, "moved_at"),
    "supply.count": (c.CountSupply, "counted_at"),
    "medicine.add": (c.AddMedicine, "since"),
    "evaluation.record": (c.RecordEvaluation, "symptoms_since"),
}


@pytest.mark.parametrize("kind", DATED)
def test_nothing_happened_before_the_patient_was_born(kind: str) -> None:
    model, field = DATED[kind]
    assert field in HAPPENED
    play = started()
    day = play.journey.patient.born - timedelta(days=2)
    value: Any = day.isoformat() if "since" in field else f"{day}T12:00:00Z"
    body = model.model_validate(FORMS[kind] | {field: value})
    play.refused(body, person_of(JOURNEY, model.roles[-1]), code=RefusalCode.WRONG_TIME, field=field)


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
