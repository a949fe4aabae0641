"""Each kind of sign-off and of obligation is one record that says everything asked of it."""

import json

import pytest

from tests.journey.play import PROTOCOLS, course
from workflows.journey.obligation_types import ESCALATION_POLICIES, OBLIGATION_TYPES
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.protocols.rules import find_broken_rules


def test_every_kind_of_sign_off_has_its_record() -> None:
    assert list(SIGN_OFF_TYPES) == list(SignOffKind)
    assert {about.meaning for about in SIGN_OFF_TYPES.values()} == set(Meaning)


@pytest.mark.parametrize("kind", SignOffKind)
def test_evidence_rests_on_kinds_further_down_only(kind: SignOffKind) -> None:
    """Else the hash of evidence would need itself."""
    below = list(SIGN_OFF_TYPES[kind].rests_on)
    while below:
        each = below.pop()
        assert each != kind
        below += SIGN_OFF_TYPES[each].rests_on


@pytest.mark.parametrize("kind", SignOffKind)
def test_a_protocol_states_the_meaning_of_the_kind_and_no_other(kind: SignOffKind) -> None:
    values = PROTOCOLS["PTSD"].model_dump(mode="json")
    other = next(meaning for meaning in Meaning if meaning != SIGN_OFF_TYPES[kind].meaning)
    values["sign_offs"][kind.value]["meaning"] = other.value
    wrong = Protocol.model_validate_json(json.dumps(values), strict=True)
    assert ("sign_offs", kind.value, "meaning") in [place for place, _ in find_broken_rules(wrong)]


@pytest.mark.parametrize("pathway", PROTOCOLS)
def test_whatever_is_awaited_is_of_a_kind_there_is(pathway: str) -> None:
    known = {*OBLIGATION_TYPES, *(kind.value for kind in SignOffKind)}
    journeys = [journey for journey, _, _ in course(pathway).moves]
    assert {waiting.kind for journey in journeys for waiting in journey.waiting.values()} <= known


def test_kinds_have_one_spelling() -> None:
    for name in (*OBLIGATION_TYPES, *ESCALATION_POLICIES, *(kind.value for kind in SignOffKind)):
        assert name.replace("_", "").isalpha()
        assert name == name.lower()
