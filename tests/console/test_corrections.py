"""Facts are corrected field by field, in the form by which they were recorded."""

from typing import get_args

import pytest

from application.input import forms
from console import corrections
from console.forms import read_back
from console.names import FormContext
from tests.journey.play import PROTOCOLS, course, started
from workflows.journey import commands as c
from workflows.journey.always.corrections.model import Amendable
from workflows.journey.protocol import Pathway

ZONE = "America/Los_Angeles"


@pytest.mark.long
@pytest.mark.parametrize("pathway", PROTOCOLS)
def test_every_fact_that_can_be_corrected_is_offered_as_it_was_recorded(pathway: Pathway) -> None:
    play, corrected = course(pathway), set()
    assert {choice.version for choice in corrections.choices(play.events, ZONE)}
    for choice in corrections.choices(play.events, ZONE):
        fact = corrections.fact_at(play.events, str(choice.version))
        assert fact is not None
        fields = corrections.fields_for(fact, FormContext(play.journey, play.events))
        assert not [field.name for field in fields if field.control == "json"]
        content = read_back(fields, {**corrections.recorded(fact, fields, ZONE), "reason": ["Invented."]}, ZONE)
        corrections.name_fact(content, fact)
        amend = forms.check(c.Amend, content, {"kind": "pathway.amend"})
        assert amend.version == choice.version
        said = amend.correction.model_dump(exclude={"kind"}, exclude_none=True)
        assert said == fact.body.model_dump(include={*said}, exclude_none=True)
        rated = getattr(fact.body, "dissociation", None)
        told = [words for _, words in corrections.not_kept(fact)]
        assert len(told) == (rated is not None)
        assert not [words for words in told if rated is None or f"{rated.total} altogether" not in words]
        corrected.add(type(fact.body))
    assert corrected == {*corrections.FORMS}


def test_every_kind_of_fact_that_may_be_corrected_has_its_form() -> None:
    assert {*corrections.FORMS} == {*get_args(Amendable)}


def test_nothing_is_offered_where_nothing_can_be_corrected() -> None:
    events = started().events
    assert corrections.choices(events, ZONE) == ()
    for version in (None, "", "1", "7", "one", "-1"):
        assert corrections.fact_at(events, version) is None
