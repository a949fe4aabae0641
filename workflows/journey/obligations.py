"""What is awaited: of whom, since when, until when, and what happens if it does not come.

Obligations are the hinge of the service. Timers, worklists, reminders, escalations, search attributes, the
Temporal UI and the sentence "why is this patient waiting?" are all views of this one list. Each stage says
what it needs now (`Need`, derived from the state and nothing else); a need that is new becomes an
`Obligation` with its due time and every later step worked out once, and kept in an event from then on.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workflows.journey.calendars import Instant, after_quiet_hours
from workflows.journey.model import Code, Fact, Short
from workflows.journey.people import Role
from workflows.journey.protocol import Rung, SignOffKind

if TYPE_CHECKING:
    from workflows.journey.journey import Journey

CONTACTS = ("check-in", "visit", "follow-up", "measure")
"""Needs whose ladders are climbed faster while suicide risk is heightened."""

Because = Literal["done", "superseded", "held", "no_longer_needed"]


class Need(Fact):
    """Something a stage waits for. ``care`` needs pause under a hold; safety never does."""

    kind: Code
    subject: Code | None = None
    owner: Role
    person: Code | None = None
    ladder: Code
    what: Short
    due: Instant | None = None
    sign_off: SignOffKind | None = None
    evidence: str | None = None
    care: bool = True

    @property
    def matter(self) -> str:
        """What it is about, whatever the evidence: one need per matter stands at a time."""
        return self.kind if self.subject is None else f"{self.kind}:{self.subject}"

    @property
    def id(self) -> str:
        """The matter, and for a sign-off the first letters of the evidence it is asked for."""
        return self.matter if self.evidence is None else f"{self.matter}:{self.evidence[:12]}"


class Obligation(Need):
    """A need with its clock: times are UTC instants, ``steps`` one per rung of the ladder, ``taken`` so far."""

    since: Instant
    steps: tuple[Instant, ...]
    taken: int = 0

    @property
    def next_step(self) -> datetime | None:
        """When the next step of its ladder is taken, if any is left."""
        return self.steps[self.taken] if self.taken < len(self.steps) else None

    @property
    def deadline(self) -> datetime:
        """The due time. Every obligation has one from the moment it is opened."""
        assert self.due is not None
        return self.due


class Closed(Fact):
    """An obligation that no longer waits, and why."""

    id: Code
    because: Because


def open_obligation(need: Need, journey: "Journey", at: datetime) -> Obligation:
    """Start the clock of a need: its due time and steps, in the patient's zone where the ladder says so."""
    protocol, zone = journey.protocol, journey.patient.zone
    ladder = protocol.ladders[need.ladder]

    def shown(moment: datetime) -> datetime:
        return after_quiet_hours(moment, zone, protocol.quiet_hours) if ladder.quiet_hours else moment

    due = need.due or shown(at + timedelta(minutes=ladder.due_minutes))
    check_ins = protocol.check_ins
    heightened = need.kind in CONTACTS and journey.suicide_risk_heightened(at)

    def step(rung: Rung) -> datetime:
        if rung.percent is not None:
            return at + (due - at) * rung.percent / 100
        assert rung.minutes is not None
        after = timedelta(minutes=rung.minutes)
        if heightened and rung.minutes:
            floor = timedelta(minutes=check_ins.heightened_minimum_minutes)
            after = max(after / check_ins.heightened_divide_by, min(floor, after))
        return due + after

    steps = tuple(shown(step(rung)) for rung in ladder.rungs)
    return Obligation(**need.model_dump(exclude={"due"}), due=due, since=at, steps=steps)


def rung_of(obligation: Obligation, journey: "Journey") -> Rung | None:
    """The next rung of an obligation's ladder, or None when it has reached the top."""
    rungs = journey.protocol.ladders[obligation.ladder].rungs
    return rungs[obligation.taken] if obligation.taken < len(rungs) else None


def reconcile(
    needs: Iterable[Need], journey: "Journey", at: datetime
) -> tuple[tuple[Obligation, ...], tuple[Closed, ...]]:
    """What to open and what to close so that the obligations are exactly the needs.

    A sign-off asked for again because its evidence changed keeps the clock of the first request: changing
    the content never buys time. One whose own due time was moved (a session at another time) starts afresh.
    """
    wanted = {need.id: need for need in needs if need.care is False or not journey.held}
    standing = {kept.matter: kept for kept in journey.waiting.values()}
    stays = [
        kept.id for kept in journey.waiting.values() if kept.id in wanted and wanted[kept.id].due in (None, kept.due)
    ]
    opened = []
    for need in wanted.values():
        if need.id in stays:
            continue
        earlier = standing.get(need.matter)
        moved = need.id in journey.waiting
        if earlier is None or moved or any(signed.request == earlier.id for signed in journey.sign_offs):
            opened.append(open_obligation(need, journey, at))
        else:
            clock = {
                "since": earlier.since,
                "steps": earlier.steps,
                "taken": earlier.taken,
                "due": earlier.due,
            }
            opened.append(Obligation(**{**need.model_dump(), **clock}))
    again = [obligation.matter for obligation in opened]
    closed = tuple(
        Closed(id=kept.id, because=_because(kept, again, journey))
        for kept in journey.waiting.values()
        if kept.id not in stays
    )
    return tuple(opened), closed


def _because(obligation: Obligation, again: list[str], journey: "Journey") -> Because:
    if obligation.matter in again:
        return "superseded"
    if journey.held and obligation.care:
        return "held"
    return "no_longer_needed" if journey.closing is not None else "done"


def obligations(journey: "Journey") -> tuple[Obligation, ...]:
    """Everything the journey waits for, what is due first on top."""
    return tuple(sorted(journey.waiting.values(), key=lambda waiting: (waiting.deadline, waiting.id)))


def next_deadline(journey: "Journey") -> datetime | None:
    """The earliest moment at which a step of any ladder is to be taken."""
    steps = [step for waiting in journey.waiting.values() if (step := waiting.next_step) is not None]
    return min(steps, default=None)
