"""The five stages of every pathway, and where a journey can end."""

from enum import StrEnum


class Stage(StrEnum):
    """The stages, in their order."""

    EVALUATION = "evaluation"
    SCREENING = "screening"
    EDUCATION = "education"
    SESSIONS = "sessions"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"


class Outcome(StrEnum):
    """Named exits. All of them are ordinary outcomes."""

    COMPLETED = "completed"
    INELIGIBLE = "ineligible"
    IN_CLINIC = "in_clinic"
    STOPPED_FOR_SAFETY = "stopped_for_safety"
    TRANSFERRED = "transferred"
    WITHDRAWN = "withdrawn"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"
    DECEASED = "deceased"


NOT_SAFE = (Outcome.STOPPED_FOR_SAFETY, Outcome.INELIGIBLE)
"""Exits that the patient's next journey must look at: treatment was found not to be safe for them."""
