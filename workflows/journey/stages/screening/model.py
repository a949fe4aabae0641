"""Screening: commands, events and state."""

from collections.abc import Container, Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import (
    FROM_SCREENING,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    put_latest,
)
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, SortedDict, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Finding, ScreeningAnswer
from workflows.journey.vocabulary.stage import Stage

FindingName = Literal["appropriateness", "safety"]
"""What screening finds, each apart from the other, before anybody decides on the setting."""

Value = TypeVar("Value")


class RecordScreening(CommandBody):
    """Answer exclusions, attest candidate criteria, record the factor groups of eligibility and setting, and
    find whether the treatment is appropriate, and whether it is safe."""

    kind: Literal["screening.record"] = "screening.record"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = FROM_SCREENING
    exclusions: SortedDict[Identifier, ScreeningAnswer] = {}
    criteria: SortedDict[Identifier, Flag] = {}
    factors: SortedDict[Identifier, Text] = {}
    findings: SortedDict[FindingName, Finding] = {}


class ScreeningRecorded(EventBody):
    """Answers of the screening, as given at one time. Later ones add to earlier ones. ``rests_on`` is what was known
    then of that on which an exclusion rests."""

    kind: Literal["screening.recorded"] = "screening.recorded"
    exclusions: SortedDict[Identifier, ScreeningAnswer]
    criteria: SortedDict[Identifier, bool]
    factors: SortedDict[Identifier, Text]
    findings: SortedDict[FindingName, Finding] = {}
    rests_on: SortedDict[Identifier, Text] = {}


class AnswersReopened(EventBody):
    """Answers to exclusions do not count any more, each with the reason: what they rested on has changed, or what is
    known now speaks against them. They are open, and everything signed over them is stale."""

    kind: Literal["screening.reopened"] = "screening.reopened"
    answers: SortedDict[Identifier, Text]


class Screening(ImmutableModel):
    """``authors`` is everybody who wrote of it, ``answered_by`` who answered exclusions. ``reopened`` are the answers
    that do not count any more, each with the reason. ``changes`` counts how often what was answered became another
    answer, or none, and ``turned`` that of each exclusion: what was signed over the first one is not signed because
    that comes back. ``told_yes`` are the exclusions that were answered yes before a correction that waits for a second
    person: until then they count as answered so."""

    authors: tuple[Identifier, ...] = ()
    answered_by: tuple[Identifier, ...] = ()
    recorded_at: Instant | None = None
    completed_at: Instant | None = None
    exclusions: dict[Identifier, ScreeningAnswer] = {}
    criteria: dict[Identifier, bool] = {}
    factors: dict[Identifier, Text] = {}
    rests_on: dict[Identifier, Text] = {}
    reopened: dict[Identifier, Text] = {}
    findings: dict[FindingName, Finding] = {}
    changes: int = 0
    turned: dict[Identifier, int] = {}
    told_yes: tuple[Identifier, ...] = ()

    @property
    def found(self) -> tuple[Identifier, ...]:
        """The exclusions that count as answered yes."""
        said = (code for code, given in self.exclusions.items() if given.answer == "yes")
        return tuple(dict.fromkeys((*self.told_yes, *said)))


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
            authors=put_latest(known.authors, event.actor_id),
            answered_by=put_latest(known.answered_by, event.actor_id if body.exclusions else None),
            recorded_at=event.at,
            completed_at=event.at if whole or first else known.completed_at,
            exclusions=exclusions,
            criteria={**known.criteria, **body.criteria},
            factors={**known.factors, **body.factors},
            rests_on=_without(known.rests_on, body.exclusions) | body.rests_on,
            reopened=_without(known.reopened, body.exclusions),
            findings={**known.findings, **body.findings},
            changes=known.changes + _differs(known, body),
            turned=_turn(known, [code for code, given in body.exclusions.items() if _is_other(known, code, given)]),
            told_yes=known.told_yes,
        )
    }


def _differs(known: Screening, body: ScreeningRecorded) -> bool:
    """Whether an answer is another one than before."""
    parts: tuple[tuple[Mapping[Any, object], Mapping[Any, object]], ...] = (
        (known.exclusions, body.exclusions),
        (known.criteria, body.criteria),
        (known.factors, body.factors),
        (known.findings, body.findings),
    )
    return any(before.get(name, given) != given for before, now in parts for name, given in now.items())


def _is_other(known: Screening, code: str, given: ScreeningAnswer) -> bool:
    return known.exclusions.get(code, given) != given


def _turn(known: Screening, codes: Iterable[str]) -> dict[str, int]:
    return {**known.turned, **{code: known.turned.get(code, 0) + 1 for code in codes}}


def _reopened(state: ScreeningState, body: AnswersReopened, event: EventHeader) -> Changes:
    known = state.screening
    changed = {
        "exclusions": _without(known.exclusions, body.answers),
        "rests_on": _without(known.rests_on, body.answers),
        "reopened": {**known.reopened, **body.answers},
        "changes": known.changes + 1,
        "turned": _turn(known, body.answers),
    }
    return {"screening": known.model_copy(update=changed)}


def _without(known: dict[str, Value], these: Container[str]) -> dict[str, Value]:
    return {code: value for code, value in known.items() if code not in these}


EVOLUTIONS: Evolutions = {ScreeningRecorded: _recorded, AnswersReopened: _reopened}
