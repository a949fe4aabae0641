"""Adverse events: commands, events and state. Grades are CTCAE's, 1 (mild) to 5 (death); times are UTC."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, put
from workflows.journey.envelopes import (
    ALWAYS,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    change_entry,
)
from workflows.journey.protocol import Grade
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Text, Whole
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage

AdverseEventOutcome = Literal["recovered", "recovering", "not_recovered", "recovered_with_sequelae", "fatal", "unknown"]
"""What became of an adverse event (ICH E2B, E.i.7; FHIR AdverseEvent.outcome)."""
DEATH = "death"
SERIOUS: Mapping[str, int] = {
    DEATH: 5,
    "life_threatening": 4,
    "hospitalization": 0,
    "disability": 0,
    "birth_defect": 0,
    "intervention_to_prevent": 0,
}
"""Why an adverse event is serious (21 CFR 312.32(a), ICH E2A), each with the grade (CTCAE) that it means, if it means
one."""
UNKNOWN_REASON = 4
"""The grade that any other word may mean. It is kept as it was said, and nobody is taken for dead by it."""
FINAL = ("recovered", "recovered_with_sequelae", "fatal")
"""Outcomes after which nothing is left to follow up."""


def is_serious(serious: bool, because: Sequence[str]) -> bool:
    """Whether an adverse event was called serious. Whoever says why it is serious says that it is."""
    return serious or bool(because)


class ReportAdverseEvent(CommandBody):
    """Report an adverse event: graded 1-5 (CTCAE), and serious or not, which is a different question."""

    kind: Literal["adverse-event.report"] = "adverse-event.report"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.OBSERVER, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    what: Text
    grade: Grade
    serious: Flag
    serious_because: tuple[Identifier, ...] = ()
    onset: Instant
    session: Whole | None = None
    causality: Literal["unrelated", "unlikely", "possible", "probable", "definite", "unknown"] = "unknown"
    expected: Flag | None = None
    action_taken: Text | None = None


class RegradeAdverseEvent(CommandBody):
    """Grade an adverse event anew, with your reason; the earlier grades stay in the record.

    A higher grade counts at once, with all that it asks for. A lower one of a severe event counts once a second person
    has signed its review.
    """

    kind: Literal["adverse-event.regrade"] = "adverse-event.regrade"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    adverse_event: Identifier
    grade: Grade
    serious: Flag
    serious_because: tuple[Identifier, ...] = ()
    reason: Text


class FollowUpAdverseEvent(CommandBody):
    """Say how an adverse event stands: what was found, what was done, and its outcome so far.

    It is asked for again until the outcome is final: recovered, recovered with sequelae, or fatal. ``ended_at`` is when
    the patient had recovered, in UTC.
    """

    kind: Literal["adverse-event.follow-up"] = "adverse-event.follow-up"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    adverse_event: Identifier
    findings: Text
    action_taken: Text
    outcome: AdverseEventOutcome
    ended_at: Instant | None = None


class AdverseEventReported(EventBody):
    """An adverse event: ``grade`` is CTCAE's, 1 (mild) to 5 (death). Serious is another question than severe.

    ``onset`` is when it began, in UTC. ``finding`` names the finding from which a rule opened it, with the protocol's
    grade until a clinician grades it; it is an emergency until then.
    """

    kind: Literal["adverse-event.reported"] = "adverse-event.reported"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("adverse_event", "adverse_events")
    adverse_event: Identifier
    what: Text
    grade: int
    serious: bool
    serious_because: tuple[Identifier, ...]
    onset: Instant
    session: int | None = None
    causality: Identifier
    expected: bool | None = None
    action_taken: Text | None = None
    finding: Identifier | None = None


class AdverseEventRegraded(EventBody):
    """A clinician graded an adverse event anew. One that is only ``proposed`` waits for a second person's review."""

    kind: Literal["adverse-event.regraded"] = "adverse-event.regraded"
    safety: ClassVar[bool] = True
    adverse_event: Identifier
    grade: int
    serious: bool
    serious_because: tuple[Identifier, ...]
    reason: Text
    proposed: bool


class AdverseEventRegradingConfirmed(EventBody):
    """A second person signed the review of a lower grade, which counts from now on; ``sign_off`` is the request."""

    kind: Literal["adverse-event.regrading-confirmed"] = "adverse-event.regrading-confirmed"
    safety: ClassVar[bool] = True
    adverse_event: Identifier
    sign_off: Identifier


class AdverseEventFollowedUp(EventBody):
    """How an adverse event stands: what was found and done, and its outcome so far."""

    kind: Literal["adverse-event.followed-up"] = "adverse-event.followed-up"
    safety: ClassVar[bool] = True
    adverse_event: Identifier
    findings: Text
    action_taken: Text
    outcome: AdverseEventOutcome
    ended_at: Instant | None = None


class Grading(ImmutableModel):
    """One grading after the first, by whom and when (UTC). ``confirmed_by`` is the review that made a lower one
    count."""

    grade: int
    serious: bool
    serious_because: tuple[Identifier, ...]
    reason: Text
    by: Identifier
    at: Instant
    proposed: bool
    confirmed_by: Identifier | None = None

    @property
    def counts(self) -> bool:
        """Whether it is more than a proposal."""
        return not self.proposed or self.confirmed_by is not None


class AdverseEvent(ImmutableModel):
    """An adverse event: as reported, as graded since, and how it went on. Nothing of it is replaced."""

    id: Identifier
    reported_by: Identifier
    reported_at: Instant
    report: AdverseEventReported
    gradings: tuple[Grading, ...] = ()
    follow_ups: tuple[AdverseEventFollowedUp, ...] = ()
    followed_up_at: Instant | None = None
    in_error: bool = False
    """Whether it was entered in error, and counts no more."""

    @property
    def graded(self) -> Grading | None:
        """The grading that counts, if there was one after the report."""
        return next((grading for grading in reversed(self.gradings) if grading.counts), None)

    @property
    def proposed(self) -> Grading | None:
        """The lower grading that waits for a second person, if one does."""
        return self.gradings[-1] if self.gradings and not self.gradings[-1].counts else None

    @property
    def grade(self) -> int:
        """The CTCAE grade that counts."""
        return self.report.grade if self.graded is None else self.graded.grade

    @property
    def serious(self) -> bool:
        """Whether it counts as serious."""
        return self.report.serious if self.graded is None else self.graded.serious

    @property
    def serious_because(self) -> tuple[str, ...]:
        """Why it counts as serious."""
        return self.report.serious_because if self.graded is None else self.graded.serious_because

    @property
    def fatal(self) -> bool:
        """Whether its grade, or why it is serious, says that the patient died of it."""
        return self.grade == SERIOUS[DEATH] or DEATH in self.serious_because

    @property
    def worsened(self) -> int | None:
        """How many gradings made it worse than it had ever been; None where none did."""
        before = [(self.report.grade, self.report.serious)]
        times = 0
        for grading in self.gradings:
            worse = grading.grade > max(grade for grade, _ in before)
            times += worse or (grading.serious and not any(serious for _, serious in before))
            before.append((grading.grade, grading.serious))
        return times or None

    @property
    def finding(self) -> str | None:
        """The emergency from which a rule opened it, until a clinician's grading counts."""
        return self.report.finding if self.graded is None else None

    @property
    def outcome(self) -> str | None:
        """What became of it, as far as it was followed up."""
        return self.follow_ups[-1].outcome if self.follow_ups else None

    @property
    def author(self) -> str:
        """Who gave the grade there is to be reviewed."""
        return self.gradings[-1].by if self.gradings else self.reported_by


class AdverseEventsState(PathwayState):
    """Adverse events, each by its id."""

    adverse_events: Entries[Identifier, AdverseEvent] = Entries()


def _reported(state: AdverseEventsState, body: AdverseEventReported, event: EventHeader) -> Changes:
    reported = AdverseEvent(id=body.adverse_event, reported_by=event.actor_id, reported_at=event.at, report=body)
    return {"adverse_events": put(state.adverse_events, reported.id, reported)}


def _regraded(state: AdverseEventsState, body: AdverseEventRegraded, event: EventHeader) -> Changes:
    """Whoever grades an event says that it happened, also if it was entered in error before."""
    known = state.adverse_events.get(body.adverse_event)
    if known is None:
        return {}
    grading = Grading(**body.model_dump(exclude={"kind", "adverse_event"}), by=event.actor_id, at=event.at)
    return change_entry(state, "adverse_events", known.id, gradings=(*known.gradings, grading), in_error=False)


def _confirmed(state: AdverseEventsState, body: AdverseEventRegradingConfirmed, event: EventHeader) -> Changes:
    known = state.adverse_events.get(body.adverse_event)
    if known is None or known.proposed is None:
        return {}
    grading = known.proposed.model_copy(update={"confirmed_by": body.sign_off})
    return change_entry(state, "adverse_events", known.id, gradings=(*known.gradings[:-1], grading))


def _followed_up(state: AdverseEventsState, body: AdverseEventFollowedUp, event: EventHeader) -> Changes:
    known = state.adverse_events.get(body.adverse_event)
    if known is None:
        return {}
    said = (*known.follow_ups, body)
    return change_entry(state, "adverse_events", known.id, follow_ups=said, followed_up_at=event.at)


EVOLUTIONS: Evolutions = {
    AdverseEventReported: _reported,
    AdverseEventRegraded: _regraded,
    AdverseEventRegradingConfirmed: _confirmed,
    AdverseEventFollowedUp: _followed_up,
}
