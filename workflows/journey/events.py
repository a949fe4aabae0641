"""The catalogue of all events.

Events are the only way the state of a journey changes, and are never edited. Each body stands with the stage it belongs
to. It has a ``kind`` (``noun.participle``) and a schema version; later versions add fields with
defaults, or a new kind. Times are UTC instants; a zone stands beside every time that was meant locally.
"""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID, uuid5

from pydantic import Field

from workflows.journey.always.access.model import AccessReviewed, GlassBroken
from workflows.journey.always.adverse_events.model import (
    AdverseEventFollowedUp,
    AdverseEventRegraded,
    AdverseEventRegradingConfirmed,
    AdverseEventReported,
)
from workflows.journey.always.care_team.model import CareTeamLeft, CareTeamUpdated, StrangerHeard
from workflows.journey.always.clock.model import ObligationAcknowledged, ObligationEscalated, ObligationsUpdated
from workflows.journey.always.corrections.model import (
    Amendable,
    CorrectionConfirmed,
    CorrectionRejected,
    EnteredInError,
    FactAmended,
)
from workflows.journey.always.death.model import DeathConfirmed, DeathDoubted, DeathEnteredInError, DeathReported
from workflows.journey.always.dose_limits.model import LimitsOverridden, LimitsTightened, OverrideProposed
from workflows.journey.always.handover.model import HandoverProposed, WatchHandedOver
from workflows.journey.always.holds.model import HoldPlaced, HoldReleased
from workflows.journey.always.medicines.model import MedicineRecorded, MedicinesReconciled
from workflows.journey.always.observations.model import ObservationGivenUp, ObservationRecorded
from workflows.journey.always.particulars.model import BirthDateCorrected, PatientUpdated
from workflows.journey.always.pathway.model import (
    CoverEnded,
    PathwayClosed,
    PathwayCovered,
    PathwayEnding,
    PathwayReassigned,
    PathwayStarted,
    PatientMoved,
    StageEntered,
)
from workflows.journey.always.patient.model import (
    HistoryTakenIn,
    MergeProposed,
    PatientMerged,
    PatientUnmerged,
    UnmergeProposed,
)
from workflows.journey.always.permissions.model import MonitoringChecked, PermissionChanged, PermissionProposed
from workflows.journey.always.pregnancy.model import PregnancyJudged, PregnancyTested
from workflows.journey.always.reports.model import ReportKept, ReportRepeated, ReportSettled
from workflows.journey.always.safety.model import (
    CancellationKept,
    CrisisClosed,
    CrisisContactRecorded,
    CrisisOpened,
    CrisisReached,
    MessageHandled,
    MessageKept,
    SupportAnswered,
    SupportRequested,
)
from workflows.journey.always.sign_offs.model import (
    AddendumAdded,
    CommandRefused,
    Delegated,
    DelegationEnded,
    SignedOff,
    SignOffAnswered,
    SignOffWithdrawn,
)
from workflows.journey.always.supply.model import DisposalWitnessed, SupplyCounted, SupplyMoved
from workflows.journey.always.therapy.model import TherapyRecorded
from workflows.journey.envelopes import EventBody, EventHeader
from workflows.journey.stages.education.events import (
    ConsentGiven,
    ConsentVersionChanged,
    ConsentVersionProposed,
    ConsentWithdrawn,
    ConsentWitnessed,
    PaperConsentEntered,
    PlanRecorded,
    QuestionAnswered,
    QuestionAsked,
    ReadingConfirmed,
    ReadingSent,
    StatementsAcknowledged,
    TopicsExplained,
    UnderstandingConfirmed,
)
from workflows.journey.stages.evaluation.model import EvaluationRecorded, InstrumentRecorded, RiskLevelSigned
from workflows.journey.stages.follow_up.model import (
    CheckInCompleted,
    Contact,
    ContactSettled,
    ContactsScheduled,
    DischargeProposed,
    NoShowRecorded,
    VisitMoved,
    VisitRecorded,
)
from workflows.journey.stages.screening.model import AnswersReopened, ScreeningRecorded
from workflows.journey.stages.sessions.events import (
    DoseRecorded,
    InstructionsAcknowledged,
    ObservationMissed,
    SessionCancelled,
    SessionChecked,
    SessionEnded,
    SessionEndProposed,
    SessionInstructed,
    SessionObserved,
    SessionReleased,
    SessionScheduled,
    SessionStopped,
)
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.proof import Proof

AnyEventBody = Annotated[
    PathwayStarted
    | EvaluationRecorded
    | InstrumentRecorded
    | ScreeningRecorded
    | AnswersReopened
    | PlanRecorded
    | TopicsExplained
    | UnderstandingConfirmed
    | ReadingSent
    | ReadingConfirmed
    | StatementsAcknowledged
    | QuestionAsked
    | QuestionAnswered
    | ConsentGiven
    | ConsentWithdrawn
    | PaperConsentEntered
    | ConsentWitnessed
    | ConsentVersionProposed
    | ConsentVersionChanged
    | SessionScheduled
    | SessionStopped
    | SessionCancelled
    | SessionInstructed
    | InstructionsAcknowledged
    | SessionChecked
    | SessionReleased
    | DoseRecorded
    | SessionObserved
    | ObservationMissed
    | SessionEndProposed
    | SessionEnded
    | ContactsScheduled
    | ContactSettled
    | CheckInCompleted
    | VisitRecorded
    | VisitMoved
    | NoShowRecorded
    | PatientUpdated
    | BirthDateCorrected
    | MedicineRecorded
    | MedicinesReconciled
    | PermissionProposed
    | PermissionChanged
    | MonitoringChecked
    | ObservationRecorded
    | ObservationGivenUp
    | PregnancyTested
    | PregnancyJudged
    | TherapyRecorded
    | SupplyMoved
    | DisposalWitnessed
    | SupplyCounted
    | AdverseEventReported
    | CareTeamUpdated
    | CareTeamLeft
    | DeathReported
    | DeathConfirmed
    | DeathDoubted
    | DeathEnteredInError
    | StrangerHeard
    | AdverseEventRegraded
    | AdverseEventRegradingConfirmed
    | AdverseEventFollowedUp
    | HoldPlaced
    | HoldReleased
    | CrisisOpened
    | CrisisContactRecorded
    | CrisisReached
    | RiskLevelSigned
    | CrisisClosed
    | SupportRequested
    | SupportAnswered
    | MessageKept
    | CancellationKept
    | MessageHandled
    | ReportKept
    | ReportSettled
    | ReportRepeated
    | PathwayReassigned
    | PathwayCovered
    | CoverEnded
    | PatientMoved
    | HistoryTakenIn
    | MergeProposed
    | PatientMerged
    | UnmergeProposed
    | PatientUnmerged
    | DischargeProposed
    | HandoverProposed
    | WatchHandedOver
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
    | ObligationAcknowledged
    | CommandRefused
    | FactAmended
    | EnteredInError
    | CorrectionConfirmed
    | CorrectionRejected
    | LimitsTightened
    | OverrideProposed
    | LimitsOverridden,
    Field(discriminator="kind"),
]


class Event(EventHeader):
    """An event: its header, and the body that differs."""

    body: AnyEventBody


def event_id(journey_id: UUID, command_id: UUID, ordinal: int) -> UUID:
    """Return the id of the n-th event of a command: the same after any retry, reset or second start."""
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
    proof: Proof | None = None,
    sent_at: datetime | None = None,
) -> Event:
    """Put a body into its envelope. The first event of a command has its proof, but not one that keeps a refusal:
    whether the proof is good may be why."""
    return Event.of_valid(
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
        proof=None if ordinal or isinstance(body, CommandRefused) else proof,
        sent_at=None if ordinal else sent_at,
        body=cast("AnyEventBody", body),
    )
