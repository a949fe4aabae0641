"""What is shown of a journey, in words: the same for every way in."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from application.identity.staff import Roster
from application.words.codes import say
from application.words.quantities import format_time_left
from application.words.viewer import spell_with_place
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import name_holds
from workflows.journey.commands import (
    Command,
    DoubtDeath,
    RecordDeath,
    ReportAdverseEvent,
    ReportCrisis,
    RequestSupport,
)
from workflows.journey.obligation_types import EDUCATION, EVALUATION
from workflows.journey.obligations import most_urgent
from workflows.journey.requirements import Obligation
from workflows.journey.stages.education.rules import find_not_understood, find_untaught
from workflows.journey.stages.evaluation.rules import find_missing
from workflows.journey.views.summary import count_others, describe_wait
from workflows.journey.vocabulary.severity import Severity

SENTENCES = 20
"""How much of what is awaited is shown, the most urgent first, before the rest is counted."""
UNREADABLE = "what it says cannot be read; tell ops: `record verify`"
"""What is shown in place of an event's content that cannot be decrypted or understood."""


def describe_stage(journey: Journey) -> str:
    """Say at which stage a journey stands, or how it was closed."""
    return say(journey.stage.value) if journey.outcome is None else f"closed: {say(journey.outcome.value)}"


def describe_obligations(journey: Journey, at: datetime) -> Iterator[str]:
    """Yield a sentence for each obligation, and why nothing or no progress is awaited."""
    if journey.outcome is not None:
        yield f"Nothing is awaited: the pathway is closed ({say(journey.outcome.value)})."
        return
    if journey.held:
        holds = name_holds(journey)
        yield f"Care is held: {holds}. Nothing progresses until a clinician signs its release; safety goes on."
    if journey.closing is not None:
        yield f"The pathway is ending ({say(journey.closing.outcome.value)}) and closes once safety is settled."
    for waiting in most_urgent(journey, SENTENCES):
        yield describe_obligation(waiting, journey, at)
    yield from (f"{more}." for more in count_others(journey, SENTENCES))


def describe_obligation(waiting: Obligation, journey: Journey, at: datetime) -> str:
    """Describe an obligation: what, of whom, since, due for patient and viewer, and what comes next."""
    said, due = describe_wait(waiting, journey), waiting.deadline
    return f"{said[:-1]}. For you it is due {spell_with_place(due)}, {format_time_left(due, at)}."


def describe_lacking(waiting: Obligation, journey: Journey) -> tuple[str, ...]:
    """Say what an obligation of several parts still lacks, part by part; nothing for one that is done at once."""
    if waiting.kind == EVALUATION.kind:
        return tuple(map(say, find_missing(journey)))
    if waiting.kind == EDUCATION.kind:
        return (
            *(f"{say(topic)} explained" for topic in find_untaught(journey)),
            *(f"{say(topic)} understood" for topic in find_not_understood(journey)),
        )
    return ()


ROTA_UNKNOWN: Final = "Who is on call is not known: the register is missing, or cannot be believed. Tell ops at once."


def roster_lines(roster: Roster, called: Callable[[str], str] = str) -> Iterator[str]:
    """Yield a roster in words. ``called`` gives what somebody is called for their id."""
    people = [*map(called, roster.now.people)]
    stands_in = f"; {', '.join(people[1:])} stands in" if len(people) > 1 else ""
    who = f"{people[0]}{stands_in}" if people else "nobody: the clinic has no clinician"
    clinic = called(roster.clinic)
    yield f"On call for {clinic}: {who}{' (the rota has nobody)' if roster.now.gap else ''}."
    for begins, ends in roster.gaps:
        yield f"DUE: nobody is on call for {clinic} from {spell_with_place(begins)} to {spell_with_place(ends)}."


def route_of(journey: Journey, command: Command) -> str | None:
    """Return whom to reach and how, for whoever asks for help: the task is made, and they need not wait for it."""
    match command.body:
        case RequestSupport():
            return journey.protocol.contact_routes[Severity(command.body.urgency)]
        case ReportCrisis() | RecordDeath() | DoubtDeath():
            return journey.protocol.contact_routes[Severity.EMERGENCY]
        case ReportAdverseEvent():
            return journey.protocol.contact_routes[Severity.URGENT]
    return None
