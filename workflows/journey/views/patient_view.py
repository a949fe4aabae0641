"""What a patient sees of their journey: where they stand, what is next, and whom to reach.

Every word that the patient reads is of the protocol (`patient_texts`, `contact_routes`), which a person has signed, or
names a task of theirs. Whatever is shown carries the organisation's name and the disclaimer; no benefit is shown
without its limitation. Nothing here says why care is held or how the patient is: a person tells them that.
"""

from workflows.journey.aggregate import Journey
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Balance
from workflows.journey.views.summary import name_step
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.severity import Severity


class PatientTask(ImmutableModel):
    """Something that is awaited of the patient, and until when (UTC)."""

    what: Short
    due: Instant


class PatientSummary(ImmutableModel):
    """What a patient sees. ``zone`` is theirs; ``steps`` are those of their pathway in order, ``step`` the one they
    are at, None once the journey is closed."""

    organisation: Short
    title: Short
    illustrative: bool
    zone: str
    steps: tuple[Identifier, ...]
    step: Identifier | None
    where: Text
    next: Text
    tasks: tuple[PatientTask, ...]
    part_of_care: Text
    topics: dict[Identifier, Balance]
    whom_to_reach: dict[Severity, Short]
    disclaimer: Text


def patient_summary(journey: Journey) -> PatientSummary:
    """Tell the patient where they stand and what is next, from the texts of their protocol."""
    protocol, texts = journey.protocol, journey.protocol.patient_texts
    told = texts.stages[journey.stage]
    following = told.next
    if not journey.closed:
        following = texts.held if journey.held else texts.ending if journey.closing is not None else told.next
    return PatientSummary(
        organisation=texts.organisation,
        title=protocol.title,
        illustrative=journey.illustrative,
        zone=journey.patient.zone,
        steps=tuple(step.name for step in protocol.steps_shown),
        step=None if journey.closed else name_step(journey),
        where=told.where,
        next=following,
        tasks=tuple(
            PatientTask(what=waiting.what, due=waiting.deadline)
            for waiting in obligations(journey)
            if waiting.owner == Role.PATIENT
        ),
        part_of_care=texts.part_of_care,
        topics=texts.topics,
        whom_to_reach=protocol.routes,
        disclaimer=texts.disclaimer,
    )
