"""Decisions that take two people: whether the first one may still sign when the second one does."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulation.people import member_of
from tests.journey.cosigning import CLINICIAN, COLLEAGUE, DIRECTOR, each, half, standing
from tests.journey.play import person
from workflows.journey import commands as c
from workflows.journey.evidence import current_decision, is_approved
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def _with_licence(who: Actor, last: datetime) -> Actor:
    assert who.licence is not None
    return who.model_copy(update={"licence": who.licence.model_copy(update={"expires": last.date()})})


LAPSED: dict[str, Any] = {
    "their licence ends": lambda play, first: _with_licence(first, play.at + timedelta(days=1)),
    "their entry ends": lambda _, first: first,
}


@each
@pytest.mark.parametrize("why", LAPSED)
def test_the_first_signature_counts_only_while_its_signer_may_sign(kind: SignOffKind, why: str) -> None:
    play, subject, first, second = standing(kind)
    play.later(hours=2)
    play.sign_once(kind, subject, LAPSED[why](play, first))
    body = play.signature(kind, subject)
    if why == "their licence ends":
        play.later(days=3)
        body = play.signature(kind, subject)
    command = play.command(body, second)
    ended = member_of(first).model_copy(update={"until": play.at - timedelta(minutes=1)})
    named = tuple(ended if why == "their entry ends" else known for known in command.named)
    assert [each.id for each in named] == [first.id], "the register is asked about who signed first"
    answer = play.take(command.model_copy(update={"named": named}))
    assert isinstance(answer, Refusal)
    assert (answer.code, "signed first" in answer.reason) == (RefusalCode.NOT_ALLOWED, True)
    assert current_decision(play.journey, kind, subject) is None
    # It is no dead end: returned, answered, and signed anew by two who may.
    play.sign_once(kind, subject, second, decision="return")
    request = play.journey.sign_offs[-1].request
    play.do(c.AnswerReturned(request=request, text="signed by somebody else (invented)"), COLLEAGUE)
    one_, other = (DIRECTOR, COLLEAGUE) if first.role == Role.MEDICAL_DIRECTOR else (COLLEAGUE, DIRECTOR)
    play.sign_once(kind, subject, one_)
    play.sign_once(kind, subject, other)
    assert is_approved(play.journey, kind, subject) or not play.asks_for(kind, subject)


@each
def test_a_second_signature_sent_past_the_service_counts_no_first_signer_nobody_asked_about(kind: SignOffKind) -> None:
    play, subject, _, second = half(kind)
    by_hand = play.command(play.signature(kind, subject), second)
    unasked = play.changed(members=())
    answer = unasked.take(by_hand.model_copy(update={"named": ()}))
    assert isinstance(answer, Refusal)
    assert "register was not asked" in answer.reason
    assert current_decision(unasked.journey, kind, subject) is None
    assert not isinstance(unasked.take(by_hand), Refusal), "by the service, which asks"


def test_a_first_signature_by_a_lent_right_counts_only_if_the_register_was_asked_about_the_lender() -> None:
    play, subject, _, second = standing(SignOffKind.EXCLUSION_REVIEW)
    lent = person("lent", Role.ON_CALL_CLINICIAN)
    until = play.at + timedelta(hours=3)
    play.do(c.Delegate(to=lent.id, sign_offs=(SignOffKind.EXCLUSION_REVIEW,), until=until, reason="x"), CLINICIAN)
    play.sign_once(SignOffKind.EXCLUSION_REVIEW, subject, lent)
    command = play.command(play.signature(SignOffKind.EXCLUSION_REVIEW, subject), second)
    assert [each.id for each in command.named] == [CLINICIAN.id, lent.id]
    unasked = play.changed(members=())
    of_lent = tuple(each for each in command.named if each.id == lent.id)
    assert isinstance(unasked.take(command.model_copy(update={"named": of_lent})), Refusal)
    assert not isinstance(unasked.take(command), Refusal)


def test_a_right_that_was_lent_carries_the_first_signature_only_while_it_lasts() -> None:
    play, subject, _, second = standing(SignOffKind.EXCLUSION_REVIEW)
    lent = person("lent", Role.ON_CALL_CLINICIAN)
    given = c.Delegate(
        to=lent.id, sign_offs=(SignOffKind.EXCLUSION_REVIEW,), until=play.at + timedelta(hours=3), reason="x"
    )
    play.do(given, CLINICIAN)
    play.sign_once(SignOffKind.EXCLUSION_REVIEW, subject, lent)
    play.later(hours=4)
    signed = play.signature(SignOffKind.EXCLUSION_REVIEW, subject)
    play.refused(signed, second, code=RefusalCode.NOT_ALLOWED, says="signed first")
