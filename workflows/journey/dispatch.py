"""The stages: how each command is decided, what follows from each event, and what is needed now.

Four tables, each read top to bottom: `DECISIONS` (one function per command), `REACTIONS` (what an event
brings about by rule; a rule may hold, route or schedule, and never approves), `NEEDS` and `ADVANCES`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey
from workflows.journey.always import access, pathway, safety, sign_offs
from workflows.journey.always.clock import pass_deadline
from workflows.journey.always.corrections import amend
from workflows.journey.obligation_types import OBLIGATION_TYPES, RETURNED, Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.stages import dose_gate, dosing, education, evaluation, follow_up, screening, sessions

Decision = Callable[[Journey, Any, Actor, datetime], Iterable[e.EventBody]]
Reaction = Callable[[Journey, Any, datetime], Iterable[e.EventBody]]

DECISIONS: Mapping[type[c.CommandBody], Decision] = {
    c.StartPathway: pathway.started_already,
    c.RecordEvaluation: evaluation.record_evaluation,
    c.RecordInstrument: evaluation.record_instrument,
    c.RecordScreening: screening.record_screening,
    c.RecordPlan: education.record_plan,
    c.ExplainTopics: education.explain,
    c.Acknowledge: education.acknowledge,
    c.AskQuestion: education.ask,
    c.AnswerQuestion: education.answer,
    c.GiveConsent: education.consent,
    c.WithdrawConsent: education.withdraw_consent,
    c.ScheduleSession: sessions.schedule,
    c.CancelSession: sessions.cancel,
    c.Instruct: sessions.instruct,
    c.CheckSession: sessions.check,
    c.ReleaseSession: dose_gate.release,
    c.RecordDose: dosing.record_dose,
    c.Observe: dosing.observe,
    c.EndSession: dosing.end,
    c.CompleteCheckIn: follow_up.complete_check_in,
    c.RecordVisit: follow_up.record_visit,
    c.ReportAdverseEvent: safety.report,
    c.PlaceHold: safety.place_hold,
    c.RecordCrisisContact: safety.record_crisis_contact,
    c.RequestSupport: safety.request_support,
    c.AnswerSupport: safety.answer_support,
    c.HandleMessage: safety.handle_message,
    c.Reassign: pathway.reassign,
    c.Cover: pathway.cover,
    c.Move: pathway.move,
    c.Withdraw: pathway.withdraw,
    c.Transfer: pathway.transfer,
    c.StopForSafety: pathway.stop,
    c.RecordDeath: pathway.record_death,
    c.ProposeDischarge: follow_up.propose_discharge,
    c.Amend: amend,
    c.Sign: sign_offs.sign,
    c.WithdrawSignOff: sign_offs.withdraw,
    c.AddAddendum: sign_offs.add_addendum,
    c.Delegate: sign_offs.delegate,
    c.EndDelegation: sign_offs.end_delegation,
    c.AnswerReturned: sign_offs.answer_returned,
    c.BreakGlass: access.break_glass,
    c.ReviewAccess: access.review,
    c.PassDeadline: pass_deadline,
    c.KeepUnreadable: safety.keep_message,
}

REACTIONS: Mapping[type[e.EventBody], tuple[Reaction, ...]] = {
    e.InstrumentRecorded: (screening.react_instrument, follow_up.react_measure),
    e.ScreeningRecorded: (screening.react_screening,),
    e.ConsentWithdrawn: (education.react_consent_withdrawn,),
    e.DoseRecorded: (dosing.react_dose,),
    e.SessionObserved: (dosing.react_observation,),
    e.CheckInCompleted: (follow_up.react_check_in,),
    e.VisitRecorded: (follow_up.react_visit,),
    e.AdverseEventReported: (safety.react_adverse_event,),
    e.MessageKept: (safety.react_message,),
    e.SignedOff: (sign_offs.react_signed,),
    e.StageEntered: (sessions.react_stage, follow_up.react_stage),
    e.PathwayEnding: (pathway.react_ending,),
    e.ObligationEscalated: (safety.react_escalation,),
}

NEEDS = (
    evaluation.needs,
    screening.needs,
    education.needs,
    sessions.needs,
    follow_up.needs,
    safety.needs,
    access.needs,
)
ADVANCES = (evaluation.advance, screening.advance, education.advance, sessions.advance)


def react(journey: Journey, body: e.EventBody, at: datetime) -> Iterator[e.EventBody]:
    """What follows from an event by rule, given the state after it."""
    if isinstance(body, e.FactAmended):
        body = body.correction
    for reaction in REACTIONS.get(type(body), ()):
        yield from reaction(journey, body, at)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Everything the journey waits for now."""
    for stage in NEEDS:
        for need in stage(journey):
            if journey.closing is None or outlasts(need) >= _ended(journey):
                yield need


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """The step to the next stage, or the closing of the pathway, once nothing stands before it."""
    yield from pathway.advance(journey, at)
    if journey.closing is not None:
        if not journey.closed and not any(True for _ in needs(journey)):
            yield e.PathwayClosed(outcome=journey.closing.outcome)
    elif not journey.held:
        for stage in ADVANCES:
            yield from stage(journey, at)


def _ended(journey: Journey) -> Outlasts:
    """How far a pathway that ends has come to its end: what outlasts that is still awaited."""
    if journey.closed:
        return Outlasts.CLOSING
    return Outlasts.DEATH if journey.died else Outlasts.ENDING


def outlasts(need: Requirement) -> Outlasts:
    """How far something is still awaited once the pathway ends. A request that was returned, as far as the request."""
    if need.kind == RETURNED.kind and need.subject:
        return SIGN_OFF_TYPES[SignOffKind(need.subject.partition(":")[0])].outlasts
    return SIGN_OFF_TYPES[need.sign_off].outlasts if need.sign_off else OBLIGATION_TYPES[need.kind].outlasts
