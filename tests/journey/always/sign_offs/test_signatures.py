"""What the core asks of a signature, whoever made it: that there is one, in time, and for one decision."""

from datetime import timedelta

import pytest

from tests.journey.play import Play, before, person, sealed
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decide import REFUSALS_KEPT
from workflows.journey.evidence import is_approved
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Stage


def asked() -> tuple[Play, c.Command]:
    """A request, and the command that approves it, not yet signed."""
    play = before("signoff.sign")
    return play, play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN)


def refused(play: Play, command: c.Command) -> Refusal:
    """The refusal of a command as it is; nothing is sealed on the way."""
    answer = play.decide(command)
    assert isinstance(answer, Refusal), [event.body.kind for event in answer]
    return answer


@pytest.mark.parametrize("decision", ["approve", "decline", "return"])
def test_no_decision_counts_without_a_signature(decision: str) -> None:
    play, command = asked()
    body = command.body.model_copy(update={"decision": decision, "referral": "x"})
    refusal = refused(play, command.model_copy(update={"body": body}))
    assert (refusal.code, refusal.field) == (RefusalCode.SIGNATURE, "signature")


def test_unsigned_attempt_is_kept_and_changes_nothing() -> None:
    play, command = asked()
    before_it = play.journey
    events = play.keep(command, refused(play, command))
    assert [event.body.kind for event in events] == ["command.refused"]
    kept = events[0].body
    assert isinstance(kept, e.CommandRefused)
    assert (kept.command_kind, kept.code) == ("signoff.sign", "signature")
    after_it = play.journey
    assert (after_it.refusals, after_it.sign_offs) == (1, ())
    assert after_it.waiting == before_it.waiting
    assert after_it.stage == Stage.EVALUATION


def test_unsigned_attempt_does_not_keep_the_genuine_decision_out() -> None:
    """Nobody signed it, so its id says nothing: it is kept under another one, and once."""
    play, command = asked()
    refusal = refused(play, command)
    [kept] = play.keep(command, refusal)
    assert kept.command_id != command.command_id
    assert play.keep(command, refused(play, command)) == ()
    assert play.take(sealed(command, play.at))
    assert is_approved(play.journey, SignOffKind.EVALUATION)


def test_signed_decision_that_was_refused_is_spent() -> None:
    """Refused once, a decision does not come to count later because the refusal no longer applies."""
    play, command = asked()
    stranger = person("stranger", Role.ON_CALL_CLINICIAN)
    signed = sealed(command.model_copy(update={"actor": stranger}), play.at)
    assert isinstance(signed.body, c.Sign)
    refusal = refused(play, signed)
    assert refusal.code == RefusalCode.NOT_ALLOWED
    play.keep(signed, refusal)
    until = play.at + timedelta(days=1)
    play.do(c.Delegate(to="stranger", sign_offs=(SignOffKind.EVALUATION,), until=until, reason="x"))
    again = refused(play, signed)
    assert (again.code, again.field) == (RefusalCode.NOT_ALLOWED, "command_id")
    assert play.keep(signed, again) == ()
    play.refused(signed.body, stranger, code=RefusalCode.SIGNATURE, field="signature", says="used before")
    assert not is_approved(play.journey, SignOffKind.EVALUATION)
    play.do(play.signature(SignOffKind.EVALUATION), stranger)


def test_attempts_do_not_fill_the_record() -> None:
    play, command = asked()
    full = play.changed(refusals=REFUSALS_KEPT)
    assert full.keep(command, refused(play, command)) == ()


@pytest.mark.parametrize(("late", "in_time"), [(-1, True), (0, True), (1, False)])
def test_signature_is_handed_in_in_time(late: int, in_time: bool) -> None:
    play, command = asked()
    signed = sealed(command, play.at)
    assert isinstance(signed.body, c.Sign)
    assert signed.body.signature is not None
    play.at = signed.body.signature.expires_at + timedelta(microseconds=late)
    if in_time:
        assert play.take(signed)
        assert is_approved(play.journey, SignOffKind.EVALUATION)
    else:
        refusal = refused(play, signed)
        assert (refusal.code, refusal.field) == (RefusalCode.SIGNATURE, "signature")
        assert "too late" in refusal.reason


def test_accepted_decision_sent_again_is_that_decision_however_late() -> None:
    play, command = asked()
    signed = sealed(command, play.at)
    assert not isinstance(play.take(signed), Refusal)
    for later in (timedelta(), timedelta(minutes=11), timedelta(days=400)):
        play.at += later
        assert play.decide(signed) == ()


def test_signature_is_for_one_decision() -> None:
    play, command = asked()
    first = sealed(command, play.at)
    assert isinstance(first.body, c.Sign)
    assert not isinstance(play.take(first), Refusal)
    play.go_on(lambda journey: any(w.sign_off == SignOffKind.ELIGIBILITY for w in journey.waiting.values()))
    play.at = first.body.signature.expires_at if first.body.signature else play.at
    other = play.signature(SignOffKind.ELIGIBILITY, choice="at_home", signature=first.body.signature)
    for by in (Role.CLINICIAN, person("colleague", Role.CLINICIAN)):
        play.refused(other, by, code=RefusalCode.SIGNATURE, field="signature", says="used before")
    assert not is_approved(play.journey, SignOffKind.ELIGIBILITY)


def test_signature_of_the_first_is_not_the_second_persons() -> None:
    play = before("signoff.sign")
    play.do(c.RecordEvaluation(treatment_exception="invented"))
    play.sign_once(SignOffKind.EVALUATION)
    [first] = [event.body for event in play.events if isinstance(event.body, e.SignedOff)]
    second = play.signature(SignOffKind.EVALUATION, signature=first.signature)
    play.refused(second, Role.MEDICAL_DIRECTOR, code=RefusalCode.SIGNATURE, field="signature", says="used before")


def test_who_may_not_decide_is_told_so_before_anything_about_signatures() -> None:
    play, command = asked()
    stranger = command.model_copy(update={"actor": person("stranger", Role.ON_CALL_CLINICIAN)})
    assert refused(play, stranger).code == RefusalCode.NOT_ALLOWED


def test_signature_is_in_the_event_as_it_was_made() -> None:
    play, command = asked()
    signed = sealed(command, play.at)
    assert isinstance(signed.body, c.Sign)
    play.take(signed)
    [event] = [event.body for event in play.events if isinstance(event.body, e.SignedOff)]
    assert event.signature == signed.body.signature
    assert play.journey.sign_offs[-1].nonce == event.signature.nonce
