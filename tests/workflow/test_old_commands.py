"""A command counts for some minutes after it was sent, however it comes: what its sender was told is refused, or what
was held back, changes nothing when somebody hands it in later. What anybody may send is taken at any time."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import Play, before, ledger_of, standing_at
from tests.journey.properties.journeys import draw_command, moments, of_model
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.decided import TOO_OLD, Decided, derive
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import AHEAD, COUNTS_FOR
from workflows.journey.vocabulary.refusals import UNPROVEN

BODIES = get_args(get_args(c.AnyBody)[0])
MOMENT = timedelta(microseconds=1)
KEPT = (e.CommandRefused, e.ObligationsUpdated, e.DeathDoubted)
"""What may follow from an old command: that it is kept as refused, is shown to ops, and that somebody who was reported
dead may live."""
CLERICAL = {"waiting", "facts", "version", "behind", "happened", "refusals"}


def of_kind(data: st.DataObject, play: Play, kind: type[c.CommandBody]) -> c.Command:
    drawn = draw_command(data, play.journey, play.at)
    return drawn.model_copy(update={"body": data.draw(of_model(kind, play.journey, play.at))})


def counts_always(command: c.Command) -> bool:
    return command.body.by_anybody or isinstance(command.body, c.SIGNED)


@given(
    st.data(),
    st.sampled_from(BODIES),
    moments(),
    st.timedeltas(min_value=COUNTS_FOR + MOMENT, max_value=timedelta(hours=12)),
    st.booleans(),
)
def test_of_every_kind_an_old_one_changes_nothing(
    data: st.DataObject, kind: type[c.CommandBody], where: tuple[Pathway, int], age: timedelta, unanswered: bool
) -> None:
    """Whoever sends it, at any moment of a journey, by update or as a signal; and it keeps no id from being used."""
    play = standing_at(*where)
    command, ledger = of_kind(data, play, kind), ledger_of(play)
    old = command.model_copy(update={"sent_at": play.at - age})
    fresh, _ = ledger_of(play).decide(Decided(command=command, at=play.at, unanswered=unanswered))
    decided = Decided(command=old, at=play.at, unanswered=unanswered)
    receipt, events = ledger.decide(decided)
    if counts_always(command):
        assert receipt == fresh
        return
    assert receipt.refusal is not None
    assert receipt.refusal in (TOO_OLD, fresh.refusal), "what is refused whoever sends it says so first"
    assert all(isinstance(event.body, KEPT) for event in events)
    assert derive(play.journey, receipts_of(play.events), decided) == events, "the record keeps no more of it"
    if not events or any(isinstance(event.body, e.DeathDoubted) for event in events):
        return
    ledger.apply(events, decided)
    again = ledger.decide(Decided(command=command.model_copy(update={"sent_at": play.at}), at=play.at))[0]
    if receipt.refusal == TOO_OLD:
        assert (again.refusal is None) == (fresh.refusal is None), "its sender sends it again, under the same id"


@given(st.data(), st.sampled_from(BODIES), moments(), st.timedeltas(-AHEAD, COUNTS_FOR))
def test_of_every_kind_one_that_was_just_sent_counts(
    data: st.DataObject, kind: type[c.CommandBody], where: tuple[Pathway, int], age: timedelta
) -> None:
    """Also from a computer whose clock is some minutes ahead or behind."""
    play = standing_at(*where)
    command = of_kind(data, play, kind)
    expected, events = ledger_of(play).decide(Decided(command=command, at=play.at))
    sent = command.model_copy(update={"sent_at": play.at - age})
    receipt, others = ledger_of(play).decide(Decided(command=sent, at=play.at))
    assert receipt == expected
    assert [event.body for event in others] == [event.body for event in events]
    assert all(event.sent_at == (None if number else sent.sent_at) for number, event in enumerate(others))


def move(play: Play, **changed: object) -> c.Command:
    body = c.Move(zone="America/New_York", state="NY")
    return play.command(body, Role.COORDINATOR).model_copy(update={"sent_at": play.at, **changed})


def refusal_of(play: Play, command: c.Command, **changed: object) -> str | None:
    decided = Decided(command=command, at=play.at).model_copy(update=changed)
    receipt, _ = ledger_of(play).decide(decided)
    return None if receipt.refusal is None else receipt.refusal.field


@pytest.mark.parametrize(
    ("ago", "refused"),
    [(-AHEAD - MOMENT, True), (-AHEAD, False), (COUNTS_FOR, False), (COUNTS_FOR + MOMENT, True)],
)
def test_a_command_counts_for_some_minutes(ago: timedelta, refused: bool) -> None:
    play = before("session.schedule")
    assert (refusal_of(play, move(play, sent_at=play.at - ago)) == UNPROVEN) is refused


def test_what_was_taken_in_time_counts_however_late_it_is_decided() -> None:
    """After an outage of the record, or where a reset hands it in again."""
    play = before("session.schedule")
    old = move(play, sent_at=play.at - timedelta(hours=3))
    assert refusal_of(play, old) == UNPROVEN
    assert refusal_of(play, old, taken_at=play.at - timedelta(hours=3) + COUNTS_FOR) is None
    assert refusal_of(play, old, taken_at=play.at - timedelta(hours=2)) == UNPROVEN


def test_nothing_is_recorded_as_taken_after_it_was_decided() -> None:
    play = before("session.schedule")
    decided = Decided(command=move(play), at=play.at)
    assert derive(play.journey, {}, decided)
    assert not derive(play.journey, {}, decided.model_copy(update={"taken_at": play.at + MOMENT}))


def test_what_was_accepted_is_answered_with_what_it_gave_at_any_time() -> None:
    """To whoever sends it again, with the old signature or with a new one."""
    play = before("session.schedule")
    sent, ledger = move(play), ledger_of(play)
    decided = Decided(command=sent, at=play.at)
    receipt, events = ledger.decide(decided)
    ledger.apply(events, decided)
    later = play.at + timedelta(hours=11)
    for again in (sent, sent.model_copy(update={"sent_at": later})):
        assert ledger.decide(Decided(command=again, at=later)) == (receipt, ())
        assert ledger.refusal(again, later) is None


def test_an_answer_that_was_refused_answers_no_later_call_for_help() -> None:
    """Its sender was told that nothing happened. Handed in again, it must not close what somebody asked since."""
    play = before("session.schedule")
    body = c.AnswerSupport(support="support-1", text="invented: all is well")
    answer = play.command(body, Role.CLINICIAN).model_copy(update={"sent_at": play.at})
    assert refusal_of(play, answer) == "support"
    play.do(c.RequestSupport(urgency="emergency", text="invented: help"), Role.PATIENT)
    play.wait(seconds=COUNTS_FOR.total_seconds() + 1)
    before_it: Journey = play.journey
    decided = Decided(command=answer, at=play.at, unanswered=True)
    ledger = ledger_of(play)
    receipt, events = ledger.decide(decided)
    assert receipt.refusal == TOO_OLD
    ledger.apply(events, decided)
    assert ledger.journey.support["support-1"].open
    assert ledger.journey.model_dump(exclude=CLERICAL) == before_it.model_dump(exclude=CLERICAL)
