"""Where a patient lives, whom to call and how to speak with them count in every journey; birth dates are compared."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.moves.next_move import next_move
from tests.journey.elsewhere import told
from tests.journey.play import Play, after, before, closed, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.particulars import OF_CLINIC, OF_PATIENT, find_differing, said
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

MOVED = c.Move(zone="America/Chicago", state="TX")
TOLD: dict[str, c.CommandBody] = {
    "state": MOVED,
    "emergency_contact_ref": c.UpdatePatient(emergency_contact_ref="contact-9", reason="x"),
    "dispatch_address_ref": c.UpdatePatient(dispatch_address_ref="address-9", reason="x"),
    "language": c.UpdatePatient(language="es", reason="x"),
    "interpreter": c.UpdatePatient(interpreter=True, reason="x"),
}
ABOUT = "(particulars:{})"


def tell(there: Play, here: Play, clinic: str | None = None) -> list[e.EventBody]:
    seen = see_elsewhere([there.journey], "another", here.journey.clinic if clinic is None else clinic)
    return told(here, **seen.model_dump())


def two() -> tuple[Play, Play]:
    there, here = before("session.schedule"), before("session.release")
    here.at = there.at = max(here.at, there.at)
    return there, here


@pytest.mark.parametrize("name", TOLD)
def test_what_was_told_in_one_journey_is_asked_again_in_the_other_before_its_dose(name: str) -> None:
    there, here = two()
    tell(there, here)
    assert not find_differing(here.journey)
    there.later(minutes=1).do(TOLD[name], Role.COORDINATOR)
    here.later(minutes=5)
    tell(there, here)
    assert here.waits_for("particulars", name)
    assert any(ABOUT.format(name) in why for why in dose_gate(here.journey, 1, here.at))
    tell(here, there)
    assert not there.waits_for("particulars", name), "what was told last is known there"
    here.do(TOLD[name], Role.COORDINATOR)
    assert not here.waits_for("particulars", name)


def test_another_state_holds_care_once_and_nothing_else_about_it_does() -> None:
    there, here = two()
    evaluated = after("evaluation.record")
    evaluated.at = here.at
    there.later(minutes=1).do(MOVED, Role.COORDINATOR)
    [moved] = there.journey.standing_holds
    there.sign(SignOffKind.HOLD_RELEASE, moved.id)
    for play in (here, evaluated):
        play.later(minutes=5)
    hold = one(tell(there, here), e.HoldPlaced)
    assert "they live in TX" in hold.reason
    there.later(minutes=1).do(MOVED, Role.COORDINATOR)
    assert not [body for body in tell(there, here) if isinstance(body, e.HoldPlaced)]
    tell(there, evaluated)
    assert not evaluated.journey.held, "in the evaluation nothing was decided yet for where they lived"
    assert evaluated.waits_for("particulars", "state")


def test_who_says_that_it_is_as_it_was_is_believed_and_the_other_journey_asks() -> None:
    there, here = two()
    there.later(minutes=1).do(MOVED, Role.COORDINATOR)
    here.later(minutes=5)
    tell(there, here)
    here.do(c.Move(zone=here.journey.patient.zone, state=here.journey.patient.state), Role.COORDINATOR)
    assert not here.waits_for("particulars", "state")
    tell(here, there)
    assert there.waits_for("particulars", "state")


def test_references_of_another_clinic_and_a_closed_journey_say_nothing() -> None:
    there, here = two()
    there.later(minutes=1).do(TOLD["emergency_contact_ref"], Role.COORDINATOR)
    tell(there, here, clinic="another")
    assert not find_differing(here.journey)
    assert not see_elsewhere([closed().journey], "another", here.journey.clinic).particulars


def test_a_language_that_nobody_was_asked_for_is_no_answer() -> None:
    """A journey begins with English where nothing is said: that is not newer than what was told before."""
    there = started()
    there.do(TOLD["language"], Role.COORDINATOR)
    here = started(at=there.at + timedelta(days=1))
    tell(there, here)
    assert here.waits_for("particulars", "language")
    tell(here, there)
    assert not there.waits_for("particulars", "language")


@pytest.mark.parametrize("ended", [False, True])
def test_two_birth_dates_of_one_patient_are_asked_about_in_both_journeys(ended: bool) -> None:
    there, here = closed() if ended else before("session.schedule"), before("session.release")
    here.at = max(here.at, there.at)
    tell(there, here)
    assert not here.waits_for("particulars", "born")
    there.do(c.CorrectBirthDate(born=date(1970, 1, 1), reason="x"), Role.COORDINATOR)
    tell(there, here)
    assert here.waits_for("particulars", "born")
    assert any(ABOUT.format("born") in why for why in dose_gate(here.journey, 1, here.at))
    if not ended:
        tell(here, there)
        assert there.waits_for("particulars", "born")
    here.do(c.CorrectBirthDate(born=date(1970, 1, 1), reason="x"), Role.COORDINATOR)
    assert not here.waits_for("particulars", "born")


@pytest.mark.parametrize("ended", [False, True])
def test_a_wrong_birth_date_that_nobody_corrects_elsewhere_is_no_dead_end(ended: bool) -> None:
    there, here = closed() if ended else before("session.schedule"), before("session.release")
    here.at = there.at = max(here.at, there.at)
    there.do(c.CorrectBirthDate(born=date(1970, 1, 1), reason="x"), Role.COORDINATOR)
    here.later(minutes=5)
    tell(there, here)
    right = c.CorrectBirthDate(born=here.journey.patient.born, reason="seen on the passport")
    assert here.waits_for("particulars", "born")
    here.do(right, Role.COORDINATOR)
    assert not here.waits_for("particulars", "born")
    here.refused(right, Role.COORDINATOR, code=RefusalCode.ALREADY_DONE, field="born")
    there.later(minutes=10).do(c.CorrectBirthDate(born=date(1971, 1, 1), reason="x"), Role.COORDINATOR)
    here.later(minutes=10)
    tell(there, here)
    assert here.waits_for("particulars", "born"), "told otherwise since"


@given(st.data())
def test_two_journeys_come_to_agree_whatever_was_told_where(data: st.DataObject) -> None:
    plays = two()
    values: dict[str, list[Any]] = {"language": ["en", "es"], "interpreter": [True, False]}
    values |= {name: ["ref-1", "ref-2"] for name in OF_CLINIC}
    for _ in range(data.draw(st.integers(1, 4))):
        name, play = data.draw(st.sampled_from([*values, "state"])), data.draw(st.sampled_from(plays))
        if name == "state":
            body: c.CommandBody = data.draw(st.sampled_from((MOVED, c.Move(zone="America/Los_Angeles", state="CA"))))
        else:
            told_now = {name: data.draw(st.sampled_from(values[name]))}
            body = c.UpdatePatient.model_validate({**told_now, "reason": "x"})
        for each in plays:
            each.later(minutes=1)
        play.do(body, Role.COORDINATOR)
    names = [name for name in (*OF_PATIENT, *OF_CLINIC) if said(plays[0].journey, name) != said(plays[1].journey, name)]
    for there, here in (plays, plays[::-1]):
        tell(there, here)
    asked = [name for play in plays for name in find_differing(play.journey)]
    assert sorted(asked) == sorted(names), "each is asked about, in one of them"
    for play in plays:
        play.later(minutes=1)
        for waiting in [w for w in play.journey.waiting.values() if w.kind == "particulars"]:
            alone = play.changed(waiting={waiting.id: waiting})
            move = next_move(alone.journey, alone.at)
            assert isinstance(move, c.Command)
            assert not isinstance(play.take(move), Refusal)
    for there, here in (plays, plays[::-1]):
        tell(there, here)
        assert not find_differing(here.journey)
