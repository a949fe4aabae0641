"""Two people: what takes two signatures has no effect with one, and both are on what there is now."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulation.people import PEOPLE, member_of, revision
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import PROTOCOLS, Play, after, before, kinds, one, person, ruled, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor, Role
from workflows.journey.authorization import cosigners
from workflows.journey.evidence import current_decision, evidence, first_approval, is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.requirements import Obligation
from workflows.journey.stage import Outcome, Stage
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.reviews import reviews_owed

CLINICIAN, DIRECTOR = PEOPLE[Role.CLINICIAN], PEOPLE[Role.MEDICAL_DIRECTOR]
COLLEAGUE = person("colleague", Role.CLINICIAN)


def asked_to_sign(kind: SignOffKind, **rules: dict[str, Any]) -> Play:
    """A journey under a protocol with these rules, up to the first request of this kind."""
    play = started(protocol=ruled(**rules))
    return play.go_on(lambda journey: any(w.sign_off == kind for w in journey.waiting.values()))


def severe_hold() -> Play:
    """A severe hold that only signatures keep: the event behind it has been reviewed."""
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.SESSION_MONITOR)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    return play


def exclusion_review() -> Play:
    play = before("signoff.sign", 2)
    return answered_yes(play)


def answered_yes(play: Play) -> Play:
    code = next(x.code for x in play.journey.protocol.exclusions if x.rule == "review")
    play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes")}))
    return play


def exception() -> Play:
    """An evaluation that is complete but for standard treatments, with a reason why these are no way on."""
    play = before("signoff.sign")
    play.do(c.RecordEvaluation(treatment_exception="no trauma therapy within reach (invented)"))
    return play


TAKES_TWO = {
    SignOffKind.SEVERE_HOLD_RELEASE: (severe_hold, "hold-1", DIRECTOR, CLINICIAN),
    SignOffKind.EXCLUSION_REVIEW: (exclusion_review, None, CLINICIAN, DIRECTOR),
    SignOffKind.EVALUATION: (exception, None, CLINICIAN, DIRECTOR),
}
each = pytest.mark.parametrize("kind", list(TAKES_TWO))


def standing(kind: SignOffKind) -> tuple[Play, str | None, Actor, Actor]:
    play, subject, first, second = TAKES_TWO[kind]
    return play(), subject, first, second


def half(kind: SignOffKind) -> tuple[Play, str | None, Actor, Actor]:
    """The same, with the first of the two signatures made two hours later."""
    play, subject, first, second = standing(kind)
    play.later(hours=2)
    play.sign_once(kind, subject, first)
    return play, subject, first, second


@each
def test_first_signature_changes_nothing_but_that_it_is_there(kind: SignOffKind) -> None:
    play, subject, first, _ = standing(kind)
    was = play.journey
    assert kinds(play.sign_once(kind, subject, first)) == ["signoff.signed"]
    same = {name: getattr(was, name) for name in type(was).model_fields} | {
        name: getattr(play.journey, name) for name in ("version", "sign_offs", "waiting", "facts")
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


@each
def test_waiting_is_never_the_second_signature(kind: SignOffKind) -> None:
    play, subject, _, _ = half(kind)
    passed = play.wait(days=60)
    assert not [body for body in passed if isinstance(body, e.SignedOff | e.HoldReleased | e.StageEntered)]
    assert first_approval(play.journey, kind, subject) is not None


# Exceptions


@pytest.mark.parametrize(
    ("of_exceptions", "of_all", "made", "two"),
    [
        (["medical_director"], [], True, True),
        (["medical_director"], [], False, False),
        ([], [], True, False),
        # Where every evaluation takes two, one that makes an exception does not take fewer.
        ([], ["medical_director"], True, True),
        ([], ["medical_director"], False, True),
    ],
)
def test_exception_takes_as_many_as_the_protocol_asks(
    of_exceptions: list[str], of_all: list[str], made: bool, two: bool
) -> None:
    play = exception() if made else before("signoff.sign")
    play = play.changed(protocol=ruled(of_exceptions, evaluation={"cosigned_by": of_all}))
    play.clock()
    play.sign_once(SignOffKind.EVALUATION)
    assert (first_approval(play.journey, SignOffKind.EVALUATION) is not None) == two
    assert (play.journey.stage == Stage.SCREENING) != two


def test_exception_made_after_the_signature_opens_it_for_two() -> None:
    play = before("session.check")
    correction = c.RecordEvaluation(treatment_exception="a treatment was taken for another (invented)")
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="letter arrived", correction=correction))
    play.sign_once(SignOffKind.EVALUATION)
    assert not is_approved(play.journey, SignOffKind.EVALUATION)
    assert "evaluation not signed as it now is" in dose_gate(play.journey, 1, play.at)
    play.sign_once(SignOffKind.EVALUATION, by=Role.MEDICAL_DIRECTOR)
    assert is_approved(play.journey, SignOffKind.EVALUATION)


# A protocol that asks for two where the shipped ones do not


@pytest.mark.parametrize(
    ("choice", "effect"),
    [
        ("continue", []),
        ("pause", ["hold.placed"]),
        ("add_support", ["support.requested"]),
        ("stop", ["stage.entered"]),
        ("switch_to_in_clinic", ["pathway.ending"]),
    ],
)
def test_response_review_by_two_has_its_effect_at_the_second_signature(choice: str, effect: list[str]) -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject] = reviews_owed(play.journey)
    signed: dict[str, Any] = {"choice": choice, "referral": "x"}
    assert kinds(play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, **signed)) == ["signoff.signed"]
    assert reviews_owed(play.journey) == (subject,)
    followed = kinds(play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, Role.MEDICAL_DIRECTOR, **signed))
    assert followed[1 : 1 + len(effect)] == effect
    assert reviews_owed(play.journey) == ()


@pytest.mark.parametrize("choice", ["adjust", "maintenance"])
def test_response_review_by_two_asks_for_a_plan_at_the_second_signature(choice: str) -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject], began = reviews_owed(play.journey), play.journey.course_started_at
    assert began is not None
    play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, choice=choice)
    assert (play.journey.plan_owed_since, play.journey.course_started_at) == (None, began)
    play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, Role.MEDICAL_DIRECTOR, choice=choice)
    assert play.journey.plan_owed_since is not None
    assert (play.journey.maintenance_since is not None) == (choice == "maintenance")
    assert play.journey.course_started_at == began


def test_two_signatures_for_maintenance_are_one_maintenance() -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject] = reviews_owed(play.journey)
    play.sign(SignOffKind.RESPONSE_REVIEW, subject, choice="maintenance")
    plan = play.journey.plan
    assert plan is not None
    protocol = PROTOCOLS["PTSD"]
    longer = plan.model_copy(
        update={
            "planned_sessions": protocol.sessions.planned + protocol.maintenance.planned + 1,
            "spacing_hours": protocol.maintenance.target_spacing_hours,
            "weighed_at": play.at,
        }
    )
    refused = revision(play.journey, longer)
    play.refused(refused, code=RefusalCode.OUT_OF_LIMITS, field="plan.planned_sessions")


def test_discharge_by_two_ends_the_pathway_at_the_second_signature() -> None:
    play = asked_to_sign(SignOffKind.DISCHARGE, discharge={"cosigned_by": ["medical_director"]})
    assert kinds(play.sign_once(SignOffKind.DISCHARGE)) == ["signoff.signed"]
    assert (play.journey.closing, play.journey.outcome) == (None, None)
    bodies = play.sign_once(SignOffKind.DISCHARGE, by=Role.MEDICAL_DIRECTOR)
    assert kinds(bodies) == ["signoff.signed", "pathway.ending", "pathway.closed"]
    assert play.journey.outcome == Outcome.COMPLETED


def test_discharge_the_second_declines_is_proposed_anew() -> None:
    play = asked_to_sign(SignOffKind.DISCHARGE, discharge={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.DISCHARGE)
    play.sign_once(SignOffKind.DISCHARGE, by=Role.MEDICAL_DIRECTOR, decision="decline")
    assert play.journey.discharge is None
    assert not play.asks_for(SignOffKind.DISCHARGE)
    assert play.journey.stage == Stage.FOLLOW_UP


def test_clearance_by_two_opens_the_dose_gate_at_the_second_signature() -> None:
    play = asked_to_sign(SignOffKind.CLEARANCE, clearance={"cosigned_by": ["on_call_clinician"]})
    missing = "no clearance signed over exactly this evidence"
    play.sign_once(SignOffKind.CLEARANCE, "1")
    assert missing in dose_gate(play.journey, 1, play.at)
    play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, says=missing)
    play.sign_once(SignOffKind.CLEARANCE, "1", Role.ON_CALL_CLINICIAN)
    assert dose_gate(play.journey, 1, play.at) == ()


def test_second_person_sees_a_gate_that_closed_in_between() -> None:
    """What must be so for a release must be so for both."""
    play, subject, _, second = half(SignOffKind.SEVERE_HOLD_RELEASE)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=c_ssrs("yyyynn-")))
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, subject, DIRECTOR)
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, subject, second)
    assert play.journey.held, "the hold of the crisis stays"
    crisis = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(crisis, DIRECTOR, code=RefusalCode.INCOMPLETE, says="reached the patient")


def test_time_that_passes_between_the_two_is_looked_at_again() -> None:
    """The plan is signed on an evaluation that is recent: when the first signs, and when it comes to count."""
    play = asked_to_sign(SignOffKind.PLAN, plan={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.PLAN)
    play.later(days=play.journey.protocol.eligibility.evaluation_valid_days + 1)
    play.refused(
        play.signature(SignOffKind.PLAN), Role.MEDICAL_DIRECTOR, code=RefusalCode.STALE, says="evaluation was signed"
    )


def test_undisturbed_course_under_a_protocol_of_two() -> None:
    rules = {kind.value: {"cosigned_by": ["medical_director", "clinician"]} for kind in SignOffKind}
    play = started(protocol=ruled(**rules)).go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED
    signed = play.journey.sign_offs
    assert [s.first_of_two for s in signed] == [True, False] * (len(signed) // 2)
    assert all(a.by != b.by and (a.kind, a.subject) == (b.kind, b.subject)
               for a, b in zip(signed[::2], signed[1::2], strict=True))  # fmt: skip
    assert play.at - signed[0].at > timedelta(days=30)


LAPSED: dict[str, Any] = {
    "their licence ends": lambda play, first: _with_licence(first, play.at + timedelta(days=1)),
    "their entry ends": lambda _, first: first,
}


def _with_licence(who: Actor, last: datetime) -> Actor:
    assert who.licence is not None
    return who.model_copy(update={"licence": who.licence.model_copy(update={"expires": last.date()})})


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
