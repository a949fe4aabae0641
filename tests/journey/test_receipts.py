"""A command happens once, however often it arrives, and the journey's state does not grow with it."""

from tests.journey.play import before, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.receipts import CommandReceipt, add_receipts, answer_repeated, receipts_of
from workflows.journey.refusals import Refusal, RefusalCode


def test_every_command_has_its_receipt_at_its_last_version() -> None:
    events = course("PTSD").events
    receipts = receipts_of(events)
    for event in events:
        assert receipts[event.command_id].digest == event.command_digest
        assert receipts[event.command_id].version >= event.version
    assert receipts[events[-1].command_id].version == events[-1].version


def test_receipts_of_parts_are_those_of_the_whole() -> None:
    events = course("PTSD").events
    whole = receipts_of(events)
    for cut in range(0, len(events), 17):
        receipts = receipts_of(events[:cut])
        add_receipts(receipts, events[cut:])
        assert receipts == whole


def test_repeated_command_is_answered_with_its_receipt() -> None:
    play = started()
    command = play.command(c.AskQuestion(text="what if?"), Role.PATIENT)
    assert answer_repeated(play.receipts, command) is None
    play.take(command)
    known = answer_repeated(play.receipts, command)
    assert isinstance(known, CommandReceipt)
    assert known.version == play.journey.version


def test_refused_command_stays_refused_whatever_followed_from_it() -> None:
    """Also where its refusal changed what is awaited, so that its last event is not the refusal."""
    play = before("session.check", 2)
    command = play.command(c.ReleaseSession(session=2), Role.SESSION_MONITOR)
    refusal = play.decide(command)
    assert isinstance(refusal, Refusal)
    [kept] = play.keep(command, refusal)
    later = kept.model_copy(update={"version": kept.version + 1, "body": e.ObligationsUpdated(opened=(), closed=())})
    again = answer_repeated(receipts_of([kept, later]), command)
    assert isinstance(again, Refusal)
    assert (again.code, again.field) == (RefusalCode.INCOMPLETE, "command_id")
