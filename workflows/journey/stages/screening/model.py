"""Screening: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.actors import CLINICAL, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import Identifier, ImmutableModel, Text
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import Changes, CommandBody, EventBody, EventHeader, Evolutions, with_latest
from workflows.journey.stage import Stage
from workflows.journey.vocabulary import Finding, ScreeningAnswer

FindingName = Literal["appropriateness", "safety"]
"""What screening finds, each apart from the other, before anybody decides on the setting."""


class RecordScreening(CommandBody):
    """Answer exclusions, attest candidate criteria, record the factor groups of eligibility and setting, and
    find whether the treatment is appropriate, and whether it is safe."""

    kind: Literal["screening.record"] = "screening.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS)
    exclusions: dict[Identifier, ScreeningAnswer] = {}
    criteria: dict[Identifier, bool] = {}
    factors: dict[Identifier, Text] = {}
    findings: dict[FindingName, Finding] = {}


class ScreeningRecorded(EventBody):
    """Answers of the screening, as given at one time. Later ones add to earlier ones."""

    kind: Literal["screening.recorded"] = "screening.recorded"
    exclusions: dict[Identifier, ScreeningAnswer]
    criteria: dict[Identifier, bool]
    factors: dict[Identifier, Text]
    findings: dict[FindingName, Finding] = {}


class Screening(ImmutableModel):
    """``authors`` is everybody who wrote of it, ``answered_by`` who answered exclusions."""

    authors: tuple[Identifier, ...] = ()
    answered_by: tuple[Identifier, ...] = ()
    recorded_at: Instant | None = None
    completed_at: Instant | None = None
    exclusions: dict[Identifier, ScreeningAnswer] = {}
    criteria: dict[Identifier, bool] = {}
    factors: dict[Identifier, Text] = {}
    findings: dict[FindingName, Finding] = {}


class ScreeningState(PathwayState):
    """The screening as answered so far."""

    screening: Screening = Screening()


def _recorded(state: ScreeningState, body: ScreeningRecorded, event: EventHeader) -> Changes:
    known, codes = state.screening, tuple(exclusion.code for exclusion in state.protocol.exclusions)
    exclusions = {**known.exclusions, **body.exclusions}
    whole = all(code in body.exclusions for code in codes)
    first = known.completed_at is None and all(code in exclusions for code in codes)
    return {
        "screening": Screening(
            authors=with_latest(known.authors, event.actor_id),
            answered_by=with_latest(known.answered_by, event.actor_id if body.exclusions else None),
            recorded_at=event.at,
            completed_at=event.at if whole or first else known.completed_at,
            exclusions=exclusions,
            criteria={**known.criteria, **body.criteria},
            factors={**known.factors, **body.factors},
            findings={**known.findings, **body.findings},
        )
    }


EVOLUTIONS: Evolutions = {ScreeningRecorded: _recorded}
