"""What is recorded has proved right: a whole course does, and an event dated back does not."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from activities.record.verification.batches import Unproven, prove
from activities.signatures.verifying import SKEW
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import started
from tests.signatures.recorded import EARLY, history, signature_of
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.commands import RecordInstrument
from workflows.journey.instruments import Instrument
from workflows.journey.signed_statement import Signature


def find_unproven(events: Iterable[e.Event], recorded: int = 0) -> str | None:
    try:
        prove(events, EARLY, recorded=recorded)
    except Unproven as problem:
        return str(problem)
    return None


def signed(events: Iterable[e.Event] | None = None) -> list[e.Event]:
    """A course in which everybody signed what they are said to have signed."""
    found = []
    for event in history() if events is None else events:
        body = event.body
        if isinstance(body, e.SignedOff):
            body = body.model_copy(update={"signature": Signature.model_validate(signature_of(event))})
        found.append(event.model_copy(update={"body": body}))
    return found


def test_a_signed_course_proves_right() -> None:
    assert find_unproven(signed()) is None


def test_a_crisis_that_two_people_closed_proves_right_and_one_that_nobody_closed_does_not() -> None:
    answers = RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-"))
    play = started("PTSD")
    play.do(answers, Role.PATIENT)
    play.go_on(lambda journey: bool(journey.holds) and not journey.held)
    events = signed(play.events)
    assert find_unproven(events) is None
    for kind, says in ((e.CrisisClosed, "a crisis is closed"), (e.HoldReleased, "a hold is released")):
        forged = [x.model_copy(update={"causation_id": None}) if isinstance(x.body, kind) else x for x in events]
        assert says in str(find_unproven(forged))


def test_the_same_course_unsigned_does_not() -> None:
    problem = find_unproven(history())
    assert problem is not None
    assert "its signature does not count" in problem


@pytest.mark.parametrize(("back", "fine"), [(timedelta(milliseconds=5), True), (SKEW + timedelta(seconds=1), False)])
def test_hosts_may_be_a_little_apart_and_nothing_is_dated_back(back: timedelta, fine: bool) -> None:
    """A journey that goes on on another host of Temporal must not be quarantined for its clock."""
    events = signed()[:3]
    last = events[-1].model_copy(update={"at": events[-2].at - back})
    problem = find_unproven([*events[:-1], last], recorded=2)
    assert (problem is None) == fine
    assert fine or "dated before" in str(problem)
    assert find_unproven([*events[:-1], last], recorded=3) is None, "what is recorded is recorded"
