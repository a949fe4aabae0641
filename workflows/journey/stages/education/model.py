"""Education, planning and consents: commands, events and state."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.actors import CLINICAL, STAFF, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.base import Identifier, ImmutableModel, InputModel, SortedDict, Text, Whole
from workflows.journey.calendars import Instant
from workflows.journey.entries import Entries, put
from workflows.journey.envelopes import (
    FROM_EDUCATION,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    changed_entry,
    in_short,
)
from workflows.journey.protocol import SignOffKind
from workflows.journey.stage import Stage
from workflows.journey.vocabulary import IN_CLINIC, Plan


class PlanBasis(InputModel):
    """What a change of plan rests on: scores by the versions at which they were recorded, and safety data by their ids
    (session-1, adverse-event-1, check-in-1-24h, visit-1)."""

    scores: tuple[Annotated[Whole, Field(ge=1)], ...] = ()
    safety: tuple[Identifier, ...] = ()


class RecordPlan(CommandBody):
    """Write the plan, or a new revision of it, which must be signed before any further session.

    A revision names one of the protocol's reasons, says why in words, and on which scores and safety data it rests.
    """

    kind: Literal["plan.record"] = "plan.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.EDUCATION, Stage.SESSIONS)
    plan: Plan
    reason: Identifier | None = None
    rationale: Text | None = None
    rests_on: PlanBasis | None = None


class ExplainTopics(CommandBody):
    """A clinician explained education topics to the patient, from content of a named version."""

    kind: Literal["education.explain"] = "education.explain"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    topics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    content_version: Identifier


class ConfirmUnderstanding(CommandBody):
    """A clinician had the patient say topics in their own words (teach-back). What was not understood is explained
    again."""

    kind: Literal["education.confirm"] = "education.confirm"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    topics: Annotated[SortedDict[Identifier, Literal["understood", "explain_again"]], Field(min_length=1)]
    in_their_words: Text


class SendReading(CommandBody):
    """Send the patient background reading, also before the evaluation. Nothing about the medicine is among it."""

    kind: Literal["education.send"] = "education.send"
    licensed: ClassVar[bool] = False
    reading: Identifier
    content_version: Identifier


class ConfirmReading(CommandBody):
    """The patient read what was sent to them, in this version."""

    kind: Literal["education.read"] = "education.read"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    reading: Identifier
    content_version: Identifier


class Acknowledge(CommandBody):
    """The patient acknowledges statements such as "this is not a cure"."""

    kind: Literal["education.acknowledge"] = "education.acknowledge"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    statements: Annotated[tuple[Identifier, ...], Field(min_length=1)]


class AskQuestion(CommandBody):
    """The patient (or staff for them) asks something. Consent waits until the question is answered."""

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
    consents: Annotated[SortedDict[Identifier, Identifier], Field(min_length=1)]


class EnterPaperConsent(CommandBody):
    """Enter consents that the patient signed on paper. They count once somebody else who saw it has witnessed it."""

    kind: Literal["consent.enter-paper"] = "consent.enter-paper"
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consents: Annotated[SortedDict[Identifier, Identifier], Field(min_length=1)]
    signed_at: Instant
    document_ref: Identifier


class WitnessConsent(CommandBody):
    """Somebody other than who entered a consent on paper saw it, and that the patient signed it."""

    kind: Literal["consent.witness"] = "consent.witness"
    attempts_kept: ClassVar[bool] = True
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    paper: Identifier


class ProposeConsentVersion(CommandBody):
    """Propose that another version of a consent counts for this journey. It does once it is signed, and then the
    patient is asked again."""

    kind: Literal["consent.propose-version"] = "consent.propose-version"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consent: Identifier
    version: Identifier
    reason: Text


class WithdrawConsent(CommandBody):
    """The patient withdraws a consent. Sessions stop at once."""

    kind: Literal["consent.withdraw"] = "consent.withdraw"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consent: Identifier
    reason: Text | None = None


class PlanRecorded(EventBody):
    """A plan, or a new ``revision`` of it, counted from 1. It must be signed before any further session."""

    kind: Literal["plan.recorded"] = "plan.recorded"
    plan: Plan
    revision: int
    reason: Identifier | None = None
    rationale: Text | None = None
    rests_on: PlanBasis | None = None


class TopicsExplained(EventBody):
    """A clinician explained these topics, from content of this version."""

    kind: Literal["education.explained"] = "education.explained"
    topics: tuple[Identifier, ...]
    content_version: Identifier


class UnderstandingConfirmed(EventBody):
    """A clinician heard the topics in the patient's own words: which were understood, and which are explained again."""

    kind: Literal["education.confirmed"] = "education.confirmed"
    topics: SortedDict[Identifier, Literal["understood", "explain_again"]]
    in_their_words: Text


class ReadingSent(EventBody):
    """Background reading was sent to the patient, in this version."""

    kind: Literal["education.sent"] = "education.sent"
    reading: Identifier
    content_version: Identifier


class ReadingConfirmed(EventBody):
    """The patient read what was sent to them."""

    kind: Literal["education.reading-confirmed"] = "education.reading-confirmed"
    reading: Identifier
    content_version: Identifier


class StatementsAcknowledged(EventBody):
    """The patient acknowledged these statements."""

    kind: Literal["education.acknowledged"] = "education.acknowledged"
    statements: tuple[Identifier, ...]


class QuestionAsked(EventBody):
    """The patient, or staff for them, asked something."""

    kind: Literal["question.asked"] = "question.asked"
    opens: ClassVar = ("question", "questions")
    question: Identifier
    text: Text


class QuestionAnswered(EventBody):
    """A clinician answered a question."""

    kind: Literal["question.answered"] = "question.answered"
    question: Identifier
    text: Text


class ConsentGiven(EventBody):
    """The patient consented, each time to the version they read."""

    kind: Literal["consent.given"] = "consent.given"
    consents: SortedDict[Identifier, Identifier]


class PaperConsentEntered(EventBody):
    """Consents on paper, when the patient signed them (UTC) and where the paper is. They wait for a witness."""

    kind: Literal["consent.paper-entered"] = "consent.paper-entered"
    paper: Identifier
    consents: SortedDict[Identifier, Identifier]
    signed_at: Instant
    document_ref: Identifier


class ConsentWitnessed(EventBody):
    """A second person saw the paper, and that the patient signed it."""

    kind: Literal["consent.witnessed"] = "consent.witnessed"
    paper: Identifier


class ConsentVersionProposed(EventBody):
    """Another version of a consent is to count for this journey. It does once it is signed."""

    kind: Literal["consent.version-proposed"] = "consent.version-proposed"
    consent: Identifier
    version: Identifier
    reason: Text


class ConsentVersionChanged(EventBody):
    """From here on this version of a consent counts for this journey. An earlier one does no more."""

    kind: Literal["consent.version-changed"] = "consent.version-changed"
    consent: Identifier
    version: Identifier


class ConsentWithdrawn(EventBody):
    """The patient withdrew a consent."""

    kind: Literal["consent.withdrawn"] = "consent.withdrawn"
    consent: Identifier
    reason: Text | None = None


class Reading(ImmutableModel):
    """Background reading that was sent, in which version and when (UTC), and when the patient had read it."""

    content_version: Identifier
    sent_at: Instant
    read_at: Instant | None = None


class Education(ImmutableModel):
    """Topics explained, each with the version of its content, those the patient could say in their own words,
    statements acknowledged, and background reading; when (UTC) each was explained or acknowledged last."""

    explained: dict[Identifier, Identifier] = {}
    explained_at: dict[Identifier, Instant] = {}
    understood: tuple[Identifier, ...] = ()
    understood_at: Instant | None = None
    """When a clinician last heard it in the patient's own words (UTC)."""
    reading: dict[Identifier, Reading] = {}
    acknowledged: tuple[Identifier, ...] = ()
    acknowledged_at: dict[Identifier, Instant] = {}


class Question(ImmutableModel):
    """A question, and its answer once there is one."""

    id: Identifier
    text: Text
    answer: Text | None = None
    in_error: bool = False


class PaperConsent(ImmutableModel):
    """Consents on paper that nobody has witnessed yet, and who entered them."""

    id: Identifier
    consents: dict[Identifier, Identifier]
    signed_at: Instant
    document_ref: Identifier
    entered_by: Identifier


class ProposedConsent(ImmutableModel):
    """Another version of a consent that waits for its signature, and who proposed it."""

    consent: Identifier
    version: Identifier
    reason: Text
    by: Identifier


class EducationState(PathwayState):
    """The plan, and what the patient was told, asked and agreed to.

    ``counted_weight_kg`` is the body weight that a limit per kg rests on: the plan's, or a lower one
    (`counted_weight`).
    ``plan_owed_since`` is the version of the review that asked for a new plan. ``consents`` are those in force, each
    with the version the patient read, given when ``consented_at`` says (UTC); ``papers`` wait for a witness.
    ``renewed_consents`` are the versions that count in place of the protocol's, by a signed decision.
    """

    plan: Plan | None = None
    plan_revision: int = 0
    plan_reason: Identifier | None = None
    plan_rationale: Text | None = None
    plan_basis: PlanBasis | None = None
    plan_author: Identifier | None = None
    counted_weight_kg: float | None = None
    plan_owed_since: int | None = None
    education: Education = Education()
    questions: Entries[Identifier, Question] = Entries()
    consents: dict[Identifier, Identifier] = {}
    consented_at: dict[Identifier, Instant] = {}
    papers: dict[Identifier, PaperConsent] = {}
    papers_entered: int = 0
    consents_withdrawn_at: dict[Identifier, Instant] = {}
    proposed_consents: dict[Identifier, ProposedConsent] = {}
    renewed_consents: dict[Identifier, Identifier] = {}

    @property
    def consent_versions(self) -> dict[str, str]:
        """The version of each consent that counts for this journey."""
        return {**self.protocol.consents, **self.renewed_consents}


def counted_weight(state: EducationState, plan: Plan) -> float:
    """Return the body weight (kg) that a limit per kg rests on with this plan. One that is implausibly far above the
    one before may be in another unit, or mistyped: the lower one counts until the patient was weighed again and that
    agrees. A lower one counts at once."""
    before, counted = state.plan, state.counted_weight_kg
    if before is None or counted is None:
        return plan.weight_kg
    share = (state.protocol.dose.weight_max_change_pct or 0) / 100
    agrees = abs(plan.weight_kg - before.weight_kg) <= round(before.weight_kg * share, 6)
    near = plan.weight_kg <= round(counted * (1 + share), 6)
    return plan.weight_kg if near or (agrees and plan.weighed_at > before.weighed_at) else counted


def _planned(state: EducationState, body: PlanRecorded, event: EventHeader) -> Changes:
    return {
        "plan": body.plan,
        "plan_revision": body.revision,
        "plan_reason": body.reason,
        "plan_rationale": body.rationale,
        "plan_basis": body.rests_on,
        "plan_author": event.actor_id,
        "counted_weight_kg": counted_weight(state, body.plan),
        "plan_owed_since": None,
    }


def _reviewed(state: EducationState, body: SignedOff, event: EventHeader) -> Changes:
    """A response review that adjusts treatment, sends the patient to the clinic or goes over to maintenance asks for a
    new plan. A version of a
    consent that is declined is not proposed any more."""
    if body.sign_off == SignOffKind.CONSENT_VERSION and body.decision == "decline":
        left = {name: each for name, each in state.proposed_consents.items() if name != body.subject}
        return {"proposed_consents": left}
    review = body.sign_off == SignOffKind.RESPONSE_REVIEW and not body.first_of_two
    switched = body.choice == "switch_to_in_clinic" and IN_CLINIC in state.protocol.sessions.settings
    owed = review and (switched or body.choice in ("adjust", "maintenance"))
    return {"plan_owed_since": event.version} if owed else {}


def _explained(state: EducationState, body: TopicsExplained, event: EventHeader) -> Changes:
    explained = {**state.education.explained, **dict.fromkeys(body.topics, body.content_version)}
    understood = tuple(topic for topic in state.education.understood if topic not in body.topics)
    times = {**state.education.explained_at, **dict.fromkeys(body.topics, event.at)}
    known = {"explained": explained, "explained_at": times, "understood": understood}
    return {"education": state.education.model_copy(update=known)}


def _confirmed(state: EducationState, body: UnderstandingConfirmed, event: EventHeader) -> Changes:
    """What is to be explained again counts as not explained."""
    known = state.education
    again = [topic for topic, heard in body.topics.items() if heard == "explain_again"]
    heard = sorted(topic for topic in body.topics if topic not in again)
    understood = tuple(topic for topic in dict.fromkeys((*known.understood, *heard)) if topic not in again)
    explained = {topic: version for topic, version in known.explained.items() if topic not in again}
    changed = {"explained": explained, "understood": understood, "understood_at": event.at}
    return {"education": known.model_copy(update=changed)}


def _sent(state: EducationState, body: ReadingSent, event: EventHeader) -> Changes:
    sent = Reading(content_version=body.content_version, sent_at=event.at)
    return {
        "education": state.education.model_copy(update={"reading": {**state.education.reading, body.reading: sent}})
    }


def _read(state: EducationState, body: ReadingConfirmed, event: EventHeader) -> Changes:
    reading = state.education.reading
    if body.reading not in reading:
        return {}
    read = reading[body.reading].model_copy(update={"read_at": event.at})
    return {"education": state.education.model_copy(update={"reading": {**reading, body.reading: read}})}


def _acknowledged(state: EducationState, body: StatementsAcknowledged, event: EventHeader) -> Changes:
    acknowledged = tuple(dict.fromkeys((*state.education.acknowledged, *body.statements)))
    times = {**state.education.acknowledged_at, **dict.fromkeys(body.statements, event.at)}
    return {"education": state.education.model_copy(update={"acknowledged": acknowledged, "acknowledged_at": times})}


def _asked(state: EducationState, body: QuestionAsked, event: EventHeader) -> Changes:
    return {"questions": put(state.questions, body.question, Question(id=body.question, text=body.text))}


def _answered(state: EducationState, body: QuestionAnswered, event: EventHeader) -> Changes:
    question = state.questions.get(body.question)
    text = {} if question is None else {"text": in_short(question.text)}
    return changed_entry(state, "questions", body.question, answer=in_short(body.text), **text)


def _consented(state: EducationState, body: ConsentGiven, event: EventHeader) -> Changes:
    return {
        "consents": {**state.consents, **body.consents},
        "consented_at": {**state.consented_at, **dict.fromkeys(body.consents, event.at)},
    }


def _withdrawn(state: EducationState, body: ConsentWithdrawn, event: EventHeader) -> Changes:
    """A paper that waits for its witness is void with what it says."""
    return {
        "consents": {name: version for name, version in state.consents.items() if name != body.consent},
        "papers": {name: paper for name, paper in state.papers.items() if body.consent not in paper.consents},
        "consents_withdrawn_at": {**state.consents_withdrawn_at, body.consent: event.at},
    }


def _paper_entered(state: EducationState, body: PaperConsentEntered, event: EventHeader) -> Changes:
    paper = PaperConsent(
        id=body.paper,
        consents=body.consents,
        signed_at=body.signed_at,
        document_ref=body.document_ref,
        entered_by=event.actor_id,
    )
    return {"papers": {**state.papers, paper.id: paper}, "papers_entered": state.papers_entered + 1}


def _witnessed(state: EducationState, body: ConsentWitnessed, event: EventHeader) -> Changes:
    paper = state.papers.get(body.paper)
    given = {} if paper is None else paper.consents
    papers = {name: each for name, each in state.papers.items() if name != body.paper}
    signed = {} if paper is None else dict.fromkeys(given, paper.signed_at)
    consented = {"consents": {**state.consents, **given}, "consented_at": {**state.consented_at, **signed}}
    return {"papers": papers, **consented}


def _version_proposed(state: EducationState, body: ConsentVersionProposed, event: EventHeader) -> Changes:
    proposed = ProposedConsent(consent=body.consent, version=body.version, reason=body.reason, by=event.actor_id)
    return {"proposed_consents": {**state.proposed_consents, body.consent: proposed}}


def _version_changed(state: EducationState, body: ConsentVersionChanged, event: EventHeader) -> Changes:
    return {
        "renewed_consents": {**state.renewed_consents, body.consent: body.version},
        "proposed_consents": {name: p for name, p in state.proposed_consents.items() if name != body.consent},
    }


EVOLUTIONS: Evolutions = {
    PlanRecorded: _planned,
    SignedOff: _reviewed,
    TopicsExplained: _explained,
    StatementsAcknowledged: _acknowledged,
    QuestionAsked: _asked,
    QuestionAnswered: _answered,
    ConsentGiven: _consented,
    ConsentWithdrawn: _withdrawn,
    PaperConsentEntered: _paper_entered,
    ConsentWitnessed: _witnessed,
    ConsentVersionProposed: _version_proposed,
    ConsentVersionChanged: _version_changed,
    UnderstandingConfirmed: _confirmed,
    ReadingSent: _sent,
    ReadingConfirmed: _read,
}
