"""What happened. Events are the only way the state of a journey changes, and are never edited.

Each body has a ``kind`` (``noun.participle``) and a schema version; later versions add fields with defaults,
or a new kind. Times are UTC instants; a zone stands beside every time that was meant locally.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, cast
from uuid import UUID, uuid5

from pydantic import Field

from workflows.journey.actors import Actor, Licence, Role
from workflows.journey.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.calendars import Instant, Zone
from workflows.journey.commands import Observer, Patient, Plan, PriorTreatment, ScreeningAnswer, Vitals
from workflows.journey.instruments import Instrument, Score
from workflows.journey.protocol import Action, Pathway, PinnedProtocol, SignOffKind
from workflows.journey.requirements import Closed, Obligation
from workflows.journey.signed_statement import ProtocolApproval, Signature
from workflows.journey.stage import Outcome, Stage


class EventBody(ImmutableModel):
    """The part of an event that differs."""

    schema_version: ClassVar[int] = 1


class PathwayStarted(EventBody):
    kind: Literal["pathway.started"] = "pathway.started"
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    protocol_digest: str
    approval: ProtocolApproval | None = None


class EvaluationRecorded(EventBody):
    kind: Literal["evaluation.recorded"] = "evaluation.recorded"
    evaluator: Identifier
    sections: dict[Identifier, Text]
    prior_treatments: tuple[PriorTreatment, ...]
    function: dict[Identifier, Text]
    treatment_exception: Text | None = None


class InstrumentRecorded(EventBody):
    """Raw answers and the score computed from them, and whether the patient or staff filled it in."""

    kind: Literal["instrument.recorded"] = "instrument.recorded"
    instrument: Instrument
    occasion: Identifier
    answers: Any
    score: Score
    administered_by: Role


class ScreeningRecorded(EventBody):
    kind: Literal["screening.recorded"] = "screening.recorded"
    exclusions: dict[Identifier, ScreeningAnswer]
    criteria: dict[Identifier, bool]
    factors: dict[Identifier, Text]


class PlanRecorded(EventBody):
    kind: Literal["plan.recorded"] = "plan.recorded"
    plan: Plan
    revision: int
    rationale: Text | None = None


class TopicsExplained(EventBody):
    kind: Literal["education.explained"] = "education.explained"
    topics: tuple[Identifier, ...]
    content_version: Identifier


class StatementsAcknowledged(EventBody):
    kind: Literal["education.acknowledged"] = "education.acknowledged"
    statements: tuple[Identifier, ...]


class QuestionAsked(EventBody):
    kind: Literal["question.asked"] = "question.asked"
    question: Identifier
    text: Text


class QuestionAnswered(EventBody):
    kind: Literal["question.answered"] = "question.answered"
    question: Identifier
    text: Text


class ConsentGiven(EventBody):
    kind: Literal["consent.given"] = "consent.given"
    consents: dict[Identifier, Identifier]


class ConsentWithdrawn(EventBody):
    kind: Literal["consent.withdrawn"] = "consent.withdrawn"
    consent: Identifier
    reason: Text | None = None


class SessionScheduled(EventBody):
    """``local`` is what the patient's wall clock will show, by the zone rules of the day it was planned."""

    kind: Literal["session.scheduled"] = "session.scheduled"
    session: int
    starts_at: Instant
    zone: Zone
    local: Short
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: bool


class SessionCancelled(EventBody):
    kind: Literal["session.cancelled"] = "session.cancelled"
    session: int
    reason: Text


class SessionInstructed(EventBody):
    kind: Literal["session.instructed"] = "session.instructed"
    session: int
    content_version: Identifier


class SessionChecked(EventBody):
    """``verdict`` is what the protocol's limits make of the vitals; the decision stays the clinician's."""

    kind: Literal["session.checked"] = "session.checked"
    session: int
    items: dict[Identifier, bool]
    vitals: Vitals
    observer: Observer
    reachable_clinician: Identifier
    reachable_within_minutes: int
    location_state: Identifier
    location_confirmed: bool
    verdict: Literal["go", "recheck", "no_go"]


class SessionReleased(EventBody):
    kind: Literal["session.released"] = "session.released"
    session: int
    clearance: Identifier


class DoseRecorded(EventBody):
    """``observe_at`` are the due times of the structured observations, counted from the dose."""

    kind: Literal["session.dosed"] = "session.dosed"
    session: int
    dose_mg: float
    route: Identifier
    taken_at: Instant
    doses_left: int
    deviation: Text | None = None
    observe_at: tuple[Instant, ...]


class SessionObserved(EventBody):
    kind: Literal["session.observed"] = "session.observed"
    session: int
    minute: int
    consciousness: Identifier
    breathing_normal: bool
    vomiting: bool
    vitals: Vitals | None = None
    dissociation: Score | None = None
    red_flags: tuple[Identifier, ...]
    alert: Literal["none", "notify", "emergency"]


class SessionEnded(EventBody):
    kind: Literal["session.ended"] = "session.ended"
    session: int
    criteria: dict[Identifier, bool]
    clinician_decision: Text | None = None


class Contact(ImmutableModel):
    """A contact owed to the patient: a check-in, a visit, or an instrument to be filled in."""

    id: Identifier
    type: Literal["check_in", "visit", "follow_up_visit", "measure"]
    due: Instant
    escalation_policy: Identifier
    session: int | None = None
    instrument: Instrument | None = None
    zone: Zone


class ContactsScheduled(EventBody):
    """Contacts given their due times; ``replaced`` are earlier ones these take the place of."""

    kind: Literal["contacts.scheduled"] = "contacts.scheduled"
    contacts: tuple[Contact, ...]
    replaced: tuple[Identifier, ...] = ()


class CheckInCompleted(EventBody):
    kind: Literal["check-in.completed"] = "check-in.completed"
    check_in: Identifier
    feeling: Literal["well", "unwell"]
    side_effects: Text
    notes: Text | None = None


class VisitRecorded(EventBody):
    kind: Literal["visit.recorded"] = "visit.recorded"
    visit: Identifier
    assessments: dict[Identifier, Text]
    answers: dict[Identifier, Text]
    outcome: Identifier
    concurrent_care: Text


class AdverseEventReported(EventBody):
    kind: Literal["adverse-event.reported"] = "adverse-event.reported"
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


class HoldPlaced(EventBody):
    """Care stops. ``source`` names the fact it came from; a severe one is released by a second pair of eyes."""

    kind: Literal["hold.placed"] = "hold.placed"
    hold: Identifier
    cause: Identifier
    severe: bool
    source: Identifier | None = None
    reason: Text


class HoldReleased(EventBody):
    kind: Literal["hold.released"] = "hold.released"
    hold: Identifier
    sign_off: Identifier


class CrisisOpened(EventBody):
    kind: Literal["crisis.opened"] = "crisis.opened"
    crisis: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier


class CrisisContactRecorded(EventBody):
    kind: Literal["crisis.contact-recorded"] = "crisis.contact-recorded"
    crisis: Identifier
    reached: bool
    assessment: Text
    safety_plan: bool
    next_contact_at: Instant | None = None


class SupportRequested(EventBody):
    kind: Literal["support.requested"] = "support.requested"
    support: Identifier
    urgency: Literal["urgent", "clinical", "routine"]
    text: Text


class SupportAnswered(EventBody):
    kind: Literal["support.answered"] = "support.answered"
    support: Identifier
    text: Text


class MessageKept(EventBody):
    """A message that could not be read, kept as it came."""

    kind: Literal["message.kept"] = "message.kept"
    message: Identifier
    name: Short
    content: str


class MessageHandled(EventBody):
    kind: Literal["message.handled"] = "message.handled"
    message: Identifier
    text: Text


class PathwayReassigned(EventBody):
    kind: Literal["pathway.reassigned"] = "pathway.reassigned"
    duty: Literal["coordinator", "clinician", "evaluator"]
    to: Identifier
    reason: Text


class PathwayCovered(EventBody):
    """Somebody stands in for the journey's clinician until a time, and is asked in their place."""

    kind: Literal["pathway.covered"] = "pathway.covered"
    by: Identifier
    until: Instant
    reason: Text


class CoverEnded(EventBody):
    kind: Literal["pathway.cover-ended"] = "pathway.cover-ended"


class PatientMoved(EventBody):
    kind: Literal["patient.moved"] = "patient.moved"
    zone: Zone
    state: Identifier


class DischargeProposed(EventBody):
    kind: Literal["discharge.proposed"] = "discharge.proposed"
    summary: Text
    ongoing_support: Text


class SignedOff(EventBody):
    """A clinician's decision, bound to the evidence, its meaning, and the printed name and licence of the signer.

    ``first_of_two``: an approval that waits for a second person's, and counts for nothing until then.
    """

    kind: Literal["signoff.signed"] = "signoff.signed"
    request: Identifier
    sign_off: SignOffKind
    subject: Identifier | None = None
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: str
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    name: Short
    licence: Licence
    signature: Signature
    first_of_two: bool = False


class SignOffWithdrawn(EventBody):
    """The signer took a decision back before it took effect; the request is made again."""

    kind: Literal["signoff.withdrawn"] = "signoff.withdrawn"
    request: Identifier
    sign_off: SignOffKind
    subject: Identifier | None = None
    reason: Text


class AddendumAdded(EventBody):
    """Something added to a decision after it was made. It changes nothing about it."""

    kind: Literal["signoff.addendum-added"] = "signoff.addendum-added"
    request: Identifier
    text: Text
    name: Short


class Delegated(EventBody):
    """A clinician lets a named colleague decide in their place until a time."""

    kind: Literal["signoff.delegated"] = "signoff.delegated"
    delegation: Identifier
    to: Identifier
    sign_offs: tuple[SignOffKind, ...]
    until: Instant
    reason: Text
    name: Short
    licence: Licence
    signature: Signature


class DelegationEnded(EventBody):
    kind: Literal["signoff.delegation-ended"] = "signoff.delegation-ended"
    delegation: Identifier


class SignOffAnswered(EventBody):
    """The author of a returned request answered its question; it is asked for again."""

    kind: Literal["signoff.answered"] = "signoff.answered"
    sign_off: SignOffKind
    subject: Identifier | None = None
    text: Text


class StageEntered(EventBody):
    kind: Literal["stage.entered"] = "stage.entered"
    stage: Stage


class PathwayEnding(EventBody):
    """The pathway is to end this way; it closes once nothing that concerns safety is open."""

    kind: Literal["pathway.ending"] = "pathway.ending"
    outcome: Outcome
    reason: Text
    referral: Text | None = None


class PathwayClosed(EventBody):
    kind: Literal["pathway.closed"] = "pathway.closed"
    outcome: Outcome


class ObligationsUpdated(EventBody):
    """What is awaited from now on, and what no longer is."""

    kind: Literal["obligations.updated"] = "obligations.updated"
    opened: tuple[Obligation, ...]
    closed: tuple[Closed, ...]


class ObligationEscalated(EventBody):
    """A step of an escalation policy was taken. It decides nothing about care beyond, where so written, holding it."""

    kind: Literal["obligation.escalated"] = "obligation.escalated"
    obligation: Identifier
    step: int
    due: Instant
    action: Action
    to: Role
    hold: bool
    alarm: bool


class GlassBroken(EventBody):
    """Somebody from outside the clinic looks at the journey, in an emergency."""

    kind: Literal["access.glass-broken"] = "access.glass-broken"
    access: Identifier
    reason: Text


class AccessReviewed(EventBody):
    kind: Literal["access.reviewed"] = "access.reviewed"
    access: Identifier
    justified: bool
    text: Text


class CommandRefused(EventBody):
    """An attempt that matters was refused, and why. ``nonce``: of a signed decision, which is spent with it."""

    kind: Literal["command.refused"] = "command.refused"
    command_kind: Identifier
    code: Identifier
    reason: Text
    nonce: Identifier | None = None


Amendable = (
    EvaluationRecorded | InstrumentRecorded | ScreeningRecorded | SessionChecked | DoseRecorded | SessionObserved
    | VisitRecorded
)  # fmt: skip


class FactAmended(EventBody):
    """A recorded fact was corrected. The event at ``version`` stays as it was; this one holds from now on."""

    kind: Literal["fact.amended"] = "fact.amended"
    version: int
    reason: Text
    correction: Annotated[Amendable, Field(discriminator="kind")]


AnyEventBody = Annotated[
    PathwayStarted
    | EvaluationRecorded
    | InstrumentRecorded
    | ScreeningRecorded
    | PlanRecorded
    | TopicsExplained
    | StatementsAcknowledged
    | QuestionAsked
    | QuestionAnswered
    | ConsentGiven
    | ConsentWithdrawn
    | SessionScheduled
    | SessionCancelled
    | SessionInstructed
    | SessionChecked
    | SessionReleased
    | DoseRecorded
    | SessionObserved
    | SessionEnded
    | ContactsScheduled
    | CheckInCompleted
    | VisitRecorded
    | AdverseEventReported
    | HoldPlaced
    | HoldReleased
    | CrisisOpened
    | CrisisContactRecorded
    | SupportRequested
    | SupportAnswered
    | MessageKept
    | MessageHandled
    | PathwayReassigned
    | PathwayCovered
    | CoverEnded
    | PatientMoved
    | DischargeProposed
    | SignedOff
    | SignOffWithdrawn
    | AddendumAdded
    | Delegated
    | DelegationEnded
    | SignOffAnswered
    | GlassBroken
    | AccessReviewed
    | StageEntered
    | PathwayEnding
    | PathwayClosed
    | ObligationsUpdated
    | ObligationEscalated
    | CommandRefused
    | FactAmended,
    Field(discriminator="kind"),
]


class Event(ImmutableModel):
    """An event in its envelope. ``version`` counts from 1 in its journey; ``at`` is when it was decided, in UTC.

    ``command_digest`` lets a repeated command be told from another one under the same id.
    """

    event_id: UUID
    journey_id: UUID
    version: int
    at: Instant
    actor_id: Identifier
    actor_role: Role
    command_id: UUID
    command_digest: str
    causation_id: UUID | None = None
    illustrative: bool
    body: AnyEventBody


def event_id(journey_id: UUID, command_id: UUID, ordinal: int) -> UUID:
    """The id of the n-th event of a command: the same after any retry, reset or second start."""
    return uuid5(journey_id, f"{command_id}:{ordinal}")


def envelope(
    body: EventBody,
    *,
    journey_id: UUID,
    version: int,
    at: datetime,
    actor: Actor,
    command_id: UUID,
    command_digest: str,
    ordinal: int,
    cause: Event | None,
    illustrative: bool,
) -> Event:
    """Put a body into its envelope."""
    return Event.model_construct(
        event_id=event_id(journey_id, command_id, ordinal),
        journey_id=journey_id,
        version=version,
        at=at,
        actor_id=actor.id,
        actor_role=actor.role,
        command_id=command_id,
        command_digest=command_digest,
        causation_id=None if cause is None else cause.event_id,
        illustrative=illustrative,
        body=cast("AnyEventBody", body),
    )
