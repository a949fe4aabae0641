"""Adverse events and suicide risk: grades, severities and what follows from them."""

from typing import Annotated

from pydantic import Field

from workflows.journey.protocol.common import Count
from workflows.journey.vocabulary.base import InputModel, Whole
from workflows.journey.vocabulary.severity import Severity, worst

Grade = Annotated[Whole, Field(ge=1, le=5)]
"""A CTCAE grade: mild, moderate, severe, life-threatening, death."""


class EmergencyGrades(InputModel):
    """The CTCAE grade of the adverse event that an emergency opens by itself, until a clinician grades it."""

    unresponsive: Grade
    """Of a patient who responds only to pain, or not at all."""
    breathing: Grade
    """Of breathing that is not normal."""
    red_flag: Grade
    """Of one of ``sessions.red_flags``."""
    vital_signs: Grade
    """Of vital signs at ``sessions.vitals.emergency``."""
    overdose: Grade
    """Of a dose from ``overdose_from_percent`` on."""
    unknown_dose: Grade
    """Of a dose of which nobody knows how much it was: not below that of an overdose."""
    unreleased_dose: Grade
    """Of a dose that was not released, or was taken under a hold."""
    second_dose: Grade
    """Of a second dose in one session."""


class SeverityGrades(InputModel):
    """The CTCAE grades from which an adverse event is of a severity. Below all of them it is routine."""

    clinical: Grade
    """From which grade it is clinical."""
    urgent: Grade
    """From which grade it is urgent."""
    emergency: Grade
    """From which grade it is an emergency."""

    def of(self, grade: int) -> Severity:
        """Return the severity of a grade."""
        return worst(*(Severity(name) for name, least in self if grade >= least))


class AdverseEvents(InputModel):
    """From which grade (CTCAE 1-5) a report holds care, how hard it is escalated, and how it is followed up."""

    hold_from_grade: Grade
    """CTCAE grade from which a report holds care. A serious event always does."""
    severe_from_grade: Grade
    """CTCAE grade from which that hold is severe, and the review is that of a serious event."""
    severity_from_grade: SeverityGrades
    """How severe an event is by its grade. From ``urgent`` on an alarm by the escalation policy of that name goes on
    until it is reviewed."""
    severity_if_serious: Severity
    """How severe a serious event is at least, whatever its grade."""
    emergency_grades: EmergencyGrades
    """With which grade an emergency opens its adverse event."""
    overdose_from_percent: Annotated[Whole, Field(gt=100)]
    """Percent of the planned dose from which on a dose is an overdose, and so an emergency."""
    follow_up_days: Count
    """Days from one follow-up of an event to the next, until its outcome is final."""
    severe_follow_up_days: Count
    """The same for an event that is severe or serious."""


class Crises(InputModel):
    """What is owed to a patient after suicide risk was found."""

    next_contact_within_hours: Count
    """Hours after a contact within which a clinician speaks with the patient again, until the crisis is closed."""
