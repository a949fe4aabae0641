"""The catalogue of all commands of people and the clock.

A command is one envelope (`Command`) around one body. Each body stands with the stage it belongs to, and says on its
class which roles may send it and in which stages it makes sense; that is checked for all of them alike, before a stage
decides anything. The kind is ``noun.verb``, and is what people type at a terminal.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from workflows.journey.always.access.model import BreakGlass, ReviewAccess
from workflows.journey.always.adverse_events.model import (
    FollowUpAdverseEvent,
    RegradeAdverseEvent,
    ReportAdverseEvent,
)
from workflows.journey.always.care_team.model import TakeInStaff
from workflows.journey.always.clock.model import AcknowledgeAlarm, PassDeadline
from workflows.journey.always.corrections.model import (
    Amend,
    ConfirmCorrection,
    Correction,
    MarkInError,
    RejectCorrection,
)
from workflows.journey.always.death.model import DoubtDeath, RecordDeath
from workflows.journey.always.dose_limits.model import SetLimits
from workflows.journey.always.handover.model import ProposeHandover, Receiver
from workflows.journey.always.holds.model import PlaceHold
from workflows.journey.always.medicines.model import AddMedicine, ChangeMedicine, ReconcileMedicines, StopMedicine
from workflows.journey.always.observations.model import GiveUpObservation, RecordObservation
from workflows.journey.always.particulars.model import CorrectBirthDate, UpdatePatient
from workflows.journey.always.pathway.model import (
    Cover,
    Move,
    Reassign,
    StartPathway,
    StopForSafety,
    Transfer,
    Withdraw,
)
from workflows.journey.always.patient.model import ProposeMerge, ProposeUnmerge, TakeInHistory
from workflows.journey.always.permissions.model import ProposePermission, RecordMonitoringCheck
from workflows.journey.always.pregnancy.model import JudgePregnancy, RecordPregnancyTest
from workflows.journey.always.reports.model import KeepReport, SettleReport
from workflows.journey.always.safety.model import (
    AnswerSupport,
    HandleMessage,
    KeepCancellation,
    KeepUnreadable,
    RecordCrisisContact,
    ReportCrisis,
    RequestSupport,
)
from workflows.journey.always.sign_offs.model import (
    AddAddendum,
    AnswerReturned,
    Delegate,
    EndDelegation,
    Sign,
    WithdrawSignOff,
)
from workflows.journey.always.supply.model import CountSupply, MoveSupply, WitnessDisposal
from workflows.journey.always.therapy.model import RecordTherapy
from workflows.journey.envelopes import ALWAYS, FROM_EDUCATION, FROM_SESSIONS, OPEN, CommandBody
from workflows.journey.stages.education.commands import (
    Acknowledge,
    AnswerQuestion,
    AskQuestion,
    ConfirmReading,
    ConfirmUnderstanding,
    EnterPaperConsent,
    ExplainTopics,
    GiveConsent,
    PlanBasis,
    ProposeConsentVersion,
    RecordPlan,
    SendReading,
    WithdrawConsent,
    WitnessConsent,
)
from workflows.journey.stages.evaluation.model import RecordEvaluation, RecordInstrument
from workflows.journey.stages.follow_up.model import (
    CompleteCheckIn,
    MoveVisit,
    ProposeDischarge,
    RecordNoShow,
    RecordVisit,
    SettleContact,
)
from workflows.journey.stages.screening.model import RecordScreening
from workflows.journey.stages.sessions.commands import (
    AcknowledgeInstructions,
    CancelSession,
    CheckSession,
    EndSession,
    Instruct,
    MissObservation,
    Observe,
    RecordDose,
    ReleaseSession,
    ScheduleSession,
)
from workflows.journey.vocabulary.actors import Actor, CareTeamMember
from workflows.journey.vocabulary.base import InputModel
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import (
    Finding,
    Location,
    Observer,
    Patient,
    Plan,
    PriorTreatment,
    SaidLocation,
    ScreeningAnswer,
    Vitals,
)
from workflows.journey.vocabulary.limits import COMMAND_LIMIT, START_LIMIT
from workflows.journey.vocabulary.proof import Proof

AnyBody = Annotated[
    StartPathway
    | RecordEvaluation
    | RecordInstrument
    | RecordScreening
    | RecordPlan
    | ExplainTopics
    | ConfirmUnderstanding
    | SendReading
    | ConfirmReading
    | Acknowledge
    | AskQuestion
    | AnswerQuestion
    | GiveConsent
    | WithdrawConsent
    | EnterPaperConsent
    | WitnessConsent
    | ProposeConsentVersion
    | ScheduleSession
    | CancelSession
    | Instruct
    | AcknowledgeInstructions
    | CheckSession
    | ReleaseSession
    | RecordDose
    | Observe
    | MissObservation
    | EndSession
    | CompleteCheckIn
    | RecordVisit
    | MoveVisit
    | RecordNoShow
    | SettleContact
    | UpdatePatient
    | CorrectBirthDate
    | AddMedicine
    | ChangeMedicine
    | StopMedicine
    | ReconcileMedicines
    | ProposePermission
    | RecordMonitoringCheck
    | RecordObservation
    | GiveUpObservation
    | RecordPregnancyTest
    | JudgePregnancy
    | RecordTherapy
    | MoveSupply
    | WitnessDisposal
    | CountSupply
    | ReportAdverseEvent
    | RegradeAdverseEvent
    | FollowUpAdverseEvent
    | AcknowledgeAlarm
    | PlaceHold
    | RecordCrisisContact
    | ReportCrisis
    | RequestSupport
    | AnswerSupport
    | HandleMessage
    | KeepReport
    | SettleReport
    | Reassign
    | Cover
    | Move
    | ProposeMerge
    | ProposeUnmerge
    | Withdraw
    | Transfer
    | StopForSafety
    | RecordDeath
    | DoubtDeath
    | ProposeDischarge
    | ProposeHandover
    | Amend
    | MarkInError
    | ConfirmCorrection
    | RejectCorrection
    | SetLimits
    | Sign
    | WithdrawSignOff
    | AddAddendum
    | Delegate
    | EndDelegation
    | AnswerReturned
    | BreakGlass
    | ReviewAccess
    | PassDeadline
    | KeepUnreadable
    | KeepCancellation
    | TakeInHistory
    | TakeInStaff,
    Field(discriminator="kind"),
]


SIGNED = (Sign, Delegate)
"""Commands that have no effect without the sender's signature."""


class Command(InputModel):
    """One request, by one actor, with an id that makes it happen once however often it arrives.

    ``named`` is what the organisation's register says of the staff whom the body names. It is looked up where the
    command is made, and checked against the register where it enters and where it is recorded. ``proof`` is the
    signature of the sender's working session, and ``sent_at`` (UTC) when it was sent, which that covers: under another
    session, or sent again, it is still the same command.
    """

    command_id: UUID
    actor: Actor
    body: AnyBody
    named: tuple[CareTeamMember, ...] = ()
    proof: Proof | None = None
    sent_at: Instant | None = None

    @property
    def limit(self) -> int:
        """How many bytes it may have as JSON. A start may have more, because it holds its protocol."""
        return START_LIMIT if isinstance(self.body, StartPathway) else COMMAND_LIMIT

    @property
    def too_large(self) -> bool:
        """Whether it is larger than its limit, whatever proves it."""
        return len(self.model_dump_json(exclude={"proof", "sent_at"}).encode()) > self.limit
