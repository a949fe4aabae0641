"""Who may decide what: every role, kind, exclusion, delegation and licence, against the rules as one would say them."""

import itertools
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from simulation.people import PEOPLE, person_of, revision
from tests.journey.play import JOURNEY, PROTOCOLS, Play, after, before, person, ruled, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.permissions.model import ProposedPermission
from workflows.journey.always.safety.model import ContactToSign
from workflows.journey.always.sign_offs.model import Delegation, SignOff
from workflows.journey.authorization import authors, licence_objection, may_decide
from workflows.journey.decide import decide
from workflows.journey.evidence import first_approval, is_approved
from workflows.journey.protocol import Protocol, SignOffKind, SignOffRule
from workflows.journey.stages.education.state import ProposedConsent
from workflows.journey.stages.evaluation.model import Evaluation
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Licence, Role
from workflows.journey.vocabulary.clinical import US_STATES
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

NOW = datetime(2027, 1, 14, 17, tzinfo=UTC)
SUBJECTS = {
    SignOffKind.CLEARANCE: "1",
    SignOffKind.ATTESTATION: "1",
    SignOffKind.HOLD_RELEASE: "hold-1",
    SignOffKind.SEVERE_HOLD_RELEASE: "hold-1",
    SignOffKind.ADVERSE_EVENT: "adverse-event-1",
    SignOffKind.SERIOUS_ADVERSE_EVENT: "adverse-event-1",
    SignOffKind.PATIENT_MERGE: "merge-1",
    SignOffKind.PATIENT_UNMERGE: "merge-1",
    SignOffKind.CONSENT_VERSION: "treatment",
    SignOffKind.DEATH: "death-1",
    SignOffKind.DEATH_CORRECTION: "death-1",
    SignOffKind.END_DECISION: "1",
    SignOffKind.CRISIS_REACHED: "crisis-1",
}
NOBODYS = (
    SignOffKind.RESPONSE_REVIEW, SignOffKind.LOST_TO_FOLLOW_UP, SignOffKind.RISK_DECISION, SignOffKind.RISK_LEVEL,
    SignOffKind.DEATH_CORRECTION,
)  # fmt: skip
"""What these are about, no one person wrote."""
STRICT = ruled(**{kind.value: {"not_author": True, "cosigned_by": ["clinician"]} for kind in SignOffKind})
"""The author excluded and a second person asked for, whatever the kind."""

LICENCES: dict[str, Licence | None] = {
    "valid": Licence(number="INVENTED-1", states=("NY", "CA"), expires=date(2027, 1, 14)),
    "none": None,
    "expired": Licence(number="INVENTED-1", states=("CA",), expires=date(2027, 1, 13)),
    "other state": Licence(number="INVENTED-1", states=("NY", "TX"), expires=date(2099, 1, 1)),
}
AUTHORS = ("the author", "somebody else")
FIRSTS = ("nobody", "a colleague", "themselves")
DELEGATIONS = (
    "none",
    "from somebody with the right",
    "from somebody without it",
    "expired",
    "ended",
    "of another kind",
    "from the first signer",
    "to somebody else",
)


def objections(
    rule: SignOffRule, role: Role, licence: str, wrote_it: bool, first: str, delegation: str
) -> dict[str, str]:
    """Everything that speaks against a person deciding, and the words a refusal would say it in."""
    found = {}
    if licence == "none":
        found["no licence"] = "a signature shows a printed name and a licence"
    if licence == "expired":
        found["licence expired"] = "your licence has expired"
    if licence == "other state":
        found["licence of another state"] = "your licence does not cover the state the patient is in"
    second = first != "nobody"
    allowed = rule.cosigned_by if second else rule.roles
    lent = delegation in ("from somebody with the right", "from the first signer")
    if role not in allowed and not lent:
        found["role"] = f"a {role.value} may not sign this"
    if rule.not_author and wrote_it:
        found["author"] = "who wrote this does not decide on it"
    if first == "themselves":
        found["both"] = "it takes a second person"
    if second and role not in allowed and delegation == "from the first signer":
        found["borrowed from the first"] = "one person's right"
    return found


@cache
def standing(protocol_name: str) -> Journey:
    """A journey in which there is something of every kind: a checked session, a severe event, a hold by hand."""
    play = after("session.check")
    play.do(c.PlaceHold(reason="invented"), Role.OBSERVER)
    report = c.ReportAdverseEvent(what="invented", grade=3, serious=False, onset=play.at)
    play.do(report, Role.PATIENT)
    play.do(c.ProposeMerge(other="somebody-else", reason="invented"), Role.COORDINATOR)
    play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    play.do(c.ReportCrisis(what="invented"), Role.OBSERVER)
    protocol = STRICT if protocol_name == "strict" else PROTOCOLS["PTSD"]
    return play.journey.model_copy(update={"protocol": protocol})


def written(journey: Journey, kind: SignOffKind, by: str) -> Journey:
    """The journey with this person as the one who wrote what this sign-off is about."""
    changed: dict[str, Any]
    match kind:
        case SignOffKind.EVALUATION:
            changed = {"evaluation": Evaluation(evaluator="another", authors=(by,))}
        case SignOffKind.EXCLUSION_REVIEW | SignOffKind.ELIGIBILITY:
            changed = {"screening": journey.screening.model_copy(update={"authors": (by,), "answered_by": (by,)})}
        case SignOffKind.PLAN:
            changed = {"plan_author": by}
        case SignOffKind.CLEARANCE | SignOffKind.ATTESTATION:
            session = journey.sessions[1]
            assert session.check is not None
            check = session.check.model_copy(update={"by": by})
            changed = {"sessions": {1: session.model_copy(update={"check": check})}}
        case SignOffKind.HOLD_RELEASE | SignOffKind.SEVERE_HOLD_RELEASE:
            hold = journey.holds["hold-1"].model_copy(update={"placed_by": by})
            changed = {"holds": {"hold-1": hold}}
        case SignOffKind.ADVERSE_EVENT | SignOffKind.SERIOUS_ADVERSE_EVENT:
            event = journey.adverse_events["adverse-event-1"].model_copy(update={"reported_by": by})
            changed = {"adverse_events": {event.id: event}}
        case SignOffKind.END_DECISION:
            changed = {"sessions": {1: journey.sessions[1].model_copy(update={"end_proposed_by": by})}}
        case SignOffKind.CRISIS_REACHED:
            said = c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="invented", safety_plan=True)
            contact = e.CrisisContactRecorded(**said.model_dump(exclude={"kind"}))
            to_sign = ContactToSign(contact=contact, by=by, at=NOW, version=journey.version)
            crisis = journey.crises["crisis-1"].model_copy(update={"to_sign": to_sign})
            changed = {"crises": journey.crises.put({crisis.id: crisis})}
        case SignOffKind.DEATH:
            death = journey.deaths["death-1"].model_copy(update={"reported_by": by})
            changed = {"deaths": {death.id: death}}
        case SignOffKind.HANDOVER:
            changed = {"handover_author": by}
        case SignOffKind.DISCHARGE:
            changed = {"discharge_author": by}
        case SignOffKind.PATIENT_MERGE:
            changed = {"merges": {"merge-1": journey.merges["merge-1"].model_copy(update={"proposed_by": by})}}
        case SignOffKind.PATIENT_UNMERGE:
            changed = {"merges": {"merge-1": journey.merges["merge-1"].model_copy(update={"doubted_by": by})}}
        case SignOffKind.PERMISSION:
            changed = {"proposed_permission": ProposedPermission(until=date(2099, 1, 1), source="x", by=by)}
        case SignOffKind.CONSENT_VERSION:
            proposed = ProposedConsent(consent="treatment", version="treatment-2", reason="invented", by=by)
            changed = {"proposed_consents": {"treatment": proposed}}
        case SignOffKind.PATIENT_LIMITS:
            changed = {"own_limits_by": by}
        case SignOffKind.LIMIT_OVERRIDE:
            changed = {"override_by": by}
        case _:
            changed = {}
    return journey.model_copy(update=changed)


def approval(kind: SignOffKind, by: str, role: Role) -> SignOff:
    """An approval that waits for a second person's."""
    licence = LICENCES["valid"]
    assert licence is not None
    return SignOff(
        request="invented",
        kind=kind,
        subject=SUBJECTS.get(kind),
        decision="approve",
        meaning="invented",
        evidence="0" * 64,
        by=by,
        role=role,
        name="invented",
        licence=licence,
        state="CA",
        at=NOW,
        version=1,
        nonce="0" * 32,
        first_of_two=True,
    )


def lent(kind: SignOffKind, which: str, allowed: tuple[Role, ...]) -> dict[str, Delegation]:
    """One delegation: good in everything but what its name says."""
    if which == "none":
        return {}
    other = next(another for another in SignOffKind if another != kind)
    without = next((role for role in Role if role not in allowed), Role.PATIENT)
    licence = LICENCES["valid"]
    assert licence is not None
    given = Delegation(
        id="delegation-1",
        licence=licence,
        key_id="k" * 32,
        by="the-first" if which == "from the first signer" else "colleague",
        role=without if which == "from somebody without it" else allowed[0],
        to="passer-by" if which == "to somebody else" else "me",
        sign_offs=(other,) if which == "of another kind" else (other, kind),
        nonce="1" * 32,
        until={"expired": NOW, "ended": NOW - timedelta(hours=1)}.get(which, NOW + timedelta(seconds=1)),
    )
    return {given.id: given}


def cases(protocol: Protocol, kind: SignOffKind) -> list[tuple[str, str, str, str]]:
    firsts = FIRSTS if protocol.sign_offs[kind].cosigned_by else FIRSTS[:1]
    return list(itertools.product(LICENCES, AUTHORS, firsts, DELEGATIONS))


@pytest.mark.parametrize("role", CLINICAL)
@pytest.mark.parametrize("kind", list(SignOffKind))
@pytest.mark.parametrize("rules", ["as shipped", "strict"])
def test_every_combination_of_exclusion_delegation_and_licence(rules: str, kind: SignOffKind, role: Role) -> None:
    here = standing(rules)
    rule = here.protocol.sign_offs[kind]
    for licence, wrote, first, delegation in cases(here.protocol, kind):
        case = f"{licence}, {wrote}, {first}, {delegation}"
        me = Actor(id="me", role=role, name="Me Invented", licence=LICENCES[licence])
        journey = written(here, kind, "me" if wrote == "the author" else "writer")
        allowed = rule.roles if first == "nobody" else rule.cosigned_by
        journey = journey.model_copy(update={"delegations": lent(kind, delegation, allowed)})
        signed = {
            "nobody": None,
            "a colleague": approval(kind, "the-first", rule.roles[0]),
            "themselves": approval(kind, "me", rule.roles[0]),
        }[first]
        answer = may_decide(journey, kind, SUBJECTS.get(kind), me, NOW, signed)
        wrote_it = wrote == "the author" and kind not in NOBODYS
        against = objections(rule, role, licence, wrote_it, first, delegation)
        if not against:
            assert answer is None, f"{case}: {answer}"
            continue
        assert answer is not None, f"{case}: allowed in spite of {list(against)}"
        assert (answer.code, answer.field) == (RefusalCode.NOT_ALLOWED, None), case
        assert any(words in answer.reason for words in against.values()), f"{case}: {answer.reason}"
        assert answer.remedy, case


def test_the_table_is_whole() -> None:
    """Every kind, role and way to be refused is in it, and both answers come up for every kind."""
    asked = [len(cases(standing(rules).protocol, kind)) * len(CLINICAL) for rules in ("as shipped", "strict")
             for kind in SignOffKind]  # fmt: skip
    assert sum(asked) > 10_000
    for kind, rules in itertools.product(SignOffKind, ("as shipped", "strict")):
        rule = standing(rules).protocol.sign_offs[kind]
        answers = {not objections(rule, role, "valid", False, "nobody", "none") for role in CLINICAL}
        assert True in answers


@pytest.mark.parametrize("role", [role for role in Role if role not in CLINICAL])
def test_who_is_no_clinician_decides_nothing_even_on_a_colleagues_behalf(role: Role) -> None:
    play = before("signoff.sign")
    me = person("me", role) if role in PEOPLE else Actor(id="me", role=role)
    lending = c.Delegate(to="me", sign_offs=(SignOffKind.EVALUATION,), until=play.at + timedelta(days=1), reason="x")
    play.do(lending)
    play.refused(play.signature(SignOffKind.EVALUATION), me, code=RefusalCode.NOT_ALLOWED, says="may not send")


@pytest.mark.parametrize("kind", [kind for kind in SignOffKind if kind not in NOBODYS])
def test_author_is_who_wrote_it(kind: SignOffKind) -> None:
    assert authors(written(standing("strict"), kind, "me"), kind, SUBJECTS.get(kind)) == ("me",)


def test_hold_a_rule_placed_has_no_author() -> None:
    """Whoever reported what a rule then held for may decide on the hold; on the event itself where not excluded."""
    assert standing("strict").holds["hold-2"].placed_by == person_of(JOURNEY, Role.PATIENT).id
    assert authors(standing("strict"), SignOffKind.SEVERE_HOLD_RELEASE, "hold-2") == ()


@pytest.mark.parametrize(
    ("state", "last_moment"),
    [
        ("CA", datetime(2027, 1, 15, 7, 59, 59, tzinfo=UTC)),
        ("NY", datetime(2027, 1, 15, 4, 59, 59, tzinfo=UTC)),
        ("TX", datetime(2027, 1, 15, 6, 59, 59, tzinfo=UTC)),
        ("FL", datetime(2027, 1, 15, 5, 59, 59, tzinfo=UTC)),
        ("IN", datetime(2027, 1, 15, 5, 59, 59, tzinfo=UTC)),
        ("AK", datetime(2027, 1, 15, 9, 59, 59, tzinfo=UTC)),
        ("HI", datetime(2027, 1, 15, 9, 59, 59, tzinfo=UTC)),
        ("AZ", datetime(2027, 1, 15, 6, 59, 59, tzinfo=UTC)),
        ("PR", datetime(2027, 1, 15, 3, 59, 59, tzinfo=UTC)),
        ("GU", datetime(2027, 1, 14, 13, 59, 59, tzinfo=UTC)),
        ("AS", datetime(2027, 1, 15, 10, 59, 59, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_licence_carries_through_its_last_day_in_the_state_it_is_for(
    zone: str, state: str, last_moment: datetime
) -> None:
    here = standing("strict")
    journey = here.model_copy(update={"patient": here.patient.model_copy(update={"zone": zone, "state": state})})
    assert LICENCES["valid"] is not None
    licence = LICENCES["valid"].model_copy(update={"states": US_STATES})
    me = Actor(id="me", role=Role.CLINICIAN, name="Me Invented", licence=licence)
    assert licence_objection(journey, me, last_moment) is None
    over = licence_objection(journey, me, last_moment + timedelta(seconds=1))
    assert over is not None
    assert "expired" in over.reason


def test_name_is_as_necessary_as_the_licence() -> None:
    nameless = PEOPLE[Role.CLINICIAN].model_copy(update={"name": None})
    play = before("signoff.sign")
    play.refused(play.signature(SignOffKind.EVALUATION), nameless, code=RefusalCode.NOT_ALLOWED, says="printed name")


# Whose work it is, over the course of it


def test_author_of_a_serious_event_may_not_review_it_whoever_asks() -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.ON_CALL_CLINICIAN)
    review = play.signature(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.refused(review, Role.ON_CALL_CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.do(review, person("colleague", Role.ON_CALL_CLINICIAN))


def test_last_to_change_the_plan_is_its_author() -> None:
    play = before_plan_is_signed(not_author=True)
    play.refused(play.signature(SignOffKind.PLAN), Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    assert play.journey.plan is not None
    colleague = person("colleague", Role.CLINICIAN)
    play.do(revision(play.journey, play.journey.plan), colleague)
    play.refused(play.signature(SignOffKind.PLAN), colleague, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.do(play.signature(SignOffKind.PLAN), Role.CLINICIAN)


def test_what_its_author_may_not_sign_is_not_asked_of_its_author() -> None:
    """A request that names somebody who would be refused waits unseen by those who may."""
    play = before_plan_is_signed(not_author=True)
    assert play.journey.plan_author == play.journey.clinician
    request = play.request(SignOffKind.PLAN)
    assert (request.owner, request.person) == (Role.CLINICIAN, None)
    assert before_plan_is_signed(not_author=False).request(SignOffKind.PLAN).person == play.journey.clinician


def before_plan_is_signed(**rule: Any) -> Play:
    play = started(protocol=ruled(plan=rule))
    return play.go_on(lambda journey: any(w.sign_off == SignOffKind.PLAN for w in journey.waiting.values()))


def test_whoever_writes_the_same_anew_is_its_author_and_has_not_approved_it() -> None:
    """What is written does not change, who wrote it does: an approval made before is not by somebody else any more."""
    both = ["clinician", "medical_director"]
    rule = {"roles": both, "cosigned_by": both, "not_author": True}
    play = before("pathway.propose-discharge").changed(protocol=ruled(discharge=rule))
    proposal, kind = next(move[1].body for move in after("pathway.propose-discharge").moves), SignOffKind.DISCHARGE
    play.do(proposal)
    play.sign_once(kind, by=Role.MEDICAL_DIRECTOR)
    play.do(proposal, Role.MEDICAL_DIRECTOR)
    play.sign_once(kind, by=Role.CLINICIAN)
    assert not is_approved(play.journey, kind)
    play.refused(play.signature(kind), Role.MEDICAL_DIRECTOR, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.sign_once(kind, by=person("colleague", Role.CLINICIAN))
    assert is_approved(play.journey, kind)


def test_author_of_an_evaluation_stays_its_author_when_it_is_handed_over() -> None:
    play = started(protocol=ruled(evaluation={"not_author": True}))
    play.go_on(lambda journey: any(w.sign_off == SignOffKind.EVALUATION for w in journey.waiting.values()))
    play.do(c.Reassign(duty="evaluator", to="colleague", reason="leave"), Role.COORDINATOR)
    play.refused(play.signature(SignOffKind.EVALUATION), code=RefusalCode.NOT_ALLOWED, says="who wrote this")


def test_author_of_exclusion_answers_stays_their_author_when_a_colleague_adds_a_factor() -> None:
    play = reviewing(not_author=True)
    factors = play.journey.screening.factors
    play.do(c.RecordScreening(factors=factors), person("colleague", Role.CLINICIAN))
    play.refused(play.signature(SignOffKind.EXCLUSION_REVIEW), code=RefusalCode.NOT_ALLOWED, says="who wrote this")


def reviewing(**rule: Any) -> Play:
    play = started(protocol=ruled(exclusion_review=rule))
    play.go_on(lambda journey: any(w.sign_off == SignOffKind.ELIGIBILITY for w in journey.waiting.values()))
    code = next(x.code for x in play.journey.protocol.exclusions if x.rule == "review")
    play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes")}))
    return play


# Two rights for two signatures


def test_two_signatures_do_not_rest_on_one_persons_right() -> None:
    """Whichever of the two signs first, and also when neither has the right in their own name."""
    director, other = PEOPLE[Role.MEDICAL_DIRECTOR], person("other-director", Role.MEDICAL_DIRECTOR)
    ann, bea = person("ann", Role.ON_CALL_CLINICIAN), person("bea", Role.ON_CALL_CLINICIAN)
    for first, second, says in (
        (director, ann, "one person's right"),
        (ann, director, "one person's right"),
        (ann, bea, "one person's right"),
        (ann, ann, "second person"),
        (ann, other, None),
        (other, ann, None),
    ):
        play = reviewing(roles=["medical_director"], cosigned_by=["medical_director"])
        for delegate in (ann, bea):
            lending = c.Delegate(
                to=delegate.id,
                sign_offs=(SignOffKind.EXCLUSION_REVIEW,),
                until=play.at + timedelta(days=1),
                reason="invented",
            )
            play.do(lending, director)
        play.sign_once(SignOffKind.EXCLUSION_REVIEW, by=first)
        if says is None:
            play.sign_once(SignOffKind.EXCLUSION_REVIEW, by=second)
            continue
        again = play.signature(SignOffKind.EXCLUSION_REVIEW)
        play.refused(again, second, code=RefusalCode.NOT_ALLOWED, says=says)
        assert first_approval(play.journey, SignOffKind.EXCLUSION_REVIEW) is not None


# What a refusal says

TYPED = "zzz-typed"


def test_refusals_name_the_way_out_and_repeat_nothing_that_was_typed() -> None:
    play = before("signoff.sign")
    soon, past = play.at + timedelta(days=1), play.at - timedelta(days=1)
    stranger, expired = person("stranger", Role.ON_CALL_CLINICIAN), person("x", Role.CLINICIAN, expires=past.date())
    sign = play.signature(SignOffKind.EVALUATION, rationale=TYPED, referral=TYPED)
    here = (SignOffKind.EVALUATION,)
    play.do(c.Delegate(to="me", sign_offs=here, until=soon, reason=TYPED))
    tries: list[tuple[c.CommandBody, Role | Actor]] = [
        (sign, Role.COORDINATOR),
        (sign, stranger),
        (sign, expired),
        (sign, person("away", Role.CLINICIAN, states=("NY",))),
        (sign.model_copy(update={"request": TYPED}), Role.CLINICIAN),
        (sign.model_copy(update={"request": f"evaluation:{TYPED}"}), Role.CLINICIAN),
        (sign.model_copy(update={"meaning": TYPED}), Role.CLINICIAN),
        (sign.model_copy(update={"choice": TYPED}), Role.CLINICIAN),
        (sign.model_copy(update={"evidence": "abcdef" + "0" * 58}), Role.CLINICIAN),
        (sign.model_copy(update={"decision": "decline", "referral": None}), Role.CLINICIAN),
        (sign.model_copy(update={"decision": "return", "rationale": None}), Role.CLINICIAN),
        (c.WithdrawSignOff(request=TYPED, reason=TYPED), Role.CLINICIAN),
        (c.AddAddendum(request=TYPED, text=TYPED), Role.CLINICIAN),
        (c.AnswerReturned(request=TYPED, text=TYPED), Role.CLINICIAN),
        (c.Delegate(to="stranger", sign_offs=here, until=soon, reason=TYPED), stranger),
        (c.Delegate(to=TYPED, sign_offs=here, until=past, reason=TYPED), Role.CLINICIAN),
        (c.Delegate(to=TYPED, sign_offs=here, until=soon, reason=TYPED), stranger),
        (c.EndDelegation(delegation=TYPED), Role.CLINICIAN),
        (c.EndDelegation(delegation="delegation-1"), stranger),
        (c.Cover(by=TYPED, until=past, reason=TYPED), Role.COORDINATOR),
        (c.Cover(by=play.journey.clinician, until=soon, reason=TYPED), Role.COORDINATOR),
    ]
    for body, by in tries:
        refusal = play.take(play.command(body, by))
        assert isinstance(refusal, Refusal), body
        assert refusal.code in RefusalCode
        assert refusal.reason
        assert refusal.remedy
        for typed in (TYPED, "abcdef", past.date().isoformat(), soon.date().isoformat()):
            assert typed not in str(refusal), refusal
    unsigned = decide(play.journey, play.command(sign, Role.CLINICIAN), play.at)
    assert isinstance(unsigned, Refusal)
    assert TYPED not in str(unsigned)
