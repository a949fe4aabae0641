"""Who signs what, within which time, and who reviews an emergency access."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, Role
from workflows.journey.vocabulary.base import Flag, Identifier, InputModel
from workflows.journey.vocabulary.signed_statement import Meaning


class SignOffKind(StrEnum):
    """What a clinician may be asked to sign."""

    EVALUATION = "evaluation"
    EXCLUSION_REVIEW = "exclusion_review"
    ELIGIBILITY = "eligibility"
    PLAN = "plan"
    CLEARANCE = "clearance"
    END_DECISION = "end_decision"
    ATTESTATION = "attestation"
    RESPONSE_REVIEW = "response_review"
    HOLD_RELEASE = "hold_release"
    SEVERE_HOLD_RELEASE = "severe_hold_release"
    RISK_LEVEL = "risk_level"
    CRISIS_REACHED = "crisis_reached"
    RISK_DECISION = "risk_decision"
    ADVERSE_EVENT = "adverse_event"
    SERIOUS_ADVERSE_EVENT = "serious_adverse_event"
    PERMISSION = "permission"
    CONSENT_VERSION = "consent_version"
    DEATH = "death"
    DEATH_CORRECTION = "death_correction"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"
    DISCHARGE = "discharge"
    PATIENT_MERGE = "patient_merge"
    PATIENT_UNMERGE = "patient_unmerge"
    HANDOVER = "handover"
    PATIENT_LIMITS = "patient_limits"
    LIMIT_OVERRIDE = "limit_override"


class SignOffRule(InputModel):
    """Who may sign, how long they have, which decisions they may choose from, and whether they must say why.

    Where ``cosigned_by`` names roles, an approval counts once a second person in one of them has signed it too.
    ``not_author``: whoever wrote what is to be decided does not decide it.
    """

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    """Roles of which one person signs; the first one is asked."""
    cosigned_by: tuple[Role, ...] = ()
    """Roles of which a second person signs an approval too. None: one signature is enough."""
    not_author: Flag = False
    """Whether whoever wrote what is decided on may not decide it."""
    escalation_policy: Identifier
    """How long there is to sign, and what happens when nobody does."""
    meaning: Meaning
    """What signing means (21 CFR 11.50). Each kind has one."""
    choices: tuple[Identifier, ...] = ()
    """What an approval chooses from, where there is something to choose."""
    rationale: Flag = False
    """Whether an approval needs its reason. A decline or a return always does."""

    @model_validator(mode="after")
    def _clinical(self) -> Self:
        if any(role not in CLINICAL for role in (*self.roles, *self.cosigned_by)):
            raise ValueError(f"only {', '.join(CLINICAL)} may sign")
        return self


class AccessReviewer(InputModel):
    """A role that reviews why somebody broke the glass, and the escalation policy by which it is asked."""

    by: Role
    """The role."""
    escalation_policy: Identifier
    """How long there is to review, and what happens when nobody does."""

    @model_validator(mode="after")
    def _staff(self) -> Self:
        if self.by not in STAFF_ROLES:
            raise ValueError(f"only {', '.join(STAFF_ROLES)} may review")
        return self
