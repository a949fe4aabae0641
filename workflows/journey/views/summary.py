"""A journey in words: the same sentences for the command line, the Temporal UI and the worklist."""

from collections import Counter
from collections.abc import Mapping

from workflows.journey.aggregate import Journey
from workflows.journey.entries import find
from workflows.journey.obligations import first_obligations, most_urgent, next_escalation_step
from workflows.journey.protocol.escalation import Action
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import ImmutableModel
from workflows.journey.vocabulary.calendars import Instant, format_moment, holidays_known_at
from workflows.journey.vocabulary.stage import Stage
from workflows.journey.vocabulary.texts import show_hidden
from workflows.journey.vocabulary.words import in_words, name_of
from workflows.journey.watch import is_given_up

DETAILED = 10
"""How much of what is awaited the Temporal UI shows."""
COUNTED = 10
"""How many kinds of further matters a sentence counts."""
DECIDED = {"approve": "approved", "decline": "declined", "return": "returned"}
"""What became of a request by each decision."""

ACTIONS: Mapping[Action, str] = {
    Action.ASK: "ask the {to}",
    Action.REMIND: "remind the {to}",
    Action.PAGE: "page the {to}",
    Action.ESCALATE: "escalate to the {to}",
    Action.REASSIGN: "the {to} hands it to somebody else",
    Action.CALL_PATIENT: "the {to} calls the patient",
    Action.CALL_OBSERVER: "the {to} calls the observer",
    Action.EMERGENCY_CONTACT: "the {to} calls the emergency contact",
    Action.EMERGENCY_SERVICES: "the {to} calls emergency services",
    Action.WELFARE_CHECK: "the {to} has somebody look after the patient",
    Action.LETTER: "the {to} writes to the patient",
    Action.DEATH: "the {to} settles whether the patient died",
    Action.LOST_TO_FOLLOW_UP: "the {to} decides whether the patient is lost",
}
"""What each action of an escalation step is called, with whom it concerns."""


class TimelineEntry(ImmutableModel):
    """One line of a timeline: when something was due, and when it was done (UTC), as far as either is known."""

    what: str
    due: Instant | None = None
    done: Instant | None = None


class Status(ImmutableModel):
    """Where a journey stands."""

    stage: Stage
    step: str
    pathway: str
    version: int
    recorded: int
    illustrative: bool
    health: str
    awaits: str | None = None
    due: Instant | None = None


def name_step(journey: Journey) -> str:
    """Return the step that this pathway shows to people. Pathways group stages differently."""
    for step in journey.protocol.steps_shown:
        if journey.stage.value in step.stages:
            return step.name
    return journey.stage.value


def health(journey: Journey) -> str:
    """Return one word for lists: ended, held, ending or open."""
    if journey.closed:
        return "ended"
    if journey.held:
        return "held"
    return "ending" if journey.closing is not None else "open"


def status(journey: Journey, recorded: int) -> Status:
    """Return the status, given the version up to which the journey is known to be recorded."""
    first = next(iter(first_obligations(journey, 1)), None)
    return Status(
        stage=journey.stage,
        step=name_step(journey),
        pathway=journey.protocol.pathway,
        version=journey.version,
        recorded=recorded,
        illustrative=journey.illustrative,
        health=health(journey),
        awaits=None if first is None else first.owner.value,
        due=None if first is None else first.deadline,
    )


def is_beyond_known_holidays(waiting: Obligation, journey: Journey) -> bool:
    """Whether a time of an obligation was counted over days after the last listed holidays."""
    protocol = journey.protocol
    if protocol.escalation_policies[waiting.escalation_policy].clock != "working":
        return False
    return any(not holidays_known_at(moment, protocol.working_time) for moment in waiting.steps)


def describe_wait(waiting: Obligation, journey: Journey) -> str:
    """Describe an obligation in one sentence: what is awaited, of whom, since when, until when, and what happens
    otherwise."""
    zone = journey.patient.zone
    whom = in_words(waiting.owner) + (f" {waiting.person}" if waiting.person else "")
    said = f"Waiting for {whom} to {waiting.what}, since {format_moment(waiting.since, zone)}"
    said += f", due {format_moment(waiting.deadline, zone)}"
    if is_beyond_known_holidays(waiting, journey):
        until = journey.protocol.working_time.holidays_known_until
        said += f" (early if the clinic has a holiday after {until}: its list ends there)"
    if waiting.acknowledged is not None and waiting.next_step is not None:
        said += f", acknowledged by {waiting.acknowledged.by} {format_moment(waiting.acknowledged.at, zone)}"
    return f"{said}; {describe_consequence(waiting, journey)}."


def _spell_minutes(count: int) -> str:
    return f"{count} minutes" if count % 60 or count < 120 else f"{count // 60} hours"


def describe_action(action: Action | str, to: Role | str) -> str:
    """Say what a step of an escalation policy does, and whom it concerns."""
    return ACTIONS[Action(action)].format(to=in_words(Role(to)))


def describe_consequence(waiting: Obligation, journey: Journey, *, moment: str = "") -> str:
    """Say what happens to an obligation if nothing comes. ``moment`` says when its next step is, where times are told
    otherwise than by `format_moment`."""
    step = next_escalation_step(waiting, journey)
    if step is None or waiting.next_step is None:
        return "every step of its escalation policy has been taken"
    then = describe_action(step.action, step.to)
    held = " and care is held" if step.hold else ""
    again = "" if step.repeat_minutes is None else f", then every {_spell_minutes(step.repeat_minutes)}"
    when = moment or f"at {format_moment(waiting.next_step, journey.patient.zone)}"
    return f"if nothing comes: {then} {when}{again}{held}"


def count_others(journey: Journey, shown: int) -> tuple[str, ...]:
    """Say how much more is awaited, what and of whom, once the most urgent are shown; nothing where that was
    all."""
    left = len(journey.waiting) - shown
    if left <= 0:
        return ()
    counted: Counter[str] = Counter()
    for kinds in find(journey.waiting, _kinds):
        counted.update(kinds)
    all_of_it = "; ".join(f"{number} × {kind}" for kind, number in counted.most_common(COUNTED))
    return (f"and {left} more. All together: {all_of_it}. See `work list --journey {journey.id}`",)


def _kinds(entries: Mapping[str, Obligation]) -> tuple[Counter[str]]:
    return (Counter(f"{each.what} ({in_words(each.owner)})" for each in entries.values()),)


def details(journey: Journey) -> str:
    """Markdown for the Temporal UI: stage, what is awaited, of whom, until when. No clinical content."""
    head = f"**{in_words(name_step(journey))}** · {health(journey)} · version {journey.version}"
    if journey.illustrative:
        head += " · **ILLUSTRATIVE, not for patients**"
    if journey.refusals:
        head += f" · attempts refused: {journey.refusals} (`signoff attempts`)"
    # A list: Temporal's UI joins the cells of a table without a space.
    awaited = [
        f"- {waiting.what}: {in_words(waiting.owner)}, until {format_moment(waiting.deadline, journey.patient.zone)}"
        for waiting in most_urgent(journey, DETAILED)
    ]
    awaited += [f"- {more}" for more in count_others(journey, DETAILED)]
    return show_hidden("\n".join([head, "", "Awaited:", "", *awaited]) if awaited else head)


def timeline(journey: Journey) -> tuple[TimelineEntry, ...]:
    """Return past and future entries, by the time they were due or done. What was planned and is owed no more is none
    of them."""
    entries = [TimelineEntry(what="pathway started", done=journey.started_at)]
    for signed in journey.sign_offs:
        decided = f"{in_words(signed.kind)} {DECIDED[signed.decision]}"
        about = f" ({_name_subject(signed.subject)})" if signed.subject else ""
        entries.append(TimelineEntry(what=decided + about, done=signed.at))
    entries += (
        TimelineEntry(what=f"session {session.number}", due=session.starts_at, done=session.dosed_at)
        for session in journey.sessions.values()
    )
    entries += (
        TimelineEntry(what=contact.id, due=contact.due, done=contact.done_at)
        for contact in journey.contacts.values()
        if not (contact.replaced or is_given_up(journey, contact))
    )
    return tuple(sorted(entries, key=lambda entry: entry.done or entry.due or journey.started_at))


def _name_subject(subject: str) -> str:
    return f"session {subject}" if subject.isdecimal() else name_of(subject)
