"""The offline verifier keeps a table of its own of what decisions bring about; here it is held against the core's."""

from itertools import product
from uuid import uuid4

import pytest

from activities.record.verification.sign_offs import check_event
from tests.journey.play import course
from tests.signatures.recorded import stored
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.stage import Outcome

SIGNED_FOR = (Outcome.COMPLETED, Outcome.LOST_TO_FOLLOW_UP, Outcome.IN_CLINIC, Outcome.INELIGIBLE)
"""Outcomes that only a decision brings about."""


@pytest.mark.parametrize("kind", SignOffKind)
def test_a_decision_ends_a_pathway_as_the_core_says_and_no_other_way(kind: SignOffKind) -> None:
    about, ended = SIGN_OFF_TYPES[kind], course("PTSD").journey
    made = next(event.body for event in course("PTSD").events if isinstance(event.body, e.SignedOff))
    before = ended.model_copy(update={"closing": None, "outcome": None})
    for decision, choice in product(("approve", "decline", "return"), (None, *about.choices)):
        if choice is not None and decision != "approve":
            continue
        signed = ended.sign_offs[-1].model_copy(update={"kind": kind, "decision": decision, "choice": choice})
        journey = before.model_copy(update={"sign_offs": (*ended.sign_offs, signed)})
        body = made.model_copy(update={"sign_off": kind, "subject": "x", "decision": decision, "choice": choice})
        follows = [] if decision != "approve" or about.approval is None else list(about.approval(journey, body))
        ending = about.ending(journey, decision, choice)
        outcomes = [ending] if ending else [each.outcome for each in follows if isinstance(each, e.PathwayEnding)]
        for outcome in SIGNED_FOR:
            event = (
                course("PTSD")
                .events[-1]
                .model_copy(
                    update={
                        "event_id": uuid4(),
                        "body": e.PathwayEnding(outcome=outcome, reason="invented", referral="x"),
                    }
                )
            )
            [row] = stored([event])
            unsigned = "effect_unsigned" in check_event(journey, row, event, {})
            assert unsigned == (outcome not in outcomes), (decision, choice, outcome)
