"""Answers agree with what is known: states come from a closed list."""

from collections.abc import Callable
from itertools import product
from string import ascii_uppercase
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.cli.valid import FORMS
from workflows.journey import commands as c
from workflows.journey.actors import Licence
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
    "session": (
        lambda state: c.CheckSession.model_validate({**FORMS["session.check"], "location_state": state}),
        ("location_state",),
    ),
}
"""How each form with a state is read, and where the state stands in it."""


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
