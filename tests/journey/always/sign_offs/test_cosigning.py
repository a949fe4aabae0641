"""Decisions that take two people: what each signature does, and what makes them stale."""

from typing import Any

import pytest

from tests.journey.cosigning import (
    CLINICIAN,
    DIRECTOR,
    TAKES_TWO,
    asked_to_sign,
    each,
    half,
    standing,
)
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.authorization import cosigners
from workflows.journey.evidence import current_decision, evidence, first_approval, is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


@each
def test_first_signature_changes_nothing_but_that_it_is_there(kind: SignOffKind) -> None:
    play, subject, first, _ = standing(kind)
    was = play.journey
    assert kinds(play.sign_once(kind, subject, first)) == ["signoff.signed"]
    same = {name: getattr(was, name) for name in type(was).model_fields} | {
        name: getattr(play.journey, name) for name in ("version", "sign_offs", "waiting", "facts", "acted")
    }
    assert play.journey == was.model_copy(update=same)
    assert current_decision(play.journey, kind, subject) is None
    waiting = first_approval(play.journey, kind, subject)
    assert waiting is not None
    assert (waiting.by, waiting.first_of_two) == (first.id, True)


@each
def test_second_signature_makes_it_count(kind: SignOffKind) -> None:
    play, subject, _, second = half(kind)
    followed = kinds(play.sign_once(kind, subject, second))
    assert (
        followed[1:]
        == {
            SignOffKind.SEVERE_HOLD_RELEASE: ["hold.released"],
            SignOffKind.EXCLUSION_REVIEW: [],
            SignOffKind.EVALUATION: ["stage.entered"],
        }[kind]
    )
    if kind != SignOffKind.EVALUATION:
        assert is_approved(play.journey, kind, subject)
    assert first_approval(play.journey, kind, subject) is None
    assert not play.asks_for(kind, subject)
    assert [s.by for s in play.journey.sign_offs[-2:]] == [TAKES_TWO[kind][2].id, second.id]


@each
def test_second_person_signs_what_the_first_one_signed(kind: SignOffKind) -> None:
    play, subject, first, _ = half(kind)
    request, signed = play.request(kind, subject), first_approval(play.journey, kind, subject)
    assert signed is not None
    shown = evidence(play.journey, kind, subject, signed)
    assert shown["first"]["by"] == first.id
    assert shown["first"]["name"] == first.name
    assert (shown["first"]["decision"], shown["first"]["rationale"]) == ("approve", "because")
    assert {**shown, "first": None} == evidence(play.journey, kind, subject)
    old = play.signature(kind, subject, evidence=signed.evidence)
    assert request.evidence != signed.evidence
    play.refused(old, DIRECTOR if first is CLINICIAN else CLINICIAN, code=RefusalCode.STALE, field="evidence")


def test_second_person_is_shown_where_the_first_one_refers_to() -> None:
    play = asked_to_sign(SignOffKind.ELIGIBILITY, eligibility={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.ELIGIBILITY, choice="in_clinic", referral="the clinic across the road")
    signed = first_approval(play.journey, SignOffKind.ELIGIBILITY)
    shown = evidence(play.journey, SignOffKind.ELIGIBILITY, None, signed)
    assert shown["first"]["referral"] == "the clinic across the road"


@each
def test_nobody_is_both(kind: SignOffKind) -> None:
    play, subject, first, second = half(kind)
    for decision in ("approve", "decline", "return"):
        again = play.signature(kind, subject, decision=decision, referral="x" if decision == "decline" else None)
        if first.role in cosigners(play.journey, kind):
            play.refused(again, first, code=RefusalCode.NOT_ALLOWED, says="second person")
    play.sign_once(kind, subject, second)


@each
def test_second_who_declines_decides(kind: SignOffKind) -> None:
    play, subject, _, second = half(kind)
    earlier = play.request(kind, subject).id
    followed = kinds(play.sign_once(kind, subject, second, decision="decline", referral="x"))
    assert first_approval(play.journey, kind, subject) is None
    assert not is_approved(play.journey, kind, subject)
    match kind:
        case SignOffKind.SEVERE_HOLD_RELEASE:
            assert play.journey.held
            again = play.request(kind, subject)
            assert again.id != earlier
            assert (again.owner, again.since) == (Role.MEDICAL_DIRECTOR, play.at), "it takes two again"
        case SignOffKind.EVALUATION:
            assert followed == ["signoff.signed", "pathway.ending", "pathway.closed"]
            assert play.journey.outcome == Outcome.INELIGIBLE
        case _:
            assert not play.asks_for(kind, subject), "declined, as by one person"


@each
def test_second_who_returns_sends_it_back_to_its_author_and_then_it_takes_two_again(kind: SignOffKind) -> None:
    play, subject, first, second = half(kind)
    request = play.request(kind, subject).id
    play.sign_once(kind, subject, second, decision="return", rationale="since when exactly?")
    assert not play.asks_for(kind, subject)
    assert first_approval(play.journey, kind, subject) is None
    returned = play.waits_for("returned")
    assert returned is not None
    assert returned.subject == request
    play.do(c.AnswerReturned(request=request, text="since spring (invented)"))
    play.sign_once(kind, subject, first)
    assert not is_approved(play.journey, kind, subject)
    assert play.journey.stage != Stage.SCREENING or kind != SignOffKind.EVALUATION
    play.sign_once(kind, subject, second)
    assert not play.asks_for(kind, subject)


def more(play: Play, kind: SignOffKind) -> None:
    """Something changes in what the sign-off is about."""
    if kind == SignOffKind.EVALUATION:
        play.do(c.RecordEvaluation(sections={"overall_needs": "more than we thought (invented)"}))
    elif kind == SignOffKind.EXCLUSION_REVIEW:
        code = next(x.code for x in play.journey.protocol.exclusions if x.rule == "review")
        play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes", note="for years (invented)")}))
    else:
        answers = c_ssrs("nn---n-")
        play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=answers))


@each
def test_evidence_that_changes_in_between_makes_both_stale(kind: SignOffKind) -> None:
    play, subject, first, second = half(kind)
    prepared, waited = play.signature(kind, subject), play.request(kind, subject)
    play.later(hours=1)
    more(play, kind)
    play.refused(prepared, second, code=RefusalCode.STALE, field="request")
    assert first_approval(play.journey, kind, subject) is None
    again = play.request(kind, subject)
    assert again.what == waited.what.removesuffix(" as the second person")
    assert (again.since, again.steps) == (waited.since, waited.steps), "changing the content buys no time"
    play.sign_once(kind, subject, first)
    assert not is_approved(play.journey, kind, subject)
    play.sign_once(kind, subject, second)
    assert not play.asks_for(kind, subject)


def test_evidence_that_changes_after_both_makes_both_stale() -> None:
    play, _, _, second = half(SignOffKind.EXCLUSION_REVIEW)
    play.sign_once(SignOffKind.EXCLUSION_REVIEW, None, second)
    more(play, SignOffKind.EXCLUSION_REVIEW)
    assert not is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW)
    assert first_approval(play.journey, SignOffKind.EXCLUSION_REVIEW) is None
    play.sign_once(SignOffKind.EXCLUSION_REVIEW, None, second)
    assert not is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW), "one new signature beside an old one is one"


@each
def test_first_signer_who_withdraws_leaves_nothing_behind(kind: SignOffKind) -> None:
    play, subject, first, second = half(kind)
    signed = first_approval(play.journey, kind, subject)
    assert signed is not None
    prepared = play.signature(kind, subject)
    play.do(c.WithdrawSignOff(request=signed.request, reason="on reflection"), first)
    assert first_approval(play.journey, kind, subject) is None
    play.refused(prepared, second, code=RefusalCode.STALE, field="request")
    again = play.request(kind, subject)
    assert again.id != signed.request
    assert again.owner == play.journey.protocol.sign_offs[kind].roles[0]


@each
def test_first_signer_does_not_withdraw_once_the_second_has_signed(kind: SignOffKind) -> None:
    play, subject, first, second = half(kind)
    signed = first_approval(play.journey, kind, subject)
    assert signed is not None
    play.sign_once(kind, subject, second)
    play.refused(c.WithdrawSignOff(request=signed.request, reason="x"), first, code=RefusalCode.STALE, field="request")


def test_both_sign_the_same_choice() -> None:
    play = asked_to_sign(SignOffKind.ELIGIBILITY, eligibility={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.ELIGIBILITY, choice="at_home")
    other = play.signature(SignOffKind.ELIGIBILITY, choice="in_clinic", referral="x")
    play.refused(other, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, field="choice", says="at_home")
    assert kinds(play.sign_once(SignOffKind.ELIGIBILITY, by=Role.MEDICAL_DIRECTOR, choice="at_home"))[1:] == [
        "stage.entered"
    ]


def test_ending_choice_ends_the_pathway_with_the_second_signature_only() -> None:
    play = asked_to_sign(SignOffKind.ELIGIBILITY, eligibility={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.ELIGIBILITY, choice="in_clinic", referral="x")
    assert play.journey.closing is None
    bodies = play.sign_once(SignOffKind.ELIGIBILITY, by=Role.MEDICAL_DIRECTOR, choice="in_clinic", referral="x")
    assert one(bodies, e.PathwayEnding).outcome == Outcome.IN_CLINIC


# Clocks


def clock(waiting: Obligation) -> tuple[Any, ...]:
    return waiting.since, waiting.deadline, waiting.steps, waiting.taken


@pytest.mark.parametrize(
    ("kind", "owner", "asked"),
    [
        (SignOffKind.SEVERE_HOLD_RELEASE, Role.CLINICIAN, CLINICIAN.id),
        # The clinician of the journey has signed: another one is asked, whoever that is.
        (SignOffKind.EXCLUSION_REVIEW, Role.CLINICIAN, None),
        (SignOffKind.EVALUATION, Role.CLINICIAN, None),
    ],
)
def test_second_person_is_asked_on_a_clock_of_their_own(kind: SignOffKind, owner: Role, asked: str | None) -> None:
    play, subject, first, _ = standing(kind)
    play.wait(hours=12)
    request = play.request(kind, subject)
    assert request.taken > 0 or kind != SignOffKind.SEVERE_HOLD_RELEASE
    play.sign_once(kind, subject, first)
    second = play.request(kind, subject)
    assert (second.owner, second.person) == (owner, asked)
    assert (second.since, second.taken) == (play.at, 0)
    assert second.escalation_policy == request.escalation_policy
    assert second.deadline > request.deadline
    assert all(step > play.at for step in second.steps)
    assert second.what.endswith("as the second person")


def test_second_request_is_told_once_and_to_whom_it_is_for() -> None:
    play, subject, first, _ = standing(SignOffKind.SEVERE_HOLD_RELEASE)
    before_it = len(play.events)
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, subject, first)
    opened = [o for event in play.events[before_it:] if isinstance(event.body, e.ObligationsUpdated)
              for o in event.body.opened]  # fmt: skip
    assert [(o.sign_off, o.owner) for o in opened] == [(SignOffKind.SEVERE_HOLD_RELEASE, Role.CLINICIAN)]


@pytest.mark.long
@each
def test_waiting_is_never_the_second_signature(kind: SignOffKind) -> None:
    play, subject, _, _ = half(kind)
    passed = play.wait(days=60)
    assert not [body for body in passed if isinstance(body, e.SignedOff | e.HoldReleased | e.StageEntered)]
    assert first_approval(play.journey, kind, subject) is not None
