"""What a run knows of a journey, and how it decides on it, without Temporal."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from simulation.keys import Signers
from tests.journey.play import Play, before, ledger_of
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decided import Decided, Judgement, derive, judge
from workflows.journey.folded import JourneyState
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.messages import ATTEMPT, QUARANTINED
from workflows.shell.ledger import Ledger

MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def play() -> Play:
    return before("signoff.sign")


def apply(ledger: Ledger, command: c.Command, play: Play) -> tuple[e.Event, ...]:
    decided = Decided(command=command, at=play.at, own=command.actor == CLOCK)
    _, events = ledger.decide(decided)
    ledger.apply(events, decided)
    return events


def signed(play: Play, signers: Signers) -> c.Command:
    unsigned = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
    bare = unsigned.model_copy(update={"body": unsigned.body.model_copy(update={"signature": None})})
    return signers.signed(play.journey.id, bare, play.at)


def test_a_check_counts_for_the_moment_and_the_place_it_was_made_for(play: Play, signers: Signers) -> None:
    ledger, command = ledger_of(play), signed(play, signers)
    assert isinstance(command.body, c.Sign)
    assert command.body.signature is not None
    expires = command.body.signature.expires_at
    early, late = ledger.presented(command, play.at), ledger.presented(command, expires - MOMENT)

    assert ledger.still_counts(early, play.at + ATTEMPT)
    assert not ledger.still_counts(early, play.at + ATTEMPT + MOMENT), "it took too long: a key may be revoked since"
    assert ledger.still_counts(late, expires)
    assert not ledger.still_counts(late, expires + MOMENT), "the signature expired meanwhile"

    moved = play.command(c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR)
    apply(ledger, moved, play)
    assert not ledger.still_counts(early, play.at), "the patient is elsewhere"


def test_a_command_of_the_workflow_happens_once(play: Play) -> None:
    ledger = ledger_of(play)
    own = play.command(c.KeepCancellation(reason="invented"), CLOCK)
    assert apply(ledger, own, play)
    assert ledger.decide(Decided(command=own, at=play.at, own=True))[1] == ()


def test_what_the_record_does_not_know_is_given_back_to_be_decided_again(play: Play) -> None:
    ledger = ledger_of(play)
    asked = play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
    apply(ledger, asked, play)
    queued = ledger.may_be_recorded

    recorded = JourneyState(journey=play.journey, receipts=play.receipts)
    assert [(each.command, each.refusal) for each in ledger.restart(recorded)] == [(asked, None)]
    assert (queued, ledger.may_be_recorded) == (True, False)
    assert ledger.journey == play.journey
    assert asked.command_id not in ledger.receipts


def test_what_a_validator_found_is_not_worked_out_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0

    def counted(*given: Any) -> Judgement:
        nonlocal times
        times += 1
        return judge(*given)

    monkeypatch.setattr("workflows.shell.ledger.judge", counted)
    asked = play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
    as_sent = c.Command.model_validate_json(asked.model_dump_json())
    decided, later = Decided(command=as_sent, at=play.at), Decided(command=as_sent, at=play.at + MOMENT)
    fresh = ledger_of(play).decide(decided)
    ledger = ledger_of(play)

    times = 0
    assert ledger.refusal(asked, play.at) is None
    assert ledger.decide(decided) == fresh
    assert times == 1, "decided once for both"

    ledger.refusal(asked, play.at)
    assert ledger.decide(later) == ledger_of(play).decide(later), "another moment"
    ledger.refusal(asked, play.at)
    assert ledger.decide(decided.model_copy(update={"authentic": False}))[0].refusal is not None, "sent by hand"
    ledger.refusal(asked, play.at)
    apply(ledger, asked.model_copy(update={"command_id": uuid4()}), play)
    assert ledger.decide(decided)[1][0].version == fresh[1][0].version + len(fresh[1]), "another state"


def test_a_quarantined_journey_takes_nothing(play: Play) -> None:
    ledger = ledger_of(play)
    ledger.diverged = True
    asked = play.command(c.AskQuestion(text="Invented"), Role.PATIENT)
    for unanswered in (False, True):
        receipt, events = ledger.decide(Decided(command=asked, at=play.at, unanswered=unanswered))
        assert receipt.refusal is not None
        assert (receipt.refusal.code, events) == (RefusalCode.HELD, ())
    attempted = play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    assert ledger.refusal(attempted, play.at) == QUARANTINED, "also of what is otherwise kept as an attempt"


def test_what_was_kept_as_it_was_said_stays_so_when_time_has_made_its_form_right(play: Play) -> None:
    """Its sender was told to send it again in the right form under the same id, which nothing else may take."""
    onset = play.at + timedelta(hours=1)
    body = c.ReportAdverseEvent(what="invented: fell", grade=2, serious=False, onset=onset)
    command = play.command(body, Role.COORDINATOR)
    ledger = ledger_of(play)
    receipt, kept = ledger.decide(decided := Decided(command=command, at=play.at))
    assert receipt.refusal is not None
    assert receipt.refusal.kept
    ledger.apply(kept, decided)

    [again] = ledger.restart(JourneyState(journey=play.journey, receipts=play.receipts))
    again = again.model_copy(update={"at": onset + timedelta(hours=1)})
    receipt, events = ledger.decide(again)
    assert receipt.refusal is not None
    assert receipt.refusal.kept
    assert isinstance(events[0].body, e.ReportKept)
    assert events[0].body == kept[0].body
    assert derive(play.journey, play.receipts, again) == events
    ledger.apply(events, again)
    assert command.command_id not in ledger.receipts


def test_a_report_that_was_sent_as_it_was_said_is_kept_when_it_is_decided_again(play: Play) -> None:
    """It was accepted, and nobody was told to send it again."""
    body = c.KeepReport(about="crisis.report", said="they want to die (invented)")
    command = play.command(body, Role.OBSERVER)
    ledger = ledger_of(play)
    receipt, kept = ledger.decide(decided := Decided(command=command, at=play.at))
    assert receipt.refusal is None
    ledger.apply(kept, decided)

    [again] = ledger.restart(JourneyState(journey=play.journey, receipts=play.receipts))
    receipt, events = ledger.decide(again)
    assert (receipt.refusal, events) == (None, kept)


def test_what_was_refused_stays_refused_on_other_grounds(play: Play, signers: Signers) -> None:
    """Its sender was told. What the record says may make the same command right."""
    command = signed(play, signers)
    held = ledger_of(play)
    apply(held, play.command(c.PlaceHold(reason="invented: stop"), Role.COORDINATOR), play)
    receipt, kept = held.decide(decided := Decided(command=command, at=play.at))
    assert receipt.refusal is not None
    assert isinstance(kept[0].body, e.CommandRefused)
    held.apply(kept, decided)

    recorded = JourneyState(journey=play.journey, receipts=play.receipts)
    assert ledger_of(play).decide(decided)[0].refusal is None, "where care is not held, it counts"
    [_, again] = held.restart(recorded)
    receipt, kept = held.decide(again)
    assert receipt.refusal is not None
    assert "refused before" in receipt.refusal.reason
    assert [event.body.kind for event in kept] == ["command.refused"]
    assert derive(play.journey, play.receipts, again) == kept
    held.apply(kept, again)
    assert held.refusal(command, play.at) is not None
