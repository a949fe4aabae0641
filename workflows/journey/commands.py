"""What people and the clock ask for.

A command is one envelope (`Command`) around one body. Each body says which roles may send it and in which
stages it makes sense; that is checked here for all of them alike, before a stage decides anything. The kind
is ``noun.verb``, and is what people type at a terminal.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from workflows.journey.actors import ANYONE, CLINICAL, STAFF, Actor, Role
from workflows.journey.base import Identifier, InputModel, Json, Short, Text, canonical
from workflows.journey.calendars import Instant, Zone
from workflows.journey.instruments import Instrument
from workflows.journey.limits import COMMAND_LIMIT as COMMAND_LIMIT
from workflows.journey.limits import START_LIMIT
from workflows.journey.protocol import Pathway, PinnedProtocol, SignOffKind
from workflows.journey.signed_statement import ProtocolApproval, Signature
from workflows.journey.stage import Stage

OPEN = (Stage.EVALUATION, Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS, Stage.FOLLOW_UP)
FROM_EDUCATION = OPEN[2:]
FROM_SESSIONS = OPEN[3:]
ALWAYS = (*OPEN, Stage.CLOSED)

ANSWERS_LIMIT = 4 * 1024
"""Most bytes of the answers to one questionnaire as JSON."""


def _few_answers(answers: Json) -> Json:
    if len(canonical(answers)) > ANSWERS_LIMIT:
        raise ValueError(f"answers take at most {ANSWERS_LIMIT} bytes as JSON")
    return answers


class CommandBody(InputModel):
    """The part of a command that differs. ``roles`` may send it, in ``stages`` it can be accepted.

    ``progress`` moves care forward, and is refused while the journey is held. ``licensed``: a clinician needs a
    licence that is valid where the patient is; to stop, report or call for help nobody needs one.
    """

    roles: ClassVar[tuple[Role, ...]] = STAFF
    stages: ClassVar[tuple[Stage, ...]] = OPEN
    progress: ClassVar[bool] = False
    licensed: ClassVar[bool] = True


class Patient(InputModel):
    """Who is cared for: an opaque reference into the clinic's own register, never a name or a number of theirs."""

    ref: Identifier
    born: date
    zone: Zone
    state: Identifier
    emergency_contact_ref: Identifier


class StartPathway(CommandBody):
    """Start a journey from a referral: one per patient and pathway at a time.

    ``approval`` is what the medical director and a second person signed under the protocol; only demonstrations
    go without.
    """

    kind: Literal["pathway.start"] = "pathway.start"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR,)
    journey_id: UUID
    clinic: Identifier
    patient: Patient
    pathway: Pathway
    reason: Text
    coordinator: Identifier
    clinician: Identifier
    protocol: PinnedProtocol
    approval: ProtocolApproval | None = None
    demonstration: bool = False


class PriorTreatment(InputModel):
    """One earlier treatment and what came of it."""

    type: Identifier
    what: Short
    duration: Short | None = None
    response: Literal["none", "partial", "adequate", "worse", "unknown"]
    stopped_because: Short | None = None


class RecordEvaluation(CommandBody):
    """Record what the evaluation found: sections, prior treatments with responses, function. One evaluator."""

    kind: Literal["evaluation.record"] = "evaluation.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.EVALUATION,)
    sections: dict[Identifier, Text] = {}
    prior_treatments: tuple[PriorTreatment, ...] = ()
    function: dict[Identifier, Text] = {}
    treatment_exception: Text | None = None


class RecordInstrument(CommandBody):
    """Record a completed questionnaire; it is scored here, and an incomplete one has no score."""

    kind: Literal["instrument.record"] = "instrument.record"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    instrument: Instrument
    occasion: Identifier
    answers: Annotated[Json, AfterValidator(_few_answers)]


class ScreeningAnswer(InputModel):
    """Yes, no or unknown to one exclusion. Unknown never passes."""

    answer: Literal["yes", "no", "unknown"]
    note: Short | None = None


class RecordScreening(CommandBody):
    """Answer exclusions, attest candidate criteria, record the factor groups of eligibility and setting."""

    kind: Literal["screening.record"] = "screening.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS)
    exclusions: dict[Identifier, ScreeningAnswer] = {}
    criteria: dict[Identifier, bool] = {}
    factors: dict[Identifier, Text] = {}


class Plan(InputModel):
    """A personalised plan. Milligrams, kilograms, hours."""

    goals: Annotated[tuple[Text, ...], Field(min_length=1)]
    indication: Text
    components: dict[Identifier, Text]
    therapy_absent_because: Text | None = None
    sections: dict[Identifier, Text]
    dose_mg: Annotated[float, Field(gt=0)]
    route: Identifier
    weight_kg: Annotated[float, Field(gt=0, le=500)]
    weighed_at: Instant
    planned_sessions: Annotated[int, Field(ge=1, le=52)]
    spacing_hours: Annotated[int, Field(ge=1)]
    doses_dispensed: Annotated[int, Field(ge=1)]
    setting: Literal["at_home"] = "at_home"


class RecordPlan(CommandBody):
    """Write the plan, or a new revision of it, which must be signed again before any further session."""

    kind: Literal["plan.record"] = "plan.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.EDUCATION, Stage.SESSIONS)
    plan: Plan
    rationale: Text | None = None


class ExplainTopics(CommandBody):
    """A clinician explained education topics to the patient, from content of a named version."""

    kind: Literal["education.explain"] = "education.explain"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    topics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    content_version: Identifier


class Acknowledge(CommandBody):
    """The patient acknowledges statements such as "this is not a cure"."""

    kind: Literal["education.acknowledge"] = "education.acknowledge"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    statements: Annotated[tuple[Identifier, ...], Field(min_length=1)]


class AskQuestion(CommandBody):
    """The patient (or staff for them) asks something; open questions stand before any consent."""

    kind: Literal["question.ask"] = "question.ask"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    text: Text


class AnswerQuestion(CommandBody):
    """A clinician answers a question."""

    kind: Literal["question.answer"] = "question.answer"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    question: Identifier
    text: Text


class GiveConsent(CommandBody):
    """The patient gives consents, each to the version they read."""

    kind: Literal["consent.give"] = "consent.give"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consents: Annotated[dict[Identifier, Identifier], Field(min_length=1)]


class WithdrawConsent(CommandBody):
    """The patient withdraws a consent. Sessions stop at once."""

    kind: Literal["consent.withdraw"] = "consent.withdraw"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consent: Identifier
    reason: Text | None = None


class ScheduleSession(CommandBody):
    """Plan the next session, or move one that has not been released."""

    kind: Literal["session.schedule"] = "session.schedule"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[int, Field(ge=1)]
    starts_at: Instant
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: bool = False


class CancelSession(CommandBody):
    """Cancel a session whose dose has not been taken."""

    kind: Literal["session.cancel"] = "session.cancel"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    reason: Text


class Instruct(CommandBody):
    """Deliver the clinical instructions for a session to the patient."""

    kind: Literal["session.instruct"] = "session.instruct"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    content_version: Identifier


class Vitals(InputModel):
    """One set of measurements: mmHg, beats per minute, percent."""

    systolic: Annotated[int, Field(ge=30, le=300)]
    diastolic: Annotated[int, Field(ge=10, le=250)]
    heart_rate: Annotated[int, Field(ge=10, le=300)] | None = None
    oxygen: Annotated[int, Field(ge=30, le=100)] | None = None
    measured_at: Instant


class Observer(InputModel):
    """The adult who stays with the patient, by opaque reference."""

    ref: Identifier
    adult: bool
    physically_present: bool
    briefed: bool


class CheckSession(CommandBody):
    """Record the pre-session checklist: every item answered, vitals, observer, reachable clinician, location."""

    kind: Literal["session.check"] = "session.check"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    items: dict[Identifier, bool]
    vitals: Vitals
    observer: Observer
    reachable_clinician: Identifier
    reachable_within_minutes: Annotated[int, Field(ge=0)]
    location_state: Identifier
    location_confirmed: bool


class ReleaseSession(CommandBody):
    """Release the session: from here the patient may take the dose. Passes the dose gate or is refused."""

    kind: Literal["session.release"] = "session.release"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[int, Field(ge=1)]


class RecordDose(CommandBody):
    """Record the dose taken. One outside plan or limits is recorded too, as a ``deviation``, and holds care."""

    kind: Literal["session.dose"] = "session.dose"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    dose_mg: Annotated[float, Field(gt=0)]
    route: Identifier
    taken_at: Instant
    doses_left: Annotated[int, Field(ge=0)]
    deviation: Text | None = None


class Observe(CommandBody):
    """Record one structured observation of a running session."""

    kind: Literal["session.observe"] = "session.observe"
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    minute: Annotated[int, Field(ge=0, le=1440)]
    consciousness: Literal["alert", "voice", "pain", "unresponsive"]
    breathing_normal: bool
    vomiting: bool
    vitals: Vitals | None = None
    cadss: Annotated[tuple[Annotated[int, Field(ge=0, le=4)], ...], Field(min_length=6, max_length=6)] | None = None
    red_flags: tuple[Identifier, ...] = ()


class EndSession(CommandBody):
    """End a session once every release criterion is met; contacts afterwards are owed from here on."""

    kind: Literal["session.end"] = "session.end"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[int, Field(ge=1)]
    criteria: dict[Identifier, bool]
    clinician_decision: Text | None = None


class CompleteCheckIn(CommandBody):
    """Answer a check-in that is due, or late. Feeling unwell asks for urgent support in the same step."""

    kind: Literal["check-in.complete"] = "check-in.complete"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = FROM_SESSIONS
    check_in: Identifier
    feeling: Literal["well", "unwell"]
    side_effects: Text
    notes: Text | None = None


class RecordVisit(CommandBody):
    """Record a clinician's visit after a session or in follow-up: three assessments and an outcome class."""

    kind: Literal["visit.record"] = "visit.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_SESSIONS
    visit: Identifier
    assessments: dict[Identifier, Text]
    answers: dict[Identifier, Text] = {}
    outcome: Identifier
    concurrent_care: Text


class ReportAdverseEvent(CommandBody):
    """Report an adverse event: graded 1-5 (CTCAE), and serious or not, which is a different question."""

    kind: Literal["adverse-event.report"] = "adverse-event.report"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.OBSERVER, *STAFF)
    what: Text
    grade: Annotated[int, Field(ge=1, le=5)]
    serious: bool
    serious_because: tuple[Identifier, ...] = ()
    onset: Instant
    session: int | None = None
    causality: Literal["unrelated", "unlikely", "possible", "probable", "definite", "unknown"] = "unknown"
    expected: bool | None = None
    action_taken: Text | None = None


class PlaceHold(CommandBody):
    """Hold a journey. Nothing progresses until a clinician signs its release; safety goes on."""

    kind: Literal["pathway.hold"] = "pathway.hold"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    reason: Text


class RecordCrisisContact(CommandBody):
    """A clinician reached (or could not reach) a patient at risk, and says what was done and what is next."""

    kind: Literal["crisis.record-contact"] = "crisis.record-contact"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    crisis: Identifier
    reached: bool
    assessment: Text
    safety_plan: bool
    next_contact_at: Instant | None = None


class RequestSupport(CommandBody):
    """Ask for support, at any time."""

    kind: Literal["support.request"] = "support.request"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    urgency: Literal["urgent", "clinical", "routine"]
    text: Text


class AnswerSupport(CommandBody):
    """Say what was done about a support request; the wait for it ends."""

    kind: Literal["support.answer"] = "support.answer"
    support: Identifier
    text: Text


class HandleMessage(CommandBody):
    """Ops read a message the service could not, and say what was done about it."""

    kind: Literal["pathway.handle-message"] = "pathway.handle-message"
    roles: ClassVar[tuple[Role, ...]] = (Role.OPS, Role.MEDICAL_DIRECTOR)
    message: Identifier
    text: Text


class Reassign(CommandBody):
    """Hand the journey to another coordinator, clinician or evaluator."""

    kind: Literal["pathway.reassign"] = "pathway.reassign"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, Role.MEDICAL_DIRECTOR)
    duty: Literal["coordinator", "clinician", "evaluator"]
    to: Identifier
    reason: Text


class Cover(CommandBody):
    """Name who stands in for the journey's clinician until a time: they are asked in the meantime."""

    kind: Literal["pathway.cover"] = "pathway.cover"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    licensed: ClassVar[bool] = False
    by: Identifier
    until: Instant
    reason: Text


class Move(CommandBody):
    """The patient moved: another zone or state from now on. Due times already given stay as they are."""

    kind: Literal["pathway.move"] = "pathway.move"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    zone: Zone
    state: Identifier


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


class RecordDeath(CommandBody):
    """Record that the patient died. The journey is frozen and the medical director told at once."""

    kind: Literal["pathway.record-death"] = "pathway.record-death"
    related: Literal["yes", "no", "unknown"]
    reason: Text


class ProposeDischarge(CommandBody):
    """Propose to end follow-up; the discharge takes effect only when signed."""

    kind: Literal["pathway.propose-discharge"] = "pathway.propose-discharge"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.FOLLOW_UP,)
    summary: Text
    ongoing_support: Text


class Amend(CommandBody):
    """Correct a recorded fact: a new event with a reason. The earlier one stays; what rested on it is stale."""

    kind: Literal["pathway.amend"] = "pathway.amend"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    version: Annotated[int, Field(ge=1)]
    reason: Text
    correction: Annotated["Correction", Field(discriminator="kind")]


class Sign(CommandBody):
    """A clinician's decision on exactly the evidence whose hash they name, signed with their own key.

    ``choice`` is needed where the kind of sign-off offers choices (a setting, a response review);
    ``referral`` where the decision ends the pathway for this patient. The signature covers all of it, the journey
    and the signer (`statement`); without one the decision counts for nothing.
    """

    kind: Literal["signoff.sign"] = "signoff.sign"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    request: Identifier
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    signature: Signature | None = None


class WithdrawSignOff(CommandBody):
    """Take back your own decision before it took effect. The request is then made again."""

    kind: Literal["signoff.withdraw"] = "signoff.withdraw"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    licensed: ClassVar[bool] = False
    request: Identifier
    reason: Text


class AddAddendum(CommandBody):
    """Add to a decision, yours or a colleague's, after it was made. The decision itself stays as it was signed."""

    kind: Literal["signoff.addendum"] = "signoff.addendum"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    request: Identifier
    text: Text


class Delegate(CommandBody):
    """Let a named colleague decide in your place, on some kinds of sign-off, until a time.

    They sign as themselves, with their own key and licence. What was delegated to you cannot be passed on. You sign
    for it as for a decision: or anybody who can send a message could lend themselves your right.
    """

    kind: Literal["signoff.delegate"] = "signoff.delegate"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    to: Identifier
    sign_offs: Annotated[tuple[SignOffKind, ...], Field(min_length=1)]
    until: Instant
    reason: Text
    signature: Signature | None = None


class EndDelegation(CommandBody):
    """End a delegation before its time: by whoever gave it, or by the medical director."""

    kind: Literal["signoff.end-delegation"] = "signoff.end-delegation"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    licensed: ClassVar[bool] = False
    delegation: Identifier


class AnswerReturned(CommandBody):
    """Answer the question a sign-off request was returned with; it is then asked for again."""

    kind: Literal["signoff.answer"] = "signoff.answer"
    request: Identifier
    text: Text


class BreakGlass(CommandBody):
    """Look at a journey of another clinic than your own, in an emergency. It needs a reason, is for a time, and is
    reviewed (45 CFR 164.312(a)(2)(ii), emergency access)."""

    kind: Literal["access.break-glass"] = "access.break-glass"
    roles: ClassVar[tuple[Role, ...]] = (*STAFF, Role.OPS)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    reason: Text


class ReviewAccess(CommandBody):
    """Say whether somebody who broke the glass had reason to. Not for whoever broke it; the protocol says for whom."""

    kind: Literal["access.review"] = "access.review"
    roles: ClassVar[tuple[Role, ...]] = (*STAFF, Role.OPS)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    access: Identifier
    justified: bool
    text: Text


class PassDeadline(CommandBody):
    """The clock: the earliest deadline has come."""

    kind: Literal["clock.pass-deadline"] = "clock.pass-deadline"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS


class KeepUnreadable(CommandBody):
    """The shell: a message came that could not be read. It is kept, and care is held until ops have seen it."""

    kind: Literal["clock.keep-unreadable"] = "clock.keep-unreadable"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    name: Short
    content: Annotated[str, StringConstraints(max_length=16_000)]


Correction = RecordEvaluation | RecordInstrument | RecordScreening | CheckSession | RecordDose | Observe | RecordVisit

AnyBody = Annotated[
    StartPathway
    | RecordEvaluation
    | RecordInstrument
    | RecordScreening
    | RecordPlan
    | ExplainTopics
    | Acknowledge
    | AskQuestion
    | AnswerQuestion
    | GiveConsent
    | WithdrawConsent
    | ScheduleSession
    | CancelSession
    | Instruct
    | CheckSession
    | ReleaseSession
    | RecordDose
    | Observe
    | EndSession
    | CompleteCheckIn
    | RecordVisit
    | ReportAdverseEvent
    | PlaceHold
    | RecordCrisisContact
    | RequestSupport
    | AnswerSupport
    | HandleMessage
    | Reassign
    | Cover
    | Move
    | Withdraw
    | Transfer
    | StopForSafety
    | RecordDeath
    | ProposeDischarge
    | Amend
    | Sign
    | WithdrawSignOff
    | AddAddendum
    | Delegate
    | EndDelegation
    | AnswerReturned
    | BreakGlass
    | ReviewAccess
    | PassDeadline
    | KeepUnreadable,
    Field(discriminator="kind"),
]


SIGNED = (Sign, Delegate)
"""What counts only with the signature of whoever sends it."""


class Command(InputModel):
    """One request, by one actor, with an id that makes it happen once however often it arrives."""

    command_id: UUID
    actor: Actor
    body: AnyBody

    @property
    def limit(self) -> int:
        """The most bytes it may have as JSON: a start brings its protocol along."""
        return START_LIMIT if isinstance(self.body, StartPathway) else COMMAND_LIMIT

    @property
    def too_large(self) -> bool:
        """Whether it is larger than that."""
        return len(self.model_dump_json().encode()) > self.limit


Amend.model_rebuild()
