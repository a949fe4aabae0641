"""What is awaited, and the clock: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.always.holds.model import HoldsState
from workflows.journey.always.pathway.model import PathwayClosed
from workflows.journey.entries import Entries, as_entries
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.protocol import Action
from workflows.journey.requirements import Acknowledgement, Closed, Obligation, Paused
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Identifier, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage


class PassDeadline(CommandBody):
    """The clock: the earliest deadline has come."""

    kind: Literal["clock.pass-deadline"] = "clock.pass-deadline"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS


class AcknowledgeAlarm(CommandBody):
    """Take an alarm: you say what you do about it, and its repetitions stop. A slower escalation goes on until it is
    done."""

    kind: Literal["escalation.acknowledge"] = "escalation.acknowledge"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    obligation: Identifier
    doing: Text


class ObligationsUpdated(EventBody):
    """What is awaited from now on, and what no longer is. ``more``: further changes are left for the next command."""

    kind: Literal["obligations.updated"] = "obligations.updated"
    opened: tuple[Obligation, ...]
    closed: tuple[Closed, ...]
    more: bool = False


class ObligationEscalated(EventBody):
    """A step of an escalation policy was taken. It decides nothing about care beyond, where so written, holding it.

    ``repetition`` counts the repetitions of a last step. Numbers are left out where nothing could be taken in time.
    """

    kind: Literal["obligation.escalated"] = "obligation.escalated"
    obligation: Identifier
    step: int
    due: Instant
    action: Action
    to: Role
    hold: bool
    alarm: bool
    repetition: int = 0


class ObligationAcknowledged(EventBody):
    """Somebody took an alarm and said what they do. ``steps`` (UTC) are those that follow while it is not done."""

    kind: Literal["obligation.acknowledged"] = "obligation.acknowledged"
    obligation: Identifier
    doing: Text
    steps: tuple[Instant, ...]
    repeat_minutes: int


class ClockState(HoldsState):
    """What is awaited now, by its id, and the clocks that stand still while care is held, by what they are about.

    ``behind``: since when (UTC) changes of what is awaited are left for the next command; None where there are none.
    """

    waiting: Entries[Identifier, Obligation] = Entries()
    paused: Entries[Identifier, Paused] = Entries()
    behind: Instant | None = None


def _updated(state: ClockState, body: ObligationsUpdated, event: EventHeader) -> Changes:
    waiting, paused = as_entries(state.waiting), as_entries(state.paused)
    held = [waiting[ended.id] for ended in body.closed if ended.because == "held" and ended.id in waiting]
    paused = paused.put({was.key: Paused(obligation=was, at=event.at) for was in held})
    # The release of the last hold always changes what is awaited, and every clock goes on with it.
    go_on = state.held or body.more
    return {
        "waiting": waiting.without(ended.id for ended in body.closed).put({each.id: each for each in body.opened}),
        "paused": paused.without(opened.key for opened in body.opened) if go_on else Entries(),
        "behind": event.at if body.more else None,
    }


def _escalated(state: ClockState, body: ObligationEscalated, event: EventHeader) -> Changes:
    return change_entry(state, "waiting", body.obligation, taken=body.step + 1, repeated=body.repetition)


def _acknowledged(state: ClockState, body: ObligationAcknowledged, event: EventHeader) -> Changes:
    waiting = state.waiting.get(body.obligation)
    if waiting is None:
        return {}
    before = waiting.taken if waiting.acknowledged is None else waiting.acknowledged.taken
    taken_by = Acknowledgement(by=event.actor_id, at=event.at, doing=body.doing, taken=before)
    if waiting.acknowledged is not None:
        return change_entry(state, "waiting", body.obligation, acknowledged=taken_by)
    return change_entry(
        state,
        "waiting",
        body.obligation,
        acknowledged=taken_by,
        steps=body.steps,
        taken=0,
        repeat_minutes=body.repeat_minutes,
        repeated=0,
    )


def _closed(state: ClockState, body: PathwayClosed, event: EventHeader) -> Changes:
    return {"waiting": Entries()}


EVOLUTIONS: Evolutions = {
    ObligationsUpdated: _updated,
    ObligationEscalated: _escalated,
    ObligationAcknowledged: _acknowledged,
    PathwayClosed: _closed,
}
