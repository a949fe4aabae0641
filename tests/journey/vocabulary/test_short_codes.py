"""Short codes: enough of a digest that no two texts can be made to share one, in groups that people compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import CODE_DIGITS, abbreviate, digest, short_code, stands_for

DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(DIGESTS)
def test_a_code_carries_eighty_bits_in_groups_of_four(whole: str) -> None:
    groups = short_code(whole).split("-")
    assert {len(group) for group in groups} == {4}
    assert "".join(groups) == abbreviate(whole) == whole[: len(abbreviate(whole))]
    assert 4 * len(abbreviate(whole)) >= 80


@given(DIGESTS, st.integers(0, 19))
def test_digests_that_differ_early_share_no_code_and_no_request(whole: str, at: int) -> None:
    other = f"{whole[:at]}{'0' if whole[at] != '0' else '1'}{whole[at + 1 :]}"
    assert short_code(whole) != short_code(other)
    asked = [_requirement(abbreviate(code)).id for code in (whole, other)]
    assert asked[0] != asked[1]
    assert not stands_for(short_code(whole), other)


def _requirement(code: str) -> Requirement:
    kind = SignOffKind.PLAN
    return Requirement(
        kind=kind.value,
        owner=Role.CLINICIAN,
        escalation_policy="routine",
        what="sign the plan",
        sign_off=kind,
        evidence=WHOLE,
        code=code,
    )


WHOLE = digest("evidence")


@pytest.mark.parametrize(
    "typed",
    [
        WHOLE,
        WHOLE.upper(),
        short_code(WHOLE),
        short_code(WHOLE).upper(),
        short_code(WHOLE).replace("-", " "),
        WHOLE[:CODE_DIGITS],
        WHOLE[:40],
    ],
)
def test_what_people_type_stands_for_the_digest(typed: str) -> None:
    assert stands_for(typed, WHOLE)


@pytest.mark.parametrize(
    "typed",
    ["", "-", WHOLE[:12], WHOLE[: CODE_DIGITS - 1], short_code(WHOLE)[:-1], WHOLE + "0", WHOLE[1:], "0" * 20, "x" * 20],
)
def test_less_or_other_digits_stand_for_nothing(typed: str) -> None:
    assert not stands_for(typed, WHOLE)
