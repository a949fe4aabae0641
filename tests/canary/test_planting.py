"""Every text that people write is planted: no new field is forgotten."""

import pytest

from tests.canary.planting import BODIES, Planter, kind_of, texts_of, valid_bodies
from workflows.journey import commands as c

VALID = [*valid_bodies()]


@pytest.mark.parametrize("body", BODIES, ids=kind_of)
def test_a_word_is_planted_in_every_text_of_a_command(body: type[c.CommandBody]) -> None:
    planter = Planter()
    for valid in VALID:
        if isinstance(valid, body):
            sown = planter.sown(valid, all_fields=True)
            assert body.model_validate(sown.model_dump()) == sown, "it is still a command of its kind"
    assert {*planter.planted.values()} >= {*texts_of(body, f"{kind_of(body)}:")}


def test_texts_are_recognized() -> None:
    named = {name for body in BODIES for name in texts_of(body, f"{kind_of(body)}:")}
    assert len(named) > 100
    assert {
        "pathway.start: reason",
        "signoff.sign: rationale",
        "evaluation.record: prior_treatments what",
        "plan.record: plan components",
        "access.break-glass: reason",
    } <= named
