"""What happened in education, planning and consents."""

from typing import ClassVar, Literal

from workflows.journey.envelopes import EventBody
from workflows.journey.stages.education.commands import PlanBasis
from workflows.journey.vocabulary.base import Identifier, SortedDict, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Location, Plan


class PlanRecorded(EventBody):
    """A plan, or a new ``revision`` of it, counted from 1. It must be signed before any further session.

    ``weighed_by_another``: it is not by who gave the weight of the plan before."""

    kind: Literal["plan.recorded"] = "plan.recorded"
    plan: Plan
    revision: int
    reason: Identifier | None = None
    rationale: Text | None = None
    rests_on: PlanBasis | None = None
    weighed_by_another: bool = False


class TopicsExplained(EventBody):
    """A clinician explained these topics, from content of this version."""

    kind: Literal["education.explained"] = "education.explained"
    topics: tuple[Identifier, ...]
    content_version: Identifier
    location: Location


class UnderstandingConfirmed(EventBody):
    """A clinician heard the topics in the patient's own words: which were understood, and which are explained again."""

    kind: Literal["education.confirmed"] = "education.confirmed"
    topics: SortedDict[Identifier, Literal["understood", "explain_again"]]
    in_their_words: Text
    location: Location
    interpreter: Identifier | None = None


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
