"""The plan, and what the patient was told, asked and agreed to."""

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries
from workflows.journey.stages.education.commands import PlanBasis
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Plan


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
    unclear_at: Instant | None = None
    """When it last turned out (UTC) that the patient had not understood: they agreed to nothing before that."""
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

    ``counted_weight_kg`` is the body weight that a limit per kg rests on: the plan's, or a lower one (`weigh`). It rose
    from ``weight_rose_from_kg``, last at ``weight_rose_at`` (UTC). ``weighed_by`` gave the plan's, and
    ``weight_confirmed`` says whether it agrees with the one before, that somebody else had given.
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
    weight_rose_from_kg: float | None = None
    weight_rose_at: Instant | None = None
    weighed_by: Identifier | None = None
    weight_confirmed: bool = False
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
