"""What is asked of education, planning and consents."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.envelopes import ALWAYS, FROM_EDUCATION, CommandBody
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, SortedDict, Text, Whole
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Location, Plan
from workflows.journey.vocabulary.stage import Stage


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
    """A clinician explained education topics to the patient, from content of a named version, and where the patient
    was."""

    kind: Literal["education.explain"] = "education.explain"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    topics: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    content_version: Identifier
    location: Location


class ConfirmUnderstanding(CommandBody):
    """A clinician had the patient say topics in their own words (teach-back), by whose interpreting where they need
    that, and where the patient was. What was not understood is explained again."""

    kind: Literal["education.confirm"] = "education.confirm"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    topics: Annotated[SortedDict[Identifier, Literal["understood", "explain_again"]], Field(min_length=1)]
    in_their_words: Text
    location: Location
    interpreter: Identifier | None = None


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
    """The patient (or staff for them) asks something. Consent waits until the question is answered, and so
    does the ending of a pathway."""

    kind: Literal["question.ask"] = "question.ask"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    text: Text


class AnswerQuestion(CommandBody):
    """A clinician answers a question."""

    kind: Literal["question.answer"] = "question.answer"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
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
    licensed: ClassVar[bool] = False
    stages: ClassVar[tuple[Stage, ...]] = FROM_EDUCATION
    consents: Annotated[SortedDict[Identifier, Identifier], Field(min_length=1)]
    signed_at: Instant
    document_ref: Identifier


class WitnessConsent(CommandBody):
    """Somebody other than who entered a consent on paper saw it, and that the patient signed it."""

    kind: Literal["consent.witness"] = "consent.witness"
    licensed: ClassVar[bool] = False
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
    """The patient withdraws a consent, also once the pathway is closed. Sessions stop at once."""

    kind: Literal["consent.withdraw"] = "consent.withdraw"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    consent: Identifier
    reason: Text | None = None
