"""Why an event is in a journey: who asked for what, and which rule made what follows from it.

It applies the rules again to the state of that moment, and finds the one that gives this event.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team import rules as care_team
from workflows.journey.always.pathway import rules as pathway
from workflows.journey.dispatch import ADVANCES, REACTIONS
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.sessions import readiness
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import ImmutableModel, Short


class Provenance(ImmutableModel):
    """One event and the rule that made it. ``rule`` is the function that gave it, as ``stage.function``."""

    version: int
    kind: Short
    rule: Short


class Explanation(ImmutableModel):
    """Why an event was recorded. ``chain`` begins with what was asked for and ends with the event itself."""

    version: int
    kind: Short
    at: datetime
    actor_id: str
    actor_role: Role
    command_id: str
    chain: tuple[Provenance, ...]


def explain(events: Sequence[e.Event], version: int) -> Explanation:
    """Explain why the event of this version was recorded, from a journey's events, the oldest first.

    Raises:
        ValueError: the journey has no such version.
    """
    by_id: dict[UUID | None, e.Event] = {event.event_id: event for event in events}
    event = next((event for event in events if event.version == version), None)
    if event is None:
        raise ValueError("the journey has no such version")
    chain: list[e.Event] = [event]
    while (cause := chain[0].causation_id) is not None and cause in by_id:
        chain.insert(0, by_id[cause])
    return Explanation(
        version=version,
        kind=kind_of(event.body),
        at=event.at,
        actor_id=event.actor_id,
        actor_role=event.actor_role,
        command_id=str(event.command_id),
        chain=tuple(
            Provenance(version=each.version, kind=kind_of(each.body), rule=rule_of(events, each, by_id))
            for each in chain
        ),
    )


def rule_of(events: Sequence[e.Event], event: e.Event, by_id: dict[UUID | None, e.Event]) -> str:
    """Return the rule that made an event: a decision, what follows from another event, or what is awaited since."""
    cause = by_id.get(event.causation_id)
    if isinstance(event.body, e.ObligationsUpdated):
        return "obligations.reconcile"
    if cause is None:
        return "what was asked for"
    before = fold([known for known in events if known.version < event.version])
    after_cause = fold([known for known in events if known.version <= cause.version])
    for rule, bodies in _candidates(before, after_cause, cause.body, event.at):
        if event.body in bodies:
            return rule
    return "what was asked for"


def _candidates(
    before: Journey, after_cause: Journey, cause: e.EventBody, at: datetime
) -> Iterator[tuple[str, list[e.EventBody]]]:
    told = cause.correction if isinstance(cause, e.FactAmended) else cause
    for reaction in REACTIONS.get(type(told), ()):
        yield rule_name(reaction), list(reaction(after_cause, told, at))
    for step in (care_team.advance, pathway.advance, screening.reopen, readiness.advance, *ADVANCES):
        yield rule_name(step), list(step(before, at))
    if before.closing is not None:
        yield "pathway.advance", [e.PathwayClosed(outcome=before.closing.outcome)]


def kind_of(body: e.EventBody) -> str:
    """The kind of an event."""
    return str(getattr(body, "kind", ""))


def rule_name(rule: object) -> str:
    """Return what a rule is called here: its module and its function."""
    module = getattr(rule, "__module__", "").removesuffix(".rules").rpartition(".")[2]
    return f"{module}.{getattr(rule, '__name__', '')}"
