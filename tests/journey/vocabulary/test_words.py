"""What a text gives as a reason, and what it denies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import PROTOCOLS
from workflows.journey.vocabulary.words import find_reason

WORDS = PROTOCOLS["PTSD"].care_plan.rationale_must_not_say
DENIED = (
    "not for convenience",
    "not for the convenience of the clinic",
    "rather than convenience alone",
    "never a matter of convenience",
    "convenience was no reason",
    "convenience alone is not a reason",
    "the patient's convenience plays no part",
    "it isn't convenient",
)
GIVEN = (
    "for convenience",
    "more convenient for the patient",
    "convenience alone",
    "not far from work, and more convenient",
    "not medically needed but convenient",
    "nothing is as convenient",
    "not only for convenience",
    "not just for the convenience of the clinic",
    "it is not merely convenient",
    "convenience is not the only reason",
    "convenience was not just a thought",
    "it saves time",
    "without the hassle of travel",
)


@pytest.mark.requirement("B25")
@pytest.mark.parametrize("said", DENIED)
def test_to_deny_convenience_is_to_give_another_reason(said: str) -> None:
    assert find_reason(f"Slept better; {said}.", WORDS) is None
    assert find_reason(f"Slept better; {said.upper()}.", WORDS) is None


@pytest.mark.requirement("B25")
@given(st.lists(st.sampled_from(DENIED)), st.sampled_from(GIVEN), st.lists(st.sampled_from(DENIED)))
def test_whatever_is_denied_beside_it_convenience_that_is_given_as_a_reason_is_found(
    before: list[str], said: str, after: list[str]
) -> None:
    assert find_reason("; ".join([*before, said, *after]), WORDS) is not None
