"""The rules of all stages put together: how commands are decided, and what follows from events."""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reaction
from workflows.journey.always.access import rules as access
from workflows.journey.always.adverse_events import rules as adverse_events
from workflows.journey.always.care_team import rules as care_team
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
from workflows.journey.always.reports import rules as reports
from workflows.journey.always.safety import rules as safety
from workflows.journey.always.sign_offs import rules as sign_offs
from workflows.journey.always.supply import rules as supply
from workflows.journey.always.therapy import rules as therapy
from workflows.journey.needs import needs
from workflows.journey.stages.education import planning
from workflows.journey.stages.education import rules as education
from workflows.journey.stages.evaluation import rules as evaluation
from workflows.journey.stages.follow_up import rules as follow_up
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.sessions import checklist, dose_gate, dosing, ending, observing, readiness, staffing
from workflows.journey.stages.sessions import rules as sessions

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
    **ending.DECISIONS,
    **follow_up.DECISIONS,
    **medicines.DECISIONS,
    **supply.DECISIONS,
    **pregnancy.DECISIONS,
    **therapy.DECISIONS,
    **permissions.DECISIONS,
    **particulars.DECISIONS,
    **safety.DECISIONS,
    **reports.DECISIONS,
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
    **care_team.DECISIONS,
    **clock.DECISIONS,
}
_REACTING = (
    screening.REACTIONS,
    education.REACTIONS,
    sessions.REACTIONS,
    checklist.REACTIONS,
    dosing.REACTIONS,
    observing.REACTIONS,
    ending.REACTIONS,
    readiness.REACTIONS,
    staffing.REACTIONS,
    follow_up.REACTIONS,
    medicines.REACTIONS,
    supply.REACTIONS,
    pregnancy.REACTIONS,
    therapy.REACTIONS,
    permissions.REACTIONS,
    particulars.REACTIONS,
    safety.REACTIONS,
    reports.REACTIONS,
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
ADVANCES = (evaluation.advance, screening.advance, education.advance, sessions.advance)


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Return the step to the next stage, or the closing of the pathway, once nothing prevents it."""
    yield from care_team.advance(journey, at)
    yield from pathway.advance(journey, at)
    if journey.closing is None:
        yield from screening.reopen(journey, at)
    yield from readiness.advance(journey, at)
    if journey.closing is not None:
        if not journey.closed and not any(True for _ in needs(journey)):
            yield e.PathwayClosed(outcome=journey.closing.outcome)
    elif not journey.held and not journey.unconfirmed:
        for stage in ADVANCES:
            yield from stage(journey, at)
