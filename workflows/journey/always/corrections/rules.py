"""Corrections of recorded facts: new events, never edits, with the reason and the version they correct."""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.refusals import RefusalCode, refuse
from workflows.journey.stage import Stage
from workflows.journey.stages.evaluation import rules as evaluation
from workflows.journey.stages.follow_up import rules as follow_up
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.sessions import checklist, dosing, observing


def amend(journey: Journey, command: c.Amend, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Correct a fact, by the same rules as when it was recorded. The time at which it happened stays.

    The earlier record stays beside it with its reason (45 CFR 164.312(c), integrity; 21 CFR 11.10(e), changes do not
    obscure what was recorded before).
    """
    if command.version > journey.version:
        refuse(RefusalCode.UNKNOWN, "the journey has no such version yet", "See `pathway timeline`", "version")
    fact = command.correction
    corrected: e.EventBody
    match fact:
        case c.RecordEvaluation():
            [corrected] = evaluation.record_evaluation(journey, fact, by, at)
        case c.RecordInstrument():
            corrected = evaluation.corrected_instrument(journey, fact, command.version)
        case c.RecordScreening():
            [corrected] = screening.record_screening(journey, fact, by, at)
        case c.CheckSession():
            _require_session(journey, fact.session, "check")
            checklist.require_whole(journey, fact)
            corrected = checklist.checked(journey, fact, at)
        case c.RecordDose():
            corrected = dosing.corrected_dose(journey, fact, command.version, by, at)
        case c.Observe():
            _require_session(journey, fact.session, "dosed_at")
            observing.require_seen(journey, fact, at)
            corrected = observing.observed(journey, fact, at)
        case _:
            contact = journey.contacts.get(fact.visit)
            if contact is None or contact.done_at is None:
                refuse(RefusalCode.UNKNOWN, "no such visit is recorded", "Record it first", "correction.visit")
            corrected = follow_up.visited(fact, late=contact.late)
    if journey.stage == Stage.EVALUATION and isinstance(fact, c.RecordScreening):
        refuse(RefusalCode.WRONG_STAGE, "there is no screening to correct yet", "Record it in its stage", "correction")
    yield e.FactAmended.model_validate({"version": command.version, "reason": command.reason, "correction": corrected})


def _require_session(journey: Journey, number: int, recorded: str) -> None:
    session = journey.sessions.get(number)
    if session is None or getattr(session, recorded) is None:
        refuse(
            RefusalCode.UNKNOWN, "nothing of this kind is recorded for this session", "Record it first", "correction"
        )


DECISIONS: Decisions = {
    c.Amend: amend,
}
