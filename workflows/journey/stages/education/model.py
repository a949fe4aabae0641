"""Education, planning and consents: commands, events and state."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.actors import CLINICAL, STAFF, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.base import Identifier, ImmutableModel, InputModel, Text
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import (
    FROM_EDUCATION,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    changed_entry,
)
from workflows.journey.protocol import SignOffKind
from workflows.journey.stage import Stage
from workflows.journey.vocabulary import Plan


class PlanBasis(InputModel):
    """What a change of plan rests on: scores by the versions at which they were recorded, and safety data by their ids
    (session-1, adverse-event-1, check-in-1-24h, visit-1)."""

    scores: tuple[Annotated[int, Field(ge=1)], ...] = ()
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
    consents: Annotated[dict[Identifier, Identifier], Field(min_length=1)]


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


class StatementsAcknowledged(EventBody):
    """The patient acknowledged these statements."""

    kind: Literal["education.acknowledged"] = "education.acknowledged"
    statements: tuple[Identifier, ...]


class QuestionAsked(EventBody):
    """The patient, or staff for them, asked something."""

    kind: Literal["question.asked"] = "question.asked"
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
    consents: dict[Identifier, Identifier]


class ConsentWithdrawn(EventBody):
    """The patient withdrew a consent."""

    kind: Literal["consent.withdrawn"] = "consent.withdrawn"
    consent: Identifier
    reason: Text | None = None


class Education(ImmutableModel):
    """Topics explained, each with the version of its content, and statements acknowledged; when (UTC) each was last."""

    explained: dict[Identifier, Identifier] = {}
    explained_at: dict[Identifier, Instant] = {}
    acknowledged: tuple[Identifier, ...] = ()
    acknowledged_at: dict[Identifier, Instant] = {}


class Question(ImmutableModel):
    """A question, and its answer once there is one."""

    id: Identifier
    text: Text
    answer: Text | None = None


class EducationState(PathwayState):
    """The plan, and what the patient was told, asked and agreed to.

    ``plan_owed_since`` is the version of the review that asked for a new plan. ``consents`` are those in force, each
    with the version the patient read, given when ``consented_at`` says (UTC).
    """

    plan: Plan | None = None
    plan_revision: int = 0
    plan_reason: Identifier | None = None
    plan_rationale: Text | None = None
    plan_basis: PlanBasis | None = None
    plan_author: Identifier | None = None
    plan_owed_since: int | None = None
    education: Education = Education()
    questions: dict[Identifier, Question] = {}
    consents: dict[Identifier, Identifier] = {}
    consented_at: dict[Identifier, Instant] = {}


def _planned(state: EducationState, body: PlanRecorded, event: EventHeader) -> Changes:
    return {
        "plan": body.plan,
        "plan_revision": body.revision,
        "plan_reason": body.reason,
        "plan_rationale": body.rationale,
        "plan_basis": body.rests_on,
        "plan_author": event.actor_id,
        "plan_owed_since": None,
    }


def _reviewed(state: EducationState, body: SignedOff, event: EventHeader) -> Changes:
    """A response review that adjusts treatment, or goes over to maintenance, asks for a new plan."""
    review = body.sign_off == SignOffKind.RESPONSE_REVIEW and not body.first_of_two
    return {"plan_owed_since": event.version} if review and body.choice in ("adjust", "maintenance") else {}


def _explained(state: EducationState, body: TopicsExplained, event: EventHeader) -> Changes:
    explained = {**state.education.explained, **dict.fromkeys(body.topics, body.content_version)}
    times = {**state.education.explained_at, **dict.fromkeys(body.topics, event.at)}
    return {"education": state.education.model_copy(update={"explained": explained, "explained_at": times})}


def _acknowledged(state: EducationState, body: StatementsAcknowledged, event: EventHeader) -> Changes:
    acknowledged = tuple(dict.fromkeys((*state.education.acknowledged, *body.statements)))
    times = {**state.education.acknowledged_at, **dict.fromkeys(body.statements, event.at)}
    return {"education": state.education.model_copy(update={"acknowledged": acknowledged, "acknowledged_at": times})}


def _asked(state: EducationState, body: QuestionAsked, event: EventHeader) -> Changes:
    return {"questions": {**state.questions, body.question: Question(id=body.question, text=body.text)}}


def _answered(state: EducationState, body: QuestionAnswered, event: EventHeader) -> Changes:
    return changed_entry(state, "questions", body.question, answer=body.text)


def _consented(state: EducationState, body: ConsentGiven, event: EventHeader) -> Changes:
    return {
        "consents": {**state.consents, **body.consents},
        "consented_at": {**state.consented_at, **dict.fromkeys(body.consents, event.at)},
    }


def _withdrawn(state: EducationState, body: ConsentWithdrawn, event: EventHeader) -> Changes:
    return {
        "consents": {name: version for name, version in state.consents.items() if name != body.consent},
        "consented_at": {name: given for name, given in state.consented_at.items() if name != body.consent},
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
}
