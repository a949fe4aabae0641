"""Nobody decides on their own work, nobody passes on what was lent to them, nobody is two people. Told from the events
alone, by a ledger that asks the core nothing about who may do what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from simulation.people import PEOPLE, revision
from tests.journey.play import PROTOCOLS, Play, person, ruled, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.evidence import evidence_of, is_approved
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLINICAL, CLOCK, Actor, Role
from workflows.journey.vocabulary.refusals import Refusal

SHIPPED = PROTOCOLS["PTSD"].model_dump(mode="json")
TWO = {kind.value: {"cosigned_by": [role.value for role in CLINICAL]} for kind in SignOffKind}
FEW = {name: rule["roles"][-1:] for name, rule in SHIPPED["sign_offs"].items()}
STRICT = ruled([], **{kind: {"roles": few, "cosigned_by": few, "not_author": True} for kind, few in FEW.items()})
"""Every kind takes two people of one and the same role, neither of them the author: others need it lent."""
STAFFED = [*(PEOPLE[role] for role in CLINICAL), *(person(f"other-{role.value[:20]}", role) for role in CLINICAL)]

Matter = tuple[SignOffKind, str | None]


@dataclass
class Ledger:
    """Who wrote what, who was lent what, and who approved what since it was last asked anew."""

    wrote: dict[Matter, str] = field(default_factory=dict)
    lent: dict[str, e.Event] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)
    approvals: dict[Matter, list[e.Event]] = field(default_factory=dict)

    def read(self, event: e.Event) -> None:
        """Take one event in, after holding it against what is in the book."""
        body = event.body.correction if isinstance(event.body, e.FactAmended) else event.body
        by = event.actor_id
        match body:
            case e.EvaluationRecorded():
                self.wrote[SignOffKind.EVALUATION, None] = by
            case e.ScreeningRecorded():
                self.wrote[SignOffKind.EXCLUSION_REVIEW, None] = by
                self.wrote[SignOffKind.ELIGIBILITY, None] = by
            case e.PlanRecorded():
                self.wrote[SignOffKind.PLAN, None] = by
            case e.DischargeProposed():
                self.wrote[SignOffKind.DISCHARGE, None] = by
            case e.SessionChecked():
                self.wrote[SignOffKind.CLEARANCE, str(body.session)] = by
                self.wrote[SignOffKind.ATTESTATION, str(body.session)] = by
            case e.AdverseEventReported():
                self.wrote[SignOffKind.ADVERSE_EVENT, body.adverse_event] = by
                self.wrote[SignOffKind.SERIOUS_ADVERSE_EVENT, body.adverse_event] = by
            case e.HoldPlaced() if body.cause == "placed_by_hand":
                self.wrote[SignOffKind.HOLD_RELEASE, body.hold] = by
            case e.Delegated():
                for kind in body.sign_offs:
                    assert event.actor_role in STRICT.sign_offs[kind].roles, "lent what was not theirs to lend"
                self.lent[body.delegation] = event
                self.ended[body.delegation] = body.until
            case e.DelegationEnded():
                self.ended[body.delegation] = event.at
            case e.SignOffWithdrawn():
                self.approvals[body.sign_off, body.subject] = []
            case e.SignedOff():
                self._signed(event, body)
            case e.HoldReleased():
                matters = [m for m in self.approvals if m[1] == body.hold]
                assert any(len(self._people(matter)) > 1 for matter in matters), "released by one person"

    def _signed(self, event: e.Event, body: e.SignedOff) -> None:
        matter = (body.sign_off, body.subject)
        assert self.wrote.get(matter) != event.actor_id, "decided on their own work"
        rule = STRICT.sign_offs[body.sign_off]
        second = body.decision == "approve" and not body.first_of_two
        rights = self._rights(event, body.sign_off, rule.cosigned_by if second else (*rule.roles, *rule.cosigned_by))
        assert rights, "decided without a right of their own or one lent by somebody who had it"
        if body.decision != "approve":
            self.approvals[matter] = []
            return
        known = self.approvals.setdefault(matter, [])
        if second:
            assert known[-1].actor_id != event.actor_id, "signed twice"
            both = rights | self._rights(known[-1], body.sign_off, rule.roles)
            assert len(both) > 1, "two signatures on one person's right"
        known.append(event)

    def _rights(self, event: e.Event, kind: SignOffKind, roles: tuple[Role, ...]) -> set[str]:
        """Whose right somebody used: their own, or that of who lent it to them and had it by their own role."""
        own = {event.actor_id} if event.actor_role in roles else set()
        for name, given_ in self.lent.items():
            body = given_.body
            assert isinstance(body, e.Delegated)
            mine = body.to == event.actor_id and kind in body.sign_offs and event.at < self.ended[name]
            if mine and given_.actor_role in roles:
                own.add(given_.actor_id)
        return own

    def _people(self, matter: Matter) -> set[str]:
        return {event.actor_id for event in self.approvals.get(matter, [])[-2:]}

    def check(self, play: Play) -> None:
        """What counts as approved was approved by two people on what there is now, neither of them its author."""
        for matter, signed in self.approvals.items():
            if not is_approved(play.journey, *matter):
                continue
            people = self._people(matter)
            assert len(people) == 2, f"{matter} counts with {len(people)}"
            first = signed[-2].body
            assert isinstance(first, e.SignedOff)
            assert first.evidence == evidence_of(play.journey, *matter)
            # The book knows one author of the whole screening; whoever adds a factor did not answer the exclusions.
            if matter[0] != SignOffKind.EXCLUSION_REVIEW:
                assert self.wrote.get(matter) not in people


def ledger(events: Iterable[e.Event]) -> Ledger:
    """The book as these events leave it. What came before the strict protocol is taken as it was."""
    book = Ledger()
    for event in events:
        if not isinstance(event.body, e.SignedOff | e.HoldReleased):
            book.read(event)
    return book


@cache
def standing_at(kind: SignOffKind) -> Play:
    """A journey where this is asked for, of two people."""
    play = started(protocol=ruled(**TWO))
    if kind == SignOffKind.EXCLUSION_REVIEW:
        play = standing_at(SignOffKind.ELIGIBILITY)
        play = Play(play.journey, play.at, list(play.events), receipts=dict(play.receipts))
        play.do(exclusions(play, "yes"))
    elif kind == SignOffKind.SEVERE_HOLD_RELEASE:
        play.do(event(play, 3), Role.SESSION_MONITOR)
    else:
        play.go_on(lambda journey: any(w.sign_off == kind for w in journey.waiting.values()))
    return play


def exclusions(play: Play, answer: str) -> c.RecordScreening:
    codes = [x.code for x in play.journey.protocol.exclusions if x.rule == "review"]
    given_ = c.ScreeningAnswer.model_validate({"answer": answer, "note": f"after {play.journey.version} (invented)"})
    return c.RecordScreening(exclusions={codes[0]: given_})


def event(play: Play, grade: int) -> c.ReportAdverseEvent:
    return c.ReportAdverseEvent(what="invented", grade=grade, serious=False, onset=play.at)


MOMENTS = (
    SignOffKind.EVALUATION, SignOffKind.EXCLUSION_REVIEW, SignOffKind.ELIGIBILITY, SignOffKind.PLAN,
    SignOffKind.CLEARANCE, SignOffKind.RESPONSE_REVIEW, SignOffKind.SEVERE_HOLD_RELEASE, SignOffKind.DISCHARGE,
)  # fmt: skip


def pick(data: st.DataObject, options: Sequence[Any]) -> Any:
    """One of these, by its number: a strategy would carry whole journeys in its name."""
    return options[data.draw(st.integers(0, len(options) - 1))]


def draw(data: st.DataObject, play: Play) -> tuple[c.CommandBody, Actor]:
    """Something about signing that one of six clinicians tries."""
    journey = play.journey
    asked = [w for w in journey.waiting.values() if w.sign_off is not None]
    able = [by for by in STAFFED for w in asked if w.sign_off and by.role.value in FEW[w.sign_off.value]]
    by = pick(data, [*STAFFED, *able * 3])
    what = pick(data, [*["sign"] * 6, *["lend"] * 3, "end", "withdraw", "answer", "write", "write", "tick"])
    if what == "sign" and asked:
        request = pick(data, asked)
        assert request.sign_off is not None
        decision = pick(data, ["approve"] * 6 + ["return", "decline"])
        choices = journey.protocol.sign_offs[request.sign_off].choices if decision == "approve" else ()
        choice = pick(data, choices[:2]) if choices else None
        signed = {"decision": decision, "choice": choice, "referral": "x"}
        return play.signature(request.sign_off, request.subject, **signed), by
    if what == "lend":
        to = pick(data, [each.id for each in STAFFED])
        now = [w.sign_off for w in asked if w.sign_off]
        sign_offs = tuple(data.draw(st.lists(st.sampled_from(now or list(SignOffKind)), min_size=1, max_size=2)))
        until = play.at + timedelta(hours=pick(data, [1, 48]))
        return c.Delegate(to=to, sign_offs=sign_offs, until=until, reason="x"), by
    if what == "end" and journey.delegations:
        return c.EndDelegation(delegation=pick(data, list(journey.delegations))), by
    if what == "withdraw" and journey.sign_offs:
        last = pick(data, journey.sign_offs[-2:])
        its = [each for each in STAFFED if each.id == last.by]
        return c.WithdrawSignOff(request=last.request, reason="x"), pick(data, [*its, by])
    if what == "answer" and journey.sign_offs:
        return c.AnswerReturned(request=journey.sign_offs[-1].request, text=f"at {journey.version}"), by
    if what == "write":
        written: list[c.CommandBody] = [
            exclusions(play, pick(data, ["yes", "no"])),
            c.PlaceHold(reason="x"),
            event(play, pick(data, [1, 2, 3])),
            c.RecordEvaluation(sections={"overall_needs": f"as of {journey.version} (invented)"}),
            c.ProposeDischarge(summary="x", ongoing_support="x"),
            c.Cover(by=by.id, until=play.at + timedelta(hours=1), reason="x"),
        ]
        evaluated = [v for v, fact in journey.facts.items() if fact.kind == "evaluation.recorded"]
        if evaluated:
            exception = c.RecordEvaluation(treatment_exception="x")
            written.append(c.Amend(version=evaluated[0], reason="x", correction=exception))
        if journey.plan is not None:
            written.append(revision(journey, journey.plan))
        return pick(data, written), by
    return c.PassDeadline(), CLOCK


@given(st.data(), st.sampled_from(MOMENTS))
def test_whatever_is_tried_it_takes_two_people_and_neither_is_the_author(
    data: st.DataObject, kind: SignOffKind
) -> None:
    here = standing_at(kind)
    play = Play(here.journey.model_copy(update={"protocol": STRICT, "sign_offs": ()}), here.at)
    book = ledger(here.events)
    for _ in range(data.draw(st.integers(1, 25))):
        play.at += timedelta(minutes=data.draw(st.sampled_from([0, 0, 1, 59, 60, 60 * 47])))
        body, by = draw(data, play)
        answer = play.take(play.command(body, by))
        note(f"{play.at} {by.id} {body}: {answer if isinstance(answer, Refusal) else 'ok'}")
        if isinstance(answer, Refusal):
            continue
        for happened in answer:
            book.read(happened)
        book.check(play)


def test_the_ledger_sees_what_it_should() -> None:
    """Two people who may, one after the other: the ordinary way through is open under the strict protocol."""
    play = standing_at(SignOffKind.PLAN)
    play = Play(play.journey.model_copy(update={"protocol": STRICT}), play.at, list(play.events))
    book, already = ledger(play.events), len(play.events)
    play.sign_once(SignOffKind.PLAN, by=STAFFED[2])
    play.sign_once(SignOffKind.PLAN, by=STAFFED[5])
    for happened in play.events[already:]:
        book.read(happened)
    book.check(play)
    assert is_approved(play.journey, SignOffKind.PLAN)
    assert [signed.actor_role for signed in book.approvals[SignOffKind.PLAN, None]] == [Role.MEDICAL_DIRECTOR] * 2
