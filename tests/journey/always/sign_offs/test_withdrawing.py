"""Second thoughts: a decision is taken back before it took effect, and added to after; nothing of it is ever edited."""

from typing import Any

import pytest

from simulation.people import PEOPLE
from tests.journey.play import Play, after, before, kinds, one, person, sealed
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.always.sign_offs.rules import took_effect
from workflows.journey.decide import decide
from workflows.journey.evidence import current_decision, evidence_of, is_approved
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Stage

COLLEAGUE = person("colleague", Role.CLINICIAN)


def signed(play: Play, kind: SignOffKind, subject: str | None = None) -> SignOff:
    """The last decision of this kind."""
    return next(s for s in reversed(play.journey.sign_offs) if (s.kind, s.subject) == (kind, subject))


def taken_back(decision: SignOff) -> c.WithdrawSignOff:
    return c.WithdrawSignOff(request=decision.request, reason="on reflection (invented)")


def held(severe: bool) -> Play:
    play = before("session.schedule")
    if not severe:
        play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
        return play
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.PATIENT)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    return play


def event(grade: int) -> Play:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=grade, serious=False, onset=play.at), Role.PATIENT)
    return play


def reviewed() -> Play:
    play = before("signoff.sign", 2)
    code = next(x.code for x in play.journey.protocol.exclusions if x.rule == "review")
    play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes")}))
    return play


def asked(kind: SignOffKind, pathway: Pathway = "PTSD") -> Play:
    """The undisturbed course, where a decision of this kind is asked for the first time."""
    numbers = range(1, 40)
    plays = (before("signoff.sign", n, pathway) for n in numbers)
    return next(play for play in plays if any(w.sign_off == kind for w in play.journey.waiting.values()))


AT_ONCE = {
    "hold release": (lambda: held(False), SignOffKind.HOLD_RELEASE, {}),
    "severe hold release": (lambda: held(True), SignOffKind.SEVERE_HOLD_RELEASE, {}),
    "response review": (
        lambda: asked(SignOffKind.RESPONSE_REVIEW), SignOffKind.RESPONSE_REVIEW, {"choice": "continue"},
    ),
    "pause": (lambda: asked(SignOffKind.RESPONSE_REVIEW), SignOffKind.RESPONSE_REVIEW, {"choice": "pause"}),
    "in clinic": (
        lambda: asked(SignOffKind.ELIGIBILITY), SignOffKind.ELIGIBILITY, {"choice": "in_clinic", "referral": "x"},
    ),
    "not eligible": (
        lambda: asked(SignOffKind.ELIGIBILITY), SignOffKind.ELIGIBILITY, {"decision": "decline", "referral": "x"},
    ),
    "evaluation declined": (
        lambda: asked(SignOffKind.EVALUATION), SignOffKind.EVALUATION, {"decision": "decline", "referral": "x"},
    ),
    "discharge": (lambda: asked(SignOffKind.DISCHARGE), SignOffKind.DISCHARGE, {}),
}  # fmt: skip
"""Decisions that do something by themselves, the moment they are made."""
NOT_YET = {
    "evaluation": (lambda: asked(SignOffKind.EVALUATION), SignOffKind.EVALUATION, {}),
    "exclusion review": (reviewed, SignOffKind.EXCLUSION_REVIEW, {}),
    "exclusion review declined": (reviewed, SignOffKind.EXCLUSION_REVIEW, {"decision": "decline"}),
    "eligibility": (lambda: asked(SignOffKind.ELIGIBILITY), SignOffKind.ELIGIBILITY, {"choice": "at_home"}),
    "plan": (lambda: asked(SignOffKind.PLAN), SignOffKind.PLAN, {}),
    "plan declined": (lambda: asked(SignOffKind.PLAN), SignOffKind.PLAN, {"decision": "decline"}),
    "plan returned": (lambda: asked(SignOffKind.PLAN), SignOffKind.PLAN, {"decision": "return"}),
    "clearance": (lambda: asked(SignOffKind.CLEARANCE), SignOffKind.CLEARANCE, {}),
    "clearance declined": (lambda: asked(SignOffKind.CLEARANCE), SignOffKind.CLEARANCE, {"decision": "decline"}),
    "discharge returned": (lambda: asked(SignOffKind.DISCHARGE), SignOffKind.DISCHARGE, {"decision": "return"}),
    "hold release returned": (lambda: held(False), SignOffKind.HOLD_RELEASE, {"decision": "return"}),
    "adverse event": (lambda: event(1), SignOffKind.ADVERSE_EVENT, {}),
    "adverse event that holds": (lambda: event(2), SignOffKind.ADVERSE_EVENT, {}),
    "serious adverse event": (lambda: event(3), SignOffKind.SERIOUS_ADVERSE_EVENT, {}),
}
"""Decisions that are read when care would go on, and until then can be taken back."""


def decided(make: Any, kind: SignOffKind, changed: dict[str, Any]) -> tuple[Play, SignOff, Actor]:
    play = make()
    subject = next(w.subject for w in play.journey.waiting.values() if w.sign_off == kind)
    play.sign(kind, subject, **changed)
    decision = signed(play, kind, subject)
    return play, decision, next(known for known in PEOPLE.values() if known.id == decision.by)


@pytest.mark.parametrize("what", list(AT_ONCE))
def test_what_took_effect_at_once_is_not_taken_back(what: str) -> None:
    play, decision, by = decided(*AT_ONCE[what])
    if play.journey.closed:
        play.refused(taken_back(decision), by, code=RefusalCode.CLOSED)
    else:
        play.refused(taken_back(decision), by, code=RefusalCode.ALREADY_DONE, field="request", says="taken effect")
    assert took_effect(play.journey, decision)


@pytest.mark.parametrize("what", list(NOT_YET))
def test_what_has_no_effect_yet_is_taken_back_and_asked_again(what: str) -> None:
    play, decision, by = decided(*NOT_YET[what])
    assert not play.asks_for(decision.kind, decision.subject)
    play.later(minutes=10)
    body = one(play.do(taken_back(decision), by), e.SignOffWithdrawn)
    assert (body.request, body.sign_off, body.subject) == (decision.request, decision.kind, decision.subject)
    assert current_decision(play.journey, decision.kind, decision.subject) is None
    again = play.request(decision.kind, decision.subject)
    assert again.id != decision.request
    assert again.evidence != decision.evidence
    kept = signed(play, decision.kind, decision.subject)
    assert kept == decision.model_copy(update={"withdrawn": True}), "it stays in the record as it was made"
    play.refused(taken_back(decision), by, code=RefusalCode.ALREADY_DONE, field="request", says="withdrawn")
    answer = c.AnswerReturned(request=decision.request, text="x")
    play.refused(
        answer, code=RefusalCode.ALREADY_DONE if decision.decision == "return" else RefusalCode.UNKNOWN, field="request"
    )


@pytest.mark.parametrize("what", list(NOT_YET))
def test_only_its_signer_takes_a_decision_back(what: str) -> None:
    play, decision, by = decided(*NOT_YET[what])
    for role in CLINICAL:
        other = person("somebody-else", role)
        play.refused(taken_back(decision), other, code=RefusalCode.NOT_ALLOWED, says="whoever made it")
    play.refused(taken_back(decision), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, says="may not send")
    play.do(taken_back(decision), by)


def test_a_decision_is_taken_back_without_a_licence_in_date() -> None:
    """To take back what may be wrong, nobody has to renew anything first."""
    play, decision, by = decided(*NOT_YET["plan"])
    assert by.licence is not None
    expired = by.licence.model_copy(update={"expires": play.at.date().replace(year=2020)})
    play.do(taken_back(decision), by.model_copy(update={"licence": expired}))


@pytest.mark.parametrize("what", ["evaluation", "eligibility", "plan"])
def test_withdrawn_decision_shuts_the_dose_gate(what: str) -> None:
    kind = NOT_YET[what][1]
    play = before("session.release")
    assert dose_gate(play.journey, 1, play.at) == ()
    play.do(taken_back(signed(play, kind)))
    assert f"{kind.value} not signed as it now is" in dose_gate(play.journey, 1, play.at)
    play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, says="not signed")
    assert play.asks_for(kind)
    assert play.journey.stage == Stage.SESSIONS


def test_withdrawn_clearance_shuts_the_dose_gate() -> None:
    play = before("session.release")
    play.do(taken_back(signed(play, SignOffKind.CLEARANCE, "1")))
    assert "no clearance signed over exactly this evidence" in dose_gate(play.journey, 1, play.at)
    play.sign(SignOffKind.CLEARANCE, "1")
    assert dose_gate(play.journey, 1, play.at) == ()


@pytest.mark.parametrize("what", ["evaluation", "eligibility", "plan", "clearance"])
def test_after_a_release_nothing_it_rested_on_is_taken_back(what: str) -> None:
    play, kind = after("session.release"), NOT_YET[what][1]
    decision = signed(play, kind, "1" if kind == SignOffKind.CLEARANCE else None)
    play.refused(taken_back(decision), code=RefusalCode.ALREADY_DONE, field="request", says="taken effect")
    play.later(minutes=1)
    play.do(c.CancelSession(session=1, reason="not today"), Role.SESSION_MONITOR)


def test_review_on_which_a_hold_was_released_is_not_taken_back() -> None:
    play, review, by = decided(*NOT_YET["adverse event that holds"])
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    play.refused(taken_back(review), by, code=RefusalCode.ALREADY_DONE, field="request", says="taken effect")


def test_review_taken_back_before_the_release_keeps_the_hold() -> None:
    play, review, by = decided(*NOT_YET["adverse event that holds"])
    play.do(taken_back(review), by)
    release = play.signature(SignOffKind.HOLD_RELEASE, "hold-1")
    play.refused(release, code=RefusalCode.INCOMPLETE, says="adverse event is reviewed")


def test_review_returned_with_a_question_releases_no_hold() -> None:
    play = event(3)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1", decision="return", rationale="when exactly?")
    release = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    play.refused(release, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="adverse event is reviewed")


def test_signature_of_a_withdrawn_decision_cannot_be_handed_in_again() -> None:
    play = asked(SignOffKind.EVALUATION)
    first = sealed(play.command(play.signature(SignOffKind.EVALUATION), Role.CLINICIAN), play.at)
    assert isinstance(first.body, c.Sign)
    assert not isinstance(play.take(first), Refusal)
    play.do(taken_back(signed(play, SignOffKind.EVALUATION)))
    play.refused(first.body, code=RefusalCode.ALREADY_DONE, field="request")
    copied = play.signature(SignOffKind.EVALUATION, signature=first.body.signature)
    play.refused(copied, code=RefusalCode.SIGNATURE, field="signature", says="used before")
    assert play.take(first) == (), "the command itself stays what it was: done once"
    assert not is_approved(play.journey, SignOffKind.EVALUATION)


def test_decision_that_no_longer_stands_is_not_taken_back() -> None:
    play = before("session.check")
    old = signed(play, SignOffKind.EVALUATION)
    correction = c.RecordEvaluation(sections={"past_diagnoses": "one more (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="letter arrived", correction=correction))
    play.refused(taken_back(old), code=RefusalCode.STALE, field="request", says="no longer valid")
    play.sign(SignOffKind.EVALUATION)
    play.refused(taken_back(old), code=RefusalCode.STALE, field="request")
    play.do(taken_back(signed(play, SignOffKind.EVALUATION)))
    assert not is_approved(play.journey, SignOffKind.EVALUATION), "the older one does not come back"


def test_withdrawn_under_a_hold_is_asked_for_once_nothing_holds() -> None:
    play = before("session.check")
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    play.do(taken_back(signed(play, SignOffKind.PLAN)))
    assert not play.asks_for(SignOffKind.PLAN)
    play.later(hours=3)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    request = play.request(SignOffKind.PLAN)
    assert request.since == play.at
    assert "plan not signed as it now is" in dose_gate(play.journey, 1, play.at)


def test_after_closing_nothing_is_taken_back_and_what_is_wrong_can_be_said() -> None:
    play = after("signoff.sign", 3)
    decision = signed(play, SignOffKind.PLAN)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closed
    play.refused(taken_back(decision), code=RefusalCode.CLOSED)
    play.do(c.AddAddendum(request=decision.request, text="x"))


def test_approval_withdrawn_does_not_count_as_the_first_plan() -> None:
    """A plan approved and taken back leaves the first approval to be made, on an evaluation that is recent."""
    play, decision, by = decided(*NOT_YET["plan"])
    play.do(taken_back(decision), by)
    play.later(days=play.journey.protocol.eligibility.evaluation_valid_days + 1)
    play.refused(play.signature(SignOffKind.PLAN), code=RefusalCode.STALE, says="evaluation was signed")


@pytest.mark.parametrize("request_id", ["nonsense", "plan:00000000000000000000"])
def test_what_was_not_decided_is_not_taken_back_or_added_to(request_id: str) -> None:
    play = before("session.check")
    play.refused(c.WithdrawSignOff(request=request_id, reason="x"), code=RefusalCode.UNKNOWN, field="request")
    play.refused(c.AddAddendum(request=request_id, text="x"), code=RefusalCode.UNKNOWN, field="request")


# Addenda


@pytest.mark.parametrize("by", CLINICAL)
def test_addendum_is_beside_the_decision_and_changes_nothing_about_it(by: Role) -> None:
    play = after("session.release")
    was, decision = play.journey, signed(play, SignOffKind.PLAN)
    hashes = {(s.kind, s.subject): evidence_of(was, s.kind, s.subject) for s in was.sign_offs}
    bodies = play.do(c.AddAddendum(request=decision.request, text="the pharmacy called back (invented)"), by)
    assert kinds(bodies) == ["signoff.addendum-added"]
    [added] = signed(play, SignOffKind.PLAN).addenda
    writer = PEOPLE[by]
    assert (added.text, added.name, added.by, added.at) == (
        "the pharmacy called back (invented)", writer.name, writer.id, play.at,
    )  # fmt: skip
    assert signed(play, SignOffKind.PLAN).model_copy(update={"addenda": ()}) == decision
    assert hashes == {about: evidence_of(play.journey, *about) for about in hashes}
    rest = {name: getattr(play.journey, name) for name in ("version", "sign_offs", "facts", "acted")}
    assert play.journey == was.model_copy(update=rest)


def test_addenda_add_up_in_their_order_also_under_a_hold_and_to_what_was_withdrawn() -> None:
    play = before("session.check")
    decision = signed(play, SignOffKind.PLAN)
    play.do(c.AddAddendum(request=decision.request, text="one"))
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    play.do(c.AddAddendum(request=decision.request, text="two"), COLLEAGUE)
    play.do(taken_back(decision))
    play.do(c.AddAddendum(request=decision.request, text="three"))
    assert [(a.text, a.by) for a in signed(play, SignOffKind.PLAN).addenda] == [
        ("one", PEOPLE[Role.CLINICIAN].id),
        ("two", "colleague"),
        ("three", PEOPLE[Role.CLINICIAN].id),
    ]


def test_addendum_to_the_first_of_two_leaves_it_to_be_signed_by_the_second() -> None:
    play = held(True)
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    request = play.request(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    first = signed(play, SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    play.do(c.AddAddendum(request=first.request, text="x"))
    assert play.request(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1") == request
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    assert not play.journey.held


@pytest.mark.parametrize("by", [role for role in PEOPLE if role not in CLINICAL])
def test_addendum_is_a_clinicians(by: Role) -> None:
    play = before("session.check")
    added = c.AddAddendum(request=signed(play, SignOffKind.PLAN).request, text="x")
    play.refused(added, by, code=RefusalCode.NOT_ALLOWED, says="may not send")


def test_addendum_shows_a_name() -> None:
    play = before("session.check")
    added = c.AddAddendum(request=signed(play, SignOffKind.PLAN).request, text="x")
    nameless = PEOPLE[Role.CLINICIAN].model_copy(update={"name": None})
    refusal = decide(play.journey, play.command(added, nameless), play.at)
    assert isinstance(refusal, Refusal)
    assert "printed name" in refusal.reason
