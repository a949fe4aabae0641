"""What somebody sends by hand, past the service: a signed decision, a hold, a report of harm or a call for help is
taken. Anything else is kept, shown to ops, and changes nothing."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from simulation.keys import Signers
from tests.journey.play import before, ledger_of, standing_at
from tests.journey.properties.journeys import draw_command, moments, of_model
from workflows.authenticity import contents_of, mark_authentic
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decided import Decided, refuse_by_hand, screen
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.signals import Signal, read_signal

BODIES = get_args(get_args(c.AnyBody)[0])
TAKEN = (
    c.PlaceHold,
    c.ReportAdverseEvent,
    c.ReportCrisis,
    c.RequestSupport,
    c.RecordDeath,
    c.DoubtDeath,
    c.KeepReport,
)


def by_hand(command: c.Command) -> Signal:
    raw = command.model_dump_json().encode()
    return Signal(name="command", contents=(raw,), size=len(raw), authentic=False)


def test_what_is_taken_is_a_hold_a_report_of_harm_or_a_call_for_help() -> None:
    assert {body for body in BODIES if body.by_hand} == set(TAKEN)
    assert all(body.by_anybody for body in TAKEN), "who sends it by hand has no part in the journey"


@given(st.data(), st.sampled_from(BODIES), moments())
def test_of_every_kind_the_rest_changes_nothing(
    data: st.DataObject, kind: type[c.CommandBody], where: tuple[Pathway, int]
) -> None:
    play = standing_at(*where)
    drawn = draw_command(data, play.journey, play.at)
    command = drawn.model_copy(update={"body": data.draw(of_model(kind, play.journey, play.at))})
    ledger = ledger_of(play)
    signed = isinstance(command.body, c.SIGNED) and command.body.signature is not None
    read = read_signal(by_hand(command))
    if command.body.by_hand or signed:
        assert read == command
        assert screen(command, authentic=False) == screen(command)
        return
    assert isinstance(read, c.KeepUnreadable)
    assert read.sent_by_hand is not command.body.fact
    receipt, events = ledger.decide(Decided(command=command, at=play.at, authentic=False))
    assert receipt.refusal is not None
    assert receipt.refusal.code == RefusalCode.NOT_ALLOWED
    assert all(isinstance(event.body, e.CommandRefused | e.ObligationsUpdated) for event in events)
    own = c.Command(command_id=own_id(play.journey.id, "kept"), actor=CLOCK, body=read)
    decided = Decided(command=own, at=play.at, own=True)
    _, kept = ledger.decide(decided)
    followed = [type(event.body) for event in kept]
    held = e.HoldPlaced in followed
    assert held is command.body.fact, "what happened may be about safety"
    ledger.apply(kept, decided)
    [message] = [each for each in ledger.journey.messages.values() if each.id not in play.journey.messages]
    assert message.name == f"by hand: {command.body.kind}"
    [waiting] = [each for each in ledger.journey.waiting.values() if each.subject == message.id]
    assert waiting.owner == Role.OPS
    if not held:
        about_it = {"messages", "waiting", "facts", "version", "behind", "happened"}
        assert ledger.journey.model_dump(exclude=about_it) == play.journey.model_dump(exclude=about_it)
        [message_kept] = [event for event in kept if isinstance(event.body, e.MessageKept)]
        counted = play.journey.happened.with_event(message_kept, "message.kept")
        assert ledger.journey.happened == counted, "no clearance from before a message that nobody has read counts"


def test_a_signed_decision_is_taken_and_an_unsigned_one_is_not(signers: Signers) -> None:
    play = before("signoff.sign")
    asked = play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)
    bare = asked.model_copy(update={"body": asked.body.model_copy(update={"signature": None})})
    signed = signers.signed(play.journey.id, bare, play.at)
    assert refuse_by_hand(signed) is None
    assert isinstance(read_signal(by_hand(signed)), c.Command)
    assert refuse_by_hand(bare) is not None


def test_an_attempt_to_release_by_hand_is_kept_as_refused() -> None:
    """As an update too: whoever sends it is told, and the attempt is in the record."""
    play = before("session.release")
    command = play.command(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    ledger = ledger_of(play)
    assert ledger.refusal(command, play.at) is None
    assert ledger.refusal(command, play.at, authentic=False) is None, "let in, so that it is kept"
    receipt, events = ledger.decide(Decided(command=command, at=play.at, authentic=False))
    assert "sent by hand" in str(receipt.refusal)
    assert [type(event.body) for event in events] == [e.CommandRefused]
    moved = play.command(c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR)
    assert "sent by hand" in str(ledger.refusal(moved, play.at, authentic=False)), "and this leaves no trace"


def test_a_signal_is_sent_by_hand_unless_all_of_it_was_made_with_the_keys() -> None:
    bare, made = RawValue(Payload(data=b"a")), RawValue(mark_authentic(Payload(data=b"b")))
    assert contents_of(()) == ((), False), "it holds nothing"
    assert contents_of((made,)) == ((b"b",), True)
    assert contents_of((made, bare)) == ((b"b", b"a"), False)
