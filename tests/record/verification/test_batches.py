"""A batch is decided again before it is recorded, and what people signed in it is shown again to be signed."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.record.event_codec import from_stored
from activities.record.recorded_journeys import RecordedJourney
from activities.record.verification.batches import Unproven, derive_batch, prove_recorded, prove_signed
from activities.signatures.verifying import SKEW
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import JOURNEY, Decision, course, started
from tests.record.handed import handed, kept, signed, signed_course
from tests.signatures.recorded import EARLY
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import RecordInstrument
from workflows.journey.instruments import Instrument
from workflows.journey.receipts import CommandReceipt, receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Outcome


def find_unproven(decisions: list[Decision]) -> str | None:
    try:
        found, _ = derive_batch(JOURNEY, [handed(*each) for each in decisions], None, same_rules=True)
        prove_signed(None, found, EARLY)
        rows, commands = kept(decisions)
        prove_recorded([(row, from_stored(row)) for row in rows], commands, EARLY, {})
    except Unproven as problem:
        return str(problem)
    return None


@pytest.mark.long
def test_a_signed_course_proves_right() -> None:
    assert find_unproven(signed_course()) is None


def test_a_crisis_that_two_people_closed_proves_right() -> None:
    answers = RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-"))
    play = started("PTSD")
    play.do(answers, Role.PATIENT)
    play.go_on(lambda journey: bool(journey.holds) and not journey.held)
    assert find_unproven(signed(play.decisions)) is None


def test_the_same_course_unsigned_does_not() -> None:
    problem = find_unproven(list(course("PTSD").decisions))
    assert problem is not None
    assert "its signature does not count" in problem


@pytest.mark.parametrize(("back", "fine"), [(timedelta(milliseconds=5), True), (SKEW + timedelta(seconds=1), False)])
def test_hosts_may_be_a_little_apart_and_nothing_is_dated_back(back: timedelta, fine: bool) -> None:
    """A journey that goes on on another host of Temporal must not be quarantined for its clock."""
    first, second = signed_course()[:2]
    before = RecordedJourney(fold(first.events), b"", receipts_of(first.events), second.decided.at + back)
    expected = nullcontext() if fine else pytest.raises(Unproven, match="dated before")
    with expected:
        derive_batch(JOURNEY, [handed(*second)], before, same_rules=True)


ALTERED: dict[str, Any] = {
    "a time": lambda events: [x.model_copy(update={"at": x.at + timedelta(microseconds=1)}) for x in events],
    "an id": lambda events: [*events[:-1], events[-1].model_copy(update={"event_id": uuid4()})],
    "a version": lambda events: [x.model_copy(update={"version": x.version + 1}) for x in events],
    "an actor": lambda events: [x.model_copy(update={"actor_id": "somebody"}) for x in events],
    "a role": lambda events: [x.model_copy(update={"actor_role": Role.MEDICAL_DIRECTOR}) for x in events],
    "a cause": lambda events: [*events[:-1], events[-1].model_copy(update={"causation_id": uuid4()})],
    "a command": lambda events: [x.model_copy(update={"command_id": uuid4()}) for x in events],
    "a demonstration": lambda events: [x.model_copy(update={"illustrative": False}) for x in events],
    "the order": lambda events: [*reversed(events)] if len(events) > 1 else [],
    "one left out": lambda events: events[:-1],
    "one more": lambda events: [
        *events,
        events[-1].model_copy(
            update={"version": events[-1].version + 1, "body": e.PathwayClosed(outcome=Outcome.COMPLETED)}
        ),
    ],
    "a field": lambda events: [
        *events[:-1],
        events[-1].model_copy(update={"body": events[-1].body.model_copy(update={"reason": "invented", "opened": ()})}),
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("what", ALTERED)
def test_what_does_not_come_out_the_same_is_found_wherever_it_is(what: str) -> None:
    decisions = signed_course()[:60]
    journey: Journey | None = None
    receipts: dict[UUID, CommandReceipt] = {}
    count = 0
    for decided, events in decisions:
        altered = ALTERED[what](list(events))
        before = None if journey is None else RecordedJourney(journey, b"", dict(receipts), decided.at)
        if altered != list(events):
            count += 1
            with pytest.raises(Unproven, match="does not follow"):
                derive_batch(JOURNEY, [handed(decided, altered)], before, same_rules=True)
        journey = fold(events, journey)
        receipts |= receipts_of(events)
    assert count
