"""Answers agree with what is known: states come from a closed list, exclusions do not contradict the record."""

from collections.abc import Callable
from datetime import date
from itertools import product
from string import ascii_uppercase
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulation.people import no_risk
from tests.cli.valid import FORMS
from tests.journey.play import Play, before
from workflows.journey import commands as c
from workflows.journey.actors import Licence, Role
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import KnownFrom
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary import Patient, UsState

# The states, the District of Columbia and the territories people live in, from east to west: written a second time.
_STATES = (
    "CT MA ME NH RI VT NJ NY PA DE DC MD VA WV NC SC GA FL AL TN MS KY OH IN MI IA WI MN SD ND MT IL MO KS NE "
    "LA AR OK TX CO WY ID UT AZ NM NV CA HI OR WA AK PR VI GU AS MP"
)
STATES = set(_STATES.split())
PATIENT = {"ref": "p-1", "born": "1980-01-01", "zone": "America/Los_Angeles", "emergency_contact_ref": "e-1"}
LICENCE = {"number": "INVENTED-1", "expires": "2099-12-31"}
READ: dict[str, tuple[Callable[[str], Any], tuple[str | int, ...]]] = {
    "patient": (lambda state: Patient.model_validate({**PATIENT, "state": state}), ("state",)),
    "licence": (lambda state: Licence.model_validate({**LICENCE, "states": ["CA", state]}), ("states", 1)),
    "move": (lambda state: c.Move.model_validate({**FORMS["pathway.move"], "state": state}), ("state",)),
}
"""How each form that sets a state down is read, and where the state stands in it."""


def known(state: str) -> bool:
    """Whether a state is taken."""
    try:
        return TypeAdapter(UsState).validate_python(state) == state
    except ValidationError:
        return False


def test_of_all_pairs_of_letters_exactly_the_states_are_taken() -> None:
    pairs = {"".join(pair) for pair in product(ascii_uppercase, repeat=2)}
    assert {pair for pair in pairs if known(pair)} == STATES
    assert not any(known(pair.lower()) or known(pair.title()) for pair in pairs)


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("state", ["ZZ", "XX", "ca", "CA ", "", "C", "CAL", "US-CA", "California", "AA", "QC"])
def test_an_invented_state_is_refused_wherever_one_is_given(form: str, state: str) -> None:
    read, at = READ[form]
    read("CA")
    with pytest.raises(ValidationError) as refused:
        read(state)
    (problem,) = refused.value.errors()
    assert problem["loc"] == at
    assert "US state" in problem["msg"]


def test_facts_about_safety_carry_no_state_they_could_be_refused_for() -> None:
    for kind in ("adverse-event.report", "crisis.record-contact", "support.request", "session.observe", "session.dose"):
        assert not [name for name in FORMS[kind] if "state" in name]


def screening_of(**patient: Any) -> Play:
    """A journey that waits for its screening, of somebody of whom this is known. It stands at 23 November 2026."""
    play = before("screening.record")
    return play.changed(patient=play.journey.patient.model_copy(update=patient))


def answer(play: Play, code: str, word: str, contrary: str | None) -> None:
    """Give an answer, on a copy of the journey; ``contrary`` are words of what refuses it."""
    given = c.RecordScreening.model_validate({"exclusions": {code: {"answer": word}}})
    decided = Play(play.journey, play.at).take(play.command(given, Role.CLINICIAN))
    if contrary is None:
        assert not isinstance(decided, Refusal)
        return
    assert isinstance(decided, Refusal)
    assert (decided.code, decided.field) == (RefusalCode.CONTRADICTS, f"exclusions.{code}")
    assert contrary in decided.reason


@pytest.mark.requirement("A36", "B17")
@pytest.mark.parametrize(
    ("years", "code", "word", "contrary"),
    [
        (91, "X36", "no", "the patient is over 65"),
        (91, "X36", "yes", None),
        (91, "X36", "unknown", None),
        (66, "X36", "no", "the patient is over 65"),
        (65, "X36", "no", None),
        (65, "X36", "yes", "the patient is not over 65"),
        (18, "X01", "no", None),
        (18, "X01", "yes", "the patient is not under 18"),
        (17, "X01", "no", "the patient is under 18"),
        (17, "X01", "unknown", None),
    ],
)
def test_an_answer_about_age_agrees_with_the_birth_date(years: int, code: str, word: str, contrary: str | None) -> None:
    play = screening_of()
    today = play.at.date()
    answer(screening_of(born=date(today.year - years, 1, 1)), code, word, contrary)


@pytest.mark.requirement("A36", "B17")
@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, {}),
        ({"q1": True}, {"X13": "is low"}),
        ({"q1": True, "q2": True, "q3": True, "q4": False, "q5": False}, {"X13": "is moderate"}),
        ({"q6": True, "q6_recent": True}, {"X12": "is high"}),
        ({"q1": None}, {"X12": "counts as high"}),
    ],
)
def test_no_suicide_risk_is_not_answered_beside_a_c_ssrs_that_found_it(
    changed: dict[str, Any], refused: dict[str, str]
) -> None:
    play = screening_of()
    asked = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers={**no_risk(), **changed})
    play.do(asked, Role.CLINICIAN)
    for code in ("X12", "X13"):
        answer(play, code, "no", refused.get(code))
        answer(play, code, "yes", None)
        answer(play, code, "unknown", None)


def test_a_patient_s_own_answers_do_not_settle_the_clinician_s() -> None:
    play = screening_of()
    play.do(
        c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers={**no_risk(), "q1": True}),
        Role.CLINICIAN,
    )
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=no_risk()), Role.PATIENT)
    answer(play, "X13", "no", "is low")


def test_a_correction_of_the_screening_agrees_with_what_is_known_too() -> None:
    play = screening_of(born=date(1935, 1, 1))
    play.do(c.RecordScreening.model_validate({"exclusions": {"X01": {"answer": "no"}}}))
    fact = c.RecordScreening.model_validate({"exclusions": {"X36": {"answer": "no"}}})
    amend = c.Amend(version=play.version_of("screening.recorded"), reason="invented", correction=fact)
    play.refused(amend, code=RefusalCode.CONTRADICTS, field="exclusions.X36")


@pytest.mark.parametrize(
    "given", [{}, {"age_over": 65, "age_under": 18}, {"suicide_risk": []}, {"suicide_risk": ["none"]}, {"weight": 1}]
)
def test_an_exclusion_is_known_from_one_thing(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KnownFrom.model_validate(given)
