"""Beginning, handing over and ending a pathway: commands, events and state."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.protocol import Pathway, PinnedProtocol
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Short, Text
from workflows.journey.vocabulary.calendars import Instant, Zone
from workflows.journey.vocabulary.clinical import Patient, UsState
from workflows.journey.vocabulary.codes import CodeKey
from workflows.journey.vocabulary.signed_statement import ProtocolApproval, Scope
from workflows.journey.vocabulary.stage import Outcome, Stage


class StartPathway(CommandBody):
    """Start a journey from a referral: one per patient and medicine at a time.

    ``organisation`` and ``log`` say in whose record it is kept. ``approval`` is what the medical director and a second
    person signed under the protocol; only demonstrations go without. ``code_key`` is the key of the journey's codes.
    """

    kind: Literal["pathway.start"] = "pathway.start"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR,)
    journey_id: UUID
    organisation: Short
    log: Identifier
    code_key: CodeKey
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    approval: ProtocolApproval | None = None
    demonstration: Flag = False


class Reassign(CommandBody):
    """Hand the journey to another coordinator, clinician or evaluator."""

    kind: Literal["pathway.reassign"] = "pathway.reassign"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, Role.MEDICAL_DIRECTOR)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    duty: Literal["coordinator", "clinician", "evaluator"]
    to: Identifier
    reason: Text


class Cover(CommandBody):
    """Name who stands in for the journey's clinician until a time: they are asked in the meantime."""

    kind: Literal["pathway.cover"] = "pathway.cover"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    by: Identifier
    until: Instant
    reason: Text


class Move(CommandBody):
    """The patient moved: another zone or state from now on. Due times already given stay as they are."""

    kind: Literal["pathway.move"] = "pathway.move"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    zone: Zone
    state: UsState


class Withdraw(CommandBody):
    """The patient leaves the pathway. Always possible; needs no reason."""

    kind: Literal["pathway.withdraw"] = "pathway.withdraw"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.COORDINATOR, *CLINICAL)
    reason: Text | None = None


class Transfer(CommandBody):
    """Hand the patient over to another provider; the referral says to whom."""

    kind: Literal["pathway.transfer"] = "pathway.transfer"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    reason: Text
    referral: Text


class StopForSafety(CommandBody):
    """End treatment for good because it is not safe for this patient; the referral says who goes on caring."""

    kind: Literal["pathway.stop"] = "pathway.stop"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    reason: Text
    referral: Text


class PathwayStarted(EventBody):
    """The journey begins: for whom, in whose hands, and under which version of which protocol. It never changes."""

    kind: Literal["pathway.started"] = "pathway.started"
    organisation: Short
    log: Identifier
    code_key: CodeKey
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    protocol_digest: str
    approval: ProtocolApproval | None = None


class PathwayReassigned(EventBody):
    """A duty was handed to somebody else."""

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
    """Who stands in for the journey's clinician does so no more: who did before them does again, or nobody."""

    kind: Literal["pathway.cover-ended"] = "pathway.cover-ended"


class PatientMoved(EventBody):
    """The patient's zone (IANA name) and state from now on; ``left`` is the state before, where it is another one."""

    kind: Literal["patient.moved"] = "patient.moved"
    zone: Zone
    state: UsState
    left: UsState | None = None


class StageEntered(EventBody):
    """The journey went on to a stage, by rule, once everything before it was signed."""

    kind: Literal["stage.entered"] = "stage.entered"
    stage: Stage


class PathwayEnding(EventBody):
    """The pathway is to end this way; it closes once nothing that concerns safety is open."""

    kind: Literal["pathway.ending"] = "pathway.ending"
    outcome: Outcome
    reason: Text
    referral: Text | None = None


class PathwayClosed(EventBody):
    """The pathway has come to its end, and nothing that concerns safety is open."""

    kind: Literal["pathway.closed"] = "pathway.closed"
    outcome: Outcome


class StandIn(ImmutableModel):
    """Who stands in for the journey's clinician, until when (UTC)."""

    by: Identifier
    until: Instant


class Covered(ImmutableModel):
    """For whom the journey's clinician stands in. The first of ``stand_ins`` is asked; each of the others is asked
    again once the time of those before them is over."""

    clinician: Identifier
    stand_ins: tuple[StandIn, ...]

    @property
    def until(self) -> datetime:
        """Until when (UTC) the one stands in who is asked now."""
        return self.stand_ins[0].until


class Closing(ImmutableModel):
    """How, why and since when (UTC) the pathway is to end, and to whom the patient is referred."""

    at: Instant
    outcome: Outcome
    reason: Text
    referral: Text | None = None
    before: "Closing | None" = None
    """How it was to end before that: before the patient's death was confirmed, or before treatment was found not to be
    safe."""


class PathwayState(ImmutableModel):
    """Whose journey this is, under which protocol, in whose hands, and how far it has come."""

    id: UUID
    version: int
    illustrative: bool
    started_at: Instant
    organisation: Short
    log: Identifier
    code_key: CodeKey
    clinic: Identifier
    patient: Patient
    referral: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    protocol_digest: str
    stage: Stage = Stage.EVALUATION
    covered: Covered | None = None
    closing: Closing | None = None
    outcome: Outcome | None = None
    closed_in: Stage | None = None
    """The stage in which it closed."""
    told_at: dict[Identifier, Instant] = {}
    """When each of the patient's particulars was told last (UTC), of those that were told since the beginning."""

    @property
    def scope(self) -> Scope:
        """Where and for whom a signature counts that is made now."""
        return Scope(
            organisation=self.organisation,
            log=self.log,
            demonstration=self.illustrative,
            clinic=self.clinic,
            patient=self.patient.ref,
            state=self.patient.state,
        )

    @property
    def closed(self) -> bool:
        """Whether the pathway has come to its end."""
        return self.outcome is not None


def _reassigned(state: PathwayState, body: PathwayReassigned, event: EventHeader) -> Changes:
    if body.duty == "evaluator":
        return {}
    return {body.duty: body.to} | ({"covered": None} if body.duty == "clinician" else {})


def _covered(state: PathwayState, body: PathwayCovered, event: EventHeader) -> Changes:
    absent, before = state.clinician, list[StandIn]()
    if state.covered is not None:
        absent = state.covered.clinician
        before = [each for each in state.covered.stand_ins if each.by != body.by]
    now = StandIn(by=body.by, until=body.until)
    return {"clinician": body.by, "covered": Covered(clinician=absent, stand_ins=(now, *before))}


def _cover_ended(state: PathwayState, body: CoverEnded, event: EventHeader) -> Changes:
    if state.covered is None:
        return {}
    # The first may end before their time: they have left.
    _, *others = state.covered.stand_ins
    left = [each for each in others if each.until > event.at]
    if not left:
        return {"clinician": state.covered.clinician, "covered": None}
    return {"clinician": left[0].by, "covered": state.covered.model_copy(update={"stand_ins": tuple(left)})}


def _moved(state: PathwayState, body: PatientMoved, event: EventHeader) -> Changes:
    patient = state.patient.model_copy(update={"zone": body.zone, "state": body.state})
    return {"patient": patient, "told_at": {**state.told_at, "state": event.at}}


def _entered(state: PathwayState, body: StageEntered, event: EventHeader) -> Changes:
    return {"stage": body.stage}


def _ending(state: PathwayState, body: PathwayEnding, event: EventHeader) -> Changes:
    ending = Closing(
        at=event.at, outcome=body.outcome, reason=body.reason, referral=body.referral, before=state.closing
    )
    return {"closing": ending}


def _closed(state: PathwayState, body: PathwayClosed, event: EventHeader) -> Changes:
    return {"outcome": body.outcome, "stage": Stage.CLOSED, "closed_in": state.stage}


EVOLUTIONS: Evolutions = {
    PathwayReassigned: _reassigned,
    PathwayCovered: _covered,
    CoverEnded: _cover_ended,
    PatientMoved: _moved,
    StageEntered: _entered,
    PathwayEnding: _ending,
    PathwayClosed: _closed,
}
