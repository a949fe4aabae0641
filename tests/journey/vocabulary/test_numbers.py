"""Numbers as people write them: what can only be read in one way, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.journey.vocabulary.numbers import read_number, read_whole

ODD = (
    "1_6",
    "+16",
    " 16",
    "16 ",
    "016",
    "1e1",
    "1E1",
    "0x10",
    "１６",
    "١٦",
    "",
    "-",
    "nan",
    "inf",
    "--1",
    "1,6",
    "1 6",
    "16\n",
)
PLAIN = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", re.ASCII)


@pytest.mark.parametrize("text", [*ODD, "1.5", "16.", ".5", "9" * 16])
def test_what_is_no_plain_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain digits"):
        read_whole(text)


@pytest.mark.parametrize("text", [*ODD, "16.", ".5", "1.5.0", "1.５", "1.1_1"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read_number(text)


@given(st.text(st.sampled_from("0123456789_+-.,eE xX٠١９n̲\u00a0"), max_size=8))
def test_only_plain_decimals_are_read(text: str) -> None:
    try:
        number = read_number(text)
    except ValueError:
        assert PLAIN.fullmatch(text) is None
    else:
        assert PLAIN.fullmatch(text)
        assert number == float(text)


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_whole_numbers_are_read_as_they_are(number: int) -> None:
    assert read_whole(str(number)) == read_number(str(number)) == number
