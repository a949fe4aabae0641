"""Check-ins, visits, reviews and follow-up, each in its window."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from workflows.journey.protocol.common import Count
from workflows.journey.vocabulary.base import Identifier, InputModel, Whole


class Window(InputModel):
    """When what is due counts as done in its time. Sooner it is not it, and later it is late."""

    opens_hours_before: Annotated[Whole, Field(ge=0)]
    """Hours before it is due from which on it may be done."""
    closes_hours_after: Count
    """Hours after it is due until which it may be done. A clinician decides on what was missed."""

    def opens(self, due: datetime) -> datetime:
        """Return when it opens (UTC), for a due time in UTC."""
        return due - timedelta(hours=self.opens_hours_before)

    def closes(self, due: datetime) -> datetime:
        """Return when it closes (UTC), for a due time in UTC."""
        return due + timedelta(hours=self.closes_hours_after)


class AfterSession(InputModel):
    """A contact owed ``hours`` after a dose; answered ones stop the escalation policy."""

    hours: Count
    """Hours after the dose at which the check-in is due."""
    escalation_policy: Identifier
    """What happens when it is not answered."""
    window: Window
    """When an answer is the answer to this check-in."""


class CheckIns(InputModel):
    """When a patient is asked how they are after a dose, and between sessions."""

    after_session: Annotated[tuple[AfterSession, ...], Field(min_length=1)]
    """Check-ins owed after every dose, by time."""
    owed_hours: Count
    """Hours after a dose until which the contacts after it are owed, whatever ends in the meantime."""
    then_every_days: Count
    """Days from an answered check-in to the next, until the next session."""
    routine_escalation_policy: Identifier
    """What happens when one of these is not answered."""
    routine_window: Window
    """When an answer is the answer to one of these."""
    heightened_divide_by: Count
    """While risk is heightened (suicide risk, or harm that nobody has seen to), steps come so many times faster after
    the due time."""
    heightened_minimum_minutes: Count
    """But no earlier than so many minutes after the due time."""


class ClinicianVisits(InputModel):
    """After which sessions a clinician sees the patient, and how soon."""

    after_session: tuple[Count | Literal["last"], ...]
    """Numbers of the sessions after which a clinician sees the patient; ``last`` is the last of the plan."""
    within_hours: Count
    """Hours after the dose within which."""
    window: Window
    """When a visit is this visit."""


class Reviews(InputModel):
    """After which sessions the response is reviewed, and what can be decided."""

    after_session: tuple[Count | Literal["last"], ...]
    """Numbers of the sessions after which a clinician reviews the response; ``last`` is the last of the plan."""
    decisions: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """What can be decided then. The same as the choices of ``sign_offs.response_review``."""


class FollowUp(InputModel):
    """Visits after the last session: a fixed cadence, then without an end until a signed discharge."""

    weeks: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Weeks after the last dose in which a follow-up visit is due, rising."""
    then_every_days: Count
    """Days from then on from one visit to the next, until a discharge is signed."""
    window: Window
    """When a visit is the one that is due."""
    assessments: Annotated[tuple[Identifier, ...], Field(min_length=3, max_length=3)]
    """What every visit assesses: change of symptoms, side effects, overall response."""
    questions: tuple[Identifier, ...]
    """What a follow-up visit asks besides."""
    outcomes: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Classes of response that a visit chooses from, the best first."""
    outcomes_to_review: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    """Those of them, such as worsening, after which a clinician reviews the response before care goes on."""
