"""Everybody is somebody: who has a part in a journey, and what somebody may do who has none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulation.people import PEOPLE, person_of, referral
from tests.journey.play import JOURNEY, PROTOCOLS, START, Play, after, before, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor, Licence, Role, is_same_person
from workflows.journey.decide import decide
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode

STRANGERS = {
    "another patient": Actor(id="demo-patient-2", role=Role.PATIENT),
    "a passer-by": Actor(id="demo-passer-by", role=Role.OBSERVER),
    "a clinician of another clinic": PEOPLE[Role.CLINICIAN].model_copy(
        update={"id": "other", "clinics": ("night-clinic",)}
    ),
    "a director of no clinic": PEOPLE[Role.MEDICAL_DIRECTOR].model_copy(update={"clinics": ()}),
    "the patient as a clinician": PEOPLE[Role.CLINICIAN].model_copy(update={"id": person_of(JOURNEY, Role.PATIENT).id}),
    "the patient as coordinator": PEOPLE[Role.COORDINATOR].model_copy(
        update={"id": person_of(JOURNEY, Role.PATIENT).id}
    ),
    "the patient as observer": Actor(id=person_of(JOURNEY, Role.PATIENT).id, role=Role.OBSERVER),
}
MAY: dict[str, Callable[[Play], Any]] = {
    "hold": lambda _: c.PlaceHold(reason="they are asleep on the street"),
    "harm": lambda play: c.ReportAdverseEvent(what="a fall", grade=2, serious=False, onset=play.at),
    "help": lambda _: c.RequestSupport(urgency="urgent", text="they do not answer"),
    "dose": lambda play: c.RecordDose(dose_mg=100, route="oral", taken_at=play.at),
}
"""What anybody may send."""


@pytest.mark.requirement("A64")
@pytest.mark.parametrize("who", STRANGERS)
def test_somebody_without_a_part_changes_no_care(who: str) -> None:
    """Consent, answers, withdrawal, observation, staff's own work: none of it by somebody who has no part."""
    play, stranger = after("session.dose"), STRANGERS[who]
    for body in (
        c.WithdrawConsent(consent="treatment"),
        c.Withdraw(),
        c.Move(zone="America/New_York", state="NY"),
        c.Observe(session=1, minute=15, consciousness="alert", breathing_normal=True, vomiting=False),
        c.EndSession(session=1, criteria={}),
        c.Reassign(duty="clinician", to="me", reason="mine"),
        c.AnswerSupport(support="support-1", text="settled"),
        c.Transfer(reason="mine", referral="to me"),
    ):
        if stranger.role in type(body).roles:
            play.refused(body, stranger, code=RefusalCode.NOT_ALLOWED, says="no part in this journey")


@pytest.mark.parametrize("what", MAY)
@pytest.mark.parametrize("who", STRANGERS)
def test_what_a_stranger_reports_counts_and_is_marked(who: str, what: str) -> None:
    play, stranger = before("session.release"), STRANGERS[who]
    body = MAY[what](play)
    if stranger.role not in type(body).roles:
        pytest.skip("not for this role, whoever has it")
    followed = play.do(body, stranger)
    assert e.StrangerHeard(command_kind=body.kind) in followed
    assert play.journey.strangers_heard == 1


def test_what_somebody_with_a_part_sends_bears_no_mark() -> None:
    play = started()
    play.do(c.PlaceHold(reason="dizzy"), Role.PATIENT)
    play.do(c.PlaceHold(reason="a call from the pharmacy"), Role.OPS)
    assert play.journey.strangers_heard == 0


def test_the_patient_signs_nothing_about_themselves() -> None:
    play = before("signoff.sign")
    patient = STRANGERS["the patient as a clinician"]
    play.refused(play.signature(SignOffKind.EVALUATION), patient, code=RefusalCode.NOT_ALLOWED, says="no part")


def test_a_journey_is_started_in_ones_own_clinic() -> None:
    opening = referral(PROTOCOLS["PTSD"], JOURNEY)
    other = opening.actor.model_copy(update={"clinics": ("night-clinic",)})
    refused = decide(None, opening.model_copy(update={"actor": other}), START)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.reason) == (RefusalCode.NOT_ALLOWED, "you do not work for this clinic")


@pytest.mark.parametrize(
    ("number", "states", "same"),
    [("A1", ("CA",), True), ("A1", ("NY", "CA"), True), ("A1", ("NY",), False), ("A2", ("CA",), False)],
)
def test_one_licence_number_in_one_state_is_one_person(number: str, states: tuple[str, ...], same: bool) -> None:
    until = (started().at + timedelta(days=400)).date()
    one = Actor(id="one", role=Role.CLINICIAN, licence=Licence(number="A1", states=("CA",), expires=until))
    other = Actor(id="other", role=Role.CLINICIAN, licence=Licence(number=number, states=states, expires=until))
    assert is_same_person(one, other) is same
    assert is_same_person(other, one) is same
