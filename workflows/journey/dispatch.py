"""The rules of all stages put together: how commands are decided, what follows from events, what is needed now."""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reaction
from workflows.journey.always.access import rules as access
from workflows.journey.always.adverse_events import rules as adverse_events
from workflows.journey.always.clock import rules as clock
from workflows.journey.always.corrections import rules as corrections
from workflows.journey.always.death import rules as death
from workflows.journey.always.dose_limits import rules as dose_limits
from workflows.journey.always.handover import rules as handover
from workflows.journey.always.holds import rules as holds
from workflows.journey.always.medicines import rules as medicines
from workflows.journey.always.observations import rules as observations
from workflows.journey.always.particulars import rules as particulars
from workflows.journey.always.pathway import rules as pathway
from workflows.journey.always.patient import rules as patient
from workflows.journey.always.permissions import rules as permissions
from workflows.journey.always.pregnancy import rules as pregnancy
from workflows.journey.always.safety import rules as safety
from workflows.journey.always.sign_offs import rules as sign_offs
from workflows.journey.always.supply import rules as supply
from workflows.journey.always.therapy import rules as therapy
from workflows.journey.obligation_types import OBLIGATION_TYPES, RETURNED, Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.stages.education import planning
from workflows.journey.stages.education import rules as education
from workflows.journey.stages.evaluation import rules as evaluation
from workflows.journey.stages.follow_up import rules as follow_up
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.sessions import checklist, dose_gate, dosing, observing
from workflows.journey.stages.sessions import rules as sessions
from workflows.journey.watch import is_owed_after_dose

DECISIONS: Decisions = {
    **evaluation.DECISIONS,
    **screening.DECISIONS,
    **education.DECISIONS,
    **planning.DECISIONS,
    **sessions.DECISIONS,
    **checklist.DECISIONS,
    **dose_gate.DECISIONS,
    **dosing.DECISIONS,
    **observing.DECISIONS,
    **follow_up.DECISIONS,
    **medicines.DECISIONS,
    **supply.DECISIONS,
    **pregnancy.DECISIONS,
    **therapy.DECISIONS,
    **permissions.DECISIONS,
    **particulars.DECISIONS,
    **safety.DECISIONS,
    **death.DECISIONS,
    **observations.DECISIONS,
    **handover.DECISIONS,
    **adverse_events.DECISIONS,
    **holds.DECISIONS,
    **access.DECISIONS,
    **pathway.DECISIONS,
    **patient.DECISIONS,
    **sign_offs.DECISIONS,
    **corrections.DECISIONS,
    **dose_limits.DECISIONS,
    **clock.DECISIONS,
}
_REACTING = (
    screening.REACTIONS,
    education.REACTIONS,
    sessions.REACTIONS,
    checklist.REACTIONS,
    dosing.REACTIONS,
    observing.REACTIONS,
    follow_up.REACTIONS,
    medicines.REACTIONS,
    supply.REACTIONS,
    pregnancy.REACTIONS,
    therapy.REACTIONS,
    permissions.REACTIONS,
    particulars.REACTIONS,
    safety.REACTIONS,
    death.REACTIONS,
    observations.REACTIONS,
    adverse_events.REACTIONS,
    holds.REACTIONS,
    pathway.REACTIONS,
    patient.REACTIONS,
    sign_offs.REACTIONS,
)
REACTIONS: dict[type[e.EventBody], tuple[Reaction, ...]] = {
    kind: tuple(rules[kind] for rules in _REACTING if kind in rules)
    for kind in dict.fromkeys(kind for rules in _REACTING for kind in rules)
}
"""What follows from an event by rule. Each rule is asked with the state after what the one before it brought about."""
NEEDS = (
    evaluation.needs,
    screening.needs,
    education.needs,
    sessions.needs,
    follow_up.needs,
    medicines.needs,
    supply.needs,
    pregnancy.needs,
    permissions.needs,
    particulars.needs,
    safety.needs,
    death.needs,
    observations.needs,
    handover.needs,
    adverse_events.needs,
    holds.needs,
    patient.needs,
    access.needs,
    corrections.needs,
    dose_limits.needs,
)
ADVANCES = (evaluation.advance, screening.advance, education.advance, sessions.advance)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Return everything the journey waits for now."""
    for stage in NEEDS:
        for need in stage(journey):
            if journey.closing is None or outlasts(journey, need) >= _ended(journey):
                yield need


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Return the step to the next stage, or the closing of the pathway, once nothing prevents it."""
    yield from pathway.advance(journey, at)
    if journey.closing is None:
        yield from screening.reopen(journey, at)
    if journey.closing is not None:
        if not journey.closed and not any(True for _ in needs(journey)):
            yield e.PathwayClosed(outcome=journey.closing.outcome)
    elif not journey.held and not journey.unconfirmed:
        for stage in ADVANCES:
            yield from stage(journey, at)


def _ended(journey: Journey) -> Outlasts:
    """Return how far an ending pathway has ended. What outlasts that is still awaited, after it is closed as well: a
    journey closes once nothing of it is left, so that whatever is awaited then was brought by a later fact."""
    return Outlasts.DEATH if journey.died else Outlasts.ENDING


def outlasts(journey: Journey, need: Requirement) -> Outlasts:
    """Return how far something is still awaited once the pathway ends. A returned request goes as far as the request;
    contacts after a dose go on as long as the protocol says that they are owed."""
    if need.subject in journey.contacts and is_owed_after_dose(journey, journey.contacts[need.subject]):
        return Outlasts.ENDING
    if need.kind == RETURNED.kind and need.subject:
        return SIGN_OFF_TYPES[SignOffKind(need.subject.partition(":")[0])].outlasts
    return SIGN_OFF_TYPES[need.sign_off].outlasts if need.sign_off else OBLIGATION_TYPES[need.kind].outlasts
