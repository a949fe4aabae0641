"""What a signer is told that their signature will bring about is what the core does."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

import pytest

from application.sign_offs.consequences import (
    APPROVED,
    BY_CHOICE,
    BY_TWO,
    CHOSEN,
    DECLINED,
    ENDINGS,
    SIGNED_FORMS,
    TO_AUTHOR,
    say_what_follows,
)
from simulation.people import PEOPLE
from tests.journey.asked_for import ASKED_FOR, Asked
from tests.journey.play import Play, kinds, person
from tests.journey.settings import with_clinic
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.authorization import authors, cosigners, may_decide
from workflows.journey.evidence import is_approved
from workflows.journey.patient_limits import limits
from workflows.journey.protocol import SignOffKind
from workflows.journey.setting import setting_of
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.stages.screening.rules import eligibility_obstacles
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import IN_CLINIC
from workflows.journey.vocabulary.stage import Stage

Verdict = Literal["approve", "decline"]
AE = (SignOffKind.ADVERSE_EVENT, SignOffKind.SERIOUS_ADVERSE_EVENT)
HOLDS = (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE)
SAID = [*APPROVED.values(), *DECLINED.values(), *(each for of in CHOSEN.values() for each in of.values())]
ALARM_ENDS = (*((kind, "approve") for kind in AE), (SignOffKind.DEATH, "decline"))
EXCLUDED = "review exclusions without a signed decision"


class Signed(NamedTuple):
    """A decision that was made, and the journey before and after it."""

    kind: SignOffKind
    subject: str | None
    verdict: str
    before: Journey
    play: Play
    bodies: list[e.EventBody]

    @property
    def events(self) -> list[str]:
        return kinds(self.bodies)

    @property
    def after(self) -> Journey:
        return self.play.journey

    def asks(self, kind: str, subject: str | None = None) -> bool:
        return self.play.waits_for(kind, subject) is not None

    def newly(self, kind: str, subject: str | None = None) -> bool:
        """Whether something is awaited that was not before."""
        asked = [w for w in self.before.waiting.values() if (w.kind, subject or w.subject) == (kind, w.subject)]
        return not asked and self.asks(kind, subject)


def dropped(s: Signed) -> bool:
    """Whether nothing is proposed any more. What was signed is proposed no more, either."""
    proposed = {
        SignOffKind.PERMISSION: s.after.proposed_permission,
        SignOffKind.CONSENT_VERSION: s.after.proposed_consents.get(s.subject or ""),
        SignOffKind.DISCHARGE: s.after.discharge,
        SignOffKind.HANDOVER: s.after.handover,
    }
    return s.verdict == "decline" and s.kind in proposed and proposed[s.kind] is None


FACTS: dict[str, Callable[[Signed], bool]] = {
    "the pathway ends": lambda s: s.after.closing is not None and s.before.closing is None,
    "the patient is not eligible": lambda s: "ineligible" in str(s.after.closing),
    "is treated in a clinic": lambda s: "in_clinic" in str(s.after.closing),
    "is lost to follow-up": lambda s: "lost_to_follow_up" in str(s.after.closing),
    "it is completed": lambda s: "completed" in str(s.after.closing),
    "this is asked again": lambda s: s.play.asks_for(s.kind, s.subject),
    "screening begins": lambda s: entered(s, Stage.SCREENING),
    "education begins": lambda s: entered(s, Stage.EDUCATION),
    "follow-up begins": lambda s: entered(s, Stage.FOLLOW_UP),
    "eligibility is decided next": lambda s: s.newly("eligibility"),
    "treatment here cannot be approved": lambda s: EXCLUDED in eligibility_obstacles(s.after, s.play.at),
    "plan is written": lambda s: s.newly("planning"),
    "sessions can be scheduled": lambda s: approved(s, SignOffKind.PLAN),
    "is asked to release the session": lambda s: s.newly("release"),
    "coordinator is asked to move it": lambda s: s.kind == "clearance" and s.newly("scheduling", s.subject),
    "session ends now": lambda s: "session.ended" in s.events,
    "session goes on": lambda s: s.kind == "end_decision" and s.after.sessions[1].running,
    "is attested": lambda s: approved(s, SignOffKind.ATTESTATION),
    "goes on as planned": lambda s: s.kind == "response_review" and s.asks("scheduling", "2"),
    "arrange more support": lambda s: s.newly("support"),
    "sessions are in the clinic": lambda s: s.kind == "response_review" and setting_of(s.after) == IN_CLINIC,
    "maintenance begins": lambda s: s.after.maintenance_since is not None,
    "a hold is placed": lambda s: "hold.placed" in s.events,
    "(this|each) hold .*is released": lambda s: "hold.released" in s.events,
    "hold stays": lambda s: s.kind in HOLDS and s.after.held,
    "because of suicide risk stays": lambda s: s.events[-1] == "crisis.closed" and s.after.held_for_risk,
    "because of the report stays": lambda s: s.kind == "death" and s.verdict == "decline" and s.after.held,
    "care is held": lambda s: s.kind == "death_correction" and s.verdict == "approve" and s.after.held,
    "counts as reviewed": lambda s: s.kind in AE and approved(s, s.kind),
    "counts as not reviewed": lambda s: s.kind in AE and not approved(s, s.kind),
    "alarm about it ends": lambda s: (s.kind, s.verdict) in ALARM_ENDS and not s.asks("alarm"),
    "alarm about it goes on": lambda s: s.kind in AE and s.verdict == "decline"
    and s.asks("alarm") == any(waiting.kind == "alarm" for waiting in s.before.waiting.values()),
    "this level counts": lambda s: s.kind == "risk_level" and "suicide-risk.signed" in s.events,
    "stays open: ask the patient": lambda s: s.kind == "risk_level" and s.asks("suicide_risk"),
    "counts as reached": lambda s: "crisis.reached" in s.events and not s.asks("crisis"),
    "the alarm goes on until": lambda s: s.kind == "crisis_reached" and s.asks("crisis"),
    "open crisis is closed": lambda s: "crisis.closed" in s.events and not s.after.open_crises,
    "nothing is settled": lambda s: s.kind == "risk_decision" and bool(s.after.open_crises),
    "to who agreed to take over": lambda s: "watch.handed-over" in s.events
    or any(isinstance(each, e.CrisisClosed) and each.to for each in s.bodies),
    "tighter limits go on": lambda s: s.kind == "patient_limits" and limits(s.before) == limits(s.after),
    "limits hold from now on": lambda s: s.kind == "limit_override" and limits(s.before) != limits(s.after),
    "limits stay as they are": lambda s: s.kind == "limit_override" and limits(s.before) == limits(s.after),
    "last day counts from now on": lambda s: "permission.changed" in s.events,
    "is asked for this consent": lambda s: s.newly("consent"),
    "proposal is dropped": dropped,
    "is sought further": lambda s: s.kind == "lost_to_follow_up" and s.asks("follow_up_visit", s.subject),
    "count as one patient": lambda s: "patient.merged" in s.events,
    "stay two patients": lambda s: s.kind == "patient_merge" and not s.after.merges["merge-1"].merged,
    "count as two patients again": lambda s: "patient.unmerged" in s.events,
    "doubt is dropped": lambda s: s.kind == "patient_unmerge" and not s.after.merges["merge-1"].doubted
    and s.after.merges["merge-1"].merged,
    "counts as dead[.]": lambda s: s.after.died and not s.before.died,
    "counts as living, ": lambda s: s.kind == "death" and not s.after.died and s.after.closing is None,
    "counts as living again": lambda s: s.before.died and not s.after.died,
    "still counts as dead": lambda s: s.kind == "death_correction" and s.after.died,
}  # fmt: skip
"""What may follow, as sentences say it, and whether it did."""


def entered(s: Signed, stage: Stage) -> bool:
    return s.after.stage == stage != s.before.stage


def approved(s: Signed, kind: SignOffKind) -> bool:
    return is_approved(s.after, kind, s.subject) and not is_approved(s.before, kind, s.subject)


@cache
def _asked(kind: SignOffKind) -> Asked:
    return ASKED_FOR[kind]()


def asked_for(kind: SignOffKind, *, in_clinic: bool = False) -> Asked:
    """A journey of its own that waits for this, under a protocol with sessions in the clinic where so said."""
    play, subject = _asked(kind)
    if not in_clinic:
        return Asked(play.branch(), subject)
    play = play.changed(protocol=with_clinic(play.journey.protocol))
    play.do(c.UpdatePatient(language="en", reason="invented"), Role.COORDINATOR)
    return Asked(play, subject)


def verdicts(kind: SignOffKind) -> Iterator[tuple[Verdict, str | None, bool]]:
    """Each decision there can be, and whether the protocol has sessions in the clinic."""
    yield "decline", None, False
    for choice in SIGN_OFF_TYPES[kind].choices or (None,):
        yield "approve", choice, False
        if choice in ("in_clinic", "switch_to_in_clinic"):
            yield "approve", choice, True


def test_each_kind_is_asked_for_and_each_verdict_and_choice_has_its_sentence() -> None:
    assert {*ASKED_FOR} == {*SignOffKind}
    ends = {kind for kind, about in SIGN_OFF_TYPES.items() if about.declining == "ends"}
    assert {*DECLINED} == {*SignOffKind} - ends
    assert {*CHOSEN} == {kind for kind, about in SIGN_OFF_TYPES.items() if about.choices}
    assert {*APPROVED} == {*SignOffKind} - {*CHOSEN}
    assert {*SIGNED_FORMS} == {*c.SIGNED} - {c.Sign}
    for sentence in SAID:
        assert re.fullmatch("[A-Z][^`_]+[.]", sentence), sentence
        assert len(sentence) < 150, sentence


@pytest.mark.parametrize("kind", SignOffKind)
def test_what_is_said_to_follow_is_what_follows(kind: SignOffKind) -> None:
    """Each decision is played. Of all that may follow, exactly what its sentence names does."""
    for verdict, choice, in_clinic in verdicts(kind):
        told, made = decided(kind, verdict, choice, in_clinic=in_clinic)
        named = {fact for fact in FACTS if re.search(fact, told, re.IGNORECASE)}
        assert named, f"it says nothing that is looked at here: {told}"
        assert named == {fact for fact, holds in FACTS.items() if holds(made)}, told
    require_returned_as_said(kind)


def decided(kind: SignOffKind, verdict: Verdict, choice: str | None, *, in_clinic: bool) -> tuple[str, Signed]:
    """Sign it, by as many as it takes; what the last of them was told, and what came of it."""
    play, subject = asked_for(kind, in_clinic=in_clinic)
    before, about = play.journey, SIGN_OFF_TYPES[kind]
    refers = about.ending(before, verdict, choice) or choice == "handed_over" or kind == SignOffKind.LOST_TO_FOLLOW_UP
    signed: dict[str, Any] = {"decision": verdict, "choice": choice, "referral": "x" if refers else None}
    told = say_what_follows(before, kind, subject, verdict, choice)
    if verdict == "approve" and cosigners(before, kind):
        first, alone = told, say_what_follows(before, kind, subject, verdict)
        assert alone.startswith(BY_TWO)
        assert kinds(play.sign_once(kind, subject, **signed)) == ["signoff.signed"]
        told = say_what_follows(play.journey, kind, subject, verdict, choice)
        assert not told.startswith(BY_TWO)
        assert first.removeprefix(f"{BY_TWO} ").lower() == told.lower()
    return told, Signed(kind, subject, verdict, before, play, play.sign_once(kind, subject, **signed))


def test_every_fact_that_is_looked_at_is_said_somewhere() -> None:
    said = [*ENDINGS.values(), *SAID]
    assert [fact for fact in FACTS if not any(re.search(fact, each, re.IGNORECASE) for each in said)] == []


def require_returned_as_said(kind: SignOffKind) -> None:
    """It goes to whom the sentence names, and is asked for once they have answered."""
    play, subject = asked_for(kind)
    told, wrote = say_what_follows(play.journey, kind, subject, "return"), authors(play.journey, kind, subject)
    asked = play.request(kind, subject).id
    play.sign_once(kind, subject, decision="return")
    returned = play.waits_for("returned", asked)
    assert returned is not None
    assert returned.person == (wrote[-1] if told == TO_AUTHOR else play.journey.clinician)
    assert not play.asks_for(kind, subject)
    play.do(c.AnswerReturned(request=asked, text="x"))
    assert play.asks_for(kind, subject)


def test_where_there_is_something_to_choose_the_verdict_says_so() -> None:
    play, subject = asked_for(SignOffKind.RESPONSE_REVIEW)
    assert say_what_follows(play.journey, SignOffKind.RESPONSE_REVIEW, subject, "approve") == BY_CHOICE


def test_what_a_delegation_brings_about() -> None:
    play, kind, until = asked_for(SignOffKind.EVALUATION).play, SignOffKind.EVALUATION, timedelta(days=7)
    colleague = person("colleague", Role.ON_CALL_CLINICIAN)
    assert may_decide(play.journey, kind, None, colleague, play.at, None) is not None
    play.do(c.Delegate(to=colleague.id, sign_offs=(kind,), until=play.at + until, reason="leave"))
    for who in (colleague, PEOPLE[Role.CLINICIAN]):
        assert may_decide(play.journey, kind, None, who, play.at, None) is None
    assert may_decide(play.journey, kind, None, colleague, play.at + until, None) is not None
    play.do(c.EndDelegation(delegation="delegation-1"))
    assert may_decide(play.journey, kind, None, colleague, play.at, None) is not None
